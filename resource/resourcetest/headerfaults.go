package resourcetest

import (
	"crypto"
	"strings"
)

// headerFaults are faults of the header, except those of the key in it (RFC 9449 section 4.3,
// checks 2 to 5). It is never modified.
var headerFaults = []proofFault{
	{name: "typ missing", draft: header("typ", Remove)},
	{name: "typ JWT", draft: header("typ", "JWT")},
	{name: "typ of access tokens", draft: header("typ", "at+jwt")},
	{name: "typ of another type in upper case", draft: header("typ", "DPOP+JWS")},
	{name: "typ with a space", draft: header("typ", "dpop+jwt ")},
	{name: "typ number", draft: header("typ", 1)},
	{name: "typ array", draft: header("typ", []string{"dpop+jwt"})},
	{name: "typ twice", draft: func(d *draft) { d.header = twice(d.header, "typ") }},
	{name: "typ JWT, then the right one", draft: header("typ", duplicate("typ", "JWT", "dpop+jwt"))},
	{name: "TYP for typ", draft: func(d *draft) { d.header = renamed(d.header, "typ", "TYP") }},

	{name: "alg missing", draft: header("alg", Remove)},
	{name: "alg none", draft: unsigned("none")},
	{name: "alg NoNe", draft: unsigned("NoNe")},
	{name: "alg empty", draft: unsigned("")},
	{name: "alg number", draft: header("alg", 256)},
	{name: "alg unknown", draft: header("alg", "XS256")},
	{name: "alg in lower case", draft: func(d *draft) { header("alg", strings.ToLower(d.key.alg))(d) }},
	{name: "alg of another kind of key", draft: func(d *draft) {
		other := "RS256"
		if algorithms[d.key.alg].family == "RSA" {
			other = "ES256"
		}
		header("alg", other)(d)
	}},
	{name: "alg of another curve", alg: anyECDSA, draft: func(d *draft) {
		other := "ES384"
		if d.key.alg == other {
			other = "ES256"
		}
		header("alg", other)(d)
		signer := d.key.signer
		d.sign = func(input []byte) []byte { return algorithms[other].jws(signer, input) }
	}},
	{name: "alg twice", draft: func(d *draft) { d.header = twice(d.header, "alg") }},
	{name: "alg none, then the right one", draft: func(d *draft) { header("alg", duplicate("alg", "none", d.key.alg))(d) }},
	{name: "alg HS256 with the public key as secret", draft: func(d *draft) {
		header("alg", "HS256")(d)
		d.sign = hs256([]byte(d.key.jwk.encode()))
	}},
	{name: "alg HS256 with the PEM of the public key as secret", draft: func(d *draft) {
		header("alg", "HS256")(d)
		d.sign = hs256(publicPEM(d.key.signer.Public()))
	}},
	{name: "alg HS256 with an empty secret", draft: func(d *draft) {
		header("alg", "HS256")(d)
		d.sign = hs256(nil)
	}},

	{name: "crit with an unknown extension", draft: func(d *draft) {
		d.header = append(d.header, object{{"crit", []string{"https://example.test/x"}}, {"https://example.test/x", 1}}...)
	}},
	{name: "crit empty", draft: header("crit", []string{})},
	{name: "crit string", draft: header("crit", "exp")},
	{name: "crit b64 with b64 false", draft: func(d *draft) { // RFC 7797
		d.header = append(d.header, object{{"b64", false}, {"crit", []string{"b64"}}}...)
	}},
	{name: "b64 false", draft: header("b64", false)},
	{name: "zip", draft: header("zip", "DEF")},

	{name: "jku beside jwk", draft: header("jku", "https://client.example.test/jwks")},
	{name: "x5u beside jwk", draft: header("x5u", "https://client.example.test/chain.pem")},
	{name: "x5c beside jwk", draft: header("x5c", []string{"MIIBszCCAVmgAwIBAgIBATAKBggqhkjOPQQDAjA="})},
	{name: "jwk replaced by kid", draft: func(d *draft) {
		d.header = renamed(d.header, "jwk", "kid")
		header("kid", d.key.thumbprint)(d)
	}},
	{name: "jwk replaced by jku", draft: func(d *draft) {
		d.header = renamed(d.header, "jwk", "jku")
		header("jku", "https://client.example.test/jwks")(d)
	}},
	{name: "JWK for jwk", draft: func(d *draft) { d.header = renamed(d.header, "jwk", "JWK") }},

	{name: "signature empty", draft: func(d *draft) { d.sign = func([]byte) []byte { return nil } }},
	{name: "signature of another key", draft: func(d *draft) {
		other := d.key.another()
		d.sign = func(input []byte) []byte { return algorithms[d.key.alg].jws(other, input) }
	}},
	{name: "signature over other content", draft: signature(func(d *draft, input []byte) []byte {
		return algorithms[d.key.alg].jws(d.key.signer, append(input, 'x'))
	})},
	{name: "signature truncated", draft: signature(func(d *draft, input []byte) []byte {
		return algorithms[d.key.alg].jws(d.key.signer, input)[:31]
	})},
	{name: "signature followed by a zero byte", draft: signature(func(d *draft, input []byte) []byte {
		return append(algorithms[d.key.alg].jws(d.key.signer, input), 0)
	})},
	{name: "signature of zero bytes", draft: signature(func(d *draft, input []byte) []byte { // CVE-2022-21449
		return make([]byte, len(algorithms[d.key.alg].jws(d.key.signer, input)))
	})},
	{name: "signature in DER", alg: anyECDSA, draft: signature(func(d *draft, input []byte) []byte {
		return algorithms[d.key.alg].sign(d.key.signer, input, 0)
	})},
	{name: "signature with a PSS salt of 20 bytes", alg: "PS256", draft: signature(func(d *draft, input []byte) []byte {
		return algorithms[d.key.alg].sign(d.key.signer, input, 20)
	})},
	{name: "signature with PSS for RS256", alg: "RS256", draft: signature(func(d *draft, input []byte) []byte {
		return algorithms["PS256"].jws(d.key.signer, input)
	})},
	{name: "signature of ES256 with SHA-512", alg: "ES256", draft: signature(func(d *draft, input []byte) []byte {
		a := algorithm{"P-256", crypto.SHA512, false}
		return rawECDSA(a.sign(d.key.signer, input, 0), d.key.signer.Public())
	})},
}

// unsigned sets an "alg" without a signature.
func unsigned(alg string) func(*draft) {
	return func(d *draft) {
		header("alg", alg)(d)
		d.sign = func([]byte) []byte { return nil }
	}
}

// signature replaces the signature.
func signature(sign func(d *draft, input []byte) []byte) func(*draft) {
	return func(d *draft) {
		d.sign = func(input []byte) []byte { return sign(d, input) }
	}
}

func hs256(secret []byte) func([]byte) []byte {
	return func(input []byte) []byte { return hmacSum(crypto.SHA256, secret, input) }
}
