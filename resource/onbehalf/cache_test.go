package onbehalf_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
)

// 100 callers with 100 concurrent calls each cause 100 exchanges, and each caller gets the token that
// was issued for it.
func TestOneExchangeForEachCaller(t *testing.T) {
	const callers, calls = 100, 100
	inBubble(t, nil, func(f *fixture) {
		f.issuer.Fail(resourcetest.TokenEndpoint, resourcetest.Failure{Delay: 20 * time.Millisecond})
		var all sync.WaitGroup
		got := make([][calls]string, callers)
		for n := range callers {
			caller := f.caller(f.token(fmt.Sprintf("user-%d", n)))
			for k := range calls {
				all.Go(func() {
					token, err := f.exchanger.Token(context.Background(), caller, "calendar")
					if err != nil {
						t.Errorf("caller %d: %v", n, err)
						return
					}
					got[n][k] = token.AccessToken()
				})
			}
		}
		all.Wait()
		seen := map[string]int{}
		for n, tokens := range got {
			f.secrets = append(f.secrets, tokens[0])
			for _, token := range tokens {
				if token != tokens[0] {
					t.Fatalf("caller %d: got several tokens", n)
				}
			}
			if other, ok := seen[tokens[0]]; ok {
				t.Fatalf("callers %d and %d have the same token", other, n)
			}
			seen[tokens[0]] = n
			if claims := claimsOf(f, tokens[0]); claims["sub"] != fmt.Sprintf("user-%d", n) {
				t.Fatalf("caller %d: got the token of %v", n, claims["sub"])
			}
		}
		if n := f.exchanges(); n != callers {
			t.Errorf("got %d exchanges, want %d", n, callers)
		}
	})
}

// A request that leaves takes no other with it, also if it was the first one.
func TestCanceledLeader(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		f.issuer.Fail(resourcetest.TokenEndpoint, resourcetest.Failure{Delay: time.Second})
		caller := f.caller(f.token("alice"))
		ctx, cancel := context.WithCancel(context.Background())
		var leader, follower error
		var all sync.WaitGroup
		all.Go(func() { _, leader = f.exchanger.Token(ctx, caller, "calendar") })
		synctest.Wait()
		all.Go(func() { _, follower = f.exchanger.Token(context.Background(), caller, "calendar") })
		synctest.Wait()
		cancel()
		all.Wait()
		if !errors.Is(leader, context.Canceled) || follower != nil || f.exchanges() != 1 {
			f.Errorf("got %v for the canceled request, %v for the other and %d calls, want %v, no error and 1", leader, follower, f.exchanges(), context.Canceled)
		}
	})
}

// A token is used until 10 seconds before its expiry, or that of the caller's token.
func TestCacheLifetime(t *testing.T) {
	for _, row := range []struct {
		name     string
		members  map[string]any
		lifetime time.Duration // of the caller's token
		cached   time.Duration
	}{
		{"expires_in", map[string]any{"expires_in": 100}, time.Hour, 90 * time.Second},
		{"expires_in of a short time", map[string]any{"expires_in": 12}, time.Hour, 6 * time.Second},
		{"no expires_in (RFC 6749 §5.1)", map[string]any{"expires_in": resourcetest.Remove}, time.Hour, 50 * time.Second},
		{"the caller's token is shorter", map[string]any{"expires_in": 100}, time.Minute, 50 * time.Second},
		{"expires_in over a day, and an opaque token", map[string]any{"expires_in": 1e9, "access_token": "opaque"}, 72 * time.Hour, 24*time.Hour - 10*time.Second},
		{"exp of the issued token is sooner than expires_in", map[string]any{"expires_in": 100_000}, 72 * time.Hour, time.Hour - 10*time.Second},
	} {
		inBubble(t, nil, func(f *fixture) {
			f.issuer.SetExchange(resourcetest.Exchange{Members: row.members})
			caller := f.caller(f.issuer.Token(resourcetest.Token{Audience: identifier, Lifetime: row.lifetime}))
			f.must(caller)
			// exp is in whole seconds.
			time.Sleep(row.cached - 2*time.Second)
			if _, n := f.must(caller); n != 1 {
				f.Errorf("%s: got %d exchanges before the end, want 1", row.name, n)
			}
			time.Sleep(3 * time.Second)
			if _, n := f.must(caller); n != 2 {
				f.Errorf("%s: got %d exchanges after the end, want 2", row.name, n)
			}
		})
	}
}

// The caller's token is checked for each use, and what was issued for it is removed when it ends.
func TestEndOfCaller(t *testing.T) {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	withList := func(c *config) { c.resource.Hooks.Revocations = list }
	for _, row := range []struct {
		name   string
		change func(*config)
		end    func(f *fixture, token string)
		reason resource.Reason
	}{
		{"expired, with the leeway", nil, func(*fixture, string) { time.Sleep(time.Hour + 31*time.Second) }, resource.ReasonExpired},
		{"revoked", withList, func(f *fixture, token string) {
			entry := revocation.Entry{Issuer: f.issuer.Identifier(), Token: token, Until: time.Now().Add(time.Hour)}
			if err := list.Add(context.Background(), entry); err != nil {
				f.Fatal(err)
			}
		}, resource.ReasonRevoked},
		{"forgotten, and inactive at the issuer", useIntrospection, func(f *fixture, token string) {
			f.issuer.Revoke(token)
			f.res.Forget(token)
		}, resource.ReasonInactive},
		{"the issuer is not configured any more", nil, func(f *fixture, _ string) {
			other := newFixture(f.T, func(c *config) { c.issuer.Issuer = "https://other.example.test" })
			if err := f.res.Replace(other.res); err != nil {
				f.Fatal(err)
			}
		}, resource.ReasonIssuerUnknown},
	} {
		inBubble(t, row.change, func(f *fixture) {
			token := f.token("alice")
			caller := f.caller(token)
			f.must(caller)
			row.end(f, token)
			_, err := f.get(caller)
			own := f.wantError(row.name, err, onbehalf.KindEnded, string(row.reason))
			if n := f.exchanges(); n != 1 || own.RetryAfter != 0 || own.HTTPStatus() != http.StatusUnauthorized {
				f.Errorf("%s: got %d exchanges and %+v", row.name, n, own)
			}
			if !strings.Contains(f.metrics(), `warder_onbehalf_cached_tokens{issuer="https://auth.example.test"} 0`) {
				f.Errorf("%s: the issued token is still cached", row.name)
			}
		})
	}
}

// A token that ends while it is exchanged yields an error to every request that waits for the exchange.
func TestEndDuringExchange(t *testing.T) {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, func(c *config) { c.resource.Hooks.Revocations = list }, func(f *fixture) {
		f.issuer.Fail(resourcetest.TokenEndpoint, resourcetest.Failure{Delay: time.Second})
		token := f.token("alice")
		caller := f.caller(token)
		errs := make(chan error, 2)
		for range cap(errs) {
			go func() {
				_, err := f.exchanger.Token(context.Background(), caller, "calendar")
				errs <- err
			}()
		}
		synctest.Wait()
		if err := list.Add(context.Background(), revocation.Entry{Issuer: f.issuer.Identifier(), Token: token, Until: time.Now().Add(time.Hour)}); err != nil {
			f.Fatal(err)
		}
		for range cap(errs) {
			f.wantError("revoked meanwhile", <-errs, onbehalf.KindEnded, string(resource.ReasonRevoked))
		}
		if n := f.exchanges(); n != 1 {
			f.Errorf("got %d exchanges, want 1", n)
		}
		if !strings.Contains(f.metrics(), `warder_onbehalf_cached_tokens{issuer="https://auth.example.test"} 0`) {
			f.Errorf("the issued token is cached")
		}
	})
}

func useIntrospection(c *config) { c.introspect = true }

// A token that was forgotten and is still good is exchanged again. Other tokens are not.
func TestForget(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		alice, bob := f.token("alice"), f.token("bob")
		first, _ := f.must(f.caller(alice))
		f.must(f.caller(bob))
		f.res.Forget(alice)
		second, n := f.must(f.caller(alice))
		if first == second || n != 3 {
			f.Errorf("got the same token %v and %d exchanges, want another one and 3", first == second, n)
		}
		if _, n := f.must(f.caller(bob)); n != 3 {
			f.Errorf("got %d exchanges, want 3: the token of bob was not forgotten", n)
		}
	})
}

// A request after Forget does not share an exchange that began before it.
func TestForgetDuringExchange(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		f.issuer.Fail(resourcetest.TokenEndpoint, resourcetest.Failure{Delay: time.Second})
		token := f.token("alice")
		var all sync.WaitGroup
		for range 2 {
			caller := f.caller(token)
			all.Go(func() { _, _ = f.exchanger.Token(context.Background(), caller, "calendar") })
			synctest.Wait()
			f.res.Forget(token)
		}
		all.Wait()
		if n := f.exchanges(); n != 2 {
			f.Errorf("got %d exchanges, want 2", n)
		}
		if _, n := f.must(f.caller(token)); n != 3 {
			f.Errorf("got %d exchanges, want 3: both results are from before the last Forget", n)
		}
	})
}

// An answer that there is no token is used for 10 seconds, and removes no cached token.
func TestNegativeAnswers(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		alice, bob := f.caller(f.token("alice")), f.caller(f.token("bob"))
		f.must(alice)
		f.issuer.SetExchange(resourcetest.Exchange{Error: "invalid_target"})
		for range 5 {
			_, err := f.get(bob)
			f.wantError("refused", err, onbehalf.KindTargetRefused, "")
		}
		if n := f.exchanges(); n != 2 {
			f.Errorf("got %d exchanges, want 2", n)
		}
		f.must(alice)
		f.issuer.SetExchange(resourcetest.Exchange{})
		time.Sleep(10*time.Second + time.Millisecond)
		if _, n := f.must(bob); n != 3 {
			f.Errorf("got %d exchanges, want 3", n)
		}
	})
}

// The user can consent at any moment, so that the answer that consent is missing is used for one second.
func TestInteractionIsRetriedSoon(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		alice := f.caller(f.token("alice"))
		f.issuer.SetExchange(resourcetest.Exchange{Error: "consent_required"})
		for range 5 {
			_, err := f.get(alice)
			f.wantError("consent", err, onbehalf.KindInteraction, onbehalf.DetailConsent)
		}
		if n := f.exchanges(); n != 1 {
			f.Errorf("got %d exchanges, want 1", n)
		}
		f.issuer.SetExchange(resourcetest.Exchange{})
		time.Sleep(time.Second + time.Millisecond)
		if _, n := f.must(alice); n != 2 {
			f.Errorf("got %d exchanges, want 2", n)
		}
	})
}

// The cache is bounded: the least recently used token is removed.
func TestCacheEntries(t *testing.T) {
	inBubble(t, func(c *config) { c.onbehalf.CacheEntries = 2 }, func(f *fixture) {
		a, b, c := f.caller(f.token("a")), f.caller(f.token("b")), f.caller(f.token("c"))
		for _, caller := range []*resource.Caller{a, b, a, c, a} {
			f.must(caller)
		}
		if n := f.exchanges(); n != 3 {
			f.Errorf("got %d exchanges, want 3", n)
		}
		if _, n := f.must(b); n != 4 {
			f.Errorf("got %d exchanges, want 4: the token of b was removed", n)
		}
	})
}

// Expired tokens are removed from memory when others are added.
func TestExpiredTokensAreRemoved(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		f.must(f.caller(f.token("a")))
		time.Sleep(2 * time.Hour)
		f.must(f.caller(f.token("b")))
		if !strings.Contains(f.metrics(), `warder_onbehalf_cached_tokens{issuer="https://auth.example.test"} 1`) {
			f.Errorf("an expired token is still cached: %s", f.metrics())
		}
	})
}

// An outage is not cached, the circuit opens, and cached tokens are used meanwhile.
func TestOutage(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		alice := f.caller(f.token("alice"))
		f.must(alice)
		f.issuer.Fail(resourcetest.TokenEndpoint, resourcetest.Failure{Status: 503, Header: http.Header{"Retry-After": {"7"}}})
		bob := f.caller(f.token("bob"))
		_, err := f.get(bob)
		own := f.wantError("an outage", err, onbehalf.KindUnavailable, "status")
		if own.RetryAfter != 7*time.Second || own.HTTPStatus() != http.StatusServiceUnavailable || own.Status != 503 {
			f.Errorf("got %+v, want the Retry-After of the issuer", own)
		}
		_, err = f.get(bob)
		f.wantError("an open circuit", err, onbehalf.KindUnavailable, "suspended")
		if _, n := f.must(alice); n != 2 {
			f.Errorf("got %d calls, want 2: the circuit is open", n)
		}
		f.issuer.Reset()
		time.Sleep(8 * time.Second)
		f.must(bob)
	})
}

// An endpoint that does not answer ends the request after Config.Timeout.
func TestTimeout(t *testing.T) {
	inBubble(t, func(c *config) { c.onbehalf.Timeout = time.Second }, func(f *fixture) {
		f.issuer.Fail(resourcetest.TokenEndpoint, resourcetest.Failure{Hang: true})
		start := time.Now()
		_, err := f.get(f.caller(f.token("alice")))
		f.wantError("no answer", err, onbehalf.KindUnavailable, "timeout")
		if took := time.Since(start); took != time.Second {
			f.Errorf("took %s, want 1s", took)
		}
	})
}

// While our credentials are rejected, the endpoint is called once in a second at most.
func TestRejectedCredentials(t *testing.T) {
	inBubble(t, func(c *config) { c.onbehalf.Auth.ClientSecret = "wrong" }, func(f *fixture) {
		for range 20 {
			_, err := f.get(f.caller(f.token("alice")))
			own := f.wantError("rejected", err, onbehalf.KindClientRefused, "credentials")
			if own.HTTPStatus() != http.StatusInternalServerError {
				f.Errorf("got status %d, want 500", own.HTTPStatus())
			}
		}
		if n := f.exchanges(); n > 2 {
			f.Errorf("got %d calls, want the first one and a probe", n)
		}
	})
}
