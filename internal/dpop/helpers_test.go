package dpop_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/dpop"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	endpoint = "https://mcp.example.test/mcp"
	token    = "the access token"
	window   = time.Minute
)

var at = time.Unix(1_700_000_000, 0)

func newChecker(t testing.TB, algorithms ...string) *dpop.Checker {
	t.Helper()
	c, err := dpop.NewChecker(algorithms)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// expected is what the proofs of the tests are made for.
func expected(t testing.TB, key *resourcetest.ProofKey) dpop.Expected {
	t.Helper()
	thumbprint, ok := jose.ParseThumbprint(key.Thumbprint())
	if !ok {
		t.Fatalf("thumbprint %q", key.Thumbprint())
	}
	return dpop.Expected{Method: "POST", URL: endpoint, Now: at, Window: window, Token: digest.Of(token), Thumbprint: thumbprint}
}

// valid is a valid proof.
var valid = resourcetest.Proof{Token: token, IssuedAt: at, ID: "id"}

func sum(text string) string {
	d := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(d[:])
}

// otherSigner returns a key that is not that of the proof.
func otherSigner() crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// claims are the claims of a proof as encoding/json reads them.
type claims struct {
	JTI, HTM, HTU, ATH, Nonce string
	IAT                       int64
}

func readClaims(t *testing.T, payload []byte) (c claims) {
	t.Helper()
	if err := json.Unmarshal(payload, &c); err != nil {
		t.Fatalf("%s: accepted, but not by encoding/json: %v", payload, err)
	}
	return c
}
