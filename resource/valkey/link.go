package valkey

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// How the connection is kept.
const (
	attemptInterval = time.Second     // from the begin of an attempt to connect to that of the next one
	attemptTimeout  = 5 * time.Second // for all addresses
	checkInterval   = time.Second     // between two checks of the server
)

// link keeps a connection to the primary. A goroutine connects on first use, and again after the
// connection was lost. It is safe for concurrent use.
type link struct {
	finder *finder
	events events

	mu      sync.Mutex
	started bool
	closed  bool
	current *connection   // nil: not connected
	attempt chan struct{} // closed at the end of the attempt that calls wait for; nil: they do not wait
	err     error         // of the last attempt
	cancel  context.CancelFunc
	ended   chan struct{} // closed when the goroutine has ended
}

// events are called by the goroutine of a link.
type events struct {
	connected func(address string, h health)
	lost      func(address string)
	failed    func(error)           // once for a series of failures
	check     func(context.Context) // each second while connected
}

func newLink(f *finder, e events) *link {
	return &link{finder: f, events: e, attempt: make(chan struct{}), ended: make(chan struct{})}
}

// get returns the connection. It waits for the first attempt after the start or after a lost
// connection, until ctx ends. While attempts fail, it returns an error at once.
func (l *link) get(ctx context.Context) (*connection, error) {
	c, attempt, err := l.state()
	if c != nil || attempt == nil {
		return c, err
	}
	select {
	case <-attempt:
		c, _, err = l.state()
		return c, err
	case <-ctx.Done():
		return nil, errConnecting
	}
}

// state starts the goroutine, and returns the connection, the attempt to wait for, or an error.
func (l *link) state() (*connection, chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, nil, errClosed
	}
	if !l.started {
		l.started = true
		var ctx context.Context
		ctx, l.cancel = context.WithCancel(context.Background())
		go l.run(ctx)
	}
	if l.current != nil && l.current.isLost() {
		l.dropLocked()
	}
	if l.current == nil {
		return nil, l.attempt, cmp.Or(l.err, errConnecting)
	}
	return l.current, nil, nil
}

// dropLocked forgets a lost connection.
func (l *link) dropLocked() {
	if l.current != nil {
		l.current, l.err, l.attempt = nil, nil, make(chan struct{})
	}
}

// run connects, and keeps the connection until it is lost, until ctx ends.
func (l *link) run(ctx context.Context) {
	defer close(l.ended)
	defer l.finder.closeSentinel()
	for ctx.Err() == nil {
		next := time.NewTimer(attemptInterval)
		l.connect(ctx)
		select {
		case <-ctx.Done():
		case <-next.C:
		}
		next.Stop()
	}
}

// connect makes one attempt. If it succeeds, connect returns when the connection is lost.
func (l *link) connect(ctx context.Context) {
	attemptCtx, cancel := context.WithTimeout(ctx, attemptTimeout)
	c, h, err := l.finder.find(attemptCtx)
	cancel()
	l.report(ctx, c, h, err)
	if err != nil {
		return
	}
	l.keep(ctx, c)
	c.close()
	l.mu.Lock()
	l.dropLocked()
	l.mu.Unlock()
	if ctx.Err() == nil {
		l.events.lost(c.address)
	}
}

// report publishes the result of an attempt. The events are first.
func (l *link) report(ctx context.Context, c *connection, h health, err error) {
	l.mu.Lock()
	attempt := l.attempt // nil: the attempt before has failed too
	l.mu.Unlock()
	switch {
	case err == nil:
		l.events.connected(c.address, h)
	case attempt != nil && ctx.Err() == nil:
		l.events.failed(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current, l.err, l.attempt = c, err, nil
	if attempt != nil {
		close(attempt)
	}
}

// keep returns when the connection is lost, when another server has become the primary, and when
// ctx ends.
func (l *link) keep(ctx context.Context, c *connection) {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.lost:
			return
		case <-ticker.C:
			l.events.check(ctx)
			if l.finder.movedElsewhere(ctx, c.address) {
				return
			}
		}
	}
}

// close ends the connection and the goroutine.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	started := l.started
	if l.attempt != nil && !started {
		close(l.attempt)
		l.attempt = nil
	}
	l.mu.Unlock()
	if started {
		l.cancel()
		<-l.ended
	}
}

// failing reports whether attempts to connect fail at the moment.
func (l *link) failing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.started && l.current == nil
}
