package oauthendpoint

import (
	"errors"
	"fmt"
	"time"

	"github.com/warder-go/warder/internal/callguard"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
)

// Outcome is how a call ended, for metrics and logs. The users of this package add outcomes of
// their own, so that the values of each are a closed set.
type Outcome string

// Outcomes of calls to every endpoint.
const (
	Discovery        Outcome = "discovery" // the URL of the endpoint is not known
	Unreachable      Outcome = "unreachable"
	TimedOut         Outcome = "timeout"
	BadStatus        Outcome = "status"
	Unknown4xx       Outcome = "status_4xx" // such as 400, 406 and 422 without a known error code; see also Failure.BlameToken
	Forbidden        Outcome = "forbidden"  // 403 that is not about our credentials, such as a firewall's
	RateLimited      Outcome = "rate_limited"
	Credentials      Outcome = "credentials" // ours are rejected or not available
	Redirected       Outcome = "redirect"
	WrongContentType Outcome = "content_type"
	TooLarge         Outcome = "too_large"
	Truncated        Outcome = "truncated"
	Malformed        Outcome = "malformed"
	Panicked         Outcome = "panic"
)

// Outcomes without a call.
const (
	CircuitOpen Outcome = "suspended"
	Overloaded  Outcome = "overloaded"
	Abandoned   Outcome = "abandoned" // every waiting request has left, so none receives this
)

// classes has the outcomes of this package that are not callguard.Neutral.
var classes = map[Outcome]callguard.Class{
	Discovery:        callguard.Failure,
	Unreachable:      callguard.Suspect, // a server that crashes may close the connection
	TimedOut:         callguard.Failure,
	BadStatus:        callguard.Suspect,
	RateLimited:      callguard.Failure,
	Credentials:      callguard.Credentials,
	Redirected:       callguard.Suspect,
	WrongContentType: callguard.Suspect,
	Truncated:        callguard.Suspect,
	Malformed:        callguard.Suspect,
	Panicked:         callguard.Aborted,
}

// Class returns the class of an outcome of this package. That of others is callguard.Neutral. It
// is the class of TooLarge too, because a token can be the cause: one with many claims.
func (o Outcome) Class() callguard.Class { return classes[o] }

// Failure is why a call failed. A nil Failure stands for success. It implements callguard.Outcome.
type Failure struct {
	Outcome    Outcome
	RetryAfter time.Duration // when to try again; 0: unknown
	ErrorCode  string        // result of ErrorCode; "" if the body was not read for one
	Response   string        // describes the request and the response; "" if there was no response
	Err        error         // for the log; contains no part of a token, a secret or a response

	class callguard.Class
}

// NewFailure returns a Failure. Its class is given, because users have outcomes of their own.
func NewFailure(o Outcome, class callguard.Class, err error) *Failure {
	return &Failure{Outcome: o, Err: err, class: class}
}

// newFailure returns a Failure with an outcome of this package.
func newFailure(o Outcome, err error) *Failure { return NewFailure(o, o.Class(), err) }

// Class returns the class of the failure. If a response, and not a file or a function of the
// configuration, caused the outcome Credentials, it is callguard.SuspectCredentials.
func (f *Failure) Class() callguard.Class {
	switch {
	case f == nil:
		return callguard.Success
	case f.Outcome == Credentials && f.Response != "":
		return callguard.SuspectCredentials
	}
	return f.class
}

// RetryDelay returns RetryAfter, or 0 for a nil Failure.
func (f *Failure) RetryDelay() time.Duration {
	if f == nil {
		return 0
	}
	return f.RetryAfter
}

// BlameToken changes a response that seemed to reject our credentials into one about the token. It
// is for callguard.Config.BlameRequest.
func (f *Failure) BlameToken() *Failure {
	f.Outcome, f.class = Unknown4xx, Unknown4xx.Class()
	f.Err = errors.New(f.Response + ": taken to be about the token; the same response to a call with a random token would mean that the endpoint rejects our credentials")
	return f
}

// DiscoveryFailure returns the Failure for an error of Endpoint.URL or Endpoint.FreshURL. It
// honors the Retry-After of the metadata server.
func DiscoveryFailure(err error) *Failure {
	f := newFailure(Discovery, err)
	if e, ok := errors.AsType[*metadata.DiscoveryError](err); ok {
		f.RetryAfter = min(e.RetryAfter(), callguard.MaxRetryAfter)
	}
	return f
}

// RefusalFailure returns the Failure for a call that a Guard has not permitted.
func RefusalFailure(r *callguard.Refusal) *Failure {
	o := Abandoned
	switch {
	case errors.Is(r.Err, callguard.ErrCircuitOpen):
		o = CircuitOpen
	case errors.Is(r.Err, callguard.ErrCredentialsRejected):
		o = Credentials
	case errors.Is(r.Err, callguard.ErrOverloaded):
		o = Overloaded
	}
	f := newFailure(o, r.Err)
	f.RetryAfter = r.RetryAfter
	return f
}

// outboundFailure returns the Failure for an error of the HTTP client.
func (e *Endpoint) outboundFailure(err error) *Failure {
	o := Unreachable
	if e, ok := errors.AsType[*outbound.Error](err); ok {
		switch e.Outcome {
		case outbound.Timeout, outbound.Canceled:
			o = TimedOut
		case outbound.Redirect:
			o = Redirected
		case outbound.TooLarge:
			o = TooLarge
		case outbound.Truncated:
			o = Truncated
		case outbound.Encoding, outbound.Protocol:
			o = Malformed
		}
	}
	if outbound.ConcernsAddress(err) {
		err = fmt.Errorf("%w: check %s", err, e.urlSetting)
	}
	return newFailure(o, err)
}
