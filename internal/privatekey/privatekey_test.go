package privatekey_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/privatekey"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

var (
	rsaKey   = must(rsa.GenerateKey(rand.Reader, 2048))
	otherRSA = must(rsa.GenerateKey(rand.Reader, 2048))
	p256     = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	p521     = must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	edKey    = ed25519.NewKeyFromSeed([]byte(strings.Repeat("s", 32)))
)

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(key any) string { return block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))) }

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwk returns the private JWK of a key with changed members; "" removes one.
func jwk(key crypto.Signer, changes map[string]string) string {
	m := map[string]string{}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		m = map[string]string{"kty": "RSA", "n": encode(key.N.Bytes()), "e": "AQAB", "d": encode(key.D.Bytes()), "p": encode(key.Primes[0].Bytes()), "q": encode(key.Primes[1].Bytes())}
	case *ecdsa.PrivateKey:
		point := must(key.PublicKey.Bytes())[1:]
		m = map[string]string{"kty": "EC", "crv": key.Params().Name, "x": encode(point[:len(point)/2]), "y": encode(point[len(point)/2:]), "d": encode(must(key.Bytes()))}
	case ed25519.PrivateKey:
		m = map[string]string{"kty": "OKP", "crv": "Ed25519", "x": encode(key[32:]), "d": encode(key[:32])}
	}
	for name, value := range changes {
		if m[name] = value; value == "" {
			delete(m, name)
		}
	}
	return string(must(json.Marshal(m)))
}

func TestParse(t *testing.T) {
	type set = map[string]string
	for _, row := range []struct {
		name, content string
		want          crypto.Signer
		id, algorithm string
	}{
		{"RSA in PKCS #8", pkcs8(rsaKey), rsaKey, "", ""},
		{"RSA in PKCS #1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), rsaKey, "", ""},
		{"P-256 in PKCS #8", pkcs8(p256), p256, "", ""},
		{"P-256 in SEC 1, after its parameters", block("EC PARAMETERS", []byte{6, 0}) + block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(p256))), p256, "", ""},
		{"Ed25519 in PKCS #8, with text in front", "\ufeffkey of mcp\n" + pkcs8(edKey), edKey, "", ""},
		{"RSA as a JWK", jwk(rsaKey, set{"kid": "k1", "alg": "PS256", "use": "sig"}), rsaKey, "k1", "PS256"},
		{"P-256 as a JWK", " \n" + jwk(p256, set{"kid": "k1"}) + "\n", p256, "k1", ""},
		{"P-521 as a JWK", jwk(p521, nil), p521, "", ""},
		{"Ed25519 as a JWK, RFC 8037 §2", jwk(edKey, set{"key_ops": "x"}), edKey, "", ""},
		{"a null member", strings.Replace(jwk(edKey, nil), "{", `{"kid":null,`, 1), edKey, "", ""},
	} {
		key, err := privatekey.Parse([]byte(row.content))
		if err != nil || key.ID != row.id || key.Algorithm != row.algorithm || !key.Signer.(interface{ Equal(crypto.PrivateKey) bool }).Equal(row.want) {
			t.Errorf("%s: got %q, %q, %v", row.name, key.ID, key.Algorithm, err)
		}
	}
}

func TestParseRejects(t *testing.T) {
	type set = map[string]string
	var x25519 string
	fips140.WithoutEnforcement(func() { x25519 = pkcs8(must(ecdh.X25519().GenerateKey(rand.Reader))) })
	notForSignatures := "private key is not RSA, EC or Ed25519"
	if fips140.Enforced() {
		notForSignatures = "private key is malformed" // the standard library cannot read it
	}
	for _, row := range []struct{ name, content, want string }{
		{"nothing", "", "has no private key in PEM, and is not a JWK"},
		{"text", "s3cret", "has no private key in PEM, and is not a JWK"},
		{"a public key", block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(p256.Public()))), "has no private key in PEM, and is not a JWK"},
		{"two keys", pkcs8(p256) + pkcs8(edKey), "has more than one private key"},
		{"an encrypted key", block("ENCRYPTED PRIVATE KEY", []byte("x")), "private key is encrypted; store it without a password"},
		{"an encrypted key of OpenSSL", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n", "private key is encrypted; store it without a password"},
		{"a truncated key", block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(p256))[:20]), "private key is malformed"},
		{"a key of OpenSSH", block("OPENSSH PRIVATE KEY", []byte("x")), "private key is not RSA, EC or Ed25519"},
		{"a key for key agreement", x25519, notForSignatures},
		{"broken JSON", `{"kty":`, "JWK: malformed JSON: unexpected end at byte 7"},
		{"a JWK Set", `{"keys":[` + jwk(p256, nil) + `]}`, `JWK: member "keys": JWK Set; store one key only`},
		{"a public JWK, RFC 7518 §6.2.2.1", jwk(p256, set{"d": ""}), "JWK: has no d, so it is not a private key"},
		{"a key for encryption, RFC 7517 §4.2", jwk(p256, set{"use": "enc"}), "JWK: use is not sig"},
		{"a symmetric key", jwk(p256, set{"kty": "oct"}), "JWK: kty is not RSA, EC or OKP"},
		{"a number", strings.Replace(jwk(edKey, nil), "{", `{"kid":1,`, 1), `JWK: member "kid": is not a string`},
		{"another curve", jwk(p256, set{"crv": "secp256k1"}), "JWK: crv is not P-256, P-384 or P-521"},
		{"d of another curve", jwk(p256, set{"crv": "P-384"}), "JWK: d does not fit crv"},
		{"another public key", jwk(p256, set{"x": encode(make([]byte, 32))}), "JWK: x and y are not the public key of d"},
		{"no y", jwk(p256, set{"y": ""}), `JWK: member "y" is absent or not base64url`},
		{"padding", jwk(p256, set{"d": encode(must(p256.Bytes())) + "="}), `JWK: member "d" is absent or not base64url`},
		{"X25519", jwk(edKey, set{"crv": "X25519"}), "JWK: crv is not Ed25519"},
		{"a short seed", jwk(edKey, set{"d": "AAAA"}), "JWK: d does not fit crv"},
		{"another public Ed25519 key", jwk(edKey, set{"x": encode(make([]byte, 32))}), "JWK: x is not the public key of d"},
		{"RSA without p", jwk(rsaKey, set{"p": ""}), `JWK: member "p" is absent or not base64url`},
		{"RSA with three primes, RFC 7518 §6.3.2.7", jwk(rsaKey, set{"oth": "x"}), "JWK: more than two primes are not supported"},
		{"RSA with d of another key", jwk(rsaKey, set{"d": encode(otherRSA.D.Bytes())}), "JWK: the numbers of the RSA key do not belong together"},
		{"RSA with a large e", jwk(rsaKey, set{"e": "AQAAAAAB"}), "JWK: e is too large"},
	} {
		key, err := privatekey.Parse([]byte(row.content))
		if err == nil || err.Error() != row.want || key.Signer != nil {
			t.Errorf("%s: got %v, want %s", row.name, err, row.want)
		}
	}
}

func TestKeyIsNotPrinted(t *testing.T) {
	key, err := privatekey.Parse([]byte(pkcs8(edKey)))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, key); got != "[redacted private key]" {
			t.Errorf("%s printed %s", verb, got)
		}
	}
}
