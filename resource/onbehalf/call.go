package onbehalf

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/warder-go/warder/internal/callguard"
	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/oauthendpoint"
)

// minRetryAfter is the RetryAfter of an outage whose end is not known.
const minRetryAfter = time.Second

// outcome is how one call ended.
type outcome struct {
	target  string
	token   *Token // nil: none
	err     *Error // nil with a token
	failure *oauthendpoint.Failure
}

// Outcomes of calls, besides those of calls to every endpoint: the issuer has answered.
const (
	answeredNo oauthendpoint.Outcome = "refused"  // with an error code
	badAnswer  oauthendpoint.Outcome = "unusable" // with a token that must not be used
)

// Class returns what the outcome means for the circuit breaker.
func (o *outcome) Class() callguard.Class { return o.failure.Class() }

// RetryDelay returns the Retry-After of the endpoint.
func (o *outcome) RetryDelay() time.Duration { return o.failure.RetryDelay() }

var errCallPanic = errors.New("a function in the configuration panicked")

func panicked() *outcome {
	return failed(oauthendpoint.NewFailure(oauthendpoint.Panicked, callguard.Aborted, errCallPanic))
}

// failed returns the outcome of a call that the issuer has not answered.
func failed(f *oauthendpoint.Failure) *outcome { return &outcome{err: failureError(f), failure: f} }

var errRequestRefused = errors.New("the issuer refuses this client, but not for a random token: check that the client may exchange tokens for the target, that the target exists, and Auth")

// blameRequest returns the outcome of a call that seemed to end with rejected credentials, after a
// probe has shown that the endpoint accepts them. If the issuer has named the client, the token is
// not to blame: Keycloak answers invalid_client for an unknown audience and for a public client.
func (o *outcome) blameRequest() *outcome {
	e := &Error{Kind: KindSubjectRefused, Target: o.target, Code: o.err.Code, Status: o.err.Status, Err: advice(KindSubjectRefused, o.err.Code)}
	if slices.Contains(clientCodes, e.Code) {
		e.Kind, e.Detail, e.Err = KindClientRefused, DetailRequest, errRequestRefused
	}
	return &outcome{target: o.target, failure: o.failure.BlameToken(), err: e}
}

// failureError returns the error for a failure of the endpoint.
func failureError(f *oauthendpoint.Failure) *Error {
	e := &Error{Kind: KindUnavailable, Detail: string(f.Outcome), RetryAfter: max(f.RetryAfter, minRetryAfter), Err: f.Err}
	switch f.Outcome {
	case oauthendpoint.Credentials:
		e.Kind, e.RetryAfter = KindClientRefused, 0
	case oauthendpoint.Redirected:
		e.Kind, e.Detail, e.RetryAfter = KindUnusable, DetailRedirect, 0
	case oauthendpoint.TooLarge:
		e.Kind, e.Detail, e.RetryAfter = KindUnusable, DetailTooLarge, 0
	}
	return e
}

// probe calls the endpoint with a random token, for the target that the issuer has last issued a token
// for: it can refuse this client for another target, which is not about the credentials.
func (e *engine) probe(ctx context.Context) *outcome {
	if t := e.proven.Load(); t != nil {
		return e.call(ctx, t, rand.Text())
	}
	for _, t := range e.targets {
		return e.call(ctx, t, rand.Text())
	}
	return panicked() // cannot happen: New requires a target
}

// call sends one token request and reads the answer.
func (e *engine) call(ctx context.Context, t *target, subject string) *outcome {
	o := e.send(ctx, t, subject)
	o.target = t.Name
	if o.token != nil && e.proven.Load() != t {
		e.proven.Store(t)
	}
	if o.err != nil {
		o.err = o.err.about(t)
	}
	return o
}

func (e *engine) send(ctx context.Context, t *target, subject string) *outcome {
	endpoint, err := e.endpoint.URL(ctx)
	if err != nil {
		return failed(oauthendpoint.DiscoveryFailure(err))
	}
	form := maps.Clone(t.form)
	form.Set(t.subject, subject)
	if t.actor != nil {
		token, err := t.actor(ctx)
		if err == nil && !grammar.IsB64Token(token) {
			err = errors.New("not a b64token (RFC 6750 §2.1)")
		}
		if err != nil {
			return failed(oauthendpoint.NewFailure(oauthendpoint.Credentials, callguard.Credentials, errActor(err)))
		}
		form.Set("actor_token", token)
	}
	x, f := e.endpoint.Post(ctx, endpoint, "application/json", form)
	if f != nil {
		return failed(f)
	}
	if x.Response.Status == http.StatusOK {
		return t.answered(x, subject)
	}
	return t.refused(x)
}

func errActor(err error) error {
	return errors.New("the actor token is not available: " + logging.Printable(err.Error()))
}

// answered returns the outcome of a call with an answer.
func (t *target) answered(x oauthendpoint.Exchange, subject string) *outcome {
	token, e := t.readAnswer(x.Response, subject, x.ReceivedAt)
	if e == nil {
		return &outcome{token: token}
	}
	class := callguard.Neutral
	if e.Detail == DetailMalformed || e.Detail == DetailContentType {
		class = callguard.Suspect
	}
	e.Status = x.Response.Status
	f := oauthendpoint.NewFailure(badAnswer, class, e.Err)
	f.Response = x.Describe("")
	return &outcome{err: e, failure: f}
}

// refused returns the outcome of a call with another status than 200.
func (t *target) refused(x oauthendpoint.Exchange) *outcome {
	answer, ok := refusal{}, false
	if s := x.Response.Status; s == http.StatusBadRequest || s == http.StatusUnauthorized || s == http.StatusForbidden {
		answer, ok = parseRefusal(x.Response)
	}
	var e *Error
	var cause error
	if ok {
		e = answer.error(t)
		cause = e.Err
	}
	if ok && e.Kind != KindClientRefused && e.Kind != KindUnavailable {
		e.Status = x.Response.Status
		f := oauthendpoint.NewFailure(answeredNo, callguard.Success, nil)
		f.ErrorCode, f.Response = answer.code, x.Describe(answer.code)
		return &outcome{err: e, failure: f}
	}
	code := oauthendpoint.ErrorCode(x.Response, knownCodes)
	o := oauthendpoint.StatusOutcome(x.Response, code)
	switch {
	case ok && e.Kind == KindClientRefused:
		o = oauthendpoint.Credentials
	case ok:
		o = oauthendpoint.BadStatus
	}
	f := oauthendpoint.NewFailure(o, o.Class(), nil)
	f.ErrorCode, f.RetryAfter = code, oauthendpoint.RetryAfter(x.Response, o.Class())
	f.Response, f.Err = x.Describe(code), x.Explain(o, code, cause)
	out := failed(f)
	out.err.Status, out.err.Code = x.Response.Status, answer.code
	if o == oauthendpoint.Unknown4xx || o == oauthendpoint.Forbidden { // not an error document
		out.err.Kind, out.err.Detail, out.err.RetryAfter = KindUnusable, DetailMalformed, 0
	}
	return out
}

// circuitOpened is called when the circuit breaker has opened.
func (e *engine) circuitOpened() {
	e.endpoint.RefreshSoon() // the endpoint may have moved
	logging.OrDefault(e.log).Warn("circuit opened after failures; not calling the token endpoint", "issuer", e.issuer)
}

// ended counts a call, or a probe.
func (e *engine) ended(_ *outcome, took time.Duration) { e.metrics.duration.Observe(took.Seconds()) }
