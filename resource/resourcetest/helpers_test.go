package resourcetest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"

	_ "crypto/sha256"
	_ "crypto/sha512"

	"github.com/warder-go/warder/resource/resourcetest"
)

// doc is a JSON object, decoded by the standard library.
type doc map[string]any

func newIssuer(t *testing.T, config resourcetest.Config) (*resourcetest.Issuer, *http.Client) {
	t.Helper()
	s, err := resourcetest.NewIssuer(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, &http.Client{Transport: s.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// do sends a request and reads the whole response body.
func do(t *testing.T, client *http.Client, r *http.Request) (*http.Response, string) {
	t.Helper()
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func get(t *testing.T, client *http.Client, target string) (*http.Response, string) {
	t.Helper()
	return do(t, client, request(t, "GET", target, ""))
}

func request(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// post sends a form. basic is a client id and a secret for HTTP Basic authentication, or empty.
func post(t *testing.T, client *http.Client, target, form string, basic ...string) (*http.Response, doc) {
	t.Helper()
	r := request(t, "POST", target, form)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if len(basic) == 2 {
		r.SetBasicAuth(url.QueryEscape(basic[0]), url.QueryEscape(basic[1]))
	}
	response, body := do(t, client, r)
	return response, parse(t, body)
}

func parse(t *testing.T, text string) doc {
	t.Helper()
	d := doc{}
	if text == "" {
		return d
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return d
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// segment decodes one part of a compact JWS.
func segment(t *testing.T, token string, i int) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// publicKey reads a key from a JWKS, using only the standard library.
func publicKey(t *testing.T, jwks, kid string) crypto.PublicKey {
	t.Helper()
	number := func(v any) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(v.(string))
		if err != nil {
			t.Fatal(err)
		}
		return new(big.Int).SetBytes(b)
	}
	for _, v := range parse(t, jwks)["keys"].([]any) {
		k := v.(map[string]any)
		switch {
		case k["kid"] != kid:
		case k["kty"] == "RSA":
			return &rsa.PublicKey{N: number(k["n"]), E: int(number(k["e"]).Int64())}
		case k["kty"] == "OKP":
			return ed25519.PublicKey(number(k["x"]).FillBytes(make([]byte, 32)))
		default:
			size := (curves[k["crv"].(string)].Params().BitSize + 7) / 8
			point := append([]byte{4}, number(k["x"]).FillBytes(make([]byte, size))...)
			public, err := ecdsa.ParseUncompressedPublicKey(curves[k["crv"].(string)], append(point, number(k["y"]).FillBytes(make([]byte, size))...))
			if err != nil {
				t.Fatal(err)
			}
			return public
		}
	}
	t.Fatalf("key %q is not in %s", kid, jwks)
	return nil
}

// verifies reports whether the signature of a JWS is valid (RFC 7518).
func verifies(public crypto.PublicKey, alg, token string) bool {
	i := strings.LastIndex(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(token[i+1:])
	if err != nil {
		return false
	}
	hash := hashes[alg[len(alg)-3:]]
	digest := []byte(token[:i])
	if hash != 0 {
		h := hash.New()
		h.Write(digest)
		digest = h.Sum(nil)
	}
	switch k := public.(type) {
	case *rsa.PublicKey:
		if alg[:2] == "PS" {
			return rsa.VerifyPSS(k, hash, digest, signature, &rsa.PSSOptions{SaltLength: hash.Size()}) == nil
		}
		return rsa.VerifyPKCS1v15(k, hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		half := (k.Curve.Params().BitSize + 7) / 8
		if len(signature) != 2*half {
			return false
		}
		return ecdsa.Verify(k, digest, new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
	case ed25519.PublicKey:
		return ed25519.Verify(k, digest, signature)
	}
	return false
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}
