package probe_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"github.com/warder-go/warder/internal/privatekey"
	"github.com/warder-go/warder/internal/probe"
)

// A test issuer can have a key of each algorithm that warder verifies. Its tokens are accepted, and
// those with a mistake are rejected.
func TestAlgorithms(t *testing.T) {
	signers := map[string]func() (crypto.Signer, error){
		"P-256": func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		"P-384": func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) },
		"P-521": func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P521(), rand.Reader) },
		"RSA":   func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) },
		"Ed25519": func() (crypto.Signer, error) {
			_, key, err := ed25519.GenerateKey(rand.Reader)
			return key, err
		},
	}
	onlyECDSA := []string{"zero-signature"}
	for _, row := range []struct {
		algorithm, kind string
		notChecked      []string
	}{
		{"", "P-256", nil}, {"ES256", "P-256", nil}, {"ES384", "P-384", nil}, {"ES512", "P-521", nil},
		{"", "RSA", onlyECDSA}, {"RS256", "RSA", onlyECDSA}, {"RS384", "RSA", onlyECDSA}, {"RS512", "RSA", onlyECDSA},
		{"PS256", "RSA", onlyECDSA}, {"PS384", "RSA", onlyECDSA}, {"PS512", "RSA", onlyECDSA},
		{"", "Ed25519", onlyECDSA}, {"EdDSA", "Ed25519", onlyECDSA},
	} {
		t.Run(row.kind+" "+row.algorithm, func(t *testing.T) {
			t.Parallel()
			signer, err := signers[row.kind]()
			if err != nil {
				t.Fatal(err)
			}
			s := startWithKey(t, "/mcp", privatekey.Key{Signer: signer, ID: "test", Algorithm: row.algorithm}, nil)
			report := run(t, s.withKey())
			wantIDs(t, report, nil, probe.Fail, probe.Warn)
			wantIDs(t, report, row.notChecked, probe.NotChecked)
		})
	}
}
