package keyset

import (
	"errors"
	"fmt"
	"time"
)

// Errors about a token that is not authentic.
var (
	ErrUnknownKey   = errors.New("keyset: the issuer has no key that matches the token")
	ErrBadSignature = errors.New("keyset: the signature is invalid")
	ErrAlgorithm    = errors.New("keyset: the key with the token's kid does not support its algorithm")
	ErrAmbiguousKey = fmt.Errorf("keyset: the token has no kid, and more than %d keys match its algorithm", maxTriedKeys)
)

// UnavailableError means that the token cannot be checked, because keys could not be fetched.
type UnavailableError struct {
	RetryAfter time.Duration // when to try again; at least 1 s
	Err        error
}

func (e *UnavailableError) Error() string { return fmt.Sprintf("keyset: keys unavailable: %v", e.Err) }

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// PendingError means that it is not yet known whether the issuer has the token's key: many
// tokens with unknown keys have used up the budget for fetches, and the token is too young for
// the last one.
type PendingError struct {
	RetryAfter time.Duration // until the next fetch; 1 to 5 s
}

func (e *PendingError) Error() string {
	return "keyset: the token's key is unknown, and it is too early to fetch keys again"
}

var (
	errTooSlow = errors.New("fetching keys takes too long")
	errPanic   = errors.New("source panicked")
)

// lastFailure describes why there are no keys.
func (s *Set) lastFailure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastErr == nil {
		return errors.New("not fetched yet")
	}
	return fmt.Errorf("last fetch failed: %w", s.lastErr)
}
