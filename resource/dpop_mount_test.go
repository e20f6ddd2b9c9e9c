package resource_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// mounted sends a request through several middlewares, the outermost first, and returns the status
// and the fields that the handler got.
func mounted(req *http.Request, middlewares ...func(http.Handler) http.Handler) (status int, fields string) {
	var handler http.Handler = http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		fields = strings.Join(slices.Sorted(maps.Keys(req.Header)), " ")
	})
	for _, middleware := range slices.Backward(middlewares) {
		handler = middleware(handler)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, req)
	return recorder.Code, fields
}

// One Resource, mounted twice, counts a proof once. The handler gets no credentials unless it is
// configured to.
func TestProofAtTwoMounts(t *testing.T) {
	keep := func(c *resource.Config, k *jwks.Config) { acceptDPoP(c, k); c.HTTP.KeepAuthorization = true }
	notCached := func(c *resource.Config, k *jwks.Config) { keep(c, k); c.Limits.CacheTTL = -1 }
	for _, row := range []struct {
		name   string
		change func(*resource.Config, *jwks.Config)
		fields string
	}{
		{"removed", acceptDPoP, "X-Other"},
		{"kept", keep, "Authorization Dpop X-Other"},
		{"kept, not cached", notCached, "Authorization Dpop X-Other"},
		{"removed, with nonces", requireNonce(), "X-Other"},
		{"kept, with nonces", func(c *resource.Config, k *jwks.Config) { requireNonce()(c, k); keep(c, k) }, "Authorization Dpop X-Other"},
	} {
		f := newFixture(t, row.change)
		n := newNonceTest(f)
		nonce := ""
		if strings.Contains(row.name, "nonces") {
			nonce = n.refused(row.name, "")
		}
		mount := nethttp.Middleware(f.res)
		for _, middlewares := range [][]func(http.Handler) http.Handler{{mount}, {mount, mount}, {mount, mount, mount}} {
			req := proofWith(n.key, n.token, resourcetest.Proof{Nonce: nonce})
			req.Header.Set("X-Other", "a")
			before := req.Header.Clone()
			status, fields := mounted(req.Clone(t.Context()), middlewares...)
			if status != 200 || fields != row.fields {
				t.Errorf("%s, %d mounts: got %d, fields %s", row.name, len(middlewares), status, fields)
			}
			if again, _ := mounted(req.Clone(t.Context()), middlewares...); again != 401 {
				t.Errorf("%s, %d mounts: a replay: got %d", row.name, len(middlewares), again)
			}
			if !maps.EqualFunc(req.Header, before, slices.Equal) {
				t.Errorf("%s: the header of the request was changed: %v", row.name, req.Header)
			}
		}
	}
}

// Between two mounts, only the proof that the outer one accepted is accepted again.
func TestOtherProofBetweenMounts(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) { acceptDPoP(c, k); c.HTTP.KeepAuthorization = true })
	key, mallory := resourcetest.NewProofKey(""), resourcetest.NewProofKey("")
	token, other := f.token(resourcetest.Token{ProofKey: key}), f.token(resourcetest.Token{ProofKey: mallory, Subject: "mallory"})
	used := proof(key, token)
	f.expectProof("used", f.sendProof(used.Clone(t.Context())), provenAccepted)
	change := func(f func(*http.Request)) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				req.Header = req.Header.Clone()
				f(req)
				next.ServeHTTP(w, req)
			})
		}
	}
	mount := nethttp.Middleware(f.res)
	for _, row := range []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"nothing", func(*http.Request) {}, 200},
		{"a used proof", func(r *http.Request) { r.Header = used.Header }, 401},
		{"a used proof of the outer token", func(r *http.Request) { r.Header.Set("DPoP", used.Header.Get("DPoP")) }, 401},
		{"a new proof", func(r *http.Request) { key.SetProof(r, token) }, 200},
		{"no proof", func(r *http.Request) { r.Header.Del("DPoP") }, 401},
		{"another scheme", func(r *http.Request) { replaceScheme(r, "Bearer") }, 401},
		{"the token of another caller, with the outer proof", func(r *http.Request) { r.Header.Set("Authorization", "DPoP "+other) }, 401},
		{"another caller with a proof", func(r *http.Request) { mallory.SetProof(r, other) }, 200},
		{"another method", func(r *http.Request) { r.Method = "GET" }, 401},
		{"no Authorization", func(r *http.Request) { r.Header.Del("Authorization") }, 200}, // the outer caller
	} {
		if status, _ := mounted(proof(key, token), mount, change(row.change), mount); status != row.want {
			t.Errorf("%s: got %d, want %d", row.name, status, row.want)
		}
	}
	// Of two Resources, each checks the proof by itself.
	second := newFixtureWith(t, f.issuer, acceptDPoP)
	if status, fields := mounted(proof(key, token), mount, nethttp.Middleware(second.res)); status != 200 || fields != "" {
		t.Errorf("two Resources: got %d, fields %s", status, fields)
	}
	// An acceptance of another Resource is none of this one.
	first := newFixtureWith(t, f.issuer, acceptDPoP) // removes the credentials
	if status, _ := mounted(proof(key, token), nethttp.Middleware(first.res), nethttp.Middleware(second.res)); status != 401 {
		t.Errorf("two Resources, credentials removed: got %d", status)
	}
}

// Forget reads the scheme DPoP too. A forgotten token is verified again.
func TestForgetBoundToken(t *testing.T) {
	for _, row := range []struct {
		name   string
		forget func(*resource.Resource, string)
		want   int64
	}{
		{"nothing", func(*resource.Resource, string) {}, 0},
		{"the token", func(r *resource.Resource, token string) { r.Forget(token) }, 1},
		{"with the scheme", func(r *resource.Resource, token string) { r.Forget("DPoP " + token) }, 1},
		{"with the scheme in another case", func(r *resource.Resource, token string) { r.Forget("dpop  " + token) }, 1},
		{"with another scheme", func(r *resource.Resource, token string) { r.Forget("Basic " + token) }, 0},
	} {
		var verifier *countingVerifier
		f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
			acceptDPoP(c, k)
			keys, err := jwks.New(*k)
			if err != nil {
				t.Fatal(err)
			}
			verifier = &countingVerifier{Verifier: keys}
			c.Issuers[0].Verifier = verifier
		})
		f.unexplained = true // the test counts verifications
		key := resourcetest.NewProofKey("")
		token := f.token(resourcetest.Token{ProofKey: key})
		f.expectProof(row.name, f.sendProof(proof(key, token)), provenAccepted)
		before := verifier.calls.Load()
		row.forget(f.res, token)
		f.expectProof(row.name, f.sendProof(proof(key, token)), provenAccepted)
		if got := verifier.calls.Load() - before; got != row.want {
			t.Errorf("%s: %d verifications, want %d", row.name, got, row.want)
		}
	}
}

// The caller says what its token is bound to.
func TestConfirmationOfCaller(t *testing.T) {
	f := newFixture(t, acceptDPoP)
	key := resourcetest.NewProofKey("")
	var got resource.Confirmation
	f.inner = func(_ http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		got = caller.Confirmation()
	}
	for _, row := range []struct {
		name string
		req  *http.Request
		want resource.Confirmation
	}{
		{"bound", proof(key, f.token(resourcetest.Token{ProofKey: key})), resource.Confirmation{Method: "jkt", Thumbprint: unbase64(t, key.Thumbprint())}},
		{"not bound", bearerRequest(f.token(resourcetest.Token{})), resource.Confirmation{}},
	} {
		f.expectProof(row.name, f.sendProof(row.req), provenAccepted)
		if got != row.want || got.IsBound() != (row.want.Method != "") {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
	}
	if (*resource.Caller)(nil).Confirmation().IsBound() || new(resource.Caller).Confirmation().IsBound() {
		t.Error("a caller without a token is bound")
	}
}
