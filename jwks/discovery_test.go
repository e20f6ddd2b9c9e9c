package jwks_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// rotated replaces the issuer's key and withdraws the old one.
func (w *fixture) rotated() {
	gone := w.issuer.SigningKeyID("")
	w.issuer.Rotate("")
	w.issuer.Withdraw(gone)
}

// The keys are refreshed even if the metadata document cannot be fetched again.
func TestDiscoveryFailsLater(t *testing.T) {
	for name, failure := range map[string]resourcetest.Failure{
		"hangs": {Hang: true}, "slow": {Delay: 4 * time.Second}, "refuses": {Refuse: true}, "429": {Status: 429, Header: http.Header{"Retry-After": {"60"}}},
	} {
		t.Run(name, func(t *testing.T) {
			withFixture(t, func(w *fixture) {
				old := w.token()
				w.expect("first", old, http.StatusOK)
				w.issuer.Fail(resourcetest.Metadata, failure)
				for range 12 {
					time.Sleep(10 * time.Minute)
					w.expect("while the address is used", w.token(), http.StatusOK)
				}
				w.rotated()
				time.Sleep(30 * time.Minute)
				w.ask(w.token())
				time.Sleep(10 * time.Second)
				w.expect("withdrawn key", old, http.StatusUnauthorized)
				w.expect("new key", w.token(), http.StatusOK)
			})
		})
	}
}

// After a failed fetch, the address of the key set is discovered again.
func TestFailedFetchRepeatsDiscovery(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.issuer.Fail(resourcetest.JWKS, resourcetest.LoginPage())
		w.expect("a login page instead of the keys", w.token(), http.StatusServiceUnavailable)
		asked := w.issuer.Count(resourcetest.Metadata)
		w.issuer.Reset()
		time.Sleep(time.Second)
		w.expect("after the address was corrected", w.token(), http.StatusOK)
		if w.issuer.Count(resourcetest.Metadata) == asked {
			t.Error("the address was not discovered again")
		}
	})
}

func TestForcedFetchSendsNoCache(t *testing.T) { // RFC 9111 §5.2.1.4
	withFixture(t, func(w *fixture) {
		w.expect("first", w.token(), http.StatusOK)
		if got := w.issuer.Last(resourcetest.JWKS).Header.Get("Cache-Control"); got != "" {
			t.Errorf("the first fetch had Cache-Control %q", got)
		}
		time.Sleep(time.Minute)
		w.ask(w.unknown(1, time.Now()))
		if got := w.issuer.Last(resourcetest.JWKS).Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("the forced fetch had Cache-Control %q, want no-cache", got)
		}
	})
}

// The result of a scheduled refresh can come from a cache. So it does not decide about a token
// with an unknown key: a fetch that bypasses caches follows.
func TestScheduledRefreshDoesNotDecide(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.expect("first", w.token(), http.StatusOK)
		time.Sleep(15 * time.Minute)
		before := w.fetches()
		w.expect("unknown, and a refresh is due at the same moment", w.unknown(1, time.Now()), http.StatusUnauthorized)
		if n := w.fetches() - before; n != 2 {
			t.Errorf("got %d fetches, want a scheduled and a forced one", n)
		}
		if got := w.issuer.Last(resourcetest.JWKS).Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("the last fetch had Cache-Control %q, want no-cache", got)
		}
	})
}

// While there is no budget for fetches, a token is compared with the last fetch. The issuer's
// clock may be 30 s behind.
func TestIssuerClockBehind(t *testing.T) {
	withFixture(t, func(w *fixture) {
		time.Sleep(time.Hour)
		w.expect("first", w.token(), http.StatusOK)
		for i := range 3 {
			w.expect("uses up the budget", w.unknown(i, time.Now()), http.StatusUnauthorized)
		}
		time.Sleep(time.Second)
		w.expect("half a minute before the fetch, by the issuer's clock", w.unknown(4, time.Now().Add(-30*time.Second)), http.StatusServiceUnavailable)
		w.expect("older than that", w.unknown(5, time.Now().Add(-32*time.Second)), http.StatusUnauthorized)
	})
}

// A key that the set contains under two IDs is withdrawn when both are gone.
func TestWithdrawnKeyWithTwoIDs(t *testing.T) {
	withFixtureConfig(t, withCache, func(w *fixture) {
		kid := w.issuer.SigningKeyID("")
		twice := w.set(string(resourcetest.JWK(w.issuer.PublicKey(kid), map[string]any{"kid": "other"})))
		w.issuer.SetJWKS(twice)
		token := w.token()
		w.expect("first", token, http.StatusOK)
		for range 2 { // the same document, several times
			time.Sleep(16 * time.Minute)
			w.expect("cached", token, http.StatusOK)
			time.Sleep(time.Second)
		}
		w.issuer.SetJWKS(nil)
		w.rotated()
		time.Sleep(14 * time.Minute)
		w.ask(token) // starts the refresh
		time.Sleep(time.Minute)
		w.ask(token)
		time.Sleep(time.Second)
		w.expect("withdrawn", token, http.StatusUnauthorized)
	})
}

func TestKeysFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	withFixtureConfig(t, func(_ *resource.Config, c *jwks.Config) {
		*c = jwks.Config{Issuer: c.Issuer, File: file, Logger: c.Logger}
	}, func(w *fixture) {
		write := func(document []byte) {
			if err := os.WriteFile(file, document, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.expect("no file yet", w.token(), http.StatusServiceUnavailable)
		write(w.set())
		time.Sleep(time.Second)
		old := w.token()
		w.expect("first", old, http.StatusOK)
		w.rotated()
		write(w.set())
		time.Sleep(time.Minute)
		w.ask(w.token())
		time.Sleep(time.Second)
		w.expect("new key", w.token(), http.StatusOK)
		w.expect("old key", old, http.StatusUnauthorized)
		write([]byte("broken"))
		for range 5 {
			time.Sleep(time.Minute)
			w.expect("broken file", w.token(), http.StatusOK)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(file, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Hour)
		w.expect("a directory instead of the file, for a day", w.token(), http.StatusServiceUnavailable)
	})
}

// Members of the metadata that are not used for keys can have any value.
func TestOtherMembersOfTheMetadata(t *testing.T) {
	for name, value := range map[string]any{"null": nil, "empty": "", "a number": 1, "over http": "http://auth.example.test/introspect"} {
		t.Run(name, func(t *testing.T) {
			withFixture(t, func(w *fixture) {
				w.issuer.SetMetadata(map[string]any{"introspection_endpoint": value, "introspection_endpoint_auth_methods_supported": value})
				w.expect("keys", w.token(), http.StatusOK)
			})
		})
	}
}

// Keys in the configuration are never fetched, so their age does not grow.
func TestConfiguredKeysHaveNoFetchTime(t *testing.T) {
	const document = `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	verifier, err := jwks.New(jwks.Config{Issuer: "https://auth.example.test", Keys: []byte(document)})
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = `
# HELP warder_keyset_fetched_timestamp_seconds When the last successful fetch began; 0 if there was none.
# TYPE warder_keyset_fetched_timestamp_seconds gauge
warder_keyset_fetched_timestamp_seconds{issuer="https://auth.example.test"} 0
`
	if err := testutil.CollectAndCompare(verifier, strings.NewReader(want), "warder_keyset_fetched_timestamp_seconds"); err != nil {
		t.Error(err)
	}
}
