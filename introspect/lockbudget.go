package introspect

import (
	"sync"
	"time"

	"github.com/warder-go/warder/internal/budget"
)

// lockRate limits the locks of one process for tokens that are not accepted in the end: 1000 at
// once, and then 100 per second. Each lock becomes at most one rejection, for negativeTTL. So a
// flood of invalid tokens keeps at most 2000 entries of each process in the store. Without a
// lock, a process calls the endpoint and shares the answer only if it accepts the token.
var lockRate = budget.Rate{Burst: 1000, Interval: 10 * time.Millisecond}

// A lockBudget applies lockRate. The zero value is a full budget. It is safe for concurrent use.
type lockBudget struct {
	mu     sync.Mutex
	budget budget.Budget
	held   int // locks whose tokens may yet be accepted
}

// take reports whether another lock is permitted. Each permitted one needs a call of give.
func (b *lockBudget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.budget
	next.Spend(lockRate, now)
	// As if each held lock, which precedes this one, had been spent.
	if now.Before(next.Available(lockRate).Add(time.Duration(b.held-1) * lockRate.Interval)) {
		return false
	}
	b.held++
	return true
}

// give ends a lock. It costs nothing if the token was accepted, or if the lock was not stored.
func (b *lockBudget) give(now time.Time, free bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held--
	if !free {
		b.budget.Spend(lockRate, now)
	}
}
