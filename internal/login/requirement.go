package login

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/grammar"
)

// Limits of a Requirement.
const (
	maxACRValues      = 64
	maxACRValuesBytes = 2048                      // together, as in the challenge
	maxLoginAge       = 10 * 365 * 24 * time.Hour // no access token is valid for longer
)

// Requirement says how and when the user must have logged in. The zero value requires nothing.
type Requirement struct {
	ACRValues []string      // accepted values of acr, in order of preference; nil: every login
	MaxAge    time.Duration // longest time since the login; 0: no limit
}

// IsZero reports whether nothing is required.
func (r *Requirement) IsZero() bool { return r.ACRValues == nil && r.MaxAge == 0 }

// Check adds the mistakes in a requirement. where is its setting.
func (r *Requirement) Check(where string, mistakes *configerr.List) {
	if r.ACRValues != nil && len(r.ACRValues) == 0 {
		mistakes.Addf("%s: no acr values, which accepts no token; name one, or omit the list to accept every token", where)
	}
	if len(r.ACRValues) > maxACRValues {
		mistakes.Addf("%s: %d acr values; use at most %d", where, len(r.ACRValues), maxACRValues)
	}
	for n, value := range r.ACRValues {
		switch {
		case !grammar.IsScopeToken(value): // the same characters, RFC 6750 §3
			mistakes.Addf("%s: acr value %q: use printable ASCII without space, quote and backslash, because challenges separate the values by spaces (RFC 9470 §3)", where, value)
		case slices.Contains(r.ACRValues[:n], value):
			mistakes.Addf("%s: duplicate acr value %q", where, value)
		}
	}
	if total := len(strings.Join(r.ACRValues, " ")); total > maxACRValuesBytes {
		mistakes.Addf("%s: the acr values have %d bytes; use at most %d, because challenges have them all", where, total, maxACRValuesBytes)
	}
	if age := r.MaxAge; age != 0 && (age < time.Second || age > maxLoginAge || age%time.Second != 0) {
		mistakes.Addf("%s: max age %s; use whole seconds, from 1s to %s, or 0 for no limit", where, age, maxLoginAge)
	}
}

// Describe describes the requirement for a log.
func (r *Requirement) Describe(leeway time.Duration) string {
	var parts []string
	if r.ACRValues != nil {
		parts = append(parts, "acr "+strings.Join(r.ACRValues, " or "))
	}
	if r.MaxAge > 0 {
		parts = append(parts, fmt.Sprintf("a login at most %s ago, leeway %s", r.MaxAge, leeway))
	}
	return strings.Join(parts, ", ")
}

// Combine returns what is enough for all requirements: the acr values that all of them accept, in
// the order of the first, and the smallest MaxAge. possible is false if no acr value is accepted by all.
// The requirements can be nil.
func Combine(first *Requirement, others ...*Requirement) (all Requirement, possible bool) {
	for _, one := range append([]*Requirement{first}, others...) {
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
