package introspect

import (
	"github.com/warder-go/warder/internal/callguard"
	"github.com/warder-go/warder/internal/oauthendpoint"
	"github.com/warder-go/warder/resource"
)

// outcome is how the introspection of a token ended. It is one of a closed set of values,
// which the metric label and the log attribute show.
type outcome = oauthendpoint.Outcome

// Outcomes of calls, besides those of calls to every endpoint.
const (
	active          outcome = "active"
	inactive        outcome = "inactive"
	notAccessToken  outcome = "token_type"    // active, but not an access token
	tokenRejected   outcome = "token_refused" // the endpoint cannot process this token
	malformedClaims outcome = "claims"
	unauthenticated outcome = "unproven"    // a signed answer that cannot be verified
	otherToken      outcome = "other_token" // a signed answer about another JWT
	keysUnavailable outcome = "keys"
)

// classes are the classes of these outcomes for the circuit breaker.
var classes = map[outcome]callguard.Class{
	active:          callguard.Success,
	inactive:        callguard.Success,
	notAccessToken:  callguard.Success,
	tokenRejected:   callguard.Neutral,
	malformedClaims: callguard.Neutral, // such as a subject with invalid characters in its name
	unauthenticated: callguard.Suspect,
	otherToken:      callguard.Neutral,
	keysUnavailable: callguard.Neutral, // the endpoint has answered
}

// reasons maps each outcome to the reason for the request. An outcome that is not about the token
// must not have a reason with status 401.
var reasons = map[outcome]resource.Reason{
	active:         "",
	inactive:       resource.ReasonInactive,
	notAccessToken: resource.ReasonTokenType,
	tokenRejected:  resource.ReasonTokenInvalid,

	oauthendpoint.Discovery:        resource.ReasonIntrospectionDiscovery,
	oauthendpoint.Unreachable:      resource.ReasonIntrospectionUnreachable,
	oauthendpoint.TimedOut:         resource.ReasonIntrospectionTimeout,
	oauthendpoint.BadStatus:        resource.ReasonIntrospectionStatus,
	oauthendpoint.Unknown4xx:       resource.ReasonIntrospectionStatus,
	oauthendpoint.Forbidden:        resource.ReasonIntrospectionForbidden,
	oauthendpoint.RateLimited:      resource.ReasonIntrospectionRateLimited,
	oauthendpoint.Credentials:      resource.ReasonIntrospectionCredentials,
	oauthendpoint.Redirected:       resource.ReasonIntrospectionRedirect,
	oauthendpoint.WrongContentType: resource.ReasonIntrospectionContentType,
	oauthendpoint.TooLarge:         resource.ReasonIntrospectionTooLarge,
	oauthendpoint.Truncated:        resource.ReasonIntrospectionTruncated,
	oauthendpoint.Malformed:        resource.ReasonIntrospectionMalformed,
	malformedClaims:                resource.ReasonIntrospectionMalformed,
	unauthenticated:                resource.ReasonIntrospectionUnproven,
	otherToken:                     resource.ReasonIntrospectionUnproven,
	keysUnavailable:                resource.ReasonKeysUnavailable,
	oauthendpoint.Panicked:         resource.ReasonInternalError,

	oauthendpoint.CircuitOpen: resource.ReasonIntrospectionSuspended,
	oauthendpoint.Overloaded:  resource.ReasonIntrospectionOverloaded,
	oauthendpoint.Abandoned:   resource.ReasonRequestCanceled,
}

// failure is why introspection returned no claims.
type failure = oauthendpoint.Failure

func newFailure(o outcome, err error) *failure {
	class, ok := classes[o]
	if !ok {
		class = o.Class()
	}
	return oauthendpoint.NewFailure(o, class, err)
}

// definitive reports whether the endpoint has rejected the token itself, so that another
// call would have the same outcome.
func definitive(o outcome) bool {
	return o == inactive || o == tokenRejected || o == notAccessToken
}

// resourceError returns the error that Verify returns for f.
func resourceError(f *failure) error {
	return &resource.Error{Reason: reasons[f.Outcome], RetryAfter: f.RetryAfter, Err: f.Err}
}
