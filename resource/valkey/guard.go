package valkey

import (
	"context"
	"sync/atomic"
	"time"
)

// operation is a kind of call.
type operation string

const (
	opOnce   operation = "once"    // Replays.Once
	opAdd    operation = "add"     // Store.Add of revocations
	opRead   operation = "read"    // Store.Read of revocations
	opGet    operation = "get"     // Answers.Get
	opPut    operation = "put"     // Answers.Put
	opPutNew operation = "put_new" // Answers.PutNew
	opPurge  operation = "purge"   // Answers.Purge
	opCheck  operation = "check"   // of the server, each second, and Ready
)

var operations = []operation{opOnce, opAdd, opRead, opGet, opPut, opPutNew, opPurge, opCheck}

// bulkTimeout is the least timeout of calls that no request waits for.
const bulkTimeout = time.Second

// losesByEviction reports whether an evicted key would make the operation wrong.
func (o operation) losesByEviction() bool { return o == opOnce || o == opAdd || o == opRead }

// ofRequest reports whether a request waits for the operation.
func (o operation) ofRequest() bool { return o != opAdd && o != opRead && o != opCheck }

// timeout returns how long a call may take.
func (o operation) timeout(configured time.Duration) time.Duration {
	if o.ofRequest() {
		return configured
	}
	return max(configured, bulkTimeout)
}

// lane limits the calls of one kind. The kinds do not share a limit: anyone can cause calls about answers
// with invalid tokens, and clients can cause calls about proofs. These must not reject the proofs of
// others, and not make the copy of the revocations outdated, which would reject all credentials.
type lane struct {
	slots   chan struct{}
	breaker breaker
}

func newLane(maxCalls int) lane { return lane{slots: make(chan struct{}, maxCalls)} }

// lane returns that of an operation.
func (g *guard) lane(o operation) *lane {
	switch {
	case o == opOnce:
		return &g.proofs
	case o.ofRequest():
		return &g.answers
	}
	return &g.others
}

// guard limits the calls of a store. It is safe for concurrent use.
type guard struct {
	link    *link
	timeout time.Duration
	proofs  lane
	answers lane
	others  lane                   // of calls that no request waits for. Its breaker is not used
	evict   atomic.Pointer[string] // the setting with which the server can evict keys; "": none
	metrics *metrics
	opened  func(error) // is called when the circuit opens
}

// do executes a call. It ends at its own deadline, or at that of ctx if this is earlier. It does
// not end when ctx is canceled: a call that the library abandons keeps a goroutine until the server
// answers, and clients must not be able to increase the number of such calls by ending requests.
func (g *guard) do(ctx context.Context, o operation, call func(context.Context, *connection) error) error {
	began := time.Now()
	out, err := g.try(ctx, o, call)
	g.metrics.observe(o, out, time.Since(began))
	if err != nil {
		return &callError{o, err}
	}
	return nil
}

func (g *guard) try(ctx context.Context, o operation, call func(context.Context, *connection) error) (outcome, error) {
	if err := ctx.Err(); err != nil {
		return canceled, err
	}
	l := g.lane(o)
	select {
	case l.slots <- struct{}{}:
	default:
		return overloaded, errOverloaded
	}
	defer func() { <-l.slots }()
	timeout := o.timeout(g.timeout)
	if deadline, ok := ctx.Deadline(); ok {
		if timeout = min(timeout, time.Until(deadline)); timeout < minTimeout {
			return canceled, context.DeadlineExceeded // too short to say anything about the server
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	c, err := g.link.get(ctx)
	if err != nil {
		return disconnected, err
	}
	if setting := *g.evict.Load(); setting != "" && o.losesByEviction() {
		return evicting, errEvicting(setting)
	}
	if o.ofRequest() {
		return g.send(ctx, l, c, call)
	}
	// These calls have more time, and one or two run at once. A store that is too slow for requests
	// only must not make the copy of the revocations outdated.
	return execute(ctx, c, call)
}

// send executes a call that the circuit breaker permits.
func (g *guard) send(ctx context.Context, l *lane, c *connection, call func(context.Context, *connection) error) (out outcome, err error) {
	p, ok := l.breaker.acquire(time.Now())
	if !ok {
		return circuitOpen, errCircuitOpen
	}
	out, err = failed, errReply // if call panics
	defer func() {
		if l.breaker.release(p, !countsAsFailure(err), time.Now()) {
			g.opened(err)
		}
	}()
	return execute(ctx, c, call)
}

// execute executes a call. It gives up the connection if this does not lead to the primary any more.
func execute(ctx context.Context, c *connection, call func(context.Context, *connection) error) (outcome, error) {
	err := call(ctx, c)
	out := classify(err)
	if out == disconnected || primaryMoved(err) {
		c.giveUp()
	}
	return out, err
}

// reset closes the circuit breakers.
func (g *guard) reset() {
	g.proofs.breaker.reset()
	g.answers.breaker.reset()
}

// open returns 1 if calls of a kind are not sent at the moment, for the metric.
func (g *guard) open() float64 {
	if g.proofs.breaker.notClosed() || g.answers.breaker.notClosed() || g.link.failing() {
		return 1
	}
	return 0
}

// inFlight returns the number of calls, for the metric.
func (g *guard) inFlight() float64 {
	return float64(len(g.proofs.slots) + len(g.answers.slots) + len(g.others.slots))
}
