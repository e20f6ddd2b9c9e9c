package main

import (
	"fmt"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// addVerifier adds the issuer's verifier to config: package jwks for JWTs, package
// introspect for opaque tokens. The client works the same way with both.
func (s *servers) addVerifier(config *resource.Config) error {
	if !s.opaque {
		keys, err := jwks.New(jwks.Config{Issuer: s.issuer.Identifier()})
		if err != nil {
			return err
		}
		config.Issuers = []resource.Issuer{{Verifier: keys}}
		return nil
	}
	introspection, err := introspect.New(introspect.Config{
		Issuer: s.issuer.Identifier(),
		Auth:   introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret},
	})
	if err != nil {
		return err
	}
	config.Opaque = &resource.Issuer{Verifier: introspection}
	return nil
}

// token issues a token of the same kind as the issuer's token endpoint.
func (s *servers) token(t resourcetest.Token) string {
	if s.opaque {
		return s.issuer.OpaqueToken(t)
	}
	return s.issuer.Token(t)
}

// firstVerification explains how the first request with a token was verified.
func (s *servers) firstVerification() string {
	if s.opaque {
		return "Accepted: warder introspected the token at the issuer and cached the result."
	}
	return "Accepted: warder fetched the issuer's keys, verified the token and cached the result."
}

// introspections checks how many introspection calls the issuer has received so far:
// one for each opaque token, because results are cached, and none for JWTs.
func (s *servers) introspections(want int) func(*exchange) error {
	if !s.opaque {
		want = 0
	}
	return func(*exchange) error {
		return equal("introspection calls", fmt.Sprint(s.issuer.Count(resourcetest.Introspection)), fmt.Sprint(want))
	}
}
