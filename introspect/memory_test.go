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

// How long a revocation goes unseen: the memory's TTL, less if AnswerTTL says so,
// never beyond exp, and a minute without exp (RFC 7662 §4; bad-inputs 204, 224).
func TestHowLongAnswersAreRemembered(t *testing.T) {
	gone := map[string]any{"exp": resourcetest.Remove}
	for _, row := range []struct {
		name      string
		memoryTTL time.Duration
		answerTTL time.Duration
		token     resourcetest.Token
		want      time.Duration // until the next call
	}{
		{"default", 0, 0, resourcetest.Token{}, 5 * time.Minute},
		{"MemoryTTL", 20 * time.Minute, 0, resourcetest.Token{}, 20 * time.Minute},
		{"AnswerTTL below it", 20 * time.Minute, 10 * time.Second, resourcetest.Token{}, 10 * time.Second},
		{"AnswerTTL above it", 10 * time.Second, 20 * time.Minute, resourcetest.Token{}, 10 * time.Second},
		{"AnswerTTL above exp", 0, 20 * time.Minute, resourcetest.Token{Lifetime: 30 * time.Second}, 30 * time.Second},
		{"exp before the TTL: not even for the leeway", 0, 0, resourcetest.Token{Lifetime: 30 * time.Second}, 30 * time.Second},
		{"no exp", 0, 0, resourcetest.Token{Claims: gone}, time.Minute},
		{"no exp, and a long AnswerTTL", 0, 4 * time.Minute, resourcetest.Token{Claims: gone}, time.Minute},
		{"no exp, and a short AnswerTTL", 0, 10 * time.Second, resourcetest.Token{Claims: gone}, 10 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			inWorld(t, func(c *resource.Config, i *introspect.Config) {
				c.Limits.CacheTTL, i.AnswerTTL = row.memoryTTL, row.answerTTL
			}, func(w *world) {
				w.issuer.Reset() // answers come in no time
				token, began := w.token(row.token), time.Now()
				w.expect("first", token, 200, "")
				w.issuer.Revoke(token)
				time.Sleep(row.want - time.Nanosecond)
				w.expect("a nanosecond before", token, 200, "")
				time.Sleep(time.Nanosecond)
				w.expect("then", token, 401, resource.ReasonInactive)
				if w.calls() != 2 || time.Since(began) != row.want {
					w.Errorf("%d calls, want 2", w.calls())
				}
			})
		})
	}
}

// A token that is within the leeway, and that the issuer still calls active, is good
// but not remembered.
func TestWithinTheLeeway(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		token := w.token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Hour), Lifetime: 2 * time.Hour,
			Claims: map[string]any{"exp": time.Now().Add(-29 * time.Second).Unix()}})
		for i := range 3 {
			time.Sleep(introspect.Afterglow + time.Millisecond)
			if got := w.ask(token); got.status != 200 || w.calls() != i+1 {
				w.Errorf("got %d with %d calls, want 200 with %d", got.status, w.calls(), i+1)
			}
		}
	})
}

// A negative AnswerTTL asks at every request, so that a revocation is seen at once.
func TestNothingRemembered(t *testing.T) {
	inWorld(t, func(_ *resource.Config, c *introspect.Config) { c.AnswerTTL = -1 }, func(w *world) {
		w.issuer.Reset()
		for _, token := range []string{w.token(resourcetest.Token{}), w.issuer.Token(resourcetest.Token{})} {
			before := w.calls()
			for range 5 {
				w.expect("active", token, 200, "")
			}
			w.issuer.Revoke(token)
			w.expect("revoked", token, 401, resource.ReasonInactive)
			if n := w.calls() - before; n != 6 {
				w.Errorf("%d calls, want 6", n)
			}
		}
		w.normal()
		token := w.token(resourcetest.Token{})
		before := w.calls()
		if statuses, _ := w.crowd(repeat(100, func(int) string { return token })); statuses[200] != 100 || w.calls() != before+1 {
			w.Errorf("at one moment: got %s with %d calls, want 100×200 with 1", summary(statuses), w.calls()-before)
		}
	})
}

func TestForget(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		first, second := w.token(resourcetest.Token{}), w.token(resourcetest.Token{Subject: "bob"})
		robot := w.token(resourcetest.Token{ClientID: "robot", Claims: map[string]any{"sub": resourcetest.Remove}})
		for _, token := range []string{first, second, robot} {
			w.expect("first", token, 200, "")
			w.issuer.Revoke(token)
			w.expect("remembered", token, 200, "")
		}
		time.Sleep(introspect.Afterglow)
		w.res.Forget(first)
		w.expect("forgotten", first, 401, resource.ReasonInactive)
		w.expect("another, not forgotten", second, 200, "")
		w.res.ForgetSubject("https://other.example.test", "bob")
		w.res.ForgetSubject(w.issuer.Identifier(), "alice")
		w.expect("other subjects forgotten", second, 200, "")
		w.res.ForgetSubject(w.issuer.Identifier(), "bob")
		w.expect("subject forgotten", second, 401, resource.ReasonInactive)
		w.res.ForgetSubject(w.issuer.Identifier(), "robot")
		w.expect("client forgotten", robot, 401, resource.ReasonInactive)
	})
}

// Right behind an answer its afterglow must not keep it alive either.
func TestForgetRightAfterTheAnswer(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		token := w.token(resourcetest.Token{})
		w.expect("first", token, 200, "")
		w.issuer.Revoke(token)
		w.res.Forget("Bearer " + token)
		w.expect("forgotten", token, 401, resource.ReasonInactive)
	})
}

// What was asked before a purge is not remembered, and does not answer a request that
// comes after it. The endpoint looks the token up before its slow answer.
func TestForgetDuringACall(t *testing.T) {
	for name, forget := range map[string]func(*world, string){
		"token":             func(w *world, token string) { w.res.Forget(token) },
		"subject":           func(w *world, _ string) { w.res.ForgetSubject(w.issuer.Identifier(), "alice") },
		"of something else": func(w *world, _ string) { w.res.Forget("something-else") },
		"token, twice":      func(w *world, token string) { w.res.Forget(token); w.res.Forget(token) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				token := w.token(resourcetest.Token{})
				w.fail(resourcetest.Failure{Pace: 5 * time.Millisecond}) // looked up now, read for two seconds
				var all sync.WaitGroup
				all.Go(func() {
					if got := w.ask(token); got.status != 200 || got.took < time.Second {
						w.Errorf("asked before: got %d after %s, want 200 after seconds", got.status, got.took)
					}
				})
				time.Sleep(500 * time.Millisecond)
				w.issuer.Revoke(token)
				forget(w, token)
				w.normal()
				w.expect("asked after it, while the old call is under way", token, 401, resource.ReasonInactive)
				all.Wait()
				time.Sleep(introspect.NegativeTTL)
				w.expect("and when that has ended", token, 401, resource.ReasonInactive)
				if w.calls() != 3 {
					w.Errorf("%d calls, want 3", w.calls())
				}
			})
		})
	}
}

// Who is refused is forgotten too: a token that has become active is good with the next
// request, whether the call about it was over at the purge or still under way.
func TestForgetWhoIsRefused(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		const token = "not-yet-known"
		w.expect("first", token, 401, resource.ReasonInactive)
		w.issuer.OpaqueToken(resourcetest.Token{Text: token, Lifetime: time.Hour})
		w.expect("remembered", token, 401, resource.ReasonInactive)
		w.res.Forget(token)
		w.expect("forgotten", token, 200, "")
	})
	for name, forget := range map[string]func(*world, string){
		"token":   func(w *world, token string) { w.res.Forget(token) },
		"subject": func(w *world, _ string) { w.res.ForgetSubject(w.issuer.Identifier(), "alice") },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				const token = "not-yet-known"
				w.fail(resourcetest.Failure{Pace: 50 * time.Millisecond}) // looked up now, read for a second
				var all sync.WaitGroup
				all.Go(func() {
					if got := w.ask(token); got.status != 401 {
						w.Errorf("asked before: got %d, want 401", got.status)
					}
				})
				time.Sleep(100 * time.Millisecond)
				w.issuer.OpaqueToken(resourcetest.Token{Text: token, Lifetime: time.Hour})
				forget(w, token)
				w.normal()
				all.Wait()
				w.expect("asked when the old call has ended", token, 200, "")
				if w.calls() != 2 {
					w.Errorf("%d calls, want 2", w.calls())
				}
			})
		})
	}
}

// AnswerTTL counts from the answer, also for those who come in its afterglow, which is
// no longer than AnswerTTL itself.
func TestAnswerTTLIsABound(t *testing.T) {
	for _, ttl := range []time.Duration{50 * time.Millisecond, introspect.Afterglow, time.Second} {
		t.Run(ttl.String(), func(t *testing.T) {
			inWorld(t, func(_ *resource.Config, c *introspect.Config) { c.AnswerTTL = ttl }, func(w *world) {
				other, err := resource.New(resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: w.verifier}, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					w.Fatal(err)
				}
				w.issuer.Reset()
				token := w.token(resourcetest.Token{})
				w.expect("first", token, 200, "")
				w.issuer.Revoke(token)
				// A second resource, which remembers nothing yet, joins as late as it can.
				w.door = nethttp.Middleware(other)(http.NotFoundHandler())
				late := min(ttl, introspect.Afterglow) - time.Nanosecond
				time.Sleep(late)
				if got := w.ask(token); got.status != 404 || w.calls() != 1 {
					w.Errorf("in the afterglow: got %d with %d calls, want 404 of the handler with 1", got.status, w.calls())
				}
				time.Sleep(ttl - late - time.Nanosecond)
				if got := w.ask(token); got.status != 404 {
					w.Errorf("a nanosecond before: got %d, want 404", got.status)
				}
				time.Sleep(time.Nanosecond)
				if got := w.ask(token); got.status != 401 {
					w.Errorf("then: got %d, want 401", got.status)
				}
			})
		})
	}
}

// Purges all the while, many calls in flight: nothing revoked before a purge is
// accepted by a request behind it (run with -race).
func TestForgetUnderLoad(t *testing.T) {
	if fips140.Enforced() {
		t.Skip("the FIPS module gathers entropy by watching time, which stands still in a bubble")
	}
	inWorld(t, nil, func(w *world) {
		ctx, stop := context.WithTimeout(w.Context(), 8*time.Second)
		defer stop()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for ctx.Err() == nil {
					token := w.token(resourcetest.Token{})
					var users sync.WaitGroup
					for range 3 {
						users.Go(func() { w.ask(token) })
					}
					time.Sleep(10 * time.Millisecond)
					w.issuer.Revoke(token)
					w.res.Forget(token)
					if got := w.ask(token); got.status != 401 {
						w.Errorf("behind the purge: got %d, want 401", got.status)
					}
					users.Wait()
					if got := w.ask(token); got.status != 401 {
						w.Errorf("behind all: got %d, want 401", got.status)
					}
				}
			})
		}
		all.Wait()
		synctest.Wait()
	})
}

// A revocation that the program learns of holds at once, remembered or not, and needs
// no call.
func TestRevocationList(t *testing.T) {
	list := new(revocation.List)
	inWorld(t, func(c *resource.Config, _ *introspect.Config) { c.Hooks.Revoked = list.Revoked }, func(w *world) {
		token := w.token(resourcetest.Token{Claims: map[string]any{"jti": "one"}})
		w.expect("before", token, 200, "")
		if err := list.Add(revocation.Entry{Issuer: w.issuer.Identifier(), TokenID: "one", Until: time.Now().Add(time.Hour)}); err != nil {
			w.Fatal(err)
		}
		w.expect("revoked", token, 401, resource.ReasonRevoked)
		if w.calls() != 1 {
			w.Errorf("%d calls, want 1", w.calls())
		}
	})
}
