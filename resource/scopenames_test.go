package resource_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const app = "api://app/"

// newEntra returns an authorization server whose clients request longer names of scopes than its
// tokens have, and a resource.Issuer for it.
func newEntra(t *testing.T) (*resourcetest.Issuer, resource.Issuer) {
	t.Helper()
	entra, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://entra.example.test/v2.0", ScopesSupported: []string{app + "mcp.read", app + "mcp.run"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(entra.Close)
	keys, err := jwks.New(jwks.Config{Issuer: entra.Identifier(), Transport: entra.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	return entra, resource.Issuer{Verifier: keys, ScopePrefix: app,
		ScopeNames: map[string]string{"mcp:read": app + "mcp.read", "mcp:run": app + "mcp.run"}, UnavailableScopes: []string{"env:prod"}}
}

// tokenAt returns a token that is a minute old, see fixture.token.
func tokenAt(issuer *resourcetest.Issuer, scope string) string {
	return issuer.Token(resourcetest.Token{Scope: scope, IssuedAt: time.Now().Add(-time.Minute)})
}

// newTwoIssuers returns a fixture with Keycloak first and Entra second.
func newTwoIssuers(t *testing.T, change func(*resource.Config)) (f *fixture, entra *resourcetest.Issuer) {
	t.Helper()
	keycloak, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://keycloak.example.test/realms/a", ScopesSupported: []string{"mcp:read", "mcp:run", "env:prod", "ops"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keycloak.Close)
	entra, second := newEntra(t)
	return newFixtureWith(t, keycloak, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers = append(c.Issuers, second)
		c.Scopes = []string{"mcp:read"}
		c.Operations.Tools = map[string][]string{"run": {"mcp:run"}, "prod": {"env:prod | mcp:run"}, "only-keycloak": {"env:prod"}}
		c.Metadata.ScopesSupported = []string{"mcp:read", "mcp:run", "env:prod"}
		if change != nil {
			change(c)
		}
	}), entra
}

// The clients of two issuers request what their challenges name, and are accepted.
func TestClientsOfTwoIssuers(t *testing.T) {
	f, entra := newTwoIssuers(t, nil)
	client := &http.Client{Transport: f.issuer.Transport(entra)}
	// login requests a token with the scopes and returns the granted ones. These servers do not
	// grant other scopes than theirs.
	login := func(issuer *resourcetest.Issuer, scope string) (token, granted string) {
		response, err := client.PostForm(issuer.URL(resourcetest.TokenEndpoint), url.Values{"grant_type": {"client_credentials"}, "scope": {scope}, "resource": {identifier},
			"client_id": {resourcetest.DefaultClientID}, "client_secret": {resourcetest.DefaultClientSecret}})
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var body struct {
			Token string `json:"access_token"`
			Scope string `json:"scope"`
		}
		if err := json.NewDecoder(response.Body).Decode(&body); err != nil || body.Token == "" {
			t.Fatalf("no token for scope %q: %s, error %v", scope, response.Status, err)
		}
		if issuer == entra { // Entra's tokens have short names
			body.Token = tokenAt(entra, strings.ReplaceAll(body.Scope, app, ""))
		}
		return body.Token, body.Scope
	}
	named := func(a answer) string {
		_, scope, _ := strings.Cut(a.challenge, `scope="`)
		scope, _, _ = strings.Cut(scope, `"`)
		return scope
	}
	run := rpcCall("tools/call", `{"name":"run"}`)
	for _, row := range []struct {
		name   string
		issuer *resourcetest.Issuer
		first  string // scopes of the first token; "": those that the 401 names
		want   string
	}{
		{"Keycloak", f.issuer, "", "mcp:read mcp:run"},
		{"Entra", entra, app + "mcp.read", app + "mcp.read " + app + "mcp.run"},
	} {
		first := row.first
		if first == "" {
			first = named(f.post("", run))
		}
		token, _ := login(row.issuer, first)
		refused := f.post(token, run)
		f.expect(row.name+", first token", refused, insufficient(row.want))
		token, granted := login(row.issuer, named(refused))
		if granted != row.want {
			t.Errorf("%s: granted %q, want %q", row.name, granted, row.want)
		}
		f.expect(row.name+", second token", f.post(token, run), accepted)
	}
}

func TestScopeNames(t *testing.T) {
	var events eventLog
	f, entra := newTwoIssuers(t, func(c *resource.Config) { c.Hooks.Observers = []resource.Observer{&events} })
	call := func(tool string) string { return rpcCall("tools/call", `{"name":"`+tool+`"}`) }
	for _, row := range []struct {
		name   string
		issuer *resourcetest.Issuer
		scope  string
		tool   string
		want   answer
	}{
		{"Keycloak", f.issuer, "mcp:read mcp:run", "run", accepted},
		{"Keycloak, nothing", f.issuer, "", "run", insufficient("mcp:read mcp:run")},
		{"Keycloak with Entra's names", f.issuer, app + "mcp.read mcp.read", "run", insufficient("mcp:read mcp:run")},
		{"Entra", entra, "mcp.read mcp.run", "run", accepted},
		{"Entra, nothing", entra, "", "run", insufficient(app + "mcp.read " + app + "mcp.run")},
		{"Entra with the names of the configuration", entra, "mcp:read mcp:run", "run", insufficient(app + "mcp.read " + app + "mcp.run")},
		{"Entra with long names", entra, app + "mcp.read " + app + "mcp.run", "run", insufficient(app + "mcp.read " + app + "mcp.run")},
		{"Keycloak, the first alternative", f.issuer, "mcp:read", "prod", insufficient("mcp:read env:prod")},
		{"Entra, the alternative that exists there", entra, "mcp.read", "prod", insufficient(app + "mcp.read " + app + "mcp.run")},
		{"Keycloak, a scope that only Keycloak has", f.issuer, "mcp:read", "only-keycloak", insufficient("mcp:read env:prod")},
		{"Entra, a scope that only Keycloak has", entra, "mcp.read env:prod", "only-keycloak", noScope},
	} {
		f.expect(row.name, f.post(tokenAt(row.issuer, row.scope), call(row.tool)), row.want)
	}
	caller := f.decide(t.Context(), tokenAt(entra, "mcp.read other"), rpcCall("ping", `{}`)).Caller
	if got, want := fmt.Sprint(caller.Scopes(), caller.AllScopes(), caller.Has("mcp:read"), caller.Has(app+"mcp.read")), "[mcp:read api://app/other] [mcp:read api://app/other] true false"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	f.log.take()
	f.post(tokenAt(entra, "mcp.read"), call("only-keycloak"))
	if log := f.log.take(); !strings.Contains(log, `"reason":"scope_unavailable","status":403`) || !strings.Contains(log, `"got":"mcp:read","want":"env:prod"`) {
		t.Errorf("log is %s", log)
	}
	f.post(tokenAt(entra, "mcp.run"), call("run"))
	if log := f.log.take(); !strings.Contains(log, `"got":"mcp:run","want":"mcp:read mcp:run"`) {
		t.Errorf("log is %s", log)
	}
	last := events[len(events)-2:]
	if got, want := fmt.Sprint(last[0].Reason, last[0].Needed, last[1].Reason, last[1].Needed), "scope_unavailable[]insufficient_scope[mcp:read mcp:run]"; got != want {
		t.Errorf("events: got %s, want %s", got, want)
	}
}

// A 401 for a token of a published issuer has the names of this issuer, so that the client can log in
// again there. The token can be expired or forged: it selects among configured texts only.
func TestNamesOfUnverifiedTokens(t *testing.T) {
	f, entra := newTwoIssuers(t, nil)
	named := func(a answer, scope string) answer {
		a.challenge = scoped(scope) + a.challenge[len(noCredentials.challenge):]
		return a
	}
	hint := func(a answer) answer { return named(a, "mcp:read") }
	ofIssuer := func(a answer) answer { return named(a, app+"mcp.read") }
	f.expect("no token", f.authorize(), hint(noCredentials))
	f.expect("a forged token", f.bearer(entra.Token(resourcetest.Token{Fault: resourcetest.WrongSignature, IssuedAt: time.Now().Add(-time.Minute)})), ofIssuer(invalid))
	f.expect("an expired token", f.bearer(entra.Token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Hour)})), ofIssuer(expired))
	f.expect("an unknown issuer", f.bearer(entra.Token(resourcetest.Token{Claims: claims{"iss": "https://evil.example.test"}})), hint(invalid))
	f.expect("another audience", f.bearer(entra.Token(resourcetest.Token{Audience: "https://other.example.test"})), ofIssuer(invalid))
}

// A 401 and the metadata have the names of the first published issuer.
func TestNamesOfFirstIssuer(t *testing.T) {
	_, entra := newEntra(t)
	tenant := entra
	tenant.Verifier = verifierFunc{issuer: "https://login.example.test/{tenantid}/v2.0"}
	tenant.Tenants = &resource.Tenants{Allow: []string{"a"}}
	other := resource.Issuer{Verifier: verifier(t)}
	for _, row := range []struct {
		name   string
		change func(*resource.Config)
		hint   string
		all    string
	}{
		{"the first of two", func(c *resource.Config) { c.Issuers = []resource.Issuer{other, entra} }, "mcp:read", "mcp:read mcp:run env:prod"},
		{"the other order", func(c *resource.Config) { c.Issuers = []resource.Issuer{entra, other} }, app + "mcp.read", app + "mcp.read " + app + "mcp.run"},
		{"only Opaque", func(c *resource.Config) { c.Opaque = &entra }, app + "mcp.read", app + "mcp.read " + app + "mcp.run"},
		{"tenants", func(c *resource.Config) {
			c.Issuers = []resource.Issuer{tenant}
			c.Metadata.AuthorizationServers = []string{"https://login.example.test/organizations"}
		}, app + "mcp.read", app + "mcp.read " + app + "mcp.run"},
		{"tenants after another issuer", func(c *resource.Config) { c.Issuers = []resource.Issuer{tenant, other} }, "mcp:read", "mcp:read mcp:run env:prod"},
		{"ScopeOptions.Challenge", func(c *resource.Config) {
			c.Issuers, c.ScopeOptions.Challenge = []resource.Issuer{entra}, []string{"openid", "mcp:run", "env:prod"}
		}, "openid " + app + "mcp.run", app + "mcp.read " + app + "mcp.run"},
		{"the default of ScopesSupported", func(c *resource.Config) {
			c.Issuers, c.Metadata.ScopesSupported, c.Scopes = []resource.Issuer{entra}, nil, []string{"env:prod | mcp:run mcp:read"}
		}, app + "mcp.run " + app + "mcp.read", app + "mcp.run " + app + "mcp.read"},
	} {
		c := resource.Config{Identifier: identifier, Scopes: []string{"mcp:read"}, Logger: slog.New(slog.DiscardHandler), Metadata: metadata.Document{ScopesSupported: []string{"mcp:read", "mcp:run", "env:prod"}}}
		row.change(&c)
		f := &fixture{t: t, res: newResource(t, c)}
		want := noCredentials
		want.challenge = scoped(row.hint)
		f.expect(row.name, f.authorize(), want)
		if got := strings.Join(f.res.Metadata().ScopesSupported, " "); got != row.all {
			t.Errorf("%s: scopes_supported is %q, want %q", row.name, got, row.all)
		}
	}
}

// A caller whose credential is not an access token would log in at the first published issuer. Its
// next token has nothing of what the credential has.
func TestNamesForOtherCredentials(t *testing.T) {
	_, entra := newEntra(t)
	robot := keywordVerifier{"https://keys.example.test", func(c *resource.Claims) { c.Scopes = []string{"env:prod", "mcp:run"} }}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers[0] = entra
		c.Scopes = []string{"mcp:read"}
		c.Operations.Tools = map[string][]string{"prod": {"env:prod | mcp:run"}, "only-keys": {"env:prod"}}
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Api-Key": robot}
		c.Credentials.Prefixed = map[string]resource.Issuer{"pat_": {Verifier: robot, ScopeNames: map[string]string{"mcp:read": "x"}}}
	})
	for _, headers := range [][]string{{"X-Api-Key", "secret"}, {"Authorization", "Bearer pat_secret"}} {
		post := func(tool string) answer { return f.post("", rpcCall("tools/call", `{"name":"`+tool+`"}`), headers...) }
		f.expect("the names of Entra", post("prod"), ofOtherCredential(insufficient(app+"mcp.read "+app+"mcp.run")))
		f.expect("a scope that Entra does not have", post("only-keys"), noScope)
	}
}

// A challenge for another credential keeps none of its scopes that the login issuer cannot grant:
// the authorization server could reject the login with invalid_scope (RFC 6749 §4.1.2.1).
func TestKeptScopesOfOtherCredentials(t *testing.T) {
	robot := keywordVerifier{"https://keys.example.test", func(c *resource.Claims) { c.Scopes = []string{"env:prod", "mcp:run"} }}
	for _, unavailable := range [][]string{nil, {"env:prod"}} {
		_, entra := newEntra(t)
		entra.UnavailableScopes = unavailable
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Issuers[0], c.Scopes = entra, []string{"mcp:read"}
			c.Operations.Tools = map[string][]string{"prod": {"env:prod | mcp:run"}}
			c.ScopeOptions.StepUp = resource.StepUpKeepGranted
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Api-Key": robot}
		})
		got := f.post("", rpcCall("tools/call", `{"name":"prod"}`), "X-Api-Key", "secret")
		f.expect(fmt.Sprint("unavailable ", unavailable), got, ofOtherCredential(insufficient(app+"mcp.read "+app+"mcp.run")))
		if log := f.log.take(); !strings.Contains(log, `"want":"mcp:read mcp:run"`) {
			t.Errorf("unavailable %v: log is %s", unavailable, log)
		}
	}
}

// Issuers with tenants and those that a function returns have names too.
func TestScopeNamesOfTenantsAndResolvedIssuers(t *testing.T) {
	server, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://login.example.test/a/v2.0"})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	keys, err := jwks.New(jwks.Config{Issuer: "https://login.example.test/{tenantid}/v2.0", URL: server.URL(resourcetest.JWKS), Transport: server.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"mcp:read": "read.all"}
	r := newResolverFixture(t, func(c *resource.Config) {
		c.Issuers = append(c.Issuers, resource.Issuer{Verifier: keys, ScopeNames: names, Tenants: &resource.Tenants{Allow: []string{"a"}}})
		c.Scopes = []string{"mcp:read"}
	}, "b", "wrong")
	r.known[r.servers["b"].Identifier()].ScopeNames = names
	r.known[r.servers["wrong"].Identifier()].ScopeNames = map[string]string{"mcp:other": "read.all"}
	tenant := func(scope string) string {
		return server.Token(resourcetest.Token{Scope: scope, IssuedAt: time.Now().Add(-time.Minute), Claims: claims{"tid": "a"}})
	}
	r.expect("a tenant", r.bearer(tenant("read.all")), accepted)
	r.expect("a tenant, with the name of the configuration", r.bearer(tenant("mcp:read")), insufficient("read.all"))
	r.expect("a resolved issuer", r.bearer(tokenAt(r.servers["b"], "read.all")), accepted)
	r.expect("a resolved issuer, with the name of the configuration", r.bearer(tokenAt(r.servers["b"], "mcp:read")), insufficient("read.all"))
	r.expect("a resolved issuer with a mistake", r.bearer(tokenAt(r.servers["wrong"], "read.all")), failed)
}

// Other names clear the cache: what a token grants has changed.
func TestReplaceScopeNames(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Scopes = []string{"mcp:read"} })
	keys, err := jwks.New(jwks.Config{Issuer: f.issuer.Identifier(), Transport: f.issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	next := func(change func(*resource.Issuer)) *resource.Resource {
		c := resource.Config{Identifier: identifier, Scopes: []string{"mcp:read | mcp:run"}, Logger: slog.New(slog.DiscardHandler), Issuers: []resource.Issuer{{Verifier: keys}}}
		change(&c.Issuers[0])
		return newResource(t, c)
	}
	token := f.token(resourcetest.Token{Scope: "mcp:read"})
	f.expect("before", f.bearer(token), accepted)
	for _, row := range []struct {
		name   string
		change func(*resource.Issuer)
		want   answer
	}{
		{"the same names", func(*resource.Issuer) {}, accepted},
		{"another name", func(i *resource.Issuer) { i.ScopeNames = map[string]string{"mcp:read": "x"} }, insufficient("x")},
		{"yet another name", func(i *resource.Issuer) { i.ScopeNames = map[string]string{"mcp:read": "y"} }, insufficient("y")},
		{"unavailable", func(i *resource.Issuer) { i.UnavailableScopes = []string{"mcp:read"} }, insufficient("mcp:run")},
		{"as before", func(*resource.Issuer) {}, accepted},
	} {
		if err := f.res.Replace(next(row.change)); err != nil {
			t.Fatal(err)
		}
		f.expect(row.name, f.bearer(token), row.want)
		f.expect(row.name+", cached", f.bearer(token), row.want)
	}
}

func TestScopeNamesMistakes(t *testing.T) {
	const notDeclared = " is not a scope of the configuration; list scopes that only the program requires in Metadata.ScopesSupported"
	for _, row := range []struct {
		name        string
		prefix      string
		names       map[string]string
		unavailable []string
		want        string // "": none
	}{
		{"valid", "", map[string]string{"a": "x", "b": "y"}, []string{"c"}, ""},
		{"swapped names", "", map[string]string{"a": "b", "b": "a"}, nil, ""},
		{"the name of a scope that is unavailable", "", map[string]string{"a": "c"}, []string{"c"}, ""},
		{"an issuer's name with a bar", "", map[string]string{"a": "x|y"}, nil, ""},
		{"not in the configuration", "", map[string]string{"z": "x"}, nil, `Issuers[0].ScopeNames["z"]: "z"` + notDeclared},
		{"empty name", "", map[string]string{"a": ""}, nil, `Issuers[0].ScopeNames["a"]: "" is not a scope (RFC 6749 §3.3); list scopes that the issuer does not have in UnavailableScopes`},
		{"two scopes as a name", "", map[string]string{"a": "x y"}, nil, `Issuers[0].ScopeNames["a"]: "x y" is not a scope (RFC 6749 §3.3)`},
		{"a quote, which would end the challenge", "", map[string]string{"a": `x",`}, nil, `Issuers[0].ScopeNames["a"]: "x\"," is not a scope (RFC 6749 §3.3)`},
		{"offline_access", "", map[string]string{"a": "offline_access"}, nil, `Issuers[0].ScopeNames["a"]: offline_access is between client and authorization server`},
		{"one name for two scopes", "", map[string]string{"a": "x", "b": "x"}, nil, `Issuers[0].ScopeNames["b"]: "x" is the name of "a" already; each scope needs a name of its own`},
		{"the name of another scope", "", map[string]string{"a": "c"}, nil, `Issuers[0].ScopeNames["a"]: "c" is another scope of the configuration, which has the same name; give it another name, or list it in UnavailableScopes`},
		{"a name without the prefix", "api://x/", map[string]string{"a": "mcp.read", "b": "api://x/b"}, nil, `Issuers[0].ScopeNames["a"]: "mcp.read" does not begin with ScopePrefix "api://x/", as all scopes of the issuer do; write the name as clients request it`},
		{"a prefix with which no scope is left", "api://x/", nil, nil, `ScopePrefix of issuer "https://auth.example.test": no scope of the configuration begins with "api://x/"; write scopes as clients request them, or set ScopeNames`},
		{"unavailable, not in the configuration", "", nil, []string{"z"}, `Issuers[0].UnavailableScopes[0]: "z"` + notDeclared},
		{"unavailable twice", "", nil, []string{"c", "c"}, `Issuers[0].UnavailableScopes[1]: duplicate scope "c"`},
		{"unavailable, with a name", "", map[string]string{"c": "x"}, []string{"c"}, `Issuers[0].UnavailableScopes[0]: "c" has a name in ScopeNames; remove one of the two`},
		{"unavailable, but every request needs it", "", nil, []string{"a"}, `Scopes: no token of issuer "https://auth.example.test" can have "a", because of its ScopePrefix, ScopeNames or UnavailableScopes; add an alternative that the issuer has`},
	} {
		given := resource.Issuer{Verifier: verifier(t), ScopePrefix: row.prefix, ScopeNames: row.names, UnavailableScopes: row.unavailable}
		c := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{given}, Scopes: []string{"a"}}
		c.Operations.Tools = map[string][]string{"t": {"b | c"}}
		_, err := resource.New(c)
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s (-want +got)\n- %s\n+ %v", row.name, row.want, err)
		}
		c.Issuers[0].RoleClaim = "roles" // can grant every scope
		if _, err := resource.New(c); row.name == "unavailable, but every request needs it" && err != nil {
			t.Errorf("%s, but roles can grant it: %v", row.name, err)
		}
	}
}

// New copies names: a program can change its own afterwards.
func TestScopeNamesAreCopied(t *testing.T) {
	names, unavailable := map[string]string{"a": "x"}, []string{"b"}
	c := resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: claimsVerifier{}, ScopeNames: names, UnavailableScopes: unavailable}, Scopes: []string{"b | a"}, Logger: slog.New(slog.DiscardHandler)}
	f := &fixture{t: t, res: newResource(t, c)}
	names["a"], unavailable[0] = "y", "a"
	f.inner = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	f.expect("x", f.bearer(claimsToken(t, []string{"x"}, nil)), accepted)
	f.expect("y", f.bearer(claimsToken(t, []string{"y", "b"}, nil)), insufficient("x"))
}

// The metadata and each challenge name the same scopes for every request.
func TestScopeNamesAreDeterministic(t *testing.T) {
	var first []string
	for range 20 {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Scopes = []string{"narrow", "x | y"}
			c.ScopeOptions.Implies = map[string][]string{"w1": {"narrow"}, "w2": {"narrow"}, "w3": {"narrow", "x"}, "w4": {"y"}}
			c.Issuers[0].UnavailableScopes = []string{"narrow", "w1", "x"}
		})
		got := append(f.res.Metadata().ScopesSupported, f.authorize().challenge, f.bearer(f.token(resourcetest.Token{})).challenge)
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) {
			t.Fatalf("got %q, then %q", first, got)
		}
	}
	if want := insufficient("w2 w3").challenge; !slices.Contains(first, want) {
		t.Errorf("got %q, want %q", first, want)
	}
}
