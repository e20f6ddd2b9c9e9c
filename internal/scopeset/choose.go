package scopeset

import (
	"slices"
	"strings"
)

// chooser chooses the scopes of one challenge.
type chooser struct {
	names     *Names
	grant     Grant
	hierarchy Hierarchy
	chosen    Set
}

// Choose returns the scopes that a challenge names so that a token with exactly these satisfies
// all entries, and the entries that no token of the issuer can satisfy. g is what the caller has
// now.
//
// For an entry with alternatives it chooses the one with the fewest scopes that the caller
// lacks and that are not chosen yet, and the first one if several have equally few. Entries
// without alternatives are chosen first. The result is in the order of the entries.
func (n *Names) Choose(entries []string, g Grant, h Hierarchy) (chosen, lacking []string) {
	if n == nil && !slices.ContainsFunc(entries, HasAlternatives) {
		return entries, nil
	}
	c := chooser{names: n, grant: g, hierarchy: h}
	choices := make([][]string, len(entries))
	for _, withAlternatives := range []bool{false, true} {
		for i, entry := range entries {
			if HasAlternatives(entry) != withAlternatives {
				continue
			}
			choice, ok := c.cheapest(entry)
			if !ok {
				lacking = append(lacking, entry)
			}
			choices[i] = choice
			c.chosen.Add(choice)
		}
	}
	var all Set
	for _, choice := range choices {
		all.Add(choice)
	}
	return all.List(), lacking
}

// cheapest returns the scopes to request for an entry, and whether a token can satisfy it.
func (c *chooser) cheapest(entry string) (best []string, ok bool) {
	lowest := 0
	for alternative := range strings.SplitSeq(entry, betweenAlternatives) {
		scopes, cost, exists := c.request(alternative)
		if exists && (!ok || cost < lowest) {
			best, lowest, ok = scopes, cost, true
		}
	}
	return best, ok
}

// request returns the scopes to request for an alternative, how many of them are new, and whether
// the alternative exists at the issuer. A scope that the caller has without its token, by a role,
// needs no request.
func (c *chooser) request(alternative string) (scopes []string, cost int, exists bool) {
	for scope := range strings.SplitSeq(alternative, betweenScopes) {
		held, name := c.grant.Has(scope), c.requestable(scope)
		if name == "" {
			if !held {
				return nil, 0, false
			}
			continue
		}
		if !held && !c.isChosen(scope) && !slices.Contains(scopes, name) {
			cost++
		}
		scopes = Union(scopes, []string{name})
	}
	return scopes, cost, true
}

// isChosen reports whether the chosen scopes include a scope.
func (c *chooser) isChosen(scope string) bool {
	return c.chosen.has(scope) || slices.ContainsFunc(c.hierarchy[scope], c.chosen.has)
}

// requestable returns the scope to request for scope. That is scope itself or, if the issuer
// does not have it, a broader one that the issuer has, preferably one that the caller has or
// that is chosen already. It returns "" if the issuer has none of them.
func (c *chooser) requestable(scope string) (found string) {
	if c.names.CanGrant(scope) {
		return scope
	}
	for _, broad := range c.hierarchy[scope] {
		if !c.names.CanGrant(broad) {
			continue
		}
		if c.grant.Has(broad) || c.chosen.has(broad) {
			return broad
		}
		if found == "" {
			found = broad
		}
	}
	return found
}
