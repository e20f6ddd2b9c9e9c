package callguard

import (
	"context"
	"sync/atomic"
	"time"
)

// maxWaiting limits the calls that wait in the queue.
const maxWaiting = 1024

// queue limits the number of concurrent calls. Further calls wait in order of
// arrival. It is safe for concurrent use.
type queue struct {
	slots   chan struct{} // one element for each call that runs
	waiting atomic.Int32
	maxWait time.Duration
}

func newQueue(slots int, maxWait time.Duration) *queue {
	return &queue{slots: make(chan struct{}, slots), maxWait: maxWait}
}

// acquire takes a slot; release returns it. It fails at once if maxWaiting calls wait
// already, and later if no slot becomes free within maxWait or ctx ends.
func (q *queue) acquire(ctx context.Context) *Refusal {
	select {
	case q.slots <- struct{}{}:
		return nil
	default:
	}
	defer q.waiting.Add(-1)
	if q.waiting.Add(1) > maxWaiting {
		return &Refusal{Err: ErrOverloaded}
	}
	timer := time.NewTimer(q.maxWait)
	defer timer.Stop()
	select {
	case q.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return &Refusal{Err: ErrOverloaded}
	case <-ctx.Done():
		return &Refusal{Err: ErrAbandoned}
	}
}

func (q *queue) release() { <-q.slots }
