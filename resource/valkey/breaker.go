package valkey

import (
	"sync"
	"time"
)

// Limits of the circuit breaker.
const (
	failuresToOpen = 5               // failures in a row
	minCoolDown    = time.Second     // the first cool-down; it doubles each time the breaker opens again without a success
	maxCoolDown    = 5 * time.Second // the longest cool-down
)

// breaker is the circuit breaker of the store. The zero value is closed. It is safe for concurrent
// use.
//
//	state      permits calls           next state
//	closed     all                     open, after failuresToOpen failures in a row
//	open       none in the cool-down   half-open, with the first call after the cool-down
//	half-open  only that one call      closed or open, depending on the outcome of that call
type breaker struct {
	mu         sync.Mutex
	state      breakerState
	generation int           // incremented when the breaker opens or closes
	failures   int           // in a row
	coolDown   time.Duration // the most recent one; 0 after a success
	openUntil  time.Time
}

type breakerState int

const (
	stateClosed breakerState = iota
	stateOpen
	stateHalfOpen
)

// permit allows one call. The outcome of a call is ignored if the breaker has opened or closed
// since.
type permit struct{ generation int }

// acquire returns a permit for a call that begins now. Every permit must be given back with
// release.
func (b *breaker) acquire(now time.Time) (permit, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.state == stateHalfOpen, b.state == stateOpen && now.Before(b.openUntil):
		return permit{}, false
	case b.state == stateOpen:
		b.state = stateHalfOpen
	}
	return permit{b.generation}, true
}

// release records whether a call succeeded. It reports whether the breaker has opened.
func (b *breaker) release(p permit, success bool, now time.Time) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case p.generation != b.generation:
		return false
	case success:
		b.close()
		return false
	}
	b.failures++
	if b.state == stateClosed && b.failures < failuresToOpen {
		return false
	}
	b.coolDown = min(max(2*b.coolDown, minCoolDown), maxCoolDown)
	b.state, b.openUntil = stateOpen, now.Add(b.coolDown)
	b.generation++
	return true
}

// reset closes the breaker, because a new connection works.
func (b *breaker) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.close()
}

func (b *breaker) close() {
	b.failures, b.coolDown = 0, 0
	if b.state != stateClosed {
		b.state = stateClosed
		b.generation++
	}
}

// notClosed reports whether the breaker is open or half-open, for the metric.
func (b *breaker) notClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state != stateClosed
}
