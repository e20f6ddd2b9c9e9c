package resource_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	pointer = `resource_metadata="` + metadataURL + `"`
	algs    = `, algs="ES256 ES384 ES512 PS256 PS384 PS512 EdDSA Ed25519"`

	invalidToken   = `, error="invalid_token", error_description="The access token is invalid"`
	invalidProof   = `, error="invalid_dpop_proof", error_description="The DPoP proof is missing or invalid"`
	otherScheme    = `, error="invalid_token", error_description="The access token needs another authorization scheme"`
	otherKey       = `, error="invalid_token", error_description="The access token is bound to another key or certificate"`
	notBound       = `, error="invalid_token", error_description="The access token is not bound to its client, as this request requires"`
	needsNonce     = `, error="use_dpop_nonce", error_description="The DPoP proof must have a nonce of this server"`
	lacksScopeRead = `, scope="read", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`
)

// acceptDPoP makes a fixture accept tokens that are bound to a key.
func acceptDPoP(c *resource.Config, _ *jwks.Config) {
	c.Credentials.DPoP.Tokens = resource.BindingAccepted
}

func requireDPoP(c *resource.Config, _ *jwks.Config) {
	c.Credentials.DPoP.Tokens = resource.BindingRequired
}

// proven is a response to a request with a proof.
type proven struct {
	status     int
	challenges []string
	nonce      string
}

// The responses of a resource that accepts both schemes, by the scheme that the request used.
func refusedDPoP(status int, fault string) proven {
	return proven{status, []string{"Bearer " + pointer, "DPoP " + pointer + fault + algs}, ""}
}

func refusedBearer(status int, fault string) proven {
	return proven{status, []string{"Bearer " + pointer + fault, "DPoP " + pointer + algs}, ""}
}

// onlyDPoP is the response of a resource that requires DPoP.
func onlyDPoP(fault string) proven {
	return proven{401, []string{"DPoP " + pointer + fault + algs}, ""}
}

var provenAccepted = proven{status: 200}

// sendProof sends a request through the middleware.
func (f *fixture) sendProof(req *http.Request) proven {
	f.t.Helper()
	explained := f.explain(req)
	recorder := httptest.NewRecorder()
	nethttp.Middleware(f.res)(f.inner).ServeHTTP(recorder, req)
	explained(recorder, recorder.Code == http.StatusOK)
	return proven{recorder.Code, recorder.Header().Values("WWW-Authenticate"), recorder.Header().Get("DPoP-Nonce")}
}

func (f *fixture) expectProof(name string, got, want proven) {
	f.t.Helper()
	if got.status != want.status || got.nonce != want.nonce || !slices.Equal(got.challenges, want.challenges) {
		f.t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
	}
}

// expectReason compares the reason of the last rejection.
func (f *fixture) expectProofReason(name string, want resource.Reason) {
	f.t.Helper()
	if log := f.log.take(); !strings.Contains(log, `"reason":"`+string(want)) {
		f.t.Errorf("%s: want the reason %s, got the log %s", name, want, log)
	}
}

func post(url string) *http.Request { return httptest.NewRequest(http.MethodPost, url, nil) }

// with returns a request with a token and a proof for it.
func proof(key *resourcetest.ProofKey, token string) *http.Request {
	req := post(identifier)
	key.SetProof(req, token)
	return req
}

// RFC 9449 §4.3, §7.1
func TestProofOfEachAlgorithm(t *testing.T) {
	f := newFixture(t, acceptDPoP)
	for _, alg := range []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"} {
		key := resourcetest.NewProofKey(alg)
		token := f.token(resourcetest.Token{ProofKey: key})
		for _, use := range []string{"first", "cached", "cached with the key"} {
			f.expectProof(alg+" "+use, f.sendProof(proof(key, token)), provenAccepted)
		}
	}
	key := resourcetest.NewProofKey("RS256")
	f.expectProof("RS256 is not a default", f.sendProof(proof(key, f.token(resourcetest.Token{ProofKey: key}))), refusedDPoP(401, invalidProof))
	f.expectProofReason("RS256 is not a default", resource.ReasonDPoPAlgorithm)
}

// RFC 9449 §4.3, and the RFCs that it refers to
func TestFaultyProofs(t *testing.T) {
	f := newFixture(t, acceptDPoP)
	for _, fault := range resourcetest.ProofFaults() {
		key := resourcetest.NewProofKey("").Faulty(fault)
		token := f.token(resourcetest.Token{ProofKey: key})
		for _, use := range []string{"new token", "cached token"} {
			f.expectProof(string(fault)+", "+use, f.sendProof(proof(key, token)), refusedDPoP(401, invalidProof))
			f.expectProofReason(string(fault), "dpop_")
		}
	}
}

// RFC 9449 §7.1, §7.2
func TestSchemesOfTokens(t *testing.T) {
	key, other := resourcetest.NewProofKey(""), resourcetest.NewProofKey("")
	for _, row := range []struct {
		name    string
		change  func(*http.Request)
		bound   bool
		both    proven // of a resource that accepts both
		require proven // of a resource that requires DPoP
		reason  [2]resource.Reason
	}{
		{"bound token, DPoP", func(*http.Request) {}, true, provenAccepted, provenAccepted, [2]resource.Reason{}},
		{"DPoP in lower case (RFC 9110 §11.1)", func(r *http.Request) { replaceScheme(r, "dpop") }, true, provenAccepted, provenAccepted, [2]resource.Reason{}},
		{"bound token, Bearer", func(r *http.Request) { replaceScheme(r, "Bearer") }, true, refusedBearer(401, otherScheme), onlyDPoP(otherScheme), [2]resource.Reason{resource.ReasonDPoPScheme, resource.ReasonDPoPScheme}},
		{"bound token, Bearer without a proof", func(r *http.Request) { replaceScheme(r, "Bearer"); r.Header.Del("DPoP") }, true, refusedBearer(401, otherScheme), onlyDPoP(otherScheme), [2]resource.Reason{resource.ReasonDPoPScheme, resource.ReasonDPoPScheme}},
		{"bound token, no proof", func(r *http.Request) { r.Header.Del("DPoP") }, true, refusedDPoP(401, invalidProof), onlyDPoP(invalidProof), [2]resource.Reason{resource.ReasonDPoPMissing, resource.ReasonDPoPMissing}},
		{"bound token, an empty proof", func(r *http.Request) { r.Header.Set("DPoP", "") }, true, refusedDPoP(401, invalidProof), onlyDPoP(invalidProof), [2]resource.Reason{resource.ReasonDPoPMalformed, resource.ReasonDPoPMalformed}},
		{"bound token, two proofs", func(r *http.Request) { r.Header.Add("DPoP", r.Header.Get("DPoP")) }, true, refusedDPoP(401, invalidProof), onlyDPoP(invalidProof), [2]resource.Reason{resource.ReasonDPoPMalformed, resource.ReasonDPoPMalformed}},
		{"bound token, two proofs in one line", func(r *http.Request) { r.Header.Set("DPoP", r.Header.Get("DPoP")+", "+r.Header.Get("DPoP")) }, true, refusedDPoP(401, invalidProof), onlyDPoP(invalidProof), [2]resource.Reason{resource.ReasonDPoPMalformed, resource.ReasonDPoPMalformed}},
		{"bound token, proof of another key", func(r *http.Request) { other.SetProof(r, tokenIn(r)) }, true, refusedDPoP(401, otherKey), onlyDPoP(otherKey), [2]resource.Reason{resource.ReasonDPoPKey, resource.ReasonDPoPKey}},
		{"unbound token, Bearer", func(r *http.Request) { replaceScheme(r, "Bearer"); r.Header.Del("DPoP") }, false, provenAccepted, onlyDPoP(notBound), [2]resource.Reason{"", resource.ReasonBindingRequired}},
		{"unbound token, Bearer with a proof", func(r *http.Request) { replaceScheme(r, "Bearer") }, false, provenAccepted, onlyDPoP(notBound), [2]resource.Reason{"", resource.ReasonBindingRequired}},
		{"unbound token, DPoP", func(*http.Request) {}, false, refusedDPoP(401, otherScheme), onlyDPoP(notBound), [2]resource.Reason{resource.ReasonDPoPScheme, resource.ReasonBindingRequired}},
		{"no credentials", func(r *http.Request) { r.Header = http.Header{} }, false, refusedBearer(401, ""), onlyDPoP(""), [2]resource.Reason{resource.ReasonMissingCredentials, resource.ReasonMissingCredentials}},
		{"a proof only", func(r *http.Request) { r.Header.Del("Authorization") }, true, refusedBearer(401, ""), onlyDPoP(""), [2]resource.Reason{resource.ReasonMissingCredentials, resource.ReasonMissingCredentials}},
		{"DPoP without a token", func(r *http.Request) { r.Header.Set("Authorization", "DPoP ") }, true, refusedDPoP(401, ""), onlyDPoP(""), [2]resource.Reason{resource.ReasonMissingCredentials, resource.ReasonMissingCredentials}},
		{"both schemes", func(r *http.Request) { r.Header.Add("Authorization", "Bearer x") }, true, refusedBearer(400, badRequest), proven{400, onlyDPoP(badRequest).challenges, ""}, [2]resource.Reason{resource.ReasonMalformedRequest, resource.ReasonMalformedRequest}},
		{"an invalid token, DPoP", func(r *http.Request) { r.Header.Set("Authorization", "DPoP eyJhbGciOiJFUzI1NiJ9.e30.AA") }, true, refusedDPoP(401, invalidToken), onlyDPoP(invalidToken), [2]resource.Reason{resource.ReasonTokenMalformed, resource.ReasonTokenMalformed}},
		{"an invalid token comes before a missing proof", func(r *http.Request) {
			r.Header = http.Header{"Authorization": {"DPoP eyJhbGciOiJFUzI1NiJ9.e30.AA"}}
		}, true, refusedDPoP(401, invalidToken), onlyDPoP(invalidToken), [2]resource.Reason{resource.ReasonTokenMalformed, resource.ReasonTokenMalformed}},
	} {
		for n, f := range []*fixture{newFixture(t, acceptDPoP), newFixture(t, requireDPoP)} {
			want := []proven{row.both, row.require}[n]
			token := resourcetest.Token{}
			if row.bound {
				token.ProofKey = key
			}
			text := f.token(token)
			for _, use := range []string{"new", "cached"} {
				req := proof(key, text)
				row.change(req)
				name := row.name + ", " + use + []string{", both", ", required"}[n]
				f.expectProof(name, f.sendProof(req), want)
				if row.reason[n] != "" {
					f.expectProofReason(name, row.reason[n])
				}
			}
		}
	}
}

const badRequest = `, error="invalid_request", error_description="The credentials are malformed, or more than one"`

func tokenIn(r *http.Request) string {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return token
}

func replaceScheme(r *http.Request, scheme string) {
	r.Header.Set("Authorization", scheme+" "+tokenIn(r))
}
