package resource_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Challenges of 401 and 403 name the configured URL (RFC 9728 §5.1). The document, the audience
// and the origins do not depend on it.
func TestMetadataURL(t *testing.T) {
	const gateway = "https://gw.example.test/prod/mcp"
	for _, row := range []struct {
		name string
		http resource.HTTPOptions
		want string
	}{
		{"derived", resource.HTTPOptions{}, "https://gw.example.test/.well-known/oauth-protected-resource/prod/mcp"},
		{"a base path", resource.HTTPOptions{BasePath: "/prod"}, "https://gw.example.test/prod/.well-known/oauth-protected-resource/mcp"},
		{"a URL", resource.HTTPOptions{MetadataURL: "https://cdn.example.test/m?a=b,c", MetadataPaths: []string{"/m"}}, "https://cdn.example.test/m?a=b,c"},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Identifier, c.Scopes, c.HTTP = gateway, []string{"a"}, row.http
		})
		handler := nethttp.Handler(f.res, f.inner)
		challenge := func(token string) string {
			w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, gateway, nil)
			if token != "" {
				req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{Audience: gateway, Scope: token}))
			}
			handler.ServeHTTP(w, req)
			return strings.Join(w.Header().Values("WWW-Authenticate"), "\n")
		}
		pointer := `Bearer resource_metadata="` + row.want + `", scope="a"`
		for token, want := range map[string]string{"": pointer, "a": "",
			"b": pointer + `, error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`} {
			if got := challenge(token); got != want {
				t.Errorf("%s, token with scope %q (-want +got)\n- %s\n+ %s", row.name, token, want, got)
			}
		}
		document, err := json.Marshal(f.res.Metadata())
		const want = `{"resource":"` + gateway + `","authorization_servers":["https://auth.example.test"],"scopes_supported":["a"],"bearer_methods_supported":["header"]}`
		if err != nil || string(document) != want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s %v", row.name, want, document, err)
		}
		for origin, want := range map[string]bool{"https://gw.example.test": true, "https://cdn.example.test": false} {
			if got := f.res.AllowsOrigin(origin); got != want {
				t.Errorf("%s: AllowsOrigin(%q): got %t, want %t", row.name, origin, got, want)
			}
		}
	}
}

func serverHandler(t *testing.T, issuer string) *metadata.ServerHandler {
	t.Helper()
	h, err := metadata.NewServerHandler(metadata.ServerHandlerConfig{Issuer: issuer})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The metadata of every published server can be served.
func TestServerMetadata(t *testing.T) {
	for _, issuer := range []string{"https://auth.example.test", "https://login.example.test"} {
		handler := serverHandler(t, issuer)
		res := newResource(t, resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier(t)}},
			HTTP: resource.HTTPOptions{ServerMetadata: handler}, Metadata: metadata.Document{AuthorizationServers: []string{"https://login.example.test", "https://auth.example.test"}}})
		if res.ServerMetadata() != handler {
			t.Errorf("%s: ServerMetadata does not return the handler", issuer)
		}
	}
	if got := new(resource.Resource).ServerMetadata(); got != nil {
		t.Errorf("a Resource that was not made by New: got %v", got)
	}
}

// Each mistake names its field.
func TestMetadataURLMistakes(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*resource.Config)
		want   string
	}{
		{"a relative URL", func(c *resource.Config) { c.HTTP.MetadataURL = "m" }, `HTTP.MetadataURL: metadata: URL "m": must be an absolute URL, such as https://host.example.com/path`},
		{"another base path", func(c *resource.Config) { c.HTTP.BasePath = "/mc" }, `HTTP.BasePath: the path of Identifier "https://mcp.example.test/mcp" does not begin with "/mc": BasePath is the beginning of this path that belongs to the server`},
		{"the path of the resource", func(c *resource.Config) { c.HTTP.MetadataPaths = []string{"/mcp"} }, `HTTP.MetadataPaths[0]: "/mcp" is the path of Identifier "https://mcp.example.test/mcp", and requests for it need a token: use another path`},
		{"metadata of another server", func(c *resource.Config) { c.HTTP.ServerMetadata = serverHandler(t, "https://other.example.test") }, `HTTP.ServerMetadata: issuer "https://other.example.test" is not a published authorization server: use one of ["https://auth.example.test"]`},
		{"metadata of a server that differs in a slash", func(c *resource.Config) { c.HTTP.ServerMetadata = serverHandler(t, "https://auth.example.test/") }, `HTTP.ServerMetadata: issuer "https://auth.example.test/" is not a published authorization server: use one of ["https://auth.example.test"]`},
		{"the zero ServerHandler", func(c *resource.Config) { c.HTTP.ServerMetadata = new(metadata.ServerHandler) }, `HTTP.ServerMetadata: issuer "" is not a published authorization server: use one of ["https://auth.example.test"]`},
		{"paths in Metadata", func(c *resource.Config) { c.Metadata = metadata.Document{Paths: []string{"/m"}} }, `Metadata: Resource, BearerMethodsSupported, Paths and the members about DPoP and client certificates come from the rest of the configuration; leave them empty`},
	} {
		c := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier(t)}}}
		row.change(&c)
		_, err := resource.New(c)
		if want := "resource: configuration: " + row.want; err == nil || err.Error() != want {
			t.Errorf("%s (-want +got)\n- %s\n+ %v", row.name, want, err)
		}
	}
}

// Replace changes the URL in challenges, but not the paths, on which routes depend.
func TestReplaceMetadataURL(t *testing.T) {
	with := func(http resource.HTTPOptions) *resource.Resource {
		return newResource(t, resource.Config{Identifier: identifier, HTTP: http, Issuers: []resource.Issuer{{Verifier: verifier(t)}}})
	}
	res := with(resource.HTTPOptions{MetadataURL: "https://cdn.example.test/old", MetadataPaths: []string{"/m"}})
	const rejected = `resource: replace: HTTP.MetadataPaths: the metadata is served at the further paths ["/m"], not at `
	const restart = `: new paths and a new HTTP.BasePath need a restart, because routes depend on them`
	for _, row := range []struct {
		name string
		next resource.HTTPOptions
		want string
	}{
		{"no paths", resource.HTTPOptions{}, rejected + `[]` + restart},
		{"a base path", resource.HTTPOptions{BasePath: "/mcp"}, rejected + `["/.well-known/oauth-protected-resource" "/mcp/.well-known/oauth-protected-resource"]` + restart},
		{"another URL", resource.HTTPOptions{MetadataURL: "https://cdn.example.test/new", MetadataPaths: []string{"/m"}}, ""},
	} {
		got := ""
		if err := res.Replace(with(row.next)); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.want, got)
		}
	}
	_, refusal := res.Authenticate(httptest.NewRequest(http.MethodPost, identifier, nil))
	if want := `Bearer resource_metadata="https://cdn.example.test/new"`; strings.Join(refusal.Challenges, "\n") != want {
		t.Errorf("after Replace: got %q, want %q", refusal.Challenges, want)
	}
}
