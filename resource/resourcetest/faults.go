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

// Fault is a fault in the signature or the form of a JWT. Its text can be used as the name of a
// test.
type Fault string

// The faults. Everything else in the token is as its other fields specify.
//
// A resource rejects a token with any of them with 401. The kid in the header is that of a
// published key, so the answer does not depend on IssuedAt.
const (
	WrongSignature     Fault = "signature over other bytes"
	UnpublishedKey     Fault = "signature with an unpublished key and the kid of a published one"
	ZeroSignature      Fault = "signature of zero bytes"                  // CVE-2022-21449
	NoSignature        Fault = "empty signature"                          // the third segment is empty
	AlgNone            Fault = "alg none"                                 // RFC 8725 section 2.1
	HMACWithPEM        Fault = "HMAC with the PEM of the public key"      // PKIX, with the trailing newline
	HMACWithJWK        Fault = "HMAC with the JWK text of the public key" // as in the JWKS
	PSSWrongSalt       Fault = "PSS with a salt of 20 bytes"              // RFC 7518 section 3.5 requires the length of the hash
	ECDSAAsDER         Fault = "ECDSA signature in DER"                   // RFC 7518 section 3.4 requires r||s
	TruncatedHeader    Fault = "truncated header with a valid signature"
	TruncatedPayload   Fault = "truncated payload with a valid signature"
	TruncatedSignature Fault = "truncated signature"
	TwoSegments        Fault = "no third segment"
)

// allFaults is never modified.
var allFaults = []Fault{
	WrongSignature, UnpublishedKey, ZeroSignature, NoSignature, AlgNone, HMACWithPEM, HMACWithJWK,
	PSSWrongSalt, ECDSAAsDER, TruncatedHeader, TruncatedPayload, TruncatedSignature, TwoSegments,
}

// Faults returns all faults, for tests with every one.
func Faults() []Fault { return slices.Clone(allFaults) }

// compact returns the token in compact serialization (RFC 7515 section 7.1) and its claims
// without the changes of Token.Claims.
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
	encode := t.Encode
	if encode == nil {
		encode = base64url
	}
	first, second := encode(0, head), encode(1, payload)
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
	return input + "." + encode(2, s.signature(t, k, alg, input)), claims
}

// base64url is the encoding of the segments of a JWS (RFC 7515 section 2).
func base64url(_ int, content []byte) string { return base64.RawURLEncoding.EncodeToString(content) }

// headerAlg returns the "alg" of the signature, which Token.Header can replace.
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

// hmac reports whether the token is signed with HMAC.
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
		k.signer = s.keys.unpublishedKey(alg.family)
	case PSSWrongSalt:
		salt = 20
		if !alg.pss {
			panic(fmt.Sprintf("resourcetest: signatures with %s do not have a salt", k.alg))
		}
	}
	if t.hmac() {
		return mac(t, k, input)
	}
	signature := alg.sign(k.signer, []byte(input), salt)
	_, ec := k.signer.Public().(*ecdsa.PublicKey)
	switch {
	case t.Fault == ECDSAAsDER && !ec:
		panic(fmt.Sprintf("resourcetest: %s is not an ECDSA algorithm", k.alg))
	case t.Fault != ECDSAAsDER && ec:
		signature = rawECDSA(signature, k.signer.Public())
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
		secret = publicPEM(k.signer.Public())
	case HMACWithJWK:
		secret = []byte(k.jwk())
	}
	if hash == 0 {
		hash = crypto.SHA256
	}
	return hmacSum(hash, secret, []byte(input))
}

// publicPEM returns a public key in PKIX form.
func publicPEM(public crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	must(err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func hmacSum(hash crypto.Hash, secret, input []byte) (sum []byte) {
	fips140.WithoutEnforcement(func() { // it forbids short keys, which forged tokens use
		m := hmac.New(hash.New, secret)
		m.Write(input)
		sum = m.Sum(nil)
	})
	return sum
}
