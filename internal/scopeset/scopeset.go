// Package scopeset computes with OAuth scopes: sets in a stable order, a hierarchy in which broader
// scopes include narrower ones, alternatives of needed scopes, the names that an issuer has for
// scopes, and the scopes that a challenge names. Scopes are compared exactly: without case folding
// and wildcards.
package scopeset

import (
	"maps"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/grammar"
)

// Hierarchy has, for each scope, the broader scopes that include it, directly or through
// others, sorted. It lacks scopes that no other scope includes.
type Hierarchy map[string][]string

// NewHierarchy inverts a map from each broader scope to the scopes that it includes. Cycles
// are harmless.
func NewHierarchy(implies map[string][]string) Hierarchy {
	h := Hierarchy{}
	for _, broad := range slices.Sorted(maps.Keys(implies)) {
		for _, narrow := range reachable(implies, broad) {
			h[narrow] = append(h[narrow], broad)
		}
	}
	return h
}

// reachable returns every scope that broad implies, directly or through others, without
// broad itself.
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
func (h Hierarchy) satisfied(granted []string, want string) bool {
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

// Expand returns the granted scopes, followed by all that they imply, sorted.
func (h Hierarchy) Expand(granted []string) []string {
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

// Join returns the scopes as a challenge and a log contain them (RFC 6749 §3.3).
func Join(scopes []string) string { return strings.Join(scopes, " ") }

// AddPrefix returns the scopes with prefix in front of each. It omits what is not a scope,
// because the prefix could make a scope of it.
func AddPrefix(prefix string, scopes []string) (out []string) {
	for _, scope := range scopes {
		if grammar.IsScopeToken(scope) {
			out = append(out, prefix+scope)
		}
	}
	return out
}

// Union appends to scopes those of more that it does not contain. It does not change the
// array of scopes.
func Union(scopes, more []string) []string {
	for _, scope := range more {
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes[:len(scopes):len(scopes)], scope)
		}
	}
	return scopes
}

// Set collects scopes in order and without duplicates. The zero value is empty. A set of one
// goroutine must not be used by another.
type Set struct {
	list  []string
	index map[string]bool // of list, once it is long
}

// maxScanned is the length up to which a list is searched without an index.
const maxScanned = 16

// NewSet returns a set that begins with scopes. It does not change the array of scopes.
func NewSet(scopes []string) Set { return Set{list: slices.Clip(scopes)} }

// List returns the scopes in the order in which they were added.
func (s *Set) List() []string { return s.list }

func (s *Set) has(scope string) bool {
	if s.index != nil {
		return s.index[scope]
	}
	return slices.Contains(s.list, scope)
}

// Add takes time in proportion to scopes, however many are in the set: a thousand URIs can
// each need a thousand scopes.
func (s *Set) Add(scopes []string) {
	if len(scopes) == 0 {
		return
	}
	if len(s.list)+len(scopes) <= maxScanned {
		s.list = Union(s.list, scopes)
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
