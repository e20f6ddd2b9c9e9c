package resourcetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// publicKeyOf reads a public key of the kinds in algorithms. It rejects private and symmetric keys
// and keys that are too weak to identify a client.
func publicKeyOf(jwk jsontext.Value) (crypto.PublicKey, bool) {
	m, ok := readMembers(jwk, "kty", "crv", "x", "y", "n", "e")
	if !ok {
		return nil, false
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} { // RFC 7518 sections 6.2.2, 6.3.2, 6.4
		if m.has(name) {
			return nil, false
		}
	}
	switch m.text("kty") {
	case "RSA":
		return rsaKey(m.binary("n"), m.binary("e"))
	case "EC":
		return ecKey(m.text("crv"), m.binary("x"), m.binary("y"))
	case "OKP":
		x := m.binary("x")
		return ed25519.PublicKey(x), m.text("crv") == "Ed25519" && len(x) == ed25519.PublicKeySize && !hasSmallOrder(x)
	}
	return nil, false
}

func rsaKey(n, e []byte) (crypto.PublicKey, bool) {
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	odd := modulus.Bit(0) == 1 && exponent.Bit(0) == 1
	if bits := modulus.BitLen(); bits < 2048 || bits > 8192 || !odd || exponent.BitLen() < 2 || exponent.BitLen() > 31 {
		return nil, false
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, true
}

// ecKey rejects points that are not on the curve and coordinates of another length (RFC 7518
// section 6.2.1).
func ecKey(crv string, x, y []byte) (crypto.PublicKey, bool) {
	curve := curves[crv]
	if curve == nil {
		return nil, false
	}
	size := (curve.Params().BitSize + 7) / 8
	key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	return key, err == nil && len(x) == size && len(y) == size
}

// hasSmallOrder reports whether an Ed25519 key is one of the points whose order divides 8, in any
// encoding. Signatures for them can be made without a private key.
func hasSmallOrder(x []byte) bool {
	y := slices.Clone(x)
	y[31] &= 0x7f // the sign of the other coordinate
	return slices.Contains(smallOrderY, string(y))
}

// smallOrderY is the second coordinate of these points, in little endian. It is never modified.
var smallOrderY = []string{
	"\x00" + strings.Repeat("\x00", 31),
	"\x01" + strings.Repeat("\x00", 31),
	"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
	"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
	"\xec" + strings.Repeat("\xff", 30) + "\x7f", // -1
	"\xed" + strings.Repeat("\xff", 30) + "\x7f", // 0, not reduced
	"\xee" + strings.Repeat("\xff", 30) + "\x7f", // 1, not reduced
}
