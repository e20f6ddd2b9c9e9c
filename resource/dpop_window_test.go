package resource_test

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// proofWith returns a request with a token and a proof with these fields.
func proofWith(key *resourcetest.ProofKey, token string, p resourcetest.Proof) *http.Request {
	req := post(identifier)
	req.Header.Set("Authorization", "DPoP "+token)
	p.Token = token
	req.Header.Set("DPoP", key.Proof(p))
	return req
}

// RFC 9449 §4.3, number 11: iat is within the window in both directions, ends included. The clock
// has fractions of a second, and iat has none.
func TestProofWindow(t *testing.T) {
	for _, window := range []time.Duration{0, time.Second, time.Minute, 5 * time.Minute} {
		inBubble(t, func(c *resource.Config, k *jwks.Config) {
			acceptDPoP(c, k)
			c.Credentials.DPoP.Window = window
		}, func(t *testing.T, f *fixture) {
			if window == 0 {
				window = time.Minute // the default
			}
			seconds := int64(window / time.Second)
			key := resourcetest.NewProofKey("")
			token := f.token(resourcetest.Token{ProofKey: key, Lifetime: 24 * time.Hour})
			time.Sleep(500 * time.Millisecond)
			now := time.Now()
			if now.Nanosecond() != 500_000_000 {
				t.Fatalf("the clock is at %s", now)
			}
			for _, row := range []struct {
				name string
				iat  int64
				ok   bool
			}{
				{"now", now.Unix(), true},
				{"the oldest", now.Unix() - seconds, true},
				{"too old", now.Unix() - seconds - 1, false},
				{"the newest", now.Unix() + seconds, true},
				{"too new", now.Unix() + seconds + 1, false},
				{"the year 1970", 0, false},
				{"in 291 years", now.AddDate(291, 0, 0).Unix(), false},
				{"in 293 years, which overflows a Duration", now.AddDate(293, 0, 0).Unix(), false},
				{"the year 9999", 253402300799, false},
				{"beyond all dates", math.MaxInt64, false},
			} {
				got := f.sendProof(proofWith(key, token, resourcetest.Proof{Claims: map[string]any{"iat": row.iat}}))
				want := provenAccepted
				if !row.ok {
					want = refusedDPoP(401, invalidProof)
				}
				f.expectProof(window.String()+", "+row.name, got, want)
			}
		})
	}
}
