package interop_test

import (
	"crypto/rand"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
)

const hmacSecret = "a secret of more than thirty-two bytes" // RFC 7518 §3.2

// Signed introspection answers (RFC 9701).
func TestSignedAnswers(t *testing.T) {
	p := startProvider(t)
	p.app()
	p.resource(target{ID: ours, Format: "opaque"})
	p.resource(target{ID: another, Format: "opaque"})
	client, user, foreign := p.clientToken(ours), p.userTokens(ours).Access, p.clientToken(another)
	for _, alg := range algorithms {
		auth := p.resourceServer("rs-"+alg, introspect.ClientSecretBasic, map[string]any{"introspection_signed_response_alg": alg})
		s := p.opaqueSite(t, introspect.Config{Auth: auth, SignedAnswers: true}, resource.Issuer{})
		check(t, alg+" answer: token of a client", letsClient, s.ask(client))
		check(t, alg+" answer: token of a user", letsUser, s.ask(user))
		check(t, alg+" answer: token for another resource", invalid(resource.ReasonAudience), s.ask(foreign))
		check(t, alg+" answer: token that nobody issued", invalid(resource.ReasonInactive), s.ask(rand.Text()))
	}
	auth := p.keyedServer("ES256", map[string]any{"introspection_signed_response_alg": "ES256"})
	s := p.opaqueSite(t, introspect.Config{Auth: auth, SignedAnswers: true}, resource.Issuer{})
	check(t, "private_key_jwt and a signed answer", letsClient, s.ask(client))

	// A client that chose no algorithm gets RS256.
	auth = p.resourceServer("rs-default", introspect.ClientSecretBasic, nil)
	s = p.opaqueSite(t, introspect.Config{Auth: auth, SignedAnswers: true}, resource.Issuer{})
	check(t, "signed answer for a client that chose no algorithm", letsClient, s.ask(client))

	// An HMAC with the client's secret is no proof by the issuer's key: there is none
	// here, and the caller is innocent (bad-inputs 213).
	auth = p.resourceServer("rs-hmac", introspect.ClientSecretBasic, map[string]any{
		"introspection_signed_response_alg": "HS256", "client_secret": hmacSecret})
	auth.ClientSecret = hmacSecret
	s = p.opaqueSite(t, introspect.Config{Auth: auth, SignedAnswers: true}, resource.Issuer{})
	check(t, "answer signed by HS256", unavailable(resource.ReasonIntrospectionUnproven), s.ask(client))

	// New keys sign: until they are fetched nobody can tell.
	auth = p.resourceServer("rs-rotated", introspect.ClientSecretBasic, map[string]any{"introspection_signed_response_alg": "ES256"})
	s = p.opaqueSite(t, introspect.Config{Auth: auth, SignedAnswers: true}, resource.Issuer{})
	check(t, "signed answer by the first key", letsClient, s.ask(client))
	p.tell(map[string]any{"rotate": true})
	s.res.Forget(client)
	check(t, "signed answer by a new key", letsClient, recovers(t, s, letsClient, client))
}
