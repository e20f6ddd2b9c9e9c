package resource_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func hmacWith(secret []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(input)
		return mac.Sum(nil)
	}
}

// hostileAlgorithm covers section 3 of the list: algorithms and signatures of tokens.
func hostileAlgorithm(h *hostile) {
	f := h.fixtureWith([]string{"ES256", "RS256", "PS256", "EdDSA"}, nil)
	es, rs, ps := f.issuer.SigningKeyID("ES256"), f.issuer.SigningKeyID("RS256"), f.issuer.SigningKeyID("PS256")
	ed := f.issuer.SigningKeyID("EdDSA")
	unsigned := func(alg string) string {
		return f.forge(alg, es, func([]byte) []byte { return nil })
	}
	mislabeled := func(signedWith, alg string) string {
		return f.token(resourcetest.Token{Alg: signedWith, Header: map[string]any{"alg": alg}})
	}
	zeroSignature := func(alg, kid string, size int) string {
		return f.forge(alg, kid, func([]byte) []byte { return make([]byte, size) })
	}
	rows := []tokenRow{
		{"86 none (RFC 8725 §3.2)", unsigned("none"), invalid, reasonAlgorithm},
		{"86 None", unsigned("None"), invalid, reasonAlgorithm},
		{"86 NONE", unsigned("NONE"), invalid, reasonAlgorithm},
		{"86 nOnE", unsigned("nOnE"), invalid, reasonAlgorithm},
		{"86 alg none with a trailing space", unsigned("none "), invalid, reasonAlgorithm},
		{"86 alg none with a trailing NUL", unsigned("none\x00"), invalid, reasonMalformed}, // %q writes \x00, which is not valid JSON
		{"86 alg ES256 without a signature", unsigned("ES256"), invalid, reasonMalformed},
		{"87 alg none with a valid signature", f.param("alg", `"none"`), invalid, reasonAlgorithm},
		{"88 alg missing", f.param("alg", ""), invalid, reasonAlgorithm},
		{"88 alg null", f.param("alg", "null"), invalid, reasonMalformed},
		{"88 alg is a number", f.param("alg", "256"), invalid, reasonMalformed},
		{"88 alg is an array", f.param("alg", `["ES256"]`), invalid, reasonMalformed},
		{"88 alg is an empty string", f.param("alg", `""`), invalid, reasonAlgorithm},
		{"90 HS256 with an empty secret", f.token(resourcetest.Token{Alg: "HS256", Secret: []byte{}}), invalid, reasonAlgorithm},
		{"90 HS256 with a single space as the secret", f.token(resourcetest.Token{Alg: "HS256", Secret: []byte(" ")}), invalid, reasonAlgorithm},
		{"90 HS256 with a secret of zero bytes", f.token(resourcetest.Token{Alg: "HS256", Secret: make([]byte, 32)}), invalid, reasonAlgorithm},
		{"91 HS384", f.token(resourcetest.Token{Alg: "HS384", Secret: []byte("secret")}), invalid, reasonAlgorithm},
		{"91 HS512", f.token(resourcetest.Token{Alg: "HS512", Secret: []byte("secret")}), invalid, reasonAlgorithm},
		{"93 RS256 signature labeled PS256", mislabeled("RS256", "PS256"), invalid, reasonAlgorithm},
		{"93 PS256 signature labeled RS256", mislabeled("PS256", "RS256"), invalid, reasonAlgorithm},
		{"94 RS384 with a key for RS256", f.token(resourcetest.Token{Key: rs, Alg: "RS384"}), invalid, reasonAlgorithm},
		{"94 RS512 with a key for RS256", f.token(resourcetest.Token{Key: rs, Alg: "RS512"}), invalid, reasonAlgorithm},
		{"94 PS256 with a key for RS256", f.token(resourcetest.Token{Key: rs, Alg: "PS256"}), invalid, reasonAlgorithm},
		{"94 RS256 with a key for PS256", f.token(resourcetest.Token{Key: ps, Alg: "RS256"}), invalid, reasonAlgorithm},
		{"96 ECDSA signature of zero bytes (CVE-2022-21449)", f.token(resourcetest.Token{Fault: resourcetest.ZeroSignature}), invalid, reasonSignature},
		{"97 ECDSA signature in DER", f.token(resourcetest.Token{Fault: resourcetest.ECDSAAsDER}), invalid, reasonMalformed},
		{"99 ES256K", zeroSignature("ES256K", es, 64), invalid, reasonAlgorithm},
		{"100 EdDSA", f.token(resourcetest.Token{Alg: "EdDSA"}), accepted, ""},
		{"100 Ed25519 with a key for EdDSA (RFC 9864 §2.2)", mislabeled("EdDSA", "Ed25519"), accepted, ""},
		{"100 Ed448", zeroSignature("Ed448", ed, 114), invalid, reasonAlgorithm},
		{"101 EdDSA signature of zero bytes", zeroSignature("EdDSA", ed, 64), invalid, reasonSignature},
		{"104 PSS with a 20-byte salt (RFC 7518 §3.5)", f.token(resourcetest.Token{Fault: resourcetest.PSSWrongSalt}), invalid, reasonSignature},
		{"110 RSA1_5", zeroSignature("RSA1_5", rs, 256), invalid, reasonAlgorithm},
		{"110 RSA-OAEP", zeroSignature("RSA-OAEP", rs, 256), invalid, reasonAlgorithm},
		{"110 dir", zeroSignature("dir", rs, 256), invalid, reasonAlgorithm},
		{"111 RS999", mislabeled("RS256", "RS999"), invalid, reasonAlgorithm},
		{"111 rs256 in lower case", mislabeled("RS256", "rs256"), invalid, reasonAlgorithm},
		{"111 RS256 with a trailing NUL", mislabeled("RS256", "RS256\x00"), invalid, reasonAlgorithm},
		{"111 RS256 with a trailing space", mislabeled("RS256", "RS256 "), invalid, reasonAlgorithm},
		{"111 RS256 with a full-width digit", mislabeled("RS256", "RS25\uff16"), invalid, reasonAlgorithm},
		{"111 E\u017f256, with a long s instead of S", mislabeled("ES256", "E\u017f256"), invalid, reasonAlgorithm},
		{"112 ML-DSA-44", zeroSignature("ML-DSA-44", es, 2420), invalid, reasonAlgorithm},
	}
	for name, secret := range publicSecrets(f, es, rs) {
		rows = append(rows, tokenRow{"89 HS256, the secret is " + name, f.token(resourcetest.Token{Alg: "HS256", Secret: secret}), invalid, reasonAlgorithm})
	}
	h.checkTokens(f, rows)
	hostileECDSA(h)
	hostileRSA(h)
	hostileEd25519(h)
	hostileAllowList(h)
}

// publicSecrets are the secrets that a verifier uses if it takes a public key for an HMAC
// secret (CVE-2016-10555, CVE-2022-23541, CVE-2024-54150).
func publicSecrets(f *fixture, kids ...string) map[string][]byte {
	out := map[string][]byte{}
	for _, kid := range kids {
		public := f.issuer.PublicKey(kid)
		der, _ := x509.MarshalPKIXPublicKey(public)
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		kind := strings.ToUpper(kid[:2])
		out["the PEM of "+kind], out["the PEM of "+kind+" without the final newline"] = text, text[:len(text)-1]
		out["the DER of "+kind], out["the JWK of "+kind] = der, []byte(resourcetest.JWK(public, nil))
		out["the base64 of the DER of "+kind] = []byte(base64.StdEncoding.EncodeToString(der))
		out["the kid of "+kind] = []byte(kid)
	}
	return out
}

// hostileECDSA uses keys without alg, so that only the curve determines the algorithm.
func hostileECDSA(h *hostile) {
	key := func(curve elliptic.Curve) *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			h.Fatal(err)
		}
		return k
	}
	p256, p384, p521 := key(elliptic.P256()), key(elliptic.P384()), key(elliptic.P521())
	set := func(k *ecdsa.PrivateKey, kid string) resourcetest.Raw {
		return resourcetest.JWK(k.Public(), map[string]any{"kid": kid})
	}
	f := h.withKeys(set(p256, "p256"), set(p384, "p384"), set(p521, "p521"))
	n := p256.Params().N
	changed := func(change func(r, s *big.Int)) string {
		return f.forge("ES256", "p256", rawECDSA(p256, crypto.SHA256, 32, change))
	}
	cut := func(from, to int) string {
		return f.forge("ES256", "p256", func(in []byte) []byte { return rawECDSA(p256, crypto.SHA256, 33, nil)(in)[from:to] })
	}
	zeroR := func(r, _ *big.Int) { r.SetInt64(0) }
	zeroS := func(_, s *big.Int) { s.SetInt64(0) }
	h.checkTokens(f, []tokenRow{
		{"95 ES256 with P-256", changed(nil), accepted, ""},
		{"95 ES256 with P-384, 96 bytes", f.forge("ES256", "p384", rawECDSA(p384, crypto.SHA256, 48, nil)), invalid, reasonMalformed},
		{"95 ES256 with P-521, 132 bytes", f.forge("ES256", "p521", rawECDSA(p521, crypto.SHA256, 66, nil)), invalid, reasonMalformed},
		{"95 ES256 with P-384, truncated to 64 bytes", f.forge("ES256", "p384", func(in []byte) []byte { return rawECDSA(p384, crypto.SHA256, 48, nil)(in)[:64] }), invalid, reasonAlgorithm},
		{"95 ES384 with P-256, padded to 96 bytes", f.forge("ES384", "p256", rawECDSA(p256, crypto.SHA384, 48, nil)), invalid, reasonAlgorithm},
		{"95 ES512 with P-256, padded to 132 bytes", f.forge("ES512", "p256", rawECDSA(p256, crypto.SHA512, 66, nil)), invalid, reasonAlgorithm},
		{"95 ES512 with P-384, padded to 132 bytes", f.forge("ES512", "p384", rawECDSA(p384, crypto.SHA512, 66, nil)), invalid, reasonAlgorithm},
		{"95 ES384 with P-384 and SHA-256", f.forge("ES384", "p384", rawECDSA(p384, crypto.SHA256, 48, nil)), invalid, reasonSignature},
		{"95 RS256 with an EC key", f.forge("RS256", "p256", func([]byte) []byte { return make([]byte, 256) }), invalid, reasonAlgorithm},
		{"96 r = s = 0", changed(func(r, s *big.Int) { zeroR(r, s); zeroS(r, s) }), invalid, reasonSignature},
		{"97 r = 0", changed(zeroR), invalid, reasonSignature},
		{"97 s = 0", changed(zeroS), invalid, reasonSignature},
		{"97 r = n", changed(func(r, _ *big.Int) { r.Set(n) }), invalid, reasonSignature},
		{"97 s = n", changed(func(_, s *big.Int) { s.Set(n) }), invalid, reasonSignature},
		{"97 r and s above n", changed(func(r, s *big.Int) { r.Sub(r.Lsh(big.NewInt(1), 256), big.NewInt(1)); s.Set(r) }), invalid, reasonSignature},
		{"97 r = 1 and s = 1", changed(func(r, s *big.Int) { r.SetInt64(1); s.SetInt64(1) }), invalid, reasonSignature},
		{"97 r of 31 bytes", cut(2, 66), invalid, reasonSignature},
		{"97 signature of 63 bytes", f.forge("ES256", "p256", func(in []byte) []byte { return rawECDSA(p256, crypto.SHA256, 32, nil)(in)[1:] }), invalid, reasonMalformed},
		{"97 zero byte before r and before s", f.forge("ES256", "p256", rawECDSA(p256, crypto.SHA256, 33, nil)), invalid, reasonMalformed},
		{"97 signature of 65 bytes", f.forge("ES256", "p256", func(in []byte) []byte { return append(rawECDSA(p256, crypto.SHA256, 32, nil)(in), 0) }), invalid, reasonMalformed},
		{"97 signature in DER", f.forge("ES256", "p256", signWith(p256, crypto.SHA256)), invalid, reasonMalformed},
		{"99 ES256K with P-256", f.forge("ES256K", "p256", rawECDSA(p256, crypto.SHA256, 32, nil)), invalid, reasonAlgorithm},
	})
	hostileMalleableSignature(h, f, p256)
}

// hostileMalleableSignature tests that ECDSA signatures are malleable: from a signature
// (r, s) anyone can compute (r, n-s), which the standard also accepts. So the text of a token
// does not identify it. Revocation uses jti, which applies to both texts.
func hostileMalleableSignature(h *hostile, plain *fixture, key *ecdsa.PrivateKey) {
	token := plain.forge("ES256", "p256", rawECDSA(key, crypto.SHA256, 32, nil))
	input, signature, _ := cutLast(token)
	raw, _ := base64.RawURLEncoding.DecodeString(signature)
	s := new(big.Int).SetBytes(raw[32:])
	s.Sub(key.Params().N, s).FillBytes(raw[32:])
	withNegatedS := input + "." + b64(raw)
	h.expect("98 token with the signature (r, s)", plain.bearer(token), accepted)
	h.expect("98 token with the signature (r, n-s)", plain.bearer(withNegatedS), accepted)

	kid := plain.issuer.SigningKeyID("ES256")
	set := resourcetest.JWK(plain.issuer.PublicKey(kid), map[string]any{"kid": kid}) + "," + resourcetest.JWK(key.Public(), map[string]any{"kid": "p256"})
	denied := newFixtureWith(h.T, plain.issuer, func(c *resource.Config, k *jwks.Config) {
		k.Keys = []byte(`{"keys":[` + string(set) + `]}`)
		c.Hooks.Revocations = denyID("j")
	})
	h.expect("98 token with (r, s), jti revoked", denied.bearer(token), invalid)
	h.expect("98 token with (r, n-s), jti revoked", denied.bearer(withNegatedS), invalid)
}

// hostileRSA uses keys without alg, so that the token alone selects the algorithm.
func hostileRSA(h *hostile) {
	usual, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		h.Fatal(err)
	}
	three, many := newRawRSA(2048, 3, nil), newRawRSA(2048, 65537, nil)
	set := func(k rawRSA, kid string) resourcetest.Raw {
		return resourcetest.JWK(&rsa.PublicKey{N: k.n, E: int(k.e.Int64())}, map[string]any{"kid": kid})
	}
	f := h.withKeys(resourcetest.JWK(usual.Public(), map[string]any{"kid": "usual"}), set(three, "three"), set(many, "many"))
	salted := func(salt int) string {
		return f.forge("PS256", "usual", signWith(usual, &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256}))
	}
	block := func(change func(em, digest []byte) []byte) string {
		return f.forge("RS256", "many", func(in []byte) []byte {
			digest := sha256.Sum256(in)
			return many.raw(change(pkcs1(256, in), digest[:]))
		})
	}
	tail := func(parts ...[]byte) func(em, digest []byte) []byte { // 0 1 ff… 0, then parts, then the digest
		return func(_, digest []byte) []byte {
			end := append([]byte{0}, append(flat(parts), digest...)...)
			return append([]byte{0, 1}, append([]byte(strings.Repeat("\xff", 254-len(end))), end...)...)
		}
	}
	set1 := func(at int, b byte) func(em, digest []byte) []byte {
		return func(em, _ []byte) []byte { em[at] = b; return em }
	}
	sized := func(change func([]byte) []byte) string {
		return f.forge("RS256", "many", func(in []byte) []byte { return change(many.sign(in)) })
	}
	h.checkTokens(f, []tokenRow{
		{"93 RS256 signature labeled PS256, key without alg", f.forge("PS256", "usual", signWith(usual, crypto.SHA256)), invalid, reasonSignature},
		{"93 PS256 signature labeled RS256, key without alg", f.forge("RS256", "usual", signWith(usual, &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256})), invalid, reasonSignature},
		{"94 RS256 with a SHA-512 digest", f.forge("RS256", "usual", signWith(usual, crypto.SHA512)), invalid, reasonSignature},
		{"94 RS512, key without alg", f.forge("RS512", "usual", signWith(usual, crypto.SHA512)), accepted, ""},
		{"103 e = 3, valid signature", f.forge("RS256", "three", three.sign), accepted, ""},
		{"103 e = 3, garbage after the hash (CVE-2006-4339)", f.forge("RS256", "three", func(in []byte) []byte { return cubeRoot(in, true) }), invalid, reasonSignature},
		{"103 e = 3, garbage before the hash", f.forge("RS256", "three", func(in []byte) []byte { return cubeRoot(in, false) }), invalid, reasonSignature},
		{"103 valid padding", block(func(em, _ []byte) []byte { return em }), accepted, ""},
		{"103 first byte is 1", block(set1(0, 1)), invalid, reasonSignature},
		{"103 block type 2", block(set1(1, 2)), invalid, reasonSignature},
		{"103 block type 0", block(set1(1, 0)), invalid, reasonSignature},
		{"103 zero byte in the padding", block(set1(100, 0)), invalid, reasonSignature},
		{"103 last padding byte is not ff", block(set1(203, 0xfe)), invalid, reasonSignature},
		{"103 no zero byte after the padding", block(set1(204, 0xff)), invalid, reasonSignature},
		{"103 DigestInfo without NULL", block(tail([]byte{0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x20})), invalid, reasonSignature},
		{"103 DigestInfo with long-form lengths (BER)", block(tail([]byte{0x30, 0x81, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20})), invalid, reasonSignature},
		{"103 DigestInfo for SHA-1", block(tail([]byte{0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14})), invalid, reasonSignature},
		{"103 no DigestInfo", block(tail()), invalid, reasonSignature},
		{"103 extra byte after the hash", block(func(em, _ []byte) []byte { return append(em[:2:2], append(em[3:], 0)...) }), invalid, reasonSignature},
		{"103 hash without its last byte", block(func(em, _ []byte) []byte { return append([]byte{0, 1, 0xff}, em[2:255]...) }), invalid, reasonSignature},
		{"104 PSS with a salt as long as the hash", salted(32), accepted, ""},
		{"104 PSS without a salt", salted(0), invalid, reasonSignature},
		{"104 PSS with a 31-byte salt", salted(31), invalid, reasonSignature},
		{"104 PSS with a 33-byte salt", salted(33), invalid, reasonSignature},
		{"104 PSS with the longest salt", salted(rsa.PSSSaltLengthAuto), invalid, reasonSignature},
		{"104 PS384 with a salt for PS256", f.forge("PS384", "usual", signWith(usual, &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA384})), invalid, reasonSignature},
		{"105 zero byte before the signature", sized(func(s []byte) []byte { return append([]byte{0}, s...) }), invalid, reasonSignature},
		{"105 zero byte after the signature", sized(func(s []byte) []byte { return append(s, 0) }), invalid, reasonSignature},
		{"105 signature plus the modulus", sized(func(s []byte) []byte { return new(big.Int).Add(new(big.Int).SetBytes(s), many.n).Bytes() }), invalid, reasonSignature},
		{"105 signature truncated to 255 bytes", sized(func(s []byte) []byte { return s[:255] }), invalid, reasonMalformed},
		{"105 leading zero byte removed (RFC 8017 §8.2.2)", leadingZero(f, many), invalid, reasonMalformed},
		{"105 signature is 0", f.forge("RS256", "many", func([]byte) []byte { return make([]byte, 256) }), invalid, reasonSignature},
		{"105 signature is 1", f.forge("RS256", "many", func([]byte) []byte { return append(make([]byte, 255), 1) }), invalid, reasonSignature},
		{"105 signature equals the modulus", f.forge("RS256", "many", func([]byte) []byte { return many.n.Bytes() }), invalid, reasonSignature},
	})
}

func flat(parts [][]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// leadingZero signs until the signature begins with a zero byte, and removes that byte.
func leadingZero(f *fixture, k rawRSA) string {
	for {
		var signature []byte
		token := f.forge("RS256", "many", func(in []byte) []byte {
			signature = k.sign(in)
			return signature[1:]
		})
		if signature[0] == 0 {
			return token
		}
	}
}

// cubeRoot forges a signature for e = 3 and a verifier that does not check every byte of the
// padding. Its cube begins with 0 1 ff… 0 DigestInfo hash, with garbage after the hash. If
// garbageAfter is false, the garbage is before the hash, where the padding ends.
func cubeRoot(input []byte, garbageAfter bool) []byte {
	digest := sha256.Sum256(input)
	want := append([]byte{0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}, append(sha256Info[:len(sha256Info):len(sha256Info)], digest[:]...)...)
	if !garbageAfter {
		want = []byte(strings.Repeat("\xff", 60))
		want[0], want[1] = 0, 1
	}
	target := new(big.Int).SetBytes(append(want, make([]byte, 256-len(want))...))
	low, high := new(big.Int), new(big.Int).Lsh(big.NewInt(1), 683)
	for bigOne := big.NewInt(1); new(big.Int).Sub(high, low).Cmp(bigOne) > 0; {
		middle := new(big.Int).Rsh(new(big.Int).Add(low, high), 1)
		if new(big.Int).Exp(middle, big.NewInt(3), nil).Cmp(target) < 0 {
			low = middle
		} else {
			high = middle
		}
	}
	return high.FillBytes(make([]byte, 256))
}

func hostileEd25519(h *hostile) {
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	for name, row := range map[string]struct {
		alg    string
		allow  []string
		change func(signature []byte) []byte
		want   answer
	}{
		"100 EdDSA, the only allowed algorithm":                         {"EdDSA", []string{"EdDSA"}, nil, accepted},
		"100 Ed25519, only EdDSA is allowed":                            {"Ed25519", []string{"EdDSA"}, nil, invalid},
		"100 Ed25519, the only allowed algorithm":                       {"Ed25519", []string{"Ed25519"}, nil, accepted},
		"100 EdDSA, only Ed25519 is allowed":                            {"EdDSA", []string{"Ed25519"}, nil, invalid},
		"101 S plus the group order (RFC 8032 §5.1.7: S < L)":           {"EdDSA", nil, addOrder, invalid},
		"101 R replaced by the identity":                                {"EdDSA", nil, func(s []byte) []byte { return append(append([]byte{1}, make([]byte, 31)...), s[32:]...) }, invalid},
		"101 signature of 63 bytes":                                     {"EdDSA", nil, func(s []byte) []byte { return s[:63] }, invalid},
		"101 signature of 65 bytes":                                     {"EdDSA", nil, func(s []byte) []byte { return append(s, 0) }, invalid},
		"101 bit of S above the order set, which some verifiers ignore": {"EdDSA", nil, func(s []byte) []byte { s[63] |= 0x20; return s }, invalid},
	} {
		f := newFixture(h.T, func(_ *resource.Config, k *jwks.Config) {
			k.Keys = []byte(`{"keys":[` + resourcetest.JWK(public, map[string]any{"kid": "x"}) + `]}`)
			k.Algorithms = row.allow
		})
		token := f.forge(row.alg, "x", func(in []byte) []byte {
			signature := ed25519.Sign(private, in)
			if row.change != nil {
				signature = row.change(signature)
			}
			return signature
		})
		h.expect(name, f.bearer(token), row.want)
	}
}

// addOrder adds the group order to S. The result is equal to S modulo the order.
func addOrder(signature []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := new(big.Int).SetBytes(reversed(signature[32:]))
	return append(signature[:32:32], reversed(s.Add(s, order).FillBytes(make([]byte, 32)))...)
}

func reversed(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[len(b)-1-i] = c
	}
	return out
}

// hostileAllowList tests Algorithms: a token with an algorithm that is not allowed is rejected
// before keys are fetched, and jwks.New rejects a list that allows too much or nothing.
func hostileAllowList(h *hostile) {
	cold := newFixture(h.T, nil)
	h.expect("91 HS256 before keys are fetched", cold.bearer(cold.token(resourcetest.Token{Alg: "HS256", Secret: []byte("s")})), invalid)
	h.expect("86 alg none before keys are fetched", cold.bearer(cold.param("alg", `"none"`)), invalid)
	h.expect("91 no keys were fetched for either", cold.issuer.Count(resourcetest.Any), 0)

	const all = `["RS256" "RS384" "RS512" "PS256" "PS384" "PS512" "ES256" "ES384" "ES512" "EdDSA" "Ed25519"]`
	for _, row := range []struct {
		name string
		list []string
		want string
	}{
		{"113 empty list", []string{}, "no algorithm is allowed: leave the list nil for all of " + all},
		{"113 alg none in the list", []string{"ES256", "none"}, `algorithm "none" is not one of ` + all},
		{"113 HS256 in the list", []string{"HS256"}, `algorithm "HS256" is not one of ` + all},
		{"113 lower case", []string{"es256"}, `algorithm "es256" is not one of ` + all},
		{"113 empty name", []string{""}, `algorithm "" is not one of ` + all},
		{"113 duplicate", []string{"ES256", "ES256"}, `duplicate algorithm "ES256"`},
	} {
		_, err := jwks.New(jwks.Config{Issuer: "https://auth.example.test", Algorithms: row.list})
		h.expect(row.name, fmt.Sprint(err), "jwks: configuration: Algorithms: "+row.want)
	}
}
