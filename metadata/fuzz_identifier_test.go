package metadata_test

import (
	"bufio"
	"net/http"
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

// A request for a path that CheckPath accepts reaches the document there, as the server of net/http
// reads it.
func FuzzCheckPath(f *testing.F) {
	for _, path := range []string{"/", "/m", "/m/", "/a%2Fb", "/a:b/*", "/;p=1", "/%7Bx%7D", "//a", "/a/../b", "/%61", "/a%2fb", "/a?b", "/a#b", "/a b", "/é", "/%", `/\`, "*", "", "/[a]", "/a%00", "http://h/a"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if metadata.CheckPath(path) != nil {
			return
		}
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n")))
		if err != nil {
			t.Fatalf("%q: %v", path, err)
		}
		d := minimal()
		if d.Paths = []string{path}; path == "/.well-known/oauth-protected-resource/mcp" {
			d.Paths = nil
		}
		if !newHandler(t, d).Owns(req) {
			t.Errorf("%q: read as %q and not served", path, req.URL.EscapedPath())
		}
	})
}
