package resourcetest

import (
	"maps"
	"net/http"
	"strings"
)

// Neither is ever modified.
var (
	grantTypes  = []string{"authorization_code", "refresh_token", "client_credentials", grantExchange, grantJWTBearer}
	authMethods = []string{"none", "client_secret_basic", "client_secret_post"}
)

// SetMetadata adds, replaces or removes (with the value Remove) members of every discovery
// document. Each call replaces the changes of the previous one; nil ends them. It panics for a
// value that cannot be encoded as JSON.
func (s *Issuer) SetMetadata(members map[string]any) {
	_ = object(nil).with(members).encode() // panics here rather than in a request
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metadata = maps.Clone(members)
}

func (s *Issuer) withMetadata(o object) object {
	s.mu.Lock()
	defer s.mu.Unlock()
	return o.with(s.metadata)
}

func (s *Issuer) serveMetadata(*request) answer {
	return document(http.StatusOK, s.withMetadata(s.metadataDocument()))
}

// serveOpenID adds the members that OpenID Connect Discovery 1.0 section 3 requires, although
// the server does not issue ID tokens.
func (s *Issuer) serveOpenID(*request) answer {
	doc := append(s.metadataDocument(), object{
		{"subject_types_supported", []string{"public"}},
		{"id_token_signing_alg_values_supported", []string{"RS256"}},
	}...)
	return document(http.StatusOK, s.withMetadata(doc))
}

// metadataDocument returns the metadata of RFC 8414 section 2.
func (s *Issuer) metadataDocument() object {
	doc := object{
		{"issuer", s.Identifier()},
		{"authorization_endpoint", s.URL(Authorization)},
		{"token_endpoint", s.URL(TokenEndpoint)},
		{"jwks_uri", s.URL(JWKS)},
		{"registration_endpoint", s.URL(Registration)},
		{"introspection_endpoint", s.URL(Introspection)},
		{"revocation_endpoint", s.URL(Revocation)},
	}
	if s.config.ScopesSupported != nil {
		doc = append(doc, member{"scopes_supported", s.config.ScopesSupported})
	}
	return append(doc, object{
		{"response_types_supported", []string{"code"}},
		{"response_modes_supported", []string{"query"}},
		{"grant_types_supported", grantTypes},
		{"token_endpoint_auth_methods_supported", authMethods},
		{"introspection_endpoint_auth_methods_supported", authMethods[1:]},
		{"revocation_endpoint_auth_methods_supported", authMethods},
		{"code_challenge_methods_supported", []string{"S256"}},
		{"authorization_response_iss_parameter_supported", true},
		{"dpop_signing_alg_values_supported", proofAlgorithms()},
	}...)
}

const signedIntrospection = "token-introspection+jwt"

// serveIntrospection implements RFC 7662 for confidential clients. Only access tokens can be
// active. A client that accepts application/token-introspection+jwt gets a signed response (RFC
// 9701).
func (s *Issuer) serveIntrospection(r *request) answer {
	client, err := s.authenticate(r)
	if err != nil {
		return err.answer()
	}
	if client.Secret == "" {
		return errClient.answer() // RFC 7662 section 2.1: prevents token scanning
	}
	token := r.form.Get("token")
	if token == "" {
		return errorAnswer(http.StatusBadRequest, "invalid_request", "token is missing")
	}
	result := object{{"active", false}}
	if reply, ok := s.store.active(token); ok {
		result = reply
	}
	if !strings.Contains(r.Header.Get("Accept"), "application/"+signedIntrospection) {
		return noStore(document(http.StatusOK, result))
	}
	signed, _ := s.compact(Token{
		Audience: client.ID,
		Header:   map[string]any{"typ": signedIntrospection},
		Claims:   map[string]any{"token_introspection": result, "sub": Remove, "client_id": Remove, "exp": Remove, "jti": Remove},
	})
	return noStore(answer{http.StatusOK, http.Header{"Content-Type": {"application/" + signedIntrospection}}, []byte(signed)})
}

// serveRevocation implements RFC 7009: it accepts unknown tokens, but rejects those of another
// client.
func (s *Issuer) serveRevocation(r *request) answer {
	client, err := s.authenticate(r)
	switch {
	case err != nil:
		return err.answer()
	case r.form.Get("token") == "":
		return errorAnswer(http.StatusBadRequest, "invalid_request", "token is missing")
	case !s.store.revokeFor(client.ID, r.form.Get("token")):
		return errorAnswer(http.StatusBadRequest, "unauthorized_client", "the token belongs to another client")
	}
	return noStore(answer{http.StatusOK, make(http.Header), nil})
}
