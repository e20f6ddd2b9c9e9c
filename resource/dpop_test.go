package resource_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	pointer = `resource_metadata="` + metadataURL + `"`
	algs    = `, algs="ES256 ES384 ES512 PS256 PS384 PS512 EdDSA Ed25519"`

	invalidProof = `, error="invalid_dpop_proof", error_description="The DPoP proof is missing or invalid"`
)

// acceptDPoP makes a fixture accept tokens that are bound to a key.
func acceptDPoP(c *resource.Config, _ *jwks.Config) {
	c.Credentials.DPoP.Tokens = resource.BindingAccepted
}

// proven is a response to a request with a proof.
type proven struct {
	status     int
	challenges []string
	nonce      string
}

// sendProof sends a request through the middleware.
func (f *fixture) sendProof(req *http.Request) proven {
	f.t.Helper()
	recorder := httptest.NewRecorder()
	nethttp.Middleware(f.res)(f.inner).ServeHTTP(recorder, req)
	return proven{recorder.Code, recorder.Header().Values("WWW-Authenticate"), recorder.Header().Get("DPoP-Nonce")}
}

func (f *fixture) expectProof(name string, got, want proven) {
	f.t.Helper()
	if got.status != want.status || got.nonce != want.nonce || !slices.Equal(got.challenges, want.challenges) {
		f.t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
	}
}

func post(url string) *http.Request { return httptest.NewRequest(http.MethodPost, url, nil) }

// RFC 9449 §4.3, §7.1
func TestProofOfEachAlgorithm(t *testing.T) {
	f := newFixture(t, acceptDPoP)
	for _, alg := range []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"} {
		key := resourcetest.NewProofKey(alg)
		token := f.token(resourcetest.Token{ProofKey: key})
		for _, use := range []string{"first", "cached"} {
			req := post(identifier)
			key.SetProof(req, token)
			f.expectProof(alg+" "+use, f.sendProof(req), proven{status: 200})
		}
	}
}

// RFC 9449 §4.3, and the RFCs that it refers to
func TestFaultyProofs(t *testing.T) {
	f := newFixture(t, acceptDPoP)
	for _, fault := range resourcetest.ProofFaults() {
		key := resourcetest.NewProofKey("").Faulty(fault)
		req := post(identifier)
		key.SetProof(req, f.token(resourcetest.Token{ProofKey: key}))
		f.expectProof(string(fault), f.sendProof(req), proven{401, []string{"Bearer " + pointer, "DPoP " + pointer + invalidProof + algs}, ""})
		t.Log(fault, f.log.take())
	}
}
