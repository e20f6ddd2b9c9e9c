package weborigin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/weborigin"
)

func TestIsLoopback(t *testing.T) {
	for _, row := range []struct {
		origin string
		want   bool
	}{
		{"http://localhost", true},
		{"https://localhost", true},
		{"http://localhost:6274", true},
		{"http://127.0.0.1:6274", true},
		{"http://[::1]:6274", true},
		{"http://localhost:80", false}, // browsers omit the default port
		{"http://localhost:06274", false},
		{"http://localhost/", false},
		{"http://LOCALHOST", false},
		{"http://localhost.", false},
		{"http://localhost.evil.test", false},
		{"http://evil.localhost", false},
		{"http://127.0.0.2", false},
		{"http://127.1", false},
		{"http://[::ffff:127.0.0.1]", false},
		{"http://[0:0:0:0:0:0:0:1]", false},
		{"http://user@localhost", false},
		{"http://localhost?x", false},
		{"http://localhost#x", false},
		{"http://localhost:", false},
		{"https://127.0.0.1:1", true},
		{"https://[::1]", true},
		{"https://localhost:443", false},
		{"http://localhost:65535", true},
		{"http://localhost:65536", false},
		{"http://127.0.0.1:99999", false},
		{"https://[::1]:99999999999999999999", false},
		{"http://localhost:0", false},
		{"http://localhost:+80", false},
		{"HTTP://localhost", false},
		{"http://Localhost", false},
		{"http://localhost.:8080", false},
		{"http://127.0.0.1.", false},
		{"http://127.0.0.1.evil.test", false},
		{"http://localhost@evil.test", false},
		{"http://localhost:80@evil.test", false},
		{"http://:@localhost", false},
		{"http://@localhost", false},
		{"http://localhost:8080/", false},
		{"http://localhost:8080/mcp", false},
		{"http://localhost\\@evil.test", false},
		{"http://localhost%00", false},
		{"http://%6cocalhost", false},
		{"http://[localhost]", false},
		{"http://[127.0.0.1]", false},
		{"http://::1", false},
		{"http://[::1%25lo]", false},
		{"http://[::2]", false},
		{"http://0.0.0.0", false},
		{"http://[::]", false},
		{"http://2130706433", false},
		{"http://0x7f.0.0.1", false},
		{"http://ⅼocalhost", false},
		{"http://localhost, http://localhost", false},
		{"http://localhost http://localhost", false},
		{" http://localhost", false},
		{"http://localhost\n", false},
		{"http:localhost", false},
		{"//localhost", false},
		{"tauri://localhost", false},
		{"file://localhost", false},
		{"NULL", false},
		{"*", false},
		{"ws://localhost", false},
		{"localhost", false},
		{"null", false},
		{"", false},
	} {
		if got := weborigin.IsLoopback(row.origin); got != row.want {
			t.Errorf("%q: got %v, want %v", row.origin, got, row.want)
		}
	}
}

// An origin that is a mistake is quoted without what can be a secret.
func TestCheckQuotesNoSecret(t *testing.T) {
	for _, origin := range []string{
		"https://user:S3KR1T@h", "https://user:S3KR1T#x@h", "https://h/?code=S3KR1T", "https://h?S3KR1T*", "//user:S3KR1T@h", "user:S3KR1T@h",
		"user:S3KR1T%40h", "S3KR1T", "https://h:S3KR1T", "https://[S3KR1T", "https://h\n?code=S3KR1T", "app://user:S3KR1T@h", "app://h?code=S3KR1T",
		"https:h?code=S3KR1T", "*S3KR1T", "HTTPS://h?code=S3KR1T", "http://h?code=S3KR1T", "https://127.1?code=S3KR1T", "https://1.2.3?code=S3KR1T",
	} {
		if err := weborigin.Check(origin, false); err == nil || strings.Contains(err.Error(), "S3KR1T") {
			t.Errorf("%q: got %v, want an error without the secret", origin, err)
		}
	}
	for origin, want := range map[string]string{
		"https://*.example.com": `"https://*.example.com": origins are compared exactly`, "*": `"*": origins`, "https://h/": `"https://h/" is not how browsers write the origin: write "https://h"`,
	} {
		if err := weborigin.Check(origin, false); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", origin, err, want)
		}
	}
}

func TestSet(t *testing.T) {
	const app, local = "https://app.example.com", "http://localhost:8080"
	for _, row := range []struct {
		name         string
		own          string
		denyLoopback bool
		origin       string
		want         bool
	}{
		{"its own", "https://h", false, "https://h", true},
		{"another that is listed", "https://h", false, app, true},
		{"another in another case", "https://h", false, "https://App.example.com", false},
		{"a loopback host, and own is not one", "https://h", false, "http://localhost", false},
		{"a loopback host, and own is one", local, false, "http://127.0.0.1:5", true},
		{"a loopback host that is denied", local, true, "http://127.0.0.1:5", false},
		{"its own if loopback hosts are denied", local, true, local, true},
	} {
		if got := weborigin.NewSet([]string{row.own}, []string{app}, row.denyLoopback).Allows(row.origin); got != row.want {
			t.Errorf("%s: got %v", row.name, got)
		}
	}
	if (weborigin.Set{}).Allows("") {
		t.Error("the zero value allows something")
	}
	if got := weborigin.NewSet([]string{"https://h"}, []string{"https://h", app}, false).String(); got != app+" https://h" {
		t.Errorf("String: got %q", got)
	}
}

func TestSetOfManyOwnOrigins(t *testing.T) {
	const local, public = "http://localhost:8080", "https://h"
	for _, row := range []struct {
		name string
		own  []string
		want bool // for another loopback origin
	}{
		{"none", nil, false},
		{"loopback", []string{local, "http://127.0.0.1"}, true},
		{"loopback and public", []string{local, public}, false},
	} {
		set := weborigin.NewSet(row.own, nil, false)
		for _, origin := range row.own {
			if !set.Allows(origin) {
				t.Errorf("%s: %s is not allowed", row.name, origin)
			}
		}
		if got := set.Allows("http://localhost:6274"); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
	var many []string
	for n := range 12 {
		many = append(many, fmt.Sprintf("https://h%02d", n))
	}
	if got, want := weborigin.NewSet(many, nil, false).String(), strings.Join(many[:10], " ")+" and 2 more"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
