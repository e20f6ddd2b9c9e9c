package resourcetest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"slices"
)

// keyFaults are faults of the key in the header (RFC 9449 section 4.3, checks 6 and 7). It is
// never modified.
var keyFaults = []proofFault{
	{name: "jwk missing", draft: header("jwk", Remove)},
	{name: "jwk null", draft: header("jwk", nil)},
	{name: "jwk string", draft: func(d *draft) { header("jwk", string(d.key.jwk.encode()))(d) }},
	{name: "jwk array", draft: func(d *draft) { header("jwk", Raw("["+d.key.jwk.encode()+"]"))(d) }},
	{name: "jwk set", draft: func(d *draft) { header("jwk", Raw(`{"keys":[`+d.key.jwk.encode()+`]}`))(d) }},
	{name: "jwk empty", draft: header("jwk", object{})},
	{name: "jwk twice", draft: func(d *draft) { d.header = twice(d.header, "jwk") }},
	{name: "jwk of another key, then the right one", draft: func(d *draft) {
		header("jwk", duplicate("jwk", publicJWK(d.key.another().Public()), d.key.jwk))(d)
	}},
	{name: "jwk with kty twice", draft: changedJWK(func(jwk object) object { return twice(jwk, "kty") })},
	{name: "jwk with x of another key, then the right one", alg: anyECDSA, draft: func(d *draft) {
		other, _ := publicJWK(d.key.another().Public()).get("x")
		x, _ := d.key.jwk.get("x")
		header("jwk", d.key.jwk.with(map[string]any{"x": duplicate("x", other, x)}))(d)
	}},
	{name: "jwk without kty", draft: changedJWK(func(jwk object) object { return jwk.with(map[string]any{"kty": Remove}) })},
	{name: "jwk with another kty", draft: changedJWK(func(jwk object) object { return jwk.with(map[string]any{"kty": "AKP"}) })},
	{name: "jwk with kty in lower case", alg: anyECDSA, draft: changedJWK(func(jwk object) object { return jwk.with(map[string]any{"kty": "ec"}) })},
	{name: "jwk with KTY for kty", draft: changedJWK(func(jwk object) object { return renamed(jwk, "kty", "KTY") })},
	{name: "jwk without crv", alg: anyECDSA, draft: changedJWK(func(jwk object) object { return jwk.with(map[string]any{"crv": Remove}) })},
	{name: "jwk with an unknown crv", alg: anyECDSA, draft: changedJWK(func(jwk object) object { return jwk.with(map[string]any{"crv": "P-192"}) })},
	{name: "jwk without y", alg: anyECDSA, draft: changedJWK(func(jwk object) object { return jwk.with(map[string]any{"y": Remove}) })},
	{name: "jwk with x number", alg: anyECDSA, draft: changedJWK(func(jwk object) object { return jwk.with(map[string]any{"x": 1}) })},
	{name: "jwk with x padded", alg: "ES256", draft: changedJWK(func(jwk object) object {
		x, _ := jwk.get("x")
		return jwk.with(map[string]any{"x": x.(string) + "="})
	})},
	{name: "jwk with a leading zero in x", alg: anyECDSA, draft: changedJWK(func(jwk object) object { // RFC 7518 section 6.2.1.2
		return withBytes(jwk, "x", func(x []byte) []byte { return append([]byte{0}, x...) })
	})},
	{name: "jwk with the first byte of y at the end of x", alg: anyECDSA, draft: changedJWK(func(jwk object) object {
		var first byte
		jwk = withBytes(jwk, "y", func(y []byte) []byte { first = y[0]; return y[1:] })
		return withBytes(jwk, "x", func(x []byte) []byte { return append(x, first) })
	})},
	{name: "jwk off the curve", alg: anyECDSA, key: forgedJWK(func(jwk object) object {
		return withBytes(jwk, "y", func(y []byte) []byte { y[len(y)-1] ^= 1; return y })
	})},
	{name: "jwk at infinity", alg: anyECDSA, key: forgedJWK(func(jwk object) object {
		zero := func(b []byte) []byte { clear(b); return b }
		return withBytes(withBytes(jwk, "x", zero), "y", zero)
	})},
	{name: "jwk with a coordinate above the prime", alg: anyECDSA, key: forgedJWK(func(jwk object) object {
		return withBytes(jwk, "x", func(x []byte) []byte { return slices.Repeat([]byte{0xff}, len(x)) })
	})},
	{name: "jwk of small order", alg: "EdDSA", key: smallOrder},
	{name: "jwk of 31 bytes", alg: "EdDSA", key: forgedJWK(func(jwk object) object {
		return withBytes(jwk, "x", func(x []byte) []byte { return x[:31] })
	})},
	{name: "jwk of X25519", alg: "EdDSA", key: forgedJWK(func(jwk object) object { return jwk.with(map[string]any{"crv": "X25519"}) })},
	{name: "jwk of RSA with 1,024 bits", alg: "RS256", key: weakRSA},
	{name: "jwk of RSA with 16,384 bits", alg: "RS256", key: hugeRSA},
	{name: "jwk of RSA with exponent 1", alg: "RS256", key: exponentOne},
	{name: "jwk of RSA with an even exponent", alg: "RS256", key: forgedJWK(func(jwk object) object { return jwk.with(map[string]any{"e": "AQAA"}) })},
	{name: "jwk of RSA without exponent", alg: "RS256", draft: changedJWK(func(jwk object) object { return jwk.with(map[string]any{"e": Remove}) })},

	{name: "jwk with the private EC key", alg: anyECDSA, draft: privateJWK},
	{name: "jwk with the private Ed25519 key", alg: "EdDSA", draft: privateJWK},
	{name: "jwk with the private RSA key", alg: "RS256", draft: privateJWK},
	{name: "jwk symmetric", key: func(*ProofKey) forgedKey {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		return forgedKey{object{{"kty", "oct"}, {"k", base64url(0, secret)}}, "HS256", hs256(secret)}
	}},
	{name: "jwk symmetric with the alg of another", key: func(k *ProofKey) forgedKey {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		return forgedKey{object{{"kty", "oct"}, {"k", base64url(0, secret)}}, k.alg, hs256(secret)}
	}},
	{name: "jwk with the member k", draft: changedJWK(func(jwk object) object {
		return jwk.with(map[string]any{"k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"})
	})},
}

// changedJWK changes the text of the key in a proof. Its thumbprint is that of the unchanged key.
func changedJWK(change func(object) object) func(*draft) {
	return func(d *draft) { header("jwk", change(d.key.jwk))(d) }
}

// forgedJWK replaces the key by one with another thumbprint, and signs with the original one.
func forgedJWK(change func(object) object) func(*ProofKey) forgedKey {
	return func(k *ProofKey) forgedKey { return forgedKey{jwk: change(k.jwk)} }
}

// withBytes changes a binary member of a key.
func withBytes(jwk object, name string, change func([]byte) []byte) object {
	value, _ := jwk.get(name)
	content, err := base64.RawURLEncoding.DecodeString(value.(string))
	must(err)
	return jwk.with(map[string]any{name: base64url(0, change(content))})
}

func privateJWK(d *draft) {
	var secret []byte
	switch k := d.key.signer.(type) {
	case *ecdsa.PrivateKey:
		var err error
		secret, err = k.Bytes()
		must(err)
	case ed25519.PrivateKey:
		secret = k.Seed()
	case *rsa.PrivateKey:
		secret = k.D.Bytes()
	}
	header("jwk", d.key.jwk.with(map[string]any{"d": base64url(0, secret)}))(d)
}

// smallOrder returns the neutral element of Ed25519. A signature of the neutral element and zero
// is valid for every message, also in crypto/ed25519.
func smallOrder(*ProofKey) forgedKey {
	neutral := make([]byte, ed25519.PublicKeySize)
	neutral[0] = 1
	signature := append(slices.Clone(neutral), make([]byte, 32)...)
	return forgedKey{
		jwk:  publicJWK(ed25519.PublicKey(neutral)),
		sign: func([]byte) []byte { return signature },
	}
}

// weakRSA returns a key of 1,024 bits with valid signatures.
func weakRSA(*ProofKey) forgedKey {
	key := standIn("another", "weak RSA")
	return forgedKey{jwk: publicJWK(key.Public()), sign: func(input []byte) (signature []byte) {
		fips140.WithoutEnforcement(func() { signature = algorithms["RS256"].jws(key, input) })
		return signature
	}}
}

// generateWeakRSA makes the shortest key that crypto/rsa makes.
func generateWeakRSA() (key *rsa.PrivateKey) {
	fips140.WithoutEnforcement(func() { // it forbids short keys
		var err error
		key, err = rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // the key is weak on purpose
		must(err)
	})
	return key
}

// hugeRSA returns a random modulus of 16,384 bits, whose verification takes long, and random
// signatures.
func hugeRSA(*ProofKey) forgedKey {
	modulus := make([]byte, 16384/8)
	_, _ = rand.Read(modulus) // never fails
	modulus[0] |= 0x80
	modulus[len(modulus)-1] |= 1
	return forgedKey{
		jwk: object{{"kty", "RSA"}, {"n", base64url(0, modulus)}, {"e", "AQAB"}},
		sign: func([]byte) []byte {
			signature := make([]byte, len(modulus))
			_, _ = rand.Read(signature[1:]) // never fails; the first byte makes it less than the modulus
			return signature
		},
	}
}

// exponentOne returns a key for which the signature is the padded hash itself, so that anyone can
// sign (RFC 8017 section 9.2).
func exponentOne(k *ProofKey) forgedKey {
	size := k.signer.Public().(*rsa.PublicKey).Size()
	return forgedKey{jwk: k.jwk.with(map[string]any{"e": "AQ"}), sign: func(input []byte) []byte {
		sum := sha256.Sum256(input)
		info := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
		info = append(info, sum[:]...)
		padding := slices.Repeat([]byte{0xff}, size-len(info)-3)
		return slices.Concat([]byte{0, 1}, padding, []byte{0}, info)
	}}
}
