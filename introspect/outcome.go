package introspect

import (
	"errors"
	"fmt"
	"time"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// outcome is how the introspection of a token ended. It is one of a closed set of values,
// which the metric label and the log attribute show.
type outcome string

// Outcomes of calls.
const (
	active         outcome = "active"
	inactive       outcome = "inactive"
	notAccessToken outcome = "token_type"    // active, but not an access token
	tokenRejected  outcome = "token_refused" // the endpoint cannot process this token

	discoveryFailed  outcome = "discovery"
	unreachable      outcome = "unreachable"
	timedOut         outcome = "timeout"
	badStatus        outcome = "status"
	unknown4xx       outcome = "status_4xx" // such as 400, 406 and 422 without a known error code; see also failure.blameToken
	forbidden        outcome = "forbidden"  // 403 that is not about our credentials, such as a firewall's
	rateLimited      outcome = "rate_limited"
	credentials      outcome = "credentials"
	redirected       outcome = "redirect"
	wrongContentType outcome = "content_type"
	tooLarge         outcome = "too_large"
	truncated        outcome = "truncated"
	malformed        outcome = "malformed"
	malformedClaims  outcome = "claims"
	unauthenticated  outcome = "unproven"    // a signed answer that cannot be verified
	otherToken       outcome = "other_token" // a signed answer about another JWT
	keysUnavailable  outcome = "keys"
	panicked         outcome = "panic"
)

// Outcomes without a call.
const (
	circuitOpen outcome = "suspended"
	overloaded  outcome = "overloaded"
	abandoned   outcome = "abandoned" // every waiting request has left, so none receives this
)

// outcomeClass is what an outcome means for the circuit breaker. For the effect of each
// see breaker.
type outcomeClass int

const (
	classNeutral            outcomeClass = iota // no information about the endpoint: the token may be the cause
	classSuccess                                // the endpoint works
	classFailure                                // the endpoint fails
	classSuspect                                // the endpoint fails, or the token is the cause
	classCredentials                            // the endpoint does not accept our credentials, or there are none
	classSuspectCredentials                     // the endpoint does not accept our credentials, or the token is the cause
)

// outcomes maps each outcome to the reason for the request and the class for the breaker.
//
// An outcome that a client can cause with its token must not be classFailure: invalid
// tokens from one client would lock out all others. It is classNeutral if the token is
// the plausible cause. It is classSuspect if the cause cannot be distinguished: a server
// that crashes on one token and a server that is broken both answer with 500, and a
// firewall that blocks one token may redirect or answer with HTML.
//
// An outcome that is not about the token must not have a reason with status 401.
var outcomes = map[outcome]struct {
	reason resource.Reason
	class  outcomeClass
}{
	active:         {"", classSuccess},
	inactive:       {resource.ReasonInactive, classSuccess},
	notAccessToken: {resource.ReasonTokenType, classSuccess},
	tokenRejected:  {resource.ReasonTokenInvalid, classNeutral},

	discoveryFailed:  {resource.ReasonIntrospectionDiscovery, classFailure},
	unreachable:      {resource.ReasonIntrospectionUnreachable, classSuspect}, // a server that crashes may close the connection
	timedOut:         {resource.ReasonIntrospectionTimeout, classFailure},
	badStatus:        {resource.ReasonIntrospectionStatus, classSuspect},
	unknown4xx:       {resource.ReasonIntrospectionStatus, classNeutral},
	forbidden:        {resource.ReasonIntrospectionForbidden, classNeutral},
	rateLimited:      {resource.ReasonIntrospectionRateLimited, classFailure},
	credentials:      {resource.ReasonIntrospectionCredentials, classCredentials},
	redirected:       {resource.ReasonIntrospectionRedirect, classSuspect},
	wrongContentType: {resource.ReasonIntrospectionContentType, classSuspect},
	tooLarge:         {resource.ReasonIntrospectionTooLarge, classNeutral}, // a token with many claims
	truncated:        {resource.ReasonIntrospectionTruncated, classSuspect},
	malformed:        {resource.ReasonIntrospectionMalformed, classSuspect},
	malformedClaims:  {resource.ReasonIntrospectionMalformed, classNeutral}, // such as a subject with invalid characters in its name
	unauthenticated:  {resource.ReasonIntrospectionUnproven, classSuspect},
	otherToken:       {resource.ReasonIntrospectionUnproven, classNeutral},
	keysUnavailable:  {resource.ReasonKeysUnavailable, classNeutral}, // the endpoint has answered
	panicked:         {resource.ReasonInternalError, classNeutral},

	circuitOpen: {resource.ReasonIntrospectionSuspended, classNeutral},
	overloaded:  {resource.ReasonIntrospectionOverloaded, classNeutral},
	abandoned:   {resource.ReasonRequestCanceled, classNeutral},
}

// failure is why introspection returned no claims.
type failure struct {
	outcome    outcome
	retryAfter time.Duration // when to try again; 0: unknown
	errorCode  string        // result of errorCode; "" if the body was not read for one
	response   string        // describes the request and the response; "" if there was no response
	err        error         // for the log; contains no part of a token, a secret or an answer
}

func newFailure(o outcome, err error) *failure { return &failure{outcome: o, err: err} }

// class returns the class of the outcome. A nil failure is a success.
func (f *failure) class() outcomeClass {
	if f == nil {
		return classSuccess
	}
	if f.outcome == credentials && f.response != "" {
		return classSuspectCredentials
	}
	return outcomes[f.outcome].class
}

// blameToken changes a response that seemed to reject our credentials into one about the token.
func (f *failure) blameToken() {
	f.outcome = unknown4xx
	f.err = errors.New(f.response + ": taken to be about the token; the same response to a call with a random token would mean that the endpoint rejects our credentials")
}

// retryDelay returns retryAfter, or 0 for a nil failure.
func (f *failure) retryDelay() time.Duration {
	if f == nil {
		return 0
	}
	return f.retryAfter
}

// definitive reports whether the endpoint has rejected the token itself, so that another
// call would have the same outcome.
func (f *failure) definitive() bool {
	return f.outcome == inactive || f.outcome == tokenRejected || f.outcome == notAccessToken
}

// resourceError returns the error that Verify returns for f.
func (f *failure) resourceError() error {
	return &resource.Error{Reason: outcomes[f.outcome].reason, RetryAfter: f.retryAfter, Err: f.err}
}

// discoveryFailure returns the failure for an error of discovery. It honors the
// Retry-After of the metadata server.
func discoveryFailure(err error) *failure {
	f := newFailure(discoveryFailed, err)
	if e, ok := errors.AsType[*metadata.DiscoveryError](err); ok {
		f.retryAfter = min(e.RetryAfter(), maxRetryAfter)
	}
	return f
}

// outboundFailure returns the failure for an error of the HTTP client.
func outboundFailure(err error) *failure {
	o := unreachable
	if e, ok := errors.AsType[*outbound.Error](err); ok {
		switch e.Outcome {
		case outbound.Timeout, outbound.Canceled:
			o = timedOut
		case outbound.Redirect:
			o = redirected
		case outbound.TooLarge:
			o = tooLarge
		case outbound.Truncated:
			o = truncated
		case outbound.Encoding, outbound.Protocol:
			o = malformed
		}
	}
	if outbound.ConcernsAddress(err) {
		err = fmt.Errorf("%w: check %s", err, endpointSetting)
	}
	return newFailure(o, err)
}
