package logging_test

import (
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/logging"
)

func TestRedactURL(t *testing.T) {
	const hidden = "(not shown, it may contain a password)"
	for _, row := range []struct{ name, text, want string }{
		{"nothing to hide", "https://as.example:8443/a%2Fb", "https://as.example:8443/a%2Fb"},
		{"a query", "https://as.example/k?code=x", "https://as.example/k?..."},
		{"a fragment", "https://as.example/k#x?y", "https://as.example/k#..."},
		{"another scheme", "tauri://localhost", "tauri://localhost"},
		{"a user", "https://u:p@as.example/k", "https://" + hidden},
		{"a user, a query and an at sign in it", "https://u@as.example/k?a@b", "https://" + hidden},
		{"a password with #", "https://u:p#x@as.example/", "https://" + hidden},
		{"a password with # and no at sign", "https://u:p#x", "https://" + hidden},
		{"a password with ?", "https://u:p?x@as.example/", "https://" + hidden},
		{"a password of digits with a slash", "https://u:80/p@as.example/", "https://" + hidden},
		{"an encoded at sign", "https://u:p%40as.example/", "https://" + hidden},
		{"an encoded at sign after digits", "https://u:80/p%40as.example/", "https://" + hidden},
		{"an encoded at sign without a scheme", "u:p%40as.example", hidden},
		{"a user without a scheme", "u:p@as.example", hidden},
		{"no scheme, but slashes", "//u:p@as.example", hidden},
		{"a user where the scheme is", "user://p@as.example", hidden},
		{"an at sign in the path", "https://as.example/@a", "https://" + hidden},
		{"upper case", "HTTP://u:p@as.example/", "http://" + hidden},
		{"a malformed port", "https://as.example:p/?code=x", "https://" + hidden},
		{"a malformed path", "https://as.example/%zz?code=x", "https://" + hidden},
		{"a malformed host", "https://[p", "https://" + hidden},
		{"a line break", "https://as.example\n?code=x", "https://" + hidden},
		{"an opaque URL", "https:u:p/", hidden},
		{"a password in the path", "https:/u:p@as.example/", hidden},
		{"a relative reference", "k?code=x", hidden},
		{"a name", "as.example", "as.example"},
		{"a name with a digit", "as2.example", hidden},
		{"a name in upper case", "As.example", hidden},
		{"a long name", strings.Repeat("a", 64), hidden},
		{"nothing", "", ""},
	} {
		if got := logging.RedactURL(row.text); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}
