package jwks_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// p256JWK is a valid public key (RFC 7515 §A.3.1).
const p256JWK = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// signedToken returns an access token that was signed with the key.
func signedToken(t *testing.T, alg string, key crypto.Signer) string {
	t.Helper()
	signed := b64([]byte(`{"typ":"at+jwt","alg":"`+alg+`","kid":"k"}`)) + "." +
		b64(fmt.Appendf(nil, `{"iss":"https://as.example","aud":"https://mcp.example/mcp","sub":"u","exp":%d}`, time.Now().Add(time.Hour).Unix()))
	digest := sha256.Sum256([]byte(signed))
	var signature []byte
	var err error
	switch k := key.(type) {
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, digest[:])
	case *ecdsa.PrivateKey:
		var r, s *big.Int
		if r, s, err = ecdsa.Sign(rand.Reader, k, digest[:]); err == nil {
			signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	case ed25519.PrivateKey:
		signature = ed25519.Sign(k, []byte(signed))
	}
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + b64(signature)
}

// statusWith returns the answer to a request with the token, if the issuer publishes the key.
func statusWith(t *testing.T, jwk, token string) int {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	verifier, err := jwks.New(jwks.Config{Issuer: "https://as.example", Keys: []byte(`{"keys":[` + jwk + `]}`), Logger: quiet})
	if err != nil {
		t.Fatalf("%v in %s", err, jwk)
	}
	res, err := resource.New(resource.Config{Identifier: "https://mcp.example/mcp", Issuers: []resource.Issuer{{Verifier: verifier}}, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, "https://mcp.example/mcp", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	recorder := httptest.NewRecorder()
	nethttp.Middleware(res)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(recorder, req)
	return recorder.Code
}

// Some issuers publish keys with padding, or with other numbers of leading zeros than RFC 7518
// §2 and §6.2.1.2 require. Their tokens are accepted. The same padding in a token is rejected
// (RFC 7515 §2).
func TestPaddedAndUnpaddedKeysVerify(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, x, y := keytest.ShortX()
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n, edX := rsaKey.N.Bytes(), edKey.Public().(ed25519.PublicKey)
	rsaOf := func(n, e string) string { return fmt.Sprintf(`{"kty":"RSA","kid":"k","n":%q,"e":%q}`, n, e) }
	ecOf := func(x, y string) string {
		return fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":"k","x":%q,"y":%q}`, x, y)
	}
	zero := func(b []byte) []byte { return append([]byte{0}, b...) }
	for _, row := range []struct {
		name, alg string
		key       crypto.Signer
		jwk       string
	}{
		{"RSA as required", "RS256", rsaKey, rsaOf(b64(n), "AQAB")},
		{"RSA, n with padding", "RS256", rsaKey, rsaOf(base64.URLEncoding.EncodeToString(n), "AQAB")},
		{"RSA, a zero in front of n", "RS256", rsaKey, rsaOf(b64(zero(n)), "AQAB")},
		{"RSA, four bytes of e, with padding", "RS256", rsaKey, rsaOf(b64(n), "AAEAAQ==")},
		{"EC as required", "ES256", ecKey, ecOf(b64(x), b64(y))},
		{"EC, x of 31 bytes", "ES256", ecKey, ecOf(b64(x[1:]), b64(y))},
		{"EC, x of 31 bytes with padding", "ES256", ecKey, ecOf(base64.URLEncoding.EncodeToString(x[1:]), b64(y))},
		{"EC, y of 33 bytes", "ES256", ecKey, ecOf(b64(x), b64(zero(y)))},
		{"EC, padding", "ES256", ecKey, ecOf(b64(x)+"=", b64(y)+"=")},
		{"Ed25519, padding", "EdDSA", edKey, `{"kty":"OKP","crv":"Ed25519","kid":"k","x":"` + b64(edX) + `="}`},
	} {
		token := signedToken(t, row.alg, row.key)
		if got := statusWith(t, row.jwk, token); got != http.StatusOK {
			t.Errorf("%s: got %d", row.name, got)
		}
		if got := statusWith(t, row.jwk, signedToken(t, row.alg, row.key)+"="); got == http.StatusOK {
			t.Errorf("%s: a token with padding is accepted", row.name)
		}
		header, rest, _ := strings.Cut(token, ".")
		if got := statusWith(t, row.jwk, header+"=."+rest); got == http.StatusOK {
			t.Errorf("%s: a token with padding in its header is accepted", row.name)
		}
		otherKey, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if got := statusWith(t, row.jwk, signedToken(t, "RS256", otherKey)); got != http.StatusUnauthorized {
			t.Errorf("%s: a token of another key: got %d", row.name, got)
		}
	}
}

// In an EC signature too, the number of bytes is fixed (RFC 7518 §3.4).
func TestSignatureWithoutLeadingZeroIsRejected(t *testing.T) {
	key, x, y := keytest.ShortX()
	jwk := fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":"k","x":%q,"y":%q}`, b64(x), b64(y))
	for range 2000 {
		token := signedToken(t, "ES256", key)
		signed, signature := token[:strings.LastIndexByte(token, '.')+1], token[strings.LastIndexByte(token, '.')+1:]
		raw, err := base64.RawURLEncoding.DecodeString(signature)
		if err != nil {
			t.Fatal(err)
		}
		if raw[0] != 0 {
			continue
		}
		if got := statusWith(t, jwk, token); got != http.StatusOK {
			t.Errorf("with the zero: got %d", got)
		}
		if got := statusWith(t, jwk, signed+b64(raw[1:])); got != http.StatusUnauthorized {
			t.Errorf("without the zero: got %d", got)
		}
		return
	}
	t.Fatal("no such signature")
}
