package resource_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/apikey"
	"github.com/warder-go/warder/resource/resourcetest"
)

// countingVerifier counts the calls of Verify.
type countingVerifier struct {
	resource.Verifier
	calls atomic.Int64
}

func (c *countingVerifier) Verify(ctx context.Context, t *resource.Token) (*resource.Claims, error) {
	c.calls.Add(1)
	return c.Verifier.Verify(ctx, t)
}

// newResource is resource.New for valid configurations.
func newResource(t testing.TB, c resource.Config) *resource.Resource {
	t.Helper()
	res, err := resource.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// Replace takes effect in the middleware, in requirements and in the metadata handler.
func TestReplaceTakesEffect(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Scopes = []string{"old"} })
	keys, err := jwks.New(jwks.Config{Issuer: f.issuer.Identifier(), Transport: f.issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	handler := nethttp.Handler(f.res, nethttp.Require(f.res, "more")(f.inner))
	status := func(scope string) int {
		w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{Audience: identifier, Scope: scope}))
		handler.ServeHTTP(w, req)
		return w.Code
	}
	document := func() string {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, metadataURL, nil))
		return w.Body.String()
	}
	const published = `{"resource":"https://mcp.example.test/mcp","authorization_servers":["ISSUER"],"scopes_supported":["SCOPE"],"bearer_methods_supported":["header"]}`
	check := func(scope, other string) {
		t.Helper()
		if yes, no := status(scope+" more"), status(other+" more"); yes != 200 || no != 403 {
			t.Errorf("with %s: %d, with %s: %d; want 200, 403", scope, yes, other, no)
		}
		if got := status(scope); got != 403 {
			t.Errorf("without the further scope: %d, want 403", got)
		}
		want := strings.NewReplacer("ISSUER", f.issuer.Identifier(), "SCOPE", scope).Replace(published)
		if got := document(); got != want {
			t.Errorf("metadata\n got %s\nwant %s", got, want)
		}
	}
	check("old", "new")
	if err := f.res.Replace(newResource(t, resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: keys}}, Scopes: []string{"new"}})); err != nil {
		t.Fatal(err)
	}
	check("new", "old")
}

// Replace empties the cache only if the change affects the identity of callers.
func TestReplaceAndCache(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	verifier := func() *countingVerifier {
		keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
		if err != nil {
			t.Fatal(err)
		}
		return &countingVerifier{Verifier: keys}
	}
	for _, row := range []struct {
		name   string
		change func(*resource.Config)
		cached bool
	}{
		{"nothing", func(*resource.Config) {}, true},
		{"scopes", func(c *resource.Config) { c.Scopes = []string{"mcp:read"} }, true},
		{"scope hierarchy", func(c *resource.Config) {
			c.Scopes, c.ScopeOptions.Implies = []string{"narrow"}, map[string][]string{"mcp:read": {"narrow"}}
		}, true},
		{"step-up", func(c *resource.Config) { c.ScopeOptions.StepUp = resource.StepUpKeepGranted }, true},
		{"revocation", func(c *resource.Config) {
			c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return false, nil })
		}, false}, // cached callers lack the digest of their token
		{"leeway", func(c *resource.Config) { c.Limits.Leeway = time.Minute }, false},
		{"an audience", func(c *resource.Config) { c.Issuers[0].Audiences = []string{"api://x"} }, false},
		{"StrictRFC9068", func(c *resource.Config) { c.Issuers[0].StrictRFC9068 = true }, false},
		{"an additional issuer", func(c *resource.Config) { c.Opaque = &resource.Issuer{Verifier: verifier()} }, false},
		{"another verifier with the same configuration", func(c *resource.Config) { c.Issuers[0].Verifier = verifier() }, false},
		{"roles", func(c *resource.Config) { c.Issuers[0].RoleClaim = "roles" }, false},
		{"a scope prefix", func(c *resource.Config) {
			c.Issuers[0].ScopePrefix, c.Scopes = "x:", []string{"x:mcp:read"}
		}, false},
		{"authorization servers in the metadata", func(c *resource.Config) { c.Metadata.AuthorizationServers = []string{"https://login.example.test"} }, true},
		{"ResolveIssuer", func(c *resource.Config) {
			c.Hooks.ResolveIssuer = func(string) (*resource.Issuer, bool) { return nil, false }
		}, false},
		{"smaller cache", func(c *resource.Config) { c.Limits.CacheEntries = 10 }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := verifier()
			config := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: v}}}
			f := &fixture{t: t, issuer: issuer, res: newResource(t, config), log: new(logBuffer), unexplained: true} // the test counts calls
			f.inner = func(http.ResponseWriter, *http.Request) {}
			token := f.token(resourcetest.Token{Audience: identifier, Scope: "mcp:read"})
			f.bearer(token)
			config.Issuers = []resource.Issuer{{Verifier: v}}
			row.change(&config)
			if err := f.res.Replace(newResource(t, config)); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if got := f.bearer(token); got.status != 200 {
					t.Errorf("got %+v, want 200", got)
				}
			}
			calls := int64(1)
			if last := config.Issuers[0].Verifier.(*countingVerifier); last != v {
				calls += last.calls.Load()
			}
			if v.calls.Load() > 1 {
				calls = v.calls.Load()
			}
			if cached := calls == 1; cached != row.cached || calls > 2 {
				t.Errorf("verified %d times, want still cached: %t", calls, row.cached)
			}
		})
	}
}

func TestReplaceErrors(t *testing.T) {
	f := newFixture(t, nil)
	newUnused := func() *resource.Resource {
		return newResource(t, resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: &inactiveVerifier{}}})
	}
	used := newUnused()
	if err := f.res.Replace(used); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		of    *resource.Resource
		given *resource.Resource
		want  string
	}{
		{"another identifier", f.res, newResource(t, resource.Config{Identifier: identifier + "/", Opaque: &resource.Issuer{Verifier: &inactiveVerifier{}}}),
			`resource: replace: Identifier: "https://mcp.example.test/mcp/" is not "https://mcp.example.test/mcp": a new identifier needs a restart, because clients and routes depend on it`},
		{"by nil", f.res, nil, "resource: replace: the resource was not made by New"},
		{"by the zero value", f.res, new(resource.Resource), "resource: replace: the resource was not made by New"},
		{"of nil", nil, newUnused(), "resource: replace: the resource was not made by New"},
		{"by itself", f.res, f.res, "resource: replace: a resource that was replaced, or that replaced another, is used again: make one with New"},
		{"by a resource that replaced another", f.res, used, "resource: replace: a resource that was replaced, or that replaced another, is used again: make one with New"},
		{"of a resource that replaced another", used, newUnused(), "resource: replace: a resource that was replaced, or that replaced another, is used again: make one with New"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := row.of.Replace(row.given); err == nil || err.Error() != row.want {
				t.Errorf("\n got %v\nwant %s", err, row.want)
			}
		})
	}
}

// inactiveVerifier rejects every token.
type inactiveVerifier struct{}

func (*inactiveVerifier) Issuer() string { return "https://opaque.example.test" }
func (*inactiveVerifier) Verify(context.Context, *resource.Token) (*resource.Claims, error) {
	return nil, &resource.Error{Reason: resource.ReasonInactive}
}

// At its next check, the current configuration decides about an open stream.
func TestReplaceEndsStreams(t *testing.T) {
	key, digest := apikey.Generate("k_")
	keys := func() *apikey.Verifier {
		v, err := apikey.New(apikey.Config{Resource: identifier, Keys: []apikey.Key{{ID: "k", SHA256: digest, Subject: "k", Scopes: []string{"mcp:read"}}}})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := keys()
	headers := func(v *apikey.Verifier) map[string]resource.HeaderVerifier {
		return map[string]resource.HeaderVerifier{"X-Api-Key": v}
	}
	for _, row := range []struct {
		name   string
		change func(*resource.Config)
		bearer bool // whether the stream of the token ends
		key    bool // whether the stream of the key ends
	}{
		{"nothing", func(*resource.Config) {}, false, false},
		{"another required scope", func(c *resource.Config) { c.Scopes = []string{"mcp:read", "more"} }, true, true},
		{"the field removed", func(c *resource.Config) { c.Credentials.Headers = nil }, false, true},
		{"another verifier for the field", func(c *resource.Config) { c.Credentials.Headers = headers(keys()) }, false, true},
		{"the issuer removed", func(c *resource.Config) {
			c.Issuers, c.Opaque = nil, &resource.Issuer{Verifier: &inactiveVerifier{}}
		}, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(c *resource.Config, _ *jwks.Config) { c.Credentials.Headers = headers(first) }, func(t *testing.T, f *fixture) {
				verifier, err := jwks.New(jwks.Config{Issuer: f.issuer.Identifier(), Transport: f.issuer.Transport()})
				if err != nil {
					t.Fatal(err)
				}
				config := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier}}, Credentials: resource.Credentials{Headers: headers(first)}}
				row.change(&config)
				token := f.open(getRequest(), f.token(resourcetest.Token{Audience: identifier, Scope: "mcp:read", Lifetime: time.Hour}))
				defer token.disconnect()
				withKey := getRequest()
				withKey.Header.Set("X-Api-Key", key)
				static := startStreamWith(nethttp.Middleware(f.res), withKey)
				defer static.disconnect()
				synctest.Wait()
				if err := f.res.Replace(newResource(t, config)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(streamCheckInterval + time.Millisecond)
				synctest.Wait()
				if got := token.ended(); got != row.bearer {
					t.Errorf("stream of a token ended: %t, want %t; log: %s", got, row.bearer, f.log.take())
				}
				if got := static.ended(); got != row.key {
					t.Errorf("stream of a key ended: %t, want %t; log: %s", got, row.key, f.log.take())
				}
			})
		})
	}
}

// Series of the resource continue, series of removed verifiers end, and Gather succeeds.
func TestReplaceAndMetrics(t *testing.T) {
	f := newFixture(t, nil)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(f.res.Metrics())
	count := func(name string) int {
		t.Helper()
		n, err := testutil.GatherAndCount(registry, name)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	f.bearer(f.token(resourcetest.Token{Audience: identifier}))
	if n := count("warder_keyset_keys"); n != 1 {
		t.Errorf("got %d series of keys, want 1", n)
	}
	if err := f.res.Replace(newResource(t, resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: &inactiveVerifier{}}})); err != nil {
		t.Fatal(err)
	}
	f.bearer("opaque")
	if n := count("warder_keyset_keys"); n != 0 {
		t.Errorf("got %d series of keys, want 0", n)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() == "warder_decisions_total" {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	if sum != 2 {
		t.Errorf("got %v decisions, want 2: one before and one after", sum)
	}
}

// One configuration decides about a whole request, also if Replace is called during the
// request. After a thousand calls under load, no answer mixes two configurations.
func TestReplaceUnderLoad(t *testing.T) {
	f := newFixture(t, nil)
	keys := func() resource.Verifier {
		v, err := jwks.New(jwks.Config{Issuer: f.issuer.Identifier(), Transport: f.issuer.Transport()})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	shared := keys()
	// A configuration has the mark in its required scopes and in its hierarchy.
	config := func(n int) resource.Config {
		mark := []string{"even", "odd"}[n%2]
		c := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: shared}}, Scopes: []string{mark}, Logger: slog.New(slog.DiscardHandler),
			ScopeOptions: resource.ScopeOptions{Implies: map[string][]string{"mcp:all": {mark, mark + ":more"}}}}
		if n%10 == 9 {
			c.Issuers[0].Verifier = keys() // starts with an empty cache
		}
		return c
	}
	if err := f.res.Replace(newResource(t, config(0))); err != nil {
		t.Fatal(err)
	}
	all := f.token(resourcetest.Token{Audience: identifier, Scope: "mcp:all"})
	none := f.token(resourcetest.Token{Audience: identifier, Scope: "other"})
	plain := nethttp.Middleware(f.res)(f.inner)
	evenMore := nethttp.Middleware(f.res)(nethttp.Require(f.res)(nethttp.Middleware(f.res)(nethttp.Require(f.res)(f.inner))))
	send := func(h http.Handler, token string) (int, string) {
		w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		h.ServeHTTP(w, req)
		return w.Code, w.Header().Get("WWW-Authenticate")
	}
	var group sync.WaitGroup
	var calls, wrong atomic.Int64
	done := make(chan struct{})
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				calls.Add(2)
				if status, _ := send(evenMore, all); status != 200 {
					wrong.Add(1)
				}
				status, challenge := send(plain, none)
				if even, odd := strings.Contains(challenge, `scope="even"`), strings.Contains(challenge, `scope="odd"`); status != 403 || even == odd {
					wrong.Add(1)
				}
			}
		})
	}
	replacements := 1000
	if testing.Short() {
		replacements = 200
	}
	for n := range replacements {
		if err := f.res.Replace(newResource(t, config(n))); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	group.Wait()
	if wrong.Load() != 0 || calls.Load() == 0 {
		t.Errorf("%d wrong answers of %d", wrong.Load(), calls.Load())
	}
	t.Logf("%d requests", calls.Load())
}

// Forget and public operations use the current configuration.
func TestForgetAndPublicAfterReplace(t *testing.T) {
	f := newFixture(t, nil)
	keys, err := jwks.New(jwks.Config{Issuer: f.issuer.Identifier(), Transport: f.issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	v := &countingVerifier{Verifier: keys}
	if err := f.res.Replace(newResource(t, resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: v}},
		Operations: resource.Operations{Public: []string{"ping"}, Methods: map[string][]string{"tools/list": nil}}})); err != nil {
		t.Fatal(err)
	}
	handler := nethttp.Middleware(f.res)(nethttp.Require(f.res)(f.inner))
	send := func(method, token string) int {
		w, req := httptest.NewRecorder(), postRequest(method, method)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		handler.ServeHTTP(w, req)
		return w.Code
	}
	if open, closed := send("ping", ""), send("tools/list", ""); open != 200 || closed != 401 {
		t.Errorf("without a token: got %d, %d, want 200, 401", open, closed)
	}
	token := f.token(resourcetest.Token{Audience: identifier})
	for range 2 {
		if got := send("tools/list", token); got != 200 {
			t.Errorf("got %d, want 200", got)
		}
	}
	f.res.Forget(token)
	send("tools/list", token)
	if n := v.calls.Load(); n != 2 {
		t.Errorf("verified %d times, want 2: once, and once after Forget", n)
	}
}
