package resourcetest

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Proof describes a DPoP proof (RFC 9449 section 4.2). The zero value is a valid proof for a
// POST request to the default of Config.Audience without an access token.
type Proof struct {
	Method   string    // "htm"; "" is POST
	URL      string    // "htu", without its query and fragment; "" is "https://mcp.example.test/mcp"
	Token    string    // the access token, whose SHA-256 is "ath"; "" omits the claim
	IssuedAt time.Time // "iat"; the zero time is now
	ID       string    // "jti"; "" is a random one
	Nonce    string    // "nonce" (sections 8 and 9); "" omits the claim

	// Claims and Header are members to add, replace or remove (with the value Remove), as in
	// Token. They are applied after Fault.
	Claims map[string]any
	Header map[string]any

	// Fault is a fault of the proof. "" is that of the key, which Faulty sets.
	Fault ProofFault

	// The following fields are for forged proofs.

	// Signer signs instead of the key, which remains in the header. Its kind must be that of
	// the key.
	Signer crypto.Signer
	// RawHeader and RawPayload, if not nil, are signed verbatim.
	RawHeader, RawPayload []byte
	// Encode replaces unpadded base64url as the encoding of the segments 0, 1 and 2. The
	// signature covers the text that it returns.
	Encode func(segment int, content []byte) string
}

// Proof makes a proof. It panics if the fields contradict each other. A proof of another key is
// made with another ProofKey.
func (k *ProofKey) Proof(p Proof) string {
	if p.Fault != "" && p.Fault != k.fault {
		k = k.Faulty(p.Fault)
	}
	d := k.draft(p)
	if k.fault != "" {
		if change := findFault(k.fault).draft; change != nil {
			change(d)
		}
	}
	return d.compact()
}

// draft is a proof that is not encoded yet. Faults change it.
type draft struct {
	key            *ProofKey
	proof          Proof // with the defaults
	header, claims object
	encode         func(segment int, content []byte) string
	sign           func(input []byte) []byte
	finish         func(compact string) string // nil changes nothing
}

func (k *ProofKey) draft(p Proof) *draft {
	p.Method = cmp.Or(p.Method, http.MethodPost)
	p.URL = cmp.Or(p.URL, defaultAudience)
	if i := strings.IndexAny(p.URL, "?#"); i >= 0 {
		p.URL = p.URL[:i]
	}
	if p.IssuedAt.IsZero() {
		p.IssuedAt = time.Now()
	}
	p.ID = cmp.Or(p.ID, rand.Text())
	d := &draft{key: k, proof: p, encode: p.Encode, sign: k.forged.sign}
	d.header = object{{"typ", "dpop+jwt"}, {"alg", cmp.Or(k.forged.alg, k.alg)}, {"jwk", k.jwk}}
	if k.forged.jwk != nil {
		d.header[2].value = k.forged.jwk
	}
	d.claims = object{{"jti", p.ID}, {"htm", p.Method}, {"htu", p.URL}, {"iat", p.IssuedAt.Unix()}}
	if p.Token != "" {
		d.claims = append(d.claims, member{"ath", tokenHash(p.Token)})
	}
	if p.Nonce != "" {
		d.claims = append(d.claims, member{"nonce", p.Nonce})
	}
	if d.encode == nil {
		d.encode = base64url
	}
	signer := k.signer
	if p.Signer != nil {
		signer = p.Signer
		if want, got := algorithms[k.alg].family, family(signer.Public()); got != want {
			panic(fmt.Sprintf("resourcetest: algorithm %q does not fit a key of kind %s", k.alg, got))
		}
	}
	if d.sign == nil || p.Signer != nil {
		d.sign = func(input []byte) []byte { return algorithms[k.alg].jws(signer, input) }
	}
	return d
}

// compact returns the proof in compact serialization (RFC 7515 section 7.1).
func (d *draft) compact() string {
	head := []byte(d.header.with(d.proof.Header).encode())
	payload := []byte(d.claims.with(d.proof.Claims).encode())
	if d.proof.RawHeader != nil {
		head = d.proof.RawHeader
	}
	if d.proof.RawPayload != nil {
		payload = d.proof.RawPayload
	}
	input := d.encode(0, head) + "." + d.encode(1, payload)
	text := input + "." + d.encode(2, d.sign([]byte(input)))
	if d.finish != nil {
		return d.finish(text)
	}
	return text
}

// tokenHash returns the value of "ath" (RFC 9449 section 4.2).
func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
