package scopeset

import "slices"

// Grant is what a token grants. Most tokens grant only the scopes that they name; the rest takes
// no memory then. A Grant is immutable: the slices that its methods return must not be changed.
type Grant struct {
	scopes []string
	extra  *extra // nil: only the scopes
}

type extra struct {
	roles   []string
	granted []string // the scopes, and those that the roles count as
	all     []string // granted, and the scopes that these imply
}

// NewGrant returns the grant of a token with these scopes and roles. roleScopes has the scopes
// that a role counts as.
func NewGrant(scopes, roles []string, roleScopes map[string][]string, h Hierarchy) Grant {
	granted := NewSet(scopes)
	for _, role := range roles {
		granted.Add(roleScopes[role])
	}
	return newGrant(scopes, roles, granted.List(), h.Expand(granted.List()))
}

// RestoreGrant returns a grant that was stored with the results of its methods.
func RestoreGrant(scopes, roles, all []string) Grant { return newGrant(scopes, roles, scopes, all) }

func newGrant(scopes, roles, granted, all []string) Grant {
	g := Grant{scopes: scopes}
	if len(roles) > 0 || !slices.Equal(all, scopes) {
		g.extra = &extra{roles, granted, all}
	}
	return g
}

// WithHierarchy returns the same grant with what another hierarchy implies.
func (g Grant) WithHierarchy(h Hierarchy) Grant {
	granted := g.scopes
	if g.extra != nil {
		granted = g.extra.granted
	}
	return newGrant(g.scopes, g.Roles(), granted, h.Expand(granted))
}

// Scopes returns the scopes of the token.
func (g Grant) Scopes() []string { return g.scopes }

// All returns the scopes, those that the roles count as, and those that all of these imply.
func (g Grant) All() []string {
	if g.extra == nil {
		return g.scopes
	}
	return g.extra.all
}

// Roles returns the roles of the token.
func (g Grant) Roles() []string {
	if g.extra == nil {
		return nil
	}
	return g.extra.roles
}

// stringBytes is the memory that a string takes besides its text, roughly.
const stringBytes = 32

// Bytes estimates the memory that the grant takes besides the claims of its token. Each scope and
// role is a string. A scope can be longer than in the claims, because of a prefix.
func (g Grant) Bytes() int {
	bytes := stringBytes * (len(g.Scopes()) + len(g.All()) + len(g.Roles()))
	for _, scope := range g.Scopes() {
		bytes += len(scope)
	}
	return bytes
}
