package resource

import (
	"context"
	"fmt"
	"time"
)

// Verifier verifies the tokens of one issuer. It proves that a token is authentic and
// returns its claims. Whether this resource accepts the claims is decided by [Resource].
// Packages jwks and introspect have the usual implementations.
type Verifier interface {
	// Issuer returns the issuer identifier, exactly as in the iss claim and in the
	// metadata of the authorization server.
	Issuer() string

	// Verify returns the claims of an authentic token, with Claims.Issuer set. An
	// [*Error] selects the answer to the client. An error of a context is answered with
	// 503, any other error with 401. Nil claims without an error, and a panic, are
	// answered with 500.
	//
	// It is called concurrently, and only for tokens that are not cached. It must honour
	// ctx and must not put the token into an error.
	Verify(ctx context.Context, t *Token) (*Claims, error)
}

// maxRetryAfter is the longest time that a client is asked to wait.
const maxRetryAfter = time.Hour

// Error says why a Verifier does not accept a token. The status of Reason must be 401 or
// 503.
type Error struct {
	Reason     Reason
	RetryAfter time.Duration // for 503: when to try again; raised to 1 s and lowered to 1 h
	Err        error         // for the log
}

// Error returns the reason and the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return "resource: " + string(e.Reason)
	}
	return fmt.Sprintf("resource: %s: %v", e.Reason, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
