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

// AuthorizationServer contains members of an authorization server's document (RFC 8414 §2,
// OpenID Connect Discovery §3). A URL is empty if the document does not have it, or has null or
// an empty string there, or if it was not requested from Discover. Otherwise it has been
// checked.
type AuthorizationServer struct {
	URL    string // the location of the document, without a query
	Issuer string // equal to the configured issuer

	JWKSURI               string
	IntrospectionEndpoint string
	TokenEndpoint         string
}

// URLOf returns the URL in a member, or "" if the member is not one that Discover can read.
func (s *AuthorizationServer) URLOf(m Member) string {
	if field := s.field(m); field != nil {
		return *field
	}
	return ""
}

func (s *AuthorizationServer) field(m Member) *string {
	switch m {
	case JWKSURI:
		return &s.JWKSURI
	case IntrospectionEndpoint:
		return &s.IntrospectionEndpoint
	case TokenEndpoint:
		return &s.TokenEndpoint
	}
	return nil
}

// Member is the name of a URL in the document of an authorization server.
type Member string

// Members that Discover can read.
const (
	JWKSURI               Member = "jwks_uri"
	IntrospectionEndpoint Member = "introspection_endpoint"
	TokenEndpoint         Member = "token_endpoint"
)

// ErrIssuerMismatch means that the issuer in a document is not the requested one (RFC 8414
// §3.3). Attempt.Err wraps it.
var ErrIssuerMismatch = errors.New("issuer mismatch")

// parseServer parses body as the document of issuer. The URL of the document is from. It compares
// the issuer before it uses any other member. It ignores members that are not in used, so that an
// invalid value in them does not make the document unusable.
func parseServer(body []byte, from, issuer string, used []Member) (*AuthorizationServer, error) {
	s := new(AuthorizationServer)
	names := []string{"issuer"}
	for _, member := range used {
		names = append(names, string(member))
	}
	if err := strictjson.Object(body, strictjson.NewNames(names...), s.set); err != nil {
		return nil, fmt.Errorf("document rejected: %w", err)
	}
	if err := checkSameIssuer(s.Issuer, issuer); err != nil {
		return nil, err
	}
	if err := s.checkURLs(from); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *AuthorizationServer) set(name string, value jsontext.Value) (err error) {
	field := s.field(Member(name))
	if name == "issuer" {
		field = &s.Issuer
	}
	if field != nil && !strictjson.IsAbsent(value) {
		*field, err = strictjson.String(value)
	}
	return err
}

// checkSameIssuer requires that the issuers are identical, code point by code point (RFC 8414
// §3.3). Otherwise one tenant of a server could impersonate another.
func checkSameIssuer(found, configured string) error {
	switch {
	case found == configured:
		return nil
	case found == "":
		return fmt.Errorf("%w: the document has no issuer, want %q", ErrIssuerMismatch, configured)
	case strings.TrimSuffix(found, "/") == strings.TrimSuffix(configured, "/"):
		return fmt.Errorf("%w: the document has issuer %q, want %q: they differ in the terminal slash only; configure the issuer as in the document", ErrIssuerMismatch, found, configured)
	}
	return fmt.Errorf("%w: the document has issuer %s, want %q", ErrIssuerMismatch, quoteURL(found), configured)
}

// checkURLs returns an error if one of the URLs is invalid. It treats an empty URL as absent.
func (s *AuthorizationServer) checkURLs(from string) error {
	document, err := url.Parse(from)
	if err != nil {
		return errors.New("its address is not a URL")
	}
	for _, member := range []Member{JWKSURI, IntrospectionEndpoint, TokenEndpoint} {
		value := s.URLOf(member)
		if value == "" {
			continue
		}
		if err := checkDiscovered(document, value); err != nil {
			return fmt.Errorf("member %q: %s %w", member, quoteURL(value), err)
		}
	}
	return nil
}

// checkDiscovered checks a URL in a document. The host may differ from the document's, because
// the issuer itself publishes the document: Google's keys are on another host. The scheme must be
// https. Only if the document itself is at an http address, the URL may be http on the same host,
// or on any loopback host if the document is on one: a document that was retrieved over https
// never causes requests over http.
func checkDiscovered(document *url.URL, raw string) error {
	u, err := parseURL(raw)
	if err != nil {
		return err
	}
	bothLoopback := outbound.IsLoopbackHost(document.Hostname()) && outbound.IsLoopbackHost(u.Hostname())
	if u.Scheme == "https" || document.Scheme == "http" && (bothLoopback || u.Hostname() == document.Hostname()) {
		return nil
	}
	return errors.New("must begin with https://")
}
