package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// streamCheckInterval is the time between two checks of an open stream. A stream whose token
// expires in between ends at that time.
const streamCheckInterval = 30 * time.Second

// maxUndecidedChecks is how many checks in a row can fail to decide, because keys or the
// issuer are unavailable, before the stream ends. A stream outlives a short interruption,
// but not an outage.
const maxUndecidedChecks = 1

// minStreamDelay prevents a busy loop of checks if the clock was set back.
const minStreamDelay = 100 * time.Millisecond

// ErrStreamEnded is the [context.Cause] of the context of [Decision.Request] if this package
// ended it. The reason is in the text of the cause and in the log.
var ErrStreamEnded = errors.New("resource: stream ended: its token is no longer valid")

// ErrStreamExpired is the cause instead of [ErrStreamEnded], which it wraps, if the only reason
// is that the token has expired: it was not revoked, its key was not withdrawn, and the
// configuration was not replaced since the last check.
var ErrStreamExpired = fmt.Errorf("%w: %s", ErrStreamEnded, ReasonExpired)

// Done reports that the handler of the request has returned. The caller of
// [Resource.Authenticate] must call it then, preferably by defer, also if the handler
// panics. It does nothing for a request that opens no stream, and on the second call. It is
// safe for concurrent use.
//
// Streams are GET requests, and POST requests that are subscriptions/listen according to the
// header Mcp-Method (MCP 2026-07-28, "Standard Headers": servers reject a header that
// disagrees with the body) or to the body, if Config.Operations made it be read. An MCP
// server that serves subscriptions/listen in older protocols too, without the header, needs
// the latter: a rule such as Methods{"subscriptions/listen": nil} is enough. Without either,
// nethttp/mcpsdk.Lock rejects such a request.
//
// While a stream is open, every 30 seconds it gets the checks that a request gets: steps 1 to
// 8 of the pipeline, whether its token is bound to the same key or certificate as before (no new
// proof is needed), whether its header fields agree with the claims, and whether the caller
// meets the conditions of the request, has the scopes that it needed and a login that is still
// recent enough. The context of Decision.Request ends, with [ErrStreamEnded] as its cause,
//
//   - when the token expires, leeway included,
//   - when Hooks.Revocations reports the caller: soon if it notifies the Resource (see
//     [Revocations]), otherwise at the next check,
//   - at the next check, if the token is not cached any more ([Resource.Forget], Limits.CacheTTL)
//     and its issuer rejects it,
//   - at the next check, if the time since the login exceeds [Authentication].MaxAge,
//   - two checks after the keys of its issuer were due for a refresh that no longer has its
//     key, because a check can be what starts that refresh,
//   - when two checks in a row could not decide: fail closed,
//   - at the next check, if a configuration that [Resource.Replace] brought rejects it. If its
//     Operations have rules and those before had none, every POST that opened a stream is rejected,
//     because its body was not read.
//
// Other requests are not ended: a tool call in progress is not interrupted. The handler must
// respect its context, as it must for clients that disconnect; it is not stopped by force.
// The token is kept until Done, as the server keeps the request that carried it.
func (d Decision) Done() {
	if d.stream != nil {
		d.stream.close()
	}
}

// stream is an open stream. It costs a timer and no goroutine.
type stream struct {
	policy *policy // when it was opened
	cancel context.CancelCauseFunc

	mu        sync.Mutex // guards the fields below
	caller    *Caller    // as last verified
	timer     *time.Timer
	undecided int  // checks in a row that could not decide
	ended     bool // not to be checked again
	watched   Revocations
	unwatch   func() // ends the notifications of watched; nil: none
	closed    bool   // Done was called
}

// watch returns the request with a context that ends with the caller's token, and the stream
// to close. If the same middleware is mounted twice, only the outer one watches.
func (p *policy) watch(req *http.Request, caller *Caller, granted permission) (*http.Request, *stream) {
	if outer, ok := FromContext(req.Context()); ok && outer.bare() == caller.bare() {
		return req, nil
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	// A copy, because the handler may change its header while a check reads.
	header := http.Header{"Authorization": slices.Clone(req.Header["Authorization"])}
	if p.readsTokenIn(caller.credential) {
		header[caller.credential] = slices.Clone(req.Header[caller.credential])
	}
	for i := range p.headerClaims {
		if field := p.headerClaims[i].field; len(req.Header[field]) > 0 {
			header[field] = slices.Clone(req.Header[field])
		}
	}
	checked := (&http.Request{Method: req.Method, Header: header}).WithContext(ctx)
	s := &stream{policy: p, cancel: cancel, caller: caller}
	operations := operationsOf(p, granted)
	p.owner.streams.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(s.delay(), func() { s.check(checked, operations) })
	s.watch(ctx, p)
	return req.WithContext(&watchedContext{ctx, req.Context()}), s
}

// delay returns the time until the next check or the token's expiry, whichever is sooner.
func (s *stream) delay() time.Duration {
	expiry := s.caller.Expiry()
	if expiry.IsZero() {
		return streamCheckInterval
	}
	leeway := s.policy.owner.Leeway()
	return min(streamCheckInterval, max(time.Until(expiry.Add(leeway)), minStreamDelay))
}

// check ends the stream, or schedules the next check.
func (s *stream) check(req *http.Request, operations *streamOperations) {
	ctx := req.Context()
	if ctx.Err() != nil {
		s.stop()
		return
	}
	// Fail closed if a configured function ends this goroutine.
	caller, f := (*Caller)(nil), newFault(ReasonInternalError, "a configured function ended its goroutine")
	defer func() { s.finishCheck(ctx, caller, f) }()
	caller, f = s.policy.owner.policy().recheck(req, s.caller, operations)
}

// recheck is steps 1 to 8 of the pipeline. Then it checks that the token is still bound as it was,
// and what the operations of the request need: conditions, scopes, a login, a bound token. A cached
// caller costs no verification.
//
// A credential in a field of Credentials.Headers may have been valid for one request only. So
// its verifier is not called again; only Claims.StillValid is.
func (p *policy) recheck(req *http.Request, previous *Caller, operations *streamOperations) (caller *Caller, f *fault) {
	defer func() {
		if v := recover(); v != nil {
			caller, f = nil, panicFault(v)
		}
	}()
	if caller, f = p.recheckToken(req, previous); f != nil {
		return nil, f
	}
	if f := previous.policy.checkHeaderClaims(req.Header, caller); f != nil {
		return nil, f
	}
	if f := caller.conditionFault(caller.unmet); f != nil {
		return nil, f
	}
	needs, f := operations.needs(p, req, caller)
	if f != nil {
		return nil, f
	}
	if f := p.checkRequirements(caller, needs, nil); f != nil {
		return nil, f
	}
	return caller, nil
}

// recheckToken is recheck without what depends on the request: whether the token is still accepted,
// bound as before, and not revoked.
func (p *policy) recheckToken(req *http.Request, previous *Caller) (caller *Caller, f *fault) {
	if previous.expiry.HasPassed(time.Now(), p.leeway) { // whatever a verifier would return now
		return nil, p.expiredStream(req.Context(), previous)
	}
	at := p.endpoints.named(previous.resource)
	if at == nil { // cannot happen: Replace keeps the identifiers
		return nil, newFault(ReasonPathUnknown, "the configuration no longer has the identifier")
	}
	if len(req.Header["Authorization"]) == 0 && !p.readsTokenIn(previous.credential) {
		switch {
		case !p.hasSameHeader(previous.credential, previous.policy):
			return nil, newFault(ReasonTokenInvalid, "the configuration no longer has this credential")
		case !previous.valid(time.Now()):
			return nil, newFault(ReasonExpired, "expired, or the verification was invalidated")
		}
		caller = p.recast(previous)
	} else if caller, _, f = p.identify(at, req); f != nil {
		return nil, f
	}
	if f := p.checkStreamBinding(previous, caller); f != nil {
		return nil, f
	}
	if f := p.checkRevoked(req.Context(), caller, time.Now()); f != nil {
		return nil, f
	}
	return caller, nil
}

// checkStreamBinding is step 9 for an open stream. The proof of the request that opened it is
// enough, so the token must be bound to the same key or certificate, and in a way that is accepted.
func (p *policy) checkStreamBinding(previous, caller *Caller) *fault {
	if caller.binding.Confirmation != previous.binding.Confirmation {
		return newFault(ReasonTokenInvalid, "the token is bound to something else than before")
	}
	return p.checkBound(caller)
}

// expiredStream returns the fault of a stream whose token has expired. It is faultExpired only
// if the token was valid until then, as far as that is known without a verification.
func (p *policy) expiredStream(ctx context.Context, c *Caller) *fault {
	if f := p.checkRevoked(ctx, c, time.Now()); f != nil {
		return f
	}
	if c.policy != p || c.stillValid != nil && !c.stillValid(time.Now()) {
		return newFault(ReasonExpired, "exp has passed, and the configuration or the verification has changed before")
	}
	return faultExpired
}

// faultExpired is shared by all streams that end only because their token has expired.
var faultExpired = newFault(ReasonExpired, "exp has passed")

// finishCheck ends the stream if its check failed, or schedules the next check.
func (s *stream) finishCheck(ctx context.Context, caller *Caller, f *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return
	case f == nil && caller.ID() != s.caller.ID():
		f = newFault(ReasonTokenInvalid, "the issuer names another principal than before")
	case f == nil:
		s.caller, s.undecided = caller, 0
		s.timer.Reset(s.delay())
		s.watch(ctx, caller.policy)
		return
	case outcomes[f.reason].status == http.StatusServiceUnavailable && s.undecided < maxUndecidedChecks:
		s.undecided++
		s.timer.Reset(s.delay())
		return
	}
	s.end()
	if f == faultExpired {
		s.cancel(ErrStreamExpired)
	} else {
		s.cancel(fmt.Errorf("%w: %s", ErrStreamEnded, f.reason))
	}
	if f.caller == nil {
		clone := *f // which requests may share
		clone.caller = s.caller
		f = &clone
	}
	p := s.policy.owner.policy()
	p.log(ctx, 0, nil, p.endpointFor(&noAcceptance, s.caller), f)
}

// stop ends the checks of a stream whose request has ended.
func (s *stream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
}

// end ends the checks. The caller holds s.mu.
func (s *stream) end() {
	s.ended = true
	s.timer.Stop()
	if s.unwatch != nil {
		s.unwatch()
		s.watched, s.unwatch = nil, nil
	}
}

func (s *stream) close() {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.policy.owner.streams.Add(-1)
	}
	s.cancel(nil)
}
