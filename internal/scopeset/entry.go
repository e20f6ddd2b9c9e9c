package scopeset

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/grammar"
)

// A list of needed scopes has entries, and all of them must be satisfied. An entry is one scope, or
// at least two alternatives of one or several scopes: "a", "a | b" or "a | b c". The separators
// cannot be part of a scope, because a scope has no space (RFC 6749 §3.3).
const (
	betweenAlternatives = " | "
	betweenScopes       = " "
)

// maxEntryScopes is the largest number of scopes in one entry, in all alternatives together.
const maxEntryScopes = 64

// HasAlternatives reports whether an entry is more than one scope.
func HasAlternatives(entry string) bool { return strings.IndexByte(entry, betweenScopes[0]) >= 0 }

// CheckEntry returns an error if an entry has a mistake. It does not allocate for one scope.
func CheckEntry(entry string) error {
	if !HasAlternatives(entry) {
		return checkScope(entry)
	}
	alternatives := strings.Split(entry, betweenAlternatives)
	if len(alternatives) == 1 && !strings.Contains(entry, "|") {
		return fmt.Errorf("%q is not a scope: write each scope as an entry of its own, or write %q between alternatives (RFC 6749 §3.3)", entry, betweenAlternatives)
	}
	if n := len(strings.Split(entry, betweenScopes)) - (len(alternatives) - 1); n > maxEntryScopes {
		return fmt.Errorf("alternatives with %d scopes; at most %d are possible: use ScopeOptions.Implies, with one broader scope", n, maxEntryScopes)
	}
	sets := make([][]string, len(alternatives))
	for n, alternative := range alternatives {
		sets[n] = strings.Split(alternative, betweenScopes)
		for _, scope := range sets[n] {
			if err := checkScope(scope); scope == "" {
				return fmt.Errorf("alternatives %q: a space too many", entry)
			} else if err != nil {
				return fmt.Errorf("alternatives %q: %w", entry, err)
			}
		}
	}
	return checkAlternatives(entry, sets)
}

func checkScope(scope string) error {
	switch {
	case strings.Contains(scope, "|"):
		return fmt.Errorf("%q is not a scope here: write exactly %q between alternatives; if the issuer's scope has this character, give it another name by ScopeNames", scope, betweenAlternatives)
	case !grammar.IsScopeToken(scope):
		return fmt.Errorf("%q is not a scope: use printable ASCII without space, quote and backslash (RFC 6749 §3.3)", scope)
	}
	return nil
}

// checkAlternatives rejects alternatives that can be omitted.
func checkAlternatives(entry string, sets [][]string) error {
	for n, set := range sets {
		if len(Union(nil, set)) < len(set) {
			return fmt.Errorf("alternatives %q: %q has a duplicate scope", entry, Join(set))
		}
		for m, other := range sets {
			if m != n && containsAll(set, other) {
				return fmt.Errorf("alternatives %q: remove %q, because %q is enough", entry, Join(set), Join(other))
			}
		}
	}
	return nil
}

func containsAll(set, other []string) bool {
	return !slices.ContainsFunc(other, func(scope string) bool { return !slices.Contains(set, scope) })
}

// errPlain is the mistake of an entry with alternatives where only scopes are possible.
var errPlain = errors.New("alternatives are possible only where needed scopes are listed; write each scope as an entry of its own")

// CheckPlain returns an error if a text is not one scope.
func CheckPlain(scope string) error {
	if HasAlternatives(scope) && CheckEntry(scope) == nil {
		return fmt.Errorf("%q: %w", scope, errPlain)
	}
	return checkScope(scope)
}

// Named returns the scopes that entries name, in order and without duplicates.
func Named(entries []string) []string {
	var all Set
	for _, entry := range entries {
		if !HasAlternatives(entry) {
			all.Add([]string{entry})
			continue
		}
		for alternative := range strings.SplitSeq(entry, betweenAlternatives) {
			all.Add(strings.Split(alternative, betweenScopes))
		}
	}
	return all.List()
}

// Has reports whether every entry is satisfied: by a scope that is among All, or by an alternative
// whose scopes all are.
func (g Grant) Has(entries ...string) bool {
	for _, entry := range entries {
		if HasAlternatives(entry) {
			if !g.hasAlternative(entry) {
				return false
			}
		} else if !slices.Contains(g.All(), entry) {
			return false
		}
	}
	return true
}

func (g Grant) hasAlternative(entry string) bool {
	for alternative := range strings.SplitSeq(entry, betweenAlternatives) {
		if g.hasEach(alternative) {
			return true
		}
	}
	return false
}

// hasEach reports whether all scopes of an alternative are among All. An empty text is not a scope,
// even if a token has it.
func (g Grant) hasEach(alternative string) bool {
	for scope := range strings.SplitSeq(alternative, betweenScopes) {
		if scope == "" || !slices.Contains(g.All(), scope) {
			return false
		}
	}
	return true
}
