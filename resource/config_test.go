package resource_test

import (
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// verifier returns a verifier for JWTs of an issuer that does not exist.
func verifier(t testing.TB) resource.Verifier {
	t.Helper()
	v, err := jwks.New(jwks.Config{Issuer: "https://auth.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Each configuration is valid except for one change. The error names the field.
func TestConfigMistakes(t *testing.T) {
	audiences := func(list ...string) func(*resource.Config) {
		return func(c *resource.Config) { c.Issuers[0].Audiences = list }
	}
	for _, row := range []struct {
		name   string
		change func(c *resource.Config)
		want   string // in the error; "" for none
	}{
		{"valid", func(*resource.Config) {}, ""},
		{"no identifier", func(c *resource.Config) { c.Identifier = "" }, "Identifier"},
		{"http", func(c *resource.Config) { c.Identifier = "http://mcp.example.test/mcp" }, "https://"},
		{"http with AllowHTTP", func(c *resource.Config) { c.Identifier, c.HTTP.AllowHTTP = "http://mcp.example.test/mcp", true }, ""},
		{"http on loopback", func(c *resource.Config) { c.Identifier = "http://127.0.0.1:8080/mcp" }, ""},
		{"unknown value of HandlerChallenges", func(c *resource.Config) { c.HTTP.HandlerChallenges = 2 }, "HTTP.HandlerChallenges: 2 is neither PassHandlerChallenges nor ReplaceHandlerChallenges"},
		{"fragment", func(c *resource.Config) { c.Identifier += "#x" }, "fragment"},
		{"quote in the identifier", func(c *resource.Config) { c.Identifier += `"` }, `write "%22"`},
		{"default port in the identifier", func(c *resource.Config) { c.Identifier = "https://mcp.example.test:443/mcp" }, `clients or proxies rewrite it: write "https://mcp.example.test/mcp"`},
		{"default port in an issuer, which chooses its identifier", func(c *resource.Config) {
			c.Issuers[0].Verifier = verifierFunc{issuer: "https://auth.example.test:443/%7Ea/../b"}
		}, ""},
		{"no issuer", func(c *resource.Config) { c.Issuers = nil }, "at least one authorization server"},
		{"only Opaque", func(c *resource.Config) { c.Issuers, c.Opaque = nil, &c.Issuers[0] }, ""},
		{"nil verifier", func(c *resource.Config) { c.Issuers[0].Verifier = nil }, "jwks.New or introspect.New"},
		{"nil verifier of Opaque", func(c *resource.Config) { c.Opaque = &resource.Issuer{} }, "Opaque.Verifier"},
		{"issuer without a name", func(c *resource.Config) { c.Issuers[0].Verifier = verifierFunc{} }, "Issuer() is empty"},
		{"duplicate issuer", func(c *resource.Config) { c.Issuers = append(c.Issuers, c.Issuers[0]) }, "duplicate issuer"},
		{"empty audience", func(c *resource.Config) { c.Issuers[0].Audiences = []string{""} }, "a setting that accepts every audience does not exist"},
		{"URL in a spelling that clients rewrite as audience", audiences("https://api.example.test:443/%7Ea/../b"), ""},
		{"client of a service as audience", audiences("1234-abcd.apps.googleusercontent.com"), ""},
		{"URN as audience", audiences("urn:example:mcp"), ""},
		{"application ID URI as audience", audiences("api://11112222-bbbb-3333-cccc-4444dddd5555"), ""},
		{"SPIFFE ID as audience", audiences("spiffe://example.test/ns/a/sa/b"), ""},
		{"IPv6 address in an audience", audiences("https://[2001:db8::1]/mcp"), ""},
		{"all punctuation of RFC 3986 except *", audiences("a:/?#[]@!$&'()+,;=-._~%41"), ""},
		{"letters outside ASCII in an audience", audiences("bücher"), ""},
		{"any audience", audiences("*"), `Issuers[0].Audiences[0]: "*" looks like a pattern, but audiences are compared byte for byte: name each one; LiteralAudiences allows '*'`},
		{"any subdomain in an audience", audiences("a", "https://*.example.test"), `Audiences[1]: "https://*.example.test" looks like a pattern`},
		{"any path in an audience", audiences("https://mcp.example.test/*"), "LiteralAudiences allows '*'"},
		{"template as audience", audiences("api://{x}"), "LiteralAudiences allows '{'"},
		{"placeholder as audience", audiences("api://<client-id>"), "LiteralAudiences allows '<'"},
		{"regular expression as audience", audiences(".*"), "LiteralAudiences allows '*'"},
		{"anchored regular expression as audience", audiences("^https://mcp.example.test/mcp$"), "LiteralAudiences allows '^'"},
		{"escaped regular expression as audience", audiences(`https://mcp\.example\.test`), `LiteralAudiences allows '\\'`},
		{"alternatives as audience", audiences("a|b"), "LiteralAudiences allows '|'"},
		{"quoted audience", audiences(`"api://x"`), `LiteralAudiences allows '"'`},
		{"two audiences in one text", audiences("api://x api://y"), "LiteralAudiences allows ' '"},
		{"audience with a line feed", audiences("api://x\n"), "LiteralAudiences allows '\\n'"},
		{"audience with a no-break space", audiences("api://x\u00a0"), "LiteralAudiences allows '\\u00a0'"},
		{"audience of white space", audiences(" "), "LiteralAudiences allows ' '"},
		{"LiteralAudiences", func(c *resource.Config) {
			c.Issuers[0].Audiences, c.Issuers[0].LiteralAudiences = []string{"*", "api://{x}", "My API", "^a|b$"}, true
		}, ""},
		{"LiteralAudiences and an empty audience", func(c *resource.Config) {
			c.Issuers[0].Audiences, c.Issuers[0].LiteralAudiences = []string{""}, true
		}, "a setting that accepts every audience does not exist"},
		{"pattern in the audience of Opaque", func(c *resource.Config) {
			c.Opaque = &resource.Issuer{Verifier: verifierFunc{issuer: "https://opaque.example.test"}, Audiences: []string{"*"}}
		}, "Opaque.Audiences[0]: "},
		{"issuer as audience", func(c *resource.Config) { c.Issuers[0].Audiences = []string{"https://auth.example.test"} }, "is the issuer itself"},
		{"Pomerium: the name of the protected host is both iss and aud", func(c *resource.Config) {
			c.Issuers[0] = resource.Issuer{Verifier: verifierFunc{issuer: "mcp.example.test"}, Audiences: []string{"mcp.example.test"}}
			c.Metadata.AuthorizationServers = []string{"https://login.example.test"}
		}, ""},
		{"http issuer as audience", func(c *resource.Config) {
			c.Issuers[0] = resource.Issuer{Verifier: verifierFunc{issuer: "http://adfs.example.test/trust"}, Audiences: []string{"http://adfs.example.test/trust"}}
			c.Metadata.AuthorizationServers = []string{"https://login.example.test"}
		}, "is the issuer itself"},
		{"scope with a space", func(c *resource.Config) { c.Scopes = []string{"a b"} }, "RFC 6749"},
		{"scope with a quote", func(c *resource.Config) { c.ScopeOptions.Challenge = []string{`a"b`} }, "ScopeOptions.Challenge"},
		{"scope with a line break", func(c *resource.Config) { c.Metadata.ScopesSupported = []string{"a\r\nb"} }, "ScopesSupported"},
		{"empty scope", func(c *resource.Config) { c.Scopes = []string{""} }, "Scopes"},
		{"duplicate scope", func(c *resource.Config) { c.Scopes = []string{"a", "a"} }, "duplicate scope"},
		{"offline_access", func(c *resource.Config) { c.Scopes = []string{"offline_access"} }, "remove it"},
		{"invalid implied scope", func(c *resource.Config) { c.ScopeOptions.Implies = map[string][]string{"a": {"b c"}} }, `Implies["a"]`},
		{"invalid implying scope", func(c *resource.Config) { c.ScopeOptions.Implies = map[string][]string{"": {"b"}} }, "Implies"},
		{"leeway over five minutes", func(c *resource.Config) { c.Limits.Leeway = 5*time.Minute + 1 }, "Leeway"},
		{"leeway of five minutes", func(c *resource.Config) { c.Limits.Leeway = 5 * time.Minute }, ""},
		{"negative lifetime", func(c *resource.Config) { c.Limits.MaxLifetime = -1 }, "MaxLifetime"},
		{"token over 256 KiB", func(c *resource.Config) { c.Limits.MaxTokenBytes = 256<<10 + 1 }, "MaxTokenBytes"},
		{"negative token", func(c *resource.Config) { c.Limits.MaxTokenBytes = -1 }, "MaxTokenBytes"},
		{"negative entries", func(c *resource.Config) { c.Limits.CacheEntries = -1 }, "CacheTTL"},
		{"negative bytes", func(c *resource.Config) { c.Limits.CacheBytes = -1 }, "CacheTTL"},
		{"metadata member that Config determines", func(c *resource.Config) { c.Metadata.Resource = "x" }, "leave them empty"},
		{"malformed metadata", func(c *resource.Config) { c.Metadata = metadata.Document{ResourceDocumentation: "x"} }, "resource_documentation"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier(t)}}}
			row.change(&c)
			res, err := resource.New(c)
			switch {
			case row.want == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
				t.Errorf("got %v, want an error that contains %q", err, row.want)
			case err != nil && res != nil:
				t.Error("New returned both a resource and an error")
			}
		})
	}
}

func TestAllMistakesReported(t *testing.T) {
	_, err := resource.New(resource.Config{
		Identifier: "mcp", Issuers: []resource.Issuer{{}}, Scopes: []string{" "}, Limits: resource.Limits{Leeway: time.Hour, MaxTokenBytes: -1},
	})
	for _, field := range []string{"Identifier", "Issuers[0].Verifier", "Scopes", "Leeway", "MaxTokenBytes"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("got %v, want an error that names %s", err, field)
		}
	}
}

func TestMetadataDocument(t *testing.T) {
	res, err := resource.New(resource.Config{
		Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier(t)}},
		Opaque:   &resource.Issuer{Verifier: opaqueVerifier{}},
		Scopes:   []string{"mcp:read"},
		Metadata: metadata.Document{ResourceName: "Files", Extra: map[string]any{"resource_name#de": "Dateien"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := res.Metadata().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resource":"https://mcp.example.test/mcp","authorization_servers":["https://auth.example.test","https://opaque.example.test"],` +
		`"scopes_supported":["mcp:read"],"bearer_methods_supported":["header"],"resource_name":"Files","resource_name#de":"Dateien"}`
	if string(got) != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
