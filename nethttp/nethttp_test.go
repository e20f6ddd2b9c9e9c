package nethttp_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Behavior that all adapters share is tested in internal/adaptertest.

func newResource(t testing.TB, issuer *resourcetest.Issuer, identifier string, scopes ...string) *resource.Resource {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier}}, Scopes: scopes, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func newIssuer(t testing.TB) *resourcetest.Issuer {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	return issuer
}

// serve starts a server and returns its URL.
func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func request(t testing.TB, method, url, token string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

func do(t testing.TB, req *http.Request) (*http.Response, string) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestConfigurationMistakesPanic(t *testing.T) {
	issuer := newIssuer(t)
	res := newResource(t, issuer, "https://mcp.example.test/mcp")
	for _, row := range []struct {
		name string
		make func()
	}{
		{"a malformed scope", func() { nethttp.Require(res, "two words") }},
		{"Require of a nil resource", func() { nethttp.Require(nil, "a") }},
		{"two resources with one path and host", func() { nethttp.Metadata(res, newResource(t, issuer, "https://mcp.example.test/mcp")) }},
		{"metadata of no resource", func() { nethttp.Metadata() }},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", row.name)
				}
			}()
			row.make()
		}()
	}
}

func TestResourceNotCreatedByNew(t *testing.T) {
	const want = `{"error_description":"The request could not be authorized"}` + "\n"
	for name, res := range map[string]*resource.Resource{"zero": new(resource.Resource), "nil": nil} {
		url := serve(t, nethttp.Middleware(res)(http.NotFoundHandler()))
		if response, body := do(t, request(t, "GET", url, "", nil)); response.StatusCode != 500 || body != want {
			t.Errorf("%s: got %d %q, want 500 %q", name, response.StatusCode, body, want)
		}
	}
}

// TestWriterIsPassedUnchanged checks that the handler gets the writer of the server, with
// every interface that it implements.
func TestWriterIsPassedUnchanged(t *testing.T) {
	type writer struct{ http.ResponseWriter }
	issuer := newIssuer(t)
	outer := writer{httptest.NewRecorder()}
	req := request(t, "POST", "/mcp", issuer.Token(resourcetest.Token{Audience: "https://mcp.example.test/mcp"}), strings.NewReader("body"))
	reached := false
	nethttp.Middleware(newResource(t, issuer, "https://mcp.example.test/mcp"))(http.HandlerFunc(func(w http.ResponseWriter, inner *http.Request) {
		reached = true
		if w != outer || inner.Body != req.Body {
			t.Errorf("got writer %T, another body: %v", w, inner.Body != req.Body)
		}
		if body, err := io.ReadAll(inner.Body); string(body) != "body" || err != nil {
			t.Errorf("got body %q, %v", body, err)
		}
	})).ServeHTTP(outer, req)
	if !reached {
		t.Error("the handler was not reached")
	}
}
