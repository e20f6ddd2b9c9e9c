package config_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource/apikey"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Each key changes the response to a request that is sent twice, or the number of
// introspection calls.
func TestKeysTakeEffect(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	key, digest := apikey.Generate("k_")
	keys := fmt.Sprintf(`{"keys": [{"id": "ci", "sha256": %q, "subject": "ci", "scopes": []}]}`, digest)
	introspection := "  client_id: test-client\n  client_secret: " + resourcetest.DefaultClientSecret
	tenants := "  tenant_pattern: https://t.example/{tenantid}\n  allowed_tenants: [a]\n  jwks_uri: " + issuer.URL(resourcetest.JWKS)
	const metadata = `Bearer resource_metadata="https://mcp.example.test/.well-known/oauth-protected-resource/mcp"`
	const invalid = "401 " + metadata + `, error="invalid_token", error_description="The access token is invalid", introspected 0`
	const missing = `, error="insufficient_scope", error_description="The access token lacks a scope that this request needs", introspected 0`
	bearer := func(token resourcetest.Token) string {
		token.Audience = identifier
		return "Bearer " + issuer.Token(token)
	}
	tenantToken := bearer(resourcetest.Token{Claims: map[string]any{"iss": "https://t.example/a", "tid": "a", "org": "b"}})
	opaque := "Bearer " + issuer.OpaqueToken(resourcetest.Token{Audience: identifier})
	for _, row := range []struct {
		base         string // other keys
		key          string
		field, value string // header field
		without      string
		with         string
	}{
		{"", "  strict_rfc9068: true", "Authorization", bearer(resourcetest.Token{Header: map[string]any{"typ": "JWT"}}), "200, introspected 0",
			invalid},
		{"", "  undeclared_operations: deny", "Authorization", bearer(resourcetest.Token{}), "200, introspected 0", "403, introspected 0"},
		{"  required_scopes: [a]", "  challenge_scopes: [a, c]", "X", "", `401 ` + metadata + `, scope="a", introspected 0`, `401 ` + metadata + `, scope="a c", introspected 0`},
		{"  required_scopes: [a]\n  scopes_supported: [a, b]", "  step_up: keep_granted", "Authorization", bearer(resourcetest.Token{Scope: "b"}), `403 ` + metadata + `, scope="a"` + missing, `403 ` + metadata + `, scope="a b"` + missing},
		{"  required_scopes: [a]", "  scope_names: {a: 'api://x/a'}", "Authorization", bearer(resourcetest.Token{Scope: "a"}), "200, introspected 0", `403 ` + metadata + `, scope="api://x/a"` + missing},
		{"  required_scopes: [a | b c]", "  unavailable_scopes: [a]", "Authorization", bearer(resourcetest.Token{Scope: "a"}), "200, introspected 0", `403 ` + metadata + `, scope="b c"` + missing},
		{"  required_scopes: [a | b c]", "  implied_scopes: {d: [b, c]}", "Authorization", bearer(resourcetest.Token{Scope: "d"}), `403 ` + metadata + `, scope="a"` + missing, "200, introspected 0"},
		{introspection, "  token_cache_ttl_seconds: 0", "Authorization", opaque, "200, introspected 1", "200, introspected 2"},
		{introspection, "  introspection_endpoint: https://auth.example.test/elsewhere", "Authorization", opaque, "200, introspected 1", "503, introspected 0"},
		{"", "  api_keys_file: keys.json", "X-API-Key", key, "401 " + metadata + ", introspected 0", "200, introspected 0"},
		{"", "  resource_metadata_url: https://cdn.example.test/m", "X", "", "401 " + metadata + ", introspected 0", `401 Bearer resource_metadata="https://cdn.example.test/m", introspected 0`},
		{"", "  base_path: /mcp", "X", "", "401 " + metadata + ", introspected 0", `401 Bearer resource_metadata="https://mcp.example.test/mcp/.well-known/oauth-protected-resource", introspected 0`},
		{tenants, "  tenant_claim: org", "Authorization", tenantToken, "200, introspected 0", invalid},
	} {
		for _, lines := range []struct{ text, want string }{{row.base, row.without}, {row.base + "\n" + row.key, row.with}} {
			s := newTestServer(t, issuer, map[string]string{"keys.json": keys}, strings.Split(lines.text, "\n")...)
			before, got := issuer.Count(resourcetest.Introspection), ""
			for range 2 {
				w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`))
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set(row.field, row.value)
				s.handler.ServeHTTP(w, req)
				got = strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Header().Get("WWW-Authenticate")))
			}
			got += fmt.Sprintf(", introspected %d", issuer.Count(resourcetest.Introspection)-before)
			if got != lines.want {
				t.Errorf("%s\n got %s\nwant %s; log: %s", lines.text, got, lines.want, s.log)
			}
		}
	}
}

// A server at a loopback address allows pages of loopback origins unless the file denies them.
func TestDenyLoopbackOrigins(t *testing.T) {
	for line, want := range map[string]bool{"": true, "  deny_loopback_origins: false": true, "  deny_loopback_origins: true": false} {
		live, err := config.New(textConfig("authorization:\n  issuer_url: https://auth.example.com\n  resource_server_url: http://127.0.0.1:8080/mcp\n" + line + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		for origin, allowed := range map[string]bool{"http://localhost:6274": want, "http://127.0.0.1:8080": true, "null": false} {
			if got := live.Resource().AllowsOrigin(origin); got != allowed {
				t.Errorf("%q: %s: got %t, want %t", line, origin, got, allowed)
			}
		}
	}
}

// The metadata is served at the configured paths.
func TestMetadataPaths(t *testing.T) {
	const wellKnown = "/.well-known/oauth-protected-resource"
	for lines, want := range map[string][]string{
		"":                                     {wellKnown, wellKnown + "/mcp"},
		"  base_path: /mcp":                    {wellKnown, wellKnown + "/mcp", "/mcp" + wellKnown},
		"  resource_metadata_paths: [/m, /n/]": {wellKnown, wellKnown + "/mcp", "/m", "/n/"},
	} {
		live, err := config.New(textConfig(block(lines)))
		if err != nil {
			t.Fatal(err)
		}
		if got := nethttp.Metadata(live.Resource()).Locations(); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", lines, got, want)
		}
	}
}

// A 401 of the handler is passed on unless the file replaces it.
func TestHandlerChallenges(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	token := issuer.Token(resourcetest.Token{Audience: identifier})
	for line, want := range map[string]int{"": 401, "  handler_challenges: pass": 401, "  handler_challenges: replace": 502} {
		s := newTestServer(t, issuer, nil, line)
		handler := nethttp.Middleware(s.live.Resource())(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(401)
		}))
		w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		if handler.ServeHTTP(w, req); w.Code != want {
			t.Errorf("%q: got %d, want %d", line, w.Code, want)
		}
	}
}

// With literal_audiences, an audience that looks like a pattern is accepted and is not one.
func TestLiteralAudiences(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	s := newTestServer(t, issuer, nil, "  expected_audiences: ['https://*.example.test']", "  literal_audiences: true")
	for audience, want := range map[string]int{"https://*.example.test": 200, "https://a.example.test": 401} {
		if status, _ := s.send(issuer.Token(resourcetest.Token{Audience: audience})); status != want {
			t.Errorf("%s: got %d, want %d", audience, status, want)
		}
	}
}

// A host with a private address in the issuer's metadata is called only if the file allows
// it. The error about its certificate shows that it was called.
func TestAllowPrivateHosts(t *testing.T) {
	var server *httptest.Server
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": server.URL, "jwks_uri": strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + "/keys"})
	}))
	server.Config.ErrorLog = log.New(new(bytes.Buffer), "", 0)
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	write(t, dir, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	for line, want := range map[string]bool{"": false, "  allow_private_hosts: [localhost]\n": true} {
		var out bytes.Buffer
		text := "authorization:\n  issuer_url: " + server.URL + "\n  resource_server_url: " + identifier + "\n  ca_file: ca.pem\n" + line
		live, err := config.New(config.Config{File: write(t, dir, "a.yaml", text), Environ: []string{}, Logger: slog.New(slog.NewTextHandler(&out, nil))})
		if err != nil {
			t.Fatal(err)
		}
		err = live.Resource().Ready(t.Context())
		if got := err != nil && strings.Contains(err.Error(), "x509: "); got != want {
			t.Errorf("with %q: got called %t, want %t: %v", line, got, want, err)
		}
	}
}

// An accepted token is cached for the configured time.
func TestTokenCacheTTL(t *testing.T) {
	for _, row := range []struct {
		line string
		hits []int // immediately, after one minute, and after another ten
	}{
		{"", []int{1, 2, 2}},
		{"  token_cache_ttl_seconds: 30", []int{1, 1, 1}},
		{"  token_cache_ttl_seconds: 0", []int{0, 0, 0}},
	} {
		withServer(t, nil, []string{row.line}, func(t *testing.T, s *testServer) {
			token, got := s.issuer.Token(resourcetest.Token{Audience: identifier}), []int{}
			hits := func() {
				if status, _ := s.send(token); status != 200 {
					t.Errorf("got %d, want 200", status)
				}
				got = append(got, s.hits())
			}
			s.send(token)
			hits()
			time.Sleep(time.Minute)
			hits()
			time.Sleep(10 * time.Minute)
			hits()
			if !slices.Equal(got, row.hits) {
				t.Errorf("%q: got %d hits, want %d", row.line, got, row.hits)
			}
		})
	}
}

// hits returns the number of cache hits.
func (s *testServer) hits() (n int) {
	s.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.live.Resource().Metrics())
	families, err := registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "warder_remembered_hits_total" {
			n += int(family.GetMetric()[0].GetCounter().GetValue())
		}
	}
	return n
}

// If expected_audiences does not list this server's URL, one record at start says that tokens for
// the URL are accepted all the same.
func TestOwnAudienceIsLogged(t *testing.T) {
	const record = `level=INFO msg="tokens for resource_server_url are accepted too, although expected_audiences does not list it" ` +
		`key=expected_audiences issuer=https://auth.example.com resource_server_url=https://mcp.example.com/mcp` + "\n"
	for lines, want := range map[string]string{
		"":                                "",
		"  expected_audiences: [api://x]": record,
		"  expected_audiences: [api://x, 'https://mcp.example.com/mcp']":                             "",
		"  expected_audiences: [api://x]\n  audience_claims: [aud, resource]":                        record,
		"  expected_audiences: [client]\n  audience_claims: [azp]":                                   "",
		"  additional_issuers: [{issuer_url: 'https://b.example', expected_audiences: ['api://x']}]": strings.NewReplacer("key=", `key=additional_issuers[0].`, "https://auth.example.com", "https://b.example").Replace(record),
	} {
		var out bytes.Buffer
		c := textConfig(block(lines))
		c.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		if _, err := config.New(c); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%s\n got %s\nwant %s", lines, out.String(), want)
		}
	}
}

// Each of additional_resource_server_urls has its own audience.
func TestAdditionalURLs(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	const member = identifier + "/x/a"
	key, digest := apikey.Generate("k_")
	keys := fmt.Sprintf(`{"keys": [{"id": "ci", "sha256": %q, "subject": "ci", "scopes": [], "resources": [%q]}]}`, digest, member)
	s := newTestServer(t, issuer, map[string]string{"keys.json": keys}, "  additional_resource_server_urls: ["+member+"]", "  api_keys_file: keys.json")
	bearer := func(audience string) string { return "Bearer " + issuer.Token(resourcetest.Token{Audience: audience}) }
	for _, row := range []struct {
		url, field, value string
		want              int
	}{
		{identifier, "Authorization", bearer(identifier), 200},
		{identifier, "Authorization", bearer(member), 401},
		{member, "Authorization", bearer(member), 200},
		{member, "Authorization", bearer(identifier), 401},
		{identifier + "/x/b", "Authorization", bearer(identifier), 404},
		{member, config.APIKeyHeader, key, 200},
		{identifier, config.APIKeyHeader, key, 401},
	} {
		w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, row.url, nil)
		req.Header.Set(row.field, row.value)
		if s.handler.ServeHTTP(w, req); w.Code != row.want {
			t.Errorf("%s at %s: got %d, want %d; log: %s", row.field, row.url, w.Code, row.want, s.log)
		}
	}
}

// Tokens with the prefix of an issuer are introspected there, and all others at the issuer of
// opaque tokens.
func TestTokenPrefixKey(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	const credentials = "client_id: test-client, client_secret: " + resourcetest.DefaultClientSecret
	opaque := issuer.OpaqueToken(resourcetest.Token{Audience: identifier})
	for prefix, want := range map[string]string{opaque[:5]: "200 [https://login.example.test]", "pat_": "401 [https://login.example.test]"} {
		s := newTestServer(t, issuer, nil, "  token_prefix: "+prefix, "  client_id: test-client", "  client_secret: "+resourcetest.DefaultClientSecret,
			"  additional_issuers: [{issuer_url: https://login.example.test, jwks_uri: https://login.example.test/keys}]")
		status, _ := s.send(opaque)
		if got := fmt.Sprint(status, " ", s.live.Resource().Metadata().AuthorizationServers); got != want {
			t.Errorf("%s: got %s, want %s; log: %s", prefix, got, want, s.log)
		}
	}
	s := newTestServer(t, issuer, nil, "  additional_issuers:", "    - {issuer_url: https://pat.example.test, token_prefix: pat_, "+credentials+"}")
	if status, _ := s.send("pat_" + opaque); status != 503 { // https://pat.example.test does not answer
		t.Errorf("a token with the prefix of an issuer that is not available: got %d, want 503", status)
	}
}

// An issuer with token_header is read from that field only, and is not published.
func TestTokenHeaderKey(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Audience: "urn:app"})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	token := issuer.Token(resourcetest.Token{})
	for name, lines := range map[string][]string{
		"by its keys":      {"  expected_audiences: ['urn:app']", "  token_header: Cf-Access-Jwt-Assertion"},
		"by introspection": {"  expected_audiences: ['urn:app']", "  token_header: Cf-Access-Jwt-Assertion", "  introspect_jwts: true", "  client_id: test-client", "  client_secret: " + resourcetest.DefaultClientSecret},
	} {
		s := newTestServer(t, issuer, nil, append(lines, "  additional_issuers: [{issuer_url: https://login.example.test, jwks_uri: https://login.example.test/keys}]")...)
		status := func(field, value string) int {
			w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, identifier, nil)
			req.Header.Set(field, value)
			s.handler.ServeHTTP(w, req)
			return w.Code
		}
		if got := fmt.Sprint(status("Cf-Access-Jwt-Assertion", token), status("Authorization", "Bearer "+token), status("X-Other", token)); got != "200 401 401" {
			t.Errorf("%s: got %s, want 200 in the field and 401 elsewhere; log: %s", name, got, s.log)
		}
		if got := fmt.Sprint(s.live.Resource().Metadata().AuthorizationServers); got != "[https://login.example.test]" {
			t.Errorf("%s: published %s", name, got)
		}
		s.write("a.yaml", strings.Replace(s.settings(append(lines, "  additional_issuers: [{issuer_url: https://login.example.test, jwks_uri: https://login.example.test/keys}]")...), "Cf-Access-Jwt-Assertion", "X-Other", 1))
		if err := s.live.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(status("Cf-Access-Jwt-Assertion", token), status("X-Other", token)); got != "401 200" {
			t.Errorf("%s: after a reload with another field: got %s, want 401 200", name, got)
		}
	}
}
