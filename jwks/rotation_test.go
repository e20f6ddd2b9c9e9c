package jwks_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func withCache(c *resource.Config, _ *jwks.Config) { c.Limits.CacheTTL = time.Hour }

// A withdrawn key is rejected after the next refresh, and so are the cached tokens that it signed
// (RFC 7517 §5).
func TestWithdrawnKey(t *testing.T) {
	for name, change := range map[string]func(*resource.Config, *jwks.Config){"without cache": nil, "with cache": withCache} {
		t.Run(name, func(t *testing.T) {
			withFixtureConfig(t, change, func(w *fixture) {
				old, gone := w.token(), w.issuer.SigningKeyID("")
				w.expect("before", old, http.StatusOK)
				w.issuer.Rotate("")
				w.issuer.Withdraw(gone)
				// The old token is the only one in use, so nothing else starts the refresh.
				for time.Sleep(14 * time.Minute); w.fetches() < 2; time.Sleep(time.Second) {
					w.ask(old)
				}
				w.expect("after the refresh", old, http.StatusUnauthorized)
				w.expect("the new key", w.token(), http.StatusOK)
			})
		})
	}
}

func TestCachedTokensSurviveRefresh(t *testing.T) {
	withFixtureConfig(t, withCache, func(w *fixture) {
		token := w.token()
		w.expect("first", token, http.StatusOK)
		for range 6 {
			time.Sleep(10 * time.Minute)
			w.issuer.Publish("ES256")
			w.expect("later", token, http.StatusOK)
		}
		if n := w.fetches(); n < 3 || n > 7 {
			w.Errorf("%d fetches in an hour, want one each quarter", n)
		}
	})
}

func TestRefreshBeforeKeysExpire(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.expect("first", w.token(), http.StatusOK)
		for range 24 * 60 {
			time.Sleep(time.Minute)
			if status, took := w.ask(w.token()); status != 200 || took != 0 {
				w.Fatalf("got %d after %s, want 200 at once", status, took)
			}
		}
		if n := w.fetches(); n < 90 || n > 110 {
			w.Errorf("%d fetches in a day, want about 96 to 107", n)
		}
	})
}

// Cache-Control and Expires of a key set count within 30 s and 1 h (RFC 9111 §5.2.2, §5.3).
func TestCacheControl(t *testing.T) {
	for _, row := range []struct {
		name      string
		header    http.Header
		from, til time.Duration // when the second fetch may come
	}{
		{"nothing", http.Header{}, 13*time.Minute + 30*time.Second, 15 * time.Minute},
		{"max-age=300", http.Header{"Cache-Control": {"public, max-age=300"}}, 270 * time.Second, 300 * time.Second},
		{"max-age=300 less Age", http.Header{"Cache-Control": {"max-age=300"}, "Age": {"100"}}, 180 * time.Second, 200 * time.Second},
		{"max-age=0", http.Header{"Cache-Control": {"max-age=0"}}, 27 * time.Second, 30 * time.Second},
		{"max-age negative", http.Header{"Cache-Control": {"max-age=-1"}}, 27 * time.Second, 30 * time.Second},
		{"max-age and no-store", http.Header{"Cache-Control": {"max-age=3600, no-store"}}, 27 * time.Second, 30 * time.Second},
		{"Expires: 0", http.Header{"Expires": {"0"}}, 27 * time.Second, 30 * time.Second},
		{"max-age of ten years", http.Header{"Cache-Control": {"max-age=315360000"}}, 54 * time.Minute, 60 * time.Minute},
		{"max-age beyond int64", http.Header{"Cache-Control": {"max-age=99999999999999999999"}}, 54 * time.Minute, 60 * time.Minute},
		{"no-store", http.Header{"Cache-Control": {"no-store, max-age=3600"}}, 27 * time.Second, 30 * time.Second},
		{"garbage", http.Header{"Cache-Control": {"\"max-age===, 7"}}, 13*time.Minute + 30*time.Second, 15 * time.Minute},
		{"Age over max-age", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"3600"}}, 27 * time.Second, 30 * time.Second},
		{"Expires in the past", http.Header{"Expires": {"Thu, 01 Jan 1998 00:00:00 GMT"}}, 27 * time.Second, 30 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			withFixture(t, func(w *fixture) {
				w.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Header: row.header})
				for w.fetches() < 2 {
					w.ask(w.token())
					synctest.Wait()
					time.Sleep(time.Second)
				}
				times := w.issuer.Times(resourcetest.JWKS)
				if gap := times[1].Sub(times[0]); gap < row.from || gap > row.til+time.Second {
					w.Errorf("second fetch after %s, want %s to %s", gap, row.from, row.til)
				}
			})
		})
	}
}

// RefreshInterval is the longest interval. Cache headers of the server only shorten it.
func TestRefreshIntervalIsTheLongest(t *testing.T) {
	for _, row := range []struct {
		name      string
		header    http.Header
		from, til time.Duration // when the second fetch may come
	}{
		{"nothing", http.Header{}, 270 * time.Second, 300 * time.Second},
		{"an hour", http.Header{"Cache-Control": {"max-age=3600"}}, 270 * time.Second, 300 * time.Second},
		{"Expires in ten years", http.Header{"Expires": {"Thu, 01 Jan 2110 00:00:00 GMT"}}, 270 * time.Second, 300 * time.Second},
		{"a minute", http.Header{"Cache-Control": {"max-age=60"}}, 54 * time.Second, 60 * time.Second},
		{"no-store", http.Header{"Cache-Control": {"no-store"}}, 27 * time.Second, 30 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			fiveMinutes := func(_ *resource.Config, c *jwks.Config) { c.RefreshInterval = 5 * time.Minute }
			withFixtureConfig(t, fiveMinutes, func(w *fixture) {
				w.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Header: row.header})
				for w.fetches() < 2 {
					w.ask(w.token())
					synctest.Wait()
					time.Sleep(time.Second)
				}
				times := w.issuer.Times(resourcetest.JWKS)
				if gap := times[1].Sub(times[0]); gap < row.from || gap > row.til+time.Second {
					w.Errorf("second fetch after %s, want %s to %s", gap, row.from, row.til)
				}
			})
		})
	}
}

// Processes that start at the same time spread their scheduled fetches.
func TestRefreshJitter(t *testing.T) {
	var second []time.Time
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Lifetime: 48 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	synctest.Test(t, func(t *testing.T) {
		const processes = 50
		var verifiers []*jwks.Verifier
		for range processes {
			v, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
			if err != nil {
				t.Fatal(err)
			}
			verifiers = append(verifiers, v)
		}
		for issuer.Count(resourcetest.JWKS) < 2*processes {
			for _, v := range verifiers {
				if err := v.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
		}
		second = issuer.Times(resourcetest.JWKS)[processes:]
	})
	slices.SortFunc(second, time.Time.Compare)
	if spread := second[len(second)-1].Sub(second[0]); spread < time.Minute {
		t.Errorf("second fetches within %s, want a minute or more", spread)
	}
}

// set writes a JWK Set with the issuer's own key among the given ones.
func (w *fixture) set(keys ...string) []byte {
	own := resourcetest.JWK(w.issuer.PublicKey(w.issuer.SigningKeyID("")), map[string]any{"kid": w.issuer.SigningKeyID("")})
	return []byte(`{"keys":[` + strings.Join(append(keys, string(own)), ",") + `]}`)
}

func TestInvalidDocumentsKeepKeys(t *testing.T) {
	rows := []struct {
		name    string
		failure resourcetest.Failure
	}{
		{"set emptied", resourcetest.Failure{Body: []byte(`{"keys":[]}`)}},
		{"garbage", resourcetest.Garbage()},
		{"HTML", resourcetest.LoginPage()},
		{"empty", resourcetest.Failure{Body: []byte{}}},
		{"null", resourcetest.Failure{Body: []byte("null")}},
		{"{}", resourcetest.Failure{Body: []byte("{}")}},
		{"[]", resourcetest.Failure{Body: []byte("[]")}},
		{"truncated", resourcetest.Failure{Truncate: true}},
		{"UTF-16", resourcetest.Failure{Body: []byte("\xff\xfe{\x00\"\x00")}},
		{"byte order mark", resourcetest.Failure{Body: []byte("\ufeff{\"keys\":[]}")}},
		{"300 MiB", resourcetest.Failure{Huge: 300 << 20}},
		{"gzip bomb", resourcetest.Failure{GzipBomb: 1 << 30}},
		{"redirect", resourcetest.Failure{Redirect: "https://elsewhere.example.test/jwks"}},
		{"redirect to metadata address", resourcetest.Failure{Redirect: "http://169.254.169.254/", Status: 307}},
		{"10,000 keys", resourcetest.Failure{Body: []byte(`{"keys":[` + strings.TrimSuffix(strings.Repeat(`{"kty":"AKP"},`, 10_000), ",") + `]}`)}},
		{"symmetric keys only", resourcetest.Failure{Body: []byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`)}},
		{"duplicate member keys", resourcetest.Failure{Body: []byte(`{"keys":[],"keys":[]}`)}},
		{"keys is an object", resourcetest.Failure{Body: []byte(`{"keys":{}}`)}},
		{"keys is null", resourcetest.Failure{Body: []byte(`{"keys":null}`)}},
		{"Keys", resourcetest.Failure{Body: []byte(`{"Keys":[]}`)}},
		{"deep nesting", resourcetest.Failure{Body: []byte(strings.Repeat("[", 9000) + strings.Repeat("]", 9000))}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			withFixture(t, func(w *fixture) {
				w.expect("before", w.token(), http.StatusOK)
				w.issuer.Fail(resourcetest.JWKS, row.failure)
				for range 20 {
					time.Sleep(5 * time.Minute)
					w.expect("after", w.token(), http.StatusOK)
				}
				if w.fetches() < 10 {
					w.Errorf("%d fetches: the invalid document was rarely requested", w.fetches())
				}
			})
		})
		t.Run(row.name+" from the start", func(t *testing.T) {
			withFixture(t, func(w *fixture) {
				w.issuer.Fail(resourcetest.JWKS, row.failure)
				w.expect("not ready", w.token(), http.StatusServiceUnavailable)
			})
		})
	}
}

func TestTrailingDataAndSingleKey(t *testing.T) {
	withFixture(t, func(w *fixture) {
		w.issuer.SetJWKS(append(w.set(), " x"...))
		w.expect("trailing data", w.token(), http.StatusServiceUnavailable)
		time.Sleep(time.Second)
		single := resourcetest.JWK(w.issuer.PublicKey(w.issuer.SigningKeyID("")), nil)
		w.issuer.SetJWKS([]byte(single))
		w.expect("a single key", w.token(), http.StatusServiceUnavailable)
		time.Sleep(time.Second)
		w.issuer.SetJWKS(nil)
		w.expect("valid set again", w.token(), http.StatusOK)
	})
}

func TestUnusableKeysAreSkipped(t *testing.T) { // RFC 7517 §5
	for _, row := range []struct{ name, key string }{
		{"unknown kty", `{"kty":"AKP","alg":"ML-DSA-65","pub":"AAAA"}`},
		{"unknown crv", `{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`},
		{"X25519", `{"kty":"OKP","crv":"X25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`},
		{"unknown alg", `{"kty":"OKP","crv":"Ed25519","alg":"XX","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`},
		{"no n", `{"kty":"RSA","e":"AQAB"}`},
		{"kid is a number", `{"kty":"OKP","crv":"Ed25519","kid":7,"x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`},
		{"key_ops is a string", `{"kty":"OKP","crv":"Ed25519","key_ops":"verify","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`},
		{"symmetric", `{"kty":"oct","k":"AAAA"}`},
		{"private", `{"kty":"OKP","crv":"Ed25519","d":"AAAA","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`},
		{"off the curve", `{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`},
		{"not an object", `"key"`},
		{"null", `null`},
	} {
		t.Run(row.name, func(t *testing.T) {
			withFixture(t, func(w *fixture) {
				w.issuer.SetJWKS(w.set(row.key))
				w.expect("the usable key", w.token(), http.StatusOK)
			})
		})
	}
}

// Up to four keys with the kid of the token are tried.
func TestKeysWithSameID(t *testing.T) {
	withFixture(t, func(w *fixture) {
		kid := w.issuer.SigningKeyID("")
		other := resourcetest.JWK(w.issuer.PublicKey(w.issuer.Publish("ES256")), map[string]any{"kid": kid})
		w.issuer.SetJWKS(w.set(string(other)))
		w.expect("the wrong one first", w.token(), http.StatusOK)
	})
	withFixture(t, func(w *fixture) {
		kid := w.issuer.SigningKeyID("")
		others := repeat(4, func(int) string {
			return string(resourcetest.JWK(w.issuer.PublicKey(w.issuer.Publish("ES256")), map[string]any{"kid": kid}))
		})
		w.issuer.SetJWKS(w.set(others...))
		issued := time.Now()
		time.Sleep(time.Minute)
		w.expect("the fifth is not tried", w.issuer.Token(resourcetest.Token{IssuedAt: issued}), http.StatusUnauthorized)
	})
}

func TestKeyCountLimit(t *testing.T) {
	for _, row := range []struct {
		others, want int
	}{{63, http.StatusOK}, {64, http.StatusServiceUnavailable}} {
		t.Run(fmt.Sprint(row.others+1), func(t *testing.T) {
			withFixture(t, func(w *fixture) {
				w.issuer.SetJWKS(w.set(repeat(row.others, func(int) string { return `{"kty":"oct"}` })...))
				w.expect("keys", w.token(), row.want)
			})
		})
	}
}

// A key set has at most 512 KiB after decompression.
func TestKeySetSizeLimit(t *testing.T) {
	for _, row := range []struct {
		name        string
		bytes, want int
	}{{"at the limit", 512 << 10, http.StatusOK}, {"one byte over", 512<<10 + 1, http.StatusServiceUnavailable}} {
		t.Run(row.name, func(t *testing.T) {
			withFixture(t, func(w *fixture) {
				set := w.set()
				w.issuer.SetJWKS(append(set, bytes.Repeat([]byte(" "), row.bytes-len(set))...))
				w.expect("set", w.token(), row.want)
			})
		})
	}
}
