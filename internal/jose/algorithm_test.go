package jose_test

import (
	"crypto"
	"crypto/elliptic"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/jose"
)

func TestAlgorithmNames(t *testing.T) {
	want := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
	if got := jose.AlgorithmNames(); !slices.Equal(got, want) {
		t.Errorf("(-want +got)\n- %q\n+ %q", want, got)
	}
	for _, name := range want {
		if a, err := jose.ParseAlgorithm(name); err != nil || a.String() != name {
			t.Errorf("%s: got %v, error %v", name, a, err)
		}
	}
	if a, err := jose.ParseAlgorithm("none"); !errors.Is(err, jose.ErrAlgorithm) || a.String() != "" {
		t.Errorf("none: got %v, error %v", a, err)
	}
}

func TestParseAlgorithms(t *testing.T) {
	all := `["RS256" "RS384" "RS512" "PS256" "PS384" "PS512" "ES256" "ES384" "ES512" "EdDSA" "Ed25519"]`
	for _, row := range []struct {
		name      string
		names     []string
		want, err string
	}{
		{"nil, which means all", nil, strings.Join(jose.AlgorithmNames(), " "), ""},
		{"two algorithms, whose order is kept", []string{"PS256", "ES384"}, "PS256 ES384", ""},
		{"an empty list", []string{}, "", "no algorithm is allowed: leave the list nil for all of " + all},
		{"the algorithm none", []string{"ES256", "none"}, "", `algorithm "none" is not one of ` + all},
		{"an HMAC", []string{"HS256"}, "", `algorithm "HS256" is not one of ` + all},
		{"an empty name", []string{""}, "", `algorithm "" is not one of ` + all},
		{"a lower-case name", []string{"es256"}, "", `algorithm "es256" is not one of ` + all},
		{"a duplicate", []string{"ES256", "ES256"}, "", `duplicate algorithm "ES256"`},
	} {
		got, err := jose.ParseAlgorithms(row.names)
		var names, message []string
		for _, a := range got {
			names = append(names, a.String())
		}
		if err != nil {
			message = append(message, err.Error())
		}
		if strings.Join(names, " ") != row.want || strings.Join(message, "") != row.err {
			t.Errorf("%s (-want +got)\n- %s %s\n+ %s %v", row.name, row.want, row.err, names, err)
		}
	}
}

// A signature verifies with the key that made it, and with no key of another type or curve,
// and no other key of the same type (RFC 8725 §3.1).
func TestEveryAlgorithmWithEveryKey(t *testing.T) {
	for _, alg := range jose.AlgorithmNames() {
		own := familyOf(alg)
		signed := mustParse(t, token(alg))
		for _, f := range families {
			key, other := mustKey(t, jwk(f.key().Public(), "")), mustKey(t, jwk(f.otherKey().Public(), ""))
			if got, want := key.Verify(signed), f.name == own.name; got != want {
				t.Errorf("%s with the %s key: got %v, want %v", alg, f.name, got, want)
			}
			if other.Verify(signed) {
				t.Errorf("%s: verified with another %s key", alg, f.name)
			}
		}
	}
}

// A token is rejected if its alg is not the algorithm of its signature, even if the key is
// valid for both. EdDSA and Ed25519 are one algorithm (RFC 9864 §2.2).
func TestEverySignatureWithEveryAlgHeader(t *testing.T) {
	for _, signedWith := range jose.AlgorithmNames() {
		f := familyOf(signedWith)
		key := mustKey(t, jwk(f.key().Public(), ""))
		for _, alg := range jose.AlgorithmNames() {
			token, err := jose.Parse(sign(signedWith, f.key(), `{"alg":"`+alg+`"}`, `{}`))
			got := err == nil && key.Verify(token)
			if want := signedWith == alg || f.name == "Ed25519" && familyOf(alg).name == "Ed25519"; got != want {
				t.Errorf("signed with %s, alg %s: got %v, want %v", signedWith, alg, got, want)
			}
		}
	}
}

// A key with an alg is valid for that algorithm only (RFC 7517 §4.4).
func TestAlgOfKey(t *testing.T) {
	for _, alg := range jose.AlgorithmNames() {
		f := familyOf(alg)
		key := mustKey(t, jwk(f.key().Public(), `,"alg":"`+alg+`"`))
		for _, other := range jose.AlgorithmNames() {
			want := other == alg || f.name == "Ed25519" && familyOf(other).name == "Ed25519"
			parsed, _ := jose.ParseAlgorithm(other)
			if got := key.Accepts(parsed); got != want {
				t.Errorf("a %s key accepts %s: got %v, want %v", alg, other, got, want)
			}
			if got := key.Verify(mustParse(t, token(other))); got != want {
				t.Errorf("a %s key verifies %s: got %v, want %v", alg, other, got, want)
			}
		}
		if key.Accepts(jose.Algorithm{}) {
			t.Errorf("a %s key accepts the zero algorithm", alg)
		}
	}
}

// RFC 7518 §3.5: the salt has the length of the hash.
func TestPSSSaltLength(t *testing.T) {
	key := mustKey(t, jwk(rsaKey().Public(), ""))
	for _, alg := range []string{"PS256", "PS384", "PS512"} {
		size := hashOf(alg).Size()
		for _, salt := range []int{1, 20, 32, 48, 64, 256 - size - 2} {
			input := b64([]byte(`{"alg":"`+alg+`"}`)) + ".e30"
			got := key.Verify(mustParse(t, input+"."+b64(signature(alg, rsaKey(), input, salt))))
			if want := salt == size; got != want {
				t.Errorf("%s with a salt of %d bytes: got %v, want %v", alg, salt, got, want)
			}
		}
		// A salt of 0 bytes is not tested: in crypto/rsa, 0 means automatic.
	}
}

// The number at the beginning of a name is that of the input in the project's list of bad
// inputs. TestHostile of package resource uses the same numbers.
func TestSignatureEdgeCases(t *testing.T) {
	ec, n := ecKey(elliptic.P256(), 1), elliptic.P256().Params().N
	input := func(alg string) string { return b64([]byte(`{"alg":"`+alg+`"}`)) + ".e30" }
	rs := signature("ES256", ec, input("ES256"), 0)
	r, s := new(big.Int).SetBytes(rs[:32]), new(big.Int).SetBytes(rs[32:])
	pair := func(r, s *big.Int) []byte {
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	zero, one, complement := new(big.Int), big.NewInt(1), new(big.Int).Sub(n, s)
	ed, pkcs1 := signature("EdDSA", edKey, input("EdDSA"), 0), signature("RS256", rsaKey(), input("RS256"), 0)
	for _, row := range []struct {
		name, alg string
		signature []byte
		want      bool
	}{
		{"a valid signature", "ES256", rs, true},
		{"98 the complement of s, which is valid too", "ES256", pair(r, complement), true},
		{"96 r and s zero (CVE-2022-21449)", "ES256", pair(zero, zero), false},
		{"97 r zero", "ES256", pair(zero, s), false},
		{"97 s zero", "ES256", pair(r, zero), false},
		{"97 r equal to the order", "ES256", pair(n, s), false},
		{"97 s equal to the order", "ES256", pair(r, n), false},
		{"97 r and s equal to the order", "ES256", pair(n, n), false},
		{"97 r and s one", "ES256", pair(one, one), false},
		{"97 r and s swapped", "ES256", pair(s, r), false},
		{"97 r and s with all bits set", "ES256", []byte(strings.Repeat("\xff", 64)), false},
		{"97 DER truncated to 64 bytes", "ES256", derOf(r, s)[:64], false},
		{"97 31 bytes of r", "ES256", append(rs[1:32:32], rs[32:]...), false},
		{"97 a leading zero in r and s", "ES256", append(append([]byte{0}, rs[:32]...), append([]byte{0}, rs[32:]...)...), false},
		{"a valid signature", "EdDSA", ed, true},
		{"101 S plus the group order (RFC 8032 §5.1.7)", "EdDSA", append(ed[:32:32], plusOrder(ed[32:])...), false},
		{"101 the highest bit of S set", "EdDSA", append(ed[:63:63], ed[63]|0x80), false},
		{"101 zeros", "EdDSA", make([]byte, 64), false},
		{"a valid signature", "RS256", pkcs1, true},
		{"105 a leading zero", "RS256", append([]byte{0}, pkcs1...), false},
		{"105 the first byte missing", "RS256", pkcs1[1:], false},
		{"105 the signature plus the modulus, in 257 bytes", "RS256", new(big.Int).Add(rsaKey().N, new(big.Int).SetBytes(pkcs1)).FillBytes(make([]byte, 257)), false},
		{"105 zeros", "RS256", make([]byte, 256), false},
		{"107 the padded digest, which verifies with an exponent of 1", "RS256", paddedDigest(input("RS256")), false},
	} {
		token, err := jose.Parse(input(row.alg) + "." + b64(row.signature))
		got := err == nil && mustKey(t, jwk(familyOf(row.alg).key().Public(), "")).Verify(token)
		if got != row.want {
			t.Errorf("%s, %s: got %v, want %v", row.alg, row.name, got, row.want)
		}
	}
}

// derOf returns the signature in DER.
func derOf(r, s *big.Int) []byte {
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		panic(err)
	}
	return der
}

// plusOrder returns S, which is little-endian, plus the order of Ed25519's group.
func plusOrder(s []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	reversed := slices.Clone(s)
	slices.Reverse(reversed)
	sum := new(big.Int).SetBytes(reversed)
	sum.Add(sum, order).FillBytes(reversed)
	slices.Reverse(reversed)
	return reversed
}

// paddedDigest returns the SHA-256 digest of input with PKCS #1 v1.5 padding for 2048 bits.
func paddedDigest(input string) []byte {
	h := crypto.SHA256.New()
	h.Write([]byte(input))
	prefix := "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
	tail := prefix + string(h.Sum(nil))
	return []byte("\x00\x01" + strings.Repeat("\xff", 256-3-len(tail)) + "\x00" + tail)
}
