package metadata_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/metadata"
)

func TestCheckPath(t *testing.T) {
	clients := func(path string) string { return `clients or proxies rewrite it: write "` + path + `"` }
	const query = "must not have a query or a fragment: remove '?' or '#' and what follows"
	for _, row := range []struct{ name, path, want string }{
		{"a slash", "/", "ok"},
		{"segments", "/a/b", "ok"},
		{"a slash at the end", "/a/", "ok"},
		{"an escaped slash", "/a%2Fb", "ok"},
		{"punctuation that a path may contain", "/~a/b;c=d,e/@f/$g!*:x", "ok"},
		{"nothing", "", "must begin with '/'"},
		{"no slash", "a", "must begin with '/'"},
		{"a host", "//a/b", clients("/a/b")},
		{"an empty segment", "/a//b", clients("/a/b")},
		{"a dot segment", "/a/./b", clients("/a/b")},
		{"an escaped dot segment", "/a/%2e%2e/b", clients("/b")},
		{"an escape in lower case", "/a%2fb", clients("/a%2Fb")},
		{"an unneeded escape", "/%61", clients("/a")},
		{"a bracket", "/[a]", clients("/%5Ba%5D")},
		{"a malformed escape", "/%", "is malformed: a '%' must begin two hexadecimal digits"},
		{"a query", "/a?b", query},
		{"an empty query", "/a?", query},
		{"a fragment", "/a#b", query},
		{"a space", "/a b", `must not contain ' ': write "%20"`},
		{"a backslash", `/a\b`, `must not contain '\\': write "%5C"`},
		{"a line feed", "/a\n", `must not contain '\n': write "%0A"`},
		{"an invalid byte", "/a\xff", `must not contain '�': write "%FF"`},
	} {
		got := text(metadata.CheckPath(row.path))
		if _, mistake, ok := strings.Cut(got, `": `); ok {
			got = mistake
		}
		wantEqual(t, row.name, got, row.want)
	}
}

// Paths are served besides the well-known path, byte for byte, and they are not published.
func TestHandlerWithPaths(t *testing.T) {
	d := minimal()
	d.Paths = []string{"/x/", "/prod/.well-known/oauth-protected-resource/mcp/", "/a%2Fb"}
	live, err := metadata.NewLiveHandler(func() metadata.Document { return d })
	if err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]*metadata.Handler{"NewHandler": newHandler(t, d), "NewLiveHandler": live} {
		const root = "/.well-known/oauth-protected-resource"
		// A slash at the end is optional below well-known paths only (RFC 9728 §3.1).
		const want = root + " " + root + "/mcp /a%2Fb /prod" + root + "/mcp /prod" + root + "/mcp/ /x/"
		wantEqual(t, name, strings.Join(h.Locations(), " "), want)
		address := start(t, h)
		for _, path := range h.Locations() {
			wantEqual(t, name+", "+path, send(t, address, "GET", path), documentHead+minimalBody)
			wantEqual(t, name+", a preflight at "+path, send(t, address, "OPTIONS", path), preflight)
		}
		for _, path := range []string{"/x", "/a/b", "/a%2fb", "/prod/mcp", "/prod" + root, "/X/"} {
			wantEqual(t, name+", "+path, send(t, address, "GET", path), notFound)
			wantEqual(t, name+", "+path, h.Owns(httptest.NewRequest("GET", path, nil)), false)
		}
	}
}

func TestPathsOfSeveralDocuments(t *testing.T) {
	const root = "/.well-known/oauth-protected-resource"
	at := func(resource string, paths ...string) metadata.Document {
		d := minimal()
		d.Resource, d.Paths = "https://mcp.example.com"+resource, paths
		return d
	}
	h := newHandler(t, at("/a", "/m/a"), at("/b", "/m/b"))
	wantEqual(t, "locations", strings.Join(h.Locations(), " "), root+"/a "+root+"/b /m/a /m/b")
	taken := func(resource, path string) string {
		return `metadata: resource "https://mcp.example.com` + resource + `": "` + path + `" is already the location of another document for this host: use different paths, or a separate handler for each resource`
	}
	for _, row := range []struct {
		name string
		docs []metadata.Document
		want string
	}{
		{"the same further path", []metadata.Document{at("/a", "/m"), at("/b", "/m")}, taken("/b", "/m")},
		{"the well-known path of an earlier document", []metadata.Document{at("/a"), at("/b", root+"/a")}, taken("/b", root+"/a")},
		{"the well-known path of a later document", []metadata.Document{at("/b", root+"/a"), at("/a")}, taken("/a", root+"/a")},
		{"its own well-known path", []metadata.Document{at("/a", root+"/a")}, `metadata: path "` + root + `/a": the document is served there in any case: remove it from Paths`},
		{"a duplicate", []metadata.Document{at("/a", "/m", "/m")}, `metadata: Paths contains "/m" twice: remove one`},
		{"an invalid path", []metadata.Document{at("/a", "m")}, `metadata: path "m": must begin with '/'`},
	} {
		_, err := metadata.NewHandler(row.docs...)
		wantEqual(t, row.name, text(err), row.want)
	}
}
