package main

import (
	"fmt"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// vouch puts the verifier into config: for JWTs one that knows the issuer's keys, for
// opaque tokens one that asks the issuer. The client notices no difference.
func (s *stage) vouch(config *resource.Config) error {
	if !s.opaque {
		keys, err := jwks.New(jwks.Config{Issuer: s.issuer.Identifier()})
		if err != nil {
			return err
		}
		config.Issuers = []resource.Issuer{{Verifier: keys}}
		return nil
	}
	asking, err := introspect.New(introspect.Config{
		Issuer: s.issuer.Identifier(),
		Auth:   introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret},
	})
	if err != nil {
		return err
	}
	config.Opaque = &resource.Issuer{Verifier: asking}
	return nil
}

// token mints one as the issuer's endpoints do.
func (s *stage) token(t resourcetest.Token) string {
	if s.opaque {
		return s.issuer.OpaqueToken(t)
	}
	return s.issuer.Token(t)
}

// letIn tells how it came that the first request with a token was let in.
func (s *stage) letIn() string {
	if s.opaque {
		return "Let in: warder asked the issuer about the token, and will remember the answer."
	}
	return "Let in: warder fetched the issuer's keys, checked the token, and will remember it."
}

// introspected checks about how many opaque tokens the issuer was asked so far. About
// one that is remembered it is not asked again, and about a JWT it never is.
func (s *stage) introspected(tokens int) func(*exchange) error {
	if !s.opaque {
		tokens = 0
	}
	return func(*exchange) error {
		return equal("introspection calls", fmt.Sprint(s.issuer.Count(resourcetest.Introspection)), fmt.Sprint(tokens))
	}
}
