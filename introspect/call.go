package introspect

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/inflight"
	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/oauthendpoint"
	"github.com/warder-go/warder/resource"
)

// The introspection of a token has these steps:
//
//  1. Verify looks the token up in the negative cache.
//  2. inflight.Group.Do lets all requests with the same token share the steps below.
//  3. resolve looks in the negative cache again. With Config.Answers, resolveShared then looks
//     for the result of another process (see sharedanswers.go), which replaces steps 4 to 6.
//  4. callguard.Guard.Do checks the circuit breaker, then waits for a slot in the queue.
//  5. Guard.Do takes a permit from the breaker, and exchange sends the HTTP request.
//  6. Guard.Do passes the outcome to the breaker and to countAndLog. It also calls probe if the
//     breaker asks for one. With Config.Answers, shareResult then shares the result with other
//     processes.
//  7. resolve caches a rejected token in the negative cache. Package resource caches an
//     accepted one, for as long as Verify specifies.
//
// The map reasons lists how a call can end, and what that means for the request. An answer
// is the document about a token in an HTTP response (RFC 7662 §2.2).

// callGrace is how long a request waits at most beyond Config.Timeout. The queue limits its own
// wait, and exchange ends at the timeout, unless a function in Config ignores its context.
const callGrace = time.Second

var errCallPanic = errors.New("a function in the configuration panicked")

// Verify asks the introspection endpoint about a token, opaque or JWT, and returns the
// claims in its answer. An error is either a [*resource.Error] or ctx.Err(). Verify returns
// when ctx ends or 1 second after [Config].Timeout, whichever is first. With [Config].Answers,
// it is up to 2 seconds later. It panics if a function in Config does.
//
// Verify rejects a token with 401 only in two cases:
//   - A valid answer states that the token is inactive or not an access token.
//   - The response has one of the statuses that mean that the endpoint cannot process this
//     token.
//
// Every other failure is 503, because it leaves the state of the token unknown.
func (v *Verifier) Verify(ctx context.Context, t *resource.Token) (*resource.Claims, error) {
	if err := ctx.Err(); err != nil {
		return nil, err // the request has ended already: make no call
	}
	key := digest.Of(t.Raw())
	if f := v.negativeCache.lookup(key, time.Now()); f != nil {
		return nil, resourceError(f)
	}
	found, err := v.calls.Do(ctx, key, func(queueCtx context.Context, c *sharedCall) (finding, time.Time) {
		r, f := v.resolve(queueCtx, c, key, t)
		return finding{r, f}, v.shareUntil(r)
	})
	switch {
	case errors.Is(err, inflight.ErrWait):
		return nil, resourceError(newFailure(oauthendpoint.TimedOut, err))
	case err != nil:
		return nil, err
	case found.failure != nil:
		return nil, resourceError(found.failure)
	}
	claims := *found.result.claims // a copy: other requests share the result
	claims.CacheFor = found.result.cacheDuration()
	return &claims, nil
}

// A finding is how the introspection of a token ended, for all requests that share it.
type finding struct {
	result  result
	failure *failure // nil: the token is accepted
}

type sharedCall = inflight.Call[finding]

// shareUntil returns until when later requests share the result of a call that ends now.
func (v *Verifier) shareUntil(r result) (until time.Time) {
	if r.claims == nil || v.gracePeriod == 0 {
		return time.Time{}
	}
	until = time.Now().Add(v.gracePeriod)
	if end := r.receivedAt.Add(r.ttl); r.ttl > 0 && end.Before(until) {
		until = end
	}
	return until
}

// A result is what a call has found out about a token, in this process or another one.
type result struct {
	claims     *resource.Claims // nil: the token was not accepted
	document   []byte           // the JSON object with the claims; nil for the result of another process
	endpoint   string           // URL of the endpoint
	receivedAt time.Time        // when the answer was received
	ttl        time.Duration    // limit of its use after receivedAt; 0: none; negative: it is not cached
}

// resolve determines the state of a token for all requests that share c. It has its own
// timeouts and does not use their contexts. queueCtx ends if all of them give up before the
// call has left the queue. From then on, the call continues without them, so that
// the breaker notices an endpoint that hangs, and requests that arrive in the meantime can
// share the result.
func (v *Verifier) resolve(queueCtx context.Context, c *sharedCall, key digest.Digest, t *resource.Token) (r result, f *failure) {
	cacheGeneration := v.negativeCache.currentGeneration()
	// An earlier call for this token may have stored a result since Verify looked.
	if f := v.negativeCache.lookup(key, time.Now()); f != nil {
		return result{}, f
	}
	if v.shared != nil {
		r, f = v.resolveShared(queueCtx, c, key, t)
	} else {
		r, f = v.callInTurn(queueCtx, c, t)
	}
	if f != nil && definitive(f.Outcome) {
		v.negativeCache.store(key, f, r.receivedAt.Add(negativeTTL), cacheGeneration)
	}
	return r, f
}

// callInTurn makes a call when it is its turn.
func (v *Verifier) callInTurn(queueCtx context.Context, c *sharedCall, t *resource.Token) (r result, f *failure) {
	f, refusal := v.guard.Do(queueCtx, c.Start, func(ctx context.Context) (f *failure) {
		r, f = v.exchange(ctx, t.Raw(), t.Claims())
		return f
	})
	if refusal != nil {
		return result{}, oauthendpoint.RefusalFailure(refusal)
	}
	return r, f
}

// circuitOpened is called when the circuit breaker has opened.
func (v *Verifier) circuitOpened() {
	v.endpoint.RefreshSoon() // the endpoint may have moved
	logging.OrDefault(v.log).Warn("circuit opened after failures; not calling the introspection endpoint", "issuer", v.issuer)
}

// probe calls the endpoint with a random token.
func (v *Verifier) probe(ctx context.Context) *failure {
	_, f := v.exchange(ctx, rand.Text(), nil)
	return f
}

// exchange sends one introspection request (RFC 7662 §2.1) and reads the answer. jwt has the
// unverified claims of the token if it is a JWT, else it is nil.
func (v *Verifier) exchange(ctx context.Context, token string, jwt *resource.Claims) (r result, f *failure) {
	endpoint, err := v.endpoint.URL(ctx)
	if err != nil {
		return result{}, oauthendpoint.DiscoveryFailure(err)
	}
	r, _, f = v.exchangeAt(ctx, endpoint, token, jwt)
	return r, f
}

// exchangeAt is exchange for a known endpoint. note says what may be wrong with our credentials.
func (v *Verifier) exchangeAt(ctx context.Context, endpoint, token string, jwt *resource.Claims) (r result, note string, f *failure) {
	form := url.Values{"token": {token}}
	if v.hint != "" {
		form.Set("token_type_hint", v.hint)
	}
	x, f := v.endpoint.Post(ctx, endpoint, v.answerType(), form)
	r = result{endpoint: endpoint, receivedAt: x.ReceivedAt, ttl: v.answerTTL}
	if f != nil {
		return r, x.Note, f
	}
	if v.mayBeAnswer(x.Response) {
		r.claims, r.document, f = v.readAnswer(ctx, jwt, x.Response, x.SentAt)
	} else {
		f = statusFailure(x.Response)
	}
	if f != nil {
		explain(f, x)
	}
	return r, x.Note, f
}

// countAndLog updates the metrics and logs failures. It logs neither successes nor rejections
// of a token.
func (v *Verifier) countAndLog(f *failure, took time.Duration) {
	o := active
	if f != nil {
		o = f.Outcome
	}
	v.metrics.calls[o].Inc()
	v.metrics.duration.Observe(took.Seconds())
	log := logging.OrDefault(v.log)
	switch {
	case f == nil || definitive(f.Outcome):
	case o == oauthendpoint.Credentials: // logged as an error, because only the operator can fix it
		log.Error("introspection failed: our credentials are rejected or not available", "issuer", v.issuer, "error", f.Err)
	default:
		log.Warn("introspection failed", "issuer", v.issuer, "outcome", string(o), "took", took, "error", f.Err)
	}
}
