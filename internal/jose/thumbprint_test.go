package jose_test

import (
	"crypto/elliptic"
	"crypto/rsa"
	"testing"
)

func TestThumbprints(t *testing.T) {
	const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	const example = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
	for _, row := range []struct{ name, document, want string }{
		{"RFC 7638 §3.1", `{"kty":"RSA","n":"` + n + `","e":"AQAB","alg":"RS256","kid":"2011-04-29"}`, example},
		{"the same without optional members", `{"e":"AQAB","n":"` + n + `","kty":"RSA"}`, example},
		{"the same with leading zeros", `{"e":"AAEAAQ","n":"` + b64(append([]byte{0}, unb64(n)...)) + `","kty":"RSA"}`, example},
		{"RFC 8037 §A.3", `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
	} {
		if got := b64(mustKey(t, row.document).Thumbprint[:]); got != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.want, got)
		}
	}
}

func TestEquivalent(t *testing.T) {
	for _, row := range []struct {
		name, a, b string
		want       bool
	}{
		{"different kid", with(rsaJWK, `,"kid":"a"`), with(rsaJWK, `,"kid":"b"`), true},
		{"further members", rsaJWK, with(rsaJWK, `,"use":"sig","x":"AA"`), true},
		{"different alg", with(rsaJWK, `,"alg":"RS256"`), with(rsaJWK, `,"alg":"PS256"`), false},
		{"alg in one key", with(rsaJWK, `,"alg":"RS256"`), rsaJWK, false},
		{"different issuers", with(rsaJWK, `,"issuer":"https://a"`), with(rsaJWK, `,"issuer":"https://b"`), false},
		{"an issuer in one key", with(rsaJWK, `,"issuer":"https://a"`), rsaJWK, false},
		{"different keys", ecJWK, jwk(ecKey(elliptic.P256(), 2).Public(), ""), false},
		{"different exponents", rsaJWK, jwk(&rsa.PublicKey{N: rsaKey().N, E: 3}, ""), false},
		{"different key types", ecJWK, edJWK, false},
	} {
		a, b := mustKey(t, row.a), mustKey(t, row.b)
		if got := a.Equivalent(b); got != row.want || b.Equivalent(a) != got {
			t.Errorf("%s: got %v and %v, want %v", row.name, got, b.Equivalent(a), row.want)
		}
	}
}
