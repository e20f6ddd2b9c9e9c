package privatekey_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"math/big"
	"testing"

	"github.com/warder-go/warder/internal/privatekey"
)

// Sign returns signatures in the form of a JWS (RFC 7518 §3.4, §3.5, RFC 8037 §3.1).
func TestSign(t *testing.T) {
	message := []byte("message")
	hash := sha256.Sum256(message)
	onP256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ofRSA, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, algorithm string
		signer          crypto.Signer
		verify          func(signature []byte) bool
	}{
		{"the default of P-256", "", onP256, func(s []byte) bool {
			return len(s) == 64 && ecdsa.Verify(&onP256.PublicKey, hash[:], new(big.Int).SetBytes(s[:32]), new(big.Int).SetBytes(s[32:]))
		}},
		{"PS256", "PS256", ofRSA, func(s []byte) bool {
			return rsa.VerifyPSS(&ofRSA.PublicKey, crypto.SHA256, hash[:], s, &rsa.PSSOptions{SaltLength: 32}) == nil
		}},
		{"the default of RSA", "", ofRSA, func(s []byte) bool { return rsa.VerifyPKCS1v15(&ofRSA.PublicKey, crypto.SHA256, hash[:], s) == nil }},
		{"the default of Ed25519", "", edwards, func(s []byte) bool { return ed25519.Verify(public, message, s) }},
	} {
		alg, err := privatekey.AlgorithmOf(row.signer, row.algorithm)
		if err != nil {
			t.Fatal(err)
		}
		if signature, err := alg.Sign(row.signer, message); err != nil || !row.verify(signature) {
			t.Errorf("%s: got %x, %v", row.name, signature, err)
		}
	}
	if _, err := privatekey.AlgorithmOf(onP256, "ES384"); !errors.Is(err, privatekey.ErrNoAlgorithm) {
		t.Errorf("ES384 for P-256: got %v", err)
	}
}
