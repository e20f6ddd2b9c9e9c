package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // also a hash that the table names
	"fmt"
	"math/big"
	"slices"
)

// Algorithm is a JWS algorithm that we verify (RFC 7518 §3.1, RFC 8037 §3.1, RFC
// 9864 §2.2). The zero value is none of them. There is no HMAC and no "none".
type Algorithm struct{ *algorithm }

type algorithm struct {
	name   string
	kind   string // the kty of its keys
	hash   crypto.Hash
	curve  elliptic.Curve
	verify func(a *algorithm, key crypto.PublicKey, signed, signature []byte) bool
}

// The table of algorithms, in the order in which lists of them are shown.
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
	{"Ed25519", "OKP", 0, nil, verifyEd25519}, // the same by its RFC 9864 name
}

// ParseAlgorithm returns the algorithm of that name, spelled exactly, or
// [ErrAlgorithm].
func ParseAlgorithm(name string) (Algorithm, error) {
	for _, a := range algorithms {
		if a.name == name {
			return Algorithm{a}, nil
		}
	}
	return Algorithm{}, ErrAlgorithm
}

// ParseAlgorithms reads an allow-list. A nil list means all that we verify; an
// empty one, an unknown name and a name twice are mistakes.
func ParseAlgorithms(names []string) ([]Algorithm, error) {
	if names == nil {
		names = AlgorithmNames()
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no algorithm is allowed: leave the list nil for all of %q", AlgorithmNames())
	}
	var out []Algorithm
	for _, name := range names {
		a, err := ParseAlgorithm(name)
		if err != nil {
			return nil, fmt.Errorf("algorithm %q is not one of %q", name, AlgorithmNames())
		}
		if slices.Contains(out, a) {
			return nil, fmt.Errorf("algorithm %q stands twice", name)
		}
		out = append(out, a)
	}
	return out, nil
}

// AlgorithmNames returns the names of all algorithms that we verify.
func AlgorithmNames() []string {
	var names []string
	for _, a := range algorithms {
		names = append(names, a.name)
	}
	return names
}

// String returns the name, as in the alg header.
func (a Algorithm) String() string {
	if a.algorithm == nil {
		return ""
	}
	return a.name
}

// signatureFits reports whether a signature of the algorithm can have that many
// bytes, whatever the key. One that can't is malformed: no key needs to be sought.
func (a Algorithm) signatureFits(bytes int) bool {
	switch a.kind {
	case "EC":
		return bytes == 2*a.coordinate()
	case "OKP":
		return bytes == ed25519.SignatureSize
	}
	return MinRSABits/8 <= bytes && bytes <= MaxRSABits/8
}

// coordinate is the size of R and of S in bytes (RFC 7518 §3.4).
func (a *algorithm) coordinate() int { return (a.curve.Params().BitSize + 7) / 8 }

func verifyPKCS1(a *algorithm, key crypto.PublicKey, signed, signature []byte) bool {
	public, ok := key.(*rsa.PublicKey)
	return ok && rsa.VerifyPKCS1v15(public, a.hash, digest(a.hash, signed), signature) == nil
}

// verifyPSS demands a salt as long as the hash (RFC 7518 §3.5).
func verifyPSS(a *algorithm, key crypto.PublicKey, signed, signature []byte) bool {
	public, ok := key.(*rsa.PublicKey)
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	return ok && rsa.VerifyPSS(public, a.hash, digest(a.hash, signed), signature, options) == nil
}

// verifyECDSA takes R || S of exactly twice the curve's size (RFC 7518 §3.4), never
// DER, and a key on the algorithm's own curve.
func verifyECDSA(a *algorithm, key crypto.PublicKey, signed, signature []byte) bool {
	public, ok := key.(*ecdsa.PublicKey)
	size := a.coordinate()
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
	switch h {
	case crypto.SHA256: // the usual one, with one allocation
		sum := sha256.Sum256(data)
		return sum[:]
	}
	hash := h.New()
	hash.Write(data)
	return hash.Sum(nil)
}
