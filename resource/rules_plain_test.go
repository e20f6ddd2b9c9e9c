package resource_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Only plain URIs are compared with a prefix; the grammar is in internal/uripattern/plain.go.
// Each row differs from a plain URI in one place.
func TestPlainURIs(t *testing.T) {
	for _, row := range []struct {
		name, uri string
		plain     bool
	}{
		{"a segment", "x://h/a", true},
		{"upper case in a segment", "x://h/A", true},
		{"a dot inside a segment", "x://h/a.b", true},
		{"a dot at the beginning of a segment", "x://h/.a", true},
		{"a space inside a segment", "x://h/a%20b", true},
		{"an octet that must be encoded", "x://h/a%7B", true},
		{"lower-case hexadecimal digits", "x://h/a%7b", true},
		{"a space at the end", "x://h/a%20", false},
		{"a space at the end of a segment", "x://h/a%20/b", false},
		{"a dot and a space at the end", "x://h/a.%20", false},
		{"a dot at the end", "x://h/a.", false},
		{"a dot at the end of a segment", "x://h/a./b", false},
		{"a dot segment", "x://h/./a", false},
		{"two dots as a segment", "x://h/../a", false},
		{"an empty segment", "x://h//a", false},
		{"a slash at the end", "x://h/a/", false},
		{"a backslash", `x://h/a\b`, false},
		{"an encoded letter", "x://h/%61", false},
		{"an encoded slash", "x://h/a%2Fb", false},
		{"an encoded percent sign", "x://h/a%2561", false},
		{"an encoded control", "x://h/a%00", false},
		{"an incomplete encoding", "x://h/a%7", false},
		{"no encoding", "x://h/a%zz", false},
		{"a raw space", "x://h/a b", false},
		{"a control", "x://h/a\tb", false},
		{"a character outside ASCII", "x://h/é", false},
		{"a sub-delimiter", "x://h/a;b", false},
		{"a tilde", "x://h/~a", false},
		{"a colon", "x://h/c:", false},
		{"a query", "x://h/a?b", false},
		{"a fragment", "x://h/a#b", false},
		{"a port", "x://h:1/a", false},
		{"user information", "x://u@h/a", false},
		{"a dot at the end of the host", "x://h./a", false},
		{"an upper-case host", "x://H/a", false},
		{"an upper-case scheme", "X://h/a", false},
		{"no authority", "x:/h/a", false},
		{"a file", "file:///h/a", true},
		{"a file on a drive", "file:///C:/h/a", true},
		{"two drives", "file:///C:/D:/a", false},
		{"a file on a host", "file://h/a", false},
	} {
		rule := resource.ResourceRule{Prefix: "x://h/"}
		if strings.HasPrefix(row.uri, "file:") {
			rule.Prefix = "file:///"
		}
		if got := rule.Applies(row.uri); got != row.plain {
			t.Errorf("%s: %q: got %t, want %t", row.name, row.uri, got, row.plain)
		}
	}
}

// The bytes that one request can have compared with templates are limited, for completions too.
func TestTemplateComparisonsAreLimited(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		for i := range 20 {
			c.Operations.Resources = append(c.Operations.Resources, resource.ResourceRule{Template: fmt.Sprintf("x://h%d/{a}", i)})
		}
	})
	token := f.token(resourcetest.Token{})
	complete := func(size int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"x://h/%s/{a}"}}}`, strings.Repeat("a", size))
	}
	for _, row := range []struct {
		name   string
		size   int
		reason resource.Reason
	}{
		{"20 times 25 KB", 25_000, ""},
		{"20 times 30 KB are more than 512 KiB", 30_000, resource.ReasonBodyMalformed},
	} {
		var got resource.Reason
		decision, refusal := f.res.Authenticate(rpcRequest(complete(row.size), token))
		if refusal != nil {
			got = refusal.Reason
		}
		decision.Done()
		if got != row.reason {
			t.Errorf("%s: got %q, want %q", row.name, got, row.reason)
		}
	}
}
