package resourcetest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Grant types that exchange a token for one for another server.
const (
	grantExchange  = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693 section 2.1
	grantJWTBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"     // RFC 7523 section 2.1, and the on-behalf-of flow of Entra
)

// Token types of RFC 8693 section 3.
const (
	accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
	jwtTokenType    = "urn:ietf:params:oauth:token-type:jwt"
)

// Exchange changes how the token endpoint answers a token exchange (RFC 8693) and a request with an
// assertion (RFC 7523, and the on-behalf-of flow of Entra). The zero value changes nothing. For
// faults of other endpoints too, such as redirects and large bodies, use Failure.
type Exchange struct {
	// Error is the error code of each answer, with status 400 unless Status is set. No token is
	// issued then. Members are further members of the answer, such as "error_codes" and "claims".
	Error  string
	Status int

	// Targets are the audiences and resources that a token can be requested for. Nil is all.
	Targets []string

	// Members are members of the answer to add, replace or remove (with the value Remove).
	Members map[string]any

	// Token changes the token before it is issued. It is called concurrently.
	Token func(*Token)
}

// SetExchange makes the token endpoint answer exchanges like this. Each call replaces the changes
// of the previous one. It panics for a member that cannot be encoded as JSON.
func (s *Issuer) SetExchange(e Exchange) {
	_ = object(nil).with(e.Members).encode() // panics here rather than in a request
	e.Members, e.Targets = maps.Clone(e.Members), slices.Clone(e.Targets)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exchange = e
}

func (s *Issuer) exchangeSetting() Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exchange
}

// exchanged is what an exchange adds to a token.
type exchanged struct {
	tokenType string // issued_token_type; "": none, as for an assertion
	actor     object // claim "act" (RFC 8693 section 4.1); nil: none
	setting   Exchange
}

// exchangeToken issues a token for another server and for the user of a token of this issuer.
func (s *Issuer) exchangeToken(request tokenRequest) (i issuance, err *oauthError) {
	form, e := request.form, &exchanged{setting: s.exchangeSetting()}
	i.exchanged = e
	subject := form.Get("assertion")
	if form.Get("grant_type") == grantExchange {
		subject = form.Get("subject_token")
		if e.tokenType, err = exchangedType(form); err != nil {
			return i, err
		}
	} else if use := form.Get("requested_token_use"); use != "" && use != "on_behalf_of" {
		return i, badRequest("invalid_request", "requested_token_use is unknown")
	}
	claims, active := s.store.active(subject)
	if !active { // RFC 8693 section 2.2.2, RFC 7523 section 3.1
		code := "invalid_grant"
		if e.tokenType != "" {
			code = "invalid_request"
		}
		return i, badRequest(code, "the token to exchange is unknown, expired or revoked")
	}
	if e.actor, err = s.actor(form, claims); err != nil {
		return i, err
	}
	if i.resources, err = exchangeTargets(form, e.setting.Targets); err != nil {
		return i, err
	}
	if i.scopes, err = s.scopes(form.Get("scope")); err != nil {
		return i, err
	}
	user, _ := claims.get("sub")
	i.grant = &grant{client: request.client.ID}
	i.grant.subject, _ = user.(string)
	return i, nil
}

// exchangedType returns the issued_token_type for the types in a request.
func exchangedType(form url.Values) (string, *oauthError) {
	types := []string{accessTokenType, jwtTokenType}
	if !slices.Contains(types, form.Get("subject_token_type")) {
		return "", badRequest("invalid_request", "subject_token_type is missing or not supported")
	}
	switch wanted := form.Get("requested_token_type"); {
	case wanted == "":
		return accessTokenType, nil
	case slices.Contains(types, wanted):
		return wanted, nil
	}
	return "", badRequest("invalid_request", "requested_token_type is not supported")
}

// actor returns the claim "act": the subject of the actor token, and the actors before it.
func (s *Issuer) actor(form url.Values, claims object) (object, *oauthError) {
	before, _ := claims.get("act")
	chain, _ := before.(object)
	token := form.Get("actor_token")
	if (token == "") != (form.Get("actor_token_type") == "") {
		return nil, badRequest("invalid_request", "actor_token and actor_token_type must be sent together")
	}
	if token == "" {
		return chain, nil
	}
	of, active := s.store.active(token)
	if !active {
		return nil, badRequest("invalid_request", "the actor token is unknown, expired or revoked")
	}
	subject, _ := of.get("sub")
	act := object{{"sub", subject}}
	if chain != nil {
		act = append(act, member{"act", chain})
	}
	return act, nil
}

// exchangeTargets returns the audiences of the token: those of the request. Without any, it is the
// part before the last slash of the first scope, as with Entra.
func exchangeTargets(form url.Values, allowed []string) ([]string, *oauthError) {
	targets := slices.Concat(form["audience"], form["resource"])
	if first, _, _ := strings.Cut(form.Get("scope"), " "); len(targets) == 0 && strings.Contains(first, "://") {
		targets = []string{first[:strings.LastIndexByte(first, '/')]}
	}
	for _, target := range targets {
		if allowed != nil && !slices.Contains(allowed, target) {
			return nil, badRequest("invalid_target", "a target is not allowed")
		}
	}
	return targets, nil
}

// apply changes the token that is issued.
func (e *exchanged) apply(t *Token) {
	if e == nil {
		return
	}
	if e.actor != nil {
		t.Claims["act"] = e.actor
	}
	if e.setting.Token != nil {
		e.setting.Token(t)
	}
}

// answer returns the answer with the changes of the setting.
func (e *exchanged) answer(reply object) answer {
	if e == nil {
		return noStore(document(http.StatusOK, reply))
	}
	if e.tokenType != "" {
		reply = append(reply, member{"issued_token_type", e.tokenType})
	}
	return noStore(document(http.StatusOK, reply.with(e.setting.Members)))
}

// fixedError returns the answer of Exchange.Error; false if it is not set.
func (e Exchange) fixedError() (answer, bool) {
	if e.Error == "" {
		return answer{}, false
	}
	status := e.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	return noStore(document(status, object{{"error", e.Error}}.with(e.Members))), true
}
