package resource

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/warder-go/warder/internal/jose"
)

// Verifier vouches for tokens of one issuer. It proves that a token is authentic and
// says what it claims; whether this resource accepts it is the [Resource]'s part.
// Packages jwks and introspect have the usual ones.
type Verifier interface {
	// Issuer returns the issuer identifier, exactly as in the iss claim and in
	// the authorization server's metadata.
	Issuer() string

	// Verify returns the claims of an authentic token, with Claims.Issuer set. An
	// [*Error] says what the client is told; a context's error means 503; any
	// other error 401. Nil claims without an error, and a panic, are 500.
	//
	// It is called concurrently, and only for tokens that are not remembered. It
	// must honour ctx, and must not put the token into an error.
	Verify(ctx context.Context, t *Token) (*Claims, error)
}

// MaxRetryAfter is the longest time that a client is told to wait.
const MaxRetryAfter = time.Hour

// Error is why a Verifier does not vouch for a token. Reason must be one whose
// status is 401 or 503.
type Error struct {
	Reason     Reason
	RetryAfter time.Duration // for 503: when to ask again; counts as a second at least and MaxRetryAfter at most
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

// A fault is a refusal before it is put into words for the client.
type fault struct {
	reason     Reason
	check      *check     // the failed one; nil if it was none of the screen's
	got, want  string     // for the log
	how        string     // the kind of credential, as Caller.Credential has it; "" if none was read
	issuer     string     // the configured one that it was routed to; "" if none
	token      *Token     // whose header the log names; nil if there is none
	claims     *Claims    // whose client the log names; nil if there are none
	caller     *Caller    // whom the log names; nil if nobody is known
	about      []*message // what the body asks for; nil if it was not read
	unverified bool       // found in claims that nobody has vouched for
	retryAfter time.Duration
	needed     []string // scopes, for insufficient_scope
	id         []byte   // of the JSON-RPC message, if one is known
	err        error    // for the log
}

func newFault(reason Reason, format string, args ...any) *fault {
	return &fault{reason: reason, err: fmt.Errorf(format, args...)}
}

// asUnverified marks, for the log, that the fault was found in claims that nobody has
// vouched for.
func (f *fault) asUnverified() *fault {
	f.unverified = true
	return f
}

// of says, for the log, whose token the fault is about. from is nil if no configured
// issuer is asked about it.
func (f *fault) of(t *Token, from *issuer, c *Claims) *fault {
	f.token, f.claims, f.how = t, c, t.credential()
	if from != nil {
		f.issuer = from.id
	}
	return f
}

// readFault is for a token that can't be read.
func readFault(err error) *fault {
	if errors.Is(err, jose.ErrAlgorithm) {
		return &fault{reason: ReasonAlgorithmRefused, err: err, unverified: true}
	}
	return &fault{reason: ReasonTokenMalformed, err: err, unverified: true}
}

// verifierFault sorts a Verifier's error by the contract of [Verifier.Verify].
func verifierFault(err error) *fault {
	if own, ok := errors.AsType[*Error](err); ok {
		switch outcomes[own.Reason] {
		case answerInvalid, answerExpired:
			return &fault{reason: own.Reason, err: err}
		case answerUnavailable:
			return &fault{reason: own.Reason, err: err, retryAfter: min(max(own.RetryAfter, time.Second), MaxRetryAfter)}
		}
		return newFault(ReasonInternalError, "verifier gave reason %q, which is not its to give", own.Reason)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &fault{reason: ReasonRequestCanceled, err: err, retryAfter: time.Second}
	}
	return &fault{reason: ReasonTokenInvalid, err: err}
}
