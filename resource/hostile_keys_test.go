package resource_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/warder-go/warder/resource/resourcetest"
)

var b64 = base64.RawURLEncoding.EncodeToString

// forge writes a valid header, valid claims and further claims. sign returns the signature of
// the text before it.
func (f *fixture) forge(alg, kid string, sign func(input []byte) []byte, claims ...string) string {
	header := fmt.Sprintf(`{"alg":%q,"typ":"at+jwt","kid":%q}`, alg, kid)
	input := b64([]byte(header)) + "." + b64([]byte(f.validPayload()+`,"n":"`+rand.Text()+`"`+strings.Join(claims, "")+"}"))
	return input + "." + b64(sign([]byte(input)))
}

func signWith(signer crypto.Signer, opts crypto.SignerOpts) func([]byte) []byte {
	return func(input []byte) []byte {
		if opts.HashFunc() != 0 {
			hash := opts.HashFunc().New()
			hash.Write(input)
			input = hash.Sum(nil)
		}
		var signature []byte
		var err error
		fips140.WithoutEnforcement(func() { signature, err = signer.Sign(rand.Reader, input, opts) })
		if err != nil {
			panic(err)
		}
		return signature
	}
}

// rawECDSA returns a function that signs as in RFC 7518 §3.4, with R and S of size bytes each.
// change, if not nil, modifies R and S.
func rawECDSA(key *ecdsa.PrivateKey, hash crypto.Hash, size int, change func(r, s *big.Int)) func([]byte) []byte {
	return func(input []byte) []byte {
		digest := hash.New()
		digest.Write(input)
		r, s, err := ecdsa.Sign(rand.Reader, key, digest.Sum(nil))
		if err != nil {
			panic(err)
		}
		if change != nil {
			change(r, s)
		}
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	}
}

// rawRSA is an RSA key of any size and form. Its modulus is the product of many small primes,
// which are found quickly. It signs a block as it is, without adding padding.
type rawRSA struct {
	n, e   *big.Int
	primes []*big.Int
}

// newRawRSA makes a modulus of exactly bits bits. prime returns a prime of a size; nil uses
// random primes.
func newRawRSA(bits int, e int64, prime func(bits int) *big.Int) rawRSA {
	k := rawRSA{n: big.NewInt(1), e: big.NewInt(e)}
	bigOne := big.NewInt(1)
	next := func(bits int) *big.Int {
		for {
			var p *big.Int
			var err error
			fips140.WithoutEnforcement(func() { p, err = rand.Prime(rand.Reader, bits) })
			if err != nil {
				panic(err)
			}
			if prime != nil {
				p = prime(bits)
			}
			if new(big.Int).GCD(nil, nil, k.e, new(big.Int).Sub(p, bigOne)).Cmp(bigOne) == 0 {
				return p
			}
		}
	}
	for bits-k.n.BitLen() > 300 {
		p := next(128)
		k.primes, k.n = append(k.primes, p), k.n.Mul(k.n, p)
	}
	for try := 0; ; try++ {
		if p := next(bits - k.n.BitLen() + try%2); new(big.Int).Mul(k.n, p).BitLen() == bits {
			k.primes, k.n = append(k.primes, p), k.n.Mul(k.n, p)
			return k
		}
	}
}

func (k rawRSA) size() int { return (k.n.BitLen() + 7) / 8 }

// raw raises block to the power of the private exponent (RFC 8017 §5.2.1), using the CRT.
func (k rawRSA) raw(block []byte) []byte {
	m, out, bigOne := new(big.Int).SetBytes(block), new(big.Int), big.NewInt(1)
	for _, p := range k.primes {
		d := new(big.Int).ModInverse(k.e, new(big.Int).Sub(p, bigOne))
		rest := new(big.Int).Div(k.n, p)
		part := new(big.Int).Exp(new(big.Int).Mod(m, p), d, p)
		part.Mul(part, new(big.Int).ModInverse(rest, p))
		out.Add(out, part.Mul(part.Mod(part, p), rest))
	}
	return out.Mod(out, k.n).FillBytes(make([]byte, k.size()))
}

var sha256Info = []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

// pkcs1 returns the EMSA-PKCS1-v1_5 encoding with SHA-256 (RFC 8017 §9.2).
func pkcs1(size int, input []byte) []byte {
	digest := sha256.Sum256(input)
	tail := append(append([]byte{0}, sha256Info...), digest[:]...)
	return append([]byte{0, 1}, append([]byte(strings.Repeat("\xff", size-2-len(tail))), tail...)...)
}

func (k rawRSA) sign(input []byte) []byte { return k.raw(pkcs1(k.size(), input)) }

func (k rawRSA) jwk() resourcetest.Raw {
	return resourcetest.Raw(fmt.Sprintf(`{"kty":"RSA","kid":"x","n":%q,"e":%q}`, b64(k.n.Bytes()), b64(k.e.Bytes())))
}

// withKeys returns a fixture whose issuer publishes its own key and the given ones. The keys
// are loaded.
func (h *hostile) withKeys(keys ...resourcetest.Raw) *fixture {
	h.Helper()
	f := newFixture(h.T, withTokenHeader(h, nil))
	kid := f.issuer.SigningKeyID("ES256")
	set := resourcetest.JWK(f.issuer.PublicKey(kid), map[string]any{"kid": kid})
	for _, key := range keys {
		set += "," + key
	}
	f.issuer.SetJWKS([]byte(`{"keys":[` + set + `]}`))
	return withLoadedKeys(f)
}

var skippedSeries = regexp.MustCompile(`(?m)^warder_keyset_skipped_keys\{.*\} (\d+)$`)

func (f *fixture) skippedKeys() string {
	found := skippedSeries.FindStringSubmatch(f.metrics())
	if found == nil {
		return "no series"
	}
	return found[1]
}

// keyResult is the effect of a key in the set: the answers to a token that it signed and to one
// that another key of the set signed, and the number of keys that were skipped.
type keyResult struct {
	signed, other answer
	skippedKeys   string
}

// hostileKeys covers the keys in section 3 of the list: an invalid key in the issuer's set is
// skipped, and the other keys stay usable.
func hostileKeys(h *hostile) {
	zeros := func(size int) func([]byte) []byte {
		return func([]byte) []byte { return make([]byte, size) }
	}
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	ordinary := newRawRSA(2048, 65537, nil)
	exponent := func(e int64) rawRSA { return rawRSA{n: ordinary.n, e: big.NewInt(e)} }
	messageAsSignature := func(input []byte) []byte { return pkcs1(ordinary.size(), input) } // a valid signature for e = 1
	small, short := newRawRSA(1024, 65537, nil), newRawRSA(512, 65537, nil)
	even := rawRSA{n: new(big.Int).Lsh(ordinary.n, 1), e: ordinary.e}
	large, larger, huge := newRawRSA(8192, 65537, nil), newRawRSA(8193, 65537, nil), newRawRSA(16384, 65537, nil)
	roca := newRawRSA(2048, 65537, rocaPrime)
	point := func(curve string, x, y []byte) resourcetest.Raw {
		return resourcetest.Raw(fmt.Sprintf(`{"kty":"EC","kid":"x","crv":%q,"x":%q,"y":%q}`, curve, b64(x), b64(y)))
	}
	okp := func(curve string, x []byte) resourcetest.Raw {
		return resourcetest.Raw(fmt.Sprintf(`{"kty":"OKP","kid":"x","crv":%q,"x":%q}`, curve, b64(x)))
	}
	p256JWK := func(members map[string]any) resourcetest.Raw { return resourcetest.JWK(p256.Public(), members) }
	named := func(name string, json string) resourcetest.Raw {
		return p256JWK(map[string]any{"kid": "x", name: resourcetest.Raw(json)})
	}
	byP256 := rawECDSA(p256, crypto.SHA256, 32, nil)
	secret := []byte("0123456789abcdef0123456789abcdef")

	for _, row := range []struct {
		name   string
		key    resourcetest.Raw
		alg    string
		sign   func([]byte) []byte
		usable bool
	}{
		{"106 RSA of 2048 bits", ordinary.jwk(), "RS256", ordinary.sign, true},
		{"106 RSA of 2047 bits (RFC 7518 §3.3)", newRawRSA(2047, 65537, nil).jwk(), "RS256", zeros(256), false},
		{"106 RSA of 1024 bits", small.jwk(), "RS256", small.sign, false},
		{"106 RSA of 1024 bits, signature padded to 256 bytes", small.jwk(), "RS256", func(in []byte) []byte { return append(make([]byte, 128), small.sign(in)...) }, false},
		{"106 RSA of 512 bits", short.jwk(), "RS256", short.sign, false},
		{"107 RSA with e = 1", exponent(1).jwk(), "RS256", messageAsSignature, false},
		{"107 RSA with e = 0", resourcetest.Raw(fmt.Sprintf(`{"kty":"RSA","kid":"x","n":%q,"e":"AA"}`, b64(ordinary.n.Bytes()))), "RS256", messageAsSignature, false},
		{"107 RSA with e = 2", exponent(2).jwk(), "RS256", messageAsSignature, false},
		{"107 RSA with e = 65538, which is even", exponent(65538).jwk(), "RS256", ordinary.sign, false},
		{"107 RSA with e above 31 bits", exponent(1<<31 + 1).jwk(), "RS256", ordinary.sign, false},
		{"107 RSA with e = 2^32 + 1, which is 1 in 32 bits", exponent(1<<32 + 1).jwk(), "RS256", messageAsSignature, false},
		{"107 RSA with an even modulus", even.jwk(), "RS256", zeros(257), false},
		{"107 RSA with a modulus as in CVE-2017-15361", roca.jwk(), "RS256", roca.sign, false},
		{"107 RSA without n", `{"kty":"RSA","kid":"x","e":"AQAB"}`, "RS256", zeros(256), false},
		{"108 RSA of 16,384 bits", huge.jwk(), "RS256", huge.sign, false},
		{"own 100 RSA of 8,192 bits", large.jwk(), "RS256", large.sign, true},
		{"own 100 RSA of 8,193 bits", larger.jwk(), "RS256", larger.sign, false},
		{"109 EC point that is not on its curve", point("P-256", p256.X.FillBytes(make([]byte, 32)), p256.X.FillBytes(make([]byte, 32))), "ES256", byP256, false},
		{"109 EC point at infinity", point("P-256", make([]byte, 32), make([]byte, 32)), "ES256", zeros(64), false},
		{"109 EC coordinates above the field size", point("P-256", []byte(strings.Repeat("\xff", 32)), []byte(strings.Repeat("\xff", 32))), "ES256", zeros(64), false},
		{"109 EC x without its leading zero (RFC 7518 §6.2.1.2)", point("P-256", p256.X.FillBytes(make([]byte, 32))[1:], p256.Y.FillBytes(make([]byte, 32))), "ES256", byP256, false},
		{"109 EC point of P-256 labeled P-384", point("P-384", p256.X.FillBytes(make([]byte, 48)), p256.Y.FillBytes(make([]byte, 48))), "ES384", rawECDSA(p256, crypto.SHA384, 48, nil), false},
		{"99 secp256k1", point("secp256k1", p256.X.FillBytes(make([]byte, 32)), p256.Y.FillBytes(make([]byte, 32))), "ES256", byP256, false},
		{"100 Ed25519 key", okp("Ed25519", public), "EdDSA", signWith(private, crypto.Hash(0)), true},
		{"100 Ed448 key", okp("Ed448", make([]byte, 57)), "EdDSA", zeros(114), false},
		{"102 X25519 instead of Ed25519", okp("X25519", public), "EdDSA", signWith(private, crypto.Hash(0)), false},
		{"92 symmetric key", resourcetest.Raw(`{"kty":"oct","kid":"x","alg":"HS256","k":"` + b64(secret) + `"}`), "HS256", hmacWith(secret), false},
		{"92 symmetric key with ES256", resourcetest.Raw(`{"kty":"oct","kid":"x","k":"` + b64(secret) + `"}`), "ES256", zeros(64), false},
		{"112 AKP key (ML-DSA)", `{"kty":"AKP","kid":"x","alg":"ML-DSA-44","pub":"AAAA"}`, "ML-DSA-44", zeros(2420), false},
		{"127 key for encryption", named("use", `"enc"`), "ES256", byP256, false},
		{"127 key for signatures", named("use", `"sig"`), "ES256", byP256, true},
		{"127 key_ops encrypt", named("key_ops", `["encrypt"]`), "ES256", byP256, false},
		{"127 key_ops sign", named("key_ops", `["sign"]`), "ES256", byP256, false},
		{"127 key_ops verify", named("key_ops", `["verify"]`), "ES256", byP256, true},
		{"127 key_ops empty", named("key_ops", `[]`), "ES256", byP256, false},
		{"127 key_ops is a string", named("key_ops", `"verify"`), "ES256", byP256, false},
		{"127 alg for another curve", named("alg", `"ES384"`), "ES256", byP256, false},
		{"127 alg for another key type", named("alg", `"RS256"`), "ES256", byP256, false},
		{"127 alg for encryption", named("alg", `"ECDH-ES"`), "ES256", byP256, false},
		{"127 alg is none", named("alg", `"none"`), "ES256", byP256, false},
	} {
		f := h.withKeys(row.key)
		want := keyResult{signed: invalid, other: accepted, skippedKeys: "1"}
		if row.usable {
			want.signed, want.skippedKeys = accepted, "0"
		}
		switch row.name { // keys for other purposes are not faults of the document
		case "127 key for encryption", "127 key_ops encrypt", "127 key_ops sign", "127 key_ops empty", "127 alg for encryption", "102 X25519 instead of Ed25519":
			want.skippedKeys = "0"
		}
		got := keyResult{f.bearer(f.forge(row.alg, "x", row.sign)), f.bearer(f.token(resourcetest.Token{})), f.skippedKeys()}
		h.expect(row.name, got, want)
	}
	hostileSmallOrder(h)
}

// rocaPrime returns a prime as the generator of CVE-2017-15361 makes them: modulo every small
// prime it is a power of 65537.
func rocaPrime(bits int) *big.Int {
	product := big.NewInt(2)
	for _, p := range []int64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157} {
		product.Mul(product, big.NewInt(p))
	}
	for {
		a, _ := rand.Int(rand.Reader, product)
		k, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits-product.BitLen()-1)))
		k.SetBit(k, bits-product.BitLen(), 1)
		p := new(big.Int).Exp(big.NewInt(65537), a, product)
		if p.Add(p, k.Mul(k, product)); p.Bit(0) == 1 && p.ProbablyPrime(10) {
			return p
		}
	}
}

// hostileSmallOrder publishes Ed25519 keys of small order (RFC 8032 §5.1.7 with the cofactor
// ignored; RFC 7748 §6.1 on all-zero values). Anyone can sign with them: the group that such a
// key generates has one to eight elements, so R = 1, S = 0 is a signature of every message, or
// of one in a few. A key of zeros has order four.
func hostileSmallOrder(h *hostile) {
	signature := make([]byte, ed25519.SignatureSize)
	signature[0] = 1 // the identity
	point := func(first, middle, last byte) []byte {
		p := bytes.Repeat([]byte{middle}, 32)
		p[0], p[31] = first, last
		return p
	}
	for name, key := range map[string][]byte{
		"101 Ed25519 key that is the identity":            point(1, 0, 0),
		"101 Ed25519 key of order two":                    point(0xec, 0xff, 0x7f),
		"101 Ed25519 key of zero bytes, order four":       point(0, 0, 0),
		"101 Ed25519 key of zero bytes with the sign bit": point(0, 0, 0x80),
	} {
		f := h.withKeys(resourcetest.Raw(`{"kty":"OKP","kid":"x","crv":"Ed25519","x":"` + b64(key) + `"}`))
		token := f.forge("EdDSA", "x", func([]byte) []byte { return signature })
		for range 64 { // until S = 0 is a valid signature of the message
			if input, _, _ := cutLast(token); ed25519.Verify(key, []byte(input), signature) {
				break
			}
			token = f.forge("EdDSA", "x", func([]byte) []byte { return signature })
		}
		got := keyResult{f.bearer(token), f.bearer(f.token(resourcetest.Token{})), f.skippedKeys()}
		h.expect(name, got, keyResult{invalid, accepted, "1"})
	}
}

func cutLast(token string) (input, signature string, ok bool) {
	at := strings.LastIndexByte(token, '.')
	return token[:max(at, 0)], token[at+1:], at >= 0
}
