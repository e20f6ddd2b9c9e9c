package deploytest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/gate"
)

// The gate accepts the file in the ConfigMap, and the file for the unit.
func TestGateFiles(t *testing.T) {
	unit, err := os.ReadFile("../../examples/deploy/gate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"ConfigMap": read(t).config.Data["gate.yaml"], "gate.yaml": string(unit)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			text = strings.ReplaceAll(text, "/etc/warder-identity/", "")
			text = strings.NewReplacer("0.0.0.0:8443", "127.0.0.1:0", "\ntls:\n  cert_file: tls.crt\n  key_file: tls.key\n", "\n").Replace(text)
			for file, content := range map[string][]byte{"gate.yaml": []byte(text), "identity.pem": newKey(t)} {
				if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			g, err := gate.New(gate.Config{File: filepath.Join(dir, "gate.yaml"), Environ: []string{}})
			if err != nil {
				t.Fatal(err)
			}
			g.Close()
		})
	}
}

// newKey returns a private key as the files tell one to make it.
func newKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}
