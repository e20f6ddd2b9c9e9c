package introspect

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/resource"
)

// The introspection of a token has these steps:
//
//  1. Verify looks the token up in the negative cache.
//  2. inFlightCalls.do lets all requests with the same token share the steps below.
//  3. resolve looks in the negative cache again. With Config.Answers, resolveShared then looks
//     for the result of another process (see sharedanswers.go), which replaces steps 4 to 6.
//  4. callInTurn checks the breaker, then waits for a slot in the queue.
//  5. call takes a permit from the breaker, and exchange sends the HTTP request.
//  6. finish counts and logs the outcome, and returns the permit to the breaker. It also sends
//     a probe if the breaker asks for one. With Config.Answers, shareResult then shares the
//     result with other processes.
//  7. resolve caches a rejected token in the negative cache. Package resource caches an
//     accepted one, for as long as Verify specifies.
//
// The map outcomes lists how a call can end, and what that means for the request and for
// the breaker. An answer is the document about a token in an HTTP response (RFC 7662 §2.2).

// callGrace is how long a request waits at most beyond Config.Timeout. The queue limits its own
// wait, and exchange ends at the timeout, unless a function in Config ignores its context.
const callGrace = time.Second

var (
	errCallTooLong = errors.New("a function in the configuration ignores its context")
	errCallPanic   = errors.New("a function in the configuration panicked")
)

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
		return nil, f.resourceError()
	}
	waitCtx, cancel := context.WithTimeoutCause(ctx, v.maxDuration, errCallTooLong)
	defer cancel()
	call, err := v.calls.do(waitCtx, key, func(queueCtx context.Context, c *inFlightCall) (result, *failure) {
		return v.resolve(queueCtx, c, key, t)
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, newFailure(timedOut, err).resourceError()
	case call.failure != nil:
		return nil, call.failure.resourceError()
	}
	claims := *call.result.claims // a copy: other requests share the result
	claims.CacheFor = call.result.cacheDuration()
	return &claims, nil
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
func (v *Verifier) resolve(queueCtx context.Context, c *inFlightCall, key digest.Digest, t *resource.Token) (r result, f *failure) {
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
	if f != nil && f.definitive() {
		v.negativeCache.store(key, f, r.receivedAt.Add(negativeTTL), cacheGeneration)
	}
	return r, f
}

// callInTurn waits for a slot in the queue and makes a call.
func (v *Verifier) callInTurn(queueCtx context.Context, c *inFlightCall, t *resource.Token) (result, *failure) {
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout)
	defer cancel()
	// Fail before queueing. call checks again, because the breaker may open during the wait.
	if f := v.breaker.check(time.Now()); f != nil {
		return result{}, f
	}
	if f := v.queue.acquire(queueCtx); f != nil {
		return result{}, f
	}
	defer v.queue.release()
	if !v.calls.start(c) { // all requests have given up
		return result{}, newFailure(abandoned, errAbandoned)
	}
	return v.call(ctx, t)
}

// call makes one call if the breaker permits it. If a function in Config panics, the call is
// recorded as panicked, and inFlightCalls.do panics in every request that waits.
func (v *Verifier) call(ctx context.Context, t *resource.Token) (r result, f *failure) {
	start := time.Now()
	p, f := v.breaker.acquire(start)
	if f != nil {
		return result{}, f
	}
	if p.probeFirst {
		v.logIfOpened(v.probe(ctx, p))
		start = time.Now()
		if p, f = v.breaker.acquire(start); f != nil {
			return result{}, f
		}
	}
	f = newFailure(panicked, errCallPanic) // replaced unless exchange panics
	defer func() { v.finish(ctx, p, start, f) }()
	r, f = v.exchange(ctx, t.Raw(), t.Claims())
	return r, f
}

// finish records how a call ended: in the metrics, in the log and in the breaker. A probe
// runs within the timeout and the queue slot of the call. That leaves time for it, because
// only a call that ended before its timeout can lead to a probe.
func (v *Verifier) finish(ctx context.Context, p permit, start time.Time, f *failure) {
	now := time.Now()
	action := v.breaker.release(p, f, now)
	if action == probeNeeded {
		action = v.probe(ctx, p)
	}
	if f.class() == classSuspectCredentials && !v.breaker.limitsCalls() {
		f.blameToken()
	}
	v.countAndLog(f, now.Sub(start))
	v.logIfOpened(action)
}

func (v *Verifier) logIfOpened(action breakerAction) {
	if action == opened {
		v.endpoint.refreshSoon() // the endpoint may have moved
		logging.OrDefault(v.log).Warn("circuit opened after failures; not calling the introspection endpoint", "issuer", v.issuer)
	}
}

// probe calls the endpoint with a random token, to find out whether the endpoint fails for
// every token or only for tokens that clients sent (see the comment on breaker). The cost is
// one more call each time the breaker would otherwise open or limit the rate of calls.
func (v *Verifier) probe(ctx context.Context, p permit) (action breakerAction) {
	start := time.Now()
	f := newFailure(panicked, errCallPanic) // replaced unless exchange panics
	defer func() {
		now := time.Now()
		v.countAndLog(f, now.Sub(start))
		action = v.breaker.releaseAfterProbe(p, f, now)
	}()
	_, f = v.exchange(ctx, rand.Text(), nil)
	return // the deferred function sets action
}

// exchange sends one introspection request (RFC 7662 §2.1) and reads the answer. jwt has the
// unverified claims of the token if it is a JWT, else it is nil.
func (v *Verifier) exchange(ctx context.Context, token string, jwt *resource.Claims) (r result, f *failure) {
	endpoint, err := v.endpoint.get(ctx)
	if err != nil {
		return result{}, discoveryFailure(err)
	}
	r, _, f = v.exchangeAt(ctx, endpoint, token, jwt)
	return r, f
}

// exchangeAt is exchange for a known endpoint. note says what may be wrong with our credentials.
func (v *Verifier) exchangeAt(ctx context.Context, endpoint, token string, jwt *resource.Claims) (r result, note string, f *failure) {
	client, err := v.clients.get()
	if err != nil {
		return result{}, "", newFailure(credentials, fmt.Errorf("our client certificate is not available: %w", err))
	}
	form := url.Values{"token": {token}}
	if v.hint != "" {
		form.Set("token_type_hint", v.hint)
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {v.answerType()}}
	note, err = v.auth.apply(ctx, header, form)
	if err != nil {
		return result{}, "", newFailure(credentials, fmt.Errorf("our credentials are not available: %w", err))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil { // cannot happen: New and metadata.Discover check the URL
		return result{}, "", newFailure(unreachable, errors.New("the endpoint is not a valid URL"))
	}
	req.Header = header
	sentAt := time.Now()
	response, err := client.Do(req)
	r = result{endpoint: endpoint, receivedAt: time.Now(), ttl: v.answerTTL}
	if err != nil {
		return r, note, outboundFailure(err)
	}
	if v.mayBeAnswer(response) {
		r.claims, r.document, f = v.readAnswer(ctx, jwt, response, sentAt)
	} else {
		f = statusFailure(response)
	}
	if f != nil {
		f.explain(endpoint, response, v.auth.Method, note)
	}
	return r, note, f
}

// countAndLog updates the metrics and logs failures. It logs neither successes nor rejections
// of a token.
func (v *Verifier) countAndLog(f *failure, took time.Duration) {
	o := active
	if f != nil {
		o = f.outcome
	}
	v.metrics.calls[o].Inc()
	v.metrics.duration.Observe(took.Seconds())
	log := logging.OrDefault(v.log)
	switch {
	case f == nil || f.definitive():
	case o == credentials: // logged as an error, because only the operator can fix it
		log.Error("introspection failed: our credentials are rejected or not available", "issuer", v.issuer, "error", f.err)
	default:
		log.Warn("introspection failed", "issuer", v.issuer, "outcome", string(o), "took", took, "error", f.err)
	}
}
