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

// counted is a fixture that counts what memory did not answer. Before each
// verification, before is called, if it is there.
func (h *hostile) counted(change func(*resource.Config), before func(*resource.Token)) (f *fixture, verified *atomic.Int64) {
	h.Helper()
	verified = new(atomic.Int64)
	f = newFixture(h.T, func(c *resource.Config, k *jwks.Config) {
		keys, err := jwks.New(*k)
		if err != nil {
			h.Fatal(err)
		}
		c.Issuers[0].Verifier = voucher{k.Issuer, func(ctx context.Context, t *resource.Token) (*resource.Claims, error) {
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
	return f, verified
}

// A look is an answer and how often a verifier was asked by then.
type look struct {
	answer
	verified int64
}

// hostileMemory is section 8, with the functions below.
func hostileMemory(h *hostile) {
	hostileIdentity(h)
	hostileStale(h)
	hostileNegative(h)
	hostileWithdrawn(h)
}

// hostileIdentity: what is remembered is one text, for one resource.
func hostileIdentity(h *hostile) {
	f, verified := h.counted(nil, nil)
	tok := f.token(resourcetest.Token{})
	input, signature, _ := cutLast(tok)
	ask := func(authorization string) look { return look{f.ask(authorization), verified.Load()} }
	again := f.spelled(2, standard) // other bytes altogether; only for its form
	for _, row := range []struct {
		name          string
		authorization string
		want          look
	}{
		{"219 a token", "Bearer " + tok, look{accepted, 1}},
		{"219 the same is remembered", "Bearer " + tok, look{accepted, 1}},
		{"219 its claims under another signature", "Bearer " + input + "." + flip(signature, 10), look{invalid, 2}},
		{"219 its signature under other claims", "Bearer " + flip(input, len(input)-3) + "." + signature, look{invalid, 2}},
		{"219 all but its last character", "Bearer " + tok[:len(tok)-1], look{invalid, 2}},
		{"219 a character more", "Bearer " + tok + "A", look{invalid, 2}},
		{"219 its claims alone", "Bearer " + input + ".", look{invalid, 2}},
		{"219 another scheme", "DPoP " + tok, look{bare, 2}},
		{"231 scheme in lower case: the same entry", "bearer " + tok, look{accepted, 2}},
		{"231 two spaces: the same entry", "Bearer  " + tok, look{accepted, 2}},
		{"231 padding", "Bearer " + tok + "=", look{invalid, 2}},
		{"231 stray bits", "Bearer " + input + "." + strayBits(signature), look{invalid, 2}},
		{"231 the other alphabet", "Bearer " + again, look{invalid, 2}},
		{"219 still remembered", "Bearer " + tok, look{accepted, 2}},
	} {
		h.expect(row.name, ask(row.authorization), row.want)
	}

	taken := 0
	for i := range signature { // SHA-256 sees every bit
		if f.bearer(input+"."+flip(signature, i)).status == http.StatusOK {
			taken++
		}
	}
	h.expect("229 tokens that differ from a remembered one in one character", taken, 0)

	// The same verifier behind another resource: its memory is its own.
	other := newFixtureWith(h.T, f.issuer, func(c *resource.Config, _ *jwks.Config) { c.Identifier = "https://mcp.example.test/other" })
	h.expect("219 remembered by one resource, sent to another", other.bearer(tok).status, http.StatusUnauthorized)

	// Identity is remembered, permission is not.
	routes := h.fixture(nil)
	tok = routes.token(resourcetest.Token{Scope: "a"})
	for _, row := range []struct {
		name  string
		scope string
		want  int
	}{{"221 route that needs a", "a", 200}, {"221 route that needs b, token remembered", "b", 403}, {"221 route that needs a again", "a", 200}} {
		recorder, req := httptest.NewRecorder(), httptest.NewRequest("GET", identifier, nil)
		req.Header.Set("Authorization", "Bearer "+tok)
		guard := nethttp.Require(routes.res, row.scope)
		nethttp.Middleware(routes.res)(guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))).ServeHTTP(recorder, req)
		h.expect(row.name, recorder.Code, row.want)
	}
}

// flip replaces a character of base64url by another.
func flip(text string, at int) string {
	other := byte('A')
	if text[at] == 'A' {
		other = 'B'
	}
	return text[:at] + string(other) + text[at+1:]
}

// hostileStale: time is asked on every hit, and an entry that once was refused is
// gone, whatever the clock or the verifier say later.
func hostileStale(h *hostile) {
	f, verified := h.counted(func(c *resource.Config) { c.Limits.CacheTTL = 10 * time.Minute }, nil)
	tok := f.token(resourcetest.Token{IssuedAt: time.Now(), Lifetime: time.Hour})
	ask := func(token string) look { return look{f.bearer(token), verified.Load()} }
	h.expect("220 first look", ask(tok), look{accepted, 1})
	time.Sleep(10*time.Minute - 1)
	h.expect("220 a nanosecond before the memory's end", ask(tok), look{accepted, 1})
	time.Sleep(1)
	h.expect("220 at its end: verified anew", ask(tok), look{accepted, 2})
	short := f.token(resourcetest.Token{IssuedAt: time.Now(), Lifetime: time.Minute})
	h.expect("220 a short token", ask(short), look{accepted, 3})
	time.Sleep(90 * time.Second)
	h.expect("220 over, though remembered for longer", ask(short), look{expired, 3})

	live, asked := true, 0
	g := newFixture(h.T, func(c *resource.Config, k *jwks.Config) {
		c.Issuers[0].Verifier = voucher{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) {
			asked++
			claims := *t.Claims()
			claims.StillValid = func(time.Time) bool { return live }
			return &claims, nil
		}}
	})
	tok = g.token(resourcetest.Token{})
	steps := func() (got string) {
		for _, live = range []bool{true, true, false, true, true} {
			got += fmt.Sprint(g.bearer(tok).status, " ", asked, ";")
		}
		return got
	}
	// False once sends the token back to its verifier; that one has the last word.
	h.expect("227 an entry that was dead once is not brought back", steps(), "200 1;200 1;200 2;200 2;200 2;")
}

// hostileNegative: a refusal is never remembered.
func hostileNegative(h *hostile) {
	f := h.fixture(nil)
	early := f.token(resourcetest.Token{Claims: map[string]any{"nbf": time.Now().Add(time.Minute).Unix()}})
	h.expect("222 too early", f.bearer(early), invalid)
	time.Sleep(30 * time.Second)
	h.expect("222 half a minute later it is good", f.bearer(early), accepted)

	old := f.issuer.SigningKeyID("")
	f.issuer.SetJWKS([]byte(`{"keys":[` + resourcetest.JWK(f.issuer.PublicKey(old), map[string]any{"kid": old}) + `]}`))
	f.issuer.Rotate("")
	fresh := f.token(resourcetest.Token{})
	h.expect("222 key not published", f.bearer(fresh), invalid)
	f.issuer.SetJWKS(nil)
	time.Sleep(5 * time.Second)
	h.expect("222 key published", f.bearer(fresh), accepted)

	cold := newFixture(h.T, nil)
	cold.issuer.Fail(resourcetest.Any, resourcetest.Failure{Status: 500})
	tok := cold.token(resourcetest.Token{})
	h.expect("222 issuer down", cold.bearer(tok), unavailable)
	cold.issuer.Reset()
	time.Sleep(time.Second)
	h.expect("222 issuer up", cold.bearer(tok), accepted)
}

// hostileWithdrawn: a key that is withdrawn takes its remembered tokens along, and
// Revoked is asked whether a token is remembered or not.
func hostileWithdrawn(h *hostile) {
	revoked := false
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) {
		c.Limits.CacheTTL = 24 * time.Hour
		c.Hooks.Revoked = func(context.Context, *resource.Caller) bool { return revoked }
	})
	tok := f.token(resourcetest.Token{Lifetime: 24 * time.Hour})
	h.expect("223 remembered", f.bearer(tok), accepted)
	old := f.issuer.SigningKeyID("")
	f.issuer.Rotate("")
	f.issuer.Withdraw(old)
	time.Sleep(15 * time.Minute)
	f.bearer(tok) // starts the refresh that is due
	synctest.Wait()
	h.expect("223 its key withdrawn, after the next refresh", f.bearer(tok), invalid)

	tok = f.token(resourcetest.Token{Lifetime: 24 * time.Hour})
	time.Sleep(5 * time.Second)
	h.expect("224 remembered", f.bearer(tok), accepted)
	revoked = true
	h.expect("224 revoked: the next request is refused", f.bearer(tok), invalid)
	revoked = false
	h.expect("224 not revoked any more", f.bearer(tok), accepted)
}

// hostileFlood: the memory is bounded, and only good tokens get into it.
func hostileFlood(h *hostile) {
	f, verified := h.counted(func(c *resource.Config) { c.Limits.CacheEntries = 1 }, nil)
	tok := f.token(resourcetest.Token{})
	f.bearer(tok)
	bad := f.token(resourcetest.Token{Fault: resourcetest.WrongSignature})
	for i := range 100 {
		f.bearer(flip(bad, len(bad)-5-i%50))
	}
	before := verified.Load()
	h.expect("225 a good token after 100 bad ones, in a memory for one", look{f.bearer(tok), verified.Load() - before}, look{accepted, 0})

	remembered := func(entries, limit int) (n int) {
		f, verified := h.counted(func(c *resource.Config) { c.Limits.CacheEntries, c.Limits.CacheBytes = entries, limit }, nil)
		pad := strings.Repeat("x", 4000)
		tokens := make([]string, 50)
		for i := range tokens {
			tokens[i] = f.token(resourcetest.Token{Claims: map[string]any{"pad": pad}})
			f.bearer(tokens[i])
		}
		for i := len(tokens) - 1; i >= 0; i-- { // the latest first: what is forgotten must not push out the rest
			before := verified.Load()
			f.bearer(tokens[i])
			if verified.Load() > before {
				return n
			}
			n++
		}
		return n
	}
	h.expect("226 50 tokens in a memory for 10", remembered(10, 0), 10)
	h.expect("226 50 tokens of 5 KB in 64 KiB", remembered(100, 64<<10), 13)
	h.expect("226 50 tokens in a memory of one byte", remembered(100, 1), 0)
}

// hostileHeap looks for a token, and for its segments, in all that the process
// keeps after it was accepted and remembered.
func hostileHeap(h *hostile) {
	const mask = 0x5a // what is searched for must not itself be found
	hide := func(text string) []byte {
		b := []byte(text)
		for i := range b {
			b[i] ^= mask
		}
		return b
	}
	var kept *resource.Resource
	hidden := make(chan [4][]byte)
	go func() { // on a stack that is gone when the heap is written
		f := h.fixture(nil)
		id := rand.Text()
		tok := f.signed(f.goodHeader()+"}", strings.Replace(f.goodPayload(), `"jti":"j"`, `"jti":"`+id+`"`, 1)+"}")
		part := strings.Split(tok, ".")
		if got := f.bearer(tok); got != accepted {
			h.Errorf("token was not accepted: %+v", got)
		}
		kept = f.res
		hidden <- [4][]byte{hide(id), hide(part[0] + "." + part[1]), hide(part[1]), hide(part[2])}
	}()
	needles := <-hidden
	for range 4 { // pools give up what they hold at the second
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
	h.expect("228 the heap holds the jti of the claims (so the search works)", holds(needles[0]), true)
	h.expect("228 the heap holds what was signed", holds(needles[1]), false)
	h.expect("228 the heap holds the payload's segment", holds(needles[2]), false)
	h.expect("228 the heap holds the signature", holds(needles[3]), false)
	runtime.KeepAlive(kept)
}

// hostileShared: one remembered Caller serves many requests at once; what one
// handler does to what it got, no other sees. The race detector watches.
func hostileShared(h *hostile) {
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.ScopeOptions.Implies = map[string][]string{"a": {"b"}} })
	handler := nethttp.Middleware(f.res)(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		claims := map[string]any{}
		if err := caller.Decode(&claims); err != nil || claims["sub"] != "alice" {
			h.Errorf("claims of another: %v, %v", err, claims["sub"])
		}
		scopes, all := caller.Scopes(), caller.AllScopes()
		if !slices.Equal(scopes, []string{"a"}) || !slices.Equal(all, []string{"a", "b"}) || !caller.Has("b") || caller.Has("admin") {
			h.Errorf("scopes of another: %q, %q", scopes, all)
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
	f.inner = keepCaller(&caller)
	f.bearer(tok)
	h.expect("230 the caller after 320 handlers that changed what they got", fmt.Sprint(caller.Scopes(), caller.AllScopes(), " ", caller.Subject()), "[a] [a b] alice")
}

// hostilePanicking: what panics is refused, and leaves nothing behind.
func hostilePanicking(h *hostile) {
	panics := true
	f, verified := h.counted(nil, func(*resource.Token) {
		if panics {
			panic("verifier")
		}
	})
	tok := f.token(resourcetest.Token{})
	h.expect("232 verifier panics", look{f.bearer(tok), verified.Load()}, look{failed, 1})
	h.expect("232 and again: nothing was stored", look{f.bearer(tok), verified.Load()}, look{failed, 2})
	panics = false
	h.expect("232 it recovers", look{f.bearer(tok), verified.Load()}, look{accepted, 3})

	source := &panickingTransport{}
	f = newFixture(h.T, func(_ *resource.Config, k *jwks.Config) { source.to, k.Transport = k.Transport, source })
	tok = f.token(resourcetest.Token{})
	source.panics.Store(true)
	h.expect("232 the key server's transport panics", f.bearer(tok), unavailable)
	source.panics.Store(false)
	time.Sleep(time.Second)
	h.expect("232 it recovers too", f.bearer(tok), accepted)
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
