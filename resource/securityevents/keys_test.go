package securityevents_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// The keys of the issuer rotate. An event with a new key is accepted at once, one with a withdrawn key
// is not.
func TestKeyRotation(t *testing.T) {
	issuer := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFixtureOf(t, issuer, nil)
		old := issuer.KeyIDs()[0]
		f.run(ok("the first key", resourcetest.SecurityEvent{}))
		issuer.Rotate("ES256")
		f.run(ok("a new key", resourcetest.SecurityEvent{}))
		f.run(ok("the old key is still published", resourcetest.SecurityEvent{Key: old}))
		issuer.Withdraw(old)
		time.Sleep(time.Hour)
		f.run(ok("the keys are fetched again", resourcetest.SecurityEvent{}))
		time.Sleep(time.Minute)
		f.run(bad("the old key is withdrawn", resourcetest.SecurityEvent{Key: old}, keyBody, "key"))
		f.run(ok("no kid", withHeader(claims{"kid": remove})))
		f.run(bad("a kid that does not exist", withHeader(claims{"kid": "x"}), keyBody, "key"))
	})
}

// If the keys cannot be fetched, it is not known whether an event is authentic. The issuer must send it
// again (RFC 8935 §2.4).
func TestKeysUnavailable(t *testing.T) {
	issuer := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFixtureOf(t, issuer, nil)
		issuer.Fail(resourcetest.Metadata, resourcetest.Failure{Status: 503, Header: http.Header{"Retry-After": {"4"}}})
		token := issuer.SecurityEvent(resourcetest.SecurityEvent{})
		before := counts(t, f.receiver)
		got := f.push(token)
		if got.status != 503 || got.body != "" || got.header.Get("Retry-After") != "4" {
			t.Errorf("got %d %v %s", got.status, got.header, got.body)
		}
		if result := f.result(before); result != "keys_unavailable" {
			t.Errorf("counted as %q", result)
		}
		issuer.Reset(resourcetest.Metadata)
		time.Sleep(time.Minute)
		if got := f.push(token); got.status != 202 || len(f.store.take()) != 1 {
			t.Errorf("sent again: got %d %s", got.status, got.body)
		}
	})
}

// Tokens that cannot be acceptable cause no requests to the issuer, and a flood of tokens with
// invented keys causes few.
func TestFloods(t *testing.T) {
	issuer := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFixtureOf(t, issuer, nil)
		for range 100 {
			f.deliver(withClaims(claims{"aud": "other", "iss": "https://other.example.test"}))
			f.deliver(withClaims(claims{"iat": 1}))
			f.deliver(withHeader(claims{"typ": "JWT"}))
			f.push("junk")
		}
		if n := issuer.Count(resourcetest.Any); n != 0 {
			t.Errorf("%d requests to the issuer", n)
		}
		f.run(ok("valid", resourcetest.SecurityEvent{}))
		fetches := issuer.Count(resourcetest.JWKS)
		for i := range 500 {
			f.deliver(withHeader(claims{"kid": text(i%26 + 1)}))
		}
		if n := issuer.Count(resourcetest.JWKS) - fetches; n > 10 {
			t.Errorf("%d fetches for 500 tokens", n)
		}
		f.run(ok("valid during the flood", resourcetest.SecurityEvent{}))
		if log := f.log.take(); strings.Count(log, "result=key ") > 11 || !strings.Contains(log, "result=key") {
			t.Errorf("%d records of one result", strings.Count(log, "result=key "))
		}
	})
}

// A request that is canceled while keys are fetched is not acknowledged.
func TestCanceledFetch(t *testing.T) {
	f := newFixture(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := f.send(resourcetest.PushRequest(ctx, endpoint, f.issuer.SecurityEvent(resourcetest.SecurityEvent{}), ""))
	if got.status != 503 || len(f.store.take()) != 0 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}
