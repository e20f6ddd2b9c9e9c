package resource_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// testStream is a request whose handler waits for the end of its context, like the stream
// handlers of MCP servers.
type testStream struct {
	disconnect context.CancelFunc // ends the connection of the client
	done       chan struct{}
	endedAt    time.Time // when the context ended
	cause      error
}

// open starts a stream and returns when its handler waits.
func (f *fixture) open(req *http.Request, token string) *testStream {
	f.t.Helper()
	s := startStream(nethttp.Middleware(f.res), req, token)
	synctest.Wait()
	if s.ended() && s.endedAt.IsZero() {
		f.t.Errorf("%s %s: rejected", req.Method, req.URL)
	}
	return s
}

// startStream sends the request with a token in a separate goroutine.
func startStream(middleware func(http.Handler) http.Handler, req *http.Request, token string) *testStream {
	req.Header.Set("Authorization", "Bearer "+token)
	return startStreamWith(middleware, req)
}

// startStreamWith is startStream for a request that already has a credential.
func startStreamWith(middleware func(http.Handler) http.Handler, req *http.Request) *testStream {
	s := &testStream{done: make(chan struct{})}
	ctx, disconnect := context.WithCancel(context.Background())
	s.disconnect = disconnect
	go func() {
		defer close(s.done)
		middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			<-req.Context().Done()
			s.endedAt, s.cause = time.Now(), context.Cause(req.Context())
		})).ServeHTTP(httptest.NewRecorder(), req.WithContext(ctx))
	}()
	return s
}

func (s *testStream) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// lifetime returns how long the stream was open; -1 if it still is.
func (s *testStream) lifetime(opened time.Time) time.Duration {
	if !s.ended() {
		return -1
	}
	return s.endedAt.Sub(opened)
}

func getRequest() *http.Request { return httptest.NewRequest(http.MethodGet, identifier, nil) }

// postRequest returns a JSON-RPC request and, unless header is empty, the field Mcp-Method.
func postRequest(rpcMethod, header string) *http.Request {
	body := `{"jsonrpc":"2.0","id":1,"method":"` + rpcMethod + `","params":{"name":"sleep"}}`
	req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	if header != "" {
		req.Header.Set("Mcp-Method", header)
	}
	return req
}

// inBubble runs test with a separate fixture in a synctest bubble. It fails if a goroutine does
// not end.
func inBubble(t *testing.T, change func(*resource.Config, *jwks.Config), test func(t *testing.T, f *fixture)) {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Lifetime: 48 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	synctest.Test(t, func(t *testing.T) { test(t, newFixtureWith(t, issuer, change)) })
}

func withRules(c *resource.Config, _ *jwks.Config) {
	c.Operations.Methods = map[string][]string{"tools/list": nil}
}

// Streams end at exp plus the leeway, because every request must be authorized and a stream is
// one request that lasts for hours (MCP authorization, "Token Handling"). Other requests are
// not ended.
func TestStreamsEndWithToken(t *testing.T) {
	const lifetime = 10*time.Minute + 7*time.Second // not a multiple of the check interval
	for _, row := range []struct {
		name   string
		change func(*resource.Config, *jwks.Config)
		req    *http.Request
		after  time.Duration // 0: never
	}{
		{"GET", nil, getRequest(), lifetime + 30*time.Second},
		{"GET, no leeway", func(c *resource.Config, _ *jwks.Config) { c.Limits.Leeway = -1 }, getRequest(), lifetime},
		{"GET, no cache", func(c *resource.Config, _ *jwks.Config) { c.Limits.CacheTTL = -1 }, getRequest(), lifetime + 30*time.Second},
		{"GET, KeepAuthorization", func(c *resource.Config, _ *jwks.Config) { c.HTTP.KeepAuthorization = true }, getRequest(), lifetime + 30*time.Second},
		{"subscriptions/listen in the header", nil, postRequest("subscriptions/listen", "subscriptions/listen"), lifetime + 30*time.Second},
		{"subscriptions/listen in header and body", withRules, postRequest("subscriptions/listen", "subscriptions/listen"), lifetime + 30*time.Second},
		{"subscriptions/listen in the body", withRules, postRequest("subscriptions/listen", ""), lifetime + 30*time.Second},
		{"tools/call is not ended", nil, postRequest("tools/call", "tools/call"), 0},
		{"tools/call of an older protocol", nil, postRequest("tools/call", ""), 0},
		{"tools/call, body read", withRules, postRequest("tools/call", "tools/call"), 0},
		{"DELETE", nil, httptest.NewRequest(http.MethodDelete, identifier, nil), 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, row.change, func(t *testing.T, f *fixture) {
				token := f.issuer.Token(resourcetest.Token{Lifetime: lifetime})
				began := time.Now()
				s := f.open(row.req, token)
				time.Sleep(11 * time.Minute)
				if row.after == 0 {
					if s.ended() {
						t.Errorf("ended after %s", s.endedAt.Sub(began))
					}
					s.disconnect()
					<-s.done
					return
				}
				<-s.done
				if late := s.endedAt.Sub(began) - row.after; late < 0 || late >= time.Second {
					t.Errorf("ended after %s, want %s", s.endedAt.Sub(began), row.after)
				}
				if want := "resource: stream ended: its token is no longer valid: expired"; !errors.Is(s.cause, resource.ErrStreamEnded) || s.cause.Error() != want {
					t.Errorf("cause: got %v, want %s", s.cause, want)
				}
			})
		})
	}
}

// A refresh is due within its interval. The first check afterwards may start it, and the next
// check uses its result.
func TestStreamEndsAfterKeyWithdrawal(t *testing.T) {
	for _, interval := range []time.Duration{30 * time.Second, 15 * time.Minute, time.Hour} {
		inBubble(t, func(_ *resource.Config, c *jwks.Config) { c.RefreshInterval = interval }, func(t *testing.T, f *fixture) {
			old := f.issuer.SigningKeyID("")
			next := f.issuer.Publish("")
			s := f.open(getRequest(), f.issuer.Token(resourcetest.Token{Key: old}))
			kept := f.open(getRequest(), f.issuer.Token(resourcetest.Token{Key: next}))
			time.Sleep(time.Minute)
			f.issuer.Use(next)
			f.issuer.Withdraw(old)
			withdrawn := time.Now()
			time.Sleep(interval + 2*streamCheckInterval)
			if !s.ended() {
				t.Fatalf("interval %s: still open after %s", interval, time.Since(withdrawn))
			}
			if !strings.HasSuffix(s.cause.Error(), ": key_unknown") || kept.ended() {
				t.Errorf("interval %s: cause %v; the stream of another key ended: %v", interval, s.cause, kept.ended())
			}
			kept.disconnect()
			<-kept.done
		})
	}
}

// scriptedVerifier is a verifier for opaque tokens whose result can be changed.
type scriptedVerifier struct{ verify atomic.Pointer[verifyFunc] }

type verifyFunc func() (*resource.Claims, error)

func (*scriptedVerifier) Issuer() string { return "https://opaque.example.test" }

func (v *scriptedVerifier) Verify(context.Context, *resource.Token) (*resource.Claims, error) {
	return (*v.verify.Load())()
}

func (v *scriptedVerifier) set(verify verifyFunc) { v.verify.Store(&verify) }

func validClaims(subject string, scopes ...string) *resource.Claims {
	return &resource.Claims{Issuer: "https://opaque.example.test", Subject: subject, Audience: []string{identifier}, Scopes: scopes}
}

func rejecting(reason resource.Reason) verifyFunc {
	return func() (*resource.Claims, error) { return nil, &resource.Error{Reason: reason} }
}

func useScriptedVerifier(v *scriptedVerifier, revoked resource.RevocationFunc) func(*resource.Config, *jwks.Config) {
	v.set(func() (*resource.Claims, error) { return validClaims("alice", "a"), nil })
	return func(c *resource.Config, _ *jwks.Config) {
		c.Opaque = &resource.Issuer{Verifier: v}
		if revoked != nil {
			c.Hooks.Revocations = revoked
		}
		c.Scopes = []string{"a"}
	}
}

// A change that would reject the next request ends the stream at a check.
func TestStreamEndsAtNextCheck(t *testing.T) {
	var revoked atomic.Pointer[func() bool]
	revoke := func(verify func() bool) { revoked.Store(&verify) }
	for _, row := range []struct {
		name   string
		apply  func(f *fixture, v *scriptedVerifier)
		within time.Duration // 0: never
		reason string
	}{
		{"nothing happens", func(*fixture, *scriptedVerifier) {}, 0, ""},
		{"revoked", func(*fixture, *scriptedVerifier) { revoke(func() bool { return true }) }, 30 * time.Second, "revoked"},
		{"Revoked panics", func(*fixture, *scriptedVerifier) { revoke(func() bool { panic("no database") }) }, 30 * time.Second, "internal_error"},
		{"Revoked calls Goexit", func(*fixture, *scriptedVerifier) { revoke(func() bool { runtime.Goexit(); return false }) }, 30 * time.Second, "internal_error"},
		{"Forget, and the issuer rejects the token", func(f *fixture, v *scriptedVerifier) {
			v.set(rejecting(resource.ReasonInactive))
			f.res.Forget("opaque")
		}, 30 * time.Second, "inactive"},
		{"Forget, but the issuer accepts the token", func(f *fixture, _ *scriptedVerifier) { f.res.Forget("opaque") }, 0, ""},
		{"the issuer rejects the token after its cache entry expires", func(_ *fixture, v *scriptedVerifier) {
			v.set(rejecting(resource.ReasonInactive))
		}, 5 * time.Minute, "inactive"},
		{"the issuer removes a scope", func(_ *fixture, v *scriptedVerifier) {
			v.set(func() (*resource.Claims, error) { return validClaims("alice", "b"), nil })
		}, 5 * time.Minute, "insufficient_scope"},
		{"the issuer returns another subject", func(_ *fixture, v *scriptedVerifier) {
			v.set(func() (*resource.Claims, error) { return validClaims("bob", "a"), nil })
		}, 5 * time.Minute, "token_invalid"},
		{"the verifier panics", func(_ *fixture, v *scriptedVerifier) {
			v.set(func() (*resource.Claims, error) { panic("bug") })
		}, 5 * time.Minute, "internal_error"},
		{"an outage: the second failure ends the stream", func(_ *fixture, v *scriptedVerifier) {
			v.set(rejecting(resource.ReasonVerifierUnavailable))
		}, 5*time.Minute + 30*time.Second, "verifier_unavailable"},
		{"temporary failures, never two in a row", func(_ *fixture, v *scriptedVerifier) {
			verify, n := v.verify.Load(), 0
			v.set(func() (*resource.Claims, error) {
				if n++; n%2 == 1 {
					return rejecting(resource.ReasonVerifierUnavailable)()
				}
				return (*verify)()
			})
		}, 0, ""},
		{"one temporary failure", func(_ *fixture, v *scriptedVerifier) {
			verify := v.verify.Load()
			v.set(func() (*resource.Claims, error) {
				v.verify.Store(verify)
				return rejecting(resource.ReasonVerifierUnavailable)()
			})
		}, 0, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := new(scriptedVerifier)
			revoke(func() bool { return false })
			inBubble(t, useScriptedVerifier(v, func(context.Context, *resource.Caller) (bool, error) { return (*revoked.Load())(), nil }), func(t *testing.T, f *fixture) {
				s := f.open(getRequest(), "opaque")
				began := time.Now()
				row.apply(f, v)
				time.Sleep(time.Hour)
				if s.ended() != (row.within > 0) {
					t.Fatalf("ended: %v", s.ended())
				}
				s.disconnect()
				<-s.done
				if row.within == 0 {
					return
				}
				if took := s.endedAt.Sub(began); took > row.within || !strings.HasSuffix(s.cause.Error(), ": "+row.reason) {
					t.Errorf("ended after %s, %v, want within %s, %s", took, s.cause, row.within, row.reason)
				}
				if log := f.log.take(); strings.Count(log, `"msg":"stream ended","reason":"`+row.reason+`"`) != 1 || strings.Contains(log, "opaque\"") {
					t.Errorf("log: %s", log)
				}
			})
		})
	}
}

// If the issuer cannot be reached for hours, streams continue with the cached keys, as requests
// do.
func TestStreamSurvivesKeyOutage(t *testing.T) {
	inBubble(t, func(_ *resource.Config, c *jwks.Config) { c.RefreshInterval = 30 * time.Second }, func(t *testing.T, f *fixture) {
		s := f.open(getRequest(), f.issuer.Token(resourcetest.Token{Lifetime: 5 * time.Hour}))
		f.issuer.Fail(resourcetest.Any, resourcetest.Failure{Status: http.StatusInternalServerError})
		time.Sleep(5 * time.Hour)
		if s.ended() {
			t.Errorf("ended: %v", s.cause)
		}
		time.Sleep(time.Minute)
		if !s.ended() {
			t.Error("still open after its token has expired")
		}
		f.issuer.Reset()
		time.Sleep(time.Minute)
	})
}
