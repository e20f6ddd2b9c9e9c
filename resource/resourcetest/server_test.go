package resourcetest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// The complete documents of RFC 8414 §2 and OpenID Connect Discovery 1.0 §3.
func TestMetadataDocuments(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{Issuer: "https://as.example/t1", ScopesSupported: []string{"a", "b"}})
	const first = `{"issuer":"https://as.example/t1","authorization_endpoint":"https://as.example/t1/authorize","token_endpoint":"https://as.example/t1/token",` +
		`"jwks_uri":"https://as.example/t1/jwks","registration_endpoint":"https://as.example/t1/register","introspection_endpoint":"https://as.example/t1/introspect",` +
		`"revocation_endpoint":"https://as.example/t1/revoke","scopes_supported":["a","b"],"response_types_supported":["code"],"response_modes_supported":["query"],` +
		`"grant_types_supported":["authorization_code","refresh_token","client_credentials","urn:ietf:params:oauth:grant-type:token-exchange","urn:ietf:params:oauth:grant-type:jwt-bearer"],"token_endpoint_auth_methods_supported":["none","client_secret_basic","client_secret_post"],` +
		`"introspection_endpoint_auth_methods_supported":["client_secret_basic","client_secret_post"],"revocation_endpoint_auth_methods_supported":["none","client_secret_basic","client_secret_post"],` +
		`"code_challenge_methods_supported":["S256"],"authorization_response_iss_parameter_supported":true,` +
		`"dpop_signing_alg_values_supported":["ES256","ES384","ES512","EdDSA","PS256","PS384","PS512","RS256","RS384","RS512"]` // RFC 9449 §5.1
	const openID = first + `,"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["RS256"]}`
	for path, want := range map[string]string{
		"/.well-known/oauth-authorization-server/t1": first + "}",
		"/.well-known/openid-configuration/t1":       openID,
		"/t1/.well-known/openid-configuration":       openID,
		"/.well-known/oauth-authorization-server":    "no such endpoint\n",
	} {
		if _, got := get(t, client, "https://as.example"+path); got != want {
			t.Errorf("%s:\n got %s\nwant %s", path, got, want)
		}
	}
	s.SetMetadata(map[string]any{"issuer": "https://evil.example", "jwks_uri": nil, "token_endpoint": resourcetest.Remove, "x": resourcetest.Raw("1e400")})
	_, got := get(t, client, s.URL(resourcetest.Metadata))
	if !strings.HasPrefix(got, `{"issuer":"https://evil.example","authorization_endpoint":"https://as.example/t1/authorize","jwks_uri":null,"registration`) || !strings.HasSuffix(got, `,"x":1e400}`) {
		t.Errorf("after SetMetadata: %s", got)
	}
	s.SetMetadata(nil)
	if _, got := get(t, client, s.URL(resourcetest.Metadata)); got != first+"}" {
		t.Errorf("after SetMetadata(nil): %s", got)
	}
}

// Each form of discovery can be disabled (RFC 8414 §3.1 and §5). A trailing slash of the
// identifier is not part of the well-known path.
func TestDiscoveryForms(t *testing.T) {
	for _, row := range []struct {
		config resourcetest.Config
		want   string // RFC 8414, inserted, appended
	}{
		{resourcetest.Config{}, "200 200 200"},
		{resourcetest.Config{Path: "/t/1"}, "200 200 200"},
		{resourcetest.Config{Path: "/t/"}, "200 200 200"},
		{resourcetest.Config{Path: "/t", NoOAuthMetadata: true}, "404 200 200"},
		{resourcetest.Config{Path: "/t", NoOpenIDInserted: true}, "200 404 200"},
		{resourcetest.Config{Path: "/t", NoOpenIDAppended: true}, "200 200 404"},
		{resourcetest.Config{NoOpenIDAppended: true}, "200 200 200"},
		{resourcetest.Config{NoOpenIDAppended: true, NoOpenIDInserted: true}, "200 404 404"},
	} {
		s, client := newIssuer(t, row.config)
		path := strings.TrimSuffix(row.config.Path, "/")
		var got []string
		for _, location := range []string{"/.well-known/oauth-authorization-server" + path, "/.well-known/openid-configuration" + path, path + "/.well-known/openid-configuration"} {
			response, body := get(t, client, "https://auth.example.test"+location)
			got = append(got, response.Status[:3])
			if response.StatusCode == 200 && parse(t, body)["issuer"] != "https://auth.example.test"+row.config.Path {
				t.Errorf("%+v: issuer in %s", row.config, body)
			}
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("%+v: got %v, want %s", row.config, got, row.want)
		}
		if got := s.Identifier(); got != "https://auth.example.test"+row.config.Path {
			t.Errorf("identifier %s", got)
		}
	}
}

// Listen does not change a configured identifier, but changes the URLs of the endpoints.
func TestListenWithConfiguredIssuer(t *testing.T) {
	s := resourcetest.Start(t, resourcetest.Config{Issuer: "https://public.example/t"})
	if err := s.Listen(); err == nil {
		t.Error("a second Listen returned nil")
	}
	meta := ""
	for _, origin := range []string{"https://public.example", s.URL(resourcetest.Any)} {
		_, meta = get(t, newClient(s), origin+"/.well-known/oauth-authorization-server/t")
		if d := parse(t, meta); d["issuer"] != "https://public.example/t" || d["jwks_uri"] != s.URL(resourcetest.JWKS) || !strings.HasPrefix(s.URL(resourcetest.JWKS), "http://127.0.0.1:") {
			t.Errorf("at %s: %s", origin, meta)
		}
	}
	_, overSocket := get(t, http.DefaultClient, s.URL(resourcetest.Metadata))
	if overSocket != meta {
		t.Errorf("over the socket: %s", overSocket)
	}
	s.Close()
	if err := s.Listen(); err == nil {
		t.Error("Listen after Close returned nil")
	}
	if _, err := http.Get(s.URL(resourcetest.Metadata)); err == nil {
		t.Error("the listener responds after Close")
	}
	if s.Token(resourcetest.Token{}) == "" {
		t.Error("no token after Close")
	}
}

func TestConfigMistakes(t *testing.T) {
	for _, row := range []struct {
		config resourcetest.Config
		want   string
	}{
		{resourcetest.Config{Issuer: "auth.example"}, `issuer "auth.example" is not`},
		{resourcetest.Config{Issuer: "https://u@h"}, `issuer "https://u@h" is not`},
		{resourcetest.Config{Issuer: "https://h?"}, `issuer "https://h?" is not`},
		{resourcetest.Config{Issuer: "ftp://h"}, `issuer "ftp://h" is not`},
		{resourcetest.Config{Issuer: "https://h", Path: "/x"}, `both Issuer "https://h" and Path "/x"`},
		{resourcetest.Config{Path: "x"}, `path "x" does not`},
		{resourcetest.Config{Lifetime: -1}, `lifetime -1ns is negative`},
		{resourcetest.Config{Algorithms: []string{"HS256"}}, `algorithm "HS256" is`},
		{resourcetest.Config{Algorithms: []string{"ES256", "ES256"}}, `algorithm "ES256" is`},
		{resourcetest.Config{Clients: []resourcetest.Client{{}}}, `client id "" is`},
		{resourcetest.Config{Clients: []resourcetest.Client{{ID: "a"}, {ID: "a"}}}, `client id "a" is`},
		{resourcetest.Config{Clients: []resourcetest.Client{{ID: "a", RedirectURIs: []string{"http://x/"}}}}, `redirect URI "http://x/" of client "a" is`},
	} {
		s, err := resourcetest.NewIssuer(row.config)
		if s != nil || err == nil || !strings.HasPrefix(err.Error(), "resourcetest: "+row.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %s", err, row.want)
		}
	}
	_, err := resourcetest.NewIssuer(resourcetest.Config{Path: "x", Lifetime: -1, Algorithms: []string{"no"}})
	if err == nil || strings.Count(err.Error(), "\n") < 2 {
		t.Errorf("want every mistake in one error: %v", err)
	}
}

// fakeTB records calls of Fatalf and Cleanup. Fatalf panics.
type fakeTB struct {
	fatal    string
	cleanups []func()
}

func (*fakeTB) Helper()            {}
func (f *fakeTB) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }
func (f *fakeTB) Fatalf(format string, args ...any) {
	f.fatal = fmt.Sprintf(format, args...)
	panic(f)
}

func TestStart(t *testing.T) {
	tb := &fakeTB{}
	s := resourcetest.Start(tb)
	if response, _ := get(t, http.DefaultClient, s.URL(resourcetest.JWKS)); response.StatusCode != 200 || len(tb.cleanups) != 1 {
		t.Errorf("status %d, %d cleanups", response.StatusCode, len(tb.cleanups))
	}
	tb.cleanups[0]()
	if _, err := http.Get(s.URL(resourcetest.JWKS)); err == nil {
		t.Error("the server is open after the cleanup")
	}
	for want, configs := range map[string][]resourcetest.Config{`resourcetest: path "x" does not begin with a slash`: {{Path: "x"}}, "resourcetest: 2 configs given to Start": {{}, {}}} {
		func() {
			defer func() {
				if recover() != any(tb) || tb.fatal != want {
					t.Errorf("got %q, want %q", tb.fatal, want)
				}
			}()
			resourcetest.Start(tb, configs...)
		}()
	}
}

// Clients in browsers can read metadata and keys, get tokens and register. CORS does not allow
// scripts to use the other endpoints (Fetch standard).
func TestCORS(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	for _, endpoint := range []resourcetest.Endpoint{resourcetest.Metadata, resourcetest.JWKS, resourcetest.TokenEndpoint, resourcetest.Registration, resourcetest.Authorization, resourcetest.Introspection, resourcetest.Revocation} {
		open := endpoint == resourcetest.Metadata || endpoint == resourcetest.JWKS || endpoint == resourcetest.TokenEndpoint || endpoint == resourcetest.Registration
		origin := map[bool]string{true: "*", false: ""}[open]
		response, _ := do(t, client, request(t, "OPTIONS", s.URL(endpoint), ""))
		got := fmt.Sprint(response.StatusCode, " ", response.Header.Get("Access-Control-Allow-Origin"), " ", response.Header.Get("Access-Control-Allow-Headers"))
		want := "405  "
		if open {
			want = "204 * Authorization, Content-Type, DPoP, MCP-Protocol-Version, Mcp-Method, Mcp-Name"
		}
		if got != want {
			t.Errorf("preflight of %s: got %q, want %q", endpoint, got, want)
		}
		s.Fail(endpoint, resourcetest.Failure{Status: 503})
		if response, _ := get(t, client, s.URL(endpoint)); response.Header.Get("Access-Control-Allow-Origin") != origin || response.StatusCode != 503 {
			t.Errorf("%s: %d %v", endpoint, response.StatusCode, response.Header)
		}
	}
}

// The server responds to hostile requests with a 4xx status (RFC 9110 §15.5) and does not panic.
func TestHostileRequests(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	const form = "application/x-www-form-urlencoded"
	for _, row := range []struct {
		name, method string
		endpoint     resourcetest.Endpoint
		kind, body   string
		want         int
	}{
		{"wrong method for a document", "POST", resourcetest.JWKS, "", "", 405},
		{"wrong method for the token endpoint", "GET", resourcetest.TokenEndpoint, "", "", 405},
		{"a form without its content type", "POST", resourcetest.TokenEndpoint, "text/plain", "grant_type=x", 400},
		{"JSON instead of a form", "POST", resourcetest.Introspection, "application/json", "{}", 400},
		{"broken percent-encoding", "POST", resourcetest.Introspection, form, "token=%zz", 400},
		{"no body", "POST", resourcetest.Revocation, form, "", 401},
		{"a long body", "POST", resourcetest.Introspection, form, "token=" + strings.Repeat("a", 64<<10), 413},
		{"bytes that are not UTF-8", "POST", resourcetest.TokenEndpoint, form, "client_id=test-client&client_secret=test-secret&grant_type=client_credentials&scope=%ff", 400},
		{"an invalid resource", "POST", resourcetest.TokenEndpoint, form, "client_id=test-client&client_secret=test-secret&grant_type=client_credentials&resource=https://x/%ff%00", 400},
		{"deep JSON", "POST", resourcetest.Registration, "application/json", strings.Repeat("[", 60_000), 400},
		{"JSON of another type", "POST", resourcetest.Registration, "application/json", `{"redirect_uris":{"a":1}}`, 400},
		{"authorization by POST without parameters", "POST", resourcetest.Authorization, form, "", 400},
		{"authorization by POST without a form", "POST", resourcetest.Authorization, "", "x", 400},
	} {
		r := request(t, row.method, s.URL(row.endpoint), row.body)
		r.Header.Set("Content-Type", row.kind)
		if response, body := do(t, client, r); response.StatusCode != row.want {
			t.Errorf("%s: got %d %s, want %d", row.name, response.StatusCode, body, row.want)
		}
	}
	const valid = "Basic dGVzdC1jbGllbnQ6dGVzdC1zZWNyZXQ="
	for _, header := range [][]string{{"Basic"}, {"Basic !!"}, {"Bearer x"}, {"Basic JXp6Og=="} /* %zz: */, {valid, valid}, {valid, "x"}} {
		r := request(t, "POST", s.URL(resourcetest.Introspection), "token=x")
		r.Header = http.Header{"Content-Type": {form}, "Authorization": header}
		if response, _ := do(t, client, r); response.StatusCode != 401 {
			t.Errorf("%q: got %d, want 401", header, response.StatusCode)
		}
	}
}

// The caller can modify values after passing them to the server.
func TestArgumentsAreCopied(t *testing.T) {
	config := resourcetest.Config{ScopesSupported: []string{"a"}, DefaultScopes: []string{"a"}}
	failure := resourcetest.Failure{Header: http.Header{"Etag": {"a"}}, Body: []byte("a")}
	keys, members := []byte("a"), map[string]any{"x": "a"}
	s, client := newIssuer(t, config)
	s.SetJWKS(keys)
	s.SetMetadata(members)
	s.Fail(resourcetest.Registration, failure)
	config.ScopesSupported[0], config.DefaultScopes[0], failure.Header["Etag"][0], failure.Body[0], keys[0], members["x"] = "b", "b", "b", 'b', 'b', "b"
	r := request(t, "GET", s.URL(resourcetest.JWKS), "")
	r.Header.Set("X", "a")
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, r)
	gotKeys := recorder.Body.String()
	r.Header.Set("X", "b")
	_, gotMeta := get(t, client, s.URL(resourcetest.Metadata))
	response, gotBody := get(t, client, s.URL(resourcetest.Registration))
	_, gotToken := post(t, client, s.URL(resourcetest.TokenEndpoint), "grant_type=client_credentials", "test-client", "test-secret")
	meta := parse(t, gotMeta)
	got := fmt.Sprint(gotKeys, meta["x"], meta["scopes_supported"], response.Header.Get("ETag"), gotBody, gotToken["scope"], s.Last(resourcetest.JWKS).Header.Get("X"))
	if want := "aa[a]aaaa"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// All methods are called concurrently, for the race detector. The status of each response is one
// that the failures allow.
func TestConcurrentUse(t *testing.T) {
	s := resourcetest.Start(t)
	client := &http.Client{Transport: s.Transport()}
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for range 20 {
				kid := s.Rotate("ES256")
				s.Fail(resourcetest.JWKS, resourcetest.Failure{Status: 503, Header: http.Header{"Retry-After": {"1"}}, Next: 1})
				response, err := client.Get(s.URL(resourcetest.JWKS))
				if err != nil {
					t.Error(err)
					return
				}
				response.Header.Add("Retry-After", "2") // the caller can modify the response
				response.Body.Close()
				if response.StatusCode != 200 && response.StatusCode != 503 {
					t.Errorf("status %d", response.StatusCode)
				}
				s.SetMetadata(map[string]any{"x": 1})
				s.Revoke(s.Token(resourcetest.Token{Lifetime: time.Hour}))
				s.ReplaceUnderSameKid(kid)
				s.Withdraw(kid)
				s.Count(resourcetest.Any)
				s.Last(resourcetest.JWKS)
				s.Reset()
			}
		})
	}
	workers.Wait()
	if n := s.Count(resourcetest.JWKS); n != 80 {
		t.Errorf("counted %d, want 80", n)
	}
}
