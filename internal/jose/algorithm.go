package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // SHA-384 and SHA-512, for the table of algorithms
	"fmt"
	"math/big"
	"slices"
)

// Algorithm is a JWS algorithm that this package verifies (RFC 7518 §3.1, RFC 8037 §3.1,
// RFC 9864 §2.2). HMAC algorithms and "none" are not among them. The zero value is not a
// valid algorithm.
type Algorithm struct{ *algorithm }

type algorithm struct {
	name   string
	kind   string // kty of its keys
	hash   crypto.Hash
	curve  elliptic.Curve
	verify func(a *algorithm, key crypto.PublicKey, signed, signature []byte) bool
}

// algorithms is in the order in which lists of names are printed.
var algorithms = []*algorithm{
	{"RS256", "RSA", crypto.SHA256, nil, verifyPKCS1},
	{"RS384", "RSA", crypto.SHA384, nil, verifyPKCS1},
	{"RS512", "RSA", crypto.SHA512, nil, verifyPKCS1},
	{"PS256", "RSA", crypto.SHA256, nil, verifyPSS},
	{"PS384", "RSA", crypto.SHA384, nil, verifyPSS},
	{"PS512", "RSA", crypto.SHA512, nil, verifyPSS},
	{"ES256", "EC", crypto.SHA256, elliptic.P256(), verifyECDSA},
	{"ES384", "EC", crypto.SHA384, elliptic.P384(), verifyECDSA},
	{"ES512", "EC", crypto.SHA512, elliptic.P521(), verifyECDSA},
	{"EdDSA", "OKP", 0, nil, verifyEd25519},
	{"Ed25519", "OKP", 0, nil, verifyEd25519}, // the same algorithm by its name in RFC 9864
}

// parseAlgorithm returns the algorithm with exactly this name, or an [AlgorithmError].
func parseAlgorithm(name string) (Algorithm, error) {
	for _, a := range algorithms {
		if a.name == name {
			return Algorithm{a}, nil
		}
	}
	return Algorithm{}, newAlgorithmError(name)
}

// ParseAlgorithms parses an allow-list. A nil list means all algorithms that this package
// verifies. An empty list, an unknown name and a duplicate name are errors.
func ParseAlgorithms(names []string) ([]Algorithm, error) {
	if names == nil {
		names = algorithmNames()
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no algorithm is allowed: leave the list nil for all of %q", algorithmNames())
	}
	var out []Algorithm
	for _, name := range names {
		a, err := parseAlgorithm(name)
		if err != nil {
			return nil, fmt.Errorf("algorithm %q is not one of %q", name, algorithmNames())
		}
		if slices.Contains(out, a) {
			return nil, fmt.Errorf("duplicate algorithm %q", name)
		}
		out = append(out, a)
	}
	return out, nil
}

// algorithmNames returns the names of all algorithms that this package verifies.
func algorithmNames() []string {
	var names []string
	for _, a := range algorithms {
		names = append(names, a.name)
	}
	return names
}

// String returns the name, as in the alg header, or "" for the zero value.
func (a Algorithm) String() string {
	if a.algorithm == nil {
		return ""
	}
	return a.name
}

// validSignatureLength reports whether a signature of the algorithm can have this length in
// bytes with any key. Otherwise the token is malformed, and no key needs to be looked up.
func (a Algorithm) validSignatureLength(length int) bool {
	switch a.kind {
	case "EC":
		return length == 2*a.coordinateBytes()
	case "OKP":
		return length == ed25519.SignatureSize
	}
	return MinRSABits/8 <= length && length <= MaxRSABits/8
}

// coordinateBytes returns the length of R and of S (RFC 7518 §3.4).
func (a *algorithm) coordinateBytes() int { return (a.curve.Params().BitSize + 7) / 8 }

func verifyPKCS1(a *algorithm, key crypto.PublicKey, signed, signature []byte) bool {
	public, ok := key.(*rsa.PublicKey)
	return ok && rsa.VerifyPKCS1v15(public, a.hash, digest(a.hash, signed), signature) == nil
}

// verifyPSS requires a salt of the length of the hash (RFC 7518 §3.5).
func verifyPSS(a *algorithm, key crypto.PublicKey, signed, signature []byte) bool {
	public, ok := key.(*rsa.PublicKey)
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	return ok && rsa.VerifyPSS(public, a.hash, digest(a.hash, signed), signature, options) == nil
}

// verifyECDSA requires R || S, each of the size of the curve (RFC 7518 §3.4), not DER, and a
// key on the algorithm's curve.
func verifyECDSA(a *algorithm, key crypto.PublicKey, signed, signature []byte) bool {
	public, ok := key.(*ecdsa.PublicKey)
	size := a.coordinateBytes()
	if !ok || public.Curve != a.curve || len(signature) != 2*size {
		return false
	}
	r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
	return ecdsa.Verify(public, digest(a.hash, signed), r, s)
}

func verifyEd25519(_ *algorithm, key crypto.PublicKey, signed, signature []byte) bool {
	public, ok := key.(ed25519.PublicKey)
	return ok && ed25519.Verify(public, signed, signature)
}

func digest(h crypto.Hash, data []byte) []byte {
	if h == crypto.SHA256 { // the most frequent hash: this way it costs one allocation
		sum := sha256.Sum256(data)
		return sum[:]
	}
	hash := h.New()
	hash.Write(data)
	return hash.Sum(nil)
}
