package check_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/check"
	"github.com/warder-go/warder/resource/resourcetest"
)

const appOrigin = "https://app.example"

var clientLines = []string{"  client_id: test-client", "  client_secret: test-secret"}

// goodSetups are set-ups without a mistake.
var goodSetups = []struct {
	name    string
	issuer  resourcetest.Config
	checked string // the findings that are ok, and what was not checked
	prepare func(d *deployment)
}{
	{"keys at a well-known URL", resourcetest.Config{}, "keys issuer login clock; public URL", func(*deployment) {}},
	{"an issuer with a path and several algorithms", resourcetest.Config{Path: "/tenant1", Algorithms: []string{"RS256", "ES256", "EdDSA"}}, "keys issuer login clock; public URL", func(*deployment) {}},
	{"an issuer with OpenID Connect discovery only", resourcetest.Config{NoOAuthMetadata: true}, "keys issuer login clock; public URL", func(*deployment) {}},
	{"a key for encryption among the keys", resourcetest.Config{}, "keys issuer login clock; public URL", func(d *deployment) {
		kid := d.issuer.KeyIDs()[0]
		signing := resourcetest.JWK(d.issuer.PublicKey(kid), map[string]any{"kid": kid})
		encryption := resourcetest.JWK(d.issuer.PublicKey(kid), map[string]any{"kid": "e", "use": "enc"})
		d.issuer.SetJWKS([]byte(`{"keys":[` + string(signing) + `,` + string(encryption) + `]}`))
	}},
	{"opaque tokens", resourcetest.Config{OpaqueTokens: true}, "keys issuer introspection login clock; public URL", func(d *deployment) { d.lines = clientLines }},
	{"introspection with client_secret_post", resourcetest.Config{}, "issuer introspection login clock; public URL", func(d *deployment) {
		d.lines = append([]string{"  introspect_jwts: true", "  introspection_auth_method: client_secret_post"}, clientLines...)
	}},
	{"signed answers", resourcetest.Config{}, "keys issuer introspection login clock; public URL", func(d *deployment) {
		d.lines = append([]string{"  introspection_signed_answers: true"}, clientLines...)
	}},
	{"keys at jwks_uri", resourcetest.Config{}, "keys issuer login clock; public URL", func(d *deployment) { d.lines = []string{"  jwks_uri: " + d.issuer.URL(resourcetest.JWKS)} }},
	{"keys in a file", resourcetest.Config{}, "keys issuer login clock; public URL", func(d *deployment) {
		kid := d.issuer.KeyIDs()[0]
		d.files = map[string]string{"keys.json": `{"keys":[` + string(resourcetest.JWK(d.issuer.PublicKey(kid), map[string]any{"kid": kid})) + `]}`}
		d.lines = []string{"  jwks_file: keys.json"}
	}},
	{"metadata elsewhere", resourcetest.Config{Issuer: "https://auth.example/a"}, "keys issuer clock login clock; public URL", func(d *deployment) {
		other := resourcetest.Start(d.t)
		d.lines = []string{"  metadata_url: " + d.issuer.URL(resourcetest.Metadata), "  authorization_servers: [" + other.Identifier() + "]"}
	}},
	{"a private CA", resourcetest.Config{}, "keys issuer login clock; public URL", func(d *deployment) {
		d.files = map[string]string{"ca.pem": d.secureIssuer(1000 * time.Hour)}
		d.lines = []string{"  ca_file: ca.pem"}
	}},
	{"two issuers", resourcetest.Config{}, "keys issuer login clock keys issuer login clock; public URL", func(d *deployment) {
		other := resourcetest.Start(d.t)
		d.lines = []string{"  additional_issuers:", "    - issuer_url: " + other.Identifier()}
	}},
	{"scopes that the issuer lists", resourcetest.Config{ScopesSupported: []string{"openid", "mcp:all", "mcp:echo", "api://x/run"}}, "keys issuer login clock scopes; public URL", func(d *deployment) {
		d.lines = []string{"  required_scopes: ['mcp:read | mcp:other']", "  implied_scopes: {mcp:all: [mcp:read]}", "  tool_scopes: {echo: [mcp:echo], run: [mcp:run], admin: [mcp:admin]}",
			"  scope_names: {mcp:run: api://x/run}", "  role_claim: roles", "  role_scopes: {boss: [mcp:admin]}"}
	}},
	{"an issuer that lists only ordinary scopes", resourcetest.Config{ScopesSupported: []string{"openid", "profile", "offline_access"}}, "keys issuer login clock; scopes, public URL", func(d *deployment) { d.lines = []string{"  required_scopes: [mcp:read]"} }},
	{"an issuer that lists the server", resourcetest.Config{}, "keys issuer login clock; public URL", func(d *deployment) {
		d.issuer.SetMetadata(map[string]any{"protected_resources": []string{d.origin() + "/mcp"}})
	}},
	{"an issuer that lists the server with a slash", resourcetest.Config{}, "keys issuer login clock; public URL", func(d *deployment) {
		d.path = ""
		d.issuer.SetMetadata(map[string]any{"protected_resources": []string{d.origin() + "/"}})
	}},
	{"many tenants", resourcetest.Config{}, "keys clock login; public URL", func(d *deployment) {
		d.lines = []string{"  tenant_pattern: https://auth.example/{tenantid}/v2", "  allowed_tenants: [a]", "  jwks_uri: " + d.issuer.URL(resourcetest.JWKS)}
	}},
	{"a store that several processes share", resourcetest.Config{}, "keys issuer introspection login clock; shared_state, public URL", func(d *deployment) {
		d.lines = append([]string{"  shared_state: {addresses: ['127.0.0.1:1'], tls: false, keys: [0123456789abcdef0123456789abcdef]}", "  dpop_tokens: accepted"}, clientLines...)
	}},
	{"tokens for other servers", resourcetest.Config{}, "keys issuer login exchange clock; public URL", func(d *deployment) { d.lines = exchangeLine("") }},
	{"tokens for other servers, from an issuer that does not list grants", resourcetest.Config{}, "keys issuer login exchange clock; public URL", func(d *deployment) {
		d.issuer.SetMetadata(map[string]any{"grant_types_supported": resourcetest.Remove, "token_endpoint_auth_methods_supported": resourcetest.Remove})
		d.lines = exchangeLine(", grant: jwt_bearer")
	}},
	{"tokens for other servers, from one of two issuers", resourcetest.Config{}, "keys issuer login clock keys issuer login exchange clock; public URL", func(d *deployment) {
		other := resourcetest.Start(d.t)
		d.lines = []string{"  additional_issuers:", "    - issuer_url: " + other.Identifier(),
			"  on_behalf_of: {issuer_url: '" + other.Identifier() + "', client_id: test-client, client_secret: test-secret, targets: {calendar: {scopes: [a]}}}"}
	}},
	{"a token, without the server", resourcetest.Config{}, "keys issuer login clock token; public URL", func(d *deployment) { d.token = d.validToken("mcp:read") }},
	{"a token that must agree with a header field", resourcetest.Config{}, "keys issuer login clock; token, public URL", func(d *deployment) {
		d.token, d.lines = d.validToken(""), []string{"  header_claims: [{header: X-Tenant, claim: tenant, required: true}]"}
	}},
	{"tokens in a header field of a proxy", resourcetest.Config{}, "keys issuer login clock keys issuer clock; token, public URL", func(d *deployment) {
		other := resourcetest.Start(d.t)
		d.lines = []string{"  additional_issuers:", "    - {issuer_url: " + other.Identifier() + ", token_header: X-Assertion, expected_audiences: [mcp]}"}
		d.token = other.Token(resourcetest.Token{Audience: "mcp"})
	}},
	{"a token that is bound to a key", resourcetest.Config{}, "keys issuer login clock public_metadata public_challenge public_proxy clock; token, web pages (CORS), tools", func(d *deployment) {
		d.public, d.lines = true, []string{"  dpop_tokens: required"}
		d.token = d.issuer.Token(resourcetest.Token{Audience: d.origin() + "/mcp", ProofKey: resourcetest.NewProofKey("")})
	}},
	{"the server at its public URL", resourcetest.Config{}, "keys issuer login clock public_metadata public_challenge public_proxy clock; web pages (CORS), tools", func(d *deployment) { d.public = true }},
	{"tools in JSON", resourcetest.Config{}, "keys issuer login clock token public_metadata public_challenge public_proxy tools clock; scopes, web pages (CORS)", func(d *deployment) {
		d.public, d.token, d.lines = true, d.validToken("mcp:read"), []string{"  required_scopes: [mcp:read]", "  tool_scopes: {echo: [mcp:echo]}"}
	}},
	{"tools in events, with pages", resourcetest.Config{}, "keys issuer login clock token public_metadata public_challenge public_proxy tools clock; web pages (CORS)", func(d *deployment) {
		d.public, d.token, d.mcp, d.lines = true, d.validToken(""), &fakeMCP{sse: true, pages: true}, []string{"  public_tools: [echo]"}
	}},
	{"tools without a session", resourcetest.Config{}, "keys issuer login clock token public_metadata public_challenge public_proxy tools clock; web pages (CORS)", func(d *deployment) {
		d.public, d.token, d.mcp, d.lines = true, d.validToken(""), &fakeMCP{stateless: true}, []string{"  bound_tools: [whoami]", "  dpop_tokens: accepted"}
	}},
	{"a tool that the server hides from the token", resourcetest.Config{}, "keys issuer login clock token public_metadata public_challenge public_proxy clock; scopes, web pages (CORS), tool_scopes.hidden", func(d *deployment) {
		d.public, d.token, d.lines = true, d.validToken(""), []string{"  tool_scopes: {hidden: [mcp:admin]}"}
	}},
	{"web pages", resourcetest.Config{}, "keys issuer login clock public_metadata public_challenge public_proxy cors clock; tools", func(d *deployment) {
		d.public, d.wrap, d.lines = true, cors(appOrigin, "WWW-Authenticate"), []string{"  allowed_origins: [" + appOrigin + "]"}
	}},
	{"a proxy with TLS", resourcetest.Config{}, "keys issuer login clock public_metadata public_challenge public_proxy clock; web pages (CORS), tools", func(d *deployment) {
		d.public, d.tls, d.proxy = true, true, func(server http.Handler) http.Handler { return server }
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(secure(d.t, d.front, 1000*time.Hour)))
		d.change = func(c *check.Config) { c.TLS = &tls.Config{RootCAs: roots} }
	}},
	{"a proxy that wants certificates of clients", resourcetest.Config{}, "keys issuer login clock; SERVER, caches, web pages (CORS) and tools", func(d *deployment) {
		d.public, d.tls, d.proxy = true, true, func(server http.Handler) http.Handler { return server }
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(secure(d.t, d.front, 1000*time.Hour)))
		d.front.TLS.ClientAuth = tls.RequireAnyClientCert
		d.change = func(c *check.Config) { c.TLS = &tls.Config{RootCAs: roots} }
	}},
	{"a proxy that removes the base path", resourcetest.Config{}, "keys issuer login clock public_metadata public_challenge public_proxy clock; web pages (CORS), tools", func(d *deployment) {
		d.public, d.path, d.lines = true, "/prod/mcp", []string{"  base_path: /prod"}
		d.proxy = func(server http.Handler) http.Handler { return below("/prod", server) }
	}},
	{"a gateway without GET", resourcetest.Config{}, "keys issuer login clock public_metadata public_challenge clock; caches, web pages (CORS), tools", func(d *deployment) {
		d.public = true
		d.proxy = func(server http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet && !isWellKnown(r.URL.Path) {
					w.WriteHeader(http.StatusMethodNotAllowed)
					return
				}
				server.ServeHTTP(w, r)
			})
		}
	}},
	{"metadata with a member of another type that the server does not read", resourcetest.Config{}, "keys issuer clock; login at ISSUER, public URL", func(d *deployment) {
		d.issuer.SetMetadata(map[string]any{"authorization_endpoint": 7})
	}},
	{"metadata with a second spelling of a member that the server does not read", resourcetest.Config{}, "keys clock; metadata of ISSUER, public URL", func(d *deployment) {
		d.issuer.SetMetadata(map[string]any{"Scopes_Supported": []string{"x"}})
	}},
	{"public operations", resourcetest.Config{}, "keys issuer login clock public_metadata public_challenge public_proxy clock; web pages (CORS), tools", func(d *deployment) {
		d.public, d.lines = true, []string{"  public_operations: [initialize, tools/list]", "  stateless: true"}
	}},
	{"two public URLs", resourcetest.Config{}, "keys issuer login clock public_metadata public_challenge public_proxy clock public_metadata public_challenge; web pages (CORS), tools", func(d *deployment) {
		d.public, d.lines = true, []string{"  additional_resource_server_urls: [SERVER/other]"}
	}},
}

// below passes on requests below a path, and removes the path.
func below(path string, server http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, path+"/") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		http.StripPrefix(path, server).ServeHTTP(w, r)
	})
}

// checked returns the findings that are ok, and the subjects of those that are not checked.
func (d *deployment) checked(report check.Report) string {
	var ok, not []string
	for _, f := range report.Findings {
		if f.Severity == check.SeverityOK {
			ok = append(ok, string(f.ID))
		} else {
			not = append(not, d.shorten(f.Subject))
		}
	}
	return strings.Join(ok, " ") + "; " + strings.Join(not, ", ")
}

// A set-up without a mistake has neither errors nor warnings.
func TestGoodSetups(t *testing.T) {
	for _, row := range goodSetups {
		t.Run(row.name, func(t *testing.T) {
			d := deploy(t, row.issuer)
			row.prepare(d)
			report, err := check.Run(t.Context(), d.start())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range report.Findings {
				if f.Severity == check.SeverityError || f.Severity == check.SeverityWarning {
					t.Errorf("got %s about %s: %s", f.ID, f.Subject, f.Seen)
				}
			}
			if got := d.checked(report); got != row.checked {
				t.Errorf("(-want +got)\n- %s\n+ %s", row.checked, got)
			}
			if n := slices.IndexFunc(report.Findings, func(f check.Finding) bool { return f.Subject == "" || f.Seen == "" || f.Meaning == "" }); n >= 0 {
				t.Errorf("got %+v, want a subject, what was seen and a meaning", report.Findings[n])
			}
		})
	}
}
