package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
)

// The names of the baselines in the tables.
const (
	verifyBaselineName = "baseline: crypto, hash, base64, one decode"
	proofBaselineName  = "baseline: proof signature, token hash, base64, one decode"
	bothBaselineName   = "baseline: two signatures, hash, base64, two decodes"
	cacheBaselineName  = "baseline: hash, lookup, context"
	noAuthName         = "no auth"
)

// verifyBaseline does the minimum work for a new token: base64, the hash, the signature
// and one decode of the claims into a struct. It checks nothing else.
func verifyBaseline(public crypto.PublicKey, token string) {
	var claims struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
		Expiry   int64  `json:"exp"`
		IssuedAt int64  `json:"iat"`
		ID       string `json:"jti"`
		ClientID string `json:"client_id"`
		Scope    string `json:"scope"`
	}
	digest := sha256.Sum256([]byte(token[:strings.LastIndexByte(token, '.')]))
	verifyJWS(public, token, digest, &claims)
}

// proofBaseline does the minimum work for a DPoP proof with a cached token: base64, the
// signature, one decode of the claims into a struct, and the hash of the token. public is the
// parsed key of the proof. A signature of ES256 includes the hash of what it signs. One of
// EdDSA needs no other hash. It checks nothing else, and does not look for the token.
func proofBaseline(public crypto.PublicKey, proof, token string) {
	verifyProof(public, proof)
	if hash(token) == [sha256.Size]byte{} {
		panic("baseline: no hash")
	}
}

// bothBaseline does the minimum work for a DPoP proof with a new token: verifyBaseline for the
// token, and base64, the signature and one decode for the proof. It does not hash the token for
// ath.
func bothBaseline(issuer, public crypto.PublicKey, proof, token string) {
	verifyBaseline(issuer, token)
	verifyProof(public, proof)
}

func verifyProof(public crypto.PublicKey, proof string) {
	var claims struct {
		ID       string `json:"jti"`
		Method   string `json:"htm"`
		URL      string `json:"htu"`
		IssuedAt int64  `json:"iat"`
		Token    string `json:"ath"`
	}
	var digest [sha256.Size]byte
	if _, isEC := public.(*ecdsa.PublicKey); isEC {
		digest = sha256.Sum256([]byte(proof[:strings.LastIndexByte(proof, '.')]))
	}
	verifyJWS(public, proof, digest, &claims)
}

// verifyJWS decodes the payload of a compact JWS into claims and verifies its signature. digest
// is that of the first two segments. EdDSA does not need it.
func verifyJWS(public crypto.PublicKey, token string, digest [sha256.Size]byte, claims any) {
	end := strings.LastIndexByte(token, '.')
	signed, payload := token[:end], token[strings.IndexByte(token, '.')+1:end]
	signature := must(base64.RawURLEncoding.DecodeString(token[end+1:]))
	decoded := must(base64.RawURLEncoding.DecodeString(payload))
	ok := false
	switch public := public.(type) {
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	case *ecdsa.PublicKey:
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		ok = ecdsa.Verify(public, digest[:], r, s)
	case ed25519.PublicKey:
		ok = ed25519.Verify(public, []byte(signed), signature)
	}
	if err := json.Unmarshal(decoded, claims); err != nil || !ok {
		panic("baseline: invalid token")
	}
}

type baselineKey struct{}

// cacheBaseline does the minimum work for a cached token: the hash, a lookup, and a value
// in the request's context. It maps the digest of a token to a value.
type cacheBaseline map[[sha256.Size]byte]*string

// newCacheBaseline returns a cacheBaseline that contains tokens.
func newCacheBaseline(tokens []string) cacheBaseline {
	m := cacheBaseline{}
	for _, token := range tokens {
		m[sha256.Sum256([]byte(token))] = &token
	}
	return m
}

func (m cacheBaseline) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller, ok := m[hash(req.Header["Authorization"][0][len("Bearer "):])]
		if !ok {
			panic("baseline: unknown token")
		}
		next.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), baselineKey{}, caller)))
	})
}

// hash copies the token to the stack, because a copy on the heap costs an allocation. The
// buffer has one of two sizes, so that no more stack is cleared than necessary.
func hash(token string) [sha256.Size]byte {
	if len(token) <= 1<<10 {
		var copied [1 << 10]byte
		return sha256.Sum256(copied[:copy(copied[:], token)])
	}
	var copied [4 << 10]byte
	return sha256.Sum256(copied[:copy(copied[:], token)])
}
