package introspect_test

import (
	"context"
	"crypto/fips140"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
)

// An answer is cached for the shorter of MemoryTTL and AnswerTTL, never after exp, and for a
// minute without exp (RFC 7662 §4).
func TestCacheDuration(t *testing.T) {
	noExp := map[string]any{"exp": resourcetest.Remove}
	for _, row := range []struct {
		name      string
		memoryTTL time.Duration
		answerTTL time.Duration
		token     resourcetest.Token
		want      time.Duration // until the next call
	}{
		{"defaults", 0, 0, resourcetest.Token{}, 5 * time.Minute},
		{"MemoryTTL", 20 * time.Minute, 0, resourcetest.Token{}, 20 * time.Minute},
		{"AnswerTTL below MemoryTTL", 20 * time.Minute, 10 * time.Second, resourcetest.Token{}, 10 * time.Second},
		{"AnswerTTL above MemoryTTL", 10 * time.Second, 20 * time.Minute, resourcetest.Token{}, 10 * time.Second},
		{"AnswerTTL above exp", 0, 20 * time.Minute, resourcetest.Token{Lifetime: 30 * time.Second}, 30 * time.Second},
		{"exp before the TTL, without the leeway", 0, 0, resourcetest.Token{Lifetime: 30 * time.Second}, 30 * time.Second},
		{"no exp", 0, 0, resourcetest.Token{Claims: noExp}, time.Minute},
		{"no exp, AnswerTTL above a minute", 0, 4 * time.Minute, resourcetest.Token{Claims: noExp}, time.Minute},
		{"no exp, AnswerTTL below a minute", 0, 10 * time.Second, resourcetest.Token{Claims: noExp}, 10 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(c *resource.Config, i *introspect.Config) {
				c.Limits.CacheTTL, i.AnswerTTL = row.memoryTTL, row.answerTTL
			}, func(fx *fixture) {
				fx.issuer.Reset() // answers take no time
				token, began := fx.token(row.token), time.Now()
				fx.expect("first request", token, 200, "")
				fx.issuer.Revoke(token)
				time.Sleep(row.want - time.Nanosecond)
				fx.expect("a nanosecond before the end", token, 200, "")
				time.Sleep(time.Nanosecond)
				fx.expect("at the end", token, 401, resource.ReasonInactive)
				if fx.calls() != 2 || time.Since(began) != row.want {
					fx.Errorf("got %d calls, want 2", fx.calls())
				}
			})
		})
	}
}

// A token that has expired within the leeway, and that the issuer reports as active, is accepted
// but not cached.
func TestTokenWithinLeewayIsNotCached(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		token := fx.token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Hour), Lifetime: 2 * time.Hour,
			Claims: map[string]any{"exp": time.Now().Add(-29 * time.Second).Unix()}})
		for i := range 3 {
			time.Sleep(250*time.Millisecond + time.Millisecond)
			if got := fx.request(token); got.status != 200 || fx.calls() != i+1 {
				fx.Errorf("got %d with %d calls, want 200 with %d", got.status, fx.calls(), i+1)
			}
		}
	})
}

// With a negative AnswerTTL every request causes a call, so that a revocation takes effect at once.
func TestNegativeAnswerTTL(t *testing.T) {
	inBubble(t, func(_ *resource.Config, c *introspect.Config) { c.AnswerTTL = -1 }, func(fx *fixture) {
		fx.issuer.Reset()
		for _, token := range []string{fx.token(resourcetest.Token{}), fx.issuer.Token(resourcetest.Token{})} {
			before := fx.calls()
			for range 5 {
				fx.expect("active", token, 200, "")
			}
			fx.issuer.Revoke(token)
			fx.expect("revoked", token, 401, resource.ReasonInactive)
			if n := fx.calls() - before; n != 6 {
				fx.Errorf("got %d calls, want 6", n)
			}
		}
		fx.endpointWorks()
		token := fx.token(resourcetest.Token{})
		before := fx.calls()
		if statuses, _ := fx.requestAll(repeat(100, func(int) string { return token })); statuses[200] != 100 || fx.calls() != before+1 {
			fx.Errorf("concurrent requests: got %s with %d calls, want 100×200 with 1", summary(statuses), fx.calls()-before)
		}
	})
}

func TestForget(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		first, second := fx.token(resourcetest.Token{}), fx.token(resourcetest.Token{Subject: "bob"})
		ofClient := fx.token(resourcetest.Token{ClientID: "robot", Claims: map[string]any{"sub": resourcetest.Remove}})
		for _, token := range []string{first, second, ofClient} {
			fx.expect("first request", token, 200, "")
			fx.issuer.Revoke(token)
			fx.expect("cached", token, 200, "")
		}
		time.Sleep(250 * time.Millisecond)
		fx.res.Forget(first)
		fx.expect("removed", first, 401, resource.ReasonInactive)
		fx.expect("another token, still cached", second, 200, "")
		fx.res.ForgetSubject("https://other.example.test", "bob")
		fx.res.ForgetSubject(fx.issuer.Identifier(), "alice")
		fx.expect("other subjects removed", second, 200, "")
		fx.res.ForgetSubject(fx.issuer.Identifier(), "bob")
		fx.expect("subject removed", second, 401, resource.ReasonInactive)
		fx.res.ForgetSubject(fx.issuer.Identifier(), "robot")
		fx.expect("client removed", ofClient, 401, resource.ReasonInactive)
	})
}

// Forget also ends the grace period of a result.
func TestForgetDuringGracePeriod(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		token := fx.token(resourcetest.Token{})
		fx.expect("first request", token, 200, "")
		fx.issuer.Revoke(token)
		fx.res.Forget("Bearer " + token)
		fx.expect("removed", token, 401, resource.ReasonInactive)
	})
}

// The result of a call that began before Forget is not cached, and not shared with a request that
// arrives after Forget. The endpoint looks the token up first and then answers slowly.
func TestForgetDuringCall(t *testing.T) {
	for name, forget := range map[string]func(*fixture, string){
		"token":         func(fx *fixture, token string) { fx.res.Forget(token) },
		"subject":       func(fx *fixture, _ string) { fx.res.ForgetSubject(fx.issuer.Identifier(), "alice") },
		"another token": func(fx *fixture, _ string) { fx.res.Forget("something-else") },
		"token, twice":  func(fx *fixture, token string) { fx.res.Forget(token); fx.res.Forget(token) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(fx *fixture) {
				token := fx.token(resourcetest.Token{})
				fx.endpointFails(resourcetest.Failure{Pace: 5 * time.Millisecond}) // looked up now, sent over two seconds
				var all sync.WaitGroup
				all.Go(func() {
					if got := fx.request(token); got.status != 200 || got.took < time.Second {
						fx.Errorf("request before Forget: got %d after %s, want 200 after at least 1s", got.status, got.took)
					}
				})
				time.Sleep(500 * time.Millisecond)
				fx.issuer.Revoke(token)
				forget(fx, token)
				fx.endpointWorks()
				fx.expect("request after Forget, during the old call", token, 401, resource.ReasonInactive)
				all.Wait()
				time.Sleep(10 * time.Second)
				fx.expect("request after the old call", token, 401, resource.ReasonInactive)
				if fx.calls() != 3 {
					fx.Errorf("got %d calls, want 3", fx.calls())
				}
			})
		})
	}
}

// Forget also empties the negative cache: a token that has become active is accepted with the next
// request, even if a call about it was in flight.
func TestForgetRejectedToken(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		const token = "not-yet-known"
		fx.expect("first request", token, 401, resource.ReasonInactive)
		fx.issuer.OpaqueToken(resourcetest.Token{Text: token, Lifetime: time.Hour})
		fx.expect("cached", token, 401, resource.ReasonInactive)
		fx.res.Forget(token)
		fx.expect("removed", token, 200, "")
	})
	for name, forget := range map[string]func(*fixture, string){
		"token":   func(fx *fixture, token string) { fx.res.Forget(token) },
		"subject": func(fx *fixture, _ string) { fx.res.ForgetSubject(fx.issuer.Identifier(), "alice") },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(fx *fixture) {
				const token = "not-yet-known"
				fx.endpointFails(resourcetest.Failure{Pace: 50 * time.Millisecond}) // looked up now, sent over a second
				var all sync.WaitGroup
				all.Go(func() {
					if got := fx.request(token); got.status != 401 {
						fx.Errorf("request before Forget: got %d, want 401", got.status)
					}
				})
				time.Sleep(100 * time.Millisecond)
				fx.issuer.OpaqueToken(resourcetest.Token{Text: token, Lifetime: time.Hour})
				forget(fx, token)
				fx.endpointWorks()
				all.Wait()
				fx.expect("request after the old call", token, 200, "")
				if fx.calls() != 2 {
					fx.Errorf("got %d calls, want 2", fx.calls())
				}
			})
		})
	}
}

// AnswerTTL starts when the answer is received, also for requests that share the result in its grace
// period. The grace period is not longer than AnswerTTL.
func TestAnswerTTLLimit(t *testing.T) {
	for _, ttl := range []time.Duration{50 * time.Millisecond, 250 * time.Millisecond, time.Second} {
		t.Run(ttl.String(), func(t *testing.T) {
			inBubble(t, func(_ *resource.Config, c *introspect.Config) { c.AnswerTTL = ttl }, func(fx *fixture) {
				other, err := resource.New(resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: fx.verifier}, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					fx.Fatal(err)
				}
				fx.issuer.Reset()
				token := fx.token(resourcetest.Token{})
				fx.expect("first request", token, 200, "")
				fx.issuer.Revoke(token)
				// A second resource, which has not cached the token, shares the result as late as possible.
				fx.handler = nethttp.Middleware(other)(http.NotFoundHandler())
				late := min(ttl, 250*time.Millisecond) - time.Nanosecond
				time.Sleep(late)
				if got := fx.request(token); got.status != 404 || fx.calls() != 1 {
					fx.Errorf("in the grace period: got %d with %d calls, want 404 from the handler with 1", got.status, fx.calls())
				}
				time.Sleep(ttl - late - time.Nanosecond)
				if got := fx.request(token); got.status != 404 {
					fx.Errorf("a nanosecond before the end: got %d, want 404", got.status)
				}
				time.Sleep(time.Nanosecond)
				if got := fx.request(token); got.status != 401 {
					fx.Errorf("at the end: got %d, want 401", got.status)
				}
			})
		})
	}
}

// Many goroutines call Forget while many calls are in flight. A token that was revoked before Forget
// must be rejected afterwards (run with -race).
func TestForgetUnderLoad(t *testing.T) {
	if fips140.Enforced() {
		t.Skip("the FIPS module uses the clock as a source of entropy, and the clock of a bubble does not advance")
	}
	inBubble(t, nil, func(fx *fixture) {
		ctx, stop := context.WithTimeout(fx.Context(), 8*time.Second)
		defer stop()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for ctx.Err() == nil {
					token := fx.token(resourcetest.Token{})
					var users sync.WaitGroup
					for range 3 {
						users.Go(func() { fx.request(token) })
					}
					time.Sleep(10 * time.Millisecond)
					fx.issuer.Revoke(token)
					fx.res.Forget(token)
					if got := fx.request(token); got.status != 401 {
						fx.Errorf("after Forget: got %d, want 401", got.status)
					}
					users.Wait()
					if got := fx.request(token); got.status != 401 {
						fx.Errorf("after all requests: got %d, want 401", got.status)
					}
				}
			})
		}
		all.Wait()
		synctest.Wait()
	})
}

// An entry in a RevocationList takes effect at once, also for a cached token, and without a call.
func TestRevocationList(t *testing.T) {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, func(c *resource.Config, _ *introspect.Config) { c.Hooks.Revocations = list }, func(fx *fixture) {
		token := fx.token(resourcetest.Token{Claims: map[string]any{"jti": "one"}})
		fx.expect("before the revocation", token, 200, "")
		if err := list.Add(context.Background(), revocation.Entry{Issuer: fx.issuer.Identifier(), TokenID: "one", Until: time.Now().Add(time.Hour)}); err != nil {
			fx.Fatal(err)
		}
		fx.expect("revoked", token, 401, resource.ReasonRevoked)
		if fx.calls() != 1 {
			fx.Errorf("got %d calls, want 1", fx.calls())
		}
	})
}
