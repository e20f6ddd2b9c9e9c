package resource_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// With a base path, each identifier has its own metadata below the base path. Requests select
// the identifier with and without the base path, which a proxy may remove.
func TestBasePathOfMembers(t *testing.T) {
	const first, second = "https://mcp.example.test/prod/mcp", "https://mcp.example.test/prod/x/a"
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Identifier, c.Identifiers, c.HTTP.BasePath = first, []string{second}, "/prod"
	})
	token := func(audience string) string { return f.issuer.Token(resourcetest.Token{Audience: audience}) }
	challenge := func(path string) string {
		return `401 [Bearer resource_metadata="https://mcp.example.test/prod/.well-known/oauth-protected-resource` + path + `"]`
	}
	const invalid = `, error="invalid_token", error_description="The access token is invalid"`
	for _, row := range []struct{ path, token, want string }{
		{"/mcp", "", challenge("/mcp")},
		{"/prod/mcp", "", challenge("/mcp")},
		{"/x/a", "", challenge("/x/a")},
		{"/prod/x/a", "", challenge("/x/a")},
		{"/mcp", token(first), "accepted"},
		{"/prod/mcp", token(first), "accepted"},
		{"/x/a", token(second), "accepted"},
		{"/prod/x/a/messages", token(second), "accepted"},
		{"/x/a", token(first), challenge("/x/a")[:len(challenge("/x/a"))-1] + invalid + "]"},
		{"/prod/mcp", token(second), challenge("/mcp")[:len(challenge("/mcp"))-1] + invalid + "]"},
		{"/prod/prod/mcp", token(first), "404 []"},
		{"/production/mcp", token(first), "404 []"},
		{"/prod", token(first), "404 []"},
		{"/Prod/mcp", token(first), "404 []"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://mcp.example.test"+row.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if row.token != "" {
			req.Header.Set("Authorization", "Bearer "+row.token)
		}
		got := "accepted"
		decision, refusal := f.res.Authenticate(req)
		if refusal != nil {
			got = fmt.Sprint(refusal.Status, " ", refusal.Challenges)
		}
		decision.Done()
		if got != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.path, row.want, got)
		}
	}
}

// Settings of the metadata that fit only one identifier, and base paths that make the path of a
// request ambiguous, are mistakes.
func TestMistakesOfMembersWithMetadata(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*resource.Config)
		want   string
	}{
		{"one metadata URL", func(c *resource.Config) { c.HTTP.MetadataURL = "https://cdn.example.test/m" },
			"HTTP.MetadataURL, MetadataPaths: each identifier has its own document, and Identifiers has others; leave them empty"},
		{"further paths", func(c *resource.Config) { c.HTTP.MetadataPaths = []string{"/m"} },
			"HTTP.MetadataURL, MetadataPaths: each identifier has its own document, and Identifiers has others; leave them empty"},
		{"no identifier below the base path", func(c *resource.Config) { c.HTTP.BasePath = "/prod" },
			`HTTP.BasePath: the path of Identifier "https://mcp.example.test/mcp" does not begin with "/prod": BasePath is the beginning of this path that belongs to the server`},
		{"the base path twice", func(c *resource.Config) {
			c.HTTP.BasePath, c.Identifiers = "/mcp", []string{"https://mcp.example.test/mcp/mcp/a"}
		}, `HTTP.BasePath: the path of "https://mcp.example.test/mcp/mcp/a" begins with "/mcp" twice; with several paths it is not certain whether a proxy has removed it from a request`},
	} {
		c := resource.Config{Identifier: identifier, Identifiers: []string{"https://mcp.example.test/x"}, Issuers: []resource.Issuer{{Verifier: verifier(t)}}}
		row.change(&c)
		_, err := resource.New(c)
		if want := "resource: configuration: " + row.want; err == nil || err.Error() != want {
			t.Errorf("%s (-want +got)\n- %s\n+ %v", row.name, want, err)
		}
	}
}

// A server has a host of its own and a path of a gateway: the base path applies to the latter.
func TestBasePathOfOneOrigin(t *testing.T) {
	const gateway, direct = "https://gw.example.test/prod/mcp", "https://mcp.example.test/mcp"
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Identifier, c.Identifiers, c.HTTP.BasePath = gateway, []string{direct}, "/prod"
	})
	handler := nethttp.Metadata(f.res)
	for _, row := range []struct{ url, metadata, resource string }{
		{"https://gw.example.test/prod/mcp", "https://gw.example.test/prod/.well-known/oauth-protected-resource/mcp", gateway},
		{"https://gw.example.test/mcp", "https://gw.example.test/prod/.well-known/oauth-protected-resource/mcp", gateway},
		{"https://mcp.example.test/mcp", "https://mcp.example.test/.well-known/oauth-protected-resource/mcp", direct},
	} {
		req := httptest.NewRequest(http.MethodGet, row.url, nil)
		_, refusal := f.res.Authenticate(req)
		if got, want := fmt.Sprint(refusal.Status, refusal.Challenges), `401 [Bearer resource_metadata="`+row.metadata+`"]`; got != want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.url, want, got)
		}
		for _, location := range []string{row.metadata, strings.Replace(row.metadata, "/prod/", "/", 1)} {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, location, nil))
			if want := `{"resource":"` + row.resource + `",`; w.Code != 200 || !strings.HasPrefix(w.Body.String(), want) {
				t.Errorf("%s: got %d %s, want 200 %s", location, w.Code, w.Body, want)
			}
		}
		for _, audience := range []string{gateway, direct} {
			req := httptest.NewRequest(http.MethodGet, row.url, nil)
			req.Header.Set("Authorization", "Bearer "+f.issuer.Token(resourcetest.Token{Audience: audience}))
			decision, refusal := f.res.Authenticate(req)
			decision.Done()
			if accepted := refusal == nil; accepted != (audience == row.resource) {
				t.Errorf("%s, token for %s: accepted %t", row.url, audience, accepted)
			}
		}
	}
}

// An identifier that does not begin with the base path is not selected by a path that does.
func TestBasePathIsNotOfOthers(t *testing.T) {
	const gateway, direct = "https://gw.example.test/prod", "https://internal.example.test/y"
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Identifier, c.Identifiers, c.HTTP.BasePath = gateway, []string{direct}, "/prod"
	})
	for _, row := range []struct {
		url    string
		status map[string]int // by audience; 0: accepted
	}{
		{gateway, map[string]int{gateway: 0, direct: 401}},
		{direct, map[string]int{gateway: 401, direct: 0}},
		{"https://gw.example.test/prod/y", map[string]int{gateway: 404, direct: 404}},
		{"https://internal.example.test/prod/y", map[string]int{gateway: 404, direct: 404}},
	} {
		for audience, want := range row.status {
			req := httptest.NewRequest(http.MethodGet, row.url, nil)
			req.Header.Set("Authorization", "Bearer "+f.issuer.Token(resourcetest.Token{Audience: audience}))
			decision, refusal := f.res.Authenticate(req)
			decision.Done()
			got := 0
			if refusal != nil {
				got = refusal.Status
			}
			if got != want {
				t.Errorf("%s, token for %s: got %d, want %d", row.url, audience, got, want)
			}
		}
	}
}
