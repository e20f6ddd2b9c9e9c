package resource_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// resolverFixture is a fixture with issuers that only Hooks.ResolveIssuer returns.
type resolverFixture struct {
	*fixture
	servers map[string]*resourcetest.Issuer
	known   map[string]*resource.Issuer
	calls   []string
}

func newResolverFixture(t testing.TB, change func(*resource.Config), names ...string) *resolverFixture {
	t.Helper()
	r := &resolverFixture{servers: map[string]*resourcetest.Issuer{}, known: map[string]*resource.Issuer{}}
	for _, name := range names {
		server, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://" + name + ".realms.example.test"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		keys, err := jwks.New(jwks.Config{Issuer: server.Identifier(), Transport: server.Transport()})
		if err != nil {
			t.Fatal(err)
		}
		r.servers[name], r.known[server.Identifier()] = server, &resource.Issuer{Verifier: keys}
	}
	r.fixture = newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Hooks.ResolveIssuer = func(iss string) (*resource.Issuer, bool) {
			r.calls = append(r.calls, iss)
			i, ok := r.known[iss]
			return i, ok
		}
		if change != nil {
			change(c)
		}
	})
	return r
}

func (r *resolverFixture) tokenOf(name string) string {
	return r.servers[name].Token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Minute), Lifetime: time.Hour})
}

func TestResolveIssuer(t *testing.T) {
	r := newResolverFixture(t, nil, "a", "b")
	r.unexplained = true // the test counts calls
	r.expect("a configured issuer", r.bearer(r.token(resourcetest.Token{})), accepted)
	if len(r.calls) != 0 {
		t.Errorf("ResolveIssuer called with %q", r.calls)
	}
	r.expect("a", r.bearer(r.tokenOf("a")), accepted)
	r.expect("a again", r.bearer(r.tokenOf("a")), accepted)
	r.expect("b", r.bearer(r.tokenOf("b")), accepted)
	forged := r.servers["a"].Token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Minute), Claims: map[string]any{"iss": r.servers["b"].Identifier()}})
	r.expect("signed by a, iss is b", r.bearer(forged), invalid)
	if got, want := fmt.Sprint(r.calls), fmt.Sprint([]string{r.servers["a"].Identifier(), r.servers["b"].Identifier()}); got != want {
		t.Errorf("calls of ResolveIssuer (-want +got)\n- %s\n+ %s", want, got)
	}
	for _, iss := range []string{"https://c.realms.example.test", r.servers["a"].Identifier() + "/"} {
		token := func() string { return r.token(resourcetest.Token{Claims: map[string]any{"iss": iss}}) }
		before := len(r.calls)
		r.expect(iss, r.bearer(token()), invalid)
		r.expect(iss+" again", r.bearer(token()), invalid)
		if len(r.calls) != before+2 {
			t.Errorf("%s was cached: ResolveIssuer called with %q", iss, r.calls[before:])
		}
	}
	before := len(r.calls)
	for _, iss := range []string{"x", "https://a b", "https://u:p@a.realms.example.test", "https://a.realms.example.test?x", "https://a.realms.example.test#x", "file:///etc/passwd", "https://a.realms.example.test/\u212a", "https://h/{tenantid}"} {
		r.expect(iss, r.bearer(r.token(resourcetest.Token{Claims: map[string]any{"iss": iss}})), invalid)
	}
	if len(r.calls) != before {
		t.Errorf("ResolveIssuer called with invalid issuers: %q", r.calls[before:])
	}
}

// An issuer that ResolveIssuer no longer returns is rejected within a minute, also for cached
// tokens.
func TestResolvedIssuerRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newResolverFixture(t, nil, "a")
		token := r.tokenOf("a")
		r.expect("known", r.bearer(token), accepted)
		iss := r.servers["a"].Identifier()
		known := r.known[iss]
		delete(r.known, iss)
		time.Sleep(resolvedIssuerTTL - time.Second)
		r.expect("in the last second", r.bearer(token), accepted)
		time.Sleep(time.Second)
		r.expect("unknown", r.bearer(token), invalid)
		r.known[iss] = known
		r.expect("known again", r.bearer(token), accepted)
		if n := r.servers["a"].Count(resourcetest.JWKS); n != 1 {
			t.Errorf("keys were fetched %d times by one verifier", n)
		}
	})
}

// A changed result of ResolveIssuer takes effect within a minute, also for cached tokens: a
// role without scopes, a removed audience, other keys.
func TestResolvedIssuerChanges(t *testing.T) {
	for name, row := range map[string]struct {
		before resource.Issuer
		want   answer
	}{
		"no change":                   {resource.Issuer{}, accepted},
		"an audience removed":         {resource.Issuer{Audiences: []string{"https://old.example"}}, invalid},
		"the scope of a role removed": {resource.Issuer{RoleClaim: "roles", RoleScopes: map[string][]string{"Reader": {"read"}}}, insufficient("read")},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newResolverFixture(t, func(c *resource.Config) {
				if row.want != accepted && row.want != invalid {
					c.Scopes = []string{"read"}
				}
			}, "a")
			iss := r.servers["a"].Identifier()
			after := r.known[iss]
			row.before.Verifier = after.Verifier
			r.known[iss] = &row.before
			audience := identifier
			if row.before.Audiences != nil {
				audience = row.before.Audiences[0]
			}
			token := r.servers["a"].Token(resourcetest.Token{Lifetime: time.Hour, Audience: audience, Claims: map[string]any{"roles": []string{"Reader"}}})
			r.expect(name+": before", r.bearer(token), accepted)
			r.known[iss] = after
			time.Sleep(resolvedIssuerTTL)
			r.expect(name+": after", r.bearer(token), row.want)
			r.expect(name+": again", r.bearer(token), row.want)
			if n := r.servers["a"].Count(resourcetest.JWKS); n != 1 {
				t.Errorf("%s: keys were fetched %d times by one verifier", name, n)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := newResolverFixture(t, nil, "a")
		iss := r.servers["a"].Identifier()
		token := r.tokenOf("a")
		r.expect("before", r.bearer(token), accepted)
		replacement, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: iss})
		if err != nil {
			t.Fatal(err)
		}
		defer replacement.Close()
		keys, err := jwks.New(jwks.Config{Issuer: iss, Transport: replacement.Transport()})
		if err != nil {
			t.Fatal(err)
		}
		r.known[iss] = &resource.Issuer{Verifier: keys}
		time.Sleep(resolvedIssuerTTL)
		r.expect("other keys", r.bearer(token), invalid)
	})
}

// The cache of issuers is bounded. ResolveIssuer is called again for an evicted issuer.
func TestMaxResolvedIssuers(t *testing.T) {
	for most, want := range map[int]int{2: 6, 3: 3, 0: 3} {
		r := newResolverFixture(t, func(c *resource.Config) { c.Limits.MaxResolvedIssuers, c.Limits.CacheTTL = most, -1 }, "a", "b", "c")
		for range 2 {
			for _, name := range []string{"a", "b", "c"} {
				r.expect(name, r.bearer(r.tokenOf(name)), accepted)
			}
		}
		if len(r.calls) != want {
			t.Errorf("limit %d: ResolveIssuer called %d times, want %d", most, len(r.calls), want)
		}
	}
}

// At most 100 issuers without a verified token are added at once, because each can cause a
// fetch of keys.
func TestUnprovenIssuersAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Hooks.ResolveIssuer = func(iss string) (*resource.Issuer, bool) {
				return &resource.Issuer{Verifier: verifierFunc{iss, func() (*resource.Claims, error) { return nil, errors.New("no") }}}, true
			}
		})
		answers := map[int]int{}
		for n := range 1000 {
			answers[f.bearer(f.token(resourcetest.Token{Claims: map[string]any{"iss": fmt.Sprintf("https://h/%d", n)}})).status]++
		}
		if answers[401] != 100 || answers[503] != 900 {
			t.Errorf("got %v, want 100 times 401 and 900 times 503", answers)
		}
		f.expect("a configured issuer", f.bearer(f.token(resourcetest.Token{})), accepted)
	})
}

func TestResolveIssuerInvalidResults(t *testing.T) {
	for name, row := range map[string]struct {
		resolve func(iss string) (*resource.Issuer, bool)
		log     string
	}{
		"panics":                     {func(string) (*resource.Issuer, bool) { panic("secret") }, "a configured function panicked with a string"},
		"nil issuer":                 {func(string) (*resource.Issuer, bool) { return nil, true }, "Hooks.ResolveIssuer: returned true and a nil issuer"},
		"no verifier":                {func(string) (*resource.Issuer, bool) { return new(resource.Issuer), true }, "Hooks.ResolveIssuer: returned an invalid issuer: the issuer.Verifier: nil"},
		"verifier of another issuer": {func(string) (*resource.Issuer, bool) { return &resource.Issuer{Verifier: verifier(t)}, true }, `Hooks.ResolveIssuer: returned an invalid issuer: its verifier is for \"https://auth.example.test\", not for \"https://a.realms.example.test\"`},
		"empty audience": {func(iss string) (*resource.Issuer, bool) {
			return &resource.Issuer{Verifier: verifierFunc{issuer: iss}, Audiences: []string{""}}, true
		}, "name an audience; a setting that accepts every audience does not exist"},
		"tenants": {func(iss string) (*resource.Issuer, bool) {
			return &resource.Issuer{Verifier: verifierFunc{issuer: iss}, Tenants: &resource.Tenants{Allow: []string{"a"}}}, true
		}, "only an entry of Issuers can have tenants"},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Hooks.ResolveIssuer = row.resolve })
		token := f.token(resourcetest.Token{Claims: map[string]any{"iss": "https://a.realms.example.test"}})
		f.expect(name, f.bearer(token), failed)
		if log := f.log.take(); !strings.Contains(log, row.log) || strings.Contains(log, "secret") {
			t.Errorf("%s: log is %s", name, log)
		}
	}
	// The first result is valid. The second, for a cached token, is a nil issuer.
	synctest.Test(t, func(t *testing.T) {
		r := newResolverFixture(t, nil, "a")
		token := r.tokenOf("a")
		r.expect("valid result", r.bearer(token), accepted)
		r.known = nil
		r.known = map[string]*resource.Issuer{r.servers["a"].Identifier(): nil}
		time.Sleep(resolvedIssuerTTL)
		r.expect("nil issuer", r.bearer(token), failed)
	})
}

// ResolveIssuer can be the only source of issuers if the metadata names authorization servers.
func TestResolveIssuerWithoutIssuers(t *testing.T) {
	c := resource.Config{Identifier: identifier, Hooks: resource.Hooks{ResolveIssuer: func(string) (*resource.Issuer, bool) { return nil, false }}}
	const want = "resource: configuration: Metadata.AuthorizationServers: none; name where clients of tenants, of ResolveIssuer's issuers, of TokenHeaders and of Prefixed log in"
	if _, err := resource.New(c); err == nil || err.Error() != want {
		t.Errorf("(-want +got)\n- %s\n+ %v", want, err)
	}
	c.Metadata.AuthorizationServers, c.Limits.MaxResolvedIssuers = []string{"https://login.example.test"}, -1
	if _, err := resource.New(c); err == nil || err.Error() != "resource: configuration: Limits.MaxResolvedIssuers: -1 is negative" {
		t.Errorf("got %v", err)
	}
	c.Limits.MaxResolvedIssuers = 0
	res, err := resource.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(res.Metadata().AuthorizationServers); got != "[https://login.example.test]" {
		t.Errorf("published: %s", got)
	}
}

// Concurrent requests use the first result: two verifiers would fetch the keys twice.
func TestConcurrentFirstResolution(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var used [2]atomic.Int32
		var calls atomic.Int32
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Hooks.ResolveIssuer = func(iss string) (*resource.Issuer, bool) {
				n := calls.Add(1) - 1
				time.Sleep(time.Second + time.Duration(n))
				return &resource.Issuer{Verifier: verifierFunc{iss, func() (*resource.Claims, error) {
					used[n].Add(1)
					return nil, errors.New("no")
				}}}, true
			}
		})
		f.unexplained = true // the test counts calls
		token := f.token(resourcetest.Token{Claims: map[string]any{"iss": "https://a.realms.example.test"}})
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() { f.expect("rejected", f.bearer(token), invalid) })
		}
		all.Wait()
		if calls.Load() != 2 || used[0].Load() != 2 || used[1].Load() != 0 {
			t.Errorf("ResolveIssuer called %d times, verifiers called %d and %d times; want 2, 2 and 0", calls.Load(), used[0].Load(), used[1].Load())
		}
	})
}

// forgetCounter counts the calls of Forget.
type forgetCounter struct {
	verifierFunc
	calls atomic.Int32
}

func (f *forgetCounter) Forget() { f.calls.Add(1) }

func TestForgetReachesResolvedIssuers(t *testing.T) {
	v := &forgetCounter{verifierFunc: verifierFunc{"https://a.realms.example.test", func() (*resource.Claims, error) { return nil, errors.New("no") }}}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Hooks.ResolveIssuer = func(string) (*resource.Issuer, bool) { return &resource.Issuer{Verifier: v}, true }
	})
	token := f.token(resourcetest.Token{Claims: map[string]any{"iss": v.issuer}})
	f.res.Forget(token)
	f.bearer(token)
	f.res.Forget(token)
	if n := v.calls.Load(); n != 1 {
		t.Errorf("Forget called %d times, want 1: after the issuer was resolved", n)
	}
}

// Concurrent requests for more issuers than the cache holds.
func TestResolveIssuerConcurrently(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	r := newResolverFixture(t, nil, names...)
	known := r.known
	var calls atomic.Int32
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Hooks.ResolveIssuer = func(iss string) (*resource.Issuer, bool) {
			calls.Add(1)
			return known[iss], known[iss] != nil
		}
	})
	var all sync.WaitGroup
	for n := range 200 {
		token := r.tokenOf(names[n%len(names)])
		all.Go(func() {
			if got := f.bearer(token); got != accepted {
				t.Errorf("got %+v", got)
			}
			if n%10 == 0 {
				f.res.Forget(token)
			}
		})
	}
	all.Wait()
	for _, name := range names {
		if n := r.servers[name].Count(resourcetest.JWKS); n != 1 {
			t.Errorf("%s: keys were fetched %d times by one verifier", name, n)
		}
	}
	if calls.Load() < int32(len(names)) {
		t.Errorf("ResolveIssuer called %d times for %d issuers", calls.Load(), len(names))
	}
}
