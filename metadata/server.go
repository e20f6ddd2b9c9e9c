package metadata

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/strictjson"
)

// AuthorizationServer is what a resource server reads of an authorization server's
// document (RFC 8414 §2, OpenID Connect Discovery §3), and no more: an oddity in a
// member for clients, such as null, must not cost the keys. All URLs in it have been
// checked. Every member but Issuer may be empty: whoever needs one asks for it.
type AuthorizationServer struct {
	URL    string // where the document was found
	Issuer string // equal to the configured one

	JWKSURI               string
	IntrospectionEndpoint string

	IntrospectionEndpointAuthMethodsSupported []string
}

// ErrIssuerMismatch says that a document names another issuer than the one that
// was asked for (RFC 8414 §3.3). It is wrapped in an Attempt's Err.
var ErrIssuerMismatch = errors.New("issuer mismatch")

var serverNames = strictjson.NewNames(
	"issuer", "jwks_uri", "introspection_endpoint", "introspection_endpoint_auth_methods_supported",
)

// parseServer reads body as the document of issuer. It reads all of it before it
// judges, and trusts none of it before the issuer is known to be right.
func parseServer(body []byte, issuer string) (*AuthorizationServer, error) {
	s := new(AuthorizationServer)
	if err := strictjson.Object(body, serverNames, s.set); err != nil {
		return nil, fmt.Errorf("document refused: %w", err)
	}
	if err := sameIssuer(s.Issuer, issuer); err != nil {
		return nil, err
	}
	if err := s.checkURLs(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *AuthorizationServer) set(name string, value jsontext.Value) (err error) {
	switch name {
	case "issuer":
		s.Issuer, err = strictjson.String(value)
	case "jwks_uri":
		s.JWKSURI, err = strictjson.String(value)
	case "introspection_endpoint":
		s.IntrospectionEndpoint, err = strictjson.String(value)
	case "introspection_endpoint_auth_methods_supported":
		s.IntrospectionEndpointAuthMethodsSupported, err = strictjson.Strings(value)
	}
	return err
}

// sameIssuer is RFC 8414 §3.3: identical, code point by code point. Without it
// one tenant of a server could speak for another.
func sameIssuer(found, configured string) error {
	switch {
	case found == configured:
		return nil
	case found == "":
		return fmt.Errorf("%w: the document names no issuer, configured is %q", ErrIssuerMismatch, configured)
	case strings.TrimSuffix(found, "/") == strings.TrimSuffix(configured, "/"):
		return fmt.Errorf("%w: the document says %q, configured is %q: they differ in the terminal slash only, configure the issuer as the document spells it", ErrIssuerMismatch, found, configured)
	}
	return fmt.Errorf("%w: the document says %s, configured is %q", ErrIssuerMismatch, shown(found), configured)
}

// checkURLs refuses the document for one bad URL. An empty one counts as absent.
func (s *AuthorizationServer) checkURLs() error {
	issuer, err := url.Parse(s.Issuer)
	if err != nil {
		return errors.New("issuer is no URL")
	}
	for _, e := range []struct{ name, value string }{
		{"jwks_uri", s.JWKSURI},
		{"introspection_endpoint", s.IntrospectionEndpoint},
	} {
		if e.value == "" {
			continue
		}
		if err := checkLearned(issuer, e.value); err != nil {
			return fmt.Errorf("member %q: %s %w", e.name, shown(e.value), err)
		}
	}
	return nil
}

// checkLearned checks a URL that a document named. Another host is allowed, the
// document is the issuer's own (Google's keys live elsewhere). http is not, save
// where the issuer itself is http and the URL stays on its host or, as the issuer
// does, on this machine: nothing that came over https leads to less.
func checkLearned(issuer *url.URL, raw string) error {
	u, err := parseURL(raw)
	if err != nil {
		return err
	}
	bothHere := outbound.IsLoopbackHost(issuer.Hostname()) && outbound.IsLoopbackHost(u.Hostname())
	if u.Scheme == "https" || issuer.Scheme == "http" && (bothHere || u.Hostname() == issuer.Hostname()) {
		return nil
	}
	return errors.New("must begin with https://")
}
