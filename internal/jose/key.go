package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/lestrrat-go/jwx/v2/jwk"

	"github.com/warder-go/warder/internal/strictjson"
)

// Key is a public key that may verify signatures. It is immutable.
type Key struct {
	ID         string    // kid, or "" (RFC 7517 §4.5)
	Issuer     string    // whose tokens it may sign, as a set for many tenants says; "" if it does not
	Thumbprint [32]byte  // RFC 7638, SHA-256: the identity of the key material
	algorithm  Algorithm // the only one it may be used with, if the key says so
	kind       string    // kty
	public     crypto.PublicKey
}

// Accepts reports whether the key may be used with the algorithm: the right type
// and curve, and the key's own alg where it has one (RFC 8725 §3.1). "EdDSA" and
// "Ed25519" are one algorithm under two names.
func (k *Key) Accepts(a Algorithm) bool {
	if a.algorithm == nil || a.kind != k.kind {
		return false
	}
	if k.algorithm.algorithm != nil && k.algorithm != a && k.kind != "OKP" {
		return false
	}
	if public, ok := k.public.(*ecdsa.PublicKey); ok {
		return public.Curve == a.curve
	}
	return true
}

// SameUse reports whether both are the same key material for the same algorithm and
// issuer, whatever their kid.
func (k *Key) SameUse(other *Key) bool {
	return k.Thumbprint == other.Thumbprint && k.algorithm == other.algorithm && k.Issuer == other.Issuer
}

// Verify reports whether the token was signed with the key, by the algorithm that
// its header names.
func (k *Key) Verify(t *Token) bool {
	a := t.Header.Algorithm
	return k.Accepts(a) && a.verify(a.algorithm, k.public, []byte(t.signed), t.signature)
}

var keyNames = strictjson.NewNames("kty", "kid", "use", "key_ops", "alg", "crv", "n", "e", "x", "y", "issuer",
	"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv")

// ParseKey reads one JWK (RFC 7517 §4) and checks that it is a sound public key for
// signatures. A private or symmetric key is refused, not stripped: once published,
// it protects nothing. Errors name the fault, never the key.
func ParseKey(data []byte) (*Key, error) {
	k := &Key{}
	members := map[string]string{} // those that make up the key material
	err := strictjson.Object(data, keyNames, func(name string, value jsontext.Value) (err error) {
		switch name {
		case "kid":
			k.ID, err = parseKeyID(value)
		case "use":
			var use string
			if use, err = strictjson.String(value); err == nil && use != "sig" {
				err = errors.New("is not sig")
			}
		case "key_ops":
			var ops []string
			if ops, err = strictjson.Strings(value); err == nil && !slices.Contains(ops, "verify") {
				err = errors.New("does not contain verify")
			}
		case "alg":
			var alg string
			if alg, err = strictjson.String(value); err == nil {
				k.algorithm, err = ParseAlgorithm(alg)
			}
		case "kty", "crv", "n", "e", "x", "y":
			members[name], err = strictjson.String(value)
		case "issuer": // no standard; Microsoft Entra has it. One that can't be read binds to nobody.
			if k.Issuer, err = strictjson.String(value); err == nil && k.Issuer == "" {
				err = errors.New("is empty")
			}
		default:
			err = errors.New("is secret and must not be in a key set")
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("jose: key: %w", err)
	}
	if err := k.setMaterial(members); err != nil {
		return nil, fmt.Errorf("jose: key: %w", err)
	}
	if a := k.algorithm; a.algorithm != nil && !k.Accepts(a) {
		return nil, fmt.Errorf("jose: key: alg %s does not fit the key", a)
	}
	return k, nil
}

// setMaterial hands the bare key material to jwx, nothing else of the document,
// and checks what comes back, since jwx accepts points off the curve, weak moduli
// and odd exponents.
func (k *Key) setMaterial(members map[string]string) error {
	material, err := selectMaterial(members)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(material)
	if err != nil {
		return errors.New("cannot be encoded")
	}
	parsed, err := jwk.ParseKey(encoded)
	if err != nil {
		return errors.New("is malformed")
	}
	thumbprint, err := parsed.Thumbprint(crypto.SHA256)
	if err != nil || copy(k.Thumbprint[:], thumbprint) != len(k.Thumbprint) {
		return errors.New("has no thumbprint")
	}
	if err := parsed.Raw(&k.public); err != nil {
		return errors.New("is malformed")
	}
	k.kind = members["kty"]
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return checkRSA(public)
	case *ecdsa.PublicKey:
		return checkEC(public)
	case ed25519.PublicKey: // 32 bytes, by its form
		return checkEd25519(public)
	}
	return errors.New("is of a type that signs nothing we verify")
}

// A form says which members make up a key of one kty (RFC 7638 §3.2, RFC 8037 §2)
// and, by curve, how many bytes each has, zeros in front included (RFC 7518
// §6.2.1.2).
type form struct {
	members []string
	curves  map[string]int
}

var forms = map[string]form{
	"RSA": {members: []string{"n", "e"}},
	"EC":  {members: []string{"x", "y"}, curves: map[string]int{"P-256": 32, "P-384": 48, "P-521": 66}},
	"OKP": {members: []string{"x"}, curves: map[string]int{"Ed25519": 32}},
}

// selectMaterial picks the members that the key's form asks for, each canonical
// base64url of the right size.
func selectMaterial(members map[string]string) (map[string]string, error) {
	kty, crv := members["kty"], members["crv"]
	form, ok := forms[kty]
	if !ok {
		return nil, errors.New("kty is not RSA, EC or OKP")
	}
	material := map[string]string{"kty": kty}
	if form.curves != nil {
		material["crv"] = crv
	}
	size, ok := form.curves[crv]
	if form.curves != nil && !ok {
		return nil, errors.New("crv is not one that we verify with")
	}
	for _, name := range form.members {
		b, err := decodeBase64(members[name])
		if err != nil || len(b) == 0 {
			return nil, fmt.Errorf("member %q is not base64url", name)
		}
		if form.curves != nil && len(b) != size {
			return nil, fmt.Errorf("member %q is not %d bytes", name, size)
		}
		if name == "e" && new(big.Int).SetBytes(b).BitLen() > 31 { // jwx would cut it to an int
			return nil, errors.New("exponent is over 31 bits")
		}
		material[name] = members[name]
	}
	return material, nil
}

// checkEC refuses a point that is not on the curve, the point at infinity included.
func checkEC(public *ecdsa.PublicKey) error {
	switch public.Curve {
	case elliptic.P256(), elliptic.P384(), elliptic.P521():
	default:
		return errors.New("is on a curve that we do not verify with")
	}
	if _, err := public.ECDH(); err != nil {
		return errors.New("is not a point on its curve")
	}
	return nil
}
