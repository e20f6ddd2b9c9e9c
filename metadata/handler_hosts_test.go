package metadata_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/warder-go/warder/metadata"
)

// Host selects among documents with the same path, and nothing else of a request does. Such a
// document is not for shared caches. RFC 9728 §3.3: clients reject a document whose resource is
// not the URL that they use.
func TestHandlerWithSeveralHosts(t *testing.T) {
	second, third, other := minimal(), minimal(), minimal()
	second.Resource, third.Resource, other.Resource = "https://b.example.com/mcp", "https://b.example.com:8443/mcp", "https://b.example.com/other"
	const root = "/.well-known/oauth-protected-resource"
	const public, private = "public, max-age=300", "private, max-age=300"
	several, all := newHandler(t, minimal(), second, third), newHandler(t, minimal(), second, third, other)
	for _, row := range []struct {
		name       string
		handler    *metadata.Handler
		host, path string
		resource   string // "": 404
		cache      string
	}{
		{"the first", several, "mcp.example.com", root + "/mcp", minimal().Resource, private},
		{"the second", several, "b.example.com", root + "/mcp", second.Resource, private},
		{"the second in upper case with its port", several, "B.example.com:443", root + "/mcp", second.Resource, private},
		{"the third", several, "b.example.com:8443", root + "/mcp", third.Resource, private},
		{"another host", several, "evil.example", root + "/mcp", minimal().Resource, private},
		{"no host", several, "", root + "/mcp", minimal().Resource, private},
		{"another port of one of the hosts", several, "b.example.com:1", root + "/mcp", "", ""},
		{"a dot at the end of one of the hosts", several, "b.example.com.", root + "/mcp", "", ""},
		{"not a host", several, "b.example.com, evil.example", root + "/mcp", "", ""},
		{"the copy at the root", several, "b.example.com", root, second.Resource, private},
		{"the copy at the root for another host", several, "evil.example", root, minimal().Resource, private},
		{"another path beside these", all, "b.example.com", root + "/other", other.Resource, public},
		{"another path at another host", all, "mcp.example.com", root + "/other", other.Resource, public},
		{"the root with several paths", all, "b.example.com", root, "", ""},
	} {
		req := httptest.NewRequest(http.MethodGet, row.path, nil)
		req.Host = row.host
		for _, name := range []string{"X-Forwarded-Host", "X-Original-Host", "Origin"} {
			req.Header.Set(name, "b.example.com:8443")
		}
		recorder := httptest.NewRecorder()
		row.handler.ServeHTTP(recorder, req)
		if row.resource == "" {
			wantEqual(t, row.name, recorder.Code, http.StatusNotFound)
			continue
		}
		d := minimal()
		d.Resource = row.resource
		body, err := d.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, row.name, recorder.Body.String(), string(body))
		wantEqual(t, row.name+", Cache-Control", recorder.Header().Get("Cache-Control"), row.cache)
	}
}
