package resourcetest

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	codeLifetime    = time.Minute
	refreshLifetime = 24 * time.Hour
)

// serveAuthorization grants the authorization at once. It does not redirect until it has
// checked that the redirect URI belongs to the client (RFC 9700 section 4.11). Then every
// response is a redirect with "iss" (RFC 9207).
func (s *Issuer) serveAuthorization(r *request) answer {
	if err := r.checkForm(); err != nil {
		return text(err.status, err.text)
	}
	client, known := s.store.client(r.form.Get("client_id"))
	if !known {
		return text(http.StatusBadRequest, "unknown client_id")
	}
	target := r.form.Get("redirect_uri")
	if target == "" && len(client.RedirectURIs) == 1 {
		target = client.RedirectURIs[0]
	}
	if !slices.ContainsFunc(client.RedirectURIs, func(uri string) bool { return redirectMatches(uri, target) }) {
		return text(http.StatusBadRequest, "redirect_uri is not one that the client registered")
	}
	reply := url.Values{"iss": {s.Identifier()}}
	if state := r.form.Get("state"); state != "" {
		reply.Set("state", state)
	}
	if code, err := s.authorize(client, target, r.form); err != nil {
		reply.Set("error", err.code)
		reply.Set("error_description", err.text)
	} else {
		reply.Set("code", code)
	}
	separator := "?"
	if strings.Contains(target, "?") {
		separator = "&"
	}
	return noStore(answer{http.StatusFound, http.Header{"Location": {target + separator + reply.Encode()}}, nil})
}

// authorize checks the other parameters and makes a code.
func (s *Issuer) authorize(client Client, target string, form url.Values) (string, *oauthError) {
	challenge := form.Get("code_challenge")
	switch {
	case form.Get("response_type") != "code":
		return "", badRequest("unsupported_response_type", "response_type must be code")
	case !client.allows("authorization_code"):
		return "", badRequest("unauthorized_client", "the client did not register this grant type")
	case form.Get("code_challenge_method") != "S256" || len(challenge) != 43:
		return "", badRequest("invalid_request", "PKCE with code_challenge_method=S256 is required")
	}
	scopes, err := s.scopes(form.Get("scope"))
	if err != nil {
		return "", err
	}
	resources, err := narrowResources(nil, form["resource"])
	if err != nil {
		return "", err
	}
	login, err := requestedLogin(form)
	if err != nil {
		return "", err
	}
	details, err := authorizationDetails(form)
	if err != nil {
		return "", err
	}
	jkt := form.Get("dpop_jkt") // RFC 9449 section 10
	if _, ok := binaryText(jkt); jkt != "" && (!ok || len(jkt) != 43) {
		return "", badRequest("invalid_request", "dpop_jkt is not a SHA-256 thumbprint")
	}
	code := rand.Text()
	s.store.put(code, &record{
		kind:       codeKind,
		grant:      &grant{client: client.ID, subject: s.config.Subject, scopes: scopes, resources: resources, details: details, login: login},
		expires:    time.Now().Add(codeLifetime),
		challenge:  challenge,
		redirect:   target,
		thumbprint: jkt,
	})
	return code, nil
}

// scopes returns the scopes to grant: the supported ones of those that were requested, or the
// default.
func (s *Issuer) scopes(scope string) ([]string, *oauthError) {
	requested, err := splitScope(scope)
	if err != nil || s.config.ScopesSupported == nil && len(requested) > 0 {
		return requested, err
	}
	if len(requested) == 0 {
		return s.config.DefaultScopes, nil
	}
	granted := slices.DeleteFunc(requested, func(scope string) bool { return !slices.Contains(s.config.ScopesSupported, scope) })
	if len(granted) == 0 {
		return nil, badRequest("invalid_scope", "none of the scopes is supported")
	}
	return granted, nil
}

// splitScope parses a scope parameter (RFC 6749 section 3.3).
func splitScope(text string) ([]string, *oauthError) {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return nil, badRequest("invalid_scope", "scope contains a character that is not allowed")
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), nil
}

// narrowResources returns the resources of a token (RFC 8707 section 2): the requested ones, or
// the granted ones if none are requested. Requested ones must be absolute URIs without a
// fragment and, unless granted is nil, must have been granted.
func narrowResources(granted, requested []string) ([]string, *oauthError) {
	for _, resource := range requested {
		u, err := url.Parse(resource)
		malformed := strings.ContainsFunc(resource, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' })
		if err != nil || !u.IsAbs() || malformed || granted != nil && !slices.Contains(granted, resource) {
			return nil, badRequest("invalid_target", "a resource is not an absolute URI, or was not granted")
		}
	}
	if len(requested) == 0 {
		return granted, nil
	}
	return requested, nil
}
