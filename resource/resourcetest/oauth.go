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

// serveAuthorization consents at once. Until client and redirect URI are known
// to belong together nothing is redirected (RFC 9700 section 4.11); afterwards
// every answer is a redirect and carries "iss" (RFC 9207).
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
	return private(answer{http.StatusFound, http.Header{"Location": {target + separator + reply.Encode()}}, nil})
}

// authorize checks the rest of the request and makes a code.
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
	resources, err := narrowed(nil, form["resource"])
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

// scopes cuts what was asked for down to what there is.
func (s *Issuer) scopes(asked string) ([]string, *oauthError) {
	wanted, err := splitScope(asked)
	if err != nil || s.config.ScopesSupported == nil && len(wanted) > 0 {
		return wanted, err
	}
	if len(wanted) == 0 {
		return s.config.DefaultScopes, nil
	}
	granted := slices.DeleteFunc(wanted, func(scope string) bool { return !slices.Contains(s.config.ScopesSupported, scope) })
	if len(granted) == 0 {
		return nil, badRequest("invalid_scope", "none of the scopes is supported")
	}
	return granted, nil
}

// splitScope applies the grammar of RFC 6749 section 3.3.
func splitScope(text string) ([]string, *oauthError) {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return nil, badRequest("invalid_scope", "a character that no scope may have")
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), nil
}

// narrowed applies RFC 8707 section 2: the resources asked for, which must be
// absolute URIs without fragment and, if some were granted before, among those.
func narrowed(granted, asked []string) ([]string, *oauthError) {
	for _, resource := range asked {
		u, err := url.Parse(resource)
		foreign := strings.ContainsFunc(resource, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' })
		if err != nil || !u.IsAbs() || foreign || granted != nil && !slices.Contains(granted, resource) {
			return nil, badRequest("invalid_target", "a resource is no absolute URI, or was not granted")
		}
	}
	if len(asked) == 0 {
		return granted, nil
	}
	return asked, nil
}

func (s *Issuer) serveToken(r *request) answer {
	client, err := s.authenticate(r)
	if err != nil {
		return err.answer()
	}
	kind := r.form.Get("grant_type")
	if !slices.Contains(grantTypes, kind) {
		return refuse(http.StatusBadRequest, "unsupported_grant_type", "grant_type is missing or unknown")
	}
	if !client.allows(kind) || kind == "client_credentials" && client.Secret == "" {
		return refuse(http.StatusBadRequest, "unauthorized_client", "the client may not use this grant type")
	}
	exchange := map[string]func(Client, url.Values) (consent, *oauthError){
		"authorization_code": s.redeemCode, "refresh_token": s.refresh, "client_credentials": s.clientCredentials,
	}[kind]
	given, err := exchange(client, r.form)
	if err != nil {
		return err.answer()
	}
	return s.issue(given, kind != "client_credentials" && client.allows("refresh_token"))
}

// consent is what one request to the token endpoint gets of a grant.
type consent struct {
	grant             *grant
	scopes, resources []string
}

var errGrant = badRequest("invalid_grant", "the code or refresh token is unknown, used, expired or another client's, or does not fit the request") // never written to

func (s *Issuer) redeemCode(client Client, form url.Values) (c consent, err *oauthError) {
	c.grant, err = s.store.take(codeKind, form.Get("code"), client.ID, func(r *record) (bad *oauthError) {
		// OAuth 2.1 no longer sends the redirect URI here; if it comes, it must fit.
		redirect := form["redirect_uri"]
		if !fits(form.Get("code_verifier"), r.challenge) || redirect != nil && redirect[0] != r.redirect {
			return errGrant
		}
		c.scopes = r.grant.scopes
		c.resources, bad = narrowed(r.grant.resources, form["resource"])
		return bad
	})
	return c, err
}

// fits is RFC 7636 section 4.6.
func fits(verifier, challenge string) bool {
	sum := sha256.Sum256([]byte(verifier))
	digest := base64.RawURLEncoding.EncodeToString(sum[:])
	return len(verifier) >= 43 && len(verifier) <= 128 && subtle.ConstantTimeCompare([]byte(digest), []byte(challenge)) == 1
}

func (s *Issuer) refresh(client Client, form url.Values) (c consent, err *oauthError) {
	c.grant, err = s.store.take(refreshKind, form.Get("refresh_token"), client.ID, func(r *record) (bad *oauthError) {
		if c.scopes, bad = splitScope(form.Get("scope")); bad != nil {
			return bad
		}
		for _, scope := range c.scopes {
			if !slices.Contains(r.grant.scopes, scope) { // RFC 6749 section 6: never more than was granted
				return badRequest("invalid_scope", "a scope was not granted")
			}
		}
		if len(c.scopes) == 0 {
			c.scopes = r.grant.scopes
		}
		c.resources, bad = narrowed(r.grant.resources, form["resource"])
		return bad
	})
	return c, err
}

// clientCredentials: the subject is the client itself (RFC 9068 section 2.2).
func (s *Issuer) clientCredentials(client Client, form url.Values) (c consent, err *oauthError) {
	c.grant = &grant{client: client.ID, subject: client.ID}
	if c.scopes, err = s.scopes(form.Get("scope")); err != nil {
		return c, err
	}
	c.resources, err = narrowed(nil, form["resource"])
	return c, err
}

// issue makes the tokens of one answer (RFC 6749 section 5.1).
func (s *Issuer) issue(c consent, refreshable bool) answer {
	g := c.grant
	t := Token{Subject: g.subject, ClientID: g.client, Scope: strings.Join(c.scopes, " ")}
	switch len(c.resources) {
	case 0:
	case 1:
		t.Audience = c.resources[0]
	default:
		t.Claims = map[string]any{"aud": c.resources}
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
	return private(document(http.StatusOK, reply))
}
