package metadata_test

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/warder-go/warder/metadata"
)

var proposal = regexp.MustCompile(`rewrite it: write ("(?:[^"\\]|\\.)*")`)

// An identifier is accepted, or the spelling that the error names is accepted. Package net/url
// writes an accepted one in the same way.
func FuzzIdentifier(f *testing.F) {
	for _, identifier := range []string{
		"https://mcp.example.com/mcp", "HTTPS://MCP.example.com.:0443/a/../%6dcp//", "http://127.1:80", "http://[0:0::1]:/", "https://[::ffff:1.2.3.4]/[x]",
		"https://0x7f.1/%2e%2E/%zz", "https://h.1/", "https://h/%4", "https://h/?a", "https://h/..?", "https://h..:1/", "https://:1/", "https://4294967296/",
	} {
		f.Add(identifier)
	}
	f.Fuzz(func(t *testing.T, identifier string) {
		err := metadata.CheckIdentifier(identifier, true)
		if err == nil {
			if u, err := url.Parse(identifier); err != nil || u.String() != identifier {
				t.Fatalf("%q is accepted, but package net/url writes %q, %v", identifier, u, err)
			}
			return
		}
		found := proposal.FindStringSubmatch(err.Error())
		if found == nil || strings.Contains(identifier, "?") {
			return
		}
		named, err := strconv.Unquote(found[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := metadata.CheckIdentifier(named, true); err != nil || named == identifier {
			t.Fatalf("for %q the error names %q, which is rejected: %v", identifier, named, err)
		}
	})
}
