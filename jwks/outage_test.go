package jwks_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func TestConcurrentFirstRequestsShareOneFetch(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Delay: 100 * time.Millisecond})
		token := w.token()
		statuses, slowest := w.crowd(repeat(1000, func(int) string { return token }))
		if statuses[200] != 1000 || w.fetches() != 1 || slowest > 100*time.Millisecond {
			w.Errorf("got %s, %d fetches, slowest %s; want 1000×200, 1 fetch, 100ms", summary(statuses), w.fetches(), slowest)
		}
	})
}

func TestColdStartDuringOutage(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Refuse: true})
		token, began := w.token(), time.Now()
		for time.Since(began) < 10*time.Second {
			w.expect("down", token, http.StatusServiceUnavailable)
			time.Sleep(50 * time.Millisecond)
		}
		w.issuer.Reset()
		back := time.Now()
		for status := 0; status != http.StatusOK; time.Sleep(50 * time.Millisecond) {
			if status, _ = w.ask(token); time.Since(back) > time.Second {
				w.Fatalf("still %d a second after the key server came back", status)
			}
		}
		w.spaced(time.Second)
	})
}

// The first request waits for the keys for at most 3 s.
func TestFirstRequestWaitLimit(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.issuer.Fail(resourcetest.Metadata, resourcetest.Failure{Delay: 2 * time.Second})
		w.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Delay: 2 * time.Second})
		token := w.token()
		if status, took := w.ask(token); status != 503 || took != 3*time.Second {
			w.Errorf("got %d after %s, want 503 after 3s", status, took)
		}
		time.Sleep(2 * time.Second) // the fetch continues, for other requests
		w.expect("after the fetch has ended", token, http.StatusOK)
		if w.fetches() != 1 {
			w.Errorf("%d fetches, want 1", w.fetches())
		}
	})
}

func TestKnownKeysDoNotWaitForSlowServer(t *testing.T) {
	for name, failure := range map[string]resourcetest.Failure{
		"slow": {Delay: 10 * time.Second}, "hanging": {Hang: true}, "one byte a second": {Pace: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			withFixture(t, func(w *fixture) {
				token := w.token()
				w.expect("first", token, http.StatusOK)
				w.issuer.Fail(resourcetest.JWKS, failure)
				for _, pause := range []time.Duration{14 * time.Minute, 5 * time.Minute, 10 * time.Hour} {
					time.Sleep(pause)
					for range 200 { // over several attempts
						status, took := w.ask(token)
						if status != 200 || took > 50*time.Millisecond {
							w.Fatalf("after %s: got %d after %s, want 200 within 50ms", pause, status, took)
						}
						time.Sleep(100 * time.Millisecond)
					}
				}
			})
		})
	}
}

// After an idle time, the first request waits up to 50 ms for the refresh that it starts.
func TestOverdueRefreshIsAwaited(t *testing.T) {
	withFixture(t, func(w *fixture) {
		old := w.token()
		w.expect("first", old, http.StatusOK)
		gone := w.issuer.SigningKeyID("")
		w.issuer.Rotate("")
		w.issuer.Withdraw(gone)
		w.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Delay: 40 * time.Millisecond})
		time.Sleep(10 * time.Hour)
		w.expect("signed with the key withdrawn overnight, iat before the fetch", old, http.StatusUnauthorized)
	})
}

// During an outage the known keys are used for 24 hours. Then the answer is 503, not 401.
func TestKeyServerOutage(t *testing.T) {
	withFixture(t, func(w *fixture) {
		token := w.token()
		w.expect("first", token, http.StatusOK)
		began := time.Now()
		w.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Status: http.StatusBadGateway})
		for time.Since(began) < 24*time.Hour-time.Minute {
			w.expect("within the stale limit", token, http.StatusOK)
			time.Sleep(7 * time.Minute)
		}
		time.Sleep(25*time.Hour - time.Since(began))
		w.expect("after 25 hours", token, http.StatusServiceUnavailable)
		w.issuer.Reset()
		time.Sleep(time.Second)
		w.expect("back", token, http.StatusOK)
	})
}

func TestStaleKeysInvalidateCachedTokens(t *testing.T) {
	withLongCache := func(c *resource.Config, _ *jwks.Config) { c.Limits.CacheTTL = 48 * time.Hour }
	withFixtureConfig(t, withLongCache, func(w *fixture) {
		token := w.token()
		w.expect("first", token, http.StatusOK)
		w.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Status: http.StatusBadGateway})
		time.Sleep(23 * time.Hour)
		w.expect("within the stale limit", token, http.StatusOK)
		time.Sleep(2 * time.Hour)
		w.expect("after 25 hours", token, http.StatusServiceUnavailable)
	})
}

func TestBackoff(t *testing.T) {
	for _, row := range []struct {
		name    string
		failure resourcetest.Failure
		least   time.Duration // between attempts, from the fourth on
		most    int           // attempts within five minutes
	}{
		{"401", resourcetest.Failure{Status: 401}, 8 * time.Second, 15},
		{"403", resourcetest.Failure{Status: 403}, 8 * time.Second, 15},
		{"404", resourcetest.Failure{Status: 404}, 8 * time.Second, 15},
		{"500", resourcetest.Failure{Status: 500}, 8 * time.Second, 15},
		{"429 with Retry-After 20", resourcetest.Failure{Status: 429, Header: http.Header{"Retry-After": {"20"}}}, 20 * time.Second, 15},
		{"429 with Retry-After of an hour, capped at a minute", resourcetest.Failure{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}, time.Minute, 6},
		{"503 with a negative Retry-After", resourcetest.Failure{Status: 503, Header: http.Header{"Retry-After": {"-5"}}}, 8 * time.Second, 15},
		{"304 to an unconditional request", resourcetest.Failure{Status: 304}, 8 * time.Second, 15},
		{"204", resourcetest.Failure{Status: 204}, 8 * time.Second, 15},
		{"connection refused", resourcetest.Failure{Refuse: true}, 8 * time.Second, 15},
	} {
		t.Run(row.name, func(t *testing.T) {
			withFixture(t, func(w *fixture) {
				token := w.token()
				w.expect("first", token, http.StatusOK)
				time.Sleep(15 * time.Minute)
				w.issuer.Fail(resourcetest.JWKS, row.failure)
				began := time.Now()
				for time.Since(began) < 5*time.Minute {
					w.expect("during the outage", token, http.StatusOK)
					time.Sleep(500 * time.Millisecond)
				}
				times := w.issuer.Times(resourcetest.JWKS)[1:]
				if len(times) > row.most {
					w.Errorf("%d attempts, want at most %d", len(times), row.most)
				}
				for i := 4; i < len(times); i++ {
					if gap := times[i].Sub(times[i-1]); gap < row.least {
						w.Errorf("attempts %d and %d are %s apart, want at least %s", i-1, i, gap, row.least)
					}
				}
			})
		})
	}
}

// While there are no keys, the Retry-After of the key server is capped at 5 s.
func TestColdRetryAfterIsCapped(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Status: 429, Header: http.Header{"Retry-After": {"600"}}})
		token := w.token()
		w.expect("first", token, http.StatusServiceUnavailable)
		w.issuer.Reset()
		time.Sleep(4 * time.Second)
		w.expect("within Retry-After", token, http.StatusServiceUnavailable)
		time.Sleep(time.Second)
		w.expect("after the cap", token, http.StatusOK)
	})
}
