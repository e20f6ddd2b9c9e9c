package securityevents

import (
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/jose"
)

// check is one rule for the claims of a security event token. failed reports whether the claims violate it,
// with what they have, for the log.
type check struct {
	source string // where the rule is from
	result result
	failed func(r *Receiver, c *claims, now time.Time) (got string, failed bool)
}

// checks are in the order of their effect. They apply before the signature is verified, because they can
// only reject. The type is checked before them, because it is in the header.
var checks = []check{
	{"SSF 1.0 §4.1.6, iss", resultIssuer, func(r *Receiver, c *claims, _ time.Time) (string, bool) {
		return c.issuer, c.issuer != r.issuer
	}},
	// RFC 8417 §2.2 only recommends aud. But a token without it is for anyone.
	{"RFC 7519 §4.1.3, aud", resultAudience, func(r *Receiver, c *claims, _ time.Time) (string, bool) {
		isOurs := func(audience string) bool { return slices.Contains(r.audience, audience) }
		return strings.Join(c.audience[:min(len(c.audience), maxLogged)], " "), !slices.ContainsFunc(c.audience, isOurs)
	}},
	// Access tokens and ID tokens have sub.
	{"SSF 1.0 §4.1.2, sub", resultClaim, func(_ *Receiver, c *claims, _ time.Time) (string, bool) {
		return "sub is present", c.hasSubject
	}},
	{"RFC 8417 §2.2, jti", resultClaim, func(_ *Receiver, c *claims, _ time.Time) (string, bool) {
		return "", c.id == ""
	}},
	{"RFC 8417 §2.2, iat", resultClaim, func(_ *Receiver, c *claims, _ time.Time) (string, bool) {
		return "", c.issuedAt.IsZero()
	}},
	{"RFC 8417 §2.2, events", resultClaim, func(_ *Receiver, c *claims, _ time.Time) (string, bool) {
		return "", c.events == nil
	}},
	{"Config.MaxAge, iat", resultTime, func(r *Receiver, c *claims, now time.Time) (string, bool) {
		return timeText(c.issuedAt), c.issuedAt.Before(now.Add(-r.maxAge - r.leeway))
	}},
	{"Config.Leeway, iat", resultTime, func(r *Receiver, c *claims, now time.Time) (string, bool) {
		return timeText(c.issuedAt), c.issuedAt.After(now.Add(r.leeway))
	}},
	// exp is not required: SSF 1.0 §4.1.7 forbids it, and RFC 8417 §2.2 does not recommend it.
	{"RFC 7519 §4.1.4, exp", resultTime, func(r *Receiver, c *claims, now time.Time) (string, bool) {
		return timeText(c.expiry), !c.expiry.IsZero() && !now.Before(c.expiry.Add(r.leeway))
	}},
	{"RFC 7519 §4.1.5, nbf", resultTime, func(r *Receiver, c *claims, now time.Time) (string, bool) {
		return timeText(c.notBefore), c.notBefore.After(now.Add(r.leeway))
	}},
}

// maxLogged is how many values of aud a log record has.
const maxLogged = 4 // values of aud

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// checkClaims applies the checks to the claims.
func (r *Receiver) checkClaims(c *claims, now time.Time) *rejection {
	for _, check := range checks {
		if got, failed := check.failed(r, c, now); failed {
			return &rejection{result: check.result, source: check.source, got: got}
		}
	}
	return nil
}

// isSETType reports whether typ is that of security event tokens (RFC 8417 §2.3). Every other
// type, and a token without one, is another kind of token: an access token, an ID token or a
// logout token of the same issuer must not count as an event.
func isSETType(h jose.Header) bool {
	return equalASCIIFold(h.Type, "secevent+jwt") || equalASCIIFold(h.Type, "application/secevent+jwt")
}

// equalASCIIFold compares media types, which are case-insensitive (RFC 2045 §5.1). Runes outside of
// ASCII that fold to ASCII letters are longer than these.
func equalASCIIFold(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }
