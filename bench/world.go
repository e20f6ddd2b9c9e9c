package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	issuer   = "https://auth.example.com"
	audience = "https://mcp.example.com/mcp"
)

// signer is an issuer's key.
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
		panic("no signer for " + alg)
	}
	return s
}

// jwk is the public key as a JSON Web Key.
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

func keySet(signers ...signer) []byte {
	var keys []any
	for _, s := range signers {
		keys = append(keys, s.jwk())
	}
	return encode(map[string]any{"keys": keys})
}

// sign makes a compact JWS of the claims.
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

// token signs the i-th access token, which has about so many bytes, whatever the algorithm.
func (s signer) token(i, size int) string {
	if s.alg != "RS256" {
		size += 342 - 86 // what the signature is shorter by
	}
	return s.sign(accessToken(i, size))
}

type claims map[string]any

// accessToken returns the claims of the i-th token, padded so that the token has about
// so many bytes, signed by RS256.
func accessToken(i, size int) claims {
	now := time.Now().Unix()
	c := claims{
		"iss": issuer, "sub": fmt.Sprintf("user-%08d", i), "aud": audience, "exp": now + 7200, "iat": now - 60,
		"jti": fmt.Sprintf("%032x", i), "client_id": "client-1234", "scope": "mcp:read mcp:write",
	}
	const signature, header = 342, 80
	for n := 0; len(encode(c))*4/3+signature+header < size-60; n++ {
		c[fmt.Sprintf("claim_%02d", n)] = strings.Repeat("value ", 6)
	}
	return c
}

// request is one to the MCP server, with the header fields that its clients send.
func request(token string) *http.Request {
	req := must(http.NewRequest(http.MethodPost, audience, nil))
	for name, value := range map[string]string{
		"Accept": "application/json, text/event-stream", "Accept-Encoding": "gzip", "Content-Type": "application/json",
		"Mcp-Protocol-Version": "2025-11-25", "Mcp-Session-Id": "4VYMZDDSTJCO3QUAJCNWKXW3MR", "User-Agent": "bench",
	} {
		req.Header.Set(name, value)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func encode(v any) []byte { return must(json.Marshal(v)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// nobody is a ResponseWriter that throws everything away but the status.
type nobody struct {
	header http.Header
	status int
}

func (w *nobody) Header() http.Header            { return w.header }
func (w *nobody) Write(data []byte) (int, error) { return len(data), nil }
func (w *nobody) WriteHeader(status int)         { w.status = status }
