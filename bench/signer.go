package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
)

// signer is an issuer's signing key.
type signer struct {
	alg, kid string
	private  crypto.Signer
}

func newSigner(alg, kid string) signer {
	s := signer{alg: alg, kid: kid}
	switch alg {
	case "RS256":
		s.private = must(rsa.GenerateKey(rand.Reader, 2048))
	case "ES256":
		s.private = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	case "EdDSA":
		_, private, err := ed25519.GenerateKey(rand.Reader)
		s.private = must(private, err)
	default:
		panic("unsupported algorithm " + alg)
	}
	return s
}

// jwk returns the public key as a JSON Web Key (RFC 7517).
func (s signer) jwk() map[string]any {
	jwk := map[string]any{"kid": s.kid, "alg": s.alg, "use": "sig"}
	switch public := s.private.Public().(type) {
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", b64(public.N.Bytes()), "AQAB"
	case *ecdsa.PublicKey:
		point := must(public.Bytes()) // 4, X, Y
		jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", "P-256", b64(point[1:33]), b64(point[33:])
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", b64(public)
	}
	return jwk
}

// keySet returns the JWK Set of the signers' public keys.
func keySet(signers ...signer) []byte {
	var keys []any
	for _, s := range signers {
		keys = append(keys, s.jwk())
	}
	return encode(map[string]any{"keys": keys})
}

// sign returns a compact JWS with the claims as payload.
func (s signer) sign(claims any) string {
	signed := b64(encode(map[string]any{"alg": s.alg, "typ": "at+jwt", "kid": s.kid})) + "." + b64(encode(claims))
	digest := sha256.Sum256([]byte(signed))
	var signature []byte
	switch private := s.private.(type) {
	case *rsa.PrivateKey:
		signature = must(rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest[:]))
	case *ecdsa.PrivateKey:
		r, v, err := ecdsa.Sign(rand.Reader, private, digest[:])
		signature = append(must(r, err).FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...)
	case ed25519.PrivateKey:
		signature = ed25519.Sign(private, []byte(signed))
	}
	return signed + "." + b64(signature)
}

// token signs the i-th access token. It has about size bytes for every algorithm.
func (s signer) token(i, size int) string {
	if s.alg != "RS256" {
		size += 342 - 86 // compensates for the shorter signature
	}
	return s.sign(accessToken(i, size))
}
