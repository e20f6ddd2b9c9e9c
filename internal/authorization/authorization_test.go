package authorization_test

import (
	"testing"

	"github.com/warder-go/warder/internal/authorization"
)

// RFC 6750 §2.1, RFC 9449 §7.1, RFC 9110 §11.1
func TestRead(t *testing.T) {
	for _, row := range []struct {
		name   string
		values []string
		text   string
		kind   authorization.Kind
	}{
		{"no field", nil, "", authorization.None},
		{"an empty field", []string{""}, "", authorization.None},
		{"two fields", []string{"Bearer abc", "Bearer abc"}, "", authorization.Several},
		{"a token", []string{"Bearer abc"}, "abc", authorization.Bearer},
		{"the scheme in another case", []string{"bEARER abc"}, "abc", authorization.Bearer},
		{"several spaces", []string{"Bearer   abc"}, "abc", authorization.Bearer},
		{"a tab is part of the text", []string{"Bearer\tabc"}, "\tabc", authorization.Bearer},
		{"no token", []string{"Bearer"}, "", authorization.NoToken},
		{"only spaces", []string{"Bearer  "}, "", authorization.NoToken},
		{"a DPoP token", []string{"DPoP abc"}, "abc", authorization.DPoP},
		{"DPoP in another case", []string{"dpop  abc"}, "abc", authorization.DPoP},
		{"DPoP without a token", []string{"DPoP "}, "", authorization.NoToken},
		{"a longer scheme than DPoP", []string{"DPoPs abc"}, "DPoPs abc", authorization.OtherScheme},
		{"another scheme", []string{"Basic abc"}, "Basic abc", authorization.OtherScheme},
		{"a longer scheme", []string{"Bearers abc"}, "Bearers abc", authorization.OtherScheme},
		{"a short value", []string{"abc"}, "abc", authorization.OtherScheme},
		{"a letter outside of ASCII", []string{"Beaſer abc"}, "Beaſer abc", authorization.OtherScheme},
	} {
		if text, kind := authorization.Read(row.values); text != row.text || kind != row.kind {
			t.Errorf("%s: got %q, %v, want %q, %v", row.name, text, kind, row.text, row.kind)
		}
	}
}
