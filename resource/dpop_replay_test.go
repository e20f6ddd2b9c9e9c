package resource_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// RFC 9449 §11.1: of 20 copies of one proof that arrive at the same time, one is accepted, whether
// the token and the key are cached or not.
func TestSimultaneousReplays(t *testing.T) {
	f := newFixture(t, acceptDPoP)
	key := resourcetest.NewProofKey("")
	for round := range 100 {
		token := f.token(resourcetest.Token{ProofKey: key})
		if round%2 == 1 {
			f.expectProof("first proof", f.sendProof(proof(key, token)), provenAccepted)
		}
		req := proof(key, token)
		var accepted, replayed atomic.Int64
		var wait sync.WaitGroup
		start := make(chan struct{})
		for range 20 {
			wait.Go(func() {
				<-start
				_, refusal := f.res.Authenticate(req.Clone(t.Context()))
				switch {
				case refusal == nil:
					accepted.Add(1)
				case refusal.Reason == resource.ReasonDPoPReplayed && refusal.Status == 401:
					replayed.Add(1)
				}
			})
		}
		close(start)
		wait.Wait()
		if accepted.Load() != 1 || replayed.Load() != 19 {
			t.Fatalf("round %d: %d accepted, %d replayed, want 1 and 19", round, accepted.Load(), replayed.Load())
		}
	}
}

// RFC 9449 §11.1: what counts as the same proof, and what is not remembered.
func TestReplays(t *testing.T) {
	key, other := resourcetest.NewProofKey(""), resourcetest.NewProofKey("EdDSA")
	inBubble(t, func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Scopes = []string{"read"}
	}, func(t *testing.T, f *fixture) {
		long := resourcetest.Token{ProofKey: key, Scope: "read", Lifetime: time.Hour}
		token, second := f.token(long), f.token(long)
		otherToken := f.token(resourcetest.Token{ProofKey: other, Scope: "read", Lifetime: time.Hour})
		weak := f.token(resourcetest.Token{ProofKey: key, Lifetime: time.Hour})
		forged := resourcetest.NewProofKey("") // signs with another key
		send := func(name string, req *http.Request, want resource.Reason) {
			t.Helper()
			f.log.take()
			f.sendProof(req)
			if got := loggedReason(f.log.take()); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		const replayed = resource.ReasonDPoPReplayed
		first := proofWith(key, token, resourcetest.Proof{ID: "a"})
		send("first", first.Clone(t.Context()), "")
		send("again", first.Clone(t.Context()), replayed)
		send("the same jti in another proof", proofWith(key, token, resourcetest.Proof{ID: "a"}), replayed)
		send("the same jti with another token", proofWith(key, second, resourcetest.Proof{ID: "a"}), replayed)
		send("the same jti with another iat", proofWith(key, token, resourcetest.Proof{ID: "a", IssuedAt: time.Now().Add(30 * time.Second)}), replayed)
		send("the same jti, spelled with an escape", proofWith(key, token, resourcetest.Proof{Claims: map[string]any{"jti": resourcetest.Raw(`"\u0061"`)}}), replayed)
		send("the same jti, htu spelled in another way", proofWith(key, token, resourcetest.Proof{ID: "a", Claims: map[string]any{"htu": "HTTPS://MCP.example.test:443/./mcp?x"}}), replayed)
		get := proofWith(key, token, resourcetest.Proof{ID: "a", Method: "GET"})
		get.Method = "GET"
		send("the same jti for another method", get, replayed)
		send("another jti", proofWith(key, token, resourcetest.Proof{ID: "A"}), "")
		send("the same jti of another key", proofWith(other, otherToken, resourcetest.Proof{ID: "a"}), "")
		below := proofWith(key, token, resourcetest.Proof{ID: "a", URL: identifier + "/x"})
		below.URL.Path = "/mcp/x"
		send("the same jti for another URL", below, "")

		// What is rejected before it is known to be authentic is not remembered.
		send("a wrong signature", proofWith(key, token, resourcetest.Proof{ID: "b", Signer: signerOf(t)}), resource.ReasonDPoPSignature)
		send("another key", proofWith(forged, token, resourcetest.Proof{ID: "b"}), resource.ReasonDPoPKey)
		send("a wrong iat", proofWith(key, token, resourcetest.Proof{ID: "b", IssuedAt: time.Now().Add(-time.Hour)}), resource.ReasonDPoPTime)
		send("valid after these", proofWith(key, token, resourcetest.Proof{ID: "b"}), "")

		// A proof is used even if the request is rejected afterwards.
		send("a scope is missing", proofWith(key, weak, resourcetest.Proof{ID: "c"}), "insufficient_scope")
		send("the same jti with a better token", proofWith(key, token, resourcetest.Proof{ID: "c"}), replayed)

		time.Sleep(61*time.Second - time.Nanosecond)
		send("at the end of the window", first.Clone(t.Context()), replayed)
		time.Sleep(time.Nanosecond)
		send("behind the window", first.Clone(t.Context()), resource.ReasonDPoPTime)
		send("a jti is free after the window", proofWith(key, token, resourcetest.Proof{ID: "a"}), "")
		send("and used again", proofWith(key, token, resourcetest.Proof{ID: "a"}), replayed)
	})
}

// Two Resources have separate memories, unless they share Replays.
func TestReplayAtAnotherResource(t *testing.T) {
	key := resourcetest.NewProofKey("")
	a := newFixture(t, acceptDPoP)
	b := newFixtureWith(t, a.issuer, acceptDPoP)
	token := a.token(resourcetest.Token{ProofKey: key})
	req := proof(key, token)
	a.expectProof("separate, a", a.sendProof(req.Clone(t.Context())), provenAccepted)
	b.expectProof("separate, b", b.sendProof(req.Clone(t.Context())), provenAccepted)

	shared := &fakeReplays{seen: map[resource.ProofID]bool{}}
	share := func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Credentials.DPoP.Replays = shared
	}
	a, b = newFixtureWith(t, a.issuer, share), newFixtureWith(t, a.issuer, share)
	req = proof(key, token)
	a.expectProof("shared, a", a.sendProof(req.Clone(t.Context())), provenAccepted)
	b.expectProof("shared, b", b.sendProof(req.Clone(t.Context())), refusedDPoP(401, invalidProof))
}

// limitProofs returns a configuration with limits of the memory.
func limitProofs(all, perKey int) func(*resource.Config, *jwks.Config) {
	return func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Credentials.DPoP.MaxProofs, c.Credentials.DPoP.MaxProofsPerKey = all, perKey
	}
}

// A key with too many proofs is rejected alone, with 429 (RFC 6585 §4). A replay is still 401.
func TestProofsPerKey(t *testing.T) {
	inBubble(t, limitProofs(1000, 2), func(t *testing.T, f *fixture) {
		key, other := resourcetest.NewProofKey(""), resourcetest.NewProofKey("")
		token := f.token(resourcetest.Token{ProofKey: key, Lifetime: time.Hour})
		otherToken := f.token(resourcetest.Token{ProofKey: other, Lifetime: time.Hour})
		first := proof(key, token)
		f.expectWhole("first", f.whole(first.Clone(t.Context())), "200")
		f.expectWhole("second", f.whole(proof(key, token)), "200")
		const tooMany = "429\nCache-Control: no-store\nContent-Length: 65\nContent-Type: application/json\nRetry-After: 1\nX-Content-Type-Options: nosniff\n\n" +
			`{"error_description":"Too many requests with the same DPoP key"}` + "\n"
		for range 3 {
			f.expectWhole("third", f.whole(proof(key, token)), tooMany)
			f.expectProofReason("third", resource.ReasonDPoPTooMany)
		}
		f.expectProof("a replay", f.sendProof(first.Clone(t.Context())), refusedDPoP(401, invalidProof))
		f.expectProof("a forged proof of the key", f.sendProof(proofWith(key, token, resourcetest.Proof{Signer: signerOf(t)})), refusedDPoP(401, invalidProof))
		f.expectProof("another key", f.sendProof(proof(other, otherToken)), provenAccepted)
		time.Sleep(61 * time.Second)
		f.expectProof("after the window", f.sendProof(proof(key, token)), provenAccepted)
		f.expectSeries(map[string]string{
			`warder_decisions_total{reason="dpop_too_many",result="denied"}`:  "3",
			`warder_decisions_total{reason="dpop_replayed",result="denied"}`:  "1",
			`warder_decisions_total{reason="dpop_signature",result="denied"}`: "1",
			`warder_decisions_total{reason="",result="accepted"}`:             "4",
		})
	})
}

// A full memory is 503, never accepted.
func TestFullMemoryOfProofs(t *testing.T) {
	inBubble(t, limitProofs(2, 2), func(t *testing.T, f *fixture) {
		var tokens []string
		var keys []*resourcetest.ProofKey
		for range 3 {
			key := resourcetest.NewProofKey("")
			keys, tokens = append(keys, key), append(tokens, f.token(resourcetest.Token{ProofKey: key, Lifetime: time.Hour}))
		}
		used := proof(keys[0], tokens[0])
		f.expectProof("first", f.sendProof(used.Clone(t.Context())), provenAccepted)
		f.expectProof("second", f.sendProof(proof(keys[1], tokens[1])), provenAccepted)
		const full = "503\nCache-Control: no-store\nContent-Length: 73\nContent-Type: application/json\nRetry-After: 1\nX-Content-Type-Options: nosniff\n\n" +
			`{"error_description":"The access token cannot be checked at the moment"}` + "\n"
		f.expectWhole("third", f.whole(proof(keys[2], tokens[2])), full)
		f.expectProofReason("third", resource.ReasonDPoPUnavailable)
		f.expectProof("a replay", f.sendProof(used.Clone(t.Context())), refusedDPoP(401, invalidProof))
		f.expectProof("a bearer token needs no memory", f.sendProof(bearerRequest(f.token(resourcetest.Token{}))), provenAccepted)
		time.Sleep(61 * time.Second)
		f.expectProof("after the window", f.sendProof(proof(keys[2], tokens[2])), provenAccepted)
	})
}

// Replace can raise the limits, and keeps the proofs.
func TestReplaceProofLimits(t *testing.T) {
	f := newFixture(t, limitProofs(1, 1))
	key := resourcetest.NewProofKey("")
	token := f.token(resourcetest.Token{ProofKey: key})
	used := proof(key, token)
	f.expectProof("first", f.sendProof(used.Clone(t.Context())), provenAccepted)
	f.expectProof("second", f.sendProof(proof(key, token)), proven{429, nil, ""})
	if err := f.res.Replace(newFixtureWith(t, f.issuer, limitProofs(2, 2)).res); err != nil {
		t.Fatal(err)
	}
	f.expectProof("after Replace", f.sendProof(proof(key, token)), provenAccepted)
	f.expectProof("the first again", f.sendProof(used.Clone(t.Context())), refusedDPoP(401, invalidProof))
}
