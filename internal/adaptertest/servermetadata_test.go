package adaptertest_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// serverPath is the well-known path of RFC 8414 §3.
const serverPath = "/.well-known/oauth-authorization-server"

// HTTPOptions.ServerMetadata is public, and served byte for byte. Without it, the path is
// protected like every other.
func TestServerMetadata(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		servers, err := metadata.NewServerHandler(metadata.ServerHandlerConfig{
			Issuer: issuer.Identifier(), Identifiers: []string{identifier}, Transport: issuer.Transport(), Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := (&http.Client{Transport: issuer.Transport()}).Do(request(t, "GET", issuer.URL(resourcetest.Metadata), "", nil))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		original, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		set := func(c *resource.Config) { c.HTTP.ServerMetadata = servers }
		res, without := newResource(t, issuer, set), newResource(t, issuer, nil)
		url := serve(t, a.handler(res, http.HandlerFunc(whoami)))
		check := func(when, method, path string, status int, body string) *http.Response {
			t.Helper()
			response, got := do(t, request(t, method, url+path, "", nil))
			if response.StatusCode != status || got != body {
				t.Errorf("%s, %s %s:\n got %d %s\nwant %d %s", when, method, path, response.StatusCode, got, status, body)
			}
			return response
		}
		for _, path := range []string{serverPath, serverPath + "/mcp"} {
			response := check("served", "GET", path, 200, string(original))
			response.Header.Del("Date")
			want := http.Header{
				"Access-Control-Allow-Origin": {"*"},
				"Cache-Control":               {"public, max-age=300"},
				"Content-Length":              {fmt.Sprint(len(original))},
				"Content-Type":                {"application/json"},
				"X-Content-Type-Options":      {"nosniff"},
			}
			if fmt.Sprint(response.Header) != fmt.Sprint(want) {
				t.Errorf("%s: header\n got %v\nwant %v", path, response.Header, want)
			}
			check("served", "OPTIONS", path, 204, "")
			check("served", "POST", path, 405, "method not allowed\n")
		}
		for _, path := range []string{serverPath + "/", serverPath + "/other", serverPath + "%2Fmcp", "/.well-known/openid-configuration"} {
			check("another path", "GET", path, 401, missing)
		}
		check("the document of the resource", "GET", wellKnown+"/mcp", 200, document)
		if n := issuer.Count(resourcetest.Metadata); n != 2 {
			t.Errorf("got %d requests for the metadata, want that of the test and one more", n)
		}

		if err := res.Replace(without); err != nil {
			t.Fatal(err)
		}
		check("after Replace without it", "GET", serverPath, 401, missing)
	})
}
