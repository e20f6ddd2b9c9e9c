package resource

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/dpop"
	"github.com/warder-go/warder/internal/dpopnonce"
	"github.com/warder-go/warder/internal/jose"
)

// proofField is the header field with the proof (RFC 9449 §4.1), in the spelling of net/http.
const proofField = "Dpop"

// provenKey is the key that the proofs for a token are signed with. It is kept with the cached
// caller, so that the header of the next proof is not parsed again.
type provenKey struct {
	head atomic.Pointer[jose.ProofHead]
}

// maxProvenBytes is the longest header of a proof that is kept. Headers with an elliptic curve key
// have about 250 bytes, and those with an RSA key of 4,096 bits about 1,000.
const maxProvenBytes = 1 << 10

// provenBytes is the memory for a provenKey, roughly. It counts for each token that is bound to a
// key, because the size of a cached caller must not change.
const provenBytes = 2 << 10

// known returns the header of an earlier proof, or nil.
func (k *provenKey) known() *jose.ProofHead { return k.head.Load() }

// keep keeps the header of a proof whose signature is valid, for a token that is bound to its key.
func (k *provenKey) keep(head *jose.ProofHead) {
	if head != k.head.Load() && head.Bytes() <= maxProvenBytes {
		k.head.Store(head)
	}
}

// shown is what step 9 found out about a request.
type shown struct {
	proof *digest.Digest // of the DPoP proof; nil if there is none
	nonce string         // for the response; "" for none: see Decision.SetHeader
}

// checkPossession is step 9: whether the sender of a request has the key or the certificate that
// its token is bound to.
//
// A bound token with the scheme Bearer, and a token that is not bound with the scheme DPoP, are
// rejected (RFC 9449 §7.1, §7.2). A token that is bound to a certificate has the scheme
// Bearer (RFC 8705 §3).
func (p *policy) checkPossession(at *endpoint, req *http.Request, c *Caller, how presented) (shown, *fault) {
	if how.kind == byOuter {
		return shown{}, nil
	}
	if f := p.checkBound(c); f != nil {
		return shown{}, f
	}
	if f := checkScheme(c, how.kind); f != nil {
		return shown{}, f
	}
	switch c.binding.Method {
	case ConfirmationDPoP:
		return p.checkProof(at, req, c, how.token)
	case ConfirmationCertificate:
		return shown{}, p.checkCertificate(req, c, how.certificate)
	}
	return shown{}, nil
}

// checkScheme rejects a token with the scheme of other tokens.
func checkScheme(c *Caller, kind presentedKind) *fault {
	switch ofKey := c.binding.Method == ConfirmationDPoP; {
	case ofKey && kind != byDPoP:
		return &fault{reason: ReasonDPoPScheme, got: "Bearer", want: "DPoP, because the token is bound to a key"}
	case !ofKey && kind == byDPoP:
		return &fault{reason: ReasonDPoPScheme, got: "DPoP", want: "Bearer, because the token is not bound to a key"}
	}
	return nil
}

// checkBound rejects a caller whose token is bound in a way that is not accepted, or not bound as
// it must be.
func (p *policy) checkBound(c *Caller) *fault {
	return p.bindingsOfCaller(c).fault(c.binding.Confirmation)
}

// proofReasons are the reasons for what can be wrong with a proof.
var proofReasons = map[dpop.Kind]Reason{
	dpop.Malformed: ReasonDPoPMalformed,
	dpop.Algorithm: ReasonDPoPAlgorithm,
	dpop.Method:    ReasonDPoPMethod,
	dpop.URL:       ReasonDPoPURL,
	dpop.Time:      ReasonDPoPTime,
	dpop.Token:     ReasonDPoPToken,
	dpop.Key:       ReasonDPoPKey,
	dpop.Signature: ReasonDPoPSignature,
}

// checkProof checks the DPoP proof of a request (RFC 9449 §4.3), then its nonce, then whether it
// was used before. In this order, a forged proof gets the same answer as without nonces, and is
// not stored.
func (p *policy) checkProof(at *endpoint, req *http.Request, c *Caller, token digest.Digest) (shown, *fault) {
	proof, f := p.readProof(at, req, c, token)
	if f != nil {
		return shown{}, f
	}
	if a := acceptanceOf(req.Context()); a.by == p.owner && a.proof != nil && *a.proof == *proof.use {
		return proof.shown(), nil // an outer mount has accepted the same proof for this request
	}
	err := p.proofs.replays.Once(req.Context(), proof.id, proof.until)
	if errors.Is(err, ErrProofsLost) && p.proofs.nonces != nil {
		return shown{}, p.proofs.nonceFault(err, proof.now) // a proof with a new nonce is new
	}
	return proof.shown(), replayFault(err)
}

// readProof is checkProof without the check whether the proof was used before.
func (p *policy) readProof(at *endpoint, req *http.Request, c *Caller, token digest.Digest) (unusedProof, *fault) {
	values := req.Header[proofField]
	switch {
	case len(values) == 0:
		return unusedProof{}, newFault(ReasonDPoPMissing, "no DPoP header field")
	case len(values) > 1:
		return unusedProof{}, newFault(ReasonDPoPMalformed, "several DPoP header fields")
	}
	now := time.Now()
	window := p.proofs.window.at(now)
	proof, e := p.proofs.checker.Check(values[0], dpop.Expected{
		Method: req.Method, URL: p.publicURL(at, req), Now: now, Window: window,
		Token: token, Thumbprint: c.binding.Thumbprint, Known: c.binding.proof.known(),
	})
	if e != nil {
		return unusedProof{}, &fault{reason: proofReasons[e.Kind], got: e.Got, want: e.Want, err: e.Err}
	}
	c.binding.proof.keep(proof.Head)
	// Until is one second later than iat plus the window. The clock of the client can be ahead by
	// the configured window: another process may accept that already. A nonce has the time of our own
	// clocks.
	u := unusedProof{use: &proof.Use, now: now, id: ProofID{Key: c.binding.Thumbprint, Proof: proof.Use, MadeAfter: proof.Until.Add(-time.Second - window - p.proofs.window.length)}}
	u.until = proof.Until.Add(p.proofs.window.length - window) // the window can grow: see proofWindow
	if p.proofs.nonces != nil {
		state, made := p.proofs.nonces.Check(proof.Nonce, now)
		switch state {
		case dpopnonce.Fresh:
		case dpopnonce.Aging:
			u.nonce = p.proofs.nonces.Make(now)
		default:
			return unusedProof{}, p.proofs.nonceFault(errNonce, now)
		}
		u.id.MadeAfter = made
	}
	return u, nil
}

// unusedProof is a valid proof that may have been used before.
type unusedProof struct {
	use   *digest.Digest
	id    ProofID
	until time.Time // when it ends
	now   time.Time // when it was checked
	nonce string    // see shown
}

func (u *unusedProof) shown() shown { return shown{u.use, u.nonce} }

// nonceFault makes the client repeat the request with a new nonce (RFC 9449 §9).
func (p *proofs) nonceFault(err error, now time.Time) *fault {
	return &fault{reason: ReasonDPoPNonce, err: err, nonce: p.nonces.Make(now)}
}

var errNonce = errors.New("the proof has no nonce, or an old one")

// replayFault applies the contract of [Replays] to an error.
func replayFault(err error) *fault {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrReplayed):
		return &fault{reason: ReasonDPoPReplayed, err: err}
	case errors.Is(err, ErrTooManyProofs):
		return &fault{reason: ReasonDPoPTooMany, err: err, retryAfter: time.Second}
	case errors.Is(err, context.Canceled):
		return &fault{reason: ReasonRequestCanceled, err: err, retryAfter: time.Second}
	}
	return &fault{reason: ReasonDPoPUnavailable, err: err, retryAfter: time.Second}
}
