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
	"slices"

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
	found := publicKey{id: d.text("kid")}
	switch d.text("kty") {
	case "RSA":
		found.key = readRSA(d)
	case "EC":
		found.key = readEC(d)
	case "OKP":
		if x := d.octets("x"); d.text("crv") == "Ed25519" && len(x) == ed25519.PublicKeySize {
			found.key = ed25519.PublicKey(x)
		}
	}
	return found, found.key != nil
}

// octets returns a member that must be base64url; nil if it is not.
func (d document) octets(name string) []byte {
	octets, err := base64.RawURLEncoding.DecodeString(d.text(name))
	if err != nil {
		return nil
	}
	return octets
}

// readRSA returns nil if the key cannot be used.
func readRSA(d document) crypto.PublicKey {
	n, exponent := new(big.Int).SetBytes(d.octets("n")), new(big.Int).SetBytes(d.octets("e"))
	if n.BitLen() < 512 || n.BitLen() > 16384 || !exponent.IsInt64() || exponent.Int64() > 1<<31-1 {
		return nil
	}
	return &rsa.PublicKey{N: n, E: int(exponent.Int64())}
}

// readEC returns nil if the key cannot be used.
func readEC(d document) crypto.PublicKey {
	curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[d.text("crv")]
	if curve == nil {
		return nil
	}
	size := (curve.Params().BitSize + 7) / 8
	x, y := d.octets("x"), d.octets("y")
	if len(x) != size || len(y) != size {
		return nil
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil // not the typed nil
	}
	return key
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
