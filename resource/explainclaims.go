package resource

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// verifyToken is steps 5 to 7. If the token is not authentic, the caller is the one that the
// unverified claims of a JWT name.
func (e *explainer) verifyToken(from *issuer, token *Token, credential string) {
	mark := len(e.checks)
	var claims *Claims
	if token.IsJWT() {
		before, c, f := e.checkClaims(from, token, token.Claims(), unverified, credential)
		if f != nil && e.first == nil {
			e.first = f.asUnverified().about(token, from, token.Claims())
		}
		e.checks, claims = append(e.checks, before...), c // the verifier can panic
	}
	check := ExplainedCheck{Name: "authenticity", Source: "RFC 7515 §5.2, RFC 7662 §2.2", Want: "a signature by a key of the issuer, or its answer that the token is active"}
	given, f := from.verify(e.req.Context(), token)
	if f != nil {
		e.record(check, f)
		e.setCaller(from, claims, token, credential)
		return
	}
	for n := range e.checks[:mark] {
		e.checks[n].Unverified = false // what was said about the token is verified now
	}
	after, claims, f := e.checkClaims(from, token, given, verified, credential)
	e.checks = append(e.checks[:mark], onlyBefore(e.checks[mark:], after)...)
	e.record(check, nil)
	e.checks = append(e.checks, after...)
	if f != nil && e.first == nil {
		e.first = f.about(token, from, cmp.Or(claims, given))
	}
	e.authentic, e.valid = true, f == nil
	e.setCaller(from, claims, token, credential)
}

// setCaller sets the caller. claims are nil if there are none, or if they cannot be interpreted.
func (e *explainer) setCaller(from *issuer, claims *Claims, token *Token, credential string) {
	if claims == nil {
		e.skip(ExplainedCheck{Name: "permission", Source: "RFC 6750 §3.1"}, "the claims are not known")
		return
	}
	e.caller = e.policy.newCaller(e.at, from, claims, token, credential)
}

// onlyBefore returns the checks that failed before the verification and not after it: an
// introspection response can have other claims than the JWT.
func onlyBefore(before, after []ExplainedCheck) []ExplainedCheck {
	return slices.DeleteFunc(before, func(b ExplainedCheck) bool {
		return b.Outcome != CheckFailed || slices.ContainsFunc(after, func(a ExplainedCheck) bool { return a.Name == b.Name && a.Outcome == CheckFailed })
	})
}

// checkClaims is policy.checkClaims, with every check. claims is nil if they cannot be interpreted.
func (e *explainer) checkClaims(from *issuer, t *Token, given *Claims, verified bool, credential string) (all []ExplainedCheck, claims *Claims, first *fault) {
	c, f := e.policy.newClaimsCheck(e.at, from, t, given, verified, isFieldName(credential), time.Now())
	if f != nil {
		return []ExplainedCheck{{Name: "claims", Source: "configuration of the issuer", Outcome: CheckFailed, Unverified: !verified, Reason: f.reason, Detail: e.clean(f.err.Error())}}, nil, f
	}
	all, first = e.runChecks(c)
	return all, c.claims, first
}

// runChecks runs all checks about claims.
func (e *explainer) runChecks(c *claimsCheck) (all []ExplainedCheck, first *fault) {
	for i := range checks {
		f := checks[i].fault(c)
		x := ExplainedCheck{Name: checks[i].name, Source: checks[i].source, Outcome: CheckPassed, Unverified: !c.verified}
		x.Got, x.Want = checks[i].show(c)
		if f != nil {
			x.Outcome, x.Reason, x.Got, x.Want = CheckFailed, f.reason, f.got, f.want
			if first == nil {
				first = f
			}
		}
		if x.Got, x.Want = e.clean(x.Got), e.clean(x.Want); x != (ExplainedCheck{Name: x.Name, Source: x.Source, Outcome: CheckPassed, Unverified: x.Unverified}) {
			all = append(all, x) // otherwise the check does not apply
		}
	}
	return all, first
}

// verifyHeader is identifyByHeader.
func (e *explainer) verifyHeader(from *headerIssuer, value string) {
	check := ExplainedCheck{Name: "authenticity", Source: "Credentials.Headers", Want: "a credential that the verifier of the field accepts"}
	claims, f := from.verify(e.req, value)
	token := newToken(headerPrefix(from.name)+value, nil, nil)
	if f != nil {
		e.record(check, f.ofHeader(from, claims, token))
		e.setCaller(from.issuer, nil, token, from.name)
		return
	}
	e.record(check, nil)
	all, f := e.runChecks(e.policy.newHeaderCheck(e.at, from, claims, time.Now()))
	e.checks = append(e.checks, all...)
	if f != nil && e.first == nil {
		e.first = f.ofHeader(from, claims, token)
	}
	e.authentic, e.valid = true, f == nil
	e.caller = e.policy.newHeaderCaller(e.at, from, claims, token)
}

// The functions show* return what a check about claims found and what it accepts, for one that
// passed.

func showZip(c *claimsCheck) (got, want string) {
	if c.header != nil && c.header.ZipNone {
		return "zip NONE", "no zip, or NONE"
	}
	return "", "no zip"
}

func showType(c *claimsCheck) (got, want string) {
	want = "an access token"
	if c.header == nil {
		return describeTypeClaims(c), want
	}
	if c.issuer.strict {
		want = "at+jwt"
	}
	return cmp.Or(c.header.Type, "no typ") + describeTypeClaims(c), want
}

// describeTypeClaims returns the claims that name the type of the token.
func describeTypeClaims(c *claimsCheck) string {
	var text strings.Builder
	for _, claim := range c.claims.typeClaims {
		text.WriteString(", " + claim.Name + " " + claim.Value)
	}
	return text.String()
}

func showIssuer(c *claimsCheck) (got, want string) { return c.claims.Issuer, c.issuer.id }

func showTenant(c *claimsCheck) (got, want string) {
	if c.issuer.tenant == "" {
		return "", ""
	}
	return c.issuer.tenant, c.issuer.tenant
}

func showAudience(c *claimsCheck) (got, want string) {
	return cmp.Or(strings.Join(c.claims.Audience, " "), "no aud"), c.issuer.wantedAudience(c.endpoint)
}

func showPrincipal(c *claimsCheck) (got, want string) {
	if c.issuer.isOfClient(c.claims) {
		return "a token of the client itself: client_id " + c.claims.ClientID, "client_id"
	}
	if c.claims.Subject != "" {
		return "sub " + c.claims.Subject, "sub"
	}
	return "no sub", "sub, if the token is that of a user"
}

func showRequired(c *claimsCheck) (got, want string) {
	switch {
	case c.isAnswer():
		return "", "none in a response of the issuer"
	case c.issuer.strict:
		return "", "exp, sub, client_id, iat, jti"
	}
	return "", "exp"
}

func showConfirmation(c *claimsCheck) (got, want string) {
	return c.claims.Confirmation.got(), c.bindings.describe()
}

func showNotBefore(c *claimsCheck) (got, want string) { return c.showTime("nbf", c.claims.NotBefore) }

func showIssuedAt(c *claimsCheck) (got, want string) { return c.showTime("iat", c.claims.IssuedAt) }

func showExpiry(c *claimsCheck) (got, want string) { return c.showTime("exp", c.claims.Expiry) }

func showLifetime(c *claimsCheck) (got, want string) {
	if c.lifetime > 0 {
		want = "at most " + c.lifetime.String()
	}
	if c.claims.Expiry.IsZero() || c.claims.IssuedAt.IsZero() {
		return "", want
	}
	return c.claims.Expiry.Sub(c.claims.IssuedAt).String(), want
}

// showTime is compareTime for a time that is accepted.
func (c *claimsCheck) showTime(name string, at time.Time) (got, want string) {
	got, want, _ = c.compareTime(name, at, false)
	if at.IsZero() {
		got = "no " + name
	}
	return got, want
}
