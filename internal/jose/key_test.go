package jose_test

import (
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/keytest"
)

var (
	rsaJWK = jwk(rsaKey().Public(), "")
	ecJWK  = jwk(ecKey(elliptic.P256(), 1).Public(), "")
	edJWK  = jwk(edKey.Public(), "")
)

// with returns the key with further members.
func with(document, more string) string { return strings.TrimSuffix(document, "}") + more + "}" }

// without returns the key with a member renamed to an unknown name.
func without(document, name string) string {
	return strings.Replace(document, `"`+name+`":`, `"not-`+name+`":`, 1)
}

// rsaOf returns an RSA key with the given modulus and exponent.
func rsaOf(n *big.Int, e string) string {
	return fmt.Sprintf(`{"kty":"RSA","n":"%s","e":"%s"}`, b64(n.Bytes()), e)
}

// modulus returns an odd number with the given number of bits. Parsing does not require its
// factors.
func modulus(bits int) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return n.Add(n, big.NewInt(0x10001+2))
}

// roca returns a modulus of 2048 bits with the fingerprint of CVE-2017-15361: a multiple of all
// primes of the fingerprint, plus one.
func roca() *big.Int {
	m := big.NewInt(2)
	for _, p := range []int64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157} {
		m.Mul(m, big.NewInt(p))
	}
	n := new(big.Int).Lsh(big.NewInt(1), 2047)
	n.Sub(n, new(big.Int).Mod(n, m))
	return n.Add(n, m).Add(n, big.NewInt(1))
}

func TestParseKey(t *testing.T) {
	bits := func(n int) string { return rsaOf(modulus(n), "AQAB") }
	for _, row := range []struct{ name, document, id string }{
		{"RSA", rsaJWK, ""},
		{"EC", ecJWK, ""},
		{"P-384", jwk(ecKey(elliptic.P384(), 1).Public(), ""), ""},
		{"P-521, whose coordinates have leading zeros", jwk(ecKey(elliptic.P521(), 1).Public(), ""), ""},
		{"Ed25519", edJWK, ""},
		{"with all members that describe a key", with(rsaJWK, `,"kid":"k","use":"sig","key_ops":["verify"],"alg":"PS256","x5c":["x"],"x5t":"x"`), "k"},
		{"with members of other key types", with(edJWK, `,"y":"AA","n":"AA","e":"AA"`), ""},
		{"with unknown members", with(ecJWK, `,"issuer":"https://a","exp":1,"nested":{"a":[]}`), ""},
		{"a kid of 256 bytes", with(ecJWK, `,"kid":"`+strings.Repeat("k", 256)+`"`), strings.Repeat("k", 256)},
		{"key_ops with verify and others", with(ecJWK, `,"key_ops":["sign","verify"]`), ""},
		{"alg EdDSA", with(edJWK, `,"alg":"EdDSA"`), ""},
		{"alg Ed25519 (RFC 9864)", with(edJWK, `,"alg":"Ed25519"`), ""},
		{"2048 bits", bits(2048), ""},
		{"8192 bits", bits(8192), ""},
		{"an exponent of 3", rsaOf(modulus(2048), "Aw"), ""},
		{"an exponent of 2^31-1", rsaOf(modulus(2048), "f____w"), ""},
		{"a leading zero in the modulus, as some servers send it (RFC 7518 §6.3.1.1)", strings.Replace(rsaJWK, `"n":"`+b64(rsaKey().N.Bytes()), `"n":"`+b64(append([]byte{0}, rsaKey().N.Bytes()...)), 1), ""},
		{"leading zeros in the exponent", strings.Replace(rsaJWK, `"AQAB"`, `"AAABAAE"`, 1), ""},
	} {
		if key, err := jose.ParseKey([]byte(row.document)); err != nil || key.ID != row.id {
			t.Errorf("%s: %v\nin %s", row.name, err, row.document)
		}
	}
}

// RFC 7517 §4, RFC 7518 §6, RFC 8725 §3.1, §3.5.
//
// The number at the beginning of a name is that of the input in the project's list of bad
// inputs. TestHostile of package resource uses the same numbers.
// offset is the part of an error that says where the fault is in the document.
var offset = regexp.MustCompile(` at byte \d+$`)

func TestParseKeyRejects(t *testing.T) {
	p256 := elliptic.P256().Params()
	ecOf := func(x, y *big.Int) string {
		return fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":"%s","y":"%s"}`, b64(x.FillBytes(make([]byte, 32))), b64(y.FillBytes(make([]byte, 32))))
	}
	x, y := coordinates()
	zero, one := new(big.Int), big.NewInt(1)
	rsaE := func(e int64) string { return rsaOf(modulus(2048), b64(big.NewInt(e).Bytes())) }
	rename := func(document, from, to string) string { return strings.Replace(document, from, to, 1) }
	x5, y5 := smallPoint()
	for _, row := range []struct{ name, document, want string }{
		{"an issuer that is not a string", with(ecJWK, `,"issuer":["https://a"]`), `member "issuer": is not a string`},
		{"an issuer in another case", with(ecJWK, `,"Issuer":"https://a"`), `member name differs only in case from "issuer"`},
		{"109 a point that is not on the curve", ecOf(x, new(big.Int).Add(y, one)), "is not a point on its curve"},
		{"109 swapped coordinates", ecOf(y, x), "is not a point on its curve"},
		{"109 the point at infinity", ecOf(zero, zero), "is not a point on its curve"},
		{"109 x of 0 and a y that does not match", ecOf(zero, one), "is not a point on its curve"},
		{"109 x not reduced, of a point on the curve", ecOf(new(big.Int).Add(x5, p256.P), y5), "is not a point on its curve"},
		{"109 coordinates with all bits set", ecOf(maxInt(256), maxInt(256)), "is not a point on its curve"},
		{"95 a P-256 point with crv P-384", rename(ecJWK, "P-256", "P-384"), "is not a point on its curve"},
		{"95 a P-384 point with crv P-256", rename(jwk(ecKey(elliptic.P384(), 1).Public(), ""), "P-384", "P-256"), `member "x" is longer than 32 bytes`},
		{"109 a coordinate without its first byte", rename(ecJWK, b64(x.Bytes()), b64(x.Bytes()[1:])), "is not a point on its curve"},
		{"109 a coordinate without its last byte", rename(ecJWK, b64(x.Bytes()), b64(x.Bytes()[:31])), "is not a point on its curve"},
		{"109 a coordinate with a zero behind", rename(ecJWK, b64(x.Bytes()), b64(append(x.Bytes(), 0))), `member "x" is longer than 32 bytes`},
		{"109 a coordinate with another byte in front", rename(ecJWK, b64(x.Bytes()), b64(append([]byte{1}, x.Bytes()...))), `member "x" is longer than 32 bytes`},
		{"109 no y", without(ecJWK, "y"), `member "y" is not base64url`},
		{"109 an empty x", rename(ecJWK, b64(x.Bytes()), ""), `member "x" is not base64url`},
		{"46 too much padding", rename(ecJWK, b64(x.Bytes()), b64(x.Bytes())+"=="), `member "x" is not base64url`},
		{"46 four characters of padding", rename(rsaJWK, `"AQAB"`, `"AQAB===="`), `member "e" is not base64url`},
		{"46 padding that is not needed", rename(rsaJWK, `"AQAB"`, `"AQAB="`), `member "e" is not base64url`},
		{"46 too little padding", rename(rsaJWK, `"AQAB"`, `"AQ="`), `member "e" is not base64url`},
		{"46 padding inside", rename(rsaJWK, `"AQAB"`, `"AQ==AQAB"`), `member "e" is not base64url`},
		{"46 padding only", rename(rsaJWK, `"AQAB"`, `"===="`), `member "e" is not base64url`},
		{"49 stray bits before padding", rename(rsaJWK, `"AQAB"`, `"AQB="`), `member "e" is not base64url`},
		{"45 a line break in base64", rename(ecJWK, b64(x.Bytes()), b64(x.Bytes())+`\n`), `member "x" is not base64url`},
		{"47 the standard alphabet", rename(rsaJWK, "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_K", "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8/K"), `member "n" is not base64url`},
		{"49 stray bits", rename(rsaJWK, `"AQAB"`, `"AQB"`), `member "e" is not base64url`},
		{"99 secp256k1", rename(ecJWK, "P-256", "secp256k1"), "crv is not supported"},
		{"99 a lower-case curve", rename(ecJWK, "P-256", "p-256"), "crv is not supported"},
		{"99 no curve", without(ecJWK, "crv"), "crv is not supported"},
		{"100 Ed448", `{"kty":"OKP","crv":"Ed448","x":"` + b64(make([]byte, 57)) + `"}`, "crv is not supported"},
		{"102 X25519", rename(edJWK, "Ed25519", "X25519"), "is not for verifying signatures"},
		{"102 X25519 with use sig", with(rename(edJWK, "Ed25519", "X25519"), `,"use":"sig"`), "crv is not supported"},
		{"102 X25519 in another case", rename(edJWK, "Ed25519", "x25519"), "crv is not supported"},
		{"110 RSA-OAEP with use sig", with(rsaJWK, `,"alg":"RSA-OAEP","use":"sig"`), `member "alg": jose: algorithm not supported`},
		{"110 RSA-OAEP with key_ops verify", with(rsaJWK, `,"alg":"RSA-OAEP","key_ops":["verify"]`), `member "alg": jose: algorithm not supported`},
		{"110 RSA-OAEP in another case", with(rsaJWK, `,"alg":"rsa-oaep"`), `member "alg": jose: algorithm not supported`},
		{"100 an Ed25519 curve on an EC key", rename(ecJWK, "P-256", "Ed25519"), "crv is not supported"},
		{"100 33 bytes of Ed25519, with a zero in front", rename(edJWK, b64(edKey.Public().(ed25519.PublicKey)), b64(append([]byte{0}, edKey.Public().(ed25519.PublicKey)...))), `member "x" is not 32 bytes`},
		{"100 31 bytes of Ed25519", `{"kty":"OKP","crv":"Ed25519","x":"` + b64(make([]byte, 31)) + `"}`, `member "x" is not 32 bytes`},
		{"106 RSA with 512 bits", rsaOf(modulus(512), "AQAB"), "modulus is shorter than 2048 bits"},
		{"106 RSA with 1024 bits", rsaOf(modulus(1024), "AQAB"), "modulus is shorter than 2048 bits"},
		{"106 RSA with 2047 bits", rsaOf(modulus(2047), "AQAB"), "modulus is shorter than 2048 bits"},
		{"106 1024 bits with leading zeros", `{"kty":"RSA","n":"` + b64(append(make([]byte, 128), modulus(1024).Bytes()...)) + `","e":"AQAB"}`, "modulus is shorter than 2048 bits"},
		{"106 a modulus of zeros", `{"kty":"RSA","n":"` + b64(make([]byte, 256)) + `","e":"AQAB"}`, "modulus is shorter than 2048 bits"},
		{"108 RSA with 8193 bits", rsaOf(modulus(8193), "AQAB"), "modulus is longer than 8192 bits"},
		{"108 RSA with 16384 bits", rsaOf(modulus(16384), "AQAB"), "modulus is longer than 8192 bits"},
		{"107 an even modulus", rsaOf(new(big.Int).Add(modulus(2048), one), "AQAB"), "modulus is even"},
		{"107 an exponent of 0", rsaOf(modulus(2048), "AA"), "exponent is not an odd number of at least 3"},
		{"107 an exponent of 1", rsaE(1), "exponent is not an odd number of at least 3"},
		{"107 an exponent of 2", rsaE(2), "exponent is not an odd number of at least 3"},
		{"107 an exponent of 65536", rsaE(65536), "exponent is not an odd number of at least 3"},
		{"107 an exponent of 2^31", rsaE(1 << 31), "exponent is longer than 31 bits"},
		{"107 an exponent of 2^31+1", rsaE(1<<31 + 1), "exponent is longer than 31 bits"},
		{"107 an exponent of 2^32+65537, which is 65537 in 32 bits", rsaE(1<<32 + 65537), "exponent is longer than 31 bits"},
		{"107 an exponent of 2^64+65537, which is 65537 in 64 bits", rsaOf(modulus(2048), b64(append([]byte{1, 0, 0, 0, 0, 0}, 1, 0, 1))), "exponent is longer than 31 bits"},
		{"107 an exponent as long as the modulus", rsaOf(modulus(2048), b64(modulus(2048).Bytes())), "exponent is longer than 31 bits"},
		{"107 ROCA (CVE-2017-15361)", rsaOf(roca(), "AQAB"), "modulus has the fingerprint of CVE-2017-15361 (ROCA)"},
		{"173 no n", without(rsaJWK, "n"), `member "n" is not base64url`},
		{"173 no e", without(rsaJWK, "e"), `member "e" is not base64url`},
		{"173 an empty e", rename(rsaJWK, "AQAB", ""), `member "e" is not base64url`},
		{"173 e a number", rename(rsaJWK, `"AQAB"`, `65537`), `member "e": is not a string`},
		{"173 n null", rename(rsaJWK, `"n":"`+b64(rsaKey().N.Bytes())+`"`, `"n":null`), `member "n" is not base64url`},
		{"175 a private EC key", with(ecJWK, `,"d":"AA"`), `member "d": is secret and must not be in a key set`},
		{"175 a private RSA key", with(rsaJWK, `,"d":"AA","p":"AA"`), `member "d": is secret and must not be in a key set`},
		{"175 an RSA key with only one prime", with(rsaJWK, `,"p":"AA"`), `member "p": is secret and must not be in a key set`},
		{"175 an RSA key with only dp", with(rsaJWK, `,"dp":"AA"`), `member "dp": is secret and must not be in a key set`},
		{"175 an RSA key with more primes", with(rsaJWK, `,"oth":[]`), `member "oth": is secret and must not be in a key set`},
		{"175 an Ed25519 seed", with(edJWK, `,"d":"AA"`), `member "d": is secret and must not be in a key set`},
		{"175 a private member in capitals", with(edJWK, `,"D":"AA"`), `member name differs only in case from "d"`},
		{"176 a symmetric key", `{"kty":"oct","k":"c2VjcmV0"}`, `member "k": is secret and must not be in a key set`},
		{"92 a public key with a symmetric key in k", with(rsaJWK, `,"k":"c2VjcmV0"`), `member "k": is secret and must not be in a key set`},
		{"176 oct without its key", `{"kty":"oct"}`, "kty is not RSA, EC or OKP"},
		{"112 AKP", `{"kty":"AKP","alg":"ML-DSA-65","pub":"AA"}`, `member "alg": jose: algorithm not supported`},
		{"112 AKP without alg", `{"kty":"AKP","pub":"AA"}`, "kty is not RSA, EC or OKP"},
		{"112 a private AKP key", `{"kty":"AKP","priv":"AA"}`, `member "priv": is secret and must not be in a key set`},
		{"173 a lower-case kty", rename(rsaJWK, "RSA", "rsa"), "kty is not RSA, EC or OKP"},
		{"173 no kty", without(rsaJWK, "kty"), "kty is not RSA, EC or OKP"},
		{"173 a kty that does not match the members", rename(rsaJWK, "RSA", "EC"), "crv is not supported"},
		{"173 kid a number", with(ecJWK, `,"kid":1`), `member "kid": is not a string`},
		{"173 a kid of 257 bytes", with(ecJWK, `,"kid":"`+strings.Repeat("k", 257)+`"`), `member "kid": is longer than 256 bytes`},
		{"127 use enc", with(ecJWK, `,"use":"enc"`), `member "use": is not for verifying signatures`},
		{"127 use SIG", with(ecJWK, `,"use":"SIG"`), `member "use": is not sig`},
		{"127 key_ops without verify", with(ecJWK, `,"key_ops":["encrypt","sign"]`), `member "key_ops": is not for verifying signatures`},
		{"127 empty key_ops", with(ecJWK, `,"key_ops":[]`), `member "key_ops": is not for verifying signatures`},
		{"173 key_ops a string", with(ecJWK, `,"key_ops":"verify"`), `member "key_ops": is not an array of strings`},
		{"127 alg of another key type", with(ecJWK, `,"alg":"RS256"`), "alg RS256 does not match the key"},
		{"127 alg of another curve", with(ecJWK, `,"alg":"ES384"`), "alg ES384 does not match the key"},
		{"127 alg EdDSA on an EC key", with(ecJWK, `,"alg":"EdDSA"`), "alg EdDSA does not match the key"},
		{"127 alg for encryption", with(rsaJWK, `,"alg":"RSA-OAEP"`), "is not for verifying signatures"},
		{"127 alg of an HMAC", with(rsaJWK, `,"alg":"HS256"`), `member "alg": jose: algorithm not supported`},
		{"127 alg none", with(rsaJWK, `,"alg":"none"`), `member "alg": jose: algorithm not supported`},
		{"247 a duplicate member", with(rsaJWK, `,"e":"Aw"`), "duplicate member name"},
		{"247 a duplicate member, once with an escape", with(rsaJWK, `,"\u0065":"Aw"`), "duplicate member name"},
		{"56 a member in capitals", with(ecJWK, `,"ALG":"none"`), `member name differs only in case from "alg"`},
		{"173 an array", `[]`, "not a JSON object"},
		{"173 null", `null`, "not a JSON object"},
	} {
		key, err := jose.ParseKey([]byte(row.document))
		if want := "jose: key: " + row.want; key != nil || err == nil || offset.ReplaceAllString(err.Error(), "") != want {
			t.Errorf("%s (-want +got)\n- %s\n+ %v", row.name, want, err)
		}
	}
}

// Some issuers publish padding and other numbers of leading zeros than RFC 7515 §2 and RFC 7518
// §2 and §6.2.1.2 require. The key is the same as in the required form.
func TestPaddingAndZerosDoNotChangeAKey(t *testing.T) {
	short, x, _ := keytest.ShortX()
	modulus, ec, ed := b64(rsaKey().N.Bytes()), jwk(&short.PublicKey, ""), b64(edKey.Public().(ed25519.PublicKey))
	for _, row := range []struct{ name, canonical, from, to string }{
		{"a padded modulus", rsaJWK, modulus, modulus + "=="},
		{"a zero in front of the modulus", rsaJWK, modulus, b64(append([]byte{0}, rsaKey().N.Bytes()...))},
		{"a padded exponent with a zero in front", rsaJWK, "AQAB", "AAEAAQ=="},
		{"a coordinate of 31 bytes", ec, b64(x), b64(x[1:])},
		{"a coordinate of 31 bytes, padded", ec, b64(x), b64(x[1:]) + "=="},
		{"a coordinate of 33 bytes", ec, b64(x), b64(append([]byte{0}, x...))},
		{"a padded coordinate", ec, b64(x), b64(x) + "="},
		{"a padded Ed25519 key", edJWK, ed, ed + "="},
	} {
		if !strings.Contains(row.canonical, `"`+row.from+`"`) {
			t.Fatalf("%s: %s does not contain %s", row.name, row.canonical, row.from)
		}
		want, err := jose.ParseKey([]byte(row.canonical))
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		got, err := jose.ParseKey([]byte(strings.Replace(row.canonical, `"`+row.from+`"`, `"`+row.to+`"`, 1)))
		if err != nil || !got.Equivalent(want) {
			t.Errorf("%s: got %+v, %v; want the key of the required form", row.name, got, err)
		}
	}
}

// Some issuers write null or an empty text for a member that they do not use.
func TestNullAndEmptyMembersAreAbsent(t *testing.T) {
	for _, jwk := range []string{rsaJWK, ecJWK, edJWK} {
		want, err := jose.ParseKey([]byte(jwk))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"kid", "use", "key_ops", "alg", "crv", "n", "e", "x", "y", "issuer", "d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv", "x5c", "x5t", "ext"} {
			if strings.Contains(jwk, `"`+name+`"`) {
				continue // a part of the key
			}
			for _, value := range []string{"null", `""`} {
				key, err := jose.ParseKey([]byte(with(jwk, `,"`+name+`":`+value)))
				if err != nil || !reflect.DeepEqual(key, want) {
					t.Errorf("%s is %s: got %+v, %v", name, value, key, err)
				}
			}
		}
	}
	for _, value := range []string{`"AA"`, `" "`, `0`, `false`, `[]`, `{}`, `[null]`} {
		if _, err := jose.ParseKey([]byte(with(ecJWK, `,"d":`+value))); err == nil || !strings.Contains(err.Error(), "is secret") {
			t.Errorf("d is %s: got %v, want an error", value, err)
		}
	}
}

func TestKeysForOtherUses(t *testing.T) {
	for _, row := range []struct{ name, document string }{
		{"use enc, last", with(ecJWK, `,"use":"enc"`)},
		{"operations for encryption", with(ecJWK, `,"key_ops":["encrypt"]`)},
		{"an algorithm for encryption before use enc, as Keycloak writes it", `{"kid":"k","kty":"RSA","alg":"RSA-OAEP","use":"enc","n":"AQAB","e":"AQAB"}`},
		{"a type for encryption before use enc", `{"kty":"OKP","crv":"X25519","alg":"ECDH-ES","x":"AA","use":"enc"}`},
		{"a kid that is not a string before use enc", `{"kid":1,"kty":"EC","use":"enc"}`},
		{"RSA-OAEP without use", with(rsaJWK, `,"alg":"RSA-OAEP"`)},
		{"RSA-OAEP-256 with an empty use", with(rsaJWK, `,"alg":"RSA-OAEP-256","use":""`)},
		{"RSA1_5 without use", with(rsaJWK, `,"alg":"RSA1_5"`)},
		{"ECDH-ES without use", with(ecJWK, `,"alg":"ECDH-ES"`)},
		{"ECDH-ES+A256KW without use", with(ecJWK, `,"alg":"ECDH-ES+A256KW"`)},
		{"X25519 without use", `{"kty":"OKP","crv":"X25519","x":"AA"}`},
		{"X448 without use", `{"kty":"OKP","crv":"X448","x":"AA"}`},
	} {
		if _, err := jose.ParseKey([]byte(row.document)); !errors.Is(err, jose.ErrNotForSignatures) {
			t.Errorf("%s: got %v, want ErrNotForSignatures", row.name, err)
		}
	}
}

// coordinates returns those of a point on P-256.
func coordinates() (x, y *big.Int) {
	point, err := ecKey(elliptic.P256(), 1).PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	return new(big.Int).SetBytes(point[1:33]), new(big.Int).SetBytes(point[33:])
}

// smallPoint returns a point on P-256 with an x so small that the sum of x and the field's prime
// has at most 32 bytes.
func smallPoint() (x, y *big.Int) {
	c := elliptic.P256().Params()
	for n := int64(1); ; n++ {
		x = big.NewInt(n)
		square := new(big.Int).Exp(x, big.NewInt(3), c.P) // y² = x³ - 3x + b
		square.Sub(square, new(big.Int).Mul(x, big.NewInt(3))).Add(square, c.B).Mod(square, c.P)
		if y = new(big.Int).ModSqrt(square, c.P); y != nil {
			return x, y
		}
	}
}

// maxInt returns the largest number with the given number of bits.
func maxInt(bits uint) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), bits)
	return n.Sub(n, big.NewInt(1))
}

// Errors are logged. They must not quote the key.
func TestKeyErrorsDoNotQuoteKey(t *testing.T) {
	for _, document := range []string{
		`{"kty":"hunter2"}`, `{"kty":"oct","k":"hunter2"}`, with(ecJWK, `,"alg":"hunter2"`), with(ecJWK, `,"use":"hunter2"`),
		`{"kty":"RSA","n":"hunter2=","e":"AQAB"}`, `{"kty":"EC","crv":"hunter2"}`, `{"hunter2":1,"hunter2":2}`, with(ecJWK, `,"kid":"`+strings.Repeat("hunter2", 60)+`"`),
	} {
		if _, err := jose.ParseKey([]byte(document)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v", document, err)
		}
	}
}
