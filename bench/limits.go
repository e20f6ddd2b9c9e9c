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

// verifyLimit is what nobody can do without for a new token: base64, the hash, the
// signature and one decode of the claims into a struct. It checks nothing else.
func verifyLimit(public crypto.PublicKey, token string) {
	end := strings.LastIndexByte(token, '.')
	signed, payload := token[:end], token[strings.IndexByte(token, '.')+1:end]
	signature := must(base64.RawURLEncoding.DecodeString(token[end+1:]))
	decoded := must(base64.RawURLEncoding.DecodeString(payload))
	digest := sha256.Sum256([]byte(signed))
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
	if err := json.Unmarshal(decoded, &claims); err != nil || !ok {
		panic("limit: bad token")
	}
}

type limitKey struct{}

// rememberLimit is what nobody can do without for a token that is remembered: the hash,
// a look-up, and the value in the request's context.
type rememberLimit map[[sha256.Size]byte]*string

func (m rememberLimit) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller, ok := m[hash(req.Header["Authorization"][0][len("Bearer "):])]
		if !ok {
			panic("limit: unknown token")
		}
		next.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), limitKey{}, caller)))
	})
}

// hash copies the token to the stack, since a copy elsewhere costs an allocation, and
// clears no more of it than it must.
func hash(token string) [sha256.Size]byte {
	if len(token) <= 1<<10 {
		var copied [1 << 10]byte
		return sha256.Sum256(copied[:copy(copied[:], token)])
	}
	var copied [4 << 10]byte
	return sha256.Sum256(copied[:copy(copied[:], token)])
}

// knowing is the limit that remembers these tokens.
func knowing(tokens []string) rememberLimit {
	m := rememberLimit{}
	for _, token := range tokens {
		m[sha256.Sum256([]byte(token))] = &token
	}
	return m
}
