package jose_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"sync"
	"testing"

	"github.com/warder-go/warder/internal/jose"
)

var b64 = base64.RawURLEncoding.EncodeToString

func unb64(s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// Keys that sign are constant, so that inputs found by a fuzzer remain valid.

// rsaKey is the example of RFC 7520 §3.4.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	number := func(s string) *big.Int { return new(big.Int).SetBytes(unb64(s)) }
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{E: 65537, N: number("n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw")},
		D:         number("bWUC9B-EFRIo8kpGfh0ZuyGPvMNKvYWNtB_ikiH9k20eT-O1q_I78eiZkpXxXQ0UTEs2LsNRS-8uJbvQ-A1irkwMSMkK1J3XTGgdrhCku9gRldY7sNA_AKZGh-Q661_42rINLRCe8W-nZ34ui_qOfkLnK9QWDDqpaIsA-bMwWWSDFu2MUBYwkHTMEzLYGqOe04noqeq1hExBTHBOBdkMXiuFhUq1BU6l-DqEiWxqg82sXt2h-LMnT3046AOYJoRioz75tSUQfGCshWTBnP5uDjd18kKhyv07lhfSJdrPdM5Plyl21hsFf4L_mHCuoFau7gdsPfHPxxjVOcOpBrQzwQ"),
		Primes: []*big.Int{
			number("3Slxg_DwTXJcb6095RoXygQCAZ5RnAvZlno1yhHtnUex_fp7AZ_9nRaO7HX_-SFfGQeutao2TDjDAWU4Vupk8rw9JR0AzZ0N2fvuIAmr_WCsmGpeNqQnev1T7IyEsnh8UMt-n5CafhkikzhEsrmndH6LxOrvRJlsPp6Zv8bUq0k"),
			number("uKE2dh-cTf6ERF4k4e_jy78GfPYUIaUyoSSJuBzp3Cubk3OCqs6grT8bR_cu0Dm1MZwWmtdqDyI95HrUeq3MP15vMMON8lHTeZu2lmKvwqW7anV5UzhM1iZ7z4yMkuUwFWoBvyY898EXvRD-hdqRxHlSqAZ192zB3pVFJ0s7pFc"),
		},
	}
	if err := key.Validate(); err != nil {
		panic(err)
	}
	key.Precompute()
	return key
})

// ecKey returns the key whose scalar repeats the byte fill. Its first byte is zero, so that it is
// below the order of the curve.
func ecKey(curve elliptic.Curve, fill byte) *ecdsa.PrivateKey {
	scalar := bytes.Repeat([]byte{fill}, (curve.Params().BitSize+7)/8)
	scalar[0] = 0
	key, err := ecdsa.ParseRawPrivateKey(curve, scalar)
	if err != nil {
		panic(err)
	}
	return key
}

// edKey is the example of RFC 8037 §A.1.
var edKey = ed25519.NewKeyFromSeed(unb64("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))

// otherRSAKey never signs in tests, so it need not be constant.
var otherRSAKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// family is a type of key that some algorithms share, with two keys.
type family struct {
	name          string
	key, otherKey func() crypto.Signer
}

var families = []family{
	{"RSA", func() crypto.Signer { return rsaKey() }, func() crypto.Signer { return otherRSAKey() }},
	{"P-256", func() crypto.Signer { return ecKey(elliptic.P256(), 1) }, func() crypto.Signer { return ecKey(elliptic.P256(), 2) }},
	{"P-384", func() crypto.Signer { return ecKey(elliptic.P384(), 1) }, func() crypto.Signer { return ecKey(elliptic.P384(), 2) }},
	{"P-521", func() crypto.Signer { return ecKey(elliptic.P521(), 1) }, func() crypto.Signer { return ecKey(elliptic.P521(), 2) }},
	{"Ed25519", func() crypto.Signer { return edKey }, func() crypto.Signer { return ed25519.NewKeyFromSeed(make([]byte, 32)) }},
}

func familyOf(alg string) family {
	of := map[string]int{"ES256": 1, "ES384": 2, "ES512": 3, "EdDSA": 4, "Ed25519": 4}
	return families[of[alg]] // RSA for the other algorithms
}

// hashOf returns the hash at the end of an algorithm's name (RFC 7518 §3.1), or 0 for Ed25519.
func hashOf(alg string) crypto.Hash {
	return map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[len(alg)-3:]]
}

// signature signs input by RFC 7518 §3 or RFC 8037 §3.1 with the standard library. salt is the
// length of the PSS salt; 0 means the length of the hash.
func signature(alg string, key crypto.Signer, input string, salt int) []byte {
	digest, options := []byte(input), crypto.SignerOpts(crypto.Hash(0))
	if hash := hashOf(alg); hash != 0 {
		h := hash.New()
		h.Write([]byte(input))
		digest, options = h.Sum(nil), hash
		if alg[0] == 'P' {
			if salt == 0 {
				salt = rsa.PSSSaltLengthEqualsHash
			}
			options = &rsa.PSSOptions{SaltLength: salt, Hash: hash}
		}
	}
	var signed []byte
	var err error
	fips140.WithoutEnforcement(func() { // attackers are not restricted to approved algorithms
		signed, err = key.Sign(rand.Reader, digest, options)
	})
	if err != nil {
		panic(err)
	}
	if public, ok := key.Public().(*ecdsa.PublicKey); ok {
		return fixedSize(signed, (public.Curve.Params().BitSize+7)/8)
	}
	return signed
}

// fixedSize converts DER to R || S (RFC 7518 §3.4).
func fixedSize(der []byte, size int) []byte {
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		panic(err)
	}
	return append(rs.R.FillBytes(make([]byte, size)), rs.S.FillBytes(make([]byte, size))...)
}

// sign returns a token with the given JOSE header, signed with alg, which may differ from the
// header's.
func sign(alg string, key crypto.Signer, header, payload string) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	return input + "." + b64(signature(alg, key, input, 0))
}

// token returns a valid token, signed with the key of the family.
func token(alg string) string {
	return sign(alg, familyOf(alg).key(), `{"alg":"`+alg+`"}`, `{"sub":"alice"}`)
}

// jwk returns a public key as JWK. more contains further members, each with a leading comma.
func jwk(public crypto.PublicKey, more string) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf(`{"kty":"RSA","n":"%s","e":"%s"%s}`, b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes()), more)
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4, x, y
		if err != nil {
			panic(err)
		}
		size := len(point) / 2
		return fmt.Sprintf(`{"kty":"EC","crv":"%s","x":"%s","y":"%s"%s}`, k.Curve.Params().Name, b64(point[1:1+size]), b64(point[1+size:]), more)
	}
	return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":"%s"%s}`, b64(public.(ed25519.PublicKey)), more)
}

func mustParse(t testing.TB, raw string) *jose.Token {
	t.Helper()
	token, err := jose.Parse(raw)
	if err != nil {
		t.Fatalf("%v\nin %s", err, raw)
	}
	return token
}

func mustKey(t testing.TB, document string) *jose.Key {
	t.Helper()
	key, err := jose.ParseKey([]byte(document))
	if err != nil {
		t.Fatalf("%v\nin %s", err, document)
	}
	return key
}
