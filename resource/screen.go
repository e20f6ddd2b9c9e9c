package resource

import (
	"fmt"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/jose"
)

// farFuture bounds exp: no access token is good for ten years.
const farFuture = 10 * 365 * 24 * time.Hour

// A check is one rule about claims. It returns what the token says, what would have
// been right, and whether the token passes. The first two are for logs and may be
// empty where the token passes.
type check struct {
	name   string
	source string
	reason Reason
	run    func(s *screening) (got, want string, ok bool)
}

// screening is what a check looks at. It never leaves the process.
type screening struct {
	claims   *Claims
	verified bool         // false: the claims may only refuse
	header   *jose.Header // nil: the token is opaque
	issuer   *issuer
	now      time.Time
	leeway   time.Duration
	lifetime time.Duration // most that exp - iat may be; 0: no limit
}

// answer reports whether somebody said the claims of the token, rather than the
// token of itself.
func (s *screening) answer() bool { return s.header == nil || s.claims.Introspected }

// checks is the whole screen, in the order in which it is walked: what kind of token
// it is and whose before when it is good, since a fresh token mends only the latter.
var checks = []check{
	{"typ", "RFC 9068 §4, RFC 8725 §3.11", ReasonTokenType, checkType},
	{"iss", "RFC 9068 §4, RFC 8414 §3.3", ReasonIssuerMismatch, checkIssuer},
	{"tenant", "one issuer pattern, many tenants", ReasonIssuerMismatch, checkTenant},
	{"aud", "RFC 9068 §4, RFC 8707 §2", ReasonAudience, checkAudience},
	{"principal", "RFC 9068 §2.2", ReasonClaimMissing, checkPrincipal},
	{"required claims", "RFC 9068 §2.2", ReasonClaimMissing, checkRequired},
	{"cnf", "RFC 7800 §3.1, RFC 9449 §7.2, RFC 8705 §3", ReasonSenderConstrained, checkUnbound},
	{"nbf", "RFC 7519 §4.1.5", ReasonNotYetValid, checkNotBefore},
	{"iat", "RFC 7519 §4.1.6", ReasonNotYetValid, checkIssuedAt},
	{"exp", "RFC 7519 §4.1.4", ReasonExpired, checkExpiry},
	{"lifetime", "RFC 7519 §4.1.4", ReasonLifetime, checkLifetime},
}

// run returns the first fault.
func (s *screening) run() *fault {
	for i := range checks {
		if got, want, ok := checks[i].run(s); !ok {
			return &fault{reason: checks[i].reason, check: &checks[i], got: got, want: want}
		}
	}
	return nil
}

// checkType tells access tokens from ID tokens, proofs and other JWTs.
func checkType(s *screening) (got, want string, ok bool) {
	if use := s.claims.use; use != "" && use != "access" && use != "access_token" {
		return "token_use " + use, "token_use access", false // Cognito's ID tokens say "id"
	}
	if s.claims.hash != "" { // OpenID Connect Core §3.1.3.6, §3.3.2.11
		return "an ID token, with " + s.claims.hash, "an access token", false
	}
	if s.header == nil || s.header.IsAccessTokenType(s.issuer.strict) {
		return "", "", true
	}
	if s.issuer.strict {
		return s.header.Type, "at+jwt", false
	}
	return s.header.Type, "at+jwt, JWT or none", false
}

// checkIssuer compares exactly: no case, no slash, no port is forgiven.
func checkIssuer(s *screening) (got, want string, ok bool) {
	return s.claims.Issuer, s.issuer.id, s.claims.Issuer == s.issuer.id
}

// checkTenant wants the tenant in iss to be that of the claims.
func checkTenant(s *screening) (got, want string, ok bool) {
	if s.issuer.tenant == "" {
		return "", "", true
	}
	tenant := s.issuer.tenants.claim.text(s.claims.object)
	return tenant, s.issuer.tenant, tenant == s.issuer.tenant
}

// checkAudience compares exactly. There is no way to accept any audience: a token
// for another server must not pass here (MCP authorization, "Token Audience Binding").
func checkAudience(s *screening) (got, want string, ok bool) {
	for _, audience := range s.claims.Audience {
		for _, accepted := range s.issuer.audiences {
			if audience == accepted {
				return "", "", true
			}
		}
	}
	// RFC 7662 §2.2: aud is optional in an answer. Without it the answer does not
	// say for whom the token is. Fail closed, but for an issuer that was told to
	// be trusted in this. Of a JWT whose answer is still to come nothing is known.
	if s.claims.Audience == nil && s.issuer.trustsAnswers && (s.answer() || !s.verified) {
		return "", "", true
	}
	return strings.Join(s.claims.Audience, " "), s.issuer.wantedAudience(), false
}

// checkPrincipal wants somebody to answer for the request: a subject, or the client
// itself (some servers issue client-credentials tokens without sub).
func checkPrincipal(s *screening) (got, want string, ok bool) {
	return "", "sub or client_id", s.claims.Subject != "" || s.claims.ClientID != ""
}

// checkRequired demands exp of every JWT, and all of RFC 9068 §2.2 where the issuer is
// held to it. iss and aud are required always, by checks of their own. An introspection
// answer may lack exp: active said all there is to say, at that moment.
func checkRequired(s *screening) (got, want string, ok bool) {
	if s.answer() { // of an introspected JWT the JWT itself was held to this
		return "", "", true
	}
	if s.claims.Expiry.IsZero() {
		return "", "exp", false
	}
	if !s.issuer.strict {
		return "", "", true
	}
	switch c := s.claims; {
	case c.Subject == "":
		return "", "sub", false
	case c.ClientID == "":
		return "", "client_id", false
	case c.IssuedAt.IsZero():
		return "", "iat", false
	case c.TokenID == "":
		return "", "jti", false
	}
	return "", "", true
}

// checkUnbound refuses a token that is bound to a key or a certificate: accepting it
// as a plain bearer token would undo the binding.
func checkUnbound(s *screening) (got, want string, ok bool) {
	return "cnf", "no cnf: proof of possession is not supported", !s.claims.Confirmed
}

func checkNotBefore(s *screening) (got, want string, ok bool) {
	return s.compare("nbf", s.claims.NotBefore, !s.claims.NotBefore.After(s.now.Add(s.leeway)))
}

func checkIssuedAt(s *screening) (got, want string, ok bool) {
	return s.compare("iat", s.claims.IssuedAt, !s.claims.IssuedAt.After(s.now.Add(s.leeway)))
}

func checkExpiry(s *screening) (got, want string, ok bool) {
	return s.compare("exp", s.claims.Expiry, !instantOf(s.claims.Expiry).over(s.now, s.leeway))
}

// checkLifetime refuses times that contradict each other, and a token that is good
// for too long.
func checkLifetime(s *screening) (got, want string, ok bool) {
	c := s.claims
	switch {
	case c.Expiry.IsZero():
		return "", "", true // checkRequired has had its say
	case c.Expiry.After(s.now.Add(farFuture)):
		return s.compare("exp", c.Expiry, false)
	case c.IssuedAt.After(c.Expiry), c.NotBefore.After(c.Expiry):
		return "iat or nbf after exp", "both before", false
	case s.lifetime == 0:
		return "", "", true
	case c.IssuedAt.IsZero():
		return "no iat", "iat, since a lifetime is configured", false
	}
	if took := c.Expiry.Sub(c.IssuedAt); took > s.lifetime {
		return took.String(), "at most " + s.lifetime.String(), false
	}
	return "", "", true
}

// compare builds its texts only for a refusal.
func (s *screening) compare(name string, got time.Time, ok bool) (string, string, bool) {
	if ok {
		return "", "", true
	}
	return name + " " + got.UTC().Format(time.RFC3339),
		fmt.Sprintf("now %s, leeway %s", s.now.UTC().Format(time.RFC3339), s.leeway), false
}
