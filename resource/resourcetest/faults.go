package resourcetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/fips140"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
)

// Fault is something wrong with the signature or the form of a JWT. Its text
// serves as the name of a test.
type Fault string

// The faults. A resource that fetched the keys within the last seconds can't tell a
// signature by no known key from one by a key that is newer than its keys: it answers
// 503 where the token is younger than its keys, and 401 where it is older. Tests that
// want 401 set IssuedAt a minute back.
//
// All else about the token is as good as its other fields make it.
const (
	WrongSignature     Fault = "signature of other bytes"
	UnpublishedKey     Fault = "signature by a key that is not published, under the id of one that is"
	ZeroSignature      Fault = "signature of zero bytes"                  // CVE-2022-21449
	NoSignature        Fault = "empty signature"                          // three segments still
	AlgNone            Fault = "alg none"                                 // RFC 8725 section 2.1
	HMACWithPEM        Fault = "HMAC with the PEM of the public key"      // PKIX, with the final newline
	HMACWithJWK        Fault = "HMAC with the JWK text of the public key" // as in the JWKS
	PSSWrongSalt       Fault = "PSS with a salt of 20 bytes"              // RFC 7518 section 3.5 wants the hash's length
	ECDSAAsDER         Fault = "ECDSA signature in DER"                   // RFC 7518 section 3.4 wants r||s
	TruncatedHeader    Fault = "half a header, well signed"
	TruncatedPayload   Fault = "half a payload, well signed"
	TruncatedSignature Fault = "half a signature"
	TwoSegments        Fault = "no third segment"
)

var allFaults = []Fault{ // never written to
	WrongSignature, UnpublishedKey, ZeroSignature, NoSignature, AlgNone, HMACWithPEM, HMACWithJWK,
	PSSWrongSalt, ECDSAAsDER, TruncatedHeader, TruncatedPayload, TruncatedSignature, TwoSegments,
}

// Faults returns every Fault, for tests that walk them all.
func Faults() []Fault { return slices.Clone(allFaults) }

// compact writes the token (RFC 7515 section 7.1), and returns its claims before
// Token.Claims changed them.
func (s *Issuer) compact(t Token) (string, object) {
	k, alg := s.signingKey(t)
	claims := s.claims(t)
	header := object{{"alg", headerAlg(t, k)}, {"typ", "at+jwt"}, {"kid", k.kid}}.with(t.Header)
	head, payload := []byte(header.encode()), []byte(claims.with(t.Claims).encode())
	if t.RawHeader != nil {
		head = t.RawHeader
	}
	if t.RawPayload != nil {
		payload = t.RawPayload
	}
	write := t.Encode
	if write == nil {
		write = func(_ int, content []byte) string { return base64.RawURLEncoding.EncodeToString(content) }
	}
	first, second := write(0, head), write(1, payload)
	switch t.Fault {
	case TruncatedHeader:
		first = first[:len(first)/2]
	case TruncatedPayload:
		second = second[:len(second)/2]
	}
	input := first + "." + second
	if t.Fault == TwoSegments {
		return input, claims
	}
	return input + "." + write(2, s.signature(t, k, alg, input)), claims
}

// headerAlg is the "alg" that fits the signature; Token.Header may still lie.
func headerAlg(t Token, k key) string {
	switch {
	case t.Fault == AlgNone:
		return "none"
	case t.hmac() && hmacHashes[t.Alg] != 0:
		return t.Alg
	case t.hmac():
		return "HS256"
	}
	return k.alg
}

func (t Token) hmac() bool {
	return t.Secret != nil || t.Fault == HMACWithPEM || t.Fault == HMACWithJWK
}

func (s *Issuer) signature(t Token, k key, alg algorithm, input string) []byte {
	salt := rsa.PSSSaltLengthEqualsHash
	switch t.Fault {
	case NoSignature, AlgNone:
		return nil
	case WrongSignature:
		input += "x"
	case UnpublishedKey:
		k.signer = s.keys.unpublished(alg.family)
	case PSSWrongSalt:
		salt = 20
		if !alg.pss {
			panic(fmt.Sprintf("resourcetest: %s has no salt", k.alg))
		}
	}
	if t.hmac() {
		return mac(t, k, input)
	}
	signature := alg.sign(k.signer, []byte(input), salt)
	_, ec := k.signer.Public().(*ecdsa.PublicKey)
	switch {
	case t.Fault == ECDSAAsDER && !ec:
		panic(fmt.Sprintf("resourcetest: %s is not ECDSA", k.alg))
	case t.Fault != ECDSAAsDER && ec:
		signature = fixedLength(signature, k.signer.Public())
	}
	switch t.Fault {
	case ZeroSignature:
		clear(signature)
	case TruncatedSignature:
		signature = signature[:len(signature)/2]
	}
	return signature
}

func mac(t Token, k key, input string) []byte {
	secret, hash := t.Secret, hmacHashes[t.Alg]
	switch t.Fault {
	case HMACWithPEM:
		der, err := x509.MarshalPKIXPublicKey(k.signer.Public())
		must(err)
		secret = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	case HMACWithJWK:
		secret = []byte(k.jwk())
	}
	if hash == 0 {
		hash = crypto.SHA256
	}
	var sum []byte
	fips140.WithoutEnforcement(func() { // whoever forges uses short keys, too
		m := hmac.New(hash.New, secret)
		m.Write([]byte(input))
		sum = m.Sum(nil)
	})
	return sum
}
