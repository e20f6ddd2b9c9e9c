package gate_test

import (
	"os"
	"testing"

	"github.com/warder-go/warder/internal/gate"
)

// The example file is valid.
func TestExampleFile(t *testing.T) {
	text, err := os.ReadFile("../../examples/deploy/gate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, string(text))
	cert, key := newCertificate(t, 1)
	f.write("tls.crt", cert)
	f.write("tls.key", key)
	g, err := gate.New(f.config())
	if err != nil {
		t.Fatal(err)
	}
	g.Close()
}
