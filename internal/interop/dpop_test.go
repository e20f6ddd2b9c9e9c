package interop_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// withProofs returns the provider with a client that adds DPoP proofs to token requests.
func (p *provider) withProofs(key *resourcetest.ProofKey) *provider {
	bound := *p
	bound.client = &http.Client{Transport: key.Transport(http.DefaultTransport, nil)}
	return &bound
}

// invalidProof returns the outcome for a rejected request with the scheme DPoP.
func invalidProof(code string, reason resource.Reason) string {
	return `401 DPoP error="` + code + `" (` + string(reason) + ")"
}

// proofFor returns the header fields of a GET request for the resource under test.
func proofFor(key *resourcetest.ProofKey, token, nonce string) http.Header {
	proof := key.Proof(resourcetest.Proof{Method: http.MethodGet, URL: identifier, Token: token, Nonce: nonce})
	return http.Header{"Authorization": {"DPoP " + token}, "Dpop": {proof}}
}

// Access tokens that oidc-provider binds to a key (RFC 9449), with a key and with introspection.
func TestDPoP(t *testing.T) {
	p := startProvider(t)
	p.registerApp()
	for _, format := range p.tokenFormats(t) {
		p.registerResource(format.resource)
		server := func(dpop resource.DPoP) *protectedServer {
			c := format.config
			c.Credentials.DPoP = dpop
			return newProtectedServer(t, c)
		}
		testBoundTokens(t, p, "DPoP, "+format.name, format.accepted, server)
		testRefreshedTokens(t, p, "DPoP, "+format.name, server(requiresDPoP))
	}
}

// A tokenFormat is a way to issue access tokens, and a configuration that accepts them.
type tokenFormat struct {
	name     string
	accepted string // outcome for a token of a client
	resource providerResource
	config   resource.Config
}

func (p *provider) tokenFormats(t *testing.T) []tokenFormat {
	t.Helper()
	auth := p.resourceServer("rs", introspect.ClientSecretBasic, nil)
	return []tokenFormat{
		{"JWT", acceptedClientJWT, providerResource{ID: identifier, Format: "jwt", Alg: "ES256"}, p.jwtConfig(t, jwks.Config{})},
		{"opaque token", acceptedClient, providerResource{ID: identifier, Format: "opaque"}, p.introspectionConfig(t, introspect.Config{Auth: auth}, resource.Issuer{})},
	}
}

func testBoundTokens(t *testing.T, p *provider, name, accepted string, server func(resource.DPoP) *protectedServer) {
	t.Helper()
	key, other := resourcetest.NewProofKey(""), resourcetest.NewProofKey("EdDSA")
	bound, second, unbound := p.withProofs(key).clientToken(identifier), p.withProofs(key).clientToken(identifier), p.clientToken(identifier)
	s := server(acceptsDPoP)
	first := proofFor(key, bound, "")
	check(t, name+": bound token with a proof", accepted, s.sendWith(first))
	check(t, name+": the same proof again", invalidProof("invalid_dpop_proof", resource.ReasonDPoPReplayed), s.sendWith(first))
	check(t, name+": a new proof", accepted, s.sendWith(proofFor(key, bound, "")))
	check(t, name+": bound token as Bearer", invalid(resource.ReasonDPoPScheme), s.send(bound))
	check(t, name+": proof of another key", invalidProof("invalid_token", resource.ReasonDPoPKey), s.sendWith(proofFor(other, bound, "")))
	mixed := proofFor(key, second, "")
	mixed.Set("Authorization", "DPoP "+bound)
	check(t, name+": proof for another token of the key", invalidProof("invalid_dpop_proof", resource.ReasonDPoPToken), s.sendWith(mixed))
	check(t, name+": no proof", invalidProof("invalid_dpop_proof", resource.ReasonDPoPMissing), s.sendWith(http.Header{"Authorization": {"DPoP " + bound}}))
	check(t, name+": token that is not bound, Bearer", accepted, s.send(unbound))
	check(t, name+": token that is not bound, with a proof", invalidProof("invalid_token", resource.ReasonDPoPScheme), s.sendWith(proofFor(key, unbound, "")))

	off := server(noDPoP)
	check(t, name+": bound token as Bearer, DPoP is off", invalid(resource.ReasonSenderConstrained), off.send(bound))

	required := server(requiresDPoP)
	check(t, name+": DPoP is required", accepted, required.sendWith(proofFor(key, bound, "")))
	check(t, name+": DPoP is required, token that is not bound", invalidProof("invalid_token", resource.ReasonBindingRequired), required.send(unbound))

	nonces := server(resource.DPoP{Tokens: resource.BindingAccepted, RequireNonce: true})
	outcome, nonce := nonces.sendForNonce(proofFor(key, bound, ""))
	check(t, name+": nonce is required", `401 DPoP error="use_dpop_nonce" DPoP-Nonce (`+string(resource.ReasonDPoPNonce)+")", outcome)
	check(t, name+": the request again with the nonce", accepted, nonces.sendWith(proofFor(key, bound, nonce)))
}

// testRefreshedTokens tests that tokens stay bound if a proof accompanies the refresh. The client
// is confidential, so its refresh token is not bound (RFC 9449 §5).
func testRefreshedTokens(t *testing.T, p *provider, name string, s *protectedServer) {
	t.Helper()
	key := resourcetest.NewProofKey("")
	user := p.withProofs(key).userTokens(identifier)
	check(t, name+": token of a user, code flow", acceptedUser, s.sendWith(proofFor(key, user.Access, "")))
	refreshed := p.withProofs(key).refreshed(user.Refresh, identifier)
	check(t, name+": refreshed token", acceptedUser, s.sendWith(proofFor(key, refreshed.Access, "")))
	check(t, name+": refreshed token as Bearer", invalidBound, s.send(refreshed.Access))

	// dpop_bound_access_tokens makes oidc-provider refuse what would not be bound.
	p.registerApp("dpop_bound_access_tokens")
	status, body := p.tryPost("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshed.Refresh}, "resource": {identifier}})
	check(t, name+": dpop_bound_access_tokens, refresh without a proof", "400 invalid_grant", fmt.Sprintf("%d %s", status, errorCode(body)))
	p.registerApp()
}

// invalidBound is the outcome of a bound token as Bearer, if DPoP is required.
var invalidBound = invalidProof("invalid_token", resource.ReasonDPoPScheme)
