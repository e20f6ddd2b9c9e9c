// Package inflight lets concurrent requests with the same key share one call.
//
// The call does not belong to any of the requests: a request that ends leaves it to the others.
// Package x/sync/singleflight is not used because it cannot detect that every waiter has
// left. Here a call that has not started yet is canceled then, so that requests that
// disconnect do not keep a queue full.
package inflight

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Group shares calls by key. The zero value is not ready for use: MaxWait is required. It is safe
// for concurrent use.
type Group[K comparable, V any] struct {
	// MaxWait limits how long a request waits. It is longer than every call, unless a configured
	// function ignores its context.
	MaxWait time.Duration

	mu    sync.Mutex // guards calls and the second group of fields in Call
	calls map[K]*Call[V]
}

// Call is one shared call, from its queue until its result is not shared any more.
type Call[V any] struct {
	done       chan struct{} // closed when the two fields below are final
	value      V
	panicValue any // not nil: the call panicked

	// Guarded by Group.mu.
	mu          *sync.Mutex
	waiters     int                // requests that wait for the result
	started     bool               // Start was called
	cancelQueue context.CancelFunc // ends the context of the call
	expiresAt   time.Time          // until when later requests share the result; zero: the call has no result yet
}

// A Func makes a call. queueCtx ends if every waiter leaves before the function calls Start; it
// is for waiting in a queue only. The value is given to all waiters. Later requests with the same
// key get it too until shareUntil; the zero time and times in the past mean that they do not.
type Func[V any] func(queueCtx context.Context, c *Call[V]) (value V, shareUntil time.Time)

// ErrWait means that a call took longer than Group.MaxWait.
var ErrWait = errors.New("a function in the configuration ignores its context")

// Do returns the value of call, which is called once for concurrent requests with the same key. If
// ctx ends first, Do returns ctx.Err(), and the call continues for the other requests. It returns
// ErrWait after MaxWait. If call panics, Do panics with the same value in each request, so that
// each handles it like any other panic of a configured function.
func (g *Group[K, V]) Do(ctx context.Context, key K, call Func[V]) (value V, err error) {
	waitCtx, cancel := context.WithTimeout(ctx, g.MaxWait)
	defer cancel()
	c := g.join(key, call)
	select {
	case <-c.done:
	case <-waitCtx.Done():
		g.leave(key, c)
		if err := ctx.Err(); err != nil {
			return value, err
		}
		return value, ErrWait
	}
	if c.panicValue != nil {
		panic(c.panicValue)
	}
	return c.value, nil
}

// join adds a waiter to the call for key. It starts one if there is none to share.
func (g *Group[K, V]) join(key K, call Func[V]) *Call[V] {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.calls[key]
	// The timer that removes an expired call may fire late, so check the time too.
	if c == nil || !c.expiresAt.IsZero() && !time.Now().Before(c.expiresAt) {
		ctx, cancel := context.WithCancel(context.Background()) // not a request's context: the call is shared
		c = &Call[V]{done: make(chan struct{}), mu: &g.mu, cancelQueue: cancel}
		if g.calls == nil {
			g.calls = map[K]*Call[V]{}
		}
		g.calls[key] = c
		go func() {
			defer cancel()
			g.run(ctx, key, c, call)
		}()
	}
	c.waiters++
	return c
}

func (g *Group[K, V]) run(ctx context.Context, key K, c *Call[V], call Func[V]) {
	var shareUntil time.Time
	defer func() {
		c.panicValue = recover()
		if remaining := time.Until(shareUntil); remaining > 0 {
			g.expire(c, shareUntil)
			time.AfterFunc(remaining, func() { g.remove(key, c) })
		} else {
			g.remove(key, c)
		}
		close(c.done)
	}()
	c.value, shareUntil = call(ctx, c)
}

func (g *Group[K, V]) expire(c *Call[V], at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.expiresAt = at
}

// Start must be called when a call leaves its queue. It reports whether a request still
// waits for the call. From then on the call continues even if every waiter leaves, so that
// requests that arrive in the meantime can share its result.
func (c *Call[V]) Start() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = c.waiters > 0
	return c.started
}

// leave removes a waiter. If it was the last one and the call has not started, the call is
// canceled.
func (g *Group[K, V]) leave(key K, c *Call[V]) {
	g.mu.Lock()
	c.waiters--
	cancel := c.waiters == 0 && !c.started
	if cancel && g.calls[key] == c {
		delete(g.calls, key) // under the same lock, so that no request joins a canceled call
	}
	g.mu.Unlock()
	if cancel {
		c.cancelQueue()
	}
}

func (g *Group[K, V]) remove(key K, c *Call[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.calls[key] == c {
		delete(g.calls, key)
	}
}

// DetachAll prevents later requests from joining any present call, for example because its result
// may be outdated by then.
func (g *Group[K, V]) DetachAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.calls)
}
