package interop_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
)

// Signed introspection answers (RFC 9701).
func TestSignedAnswers(t *testing.T) {
	p := startProvider(t)
	p.app()
	p.resource(target{ID: mcp, Format: "opaque"})
	p.resource(target{ID: another, Format: "opaque"})
	client, user, foreign := p.clientToken(mcp), p.userTokens(mcp).Access, p.clientToken(another)
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

	// By default oidc-provider signs RS256, also for clients that said nothing of it, and
	// by a secret if the client says so: that proves nothing to anybody else, and here
	// there is no HMAC.
	auth = p.resourceServer("rs-default", introspect.ClientSecretBasic, nil)
	s = p.opaqueSite(t, introspect.Config{Auth: auth, SignedAnswers: true}, resource.Issuer{})
	check(t, "signed answer for a client that chose no algorithm", letsClient, s.ask(client))

	// New keys sign: until they are fetched nobody can tell.
	s.res.Forget(client)
	p.tell(map[string]any{"rotate": true})
	last := s.until(letsClient, patience, func() string { return s.ask(client) })
	for _, part := range strings.Split(last, ", then ") {
		if part != letsClient && !strings.HasPrefix(part, "503 Retry-After (") {
			t.Errorf("got %q while keys rotate", part)
		}
	}
	check(t, "signed answer by a new key: 503 at most, then accepted", letsClient, last[strings.LastIndex(last, "200 "):])
}
