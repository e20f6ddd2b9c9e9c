package resourcetest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
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
	code := rand.Text()
	s.store.put(code, &record{
		kind:      codeKind,
		grant:     &grant{client: client.ID, subject: s.config.Subject, scopes: scopes, resources: resources},
		expires:   time.Now().Add(codeLifetime),
		challenge: challenge,
		redirect:  target,
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

func (s *Issuer) serveToken(r *request) answer {
	client, err := s.authenticate(r)
	if err != nil {
		return err.answer()
	}
	kind := r.form.Get("grant_type")
	if !slices.Contains(grantTypes, kind) {
		return errorAnswer(http.StatusBadRequest, "unsupported_grant_type", "grant_type is missing or unknown")
	}
	if !client.allows(kind) || kind == "client_credentials" && client.Secret == "" {
		return errorAnswer(http.StatusBadRequest, "unauthorized_client", "the client may not use this grant type")
	}
	exchange := map[string]func(Client, url.Values) (issuance, *oauthError){
		"authorization_code": s.redeemCode, "refresh_token": s.refresh, "client_credentials": s.clientCredentials,
	}[kind]
	granted, err := exchange(client, r.form)
	if err != nil {
		return err.answer()
	}
	return s.issue(granted, kind != "client_credentials" && client.allows("refresh_token"))
}

// issuance is the part of a grant that one token request selects.
type issuance struct {
	grant             *grant
	scopes, resources []string
}

// errGrant is never modified.
var errGrant = badRequest("invalid_grant", "the code or refresh token is unknown, used, expired or of another client, or does not match the request")

func (s *Issuer) redeemCode(client Client, form url.Values) (i issuance, err *oauthError) {
	i.grant, err = s.store.redeem(codeKind, form.Get("code"), client.ID, func(r *record) (err *oauthError) {
		// OAuth 2.1 no longer has redirect_uri in this request. If it is sent, it must match.
		redirect := form["redirect_uri"]
		if !verifierMatches(form.Get("code_verifier"), r.challenge) || redirect != nil && redirect[0] != r.redirect {
			return errGrant
		}
		i.scopes = r.grant.scopes
		i.resources, err = narrowResources(r.grant.resources, form["resource"])
		return err
	})
	return i, err
}

// verifierMatches checks a code verifier (RFC 7636 section 4.6).
func verifierMatches(verifier, challenge string) bool {
	sum := sha256.Sum256([]byte(verifier))
	digest := base64.RawURLEncoding.EncodeToString(sum[:])
	return len(verifier) >= 43 && len(verifier) <= 128 && subtle.ConstantTimeCompare([]byte(digest), []byte(challenge)) == 1
}

func (s *Issuer) refresh(client Client, form url.Values) (i issuance, err *oauthError) {
	i.grant, err = s.store.redeem(refreshKind, form.Get("refresh_token"), client.ID, func(r *record) (err *oauthError) {
		if i.scopes, err = splitScope(form.Get("scope")); err != nil {
			return err
		}
		for _, scope := range i.scopes {
			if !slices.Contains(r.grant.scopes, scope) { // RFC 6749 section 6
				return badRequest("invalid_scope", "a scope was not granted")
			}
		}
		if len(i.scopes) == 0 {
			i.scopes = r.grant.scopes
		}
		i.resources, err = narrowResources(r.grant.resources, form["resource"])
		return err
	})
	return i, err
}

// clientCredentials issues a token whose subject is the client (RFC 9068 section 2.2).
func (s *Issuer) clientCredentials(client Client, form url.Values) (i issuance, err *oauthError) {
	i.grant = &grant{client: client.ID, subject: client.ID}
	if i.scopes, err = s.scopes(form.Get("scope")); err != nil {
		return i, err
	}
	i.resources, err = narrowResources(nil, form["resource"])
	return i, err
}

// issue returns a token response (RFC 6749 section 5.1), with a refresh token if refreshable.
func (s *Issuer) issue(i issuance, refreshable bool) answer {
	g := i.grant
	t := Token{Subject: g.subject, ClientID: g.client, Scope: strings.Join(i.scopes, " ")}
	switch len(i.resources) {
	case 0:
	case 1:
		t.Audience = i.resources[0]
	default:
		t.Claims = map[string]any{"aud": i.resources}
	}
	token, claims := rand.Text(), object(nil)
	if s.config.OpaqueTokens {
		claims = s.claims(t)
	} else {
		token, claims = s.compact(t)
	}
	s.store.put(token, s.accessRecord(t, claims, g))
	reply := object{{"access_token", token}, {"token_type", "Bearer"}, {"expires_in", int(s.config.Lifetime.Seconds())}}
	if t.Scope != "" {
		reply = append(reply, member{"scope", t.Scope})
	}
	if refreshable {
		refresh := rand.Text()
		s.store.put(refresh, &record{kind: refreshKind, grant: g, expires: time.Now().Add(refreshLifetime)})
		reply = append(reply, member{"refresh_token", refresh})
	}
	return noStore(document(http.StatusOK, reply))
}
