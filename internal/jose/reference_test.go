package jose_test

import (
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/strictjson/strictjsontest"
)

// validKey is a second implementation of ParseKey. It reports whether a JWK is a valid public key
// for signatures and returns its thumbprint (RFC 7638 §3).
func validKey(document []byte) (thumbprint [32]byte, valid bool) {
	members, ok := strictjsontest.Object(document)
	secret := []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}
	public := []string{"kty", "kid", "use", "key_ops", "alg", "crv", "n", "e", "x", "y", "issuer"}
	if !ok || strictjsontest.CaseVariant(members, append(secret, public...)...) {
		return thumbprint, false
	}
	for name, value := range members {
		if isAbsent(value) {
			delete(members, name)
		}
	}
	for _, name := range secret {
		if _, present := members[name]; present {
			return thumbprint, false
		}
	}
	text, ok := texts(members, public)
	if !ok {
		return thumbprint, false
	}
	canonical, algorithms := material(text)
	_, hasAlg := members["alg"]
	if canonical == "" || hasAlg && !slices.Contains(algorithms, text["alg"]) || !allowsVerify(members["key_ops"]) {
		return thumbprint, false
	}
	return sha256.Sum256([]byte(canonical)), true
}

// texts returns the members that are strings. It reports whether they all are, but key_ops.
func texts(members map[string]json.RawMessage, names []string) (text map[string]string, ok bool) {
	text = map[string]string{}
	for _, name := range names {
		value, present, isString := strictjsontest.String(members, name)
		if present && name != "key_ops" && !(isString && validText(name, value)) {
			return nil, false
		}
		text[name] = value
	}
	return text, true
}

// isAbsent reports whether a member counts as absent: some issuers write null or "" for it.
func isAbsent(value json.RawMessage) bool {
	return string(value) == "null" || string(value) == `""`
}

// validText checks the value of a member that is a string.
func validText(name, value string) bool {
	switch name {
	case "kid":
		return value != "" && len(value) <= 256
	case "issuer":
		return value != ""
	case "use":
		return value == "sig"
	}
	return true
}

// allowsVerify reports whether key_ops is absent or an array of strings that contains verify.
func allowsVerify(raw json.RawMessage) bool {
	var operations []any
	if raw == nil {
		return true
	}
	if json.Unmarshal(raw, &operations) != nil {
		return false
	}
	for _, operation := range operations {
		if _, ok := operation.(string); !ok {
			return false
		}
	}
	return slices.Contains(operations, any("verify"))
}

// material returns the text whose hash is the thumbprint, or "" if the key is invalid, and the
// algorithms of the key.
func material(text map[string]string) (canonical string, algorithms []string) {
	switch text["kty"] {
	case "RSA":
		n, e := number(text["n"]), number(text["e"])
		if n == nil || e == nil || !validRSA(n, e) {
			return "", nil
		}
		return fmt.Sprintf(`{"e":"%s","kty":"RSA","n":"%s"}`, b64(e.Bytes()), b64(n.Bytes())), []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case "EC":
		curve, size, alg := curveOf(text["crv"])
		x, y := coordinateOf(text["x"], size), coordinateOf(text["y"], size)
		if curve == nil || x == nil || y == nil {
			return "", nil
		}
		if _, err := curve.NewPublicKey(slices.Concat([]byte{4}, x, y)); err != nil {
			return "", nil
		}
		return fmt.Sprintf(`{"crv":"%s","kty":"EC","x":"%s","y":"%s"}`, text["crv"], b64(x), b64(y)), []string{alg}
	case "OKP":
		x := bytesOf(text["x"])
		if text["crv"] != "Ed25519" || len(x) != 32 || !validEd25519(x) {
			return "", nil
		}
		return fmt.Sprintf(`{"crv":"Ed25519","kty":"OKP","x":"%s"}`, b64(x)), []string{"EdDSA", "Ed25519"}
	}
	return "", nil
}

// validRSA does not check for CVE-2017-15361: a fuzzer does not find such a modulus.
func validRSA(n, e *big.Int) bool {
	return n.BitLen() >= 2048 && n.BitLen() <= 8192 && n.Bit(0) == 1 &&
		e.Bit(0) == 1 && e.Cmp(big.NewInt(3)) >= 0 && e.BitLen() <= 31
}

func curveOf(crv string) (curve ecdh.Curve, size int, alg string) {
	switch crv {
	case "P-256":
		return ecdh.P256(), 32, "ES256"
	case "P-384":
		return ecdh.P384(), 48, "ES384"
	case "P-521":
		return ecdh.P521(), 66, "ES512"
	}
	return nil, 0, ""
}

// bytesOf decodes canonical base64url, with or without padding. It returns nil for other text.
func bytesOf(text string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(b) == 0 || b64(b) != text && base64.URLEncoding.EncodeToString(b) != text {
		return nil
	}
	return b
}

// coordinateOf returns a number as size bytes, or nil if that is not possible.
func coordinateOf(text string, size int) []byte {
	n := number(text)
	if n == nil || n.BitLen() > 8*size {
		return nil
	}
	return n.FillBytes(make([]byte, size))
}

func number(text string) *big.Int {
	if b := bytesOf(text); b != nil {
		return new(big.Int).SetBytes(b)
	}
	return nil
}

// validEd25519 maps the point to the Montgomery curve, where it exists if u³ + 486662u² + u is a
// square (RFC 7748 §4.1).
func validEd25519(encoded []byte) bool {
	if isSmallOrder(encoded) {
		return false
	}
	prime := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	reversed := slices.Clone(encoded)
	slices.Reverse(reversed)
	reversed[0] &= 0x7f // the sign of x
	y := new(big.Int).SetBytes(reversed)
	if y.Cmp(prime) >= 0 {
		return false
	}
	one := big.NewInt(1)
	u := new(big.Int).ModInverse(new(big.Int).Mod(new(big.Int).Sub(one, y), prime), prime)
	u.Mul(u, y.Add(y, one)).Mod(u, prime)
	v := new(big.Int).Add(u, big.NewInt(486662))
	v.Mul(v, u).Add(v, one).Mul(v, u).Mod(v, prime)
	return big.Jacobi(v, prime) >= 0
}
