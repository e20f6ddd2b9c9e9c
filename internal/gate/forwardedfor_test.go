package gate_test

import (
	"reflect"
	"testing"
)

// What a listed proxy continues in X-Forwarded-For can begin with text of the client. The upstream
// gets the addresses after it, and never the token.
func TestForwardedForOfClient(t *testing.T) {
	up := new(recorder)
	f := start(t, options{top: "trusted_proxies: [127.0.0.1]\n"}, up)
	for _, row := range []struct {
		name         string
		values, want []string
	}{
		{"addresses", []string{"203.0.113.9, 2001:db8::1"}, []string{"203.0.113.9, 2001:db8::1, 127.0.0.1"}},
		{"several fields", []string{"203.0.113.9", "198.51.100.1"}, []string{"203.0.113.9, 198.51.100.1, 127.0.0.1"}},
		{"ports", []string{"203.0.113.9:80,[2001:db8::1]:443"}, []string{"203.0.113.9:80, [2001:db8::1]:443, 127.0.0.1"}},
		{"other text before an address", []string{"198.51.100.1, <script>, 203.0.113.9"}, []string{"203.0.113.9, 127.0.0.1"}},
		{"only other text", []string{"unknown"}, []string{"127.0.0.1"}},
		{"an empty element", []string{"198.51.100.1,, 203.0.113.9"}, []string{"203.0.113.9, 127.0.0.1"}},
		{"a zone", []string{"fe80::1%a"}, []string{"127.0.0.1"}},
		{"nothing", []string{""}, []string{"127.0.0.1"}},
		{"the token", []string{"TOKEN, 203.0.113.9"}, []string{"203.0.113.9, 127.0.0.1"}},
	} {
		req := f.post(call)
		if row.name == "the token" {
			row.values = []string{req.Header.Get("Authorization")[len("Bearer "):] + ", 203.0.113.9"}
		}
		req.Header["X-Forwarded-For"] = row.values
		f.do(req)
		if got := up.one(t).header["X-Forwarded-For"]; !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}
