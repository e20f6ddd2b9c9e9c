package introspect

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// queue limits how many calls are under way. Those beyond wait in turn.
type queue struct {
	places  chan struct{} // full: no place is free
	waiting atomic.Int32
	most    time.Duration // that a call waits
}

func newQueue(places int, most time.Duration) *queue {
	return &queue{places: make(chan struct{}, places), most: most}
}

var (
	errNoPlace   = errors.New("too many calls to the endpoint are under way")
	errAbandoned = errors.New("nobody waits for the answer")
)

// enter takes a place, which leave gives back. It fails when MaxWaiting others wait,
// when the wait becomes too long, and when ctx ends.
func (q *queue) enter(ctx context.Context) *failure {
	select {
	case q.places <- struct{}{}:
		return nil
	default:
	}
	defer q.waiting.Add(-1)
	if q.waiting.Add(1) > MaxWaiting {
		return fail(overloaded, errNoPlace)
	}
	timer := time.NewTimer(q.most)
	defer timer.Stop()
	select {
	case q.places <- struct{}{}:
		return nil
	case <-timer.C:
		return fail(overloaded, errNoPlace)
	case <-ctx.Done():
		return fail(abandoned, errAbandoned)
	}
}

func (q *queue) leave() { <-q.places }
