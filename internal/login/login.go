// Package login compares how and when a user logged in with what a request requires (RFC 9470). It
// checks neither whether the claims about the login are verified, nor which requirements apply to a
// request.
package login

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/instant"
)

// Login is how and when the user logged in, as claims say (RFC 9470 §6).
type Login struct {
	ACR  string          // acr; "": absent or not a string
	Time instant.Instant // auth_time; 0: absent or not a NumericDate
}

// Meets reports whether the login is as required at a time. r can be nil.
func (l *Login) Meets(r *Requirement, now time.Time, leeway time.Duration) bool {
	switch {
	case r == nil:
		return true
	case r.ACRValues != nil && (l.ACR == "" || !slices.Contains(r.ACRValues, l.ACR)):
		return false
	case r.MaxAge == 0:
		return true
	}
	age := now.Sub(l.Time.Time())
	return l.Time != 0 && age <= r.MaxAge+leeway && age >= -leeway
}

// Describe describes the login for a log, as far as r requires it.
func (l *Login) Describe(r *Requirement, now time.Time) string {
	var parts []string
	switch {
	case r.ACRValues == nil:
	case l.ACR == "":
		parts = append(parts, "no acr")
	default:
		parts = append(parts, fmt.Sprintf("acr %q", l.ACR))
	}
	switch {
	case r.MaxAge == 0:
	case l.Time == 0:
		parts = append(parts, "no auth_time")
	default:
		parts = append(parts, "a login "+now.Sub(l.Time.Time()).Truncate(time.Second).String()+" ago") // negative: in the future
	}
	return strings.Join(parts, ", ")
}
