// Package callguard protects the calls to one endpoint. It limits their time and their number,
// and a circuit breaker stops the calls to an endpoint that fails.
//
// It does not know what a call is. Its user classifies how a call ended: see [Class].
package callguard

import (
	"context"
	"errors"
	"time"
)

// Class is what the outcome of a call means for the circuit breaker. For the effect of each
// see breaker.
//
// An outcome that a client can cause with its request must not be Failure: requests of one client
// would lock out all others. It is Neutral if the request is the plausible cause. It is Suspect if
// the cause cannot be distinguished: a server that crashes on one request and a server that is
// broken both answer with 500, and a firewall that blocks one request may redirect or answer with
// HTML.
type Class int

// Classes of outcomes.
const (
	Neutral            Class = iota // no information about the endpoint: the client's request may be the cause
	Success                         // the endpoint works
	Failure                         // the endpoint fails
	Suspect                         // the endpoint fails, or the client's request is the cause
	Credentials                     // the endpoint does not accept our credentials, or there are none
	SuspectCredentials              // the endpoint does not accept our credentials, or the client's request is the cause
	Aborted                         // the call panicked; like Neutral, but it shows nothing about our credentials either
)

// Outcome is how a call ended. A pointer type with methods that accept nil is suitable, with nil
// for success.
type Outcome interface {
	Class() Class
	RetryDelay() time.Duration // the Retry-After of the endpoint; 0: none
}

// Config configures a Guard. All fields are required. The functions are called concurrently.
type Config[O Outcome] struct {
	Limits

	// Probe makes a call that no client has influenced, for example with a random token. Its
	// outcome shows whether the endpoint or the request of a client causes failures.
	Probe func(ctx context.Context) O

	// Panicked is the outcome of a call that panics. Its class is Aborted.
	Panicked O

	// BlameRequest returns the outcome of a call that seemed to end with rejected credentials
	// (SuspectCredentials), after a probe has shown that the endpoint accepts them.
	BlameRequest func(O) O

	// Ended is called after each call and each probe, to count and log it. took does not include
	// the wait in the queue.
	Ended func(o O, took time.Duration)

	// Opened is called when the circuit breaker has opened.
	Opened func()
}

// Guard protects the calls to one endpoint. It is safe for concurrent use.
type Guard[O Outcome] struct {
	config  Config[O]
	queue   *queue
	breaker breaker
}

// New returns a Guard. The limits must be valid; 0 stands for the default.
func New[O Outcome](c Config[O]) *Guard[O] {
	c.Limits = c.Limits.WithDefaults()
	return &Guard[O]{config: c, queue: newQueue(c.MaxConcurrent, c.Timeout*2/5)}
}

// Refusal is why a Guard has not made a call.
type Refusal struct {
	Err        error         // one of the errors of this package
	RetryAfter time.Duration // when to try again; 0: unknown
}

// Errors of a Refusal.
var (
	ErrCircuitOpen         = errors.New("circuit open after repeated failures or Retry-After; not calling the endpoint")
	ErrCredentialsRejected = errors.New("our credentials were rejected or not available a moment ago; not calling the endpoint")
	ErrOverloaded          = errors.New("too many concurrent calls to the endpoint")
	ErrAbandoned           = errors.New("no request waits for the answer any more")
)

// Do makes a call if the circuit breaker permits it, and waits for its turn before. It returns
// the outcome of the call, or a Refusal if it was not made.
//
// The context of call has the deadline Limits.Timeout, which includes the wait. It does not end
// with waitCtx, which ends the wait only. begin is called after the wait; if it returns false, the
// call is abandoned. If call or Probe panics, Do does too, after it has recorded the outcome.
func (g *Guard[O]) Do(waitCtx context.Context, begin func() bool, call func(context.Context) O) (O, *Refusal) {
	var none O
	ctx, cancel := context.WithTimeout(context.Background(), g.config.Timeout)
	defer cancel()
	// Fail before queueing. call checks again, because the breaker may open during the wait.
	if r := g.Check(); r != nil {
		return none, r
	}
	if r := g.queue.acquire(waitCtx); r != nil {
		return none, r
	}
	defer g.queue.release()
	if !begin() { // all requests have given up
		return none, &Refusal{Err: ErrAbandoned}
	}
	return g.call(ctx, call)
}

// call makes one call if the breaker permits it.
func (g *Guard[O]) call(ctx context.Context, call func(context.Context) O) (o O, r *Refusal) {
	start := time.Now()
	p, r := g.breaker.acquire(start)
	if r != nil {
		return o, r
	}
	if p.probeFirst {
		g.notifyIfOpened(g.probe(ctx, p))
		start = time.Now()
		if p, r = g.breaker.acquire(start); r != nil {
			return o, r
		}
	}
	o = g.config.Panicked // replaced unless call panics
	defer func() { o = g.finish(ctx, p, start, o) }()
	return call(ctx), nil
}

// finish records how a call ended, and returns its outcome. A probe runs within the timeout and
// the queue slot of the call. That leaves time for it, because only a call that ended before its
// timeout can lead to a probe.
func (g *Guard[O]) finish(ctx context.Context, p permit, start time.Time, o O) O {
	now := time.Now()
	action := g.breaker.release(p, o.Class(), o.RetryDelay(), now)
	if action == probeNeeded {
		action = g.probe(ctx, p)
	}
	if o.Class() == SuspectCredentials && !g.breaker.limitsCalls() {
		o = g.config.BlameRequest(o)
	}
	g.config.Ended(o, now.Sub(start))
	g.notifyIfOpened(action)
	return o
}

// probe makes a call that no client has influenced, to find out whether the endpoint fails for
// every request or only for those of some clients (see the comment on breaker). The cost is
// one more call each time the breaker would otherwise open or limit the rate of calls.
func (g *Guard[O]) probe(ctx context.Context, p permit) (action breakerAction) {
	start := time.Now()
	o := g.config.Panicked // replaced unless Probe panics
	defer func() {
		now := time.Now()
		g.config.Ended(o, now.Sub(start))
		action = g.breaker.releaseAfterProbe(p, o.Class(), o.RetryDelay(), now)
	}()
	o = g.config.Probe(ctx)
	return // the deferred function sets action
}

func (g *Guard[O]) notifyIfOpened(action breakerAction) {
	if action == opened {
		g.config.Opened()
	}
}

// Check returns why a call would not be permitted now, or nil.
func (g *Guard[O]) Check() *Refusal { return g.breaker.check(time.Now()) }

// Running returns the number of calls that are running.
func (g *Guard[O]) Running() int { return len(g.queue.slots) }

// Waiting returns the number of calls that wait for their turn.
func (g *Guard[O]) Waiting() int { return int(g.queue.waiting.Load()) }

// CircuitOpen reports whether the circuit breaker is open or half-open.
func (g *Guard[O]) CircuitOpen() bool { return g.breaker.notClosed() }
