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

// StreamCheckInterval is how often an open stream is asked again what every request
// is asked. Its end when the token expires does not wait for that.
const StreamCheckInterval = 30 * time.Second

// maxUnsure is how many checks in a row may find out nothing, because keys or the
// issuer can't be reached, before the stream ends: it outlives a hiccup, no outage.
const maxUnsure = 1

// minStreamDelay keeps a clock that was set back from making a busy loop of checks.
const minStreamDelay = 100 * time.Millisecond

// ErrStreamEnded is the [context.Cause] of the context of [Decision.Request], where
// this package ended it. The reason stands in its text and in the log.
var ErrStreamEnded = errors.New("resource: stream ended, its token is no longer good")

// Done says that the handler of the request has returned. Whoever calls
// [Resource.Authenticate] must call it then, best by defer, also when the handler
// panics. For a request that opens no stream, and the second time, it does nothing.
// It is safe for concurrent use.
//
// Streams are GET requests and those POST requests that are subscriptions/listen, as
// the header Mcp-Method says (MCP 2026-07-28, "Standard Headers": servers refuse one
// that lies) or the body, where Config.Operations had it read. An MCP server that
// serves subscriptions/listen in older protocols too, without the header, needs the
// latter: a rule such as Methods{"subscriptions/listen": nil} is enough. Without either
// nethttp/mcpsdk.Lock refuses such a request.
//
// While a stream is open it is asked every [StreamCheckInterval] what every request
// is asked: steps 1 to 8 of the walk, and whether the caller has the scopes that it
// was found to need. The context of Decision.Request ends, with [ErrStreamEnded] as
// its cause,
//
//   - at the token's exp and the leeway,
//   - at the next check, if Config.Revoked says so, or if the token is no longer
//     remembered ([Resource.Forget], Config.MemoryTTL) and its issuer refuses it,
//   - two checks after the keys of its issuer were due for a refresh that no longer
//     brings its key: a check may be what starts that refresh,
//   - when two checks in a row could not find out: fail closed,
//   - at the next check, if a configuration that was replaced meanwhile refuses it.
//
// Other requests don't end: a tool call in flight is not cut. The handler must heed
// its context, as it must for clients that leave; nothing stops it by force. Until
// Done the token is kept, as the server keeps the request that it came with.
func (d Decision) Done() {
	if d.stream != nil {
		d.stream.close()
	}
}

// A stream is one that is open. It costs a timer and no goroutine.
type stream struct {
	end    context.CancelCauseFunc
	opened *Resource

	mu     sync.Mutex // guards what follows
	caller *Caller    // as last vouched for
	timer  *time.Timer
	unsure int  // checks in a row that found out nothing
	over   bool // not to be checked again
	closed bool // Done was called
}

// opensStream tells requests whose answer is a stream without end, as far as that is
// known without the body.
func opensStream(req *http.Request) bool {
	return req.Method == http.MethodGet ||
		req.Method == http.MethodPost && slices.Contains(req.Header["Mcp-Method"], listenMethod)
}

const listenMethod = "subscriptions/listen"

// watch returns the request with a context that ends with the caller's token, and
// what is to be closed. The same middleware mounted twice watches once.
func (r *Resource) watch(req *http.Request, caller *Caller, needed []string) (*http.Request, *stream) {
	if outer, ok := FromContext(req.Context()); ok && outer == caller {
		return req, nil
	}
	ctx, end := context.WithCancelCause(req.Context())
	// A copy: the handler may change the header that it gets while a check reads.
	same := (&http.Request{Header: http.Header{"Authorization": slices.Clone(req.Header["Authorization"])}}).WithContext(ctx)
	s := &stream{end: end, opened: r, caller: caller}
	r.whole().streams.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(s.delay(), func() { s.check(same, needed) })
	return req.WithContext(ctx), s
}

// delay is the time until the next check: the deadline, if that comes sooner.
func (s *stream) delay() time.Duration {
	expiry := s.caller.Expiry()
	if expiry.IsZero() {
		return StreamCheckInterval
	}
	return min(StreamCheckInterval, max(time.Until(expiry.Add(s.opened.Leeway())), minStreamDelay))
}

// check ends the stream, or sees to it that there is a next check.
func (s *stream) check(req *http.Request, needed []string) {
	ctx := req.Context()
	if ctx.Err() != nil {
		s.stop()
		return
	}
	caller, f := (*Caller)(nil), newFault(ReasonInternalError, "a configured function ended its goroutine")
	defer func() { s.settle(ctx, caller, f) }() // whatever happens, fail closed
	caller, f = s.opened.whole().now().again(req, s.caller, needed)
}

// again is steps 1 to 8 of the walk once more, and of step 9 whether the caller has
// the scopes that the request was found to need. A caller who is remembered costs no
// verification.
//
// A credential in a header field of its own may have been good for that one request:
// its verifier is asked no more, only Claims.Live.
func (r *Resource) again(req *http.Request, was *Caller, needed []string) (caller *Caller, f *fault) {
	defer func() {
		if p := recover(); p != nil {
			caller, f = nil, panicFault(p)
		}
	}()
	if was.expiry.over(time.Now(), r.leeway) { // over, whatever a verifier that is asked anew might say
		return nil, newFault(ReasonExpired, "exp has come")
	}
	if len(req.Header["Authorization"]) == 0 {
		switch {
		case !r.hasHeader(was.how, was.by):
			return nil, newFault(ReasonTokenInvalid, "the configuration has no such credential any more")
		case !was.trusted(time.Now()):
			return nil, newFault(ReasonExpired, "expired, or its verifier has taken back its word")
		}
		caller = r.anew(was)
	} else if caller, f = r.identify(req); f != nil {
		return nil, f
	}
	if r.revoked != nil && r.revoked(req.Context(), caller) {
		return nil, newFault(ReasonRevoked, "Config.Revoked said so")
	}
	if needed = union(r.scopes, needed); !caller.Has(needed...) {
		return nil, r.scopeFault(caller, needed)
	}
	return caller, nil
}

func (s *stream) settle(ctx context.Context, caller *Caller, f *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over:
		return
	case f == nil && caller.ID() != s.caller.ID():
		f = newFault(ReasonTokenInvalid, "the issuer names another principal than before")
	case f == nil:
		s.caller, s.unsure = caller, 0
		s.timer.Reset(s.delay())
		return
	case outcomes[f.reason] == answerUnavailable && s.unsure < maxUnsure:
		s.unsure++
		s.timer.Reset(s.delay())
		return
	}
	s.over = true
	s.end(fmt.Errorf("%w: %s", ErrStreamEnded, f.reason))
	if f.caller == nil {
		about := *f // which may be shared
		about.caller = s.caller
		f = &about
	}
	s.opened.whole().now().log(ctx, 0, nil, f)
}

// stop gives up the checks of a stream whose request is over.
func (s *stream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.timer.Stop()
}

func (s *stream) close() {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.opened.whole().streams.Add(-1)
	}
	s.end(nil)
}
