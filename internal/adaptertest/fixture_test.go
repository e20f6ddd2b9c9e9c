package adaptertest_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	identifier = "https://mcp.example.test/mcp"
	wellKnown  = "/.well-known/oauth-protected-resource"
	pointer    = `Bearer resource_metadata="https://mcp.example.test` + wellKnown + `/mcp"`
	document   = `{"resource":"` + identifier + `","authorization_servers":["https://auth.example.test"],"bearer_methods_supported":["header"]}`
	missing    = `{"error_description":"Authorization is required"}` + "\n"
)

func newIssuer(t testing.TB) *resourcetest.Issuer {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	return issuer
}

// newResource returns a resource that discards its logs. If change is not nil, it may
// modify the configuration.
func newResource(t testing.TB, issuer *resourcetest.Issuer, change func(*resource.Config)) *resource.Resource {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	config := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier}}, Logger: quiet}
	if change != nil {
		change(&config)
	}
	res, err := resource.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// at returns a change for newResource that sets the identifier and the scopes.
func at(identifier string, scopes ...string) func(*resource.Config) {
	return func(c *resource.Config) { c.Identifier, c.Scopes = identifier, scopes }
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

// whoami responds with the caller's subject, followed by the Authorization header, which
// is absent unless the resource keeps it.
func whoami(w http.ResponseWriter, req *http.Request) {
	caller, ok := resource.FromContext(req.Context())
	if !ok {
		http.Error(w, "no caller", http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(w, caller.Subject()+req.Header.Get("Authorization"))
}
