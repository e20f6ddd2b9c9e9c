package introspect

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// maxWaiting limits the calls that wait in the queue.
const maxWaiting = 1024

// callQueue limits the number of concurrent calls. Further calls wait in order of
// arrival. It is safe for concurrent use.
type callQueue struct {
	slots   chan struct{} // one element for each call that runs
	waiting atomic.Int32
	maxWait time.Duration
}

func newCallQueue(slots int, maxWait time.Duration) *callQueue {
	return &callQueue{slots: make(chan struct{}, slots), maxWait: maxWait}
}

var (
	errOverloaded = errors.New("too many concurrent calls to the endpoint")
	errAbandoned  = errors.New("no request waits for the answer any more")
)

// acquire takes a slot; release returns it. It fails at once if maxWaiting calls wait
// already, and later if no slot becomes free within maxWait or ctx ends.
func (q *callQueue) acquire(ctx context.Context) *failure {
	select {
	case q.slots <- struct{}{}:
		return nil
	default:
	}
	defer q.waiting.Add(-1)
	if q.waiting.Add(1) > maxWaiting {
		return newFailure(overloaded, errOverloaded)
	}
	timer := time.NewTimer(q.maxWait)
	defer timer.Stop()
	select {
	case q.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return newFailure(overloaded, errOverloaded)
	case <-ctx.Done():
		return newFailure(abandoned, errAbandoned)
	}
}

func (q *callQueue) release() { <-q.slots }
