package resource_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func windowOf(window time.Duration) func(*resource.Config, *jwks.Config) {
	return func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Credentials.DPoP.Window = window
	}
}

// RFC 9449 §11.1: a proof that was used is rejected for as long as its iat is in the window, also if
// Replace has made the window longer or shorter.
func TestReplaceWindow(t *testing.T) {
	for _, row := range []struct {
		name    string
		windows []time.Duration // a Replace every 20 s
	}{
		{"longer", []time.Duration{time.Minute, 5 * time.Minute}},
		{"longer and longer", []time.Duration{20 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute}},
		{"shorter", []time.Duration{5 * time.Minute, time.Minute}},
		{"shorter, then longer", []time.Duration{5 * time.Minute, 10 * time.Second, 5 * time.Minute}},
		{"longer, shorter and longer", []time.Duration{10 * time.Second, 2 * time.Minute, 30 * time.Second, 5 * time.Minute}},
		{"the same", []time.Duration{time.Minute, time.Minute}},
	} {
		inBubble(t, windowOf(row.windows[0]), func(t *testing.T, f *fixture) {
			key := resourcetest.NewProofKey("")
			token := f.token(resourcetest.Token{ProofKey: key, Lifetime: 24 * time.Hour})
			var used []*http.Request
			use := func(window time.Duration) {
				t.Helper()
				for _, iat := range []time.Time{time.Now().Add(-window), time.Now(), time.Now().Add(window)} {
					req := proofWith(key, token, resourcetest.Proof{IssuedAt: iat})
					if f.sendProof(req).status == 200 {
						used = append(used, req)
					}
				}
			}
			use(row.windows[0])
			if len(used) != 3 {
				t.Fatalf("%s: %d of 3 proofs were accepted", row.name, len(used))
			}
			for _, window := range row.windows[1:] {
				time.Sleep(20 * time.Second)
				if err := f.res.Replace(newFixtureWith(t, f.issuer, windowOf(window)).res); err != nil {
					t.Fatal(err)
				}
				use(window)
			}
			last := row.windows[len(row.windows)-1]
			f.unexplained = true // the rest sends many requests
			for second := range 15 * 60 {
				for n, req := range used {
					if got := f.sendProof(req.Clone(t.Context())); got.status == 200 {
						t.Fatalf("%s: proof %d was accepted again %d s after the last Replace", row.name, n, second)
					}
				}
				time.Sleep(time.Second)
			}
			f.expectProof(row.name+": the window at the end", f.sendProof(proofWith(key, token, resourcetest.Proof{IssuedAt: time.Now().Add(-last)})), provenAccepted)
		})
	}
}

// What Replace changes about DPoP applies to cached tokens too.
func TestReplaceMode(t *testing.T) {
	var verifier resource.Verifier // the same one, so that the cache is kept
	with := func(change func(*resource.Config, *jwks.Config)) func(*resource.Config, *jwks.Config) {
		return func(c *resource.Config, k *jwks.Config) {
			if verifier == nil {
				keys, err := jwks.New(*k)
				if err != nil {
					t.Fatal(err)
				}
				verifier = keys
			}
			c.Issuers[0].Verifier = verifier
			if change != nil {
				change(c, k)
			}
		}
	}
	f := newFixture(t, with(acceptDPoP))
	key := resourcetest.NewProofKey("")
	bound, unbound := f.token(resourcetest.Token{ProofKey: key}), f.token(resourcetest.Token{})
	bearer := func(token string) proven {
		req := post(identifier)
		req.Header.Set("Authorization", "Bearer "+token)
		return f.sendProof(req)
	}
	replay := proof(key, bound)
	f.expectProof("accepted: bound", f.sendProof(replay), provenAccepted)
	f.expectProof("accepted: unbound", bearer(unbound), provenAccepted)

	replace := func(change func(*resource.Config, *jwks.Config)) {
		t.Helper()
		if err := f.res.Replace(newFixtureWith(t, f.issuer, with(change)).res); err != nil {
			t.Fatal(err)
		}
	}
	replace(requireDPoP)
	f.expectProof("required: bound", f.sendProof(proof(key, bound)), provenAccepted)
	f.expectProof("required: unbound", bearer(unbound), onlyDPoP(notBound))
	f.expectProof("required: a proof that was used before", f.sendProof(replay.Clone(t.Context())), onlyDPoP(invalidProof))

	replace(nil)
	none := proven{401, []string{"Bearer " + pointer}, ""}
	off := proven{401, []string{"Bearer " + pointer + invalidToken}, ""}
	f.expectProof("off: bound", f.sendProof(proof(key, bound)), none)
	f.expectProof("off: bound, as a bearer token", bearer(bound), off)
	f.expectProof("off: unbound", bearer(unbound), provenAccepted)

	replace(acceptDPoP)
	f.expectProof("accepted again: bound, as a bearer token", bearer(bound), refusedBearer(401, otherScheme))
	f.expectProof("accepted again: a proof that was used before", f.sendProof(replay.Clone(t.Context())), refusedDPoP(401, invalidProof))
	f.expectProof("accepted again: bound", f.sendProof(proof(key, bound)), provenAccepted)

	replace(func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Credentials.DPoP.Algorithms = []string{"ES384"}
	})
	got := f.sendProof(proof(key, bound))
	f.expectProof("another algorithm", got, proven{401, []string{"Bearer " + pointer, "DPoP " + pointer + invalidProof + `, algs="ES384"`}, ""})
}

// A proof of a client whose clock is ahead can have been used by another process, or before Replace, with the
// longest of the configured windows. MadeAfter is a time before that, also while the window grows.
func TestMadeAfterReplace(t *testing.T) {
	replays := &fakeReplays{seen: map[resource.ProofID]bool{}}
	sharing := func(window time.Duration) func(*resource.Config, *jwks.Config) {
		return func(c *resource.Config, k *jwks.Config) {
			windowOf(window)(c, k)
			c.Credentials.DPoP.Replays = replays
		}
	}
	inBubble(t, sharing(time.Minute), func(t *testing.T, f *fixture) {
		key := resourcetest.NewProofKey("")
		token := f.token(resourcetest.Token{ProofKey: key, Lifetime: time.Hour})
		if err := f.res.Replace(newFixtureWith(t, f.issuer, sharing(5*time.Minute)).res); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			f.expectProof("a proof", f.sendProof(proofWith(key, token, resourcetest.Proof{})), provenAccepted)
			want := time.Unix(time.Now().Unix(), 0).Add(-5 * time.Minute)
			if got := replays.calls[len(replays.calls)-1].proof.MadeAfter; !got.Equal(want) {
				t.Errorf("got %s, want %s", got, want)
			}
			time.Sleep(time.Minute)
		}
	})
}
