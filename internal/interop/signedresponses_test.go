package interop_test

import (
	"crypto/rand"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
)

const hmacSecret = "a secret of more than thirty-two bytes" // RFC 7518 §3.2

// Signed introspection responses (RFC 9701).
func TestSignedIntrospectionResponses(t *testing.T) {
	p := startProvider(t)
	p.registerApp()
	p.registerResource(providerResource{ID: identifier, Format: "opaque"})
	p.registerResource(providerResource{ID: otherIdentifier, Format: "opaque"})
	client, user, foreign := p.clientToken(identifier), p.userTokens(identifier).Access, p.clientToken(otherIdentifier)
	for _, alg := range algorithms {
		auth := p.resourceServer("rs-"+alg, introspect.ClientSecretBasic, map[string]any{"introspection_signed_response_alg": alg})
		s := p.introspectionServer(t, introspect.Config{Auth: auth, SignedAnswers: true}, resource.Issuer{})
		check(t, alg+" response: token of a client", acceptedClient, s.send(client))
		check(t, alg+" response: token of a user", acceptedUser, s.send(user))
		check(t, alg+" response: token for another resource", invalid(resource.ReasonAudience), s.send(foreign))
		check(t, alg+" response: random token", invalid(resource.ReasonInactive), s.send(rand.Text()))
	}
	auth := p.resourceServerWithKey("ES256", map[string]any{"introspection_signed_response_alg": "ES256"})
	s := p.introspectionServer(t, introspect.Config{Auth: auth, SignedAnswers: true}, resource.Issuer{})
	check(t, "private_key_jwt and a signed response", acceptedClient, s.send(client))

	// The default algorithm for a client is RS256.
	auth = p.resourceServer("rs-default", introspect.ClientSecretBasic, nil)
	s = p.introspectionServer(t, introspect.Config{Auth: auth, SignedAnswers: true}, resource.Issuer{})
	check(t, "signed response for a client with the default algorithm", acceptedClient, s.send(client))

	// An HMAC with the client's secret does not prove that the response is signed with the
	// issuer's key, so it is not accepted. The token is not at fault, hence 503.
	auth = p.resourceServer("rs-hmac", introspect.ClientSecretBasic, map[string]any{
		"introspection_signed_response_alg": "HS256", "client_secret": hmacSecret})
	auth.ClientSecret = hmacSecret
	s = p.introspectionServer(t, introspect.Config{Auth: auth, SignedAnswers: true}, resource.Issuer{})
	check(t, "response signed with HS256", unavailable(resource.ReasonIntrospectionUnproven), s.send(client))

	// New keys sign the response. Until they are fetched it cannot be verified.
	auth = p.resourceServer("rs-rotated", introspect.ClientSecretBasic, map[string]any{"introspection_signed_response_alg": "ES256"})
	s = p.introspectionServer(t, introspect.Config{Auth: auth, SignedAnswers: true}, resource.Issuer{})
	check(t, "signed response, first key", acceptedClient, s.send(client))
	p.command(map[string]any{"rotate": true})
	s.res.Forget(client)
	check(t, "signed response, new key", acceptedClient, eventually(t, s, acceptedClient, client))
}
