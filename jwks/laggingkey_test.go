package jwks_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// An issuer can sign with a key before its key server publishes the key, such as behind a cache.
// In quiet times such a token is accepted within 5 s of the publication, however old it is by
// then.
func TestKeyPublishedAfterItsTokens(t *testing.T) {
	for _, lag := range []time.Duration{10 * time.Second, 40 * time.Second, 90 * time.Second, 10 * time.Minute} {
		withFixture(t, func(w *fixture) {
			w.expect("first", w.token(), http.StatusOK)
			time.Sleep(2 * time.Minute)
			before := w.set()
			w.issuer.Rotate("")
			token := w.token()
			w.issuer.SetJWKS(before)
			for began := time.Now(); time.Since(began) < lag; time.Sleep(5 * time.Second) {
				w.expect("not published", token, http.StatusUnauthorized)
			}
			w.issuer.SetJWKS(nil)
			published := time.Now()
			for status := 0; status != http.StatusOK; time.Sleep(5 * time.Second) {
				if status, _ = w.ask(token); status != http.StatusOK && time.Since(published) >= 5*time.Second {
					w.Fatalf("lag %s: got %d %s after the key was published", lag, status, time.Since(published))
				}
			}
			w.budgeted()
		})
	}
}

// Old tokens with unknown keys cost no more fetches than the budget permits. The ones that get
// no fetch are rejected at once. A key that is published meanwhile is accepted within 5 s.
func TestManyOldTokensWithUnknownKeys(t *testing.T) {
	withFixture(t, func(w *fixture) {
		issued := time.Now()
		time.Sleep(time.Minute)
		w.expect("first", w.token(), http.StatusOK)
		time.Sleep(time.Minute)
		before, began := w.fetches(), time.Now()
		for i := range 600 { // one minute
			statuses, slowest := w.crowd(repeat(10, func(n int) string { return w.unknown(10*i+n, issued) }))
			if statuses[http.StatusUnauthorized] != 10 || slowest != 0 {
				w.Fatalf("got %s after %s, want 10×401 at once", summary(statuses), slowest)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n, most := w.fetches()-before, 3+int(time.Since(began)/(5*time.Second))+1; n > most {
			w.Errorf("got %d fetches, want at most %d", n, most)
		}
		w.issuer.Rotate("")
		token, published := w.issuer.Token(resourcetest.Token{IssuedAt: issued}), time.Now()
		for status := 0; status != http.StatusOK; time.Sleep(100 * time.Millisecond) {
			w.ask(w.unknown(1, issued))
			if status, _ = w.ask(token); status != http.StatusOK && time.Since(published) > 5*time.Second {
				w.Fatalf("got %d %s after the key was published", status, time.Since(published))
			}
		}
		w.budgeted()
	})
}
