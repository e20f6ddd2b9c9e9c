package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// ErrProofKey is wrapped by the errors about the key in the header of a proof.
var ErrProofKey = errors.New("jose: jwk of the proof")

// Proof is a parsed compact JWS with the public key that verifies it in its header (jwk, RFC
// 7515 §4.1.3), such as a DPoP proof (RFC 9449 §4.2). A valid signature proves only that the
// signer has that key: the caller must know the key from elsewhere. A Proof is immutable.
type Proof struct {
	Head      *ProofHead
	Payload   []byte // decoded; may not be JSON
	signed    string
	signature []byte
}

// ProofHead is the header of a proof. The proofs that a client makes with one key usually have
// identical headers. A ProofHead is immutable.
type ProofHead struct {
	Type       string // typ, as sent; "" if absent
	Algorithm  Algorithm
	Thumbprint [32]byte // of jwk (RFC 7638 with SHA-256)

	segment  string            // as received, encoded
	material map[string]string // of jwk: see selectMaterial
	public   crypto.PublicKey  // nil until a signature was verified with it
}

// Format writes a placeholder for every verb, so that the proof is not logged.
func (p Proof) Format(f fmt.State, _ rune) { Token{}.Format(f, 0) }

// MarshalText returns the same placeholder.
func (p Proof) MarshalText() ([]byte, error) { return Token{}.MarshalText() }

// ParseProof parses raw as [Parse] does. In contrast to Parse, the header must have jwk. The key
// must be public and asymmetric, in the only form that RFC 7518 §6 and RFC 8037 §2 allow. Other
// forms, which ParseKey accepts in published key sets, are errors here. Other keys in the header
// (jku, x5u, x5c, x5t, x5t#S256) are errors too. kid is ignored. Errors wrap [ErrMalformed],
// [ErrAlgorithm] or [ErrProofKey]. ParseProof does not limit the length of raw: the caller must.
//
// known is a header that Proof.Verify returned, or nil. If raw has the same header, byte for
// byte, it is not parsed again.
func ParseProof(raw string, known *ProofHead) (*Proof, error) {
	head, rest, _ := strings.Cut(raw, ".")
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(signature, ".") {
		return nil, fmt.Errorf("%w: not three segments", ErrMalformed)
	}
	p := &Proof{Head: known, signed: raw[:len(head)+1+len(payload)]}
	var err error
	if known == nil || known.segment != head {
		if p.Head, err = parseProofHead(head); err != nil {
			return nil, err
		}
	}
	if p.Payload, err = decodeSegment("payload", payload); err != nil {
		return nil, err
	}
	if p.signature, err = decodeSegment("signature", signature); err != nil {
		return nil, err
	}
	if !p.Head.Algorithm.validSignatureLength(len(p.signature)) {
		return nil, fmt.Errorf("%w: invalid signature length for %s", ErrMalformed, p.Head.Algorithm)
	}
	return p, nil
}

// Verify reports whether the proof was signed with the key in its header. It checks the key by
// the same rules as ParseKey. It returns the header for the next call of ParseProof. The header
// does not refer to the text of the proof.
func (p *Proof) Verify() (*ProofHead, bool) {
	head := p.Head
	if head.public == nil {
		public, err := publicKey(head.material)
		if err != nil {
			return nil, false
		}
		verified := *head
		verified.public, verified.segment, verified.material = public, strings.Clone(head.segment), nil
		head = &verified
	}
	a := head.Algorithm
	return head, a.verify(a.algorithm, head.public, []byte(p.signed), p.signature)
}

// Bytes returns the length of the header as it was received.
func (h *ProofHead) Bytes() int { return len(h.segment) }

var proofNames = strictjson.NewNames("alg", "typ", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "cty", "crit", "b64", "zip")

func parseProofHead(segment string) (*ProofHead, error) {
	text, err := decodeSegment("header", segment)
	if err != nil {
		return nil, err
	}
	h := &ProofHead{segment: segment}
	var alg string
	var key jsontext.Value
	err = strictjson.Object(text, proofNames, func(name string, value jsontext.Value) (err error) {
		switch name {
		case "alg":
			alg, err = strictjson.String(value)
		case "typ":
			h.Type, err = strictjson.String(value)
		case "jwk":
			key = value
		default:
			err = errors.New("is not accepted") // see parseHeader for crit, b64, cty and zip
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	if h.Algorithm, err = parseAlgorithm(alg); err != nil {
		return nil, err
	}
	if err := h.setKey(key); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProofKey, err)
	}
	return h, nil
}

// setKey reads jwk. It checks the members, but not yet whether a point is on its curve.
func (h *ProofHead) setKey(data jsontext.Value) error {
	if data == nil {
		return errors.New("is absent")
	}
	k, members := &Key{}, map[string]string{}
	err := strictjson.Object(data, keyNames, func(name string, value jsontext.Value) error {
		return k.setMember(name, value, nil, members)
	})
	if err != nil {
		return err
	}
	if h.material, err = selectMaterial(members); err != nil {
		return err
	}
	for name, text := range h.material {
		if members[name] != text {
			return fmt.Errorf("member %q is not in the form that RFC 7518 §6 requires", name)
		}
	}
	k.kind = members["kty"]
	if a := h.Algorithm; a.kind != k.kind || a.curve != nil && a.curve.Params().Name != members["crv"] || !k.allows(a) {
		return errors.New("does not match alg")
	}
	h.Thumbprint = thumbprint(h.material)
	return nil
}

// thumbprint returns the SHA-256 digest of a key (RFC 7638 §3, RFC 8037 §2).
func thumbprint(material map[string]string) [32]byte {
	text := make([]byte, 0, 256)
	text = append(text, '{')
	for _, name := range []string{"crv", "e", "kty", "n", "x", "y"} { // in lexicographic order (RFC 7638 §3.3)
		if value, ok := material[name]; ok {
			if len(text) > 1 {
				text = append(text, ',')
			}
			text = append(append(append(append(text, '"'), name...), `":"`...), value...)
			text = append(text, '"')
		}
	}
	return sha256.Sum256(append(text, '}'))
}

// publicKey converts key material in canonical form.
func publicKey(material map[string]string) (crypto.PublicKey, error) {
	member := func(name string) []byte {
		b, _ := decodeBase64(material[name]) // selectMaterial has encoded it
		return b
	}
	switch material["kty"] {
	case "RSA":
		public := &rsa.PublicKey{N: new(big.Int).SetBytes(member("n")), E: int(new(big.Int).SetBytes(member("e")).Int64())}
		return public, checkRSA(public)
	case "EC":
		for _, a := range algorithms {
			if a.curve != nil && a.curve.Params().Name == material["crv"] {
				return ecdsa.ParseUncompressedPublicKey(a.curve, append(append([]byte{4}, member("x")...), member("y")...))
			}
		}
	case "OKP":
		public := ed25519.PublicKey(member("x"))
		return public, checkEd25519Form(public)
	}
	return nil, errors.New("has an unsupported type")
}

// ParseThumbprint reads a SHA-256 thumbprint: the only base64url encoding of 32 bytes.
func ParseThumbprint(text string) (thumbprint [32]byte, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(len(thumbprint)) {
		return thumbprint, false
	}
	b, err := decodeBase64(text)
	return thumbprint, err == nil && copy(thumbprint[:], b) == len(thumbprint)
}
