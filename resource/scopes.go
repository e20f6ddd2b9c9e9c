package resource

import (
	"slices"
	"strings"
)

// hierarchy is the inverse of the transitive closure of ScopeOptions.Implies: for each scope
// the broader scopes that include it. It lacks scopes that no other scope includes.
type hierarchy map[string][]string

func newHierarchy(implies map[string][]string) hierarchy {
	h := hierarchy{}
	for broad := range implies {
		for _, narrow := range reachable(implies, broad) {
			h[narrow] = append(h[narrow], broad)
		}
	}
	return h
}

// reachable returns every scope that broad implies, directly or through others, without
// broad itself. Cycles are harmless.
func reachable(implies map[string][]string, broad string) []string {
	var found []string
	for open := []string{broad}; len(open) > 0; open = open[1:] {
		for _, narrow := range implies[open[0]] {
			if narrow != broad && !slices.Contains(found, narrow) {
				found = append(found, narrow)
				open = append(open, narrow)
			}
		}
	}
	return found
}

// satisfied reports whether one of the granted scopes is the wanted one or implies it.
// Scopes are compared exactly: without prefixes, case folding and wildcards.
func (h hierarchy) satisfied(granted []string, want string) bool {
	if slices.Contains(granted, want) {
		return true
	}
	for _, broad := range h[want] {
		if slices.Contains(granted, broad) {
			return true
		}
	}
	return false
}

// expand returns the granted scopes, followed by all that they imply, sorted.
func (h hierarchy) expand(granted []string) []string {
	if len(h) == 0 {
		return granted
	}
	var implied []string
	for narrow := range h {
		if !slices.Contains(granted, narrow) && h.satisfied(granted, narrow) {
			implied = append(implied, narrow)
		}
	}
	slices.Sort(implied)
	return append(slices.Clone(granted), implied...)
}

func joinScopes(scopes []string) string { return strings.Join(scopes, " ") }

// union appends to scopes those of more that it does not contain. It does not change the
// array of scopes.
func union(scopes, more []string) []string {
	for _, scope := range more {
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes[:len(scopes):len(scopes)], scope)
		}
	}
	return scopes
}

// scopeSet collects scopes in order and without duplicates.
type scopeSet struct {
	list  []string
	index map[string]bool // of list, once it is long
}

// maxScanned is the length up to which a list is searched without an index.
const maxScanned = 16

// add takes time in proportion to scopes, however many are in the set: a thousand URIs can
// each need a thousand scopes.
func (s *scopeSet) add(scopes []string) {
	if len(s.list)+len(scopes) <= maxScanned {
		s.list = union(s.list, scopes)
		return
	}
	if s.index == nil {
		s.index = map[string]bool{}
		for _, scope := range s.list {
			s.index[scope] = true
		}
	}
	for _, scope := range scopes {
		if !s.index[scope] {
			s.index[scope] = true
			s.list = append(s.list, scope)
		}
	}
}
