// Package dpop checks DPoP proofs (RFC 9449 §4.3): that a proof is well-formed, was made for a
// request and an access token, and is signed with the key that the token is bound to. It checks
// neither nonces nor whether a proof was used before, and it does not know which tokens need a
// proof.
package dpop

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/jose"
)

// proofType is the typ of every proof (RFC 9449 §4.2).
const proofType = "dpop+jwt"

// Kind says which check a proof failed.
type Kind int

// The kinds, in the order of the checks.
const (
	Malformed Kind = iota // too long, not a compact JWS, another typ, a claim absent or of another type, no valid key
	Algorithm             // alg is not supported or not allowed
	Method                // htm
	URL                   // htu
	Time                  // iat
	Token                 // ath
	Key                   // the thumbprint of the key
	Signature
)

// Error says why a proof was rejected. Its text contains no text of the proof, except the names
// and values that Got has.
type Error struct {
	Kind      Kind
	Got, Want string // for a log, if they are known; Got can be text of the proof
	Err       error  // nil if Got and Want say it all
}

// Error returns the text of Err. Without Err it says only that the proof is not as required.
func (e *Error) Error() string {
	if e.Err == nil {
		return "dpop: the proof is not as required"
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Expected is what a proof must be made for.
type Expected struct {
	Method     string          // of the request
	URL        string          // of the request without query, as Normalize returns it
	Now        time.Time       //
	Window     time.Duration   // how far iat can be from Now, in both directions
	Token      digest.Digest   // SHA-256 of the access token (RFC 9449 §4.2, ath)
	Thumbprint [32]byte        // of the key that the token is bound to
	Known      *jose.ProofHead // the header of an earlier proof with the key, to save time; or nil
}

// Proof is a proof that passed all checks.
type Proof struct {
	Use   digest.Digest   // identifies the proof: a digest of the key, jti and htu
	Until time.Time       // the proof fails the check of iat from this time on
	Nonce string          // "" if absent
	Head  *jose.ProofHead // for Expected.Known
}

// Checker checks proofs. It is safe for concurrent use.
type Checker struct{ algorithms []jose.Algorithm }

// defaultAlgorithms are all asymmetric algorithms of package jose except RS*: PKCS #1 v1.5 is
// for old keys, and a client makes its DPoP key itself.
var defaultAlgorithms = []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA", "Ed25519"}

// NewChecker returns a Checker that accepts the algorithms; nil: all asymmetric ones that this
// module verifies, except RS256, RS384 and RS512.
func NewChecker(algorithms []string) (*Checker, error) {
	switch {
	case algorithms == nil:
		algorithms = defaultAlgorithms
	case len(algorithms) == 0:
		return nil, fmt.Errorf("no algorithm is allowed: leave the list nil for %q", defaultAlgorithms)
	}
	parsed, err := jose.ParseAlgorithms(algorithms)
	if err != nil {
		return nil, err
	}
	return &Checker{parsed}, nil
}

// Algorithms returns the names of the accepted algorithms, in order.
func (c *Checker) Algorithms() (names []string) {
	for _, a := range c.algorithms {
		names = append(names, a.String())
	}
	return names
}

// Check checks a proof (RFC 9449 §4.3, numbers 2 to 12, without the nonce). The signature is
// checked last, because it costs most.
func (c *Checker) Check(raw string, want Expected) (Proof, *Error) {
	if len(raw) > maxProofBytes {
		return Proof{}, malformed("the proof is longer than %d bytes", maxProofBytes)
	}
	jws, err := jose.ParseProof(raw, want.Known)
	if err != nil {
		return Proof{}, parseError(err)
	}
	if jws.Head.Type != proofType {
		return Proof{}, malformed("typ is not %s", proofType)
	}
	if !slices.Contains(c.algorithms, jws.Head.Algorithm) {
		return Proof{}, &Error{Kind: Algorithm, Got: jws.Head.Algorithm.String(), Want: fmt.Sprint(c.Algorithms())}
	}
	claims, err := parseClaims(jws.Payload)
	if err != nil {
		return Proof{}, &Error{Kind: Malformed, Err: err}
	}
	if e := claims.check(&want); e != nil {
		return Proof{}, e
	}
	if subtle.ConstantTimeCompare(jws.Head.Thumbprint[:], want.Thumbprint[:]) != 1 {
		return Proof{}, &Error{Kind: Key, Err: errors.New("the token is bound to another key")}
	}
	head, ok := jws.Verify()
	if !ok {
		return Proof{}, &Error{Kind: Signature, Err: errors.New("the signature of the proof is invalid")}
	}
	return Proof{
		Use:   digest.Of(string(head.Thumbprint[:]), strconv.Itoa(len(claims.id)), ":", claims.id, want.URL),
		Until: claims.issuedAt.Add(want.Window + time.Second), // iat has whole seconds
		Nonce: claims.nonce,
		Head:  head,
	}, nil
}

func malformed(format string, args ...any) *Error {
	return &Error{Kind: Malformed, Err: fmt.Errorf("dpop: "+format, args...)}
}

func parseError(err error) *Error {
	if e, ok := errors.AsType[*jose.AlgorithmError](err); ok {
		return &Error{Kind: Algorithm, Got: e.Name, Err: err}
	}
	return &Error{Kind: Malformed, Err: err}
}
