package resource_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func withReplays(r *fakeReplays) func(*resource.Config, *jwks.Config) {
	return func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Credentials.DPoP.Replays, c.Credentials.DPoP.Window = r, 30*time.Second
	}
}

// What Replays is called with.
func TestCallsOfReplays(t *testing.T) {
	replays := &fakeReplays{seen: map[resource.ProofID]bool{}}
	inBubble(t, withReplays(replays), func(t *testing.T, f *fixture) {
		key := resourcetest.NewProofKey("")
		token := f.token(resourcetest.Token{ProofKey: key})
		req := proofWith(key, token, resourcetest.Proof{ID: "\u00e4"})
		f.expectProof("first", f.sendProof(req.Clone(t.Context())), provenAccepted)
		f.expectProof("again", f.sendProof(req.Clone(t.Context())), refusedDPoP(401, invalidProof))
		f.expectProof("an invalid proof", f.sendProof(proofWith(key, token, resourcetest.Proof{Method: "GET"})), refusedDPoP(401, invalidProof))
		thumbprint, err := base64.RawURLEncoding.DecodeString(key.Thumbprint())
		if err != nil {
			t.Fatal(err)
		}
		want := onceCall{resource.ProofID{
			Key:   [32]byte(thumbprint),
			Proof: sha256.Sum256([]byte(string(thumbprint) + "2:\u00e4" + identifier)),

			MadeAfter: time.Unix(time.Now().Unix()-30, 0),
		}, time.Now().Add(31 * time.Second)}
		if len(replays.calls) != 2 || replays.calls[0] != want || replays.calls[1] != want {
			t.Errorf("got %+v, want %+v twice", replays.calls, want)
		}
	})
}

// The errors of Replays, and what clients get. Every error that is not known is 503.
func TestErrorsOfReplays(t *testing.T) {
	key := resourcetest.NewProofKey("")
	for _, row := range []struct {
		name   string
		err    error
		want   proven
		reason resource.Reason
	}{
		{"nil", nil, provenAccepted, ""},
		{"replayed", resource.ErrReplayed, refusedDPoP(401, invalidProof), resource.ReasonDPoPReplayed},
		{"replayed, wrapped", fmt.Errorf("redis: %w", resource.ErrReplayed), refusedDPoP(401, invalidProof), resource.ReasonDPoPReplayed},
		{"too many", resource.ErrTooManyProofs, proven{429, nil, ""}, resource.ReasonDPoPTooMany},
		{"too many, wrapped", fmt.Errorf("redis: %w", resource.ErrTooManyProofs), proven{429, nil, ""}, resource.ReasonDPoPTooMany},
		{"replayed and too many", errors.Join(resource.ErrTooManyProofs, resource.ErrReplayed), refusedDPoP(401, invalidProof), resource.ReasonDPoPReplayed},
		{"lost, without nonces", resource.ErrProofsLost, proven{503, nil, ""}, resource.ReasonDPoPUnavailable},
		{"another error", errors.New("connection refused"), proven{503, nil, ""}, resource.ReasonDPoPUnavailable},
		{"a deadline of its own", context.DeadlineExceeded, proven{503, nil, ""}, resource.ReasonDPoPUnavailable},
		{"canceled", context.Canceled, proven{503, nil, ""}, resource.ReasonRequestCanceled},
		{"an error of package resource", &resource.Error{Reason: resource.ReasonExpired}, proven{503, nil, ""}, resource.ReasonDPoPUnavailable},
	} {
		replays := &fakeReplays{once: func(context.Context) error { return row.err }}
		f := newFixture(t, withReplays(replays))
		got := f.sendProof(proof(key, f.token(resourcetest.Token{ProofKey: key})))
		f.expectProof(row.name, got, row.want)
		if reason := loggedReason(f.log.take()); reason != row.reason {
			t.Errorf("%s: reason %q, want %q", row.name, reason, row.reason)
		}
	}
}

// RFC 9449 §9: with nonces, the time at which a proof was made is that of its nonce, which is our own. If
// proofs were lost after that time, the client makes a proof with a new nonce, which is accepted.
func TestLostProofs(t *testing.T) {
	var lostUntil time.Time
	replays := &fakeReplays{}
	configure := func(c *resource.Config, k *jwks.Config) {
		requireNonce()(c, k)
		c.Credentials.DPoP.Replays = replays
	}
	inBubble(t, configure, func(t *testing.T, f *fixture) {
		replays.once = func(context.Context) error {
			if replays.calls[len(replays.calls)-1].proof.MadeAfter.Before(lostUntil) {
				return fmt.Errorf("store: %w", resource.ErrProofsLost)
			}
			return nil
		}
		n := newNonceTest(f)
		nonce := n.refused("no nonce", "")
		n.expectProof("the nonce", n.with(nonce), provenAccepted)
		if got := replays.calls[0].proof.MadeAfter; !got.Equal(time.Now()) {
			t.Errorf("the nonce was made at %s, not at %s", got, time.Now())
		}
		time.Sleep(2 * time.Second)
		lostUntil = time.Now()
		next := n.refused("the nonce is older than the loss", nonce)
		n.expectProof("the new nonce", n.with(next), provenAccepted)
		time.Sleep(time.Second)
		n.expectProof("the new nonce, in another proof", n.with(next), provenAccepted)
		n.refused("the old nonce is still refused", nonce)
	})
}

// Replays gets the context of the request. Its panic is 500.
func TestContextAndPanicOfReplays(t *testing.T) {
	type name struct{}
	replays := &fakeReplays{once: func(ctx context.Context) error {
		if ctx.Value(name{}) != "request" {
			return errors.New("another context")
		}
		return ctx.Err()
	}}
	f := newFixture(t, withReplays(replays))
	key := resourcetest.NewProofKey("")
	token := f.token(resourcetest.Token{ProofKey: key})
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), name{}, "request"))
	f.expectProof("the context of the request", f.sendProof(proof(key, token).WithContext(ctx)), provenAccepted)
	cancel()
	f.expectProof("the client has gone", f.sendProof(proof(key, token).WithContext(ctx)), proven{503, nil, ""})
	f.expectProofReason("the client has gone", resource.ReasonRequestCanceled)

	req := proof(key, token)
	panics := &fakeReplays{once: func(context.Context) error { panic(req.Header.Get("DPoP")) }}
	f = newFixtureWith(t, f.issuer, withReplays(panics))
	called := false
	f.inner = func(http.ResponseWriter, *http.Request) { called = true }
	f.expectProof("a panic", f.sendProof(req), proven{500, nil, ""})
	log := f.log.take()
	if loggedReason(log) != resource.ReasonInternalError || called {
		t.Errorf("log %s, handler called: %v", log, called)
	}
	(&hostile{T: t}).checkNoToken("a panic", req.Header.Get("DPoP"), log)
}

// Once is called only for valid proofs, and not for other credentials.
func TestReplaysAreNotCalled(t *testing.T) {
	replays := &fakeReplays{seen: map[resource.ProofID]bool{}}
	f := newFixture(t, withReplays(replays))
	for _, fault := range resourcetest.ProofFaults() {
		key := resourcetest.NewProofKey("").Faulty(fault)
		f.sendProof(proof(key, f.token(resourcetest.Token{ProofKey: key})))
	}
	key := resourcetest.NewProofKey("")
	f.sendProof(bearerRequest(f.token(resourcetest.Token{})))
	f.sendProof(bearerRequest(f.token(resourcetest.Token{ProofKey: key})))
	f.sendProof(proof(key, f.token(resourcetest.Token{})))
	f.sendProof(proof(key, f.token(resourcetest.Token{ProofKey: key, Fault: resourcetest.WrongSignature})))
	if len(replays.calls) != 0 {
		t.Errorf("%d calls", len(replays.calls))
	}
}
