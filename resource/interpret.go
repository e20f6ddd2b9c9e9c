package resource

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/claimpath"
	"github.com/warder-go/warder/internal/claimset"
	"github.com/warder-go/warder/internal/strictjson"
)

// Limits of what an Issuer determines.
const (
	maxScopePrefixBytes = 512    // Issuer.ScopePrefix, which is added to each scope of a token
	maxRoles            = 10_000 // roles in one token, if Issuer.RoleClaim is set
)

// interpret returns the claims as the issuer defines them: with the audience, the scopes and
// the roles from the claims in which it puts them. Everything else stays.
func (i *issuer) interpret(c *Claims) (*Claims, *fault) {
	if i.audienceClaims == nil && i.scopeClaim == nil && i.names == nil && i.roleClaim == nil && i.subjectClaim == nil && i.stillAccepted == nil {
		return c, nil
	}
	out := *c
	if i.audienceClaims != nil {
		out.Audience = claimset.AudienceFrom(i.audienceClaims, c.Audience, c.find)
	}
	if i.subjectClaim != nil {
		out.sub = c.Subject
		out.Subject, _ = strictjson.String(c.value(i.subjectClaim))
	}
	var f *fault
	if out.Scopes, f = i.scopesOf(c); f != nil {
		return nil, f
	}
	if out.roles, f = i.rolesOf(c); f != nil {
		return nil, f
	}
	if accepted, valid := i.stillAccepted, c.StillValid; accepted != nil {
		out.StillValid = func(now time.Time) bool { return accepted(now) && (valid == nil || valid(now)) }
	}
	return &out, nil
}

// scopesOf returns the scopes of one claim, never the union of two. An empty string in an answer
// grants nothing, so the JWT does not count then.
func (i *issuer) scopesOf(c *Claims) (scopes []string, f *fault) {
	scopes = c.Scopes
	if i.scopeClaim != nil {
		var value jsontext.Value
		if !i.scopeClaim.IsEmptyString(c.object) {
			value = c.value(i.scopeClaim)
		}
		var err error
		if scopes, err = claimset.Scopes(value); err != nil {
			return nil, newFault(ReasonClaimsTooMany, "scope_claim (in Go: ScopeClaim): %w", err)
		}
	}
	return i.names.OfToken(scopes), nil
}

// rolesOf returns the roles; nil without Issuer.RoleClaim.
func (i *issuer) rolesOf(c *Claims) (roles []string, f *fault) {
	if i.roleClaim == nil {
		return nil, nil
	}
	roles, _ = claimset.StringOrStrings(c.value(i.roleClaim))
	roles = slices.DeleteFunc(roles, func(role string) bool { return role == "" })
	if len(roles) > maxRoles {
		return nil, newFault(ReasonClaimsTooMany, "role_claim (in Go: RoleClaim) has more than %d roles", maxRoles)
	}
	return roles, nil
}

// find returns a claim of the issuer's answer or, if the answer omits it, of the JWT that was
// introspected. If the answer cannot be read, the JWT does not count.
func (c *Claims) find(path claimpath.Path) (jsontext.Value, error) {
	return findClaim(path, c.object, c.jwtObject)
}

func findClaim(path claimpath.Path, object, jwtObject []byte) (jsontext.Value, error) {
	if jwtObject == nil || len(path) == 0 {
		return path.Find(object)
	}
	if top, err := path[:1].Find(object); top != nil || err != nil {
		return path.Find(object)
	}
	return path.Find(jwtObject)
}

// value is like find. It returns nil if the claim cannot be read.
func (c *Claims) value(path claimpath.Path) jsontext.Value {
	value, _ := c.find(path)
	return value
}
