package probe

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// maxKeys limits how many keys of a key set are read.
const maxKeys = 20 // keys of a key set that a probe reads

// publicKey is a published key of an authorization server.
type publicKey struct {
	id  string // kid; "" if absent
	key crypto.PublicKey
}

// publishedKeys fetches the keys of the first authorization server that has metadata.
func (e *evidence) publishedKeys(ctx context.Context) (keys []publicKey) {
	for _, as := range e.servers {
		address := as.doc.text("jwks_uri")
		if address == "" {
			continue
		}
		set := e.sender.send(ctx, http.MethodGet, address, documentHeader(), "")
		if !set.ok() {
			return nil
		}
		members, err := readObject([]byte(set.body))
		if err != nil {
			return nil
		}
		_ = strictjson.Elements(members["keys"], func(value jsontext.Value) error { // what was read before a mistake is used
			if key, ok := readKey(value); ok {
				keys = append(keys, key)
			}
			if len(keys) == maxKeys {
				return errors.New("enough")
			}
			return nil
		})
		return keys
	}
	return nil
}

// readKey reads a public RSA, EC or Ed25519 key. The key is used only to imitate an attacker, so it
// need not be strong.
func readKey(value jsontext.Value) (publicKey, bool) {
	members, err := readObject(value)
	if err != nil {
		return publicKey{}, false
	}
	d := document{members: members}
	number := func(name string) []byte {
		octets, err := base64.RawURLEncoding.DecodeString(d.text(name))
		if err != nil {
			return nil
		}
		return octets
	}
	found := publicKey{id: d.text("kid")}
	curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[d.text("crv")]
	switch d.text("kty") {
	case "RSA":
		n, exponent := new(big.Int).SetBytes(number("n")), new(big.Int).SetBytes(number("e"))
		if n.BitLen() < 512 || n.BitLen() > 16384 || !exponent.IsInt64() || exponent.Int64() > 1<<31-1 {
			return found, false
		}
		found.key = &rsa.PublicKey{N: n, E: int(exponent.Int64())}
	case "EC":
		if curve == nil {
			return found, false
		}
		size := (curve.Params().BitSize + 7) / 8
		x, y := number("x"), number("y")
		if len(x) != size || len(y) != size {
			return found, false
		}
		key, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), y...))
		if err != nil {
			return found, false
		}
		found.key = key
	case "OKP":
		if x := number("x"); d.text("crv") == "Ed25519" && len(x) == ed25519.PublicKeySize {
			found.key = ed25519.PublicKey(x)
		}
	}
	return found, found.key != nil
}

// likeness returns a key of the attacker of the same kind as a published key.
func (f *forge) likeness(of publicKey) (crypto.Signer, error) {
	switch public := of.key.(type) {
	case *rsa.PublicKey:
		return rsa.GenerateKey(rand.Reader, 2048)
	case *ecdsa.PublicKey:
		return ecdsa.GenerateKey(public.Curve, rand.Reader)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return private, err
}
