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

// Key is a public key for verifying signatures. It is immutable.
type Key struct {
	ID         string    // kid (RFC 7517 §4.5), or ""
	Issuer     string    // the only issuer that may sign with the key, from the key set of a multi-tenant server; or ""
	Thumbprint [32]byte  // RFC 7638 with SHA-256; identifies the key material
	algorithm  Algorithm // the key's alg; the zero value if it has none
	kind       string    // kty
	public     crypto.PublicKey
}

// Accepts reports whether the key may be used with the algorithm: its type and curve must
// match, and its alg if it has one (RFC 8725 §3.1). "EdDSA" and "Ed25519" are two names of one
// algorithm.
func (k *Key) Accepts(a Algorithm) bool {
	if a.algorithm == nil || a.kind != k.kind {
		return false
	}
	if !k.allows(a) {
		return false
	}
	if public, ok := k.public.(*ecdsa.PublicKey); ok {
		return public.Curve == a.curve
	}
	return true
}

// allows reports whether the key's alg, if it has one, is the algorithm.
func (k *Key) allows(a Algorithm) bool {
	return k.algorithm.algorithm == nil || k.algorithm == a || k.kind == "OKP" && a.kind == "OKP"
}

// Equivalent reports whether both keys have the same key material, alg and issuer. It ignores
// their kid.
func (k *Key) Equivalent(other *Key) bool {
	return k.Thumbprint == other.Thumbprint && k.algorithm == other.algorithm && k.Issuer == other.Issuer
}

// Verify reports whether the token was signed with the key and with the algorithm in its
// header.
func (k *Key) Verify(t *Token) bool {
	a := t.Header.Algorithm
	return k.Accepts(a) && a.verify(a.algorithm, k.public, []byte(t.signed), t.signature)
}

// keyMembers are the members of a JWK that ParseKey reads, in the order in which it judges them.
// use and key_ops come first: nothing else matters in a key for encryption.
var keyMembers = []string{"use", "key_ops", "kty", "kid", "alg", "crv", "n", "e", "x", "y", "issuer",
	"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

var keyNames = strictjson.NewNames(keyMembers...)

// ParseKey parses one JWK (RFC 7517 §4). It must be a valid public key for signatures, whose use
// is sig, one of uses or absent. The error for the use enc is [ErrNotForSignatures], and so is
// that for every other use if uses is not empty.
//
// ParseKey rejects a private or symmetric key instead of ignoring its secret members, because
// a published secret protects nothing. Errors do not quote the key.
func ParseKey(data []byte, uses ...string) (*Key, error) {
	members := map[string]jsontext.Value{}
	err := strictjson.Object(data, keyNames, func(name string, value jsontext.Value) error {
		members[name] = value
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("jose: key: %w", err)
	}
	if isForEncryption(members) {
		return nil, fmt.Errorf("jose: key: %w", ErrNotForSignatures)
	}
	k, material := &Key{}, map[string]string{}
	for _, name := range keyMembers {
		value, ok := members[name]
		if !ok || strictjson.IsAbsent(value) { // some issuers write null or "" for what they do not use
			continue
		}
		if err := k.setMember(name, value, uses, material); err != nil {
			return nil, fmt.Errorf("jose: key: member %q: %w", name, err)
		}
	}
	if err := k.setMaterial(material); err != nil {
		return nil, fmt.Errorf("jose: key: %w", err)
	}
	if a := k.algorithm; a.algorithm != nil && !k.Accepts(a) {
		return nil, fmt.Errorf("jose: key: alg %s does not match the key", a)
	}
	return k, nil
}

// ErrNotForSignatures is the error for a key whose use or key_ops is for something else, such
// as encryption, or that has neither and is for encryption by its alg or crv. A key set can
// contain such keys.
var ErrNotForSignatures = errors.New("is not for verifying signatures")

// Algorithms and curves that are only for encryption (RFC 7518 §4.1, RFC 8037 §3.2).
var (
	encryptionAlgorithms = []string{"RSA1_5", "RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512",
		"ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"}
	encryptionCurves = []string{"X25519", "X448"}
)

// isForEncryption reports whether a key without use and key_ops is for encryption by its alg or
// crv. With use or key_ops, those decide.
func isForEncryption(members map[string]jsontext.Value) bool {
	if !strictjson.IsAbsent(members["use"]) || !strictjson.IsAbsent(members["key_ops"]) {
		return false
	}
	alg, _ := strictjson.String(members["alg"])
	crv, _ := strictjson.String(members["crv"])
	return slices.Contains(encryptionAlgorithms, alg) || slices.Contains(encryptionCurves, crv)
}

// KeyIDOf returns the kid of a JWK that ParseKey has rejected, for a log; "" if it has none
// that can be read.
func KeyIDOf(data []byte) (id string) {
	_ = strictjson.Object(data, keyNames, func(name string, value jsontext.Value) error {
		if name == "kid" {
			id, _ = parseKeyID(value)
		}
		return nil
	})
	return id
}

// setMember reads one member of a JWK. It adds the members that make up the key to material.
func (k *Key) setMember(name string, value jsontext.Value, uses []string, material map[string]string) (err error) {
	switch name {
	case "kid":
		k.ID, err = parseKeyID(value)
	case "use":
		return checkUse(value, uses)
	case "key_ops":
		return checkOperations(value)
	case "alg":
		var alg string
		if alg, err = strictjson.String(value); err == nil {
			k.algorithm, err = parseAlgorithm(alg)
		}
	case "kty", "crv", "n", "e", "x", "y":
		material[name], err = strictjson.String(value)
	case "issuer":
		// An extension of Microsoft Entra. A value that cannot be read would not restrict
		// the key to any issuer, so it is an error.
		k.Issuer, err = strictjson.String(value)
	default:
		err = errors.New("is secret and must not be in a key set")
	}
	return err
}

func checkUse(value jsontext.Value, uses []string) error {
	use, err := strictjson.String(value)
	switch {
	case err != nil:
		return err
	case use == "enc":
		return ErrNotForSignatures
	case use == "sig", slices.Contains(uses, use):
		return nil
	case len(uses) > 0: // uses lists all other uses that are for signatures
		return ErrNotForSignatures
	}
	return errors.New("is not sig")
}

func checkOperations(value jsontext.Value) error {
	operations, err := strictjson.Strings(value)
	if err == nil && !slices.Contains(operations, "verify") {
		return ErrNotForSignatures
	}
	return err
}

// setMaterial converts the key material with jwx. It does not pass other members to jwx. It
// checks the result, because jwx accepts points that are not on the curve, weak moduli and
// invalid exponents.
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
	case ed25519.PublicKey: // 32 bytes: see keyForms
		return checkEd25519(public)
	}
	return errors.New("has an unsupported type")
}

// keyForm describes the keys of one kty: the members that make up a key (RFC 7638 §3.2,
// RFC 8037 §2) and, by curve, the length of each in bytes, including leading zeros (RFC 7518
// §6.2.1.2).
type keyForm struct {
	members []string
	curves  map[string]int
}

var keyForms = map[string]keyForm{
	"RSA": {members: []string{"n", "e"}},
	"EC":  {members: []string{"x", "y"}, curves: map[string]int{"P-256": 32, "P-384": 48, "P-521": 66}},
	"OKP": {members: []string{"x"}, curves: map[string]int{"Ed25519": 32}},
}

// selectMaterial returns the members that the form of the key requires, each as canonical
// base64url of the right length. Padding and leading zeros that the RFCs forbid are removed,
// and missing leading zeros are added. Nothing else is corrected.
func selectMaterial(members map[string]string) (map[string]string, error) {
	kty, crv := members["kty"], members["crv"]
	form, ok := keyForms[kty]
	if !ok {
		return nil, errors.New("kty is not RSA, EC or OKP")
	}
	material := map[string]string{"kty": kty}
	if form.curves != nil {
		material["crv"] = crv
	}
	size, ok := form.curves[crv]
	if form.curves != nil && !ok {
		return nil, errors.New("crv is not supported")
	}
	for _, name := range form.members {
		b, err := keyBytes(members[name])
		if err != nil || len(b) == 0 {
			return nil, fmt.Errorf("member %q is not base64url", name)
		}
		switch kty {
		case "RSA":
			b = unsigned(b)
		case "EC":
			b, err = coordinate(b, size)
		default:
			err = checkSize(b, size)
		}
		if err != nil {
			return nil, fmt.Errorf("member %q %w", name, err)
		}
		if name == "e" && new(big.Int).SetBytes(b).BitLen() > 31 { // jwx would truncate it to an int
			return nil, errors.New("exponent is longer than 31 bits")
		}
		material[name] = strictURL.EncodeToString(b)
	}
	return material, nil
}

// checkEC rejects points that are not on the curve, including the point at infinity.
func checkEC(public *ecdsa.PublicKey) error {
	switch public.Curve {
	case elliptic.P256(), elliptic.P384(), elliptic.P521():
	default:
		return errors.New("is on an unsupported curve")
	}
	if _, err := public.ECDH(); err != nil {
		return errors.New("is not a point on its curve")
	}
	return nil
}
