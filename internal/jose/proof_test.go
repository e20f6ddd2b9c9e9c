package jose_test

import (
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/jose"
)

// proofHeader returns the header of a proof. more contains further members, each with a leading
// comma.
func proofHeader(alg, jwk, more string) string {
	return `{"typ":"dpop+jwt","alg":"` + alg + `","jwk":` + jwk + more + `}`
}

// validProof returns a proof that was signed with the key of the family.
func validProof(alg string) string {
	key := familyOf(alg).key()
	return sign(alg, key, proofHeader(alg, jwk(key.Public(), ""), ""), `{"jti":"a"}`)
}

// accepts reports whether a proof can be parsed and verified, and returns the error.
func accepts(raw string) error {
	p, err := jose.ParseProof(raw, nil)
	if err != nil {
		return err
	}
	if _, ok := p.Verify(); !ok {
		return errors.New("not verified")
	}
	return nil
}

// RFC 9449 §4.3, numbers 3 to 7: every algorithm, with the key in the header.
func TestProofs(t *testing.T) {
	for _, alg := range jose.AlgorithmNames() {
		raw := validProof(alg)
		p, err := jose.ParseProof(raw, nil)
		if err != nil {
			t.Errorf("%s: %v", alg, err)
			continue
		}
		head, ok := p.Verify()
		key := mustKey(t, jwk(familyOf(alg).key().Public(), ""))
		if !ok || head.Type != "dpop+jwt" || head.Algorithm.String() != alg || head.Thumbprint != key.Thumbprint || string(p.Payload) != `{"jti":"a"}` {
			t.Errorf("%s: verified %v, head %+v, payload %q", alg, ok, head, p.Payload)
		}
		// The second proof with the same header.
		second := sign(alg, familyOf(alg).key(), proofHeader(alg, jwk(familyOf(alg).key().Public(), ""), ""), `{"jti":"b"}`)
		p, err = jose.ParseProof(second, head)
		if err != nil || p.Head != head || string(p.Payload) != `{"jti":"b"}` {
			t.Errorf("%s: second proof: head %p, want %p, payload %q, error %v", alg, p.Head, head, p.Payload, err)
			continue
		}
		if again, ok := p.Verify(); !ok || again != head {
			t.Errorf("%s: second proof: verified %v", alg, ok)
		}
		checkOtherKey(t, alg, head)
	}
}

// checkOtherKey checks proofs of another key where the header of the first key is known.
func checkOtherKey(t *testing.T, alg string, head *jose.ProofHead) {
	t.Helper()
	// A proof of another key, with the known header of the first.
	other := familyOf(alg).otherKey()
	third := sign(alg, other, proofHeader(alg, jwk(other.Public(), ""), ""), `{}`)
	if p, err := jose.ParseProof(third, head); err != nil || p.Head == head || p.Head.Thumbprint == head.Thumbprint {
		t.Errorf("%s: another key: error %v", alg, err)
	}
	// A signature of another key.
	forged := sign(alg, other, proofHeader(alg, jwk(familyOf(alg).key().Public(), ""), ""), `{}`)
	for _, known := range []*jose.ProofHead{nil, head} {
		p, err := jose.ParseProof(forged, known)
		if err != nil {
			t.Errorf("%s: forged: %v", alg, err)
		} else if _, ok := p.Verify(); ok {
			t.Errorf("%s: a forged proof was verified", alg)
		}
	}
}

// RFC 7515 §4.1, RFC 7517 §4, RFC 7518 §6, RFC 8037 §2, RFC 9449 §4.2: the headers that are
// rejected, and the error.
func TestProofHeaders(t *testing.T) {
	const ok = "accepted"
	private := strings.TrimSuffix(ecJWK, "}") + `,"d":"AQ"}`
	padded := strings.Replace(edJWK, `"}`, `="}`, 1)
	leading := fmt.Sprintf(`{"kty":"RSA","n":"%s","e":"AQAB"}`, b64(append([]byte{0}, rsaKey().N.Bytes()...)))
	p384 := jwk(ecKey(elliptic.P384(), 1).Public(), "")
	for _, row := range []struct{ name, header, want string }{
		{"valid", proofHeader("ES256", ecJWK, ""), ok},
		{"no typ", `{"alg":"ES256","jwk":` + ecJWK + `}`, ok}, // the caller compares it
		{"kid beside jwk", proofHeader("ES256", ecJWK, `,"kid":"a"`), ok},
		{"an unknown member", proofHeader("ES256", ecJWK, `,"x":{"y":[1]}`), ok},
		{"members of the key that do not matter", proofHeader("ES256", with(ecJWK, `,"kid":"a","use":"sig","key_ops":["verify"],"alg":"ES256","ext":true`), ""), ok},
		{"a member with an escaped name", strings.Replace(proofHeader("ES256", ecJWK, ""), `"alg"`, `"\u0061lg"`, 1), ok},
		{"alg of the key is another name of it", proofHeader("EdDSA", with(edJWK, `,"alg":"Ed25519"`), ""), ok},

		{"no alg", `{"jwk":` + ecJWK + `}`, "algorithm"},
		{"alg none", proofHeader("none", ecJWK, ""), "algorithm"},
		{"alg None", proofHeader("None", ecJWK, ""), "algorithm"},
		{"alg HS256", proofHeader("HS256", ecJWK, ""), "algorithm"},
		{"alg ES256K", proofHeader("ES256K", ecJWK, ""), "algorithm"},
		{"alg in another case", proofHeader("es256", ecJWK, ""), "algorithm"},
		{"alg null", `{"alg":null,"jwk":` + ecJWK + `}`, "malformed"},
		{"alg twice", proofHeader("ES256", ecJWK, `,"alg":"ES256"`), "malformed"},
		{"ALG", proofHeader("ES256", ecJWK, `,"ALG":"none"`), "malformed"},
		{"crit", proofHeader("ES256", ecJWK, `,"crit":[]`), "malformed"},
		{"b64", proofHeader("ES256", ecJWK, `,"b64":true`), "malformed"},
		{"cty", proofHeader("ES256", ecJWK, `,"cty":"JWT"`), "malformed"},
		{"zip", proofHeader("ES256", ecJWK, `,"zip":"NONE"`), "malformed"},
		{"jku", proofHeader("ES256", ecJWK, `,"jku":"https://evil.test"`), "malformed"},
		{"x5u", proofHeader("ES256", ecJWK, `,"x5u":""`), "malformed"},
		{"x5c", proofHeader("ES256", ecJWK, `,"x5c":null`), "malformed"},
		{"x5t", proofHeader("ES256", ecJWK, `,"x5t":"a"`), "malformed"},
		{"x5t#S256", proofHeader("ES256", ecJWK, `,"x5t#S256":"a"`), "malformed"},
		{"jwk twice", proofHeader("ES256", ecJWK, `,"jwk":`+ecJWK), "malformed"},
		{"Jwk", proofHeader("ES256", ecJWK, `,"Jwk":`+ecJWK), "malformed"},
		{"typ is a number", strings.Replace(proofHeader("ES256", ecJWK, ""), `"dpop+jwt"`, "1", 1), "malformed"},
		{"an array", `[]`, "malformed"},
		{"text behind the object", proofHeader("ES256", ecJWK, "") + "{}", "malformed"},
		{"a byte order mark", "\ufeff" + proofHeader("ES256", ecJWK, ""), "malformed"},

		{"no jwk", `{"typ":"dpop+jwt","alg":"ES256"}`, "key"},
		{"kid instead of jwk", `{"alg":"ES256","kid":"a"}`, "key"},
		{"jwk null", proofHeader("ES256", "null", ""), "key"},
		{"jwk is a string", proofHeader("ES256", `"`+b64str(ecJWK)+`"`, ""), "key"},
		{"jwk is an array", proofHeader("ES256", "["+ecJWK+"]", ""), "key"},
		{"jwk is a key set", proofHeader("ES256", `{"keys":[`+ecJWK+`]}`, ""), "key"},
		{"jwk is empty", proofHeader("ES256", "{}", ""), "key"},
		{"a private key", proofHeader("ES256", private, ""), "key"},
		{"d is null", proofHeader("ES256", with(ecJWK, `,"d":null`), ""), "key"},
		{"d is empty", proofHeader("ES256", with(ecJWK, `,"d":""`), ""), "key"},
		{"D", proofHeader("ES256", with(ecJWK, `,"D":"AQ"`), ""), "key"},
		{"p of an RSA key", proofHeader("PS256", with(rsaJWK, `,"p":"AQ"`), ""), "key"},
		{"oth of an RSA key", proofHeader("PS256", with(rsaJWK, `,"oth":[]`), ""), "key"},
		{"k", proofHeader("ES256", with(ecJWK, `,"k":"AQ"`), ""), "key"},
		{"a symmetric key", proofHeader("ES256", `{"kty":"oct","k":"AQ"}`, ""), "key"},
		{"no kty", proofHeader("ES256", without(ecJWK, "kty"), ""), "key"},
		{"no y", proofHeader("ES256", without(ecJWK, "y"), ""), "key"},
		{"kty in another case", proofHeader("ES256", strings.Replace(ecJWK, `"EC"`, `"ec"`, 1), ""), "key"},
		{"kty twice", proofHeader("ES256", with(ecJWK, `,"kty":"EC"`), ""), "malformed"},
		{"x twice", proofHeader("ES256", with(ecJWK, `,"x":"AQ"`), ""), "malformed"},
		{"Kty", proofHeader("ES256", with(ecJWK, `,"Kty":"RSA"`), ""), "key"},
		{"use enc", proofHeader("ES256", with(ecJWK, `,"use":"enc"`), ""), "key"},
		{"use is empty", proofHeader("ES256", with(ecJWK, `,"use":""`), ""), "key"},
		{"key_ops without verify", proofHeader("ES256", with(ecJWK, `,"key_ops":["sign"]`), ""), "key"},
		{"key_ops empty", proofHeader("ES256", with(ecJWK, `,"key_ops":[]`), ""), "key"},
		{"alg of the key is another", proofHeader("PS256", with(rsaJWK, `,"alg":"PS384"`), ""), "key"},
		{"a curve of another alg", proofHeader("ES256", p384, ""), "key"},
		{"a type of another alg", proofHeader("ES256", edJWK, ""), "key"},
		{"an RSA key with an EC alg", proofHeader("ES256", rsaJWK, ""), "key"},
		{"an EC key with an RSA alg", proofHeader("PS256", ecJWK, ""), "key"},
		{"secp256k1", proofHeader("ES256", strings.Replace(ecJWK, "P-256", "secp256k1", 1), ""), "key"},
		{"X25519", proofHeader("EdDSA", strings.Replace(edJWK, "Ed25519", "X25519", 1), ""), "key"},
		{"Ed448", proofHeader("EdDSA", strings.Replace(edJWK, "Ed25519", "Ed448", 1), ""), "key"},
		{"padding in the key", proofHeader("EdDSA", padded, ""), "key"},
		{"a leading zero in n", proofHeader("PS256", leading, ""), "key"},
		{"a leading zero in e", proofHeader("PS256", strings.Replace(rsaJWK, "AQAB", "AAEAAQ", 1), ""), "key"},
		{"an exponent of 32 bits", proofHeader("PS256", strings.Replace(rsaJWK, "AQAB", "gAAAAQ", 1), ""), "key"},
		{"a coordinate without a leading zero", proofHeader("ES256", `{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}`, ""), "key"},

		{"a point that is not on the curve", proofHeader("ES256", `{"kty":"EC","crv":"P-256","x":"`+b64(make([]byte, 32))+`","y":"`+b64(make([]byte, 32))+`"}`, ""), "signature"},
		{"a modulus of 2047 bits", proofHeader("PS256", rsaOf(modulus(2047), "AQAB"), ""), "signature"},
		{"a modulus of 8193 bits", proofHeader("PS256", rsaOf(modulus(8193), "AQAB"), ""), "signature"},
		{"an even modulus", proofHeader("PS256", rsaOf(new(big.Int).Lsh(big.NewInt(1), 2047), "AQAB"), ""), "signature"},
		{"the exponent 1", proofHeader("PS256", rsaOf(modulus(2048), "AQ"), ""), "signature"},
		{"an even exponent", proofHeader("PS256", rsaOf(modulus(2048), "AAEAAA"[2:]), ""), "signature"},
		{"ROCA", proofHeader("PS256", rsaOf(roca(), "AQAB"), ""), "signature"},
		{"a point of small order", proofHeader("EdDSA", `{"kty":"OKP","crv":"Ed25519","x":"`+b64(make([]byte, 32))+`"}`, ""), "signature"},
	} {
		alg := "ES256"
		var named struct{ Alg string }
		if json.Unmarshal([]byte(row.header), &named) == nil && (named.Alg == "PS256" || named.Alg == "EdDSA") {
			alg = named.Alg
		}
		err := accepts(sign(alg, familyOf(alg).key(), row.header, `{}`))
		got := ok
		switch {
		case errors.Is(err, jose.ErrProofKey):
			got = "key"
		case errors.Is(err, jose.ErrMalformed):
			got = "malformed"
		case errors.Is(err, jose.ErrAlgorithm):
			got = "algorithm"
		case err != nil:
			got = "signature"
		}
		if got != row.want {
			t.Errorf("%s: got %s (%v), want %s", row.name, got, err, row.want)
		}
	}
}

// RFC 7515 §7.1: exactly one encoding in the compact serialization.
func TestProofForms(t *testing.T) {
	valid := validProof("ES256")
	parts := strings.Split(valid, ".")
	for _, row := range []struct{ name, raw string }{
		{"empty", ""},
		{"dots only", ".."},
		{"two segments", parts[0] + "." + parts[1]},
		{"four segments", valid + "."},
		{"five segments", valid + ".." + parts[0]},
		{"no header", "." + parts[1] + "." + parts[2]},
		{"no payload", parts[0] + ".." + parts[2]},
		{"no signature", parts[0] + "." + parts[1] + "."},
		{"padding", parts[0] + "=." + parts[1] + "." + parts[2]},
		{"padding behind", valid + "="},
		{"a line break", parts[0] + "\n." + parts[1] + "." + parts[2]},
		{"a line break in the signature", valid[:len(valid)-2] + "\r\n" + valid[len(valid)-2:]},
		{"a space in front", " " + valid},
		{"a space behind", valid + " "},
		{"the other alphabet", parts[0] + "." + parts[1] + "." + strings.Repeat("+", len(parts[2]))},
		{"unused bits", parts[0] + "." + parts[1] + "." + withStrayBit(parts[2])},
		{"a signature in DER", parts[0] + "." + parts[1] + "." + b64(derOf(big.NewInt(1), big.NewInt(2)))},
		{"a shorter signature", parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-4]},
		{"a signature of zeros", parts[0] + "." + parts[1] + "." + b64(make([]byte, 64))},
		{"a signature of ones", parts[0] + "." + parts[1] + "." + b64(append(append(make([]byte, 31), 1), append(make([]byte, 31), 1)...))},
		{"the JSON serialization", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`},
		{"an encrypted token", "e30.e30.e30.e30.e30"},
	} {
		if accepts(row.raw) == nil {
			t.Errorf("%s: accepted", row.name)
		}
	}
	if err := accepts(valid); err != nil {
		t.Errorf("valid: %v", err)
	}
}

// A proof is not logged.
func TestProofIsNotPrinted(t *testing.T) {
	p, err := jose.ParseProof(validProof("ES256"), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.MarshalText()
	got := fmt.Sprintf("%v %+v %#v %s %q ", *p, p, p, p, p) + string(text)
	if want := strings.Repeat("[redacted token] ", 5) + "[redacted token]"; got != want || err != nil {
		t.Errorf("got %s, error %v", got, err)
	}
}
