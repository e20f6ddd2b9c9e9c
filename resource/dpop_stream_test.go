package resource_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// openWithProof opens a stream with a token and a proof.
func (f *fixture) openWithProof(key *resourcetest.ProofKey, token string) (*testStream, time.Time) {
	f.t.Helper()
	req := getRequest()
	key.SetProof(req, token)
	opened := time.Now()
	s := startStreamWith(nethttp.Middleware(f.res), req)
	synctest.Wait()
	if s.ended() {
		f.t.Errorf("the stream was rejected: %s", f.log.take())
	}
	return s, opened
}

// A stream needs the proof of the request that opened it, and no other one. It ends with its token.
func TestStreamWithProof(t *testing.T) {
	for name, change := range map[string]func(*resource.Config, *jwks.Config){
		"accepted": acceptDPoP, "required": requireDPoP,
		"not cached": func(c *resource.Config, k *jwks.Config) { acceptDPoP(c, k); c.Limits.CacheTTL = -1 },
	} {
		inBubble(t, change, func(t *testing.T, f *fixture) {
			key := resourcetest.NewProofKey("")
			token := f.token(resourcetest.Token{ProofKey: key, IssuedAt: time.Now(), Lifetime: time.Hour})
			s, opened := f.openWithProof(key, token)
			defer s.disconnect()
			time.Sleep(59 * time.Minute) // far behind the window of the proof
			synctest.Wait()
			if s.ended() {
				t.Errorf("%s: the stream ended after %s: %v", name, s.lifetime(opened), s.cause)
			}
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			if !s.ended() || !errors.Is(s.cause, resource.ErrStreamExpired) {
				t.Errorf("%s: the stream did not end with its token: %v", name, s.cause)
			}
		})
	}
}

// A stream ends at the next check if the configuration does not accept the binding of its token.
func TestReplaceAndStreamsWithProof(t *testing.T) {
	off := func(c *resource.Config, _ *jwks.Config) { c.Credentials.DPoP.Tokens = resource.BindingOff }
	offForIssuer := func(c *resource.Config, k *jwks.Config) { acceptDPoP(c, k); c.Issuers[0].DPoP = resource.BindingOff }
	algorithm := func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Credentials.DPoP.Algorithms = []string{"ES384"}
	}
	for _, row := range []struct {
		name          string
		before, after func(*resource.Config, *jwks.Config)
		bound, ends   bool
	}{
		{"the same", acceptDPoP, acceptDPoP, true, false},
		{"required now", acceptDPoP, requireDPoP, true, false},
		{"off now", acceptDPoP, off, true, true},
		{"off for the issuer now", acceptDPoP, offForIssuer, true, true},
		{"nonces now", acceptDPoP, requireNonce(), true, false},
		{"another algorithm now", acceptDPoP, algorithm, true, false}, // no new proof is needed
		{"a bearer token, required now", acceptDPoP, requireDPoP, false, true},
		{"a bearer token, off now", acceptDPoP, off, false, false},
	} {
		inBubble(t, row.before, func(t *testing.T, f *fixture) {
			key, token := resourcetest.NewProofKey(""), resourcetest.Token{IssuedAt: time.Now(), Lifetime: time.Hour}
			var s *testStream
			opened := time.Now()
			if row.bound {
				token.ProofKey = key
				s, opened = f.openWithProof(key, f.token(token))
			} else {
				s = f.open(getRequest(), f.token(token))
			}
			defer s.disconnect()
			time.Sleep(time.Minute + time.Second)
			if err := f.res.Replace(newFixtureWith(t, f.issuer, row.after).res); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			want := time.Duration(-1)
			if row.ends {
				want = 90 * time.Second
			}
			if got := s.lifetime(opened); got != want {
				t.Errorf("%s: the stream was open for %s, want %s; cause %v", row.name, got, want, s.cause)
			}
		})
	}
}

// A stream stays bound to its key: if the issuer binds the opaque token to another key, to nothing,
// or to a certificate, the stream ends.
func TestStreamOfReboundToken(t *testing.T) {
	first, second := [32]byte{1}, [32]byte{2}
	for _, row := range []struct {
		name  string
		after resource.Confirmation
		ends  bool
	}{
		{"the same key", resource.Confirmation{Method: resource.ConfirmationDPoP, Thumbprint: first}, false},
		{"another key", resource.Confirmation{Method: resource.ConfirmationDPoP, Thumbprint: second}, true},
		{"not bound", resource.Confirmation{}, true},
		{"a certificate", resource.Confirmation{Method: resource.ConfirmationCertificate, Thumbprint: first}, true},
		{"not supported", resource.Confirmation{Method: "unsupported"}, true},
	} {
		key := resourcetest.NewProofKey("")
		thumbprint := unbase64(t, key.Thumbprint())
		var confirmation atomic.Pointer[resource.Confirmation]
		confirmation.Store(&resource.Confirmation{Method: resource.ConfirmationDPoP, Thumbprint: thumbprint})
		if row.after.Thumbprint == first {
			row.after.Thumbprint = thumbprint
		}
		inBubble(t, func(c *resource.Config, k *jwks.Config) {
			acceptDPoP(c, k)
			c.Credentials.Certificates.Tokens = resource.BindingAccepted
			c.Limits.CacheTTL = time.Minute
			c.Opaque = &resource.Issuer{Verifier: keywordVerifier{"https://opaque.example.test", func(claims *resource.Claims) {
				claims.Confirmation = *confirmation.Load()
			}}}
		}, func(t *testing.T, f *fixture) {
			s, opened := f.openWithProof(key, "secret")
			defer s.disconnect()
			confirmation.Store(&row.after)
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if got := s.lifetime(opened); (got >= 0) != row.ends || row.ends && (got > 90*time.Second || !errors.Is(s.cause, resource.ErrStreamEnded)) {
				t.Errorf("%s: the stream was open for %s, cause %v", row.name, got, s.cause)
			}
		})
	}
}

// The proof that opened a stream cannot open another one.
func TestReplayedStream(t *testing.T) {
	inBubble(t, acceptDPoP, func(t *testing.T, f *fixture) {
		key := resourcetest.NewProofKey("")
		token := f.token(resourcetest.Token{ProofKey: key, Lifetime: time.Hour})
		req := getRequest()
		key.SetProof(req, token)
		s := startStreamWith(nethttp.Middleware(f.res), req.Clone(t.Context()))
		synctest.Wait()
		defer s.disconnect()
		recorder := httptest.NewRecorder()
		nethttp.Middleware(f.res)(http.NotFoundHandler()).ServeHTTP(recorder, req)
		if recorder.Code != 401 || s.ended() {
			t.Errorf("got %d, the first stream has ended: %v", recorder.Code, s.ended())
		}
	})
}
