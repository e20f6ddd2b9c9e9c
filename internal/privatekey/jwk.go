package privatekey

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

var names = strictjson.NewNames("kty", "kid", "alg", "use", "crv", "n", "e", "d", "p", "q", "oth", "x", "y", "keys")

// members are the members of a JWK that are strings.
type members map[string]string

// parseJWK reads a private JWK (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).
func parseJWK(content []byte) (Key, error) {
	m := members{}
	err := strictjson.Object(content, names, func(name string, value jsontext.Value) error {
		switch {
		case name == "keys":
			return errors.New("JWK Set; store one key only")
		case strictjson.IsAbsent(value):
			return nil
		}
		text, err := strictjson.String(value)
		if err != nil {
			return err
		}
		m[name] = text
		return nil
	})
	if err != nil {
		return Key{}, fmt.Errorf("JWK: %w", err)
	}
	if use := m["use"]; use != "" && use != "sig" {
		return Key{}, errors.New("JWK: use is not sig")
	}
	if m["d"] == "" {
		return Key{}, errors.New("JWK: has no d, so it is not a private key")
	}
	key := Key{ID: m["kid"], Algorithm: m["alg"]}
	switch m["kty"] {
	case "RSA":
		key.Signer, err = m.rsa()
	case "EC":
		key.Signer, err = m.ec()
	case "OKP":
		key.Signer, err = m.ed25519()
	default:
		err = errors.New("JWK: kty is not RSA, EC or OKP")
	}
	if err != nil {
		return Key{}, err
	}
	return key, nil
}

// bytes decodes a required member.
func (m members) bytes(name string) ([]byte, error) {
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(m[name])
	if err != nil || len(decoded) == 0 {
		return nil, fmt.Errorf("JWK: member %q is absent or not base64url", name)
	}
	return decoded, nil
}

func (m members) rsa() (*rsa.PrivateKey, error) {
	if _, ok := m["oth"]; ok {
		return nil, errors.New("JWK: more than two primes are not supported")
	}
	numbers := map[string]*big.Int{}
	for _, name := range []string{"n", "e", "d", "p", "q"} {
		decoded, err := m.bytes(name)
		if err != nil {
			return nil, err
		}
		numbers[name] = new(big.Int).SetBytes(decoded)
	}
	if numbers["e"].BitLen() > 31 {
		return nil, errors.New("JWK: e is too large")
	}
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: numbers["n"], E: int(numbers["e"].Int64())},
		D:         numbers["d"], Primes: []*big.Int{numbers["p"], numbers["q"]},
	}
	if key.Validate() != nil {
		return nil, errors.New("JWK: the numbers of the RSA key do not belong together")
	}
	key.Precompute()
	return key, nil
}

func (m members) ec() (*ecdsa.PrivateKey, error) {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	curve := curves[m["crv"]]
	if curve == nil {
		return nil, errors.New("JWK: crv is not P-256, P-384 or P-521")
	}
	point := []byte{4} // SEC 1 §2.3.3: uncompressed
	for _, name := range []string{"x", "y"} {
		coordinate, err := m.bytes(name)
		if err != nil {
			return nil, err
		}
		point = append(point, coordinate...)
	}
	d, err := m.bytes("d")
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.ParseRawPrivateKey(curve, d)
	if err != nil {
		return nil, errors.New("JWK: d does not fit crv")
	}
	if public, err := key.PublicKey.Bytes(); err != nil || !bytes.Equal(public, point) {
		return nil, errors.New("JWK: x and y are not the public key of d")
	}
	return key, nil
}

func (m members) ed25519() (ed25519.PrivateKey, error) {
	if m["crv"] != "Ed25519" {
		return nil, errors.New("JWK: crv is not Ed25519")
	}
	seed, err := m.bytes("d")
	if err != nil {
		return nil, err
	}
	if len(seed) != ed25519.SeedSize {
		return nil, errors.New("JWK: d does not fit crv")
	}
	public, err := m.bytes("x")
	if err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	if !bytes.Equal(key[ed25519.SeedSize:], public) {
		return nil, errors.New("JWK: x is not the public key of d")
	}
	return key, nil
}
