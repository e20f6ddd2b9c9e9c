package introspect

import (
	"context"
	"sync"
	"time"

	"github.com/warder-go/warder/internal/digest"
)

// resultGracePeriod is how long the result of a successful call is shared after the end of the
// call. It ends at the end of Config.AnswerTTL at the latest, and there is none if that is
// negative.
//
// It covers the time between the end of the call and the moment when the resource has
// cached the token: a request that arrives in between would find neither. A busy machine
// does not delay a request for that long.
const resultGracePeriod = 250 * time.Millisecond

// inFlightCalls lets requests with the same token share one call. The zero value is ready
// for use, without a grace period. It is safe for concurrent use.
//
// Package x/sync/singleflight is not used because it cannot detect that every waiter has
// left. Here a call that is still in the queue is canceled then, so that requests that
// disconnect do not keep the queue full.
type inFlightCalls struct {
	gracePeriod time.Duration

	mu    sync.Mutex // guards calls and the second group of fields in inFlightCall
	calls map[digest.Digest]*inFlightCall
}

// inFlightCall is one shared call, from the queue until its result is no longer shared.
type inFlightCall struct {
	done       chan struct{} // closed when the three fields below are final
	result     result
	failure    *failure
	panicValue any // not nil: the call panicked

	// Guarded by inFlightCalls.mu.
	waiters     int                // requests that wait for the result
	started     bool               // the call has left the queue
	cancelQueue context.CancelFunc // ends the wait in the queue
	expiresAt   time.Time          // end of the grace period; zero: the call has no result yet
}

// A runFunc performs a call. Its context ends only if every waiter leaves before the
// function calls inFlightCalls.start.
type runFunc func(queueCtx context.Context, c *inFlightCall) (result, *failure)

// do runs run once for concurrent requests with the same key, and returns the finished
// call. If ctx ends first, do returns its cause, and run continues for the other requests.
// If run panics, do panics with the same value, so that each request handles it like any
// other panic of a configured function.
func (cs *inFlightCalls) do(ctx context.Context, key digest.Digest, run runFunc) (*inFlightCall, error) {
	c := cs.join(key, run)
	select {
	case <-c.done:
	case <-ctx.Done():
		cs.leave(key, c)
		return nil, context.Cause(ctx)
	}
	if c.panicValue != nil {
		panic(c.panicValue)
	}
	return c, nil
}

// join adds a waiter to the call for key. It starts one if there is none to share.
func (cs *inFlightCalls) join(key digest.Digest, run runFunc) *inFlightCall {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.calls[key]
	// The timer that removes an expired call may fire late, so check the time too.
	if c == nil || !c.expiresAt.IsZero() && !time.Now().Before(c.expiresAt) {
		ctx, cancel := context.WithCancel(context.Background()) // not a request's context: the call is shared
		c = &inFlightCall{done: make(chan struct{}), cancelQueue: cancel}
		if cs.calls == nil {
			cs.calls = map[digest.Digest]*inFlightCall{}
		}
		cs.calls[key] = c
		go cs.runCall(ctx, key, c, run)
	}
	c.waiters++
	return c
}

func (cs *inFlightCalls) runCall(ctx context.Context, key digest.Digest, c *inFlightCall, run runFunc) {
	defer c.cancelQueue()
	defer func() {
		c.panicValue = recover()
		if c.result.claims != nil && cs.gracePeriod > 0 {
			cs.beginGracePeriod(c)
			time.AfterFunc(cs.gracePeriod, func() { cs.remove(key, c) })
		} else {
			cs.remove(key, c)
		}
		close(c.done)
	}()
	c.result, c.failure = run(ctx, c)
}

func (cs *inFlightCalls) beginGracePeriod(c *inFlightCall) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c.expiresAt = time.Now().Add(cs.gracePeriod)
	if end := c.result.receivedAt.Add(c.result.ttl); c.result.ttl > 0 && end.Before(c.expiresAt) {
		c.expiresAt = end
	}
}

// start must be called when a call leaves the queue. It reports whether a request still
// waits for the call. From then on the call continues even if every waiter leaves.
func (cs *inFlightCalls) start(c *inFlightCall) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c.started = c.waiters > 0
	return c.started
}

// leave removes a waiter. If it was the last one and the call is still in the queue, the
// call is canceled.
func (cs *inFlightCalls) leave(key digest.Digest, c *inFlightCall) {
	cs.mu.Lock()
	c.waiters--
	cancel := c.waiters == 0 && !c.started
	if cancel && cs.calls[key] == c {
		delete(cs.calls, key) // under the same lock, so that no request joins a canceled call
	}
	cs.mu.Unlock()
	if cancel {
		c.cancelQueue()
	}
}

func (cs *inFlightCalls) remove(key digest.Digest, c *inFlightCall) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.calls[key] == c {
		delete(cs.calls, key)
	}
}

// detachAll prevents later requests from joining any present call.
func (cs *inFlightCalls) detachAll() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	clear(cs.calls)
}
