package resource

import (
	"slices"
	"strings"
)

// isScope reports whether s is a scope-token (RFC 6749 §3.3).
func isScope(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// hierarchy is Config.Implies, closed under transitivity and turned round: for each
// scope those that contain it. A scope that nothing implies is absent.
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

// reachable returns every scope that broad implies, directly or through others,
// itself left out. Circles are harmless.
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

// satisfied reports whether one of the granted scopes is the wanted one or implies
// it. Scopes compare exactly: no prefix, no case folding, no wildcard.
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

// expand returns the granted scopes and, sorted behind them, all that they imply.
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
