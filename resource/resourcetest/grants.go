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

func (s *Issuer) serveToken(r *request) answer { return s.withNonce(s.token(r)) }

func (s *Issuer) token(r *request) answer {
	client, err := s.authenticate(r)
	if err != nil {
		return err.answer()
	}
	kind := r.form.Get("grant_type")
	if !slices.Contains(grantTypes, kind) {
		return errorAnswer(http.StatusBadRequest, "unsupported_grant_type", "grant_type is missing or unknown")
	}
	exchanges := kind == grantExchange || kind == grantJWTBearer
	if !client.allows(kind) || (kind == "client_credentials" || exchanges) && client.Secret == "" {
		return errorAnswer(http.StatusBadRequest, "unauthorized_client", "the client may not use this grant type")
	}
	exchange := map[string]func(tokenRequest) (issuance, *oauthError){
		"authorization_code": s.redeemCode, "refresh_token": s.refresh, "client_credentials": s.clientCredentials,
		grantExchange: s.exchangeToken, grantJWTBearer: s.exchangeToken,
	}[kind]
	if fixed, ok := s.exchangeSetting().fixedError(); ok && exchanges {
		return fixed
	}
	thumbprint, err := s.proof(r)
	if err != nil {
		return err.answer()
	}
	request := tokenRequest{client, r.form, thumbprint}
	granted, err := exchange(request)
	if err != nil {
		return err.answer()
	}
	return s.issue(request, granted, kind != "client_credentials" && !exchanges && client.allows("refresh_token"))
}

// tokenRequest is a token request of an authenticated client.
type tokenRequest struct {
	client     Client
	form       url.Values
	thumbprint string // of the key of the DPoP proof, or ""
}

// issuance is the part of a grant that one token request selects.
type issuance struct {
	grant             *grant
	scopes, resources []string
	details           []Raw
	exchanged         *exchanged // nil: not an exchange
}

// errGrant is never modified.
var errGrant = badRequest("invalid_grant", "the code or refresh token is unknown, used, expired or of another client, or does not match the request")

func (s *Issuer) redeemCode(request tokenRequest) (i issuance, err *oauthError) {
	form := request.form
	i.grant, err = s.store.redeem(codeKind, form.Get("code"), request.client.ID, func(r *record) (err *oauthError) {
		// OAuth 2.1 no longer has redirect_uri in this request. If it is sent, it must match.
		redirect := form["redirect_uri"]
		if !verifierMatches(form.Get("code_verifier"), r.challenge) || redirect != nil && redirect[0] != r.redirect {
			return errGrant
		}
		i.scopes = r.grant.scopes
		return i.narrow(r, request)
	})
	return i, err
}

// narrow selects the resources and the authorization details of a request. If the code or refresh
// token is bound to a key, the proof must be of this key (RFC 9449 sections 5 and 10).
func (i *issuance) narrow(r *record, request tokenRequest) (err *oauthError) {
	if r.thumbprint != "" && r.thumbprint != request.thumbprint {
		return errGrant
	}
	if i.details, err = narrowDetails(r.grant.details, request.form); err != nil {
		return err
	}
	i.resources, err = narrowResources(r.grant.resources, request.form["resource"])
	return err
}

// verifierMatches checks a code verifier (RFC 7636 section 4.6).
func verifierMatches(verifier, challenge string) bool {
	sum := sha256.Sum256([]byte(verifier))
	digest := base64.RawURLEncoding.EncodeToString(sum[:])
	return len(verifier) >= 43 && len(verifier) <= 128 && subtle.ConstantTimeCompare([]byte(digest), []byte(challenge)) == 1
}

func (s *Issuer) refresh(request tokenRequest) (i issuance, err *oauthError) {
	form := request.form
	i.grant, err = s.store.redeem(refreshKind, form.Get("refresh_token"), request.client.ID, func(r *record) (err *oauthError) {
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
		return i.narrow(r, request)
	})
	return i, err
}

// clientCredentials issues a token whose subject is the client (RFC 9068 section 2.2).
func (s *Issuer) clientCredentials(request tokenRequest) (i issuance, err *oauthError) {
	i.grant = &grant{client: request.client.ID, subject: request.client.ID}
	if i.scopes, err = s.scopes(request.form.Get("scope")); err != nil {
		return i, err
	}
	if i.grant.details, err = authorizationDetails(request.form); err != nil {
		return i, err
	}
	err = i.narrow(&record{grant: i.grant}, request)
	return i, err
}

// issue returns a token response (RFC 6749 section 5.1), with a refresh token if refreshable.
// Tokens for a request with a DPoP proof are bound to its key, and so are the refresh tokens of
// public clients (RFC 9449 section 5).
func (s *Issuer) issue(request tokenRequest, i issuance, refreshable bool) answer {
	g, t := i.grant, i.description()
	if request.thumbprint != "" {
		t.ProofKey = &ProofKey{thumbprint: request.thumbprint}
	}
	i.exchanged.apply(&t)
	token, claims := rand.Text(), object(nil)
	if s.config.OpaqueTokens {
		claims = s.claims(t)
	} else {
		token, claims = s.compact(t)
	}
	s.store.put(token, s.accessRecord(t, claims, g))
	reply := object{{"access_token", token}, {"token_type", t.tokenType()}, {"expires_in", int(s.config.Lifetime.Seconds())}}
	if t.Scope != "" {
		reply = append(reply, member{"scope", t.Scope})
	}
	if i.details != nil {
		reply = append(reply, member{"authorization_details", array(i.details)}) // RFC 9396 section 7
	}
	if refreshable {
		refresh := rand.Text()
		bound := &record{kind: refreshKind, grant: g, expires: time.Now().Add(refreshLifetime)}
		if request.client.Secret == "" {
			bound.thumbprint = request.thumbprint
		}
		s.store.put(refresh, bound)
		reply = append(reply, member{"refresh_token", refresh})
	}
	return i.exchanged.answer(reply)
}

// description returns the access token to issue, without the key that it is bound to.
func (i issuance) description() Token {
	g := i.grant
	t := Token{Subject: g.subject, ClientID: g.client, Scope: strings.Join(i.scopes, " "), Claims: make(map[string]any)}
	switch len(i.resources) {
	case 0:
	case 1:
		t.Audience = i.resources[0]
	default:
		t.Claims["aud"] = i.resources
	}
	if g.login.acr != "" {
		t.Claims["acr"] = g.login.acr
	}
	if !g.login.time.IsZero() {
		t.Claims["auth_time"] = g.login.time.Unix()
	}
	if i.details != nil {
		t.Claims["authorization_details"] = array(i.details)
	}
	return t
}
