package jwks_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Tokens with 10,000 different unknown kids delay no token with a known key, cause few fetches and
// use little memory.
func TestManyUnknownKeys(t *testing.T) {
	for name, failure := range map[string]resourcetest.Failure{
		"key server answers": {}, "connection refused": {Refuse: true}, "key server hangs": {Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			withFixture(t, func(w *fixture) {
				w.expect("first", w.token(), http.StatusOK)
				time.Sleep(time.Minute)
				w.issuer.Fail(resourcetest.JWKS, failure)
				before := w.fetches()
				size := 1000 // of one of ten crowds
				if testing.Short() {
					size = 100
				}
				tokens := repeat(10*size, func(i int) string { return w.unknown(i, time.Now()) })
				var memory, after runtime.MemStats
				runtime.ReadMemStats(&memory)
				began := time.Now()
				done := make(chan struct{})
				go func() { // known keys at the same time
					defer close(done)
					for time.Since(began) < 5*time.Second {
						if status, took := w.ask(w.token()); status != 200 || took > 50*time.Millisecond {
							w.Errorf("known key: %d after %s, want 200 at once", status, took)
						}
						time.Sleep(20 * time.Millisecond)
					}
				}()
				waited := 0
				for i := range 10 { // spread over a second
					statuses, slowest := w.crowd(tokens[i*size : (i+1)*size])
					if statuses[200] > 0 || statuses[500] > 0 || slowest > 3*time.Second {
						w.Errorf("got %s, slowest %s; want 401 and 503 only, within 3s", summary(statuses), slowest)
					}
					if slowest > 0 {
						waited++
					}
					time.Sleep(100 * time.Millisecond)
				}
				<-done
				w.Logf("%d of 10 crowds had requests that waited, %d fetches in %s", waited, w.fetches()-before, time.Since(began))
				runtime.GC()
				runtime.ReadMemStats(&after)
				if grown := int64(after.HeapAlloc) - int64(memory.HeapAlloc); grown > 8<<20 {
					w.Errorf("heap grew by %d bytes", grown)
				}
				w.budgeted()
			})
		})
	}
}

func TestAtMost64RequestsWait(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.expect("first", w.token(), http.StatusOK)
		time.Sleep(time.Minute)
		w.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Hang: true})
		statuses, slowest := w.crowd(repeat(64, func(i int) string { return w.unknown(i, time.Now()) }))
		if statuses[503] != 64 || slowest != 3*time.Second {
			w.Errorf("64 requests: got %s, slowest %s; want 64×503 after 3s", summary(statuses), slowest)
		}
		time.Sleep(time.Minute)
		waiting := make(chan struct{})
		go func() {
			defer close(waiting)
			w.crowd(repeat(64, func(i int) string { return w.unknown(i, time.Now()) }))
		}()
		time.Sleep(time.Second)
		if status, took := w.ask(w.unknown(65, time.Now())); status != 503 || took != 0 {
			w.Errorf("the 65th: got %d after %s, want 503 at once", status, took)
		}
		<-waiting
		time.Sleep(time.Minute)
		if _, took := w.ask(w.unknown(66, time.Now())); took == 0 {
			w.Error("the limit still counts requests that have ended")
		}
	})
}

// A key that is published while many tokens have unknown keys is accepted within 5 s.
func TestNewKeyDuringManyUnknownKeys(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.expect("first", w.token(), http.StatusOK)
		time.Sleep(time.Minute)
		began := time.Now()
		var published time.Time
		var fresh string
		for i := 0; time.Since(began) < 15*time.Second; i++ {
			go w.ask(w.unknown(i, time.Now())) // one every 10 ms
			if published.IsZero() && time.Since(began) > 2*time.Second {
				w.issuer.Rotate("")
				published, fresh = time.Now(), w.token()
			}
			if !published.IsZero() && i%10 == 0 {
				switch status, _ := w.ask(fresh); {
				case status == 401:
					w.Fatalf("401 %s after its key was published", time.Since(published))
				case status != 200 && time.Since(published) > 5*time.Second:
					w.Fatalf("%d %s after its key was published", status, time.Since(published))
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
		w.expect("at the end", fresh, http.StatusOK)
		w.budgeted()
		time.Sleep(3 * time.Second)
	})
}

// Without budget, a token issued before the last fetch is rejected at once.
func TestOldTokenWithUnknownKey(t *testing.T) {
	withFixture(t, func(w *fixture) {
		issued := time.Now()
		time.Sleep(time.Minute)
		w.expect("first", w.token(), http.StatusOK)
		for i := range 3 {
			w.expect("uses up the budget", w.unknown(i, time.Now()), http.StatusUnauthorized)
		}
		before := w.fetches()
		if status, took := w.ask(w.unknown(4, issued)); status != 401 || took != 0 || w.fetches() != before {
			w.Errorf("got %d after %s with %d fetches, want 401 at once without one", status, took, w.fetches()-before)
		}
	})
}

// MCP authorization, "Token Handling": an invalid token MUST get 401. The client that sends it
// also writes its iat, so that must not matter.
func TestForgedTokens(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.expect("first", w.token(), http.StatusOK)
		time.Sleep(time.Minute)
		for range 20 {
			statuses, slowest := w.crowd(repeat(50, func(int) string { return w.issuer.Token(resourcetest.Token{Fault: resourcetest.WrongSignature}) }))
			if statuses[401] != 50 || slowest != 0 {
				w.Errorf("got %s after %s, want 50×401 at once", summary(statuses), slowest)
			}
			w.expect("a valid token at the same time", w.token(), http.StatusOK)
			time.Sleep(time.Second)
		}
		if n := w.fetches(); n > 6 {
			w.Errorf("got %d fetches in 20 s, want at most one per 5 s", n)
		}
		time.Sleep(time.Minute)
		w.expect("a single one", w.issuer.Token(resourcetest.Token{Fault: resourcetest.WrongSignature}), http.StatusUnauthorized)
	})
}

// One forged token per second for ten minutes does not affect valid requests, and nothing counts
// as unavailable.
func TestForgedTokensForTenMinutes(t *testing.T) {
	withFixture(t, func(w *fixture) {
		for range 600 {
			w.expect("forged", w.issuer.Token(resourcetest.Token{Fault: resourcetest.WrongSignature}), http.StatusUnauthorized)
			w.expect("valid", w.token(), http.StatusOK)
			time.Sleep(time.Second)
		}
	})
}

// A known kid with another algorithm than that of its key.
func TestKnownKeyWithOtherAlgorithm(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.expect("first", w.token(), http.StatusOK)
		other := w.issuer.Publish("RS256")
		token := w.issuer.Token(resourcetest.Token{Key: other, Alg: "RS256", Header: map[string]any{"kid": w.issuer.SigningKeyID("")}})
		if status, took := w.ask(token); status != 401 || took != 0 {
			w.Errorf("got %d after %s, want 401 at once", status, took)
		}
	})
}

// While the budget for unknown keys is unused, no request fails after a rotation: scheduled
// fetches do not use the budget.
func TestRotationWithUnusedBudget(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.expect("first", w.token(), http.StatusOK)
		for range 3 { // right after a fetch, which may have been a scheduled one
			w.issuer.Rotate("")
			w.expect("the first token with the new key", w.token(), http.StatusOK)
			time.Sleep(5 * time.Second)
		}
	})
}

// Without budget, a young token with an unknown key gets 503, because it is not known whether
// the issuer has the key. Retry-After is 5 s at most, and then the answer is known.
func TestPendingKey(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.expect("first", w.token(), http.StatusOK)
		for i := range 3 {
			w.expect("uses up the budget", w.unknown(i, time.Now()), http.StatusUnauthorized)
		}
		w.issuer.Rotate("")
		token := w.token()
		for n := 0; ; n++ {
			status, after := w.askForRetry(token)
			if status == http.StatusOK {
				break
			}
			if status != http.StatusServiceUnavailable || after < 1 || after > 5 || n > 1 {
				w.Fatalf("got %d with Retry-After %d at try %d, want 503 with 1 to 5, then 200", status, after, n)
			}
			time.Sleep(time.Duration(after) * time.Second)
		}
	})
}

// A key that is replaced without a new kid is accepted within 5 s.
func TestKeyReplacedWithSameID(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.expect("first", w.token(), http.StatusOK)
		for range 2 {
			time.Sleep(4 * time.Minute)
			w.issuer.ReplaceUnderSameKid(w.issuer.SigningKeyID(""))
			replaced, token := time.Now(), w.token()
			for status := 0; status != 200; time.Sleep(100 * time.Millisecond) {
				if status, _ = w.ask(token); status != 200 && status != 401 || time.Since(replaced) > 5*time.Second {
					w.Fatalf("%d %s after the key was replaced", status, time.Since(replaced))
				}
			}
		}
	})
}

// A key that is replaced twice within 5 s is accepted within 5 s of the second time.
func TestKeyReplacedTwice(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.expect("first", w.token(), http.StatusOK)
		time.Sleep(time.Minute)
		w.issuer.ReplaceUnderSameKid(w.issuer.SigningKeyID(""))
		w.ask(w.token())
		time.Sleep(time.Second)
		w.issuer.ReplaceUnderSameKid(w.issuer.SigningKeyID(""))
		replaced, token := time.Now(), w.token()
		for status := 0; status != 200; time.Sleep(100 * time.Millisecond) {
			if status, _ = w.ask(token); time.Since(replaced) > 5*time.Second {
				w.Fatalf("%d %s after the key was replaced", status, time.Since(replaced))
			}
		}
	})
}

// Without kid, up to 4 keys that support the algorithm are tried, so that issuers which use no
// kid can rotate their keys.
func TestTokenWithoutKeyID(t *testing.T) {
	withFixture(t, func(w *fixture) {
		withoutKeyID := func() string {
			return w.issuer.Token(resourcetest.Token{Header: map[string]any{"kid": resourcetest.Remove}})
		}
		w.expect("one key matches", withoutKeyID(), http.StatusOK)
		w.issuer.Rotate("")
		w.expect("after a rotation", withoutKeyID(), http.StatusOK)
		w.issuer.Publish("RS256")
		time.Sleep(16 * time.Minute)
		w.expect("a key for another algorithm", withoutKeyID(), http.StatusOK)
		for range 2 {
			w.issuer.Publish("ES256")
		}
		time.Sleep(16 * time.Minute)
		w.expect("starts the refresh", w.token(), http.StatusOK)
		time.Sleep(time.Minute)
		w.expect("four keys match", withoutKeyID(), http.StatusOK)
		w.issuer.Publish("ES256")
		time.Sleep(16 * time.Minute)
		w.expect("starts the refresh", w.token(), http.StatusOK)
		time.Sleep(time.Minute)
		w.expect("five keys match", withoutKeyID(), http.StatusUnauthorized)
	})
}

// A stale cache may answer a scheduled refresh with an older document. Valid tokens with a newer
// key are not rejected then.
func TestStaleCacheAfterForcedFetch(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.expect("first", w.token(), http.StatusOK)
		oldSet := w.set()
		w.issuer.Rotate("")
		token := w.token()
		time.Sleep(time.Minute)
		w.expect("new key, forced fetch", token, http.StatusOK)
		w.issuer.SetJWKS(oldSet)
		time.Sleep(15 * time.Minute)
		w.ask(token) // starts the refresh
		time.Sleep(time.Second)
		w.issuer.SetJWKS(nil)
		w.expect("the cache is fresh again", token, http.StatusOK)
	})
}

// A skipped key is logged once, also if fetches fail in between.
func TestSkippedKeyIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	logTo := func(_ *resource.Config, c *jwks.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }
	withFixtureConfig(t, logTo, func(w *fixture) {
		w.issuer.SetJWKS(w.set(`{"kty":"AKP","kid":"odd"}`))
		w.expect("first", w.token(), http.StatusOK)
		for range 3 {
			w.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Status: http.StatusBadGateway})
			time.Sleep(16 * time.Minute)
			w.ask(w.token())
			time.Sleep(time.Second)
			w.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{})
			time.Sleep(time.Minute)
			w.ask(w.token())
			time.Sleep(time.Second)
		}
		if n := strings.Count(log.String(), "fetching keys failed"); n == 0 {
			w.Error("no fetch failed")
		}
		if n := strings.Count(log.String(), "unusable key skipped"); n != 1 {
			w.Errorf("the key was logged %d times, want once", n)
		}
	})
}
