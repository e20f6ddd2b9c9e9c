package resource

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/claimset"
	"github.com/warder-go/warder/internal/instant"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/tokentype"
)

// maxExpiry is how far in the future exp can be: no access token is valid for ten years.
const maxExpiry = 10 * 365 * 24 * time.Hour

// check is one rule about claims. run returns the actual value, the expected value and
// whether the claims are valid. The first two are for logs, and can be empty if they are.
type check struct {
	name   string
	source string
	reason Reason
	run    func(c *claimsCheck) (got, want string, ok bool)
	show   func(c *claimsCheck) (got, want string) // for an explanation, if the claims are valid
}

// claimsCheck is the input of the checks.
type claimsCheck struct {
	claims   *Claims
	verified bool         // false: the claims were not verified, and the checks can only reject
	header   *jose.Header // nil: the token is opaque
	endpoint *endpoint
	issuer   *issuer
	bindings bindings
	now      time.Time
	leeway   time.Duration
	lifetime time.Duration // longest exp - iat; 0: no limit
}

// Values of claimsCheck.verified.
const unverified, verified = false, true

// checks are all rules, in order. The kind of the token and its audience are checked before
// its times, because a client can get another token only for the latter.
var checks = []check{
	{"zip", "RFC 7516 §4.1.3", ReasonTokenMalformed, checkZip, showZip},
	{"typ", "RFC 9068 §4, RFC 8725 §3.11", ReasonTokenType, checkType, showType},
	{"iss", "RFC 9068 §4, RFC 8414 §3.3", ReasonIssuerMismatch, checkIssuer, showIssuer},
	{"tenant", "one issuer pattern, many tenants", ReasonIssuerMismatch, checkTenant, showTenant},
	{"aud", "RFC 9068 §4, RFC 8707 §2", ReasonAudience, checkAudience, showAudience},
	{"principal", "RFC 9068 §2.2", ReasonClaimMissing, checkPrincipal, showPrincipal},
	{"required claims", "RFC 9068 §2.2", ReasonClaimMissing, checkRequired, showRequired},
	{"cnf", "RFC 7800 §3.1, RFC 9449 §7.2, RFC 8705 §3", ReasonSenderConstrained, checkConfirmation, showConfirmation},
	{"nbf", "RFC 7519 §4.1.5", ReasonNotYetValid, checkNotBefore, showNotBefore},
	{"iat", "RFC 7519 §4.1.6", ReasonNotYetValid, checkIssuedAt, showIssuedAt},
	{"exp", "RFC 7519 §4.1.4", ReasonExpired, checkExpiry, showExpiry},
	{"lifetime", "RFC 7519 §4.1.4", ReasonLifetime, checkLifetime, showLifetime},
}

// checkClaims returns the claims as the issuer defines them, and the first fault in them.
func (p *policy) checkClaims(at *endpoint, from *issuer, t *Token, given *Claims, verified, inField bool, now time.Time) (*Claims, *fault) {
	c, f := p.newClaimsCheck(at, from, t, given, verified, inField, now)
	if f != nil {
		return given, f
	}
	return c.claims, c.run()
}

// newClaimsCheck returns the input of the checks about claims of an issuer.
func (p *policy) newClaimsCheck(at *endpoint, from *issuer, t *Token, given *Claims, verified, inField bool, now time.Time) (*claimsCheck, *fault) {
	claims, f := from.interpret(given)
	if f != nil {
		return nil, f
	}
	c := &claimsCheck{claims: claims, verified: verified, endpoint: at, issuer: from, now: now, leeway: p.leeway, lifetime: p.lifetime}
	c.bindings = p.bindingsOf(from.config.DPoP, from.config.Certificates, inField)
	if t.IsJWT() {
		c.header = &t.JWS().Header
	}
	return c, nil
}

// run returns the first fault.
func (c *claimsCheck) run() *fault {
	for i := range checks {
		if f := checks[i].fault(c); f != nil {
			return f
		}
	}
	return nil
}

// fault returns the fault that the check finds, or nil.
func (k *check) fault(c *claimsCheck) *fault {
	if got, want, ok := k.run(c); !ok {
		return &fault{reason: k.reason, check: k, got: got, want: want}
	}
	return nil
}

// isAnswer reports whether the issuer has answered with the claims, in contrast to claims
// that the token contains.
func (c *claimsCheck) isAnswer() bool { return c.header == nil || c.claims.Introspected }

// checkType rejects ID tokens, proofs and other JWTs that are not access tokens.
func checkType(c *claimsCheck) (got, want string, ok bool) {
	for _, claim := range c.claims.typeClaims {
		if !tokentype.IsAccess(claim.Value, c.issuer.config.TokenTypes) {
			return claim.Name + " " + claim.Value, claim.Name + " " + tokentype.DescribeAccess(), false
		}
	}
	switch given := c.issuer.config; {
	case c.claims.codeHash: // OpenID Connect Core §3.3.2.11
		return "an ID token, with c_hash", "an access token", false
	case c.claims.accessHash && !given.AllowAtHash: // OpenID Connect Core §3.1.3.6
		return "an ID token, with at_hash", "an access token", false
	case c.header == nil || c.header.IsAccessTokenType(c.issuer.strict, given.HeaderTypes):
		return "", "", true
	case c.issuer.strict:
		return c.header.Type, "at+jwt", false
	}
	return c.header.Type, strings.Join(append([]string{"at+jwt", "JWT"}, c.issuer.config.HeaderTypes...), ", ") + " or none", false
}

// checkZip rejects zip in the header, which is for encrypted tokens. The token is read before its
// issuer is known, and every value other than "NONE" is rejected then.
func checkZip(c *claimsCheck) (got, want string, ok bool) {
	return "zip NONE", "no zip; if all tokens of the issuer have it, set allow_zip_none (in Go: AllowZipNone)",
		c.header == nil || !c.header.ZipNone || c.issuer.config.AllowZipNone
}

// checkIssuer compares exactly: case, a slash at the end and the port count.
func checkIssuer(c *claimsCheck) (got, want string, ok bool) {
	return c.claims.Issuer, c.issuer.id, c.claims.Issuer == c.issuer.id
}

// checkTenant compares the tenant in iss with the one in the claims.
func checkTenant(c *claimsCheck) (got, want string, ok bool) {
	if c.issuer.tenant == "" {
		return "", "", true
	}
	tenant := c.issuer.tenants.claim.Text(c.claims.object)
	return tenant, c.issuer.tenant, tenant == c.issuer.tenant
}

// checkAudience compares exactly. No setting accepts every audience: a token for
// another server must not be accepted (MCP authorization, "Token Audience Binding").
func checkAudience(c *claimsCheck) (got, want string, ok bool) {
	for _, audience := range c.claims.Audience {
		for _, accepted := range c.issuer.audiences {
			if audience == accepted {
				return "", "", true
			}
		}
		// A client identifier never equals that of the endpoint, except to impersonate it.
		if !c.issuer.ofClients && slices.Contains(c.endpoint.audiences, audience) {
			return "", "", true
		}
	}
	// RFC 7662 §2.2: aud is optional in an answer. Without it the answer does not tell
	// which server the token is for. Fail closed, unless the issuer is configured to be
	// trusted in this. Before the issuer has answered about a JWT, its aud is not known.
	if c.claims.Audience == nil && c.issuer.trustsAnswers && (c.isAnswer() || !c.verified) {
		return "", "", true
	}
	return strings.Join(c.claims.Audience, " "), c.issuer.wantedAudience(c.endpoint), false
}

// checkPrincipal rejects a user's token that does not identify the user: all users of a client
// would be one caller. Before verification it is not known whether an introspection answer
// will have the subject.
func checkPrincipal(c *claimsCheck) (got, want string, ok bool) {
	switch {
	case !c.verified:
		return "", "", true
	case c.issuer.isOfClient(c.claims):
		return "no client_id", "client_id, because client_token_claim (in Go: ClientTokens) applies", c.claims.ClientID != ""
	case c.claims.Subject != "":
		return "", "", true
	}
	sign := cmp.Or(claimset.UserSign(c.claims.jwtObject), claimset.UserSign(c.claims.object))
	return "no sub, but " + sign, "sub: make the issuer add it, or set subject_claim (in Go: SubjectClaim); for tokens of clients set client_token_claim (in Go: ClientTokens)", sign == ""
}

// checkRequired requires exp in every JWT, and all claims of RFC 9068 §2.2 in strict mode.
// iss and aud have checks of their own. An introspection answer may lack exp, because
// "active" is enough for the moment of the answer.
func checkRequired(c *claimsCheck) (got, want string, ok bool) {
	if c.isAnswer() { // an introspected JWT was checked itself
		return "", "", true
	}
	if c.claims.Expiry.IsZero() {
		return "", "exp", false
	}
	if !c.issuer.strict {
		return "", "", true
	}
	switch claims := c.claims; {
	case claims.Subject == "":
		return "", "sub", false
	case claims.ClientID == "":
		return "", "client_id", false
	case claims.IssuedAt.IsZero():
		return "", "iat", false
	case claims.TokenID == "":
		return "", "jti", false
	}
	return "", "", true
}

// checkConfirmation rejects a token that is bound to a key or a certificate, unless the issuer is
// configured for that. To accept it as a bearer token would undo the binding. The proof is checked
// later, for every request: see checkPossession.
func checkConfirmation(c *claimsCheck) (got, want string, ok bool) {
	confirmation := c.claims.Confirmation
	if !confirmation.IsBound() {
		// RFC 9449 §6.2: an answer about a token of this type has cnf.
		return "token type DPoP without cnf", "cnf jkt", !slices.ContainsFunc(c.claims.typeClaims, func(claim claimset.Type) bool { return tokentype.IsDPoP(claim.Value) })
	}
	return confirmation.got(), c.bindings.describe(), c.bindings.of(confirmation.Method) > BindingOff
}

func checkNotBefore(c *claimsCheck) (got, want string, ok bool) {
	return c.compareTime("nbf", c.claims.NotBefore, !c.claims.NotBefore.After(c.now.Add(c.leeway)))
}

func checkIssuedAt(c *claimsCheck) (got, want string, ok bool) {
	return c.compareTime("iat", c.claims.IssuedAt, !c.claims.IssuedAt.After(c.now.Add(c.leeway)))
}

func checkExpiry(c *claimsCheck) (got, want string, ok bool) {
	return c.compareTime("exp", c.claims.Expiry, !instant.Of(c.claims.Expiry).HasPassed(c.now, c.leeway))
}

// checkLifetime rejects times that contradict each other, and a token that is valid for too
// long.
func checkLifetime(c *claimsCheck) (got, want string, ok bool) {
	claims := c.claims
	switch {
	case claims.Expiry.IsZero():
		return "", "", true // see checkRequired
	case claims.Expiry.After(c.now.Add(maxExpiry)):
		return "exp " + claims.Expiry.UTC().Format(time.RFC3339), "exp at most ten years ahead", false
	case claims.IssuedAt.After(claims.Expiry), claims.NotBefore.After(claims.Expiry):
		return "iat or nbf after exp", "both before", false
	case c.lifetime == 0:
		return "", "", true
	case claims.IssuedAt.IsZero():
		return "no iat", "iat, because MaxLifetime is set", false
	}
	if lifetime := claims.Expiry.Sub(claims.IssuedAt); lifetime > c.lifetime {
		return lifetime.String(), "at most " + c.lifetime.String(), false
	}
	return "", "", true
}

// compareTime makes the texts for a rejection only.
func (c *claimsCheck) compareTime(name string, got time.Time, ok bool) (string, string, bool) {
	if ok {
		return "", "", true
	}
	return name + " " + got.UTC().Format(time.RFC3339),
		fmt.Sprintf("now %s, leeway %s", c.now.UTC().Format(time.RFC3339), c.leeway), false
}
