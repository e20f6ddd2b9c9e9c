package bearer_test

import (
	"testing"

	"github.com/warder-go/warder/internal/bearer"
)

// RFC 6750 §2.1, RFC 9110 §11.1
func TestRead(t *testing.T) {
	for _, row := range []struct {
		name   string
		values []string
		text   string
		kind   bearer.Kind
	}{
		{"no field", nil, "", bearer.None},
		{"an empty field", []string{""}, "", bearer.None},
		{"two fields", []string{"Bearer abc", "Bearer abc"}, "", bearer.Several},
		{"a token", []string{"Bearer abc"}, "abc", bearer.Token},
		{"the scheme in another case", []string{"bEARER abc"}, "abc", bearer.Token},
		{"several spaces", []string{"Bearer   abc"}, "abc", bearer.Token},
		{"a tab is part of the text", []string{"Bearer\tabc"}, "\tabc", bearer.Token},
		{"no token", []string{"Bearer"}, "", bearer.NoToken},
		{"only spaces", []string{"Bearer  "}, "", bearer.NoToken},
		{"another scheme", []string{"Basic abc"}, "Basic abc", bearer.OtherScheme},
		{"a longer scheme", []string{"Bearers abc"}, "Bearers abc", bearer.OtherScheme},
		{"a short value", []string{"abc"}, "abc", bearer.OtherScheme},
		{"a letter outside of ASCII", []string{"Beaſer abc"}, "Beaſer abc", bearer.OtherScheme},
	} {
		if text, kind := bearer.Read(row.values); text != row.text || kind != row.kind {
			t.Errorf("%s: got %q, %v, want %q, %v", row.name, text, kind, row.text, row.kind)
		}
	}
}
