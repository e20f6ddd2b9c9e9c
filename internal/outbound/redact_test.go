package outbound_test

import (
	"testing"

	"github.com/warder-go/warder/internal/outbound"
)

func TestRedact(t *testing.T) {
	const hidden = "(not shown, it may contain a password)"
	for _, row := range []struct{ name, text, want string }{
		{"nothing to hide", "https://as.example:8443/a%2Fb", "https://as.example:8443/a%2Fb"},
		{"a query", "https://as.example/k?code=x", "https://as.example/k?..."},
		{"a fragment", "https://as.example/k#x?y", "https://as.example/k#..."},
		{"a user", "https://u:p@as.example/k", "https://xxxxx@as.example/k"},
		{"a user, a query and an at sign in it", "https://u@as.example/k?a@b", "https://xxxxx@as.example/k?..."},
		{"an at sign in the path", "https://as.example/@a", "https://as.example/@a"},
		{"a malformed URL", "https://as.example:x/%zz?code=x", "https://as.example:x/%zz?..."},
		{"a malformed URL with a password", "https://u:p@as.example:x/", hidden},
		{"an opaque URL with a password", "https:u:p@as.example/", hidden},
		{"a password in the path", "https:/u:p@as.example/", hidden},
		{"a relative reference", "k?code=x", "k?..."},
		{"nothing", "", ""},
	} {
		if got := outbound.Redact(row.text); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}
