package resource_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// countedFixture returns a fixture and the number of calls of its verifier, that is, of requests
// that the cache did not answer. before, if not nil, is called before each verification.
func (h *hostile) countedFixture(change func(*resource.Config), before func(*resource.Token)) (f *fixture, verified *atomic.Int64) {
	h.Helper()
	verified = new(atomic.Int64)
	f = newFixture(h.T, func(c *resource.Config, k *jwks.Config) {
		keys, err := jwks.New(*k)
		if err != nil {
			h.Fatal(err)
		}
		c.Issuers[0].Verifier = stubVerifier{k.Issuer, func(ctx context.Context, t *resource.Token) (*resource.Claims, error) {
			verified.Add(1)
			if before != nil {
				before(t)
			}
			return keys.Verify(ctx, t)
		}}
		if change != nil {
			change(c)
		}
	})
	f.unexplained = true // the tests count calls
	return f, verified
}

// cacheResult is an answer and the number of verifications so far.
type cacheResult struct {
	answer
	verified int64
}

// hostileCache covers section 8 of the list, together with the functions below.
func hostileCache(h *hostile) {
	hostileCacheKey(h)
	hostileCacheExpiry(h)
	hostileRejectionsNotCached(h)
	hostileWithdrawnKey(h)
}

// hostileCacheKey tests that a cache entry applies to exactly one text and to one resource.
func hostileCacheKey(h *hostile) {
	f, verified := h.countedFixture(nil, nil)
	tok := f.token(resourcetest.Token{})
	input, signature, _ := cutLast(tok)
	ask := func(authorization string) cacheResult {
		return cacheResult{f.authorize(authorization), verified.Load()}
	}
	otherAlphabet := f.spelled(2, standard) // a token with another signature, in the standard alphabet
	for _, row := range []struct {
		name          string
		authorization string
		want          cacheResult
	}{
		{"219 first request with a token", "Bearer " + tok, cacheResult{accepted, 1}},
		{"219 second request with it: cached", "Bearer " + tok, cacheResult{accepted, 1}},
		{"219 its claims with another signature", "Bearer " + input + "." + flip(signature, 10), cacheResult{invalid, 2}},
		{"219 its signature with other claims", "Bearer " + flip(input, len(input)-3) + "." + signature, cacheResult{invalid, 2}},
		{"219 the token without its last character", "Bearer " + tok[:len(tok)-1], cacheResult{invalid, 2}},
		{"219 the token with one more character", "Bearer " + tok + "A", cacheResult{invalid, 2}},
		{"219 its header and claims without a signature", "Bearer " + input + ".", cacheResult{invalid, 2}},
		{"219 another scheme", "DPoP " + tok, cacheResult{noCredentials, 2}},
		{"231 scheme in lower case: the same entry", "bearer " + tok, cacheResult{accepted, 2}},
		{"231 two spaces: the same entry", "Bearer  " + tok, cacheResult{accepted, 2}},
		{"231 padding", "Bearer " + tok + "=", cacheResult{invalid, 2}},
		{"231 stray bits", "Bearer " + input + "." + strayBits(signature), cacheResult{invalid, 2}},
		{"231 standard alphabet", "Bearer " + otherAlphabet, cacheResult{invalid, 2}},
		{"219 the token is still cached", "Bearer " + tok, cacheResult{accepted, 2}},
	} {
		h.expect(row.name, ask(row.authorization), row.want)
	}

	taken := 0
	for i := range signature { // the cache key, SHA-256, depends on every bit
		if f.bearer(input+"."+flip(signature, i)).status == http.StatusOK {
			taken++
		}
	}
	h.expect("229 tokens that differ from a cached one in one character", taken, 0)

	// The cache belongs to one resource, even if another one has the same verifier.
	other := newFixtureWith(h.T, f.issuer, func(c *resource.Config, _ *jwks.Config) { c.Identifier = "https://mcp.example.test/other" })
	h.expect("219 token cached by one resource, sent to another", other.bearer(tok).status, http.StatusUnauthorized)

	// The cache stores identity, not permission.
	routes := h.fixture(nil)
	tok = routes.token(resourcetest.Token{Scope: "a"})
	for _, row := range []struct {
		name  string
		scope string
		want  int
	}{{"221 route that requires a", "a", 200}, {"221 route that requires b, token cached", "b", 403}, {"221 route that requires a, second request", "a", 200}} {
		recorder, req := httptest.NewRecorder(), httptest.NewRequest("GET", identifier, nil)
		req.Header.Set("Authorization", "Bearer "+tok)
		guard := nethttp.Require(routes.res, row.scope)
		nethttp.Middleware(routes.res)(guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))).ServeHTTP(recorder, req)
		h.expect(row.name, recorder.Code, row.want)
	}
}

// flip replaces the base64url character at an index with another one.
func flip(text string, at int) string {
	other := byte('A')
	if text[at] == 'A' {
		other = 'B'
	}
	return text[:at] + string(other) + text[at+1:]
}

// hostileCacheExpiry tests that times are checked on every cache hit, and that an entry that was
// rejected once is removed, whatever the clock or the verifier report later.
func hostileCacheExpiry(h *hostile) {
	f, verified := h.countedFixture(func(c *resource.Config) { c.Limits.CacheTTL = 10 * time.Minute }, nil)
	tok := f.token(resourcetest.Token{IssuedAt: time.Now(), Lifetime: time.Hour})
	ask := func(token string) cacheResult { return cacheResult{f.bearer(token), verified.Load()} }
	h.expect("220 first request", ask(tok), cacheResult{accepted, 1})
	time.Sleep(10*time.Minute - 1)
	h.expect("220 one nanosecond before CacheTTL has passed", ask(tok), cacheResult{accepted, 1})
	time.Sleep(1)
	h.expect("220 CacheTTL has passed: verified again", ask(tok), cacheResult{accepted, 2})
	short := f.token(resourcetest.Token{IssuedAt: time.Now(), Lifetime: time.Minute})
	h.expect("220 token that expires before CacheTTL", ask(short), cacheResult{accepted, 3})
	time.Sleep(90 * time.Second)
	h.expect("220 the token expired, CacheTTL has not passed", ask(short), cacheResult{expired, 3})

	live, verifications := true, 0
	g := newFixture(h.T, func(c *resource.Config, k *jwks.Config) {
		c.Issuers[0].Verifier = stubVerifier{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) {
			verifications++
			claims := *t.Claims()
			claims.StillValid = func(time.Time) bool { return live }
			return &claims, nil
		}}
	})
	g.unexplained = true // the test counts calls
	tok = g.token(resourcetest.Token{})
	steps := func() (got string) {
		for _, live = range []bool{true, true, false, true, true} {
			got += fmt.Sprint(g.bearer(tok).status, " ", verifications, ";")
		}
		return got
	}
	// After StillValid returned false once, the token is verified again. The verifier's result decides.
	h.expect("227 entry with StillValid false is removed and not used again", steps(), "200 1;200 1;200 2;200 2;200 2;")
}

// hostileRejectionsNotCached tests that a rejection is never cached.
func hostileRejectionsNotCached(h *hostile) {
	f := h.fixture(nil)
	early := f.token(resourcetest.Token{Claims: map[string]any{"nbf": time.Now().Add(time.Minute).Unix()}})
	h.expect("222 nbf in the future", f.bearer(early), invalid)
	time.Sleep(30 * time.Second)
	h.expect("222 nbf has passed", f.bearer(early), accepted)

	old := f.issuer.SigningKeyID("")
	f.issuer.SetJWKS([]byte(`{"keys":[` + resourcetest.JWK(f.issuer.PublicKey(old), map[string]any{"kid": old}) + `]}`))
	f.issuer.Rotate("")
	fresh := f.token(resourcetest.Token{IssuedAt: time.Now()})
	h.expect("222 key not published", f.bearer(fresh), invalid)
	f.issuer.SetJWKS(nil)
	time.Sleep(5 * time.Second)
	h.expect("222 key published", f.bearer(fresh), accepted)

	cold := newFixture(h.T, nil)
	cold.issuer.Fail(resourcetest.Any, resourcetest.Failure{Status: 500})
	tok := cold.token(resourcetest.Token{})
	h.expect("222 issuer unavailable", cold.bearer(tok), unavailable)
	cold.issuer.Reset()
	time.Sleep(time.Second)
	h.expect("222 issuer available again", cold.bearer(tok), accepted)
}

// hostileWithdrawnKey tests that the cached tokens of a withdrawn key are rejected, and that
// Revoked is called for cached tokens too.
func hostileWithdrawnKey(h *hostile) {
	revoked := false
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) {
		c.Limits.CacheTTL = 24 * time.Hour
		c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return revoked, nil })
	})
	f.unexplained = true // it verifies tokens that Authenticate has cached
	tok := f.token(resourcetest.Token{Lifetime: 24 * time.Hour})
	h.expect("223 token cached", f.bearer(tok), accepted)
	old := f.issuer.SigningKeyID("")
	f.issuer.Rotate("")
	f.issuer.Withdraw(old)
	time.Sleep(15 * time.Minute)
	f.bearer(tok) // starts the due refresh
	synctest.Wait()
	h.expect("223 key withdrawn, after the next refresh", f.bearer(tok), invalid)

	tok = f.token(resourcetest.Token{Lifetime: 24 * time.Hour})
	time.Sleep(5 * time.Second)
	h.expect("224 token cached", f.bearer(tok), accepted)
	revoked = true
	h.expect("224 revoked: the next request is rejected", f.bearer(tok), invalid)
	revoked = false
	h.expect("224 no longer revoked", f.bearer(tok), accepted)
}

// hostileCacheLimits tests that the cache is bounded and stores only valid tokens.
func hostileCacheLimits(h *hostile) {
	f, verified := h.countedFixture(func(c *resource.Config) { c.Limits.CacheEntries = 1 }, nil)
	tok := f.token(resourcetest.Token{})
	f.bearer(tok)
	forged := f.token(resourcetest.Token{Fault: resourcetest.WrongSignature})
	for i := range 100 {
		f.bearer(flip(forged, len(forged)-5-i%50))
	}
	before := verified.Load()
	h.expect("225 valid token after 100 invalid ones, in a cache with one entry", cacheResult{f.bearer(tok), verified.Load() - before}, cacheResult{accepted, 0})

	cachedTokens := func(entries, limit int) (n int) {
		f, verified := h.countedFixture(func(c *resource.Config) { c.Limits.CacheEntries, c.Limits.CacheBytes = entries, limit }, nil)
		pad := strings.Repeat("x", 4000)
		tokens := make([]string, 50)
		for i := range tokens {
			tokens[i] = f.token(resourcetest.Token{Claims: map[string]any{"pad": pad}})
			f.bearer(tokens[i])
		}
		for i := len(tokens) - 1; i >= 0; i-- { // newest first: adding an evicted token again must not evict the rest
			before := verified.Load()
			f.bearer(tokens[i])
			if verified.Load() > before {
				return n
			}
			n++
		}
		return n
	}
	h.expect("226 50 tokens in a cache of 10 entries", cachedTokens(10, 0), 10)
	h.expect("226 50 tokens of 5 KB in a cache of 64 KiB", cachedTokens(100, 64<<10), 13)
	h.expect("226 50 tokens in a cache of one byte", cachedTokens(100, 1), 0)
}

// hostileHeap searches the heap for a token and its segments after the token was accepted and
// cached.
func hostileHeap(h *hostile) {
	const mask = 0x5a // the search must not find its own search texts
	hide := func(text string) []byte {
		b := []byte(text)
		for i := range b {
			b[i] ^= mask
		}
		return b
	}
	var kept *resource.Resource
	hidden := make(chan [4][]byte)
	go func() { // on a stack that no longer exists when the heap is dumped
		f := h.fixture(nil)
		id := rand.Text()
		tok := f.signed(f.validHeader()+"}", strings.Replace(f.validPayload(), `"jti":"j"`, `"jti":"`+id+`"`, 1)+"}")
		part := strings.Split(tok, ".")
		if got := f.bearer(tok); got != accepted {
			h.Errorf("token was not accepted: %+v", got)
		}
		kept = f.res
		hidden <- [4][]byte{hide(id), hide(part[0] + "." + part[1]), hide(part[1]), hide(part[2])}
	}()
	needles := <-hidden
	for range 4 { // a sync.Pool drops its values at the second collection
		runtime.GC()
	}
	file, err := os.CreateTemp(h.TempDir(), "heap")
	if err != nil {
		h.Fatal(err)
	}
	defer file.Close()
	debug.WriteHeapDump(file.Fd())
	heap, err := os.ReadFile(file.Name())
	if err != nil {
		h.Fatal(err)
	}
	holds := func(needle []byte) bool { return bytes.Contains(heap, hide(string(needle))) }
	h.expect("228 the heap contains the jti of the claims, so the search works", holds(needles[0]), true)
	h.expect("228 the heap contains the signed text", holds(needles[1]), false)
	h.expect("228 the heap contains the payload segment", holds(needles[2]), false)
	h.expect("228 the heap contains the signature", holds(needles[3]), false)
	runtime.KeepAlive(kept)
}

// hostileSharedCaller tests that one cached Caller serves concurrent requests: what one handler
// does to the returned values does not affect another. The race detector checks it too.
func hostileSharedCaller(h *hostile) {
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.ScopeOptions.Implies = map[string][]string{"a": {"b"}} })
	handler := nethttp.Middleware(f.res)(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		claims := map[string]any{}
		if err := caller.Decode(&claims); err != nil || claims["sub"] != "alice" {
			h.Errorf("claims that another handler changed: %v, %v", err, claims["sub"])
		}
		scopes, all := caller.Scopes(), caller.AllScopes()
		if !slices.Equal(scopes, []string{"a"}) || !slices.Equal(all, []string{"a", "b"}) || !caller.Has("b") || caller.Has("admin") {
			h.Errorf("scopes that another handler changed: %q, %q", scopes, all)
			return
		}
		claims["sub"], scopes[0], all[0], all[1] = "mallory", "admin", "admin", "admin"
		_ = append(scopes, "admin")
		if _, err := caller.MarshalJSON(); err != nil {
			h.Error(err)
		}
	}))
	tok := f.token(resourcetest.Token{Scope: "a"})
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 20 {
				req := httptest.NewRequest("GET", identifier, nil)
				req.Header.Set("Authorization", "Bearer "+tok)
				handler.ServeHTTP(httptest.NewRecorder(), req)
			}
		})
	}
	group.Wait()
	var caller *resource.Caller
	f.inner = storeCaller(&caller)
	f.bearer(tok)
	h.expect("230 the Caller after 320 handlers that modified the returned values", fmt.Sprint(caller.Scopes(), caller.AllScopes(), " ", caller.Subject()), "[a] [a b] alice")
}

// hostileVerifierPanics tests that a panic of a verifier rejects the request and caches nothing.
func hostileVerifierPanics(h *hostile) {
	panics := true
	f, verified := h.countedFixture(nil, func(*resource.Token) {
		if panics {
			panic("verifier")
		}
	})
	tok := f.token(resourcetest.Token{})
	h.expect("232 verifier panics", cacheResult{f.bearer(tok), verified.Load()}, cacheResult{failed, 1})
	h.expect("232 verifier panics again: nothing was cached", cacheResult{f.bearer(tok), verified.Load()}, cacheResult{failed, 2})
	panics = false
	h.expect("232 verifier no longer panics", cacheResult{f.bearer(tok), verified.Load()}, cacheResult{accepted, 3})

	source := &panickingTransport{}
	f = newFixture(h.T, func(_ *resource.Config, k *jwks.Config) { source.to, k.Transport = k.Transport, source })
	tok = f.token(resourcetest.Token{})
	source.panics.Store(true)
	h.expect("232 the HTTP transport to the key server panics", f.bearer(tok), unavailable)
	source.panics.Store(false)
	time.Sleep(time.Second)
	h.expect("232 the transport no longer panics", f.bearer(tok), accepted)
}

type panickingTransport struct {
	to     http.RoundTripper
	panics atomic.Bool
}

func (p *panickingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.panics.Load() {
		panic("transport")
	}
	return p.to.RoundTrip(r)
}
