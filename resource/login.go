package resource

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/claimpath"
	"github.com/warder-go/warder/internal/errorresponse"
	"github.com/warder-go/warder/internal/instant"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/strictjson"
)

// login is how and when the user logged in, as verified claims say (RFC 9470 §6).
type login struct {
	read bool            // from the claims
	acr  string          // "": absent or not a string
	at   instant.Instant // auth_time; 0: absent or not a NumericDate
}

// The claims of a login. Both are registered, so a spelling in another case makes the claims
// unreadable here: fail closed. The token stays valid for requests that need no login.
var acrClaim, authTimeClaim = claimpath.Name("acr"), claimpath.Name("auth_time")

// readsLogins reports whether a setting needs the login of callers.
func (p *policy) readsLogins() bool {
	return p.authentication != nil || p.rules != nil && p.rules.authentication != nil
}

// setLogin reads the login of a caller, once, if a setting needs it. A caller that an earlier
// policy has cached without it gets it by recast.
func (p *policy) setLogin(c *Caller) {
	if c.login.read || !p.readsLogins() {
		return
	}
	c.login.read = true
	if value, err := c.find(acrClaim); err == nil && value != nil {
		c.login.acr, _ = strictjson.String(value)
	}
	if value, err := c.find(authTimeClaim); err == nil && value != nil {
		at, _ := jose.NumericDate(value) // a string, or out of range: absent
		c.login.at = instant.Of(at)
	}
}

// meets reports whether the login is as required now. wanted may be nil.
func (l *login) meets(wanted *Authentication, now time.Time, leeway time.Duration) bool {
	switch {
	case wanted == nil:
		return true
	case wanted.ACRValues != nil && (l.acr == "" || !slices.Contains(wanted.ACRValues, l.acr)):
		return false
	case wanted.MaxAge == 0:
		return true
	}
	age := now.Sub(l.at.Time())
	return l.at != 0 && age <= wanted.MaxAge+leeway && age >= -leeway
}

// checkLogin rejects a caller whose login is not as every request and the operations require.
// missing is the fault of checkScopes, or nil: a scope that no login can add precedes, and a
// scope that a login can add is part of the same challenge (RFC 9470 §3), so that one login is
// enough.
func (p *policy) checkLogin(c *Caller, ofOperations []*Authentication, missing *fault) *fault {
	if p.authentication == nil && ofOperations == nil || missing != nil && missing.reason != ReasonInsufficientScope {
		return missing
	}
	now := time.Now()
	unmet := func(wanted *Authentication) bool { return !c.login.meets(wanted, now, p.leeway) }
	if !unmet(p.authentication) && !slices.ContainsFunc(ofOperations, unmet) {
		return missing
	}
	wanted, possible := combine(p.authentication, ofOperations)
	f := &fault{reason: ReasonAuthenticationUnavailable, caller: c, got: c.login.got(&wanted, now), want: wanted.want(p.leeway)}
	switch {
	case !possible:
		f.want = "no acr value is enough for all rules that apply to the request"
	case c.OfClient():
		f.want += ", of a user; the token belongs to a client"
	case p.isOtherCredential(c.Credential(), c.Issuer()):
		f.want += ", of a user; the credential is not an OAuth access token"
	default:
		f.reason = ReasonInsufficientAuthentication
		f.login = errorresponse.Login{ACRValues: strings.Join(wanted.ACRValues, " "), MaxAge: int64(wanted.MaxAge / time.Second)}
		if missing != nil {
			f.needed, f.challenge = missing.needed, missing.challenge
		}
	}
	return f
}

// combine returns what is enough for all requirements: the acr values that all of them accept, in
// the order of the first, and the smallest MaxAge. It is not possible if they share no acr value.
// first and others may contain nil.
func combine(first *Authentication, others []*Authentication) (all Authentication, possible bool) {
	for _, one := range append([]*Authentication{first}, others...) {
		if one == nil {
			continue
		}
		if one.MaxAge > 0 && (all.MaxAge == 0 || one.MaxAge < all.MaxAge) {
			all.MaxAge = one.MaxAge
		}
		switch {
		case one.ACRValues == nil:
		case all.ACRValues == nil:
			all.ACRValues = slices.Clone(one.ACRValues)
		default:
			all.ACRValues = slices.DeleteFunc(all.ACRValues, func(value string) bool { return !slices.Contains(one.ACRValues, value) })
		}
	}
	return all, all.ACRValues == nil || len(all.ACRValues) > 0
}

// got describes the login for the log, as far as wanted requires it.
func (l *login) got(wanted *Authentication, now time.Time) string {
	var parts []string
	switch {
	case wanted.ACRValues == nil:
	case l.acr == "":
		parts = append(parts, "no acr")
	default:
		parts = append(parts, fmt.Sprintf("acr %q", l.acr))
	}
	switch {
	case wanted.MaxAge == 0:
	case l.at == 0:
		parts = append(parts, "no auth_time")
	default:
		parts = append(parts, "a login "+now.Sub(l.at.Time()).Truncate(time.Second).String()+" ago") // negative: in the future
	}
	return strings.Join(parts, ", ")
}

// want describes the required login for the log.
func (a *Authentication) want(leeway time.Duration) string {
	var parts []string
	if a.ACRValues != nil {
		parts = append(parts, "acr "+strings.Join(a.ACRValues, " or "))
	}
	if a.MaxAge > 0 {
		parts = append(parts, fmt.Sprintf("a login at most %s ago, leeway %s", a.MaxAge, leeway))
	}
	return strings.Join(parts, ", ")
}
