package introspect

import (
	"errors"
	"time"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// outcome says how asking about a token ended, in a word of a closed set: the value
// of the metric label and of the log attribute.
type outcome string

// How calls end.
const (
	active       outcome = "active"
	inactive     outcome = "inactive"
	notAccess    outcome = "token_type"    // active, but no access token, or not one to bear
	tokenRefused outcome = "token_refused" // the endpoint can't do with this token

	noAddress   outcome = "discovery"
	unreachable outcome = "unreachable"
	timedOut    outcome = "timeout"
	badStatus   outcome = "status"
	oddStatus   outcome = "status_4xx" // such as 400, 406 and 422, that says nothing which we know
	forbidden   outcome = "forbidden"  // 403 that is not about our credentials, as of a firewall
	rateLimited outcome = "rate_limited"
	credentials outcome = "credentials"
	redirected  outcome = "redirect"
	wrongType   outcome = "content_type"
	tooLarge    outcome = "too_large"
	truncated   outcome = "truncated"
	malformed   outcome = "malformed"
	badClaims   outcome = "claims"
	unproven    outcome = "unproven"
	otherToken  outcome = "other_token" // a signed answer that is not about this JWT
	noKeys      outcome = "keys"
	panicked    outcome = "panic"
)

// Why no call was made.
const (
	suspended  outcome = "suspended"
	overloaded outcome = "overloaded"
	abandoned  outcome = "abandoned" // nobody waits any more; nobody sees it either
)

// A verdict is what an outcome says about the endpoint.
type verdict int

const (
	neutral verdict = iota // nothing: the token may have brought it about
	healthy
	failing
	refusing // it does not take our credentials
	suspect  // it is failing, or can't do with this token: see Verifier.probe
)

// outcomes says of each what the request gets and what it means for the endpoint.
//
// What a client can bring about by the token that it sends must not be failing: junk
// would keep everybody out. It is neutral where it is plausibly about the token, and
// suspect where that can't be told: a server that crashes on a token and one that is
// broken both say 500, and a firewall that dislikes one may redirect or answer in HTML.
// And nothing that is not about the token is a 401.
var outcomes = map[outcome]struct {
	reason  resource.Reason
	verdict verdict
}{
	active:       {"", healthy},
	inactive:     {resource.ReasonInactive, healthy},
	notAccess:    {resource.ReasonTokenType, healthy},
	tokenRefused: {resource.ReasonTokenInvalid, neutral},

	noAddress:   {resource.ReasonIntrospectionDiscovery, failing},
	unreachable: {resource.ReasonIntrospectionUnreachable, suspect}, // a server that crashes may just hang up
	timedOut:    {resource.ReasonIntrospectionTimeout, failing},
	badStatus:   {resource.ReasonIntrospectionStatus, suspect},
	oddStatus:   {resource.ReasonIntrospectionStatus, neutral},
	forbidden:   {resource.ReasonIntrospectionForbidden, neutral},
	rateLimited: {resource.ReasonIntrospectionRateLimited, failing},
	credentials: {resource.ReasonIntrospectionCredentials, refusing},
	redirected:  {resource.ReasonIntrospectionRedirect, suspect},
	wrongType:   {resource.ReasonIntrospectionContentType, suspect},
	tooLarge:    {resource.ReasonIntrospectionTooLarge, neutral}, // of a token with many claims
	truncated:   {resource.ReasonIntrospectionTruncated, suspect},
	malformed:   {resource.ReasonIntrospectionMalformed, suspect},
	badClaims:   {resource.ReasonIntrospectionMalformed, neutral}, // of a subject with an odd name
	unproven:    {resource.ReasonIntrospectionUnproven, suspect},
	otherToken:  {resource.ReasonIntrospectionUnproven, neutral},
	noKeys:      {resource.ReasonKeysUnavailable, neutral}, // the endpoint has answered
	panicked:    {resource.ReasonInternalError, neutral},

	suspended:  {resource.ReasonIntrospectionSuspended, neutral},
	overloaded: {resource.ReasonIntrospectionOverloaded, neutral},
	abandoned:  {resource.ReasonRequestCanceled, neutral},
}

// failure is why there are no claims.
type failure struct {
	outcome    outcome
	retryAfter time.Duration // when to ask again; 0: nothing is known
	err        error         // for the log: nothing of the token, of a secret or of an answer
}

func fail(o outcome, err error) *failure { return &failure{outcome: o, err: err} }

// verdict returns what how a call ended means for the endpoint; nil is success.
func (f *failure) verdict() verdict {
	if f == nil {
		return healthy
	}
	return outcomes[f.outcome].verdict
}

// definitive reports whether the same token would get the same in a moment.
func (f *failure) definitive() bool {
	return f.outcome == inactive || f.outcome == tokenRefused || f.outcome == notAccess
}

// resourceError is what the resource is told.
func (f *failure) resourceError() error {
	return &resource.Error{Reason: outcomes[f.outcome].reason, RetryAfter: f.retryAfter, Err: f.err}
}

// discoveryFailure keeps what the server of the metadata asks for.
func discoveryFailure(err error) *failure {
	f := fail(noAddress, err)
	if e, ok := errors.AsType[*metadata.DiscoveryError](err); ok {
		f.retryAfter = min(e.RetryAfter(), MaxRetryAfter)
	}
	return f
}

// outboundFailure sorts the errors of the way out.
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
	return fail(o, err)
}
