package introspect

import (
	"errors"
	"sync"
	"time"
)

// FailuresToOpen is the number of failures in a row that opens the circuit breaker of a
// [Verifier].
const FailuresToOpen = 5

// Limits of the circuit breaker.
const (
	minCoolDown         = time.Second      // the first cool-down; each failure in the half-open state doubles it
	maxCoolDown         = 30 * time.Second // the longest cool-down
	maxRetryAfter       = 30 * time.Second // a longer Retry-After of the endpoint is cut to this
	credentialsInterval = time.Second      // between calls while the endpoint rejects our credentials
)

// breaker is the circuit breaker of the endpoint. The zero value is closed. It is safe
// for concurrent use.
//
//	state      permits calls           next state
//	closed     all                     open, after FailuresToOpen failures in a row or one with Retry-After
//	open       none in the cool-down   half-open, with the first call after the cool-down
//	half-open  only that one call      closed or open, by the outcome of that call
//
// A cool-down lasts minCoolDown at first. If the breaker opens again without a success in
// between, the cool-down doubles, up to maxCoolDown. It lasts at least as long as the
// Retry-After of the endpoint, of which maxRetryAfter is honored.
//
// The class of a call's outcome (see outcomes) determines its effect:
//
//	classSuccess      resets the failure count and the cool-down; half-open becomes closed
//	classFailure      counts as a failure; half-open becomes open
//	classSuspect      as classFailure, but a probe is made before the breaker opens
//	classNeutral      no effect while closed; half-open becomes closed, but the next failure reopens it
//	classCredentials  as classNeutral, and limits the rate of calls (see below)
//
// A probe finds out whether the endpoint or a token caused a suspect outcome. It is one
// more call, with a random token, which no client has chosen. If the probe fails too, the
// endpoint is at fault and the breaker opens. Otherwise tokens caused the failures, and the
// failure count restarts at zero. So no client can open the breaker for the others by
// sending tokens that make the endpoint, or a firewall in front of it, return errors. One
// probe runs at a time. A failure with Retry-After opens the breaker without a probe.
//
// Rejected credentials do not open the breaker: the endpoint works, but our configuration
// is wrong. Instead, one call per credentialsInterval is permitted until a call succeeds.
//
// This is not a library because the maintained ones distinguish only success and
// failure. An outcome that a token may have caused must count as neither.
type breaker struct {
	mu         sync.Mutex
	state      breakerState
	generation int           // incremented when the breaker opens or closes
	failures   int           // in a row
	coolDown   time.Duration // the latest; 0 after a success
	openUntil  time.Time     // end of the cool-down
	probing    bool          // a probe is running

	// credentialsRejectedAt is when a call last began or ended while the endpoint
	// rejected our credentials. Zero: the endpoint accepts them.
	credentialsRejectedAt time.Time
}

type breakerState int

const (
	stateClosed breakerState = iota
	stateOpen
	stateHalfOpen
)

// A permit allows one call. It is valid for the generation in which it was issued: if the
// breaker has opened or closed since, the outcome of the call is outdated.
type permit struct{ generation int }

// A breakerAction is what the caller of release must do.
type breakerAction int

const (
	noAction    breakerAction = iota
	opened                    // the breaker has opened: log it
	probeNeeded               // the breaker would open, but a token may have caused the failure: make a probe, then call releaseAfterProbe
)

var (
	errCircuitOpen         = errors.New("circuit open after repeated failures or Retry-After; not calling the endpoint")
	errCredentialsRejected = errors.New("the endpoint rejected our credentials less than a second ago; not calling it")
)

// check returns why no call is permitted now, or nil if one is.
func (b *breaker) check(now time.Time) *failure {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.checkLocked(now)
}

func (b *breaker) checkLocked(now time.Time) *failure {
	switch {
	case b.state == stateOpen && now.Before(b.openUntil):
		return &failure{outcome: circuitOpen, retryAfter: b.openUntil.Sub(now), err: errCircuitOpen}
	case b.state == stateHalfOpen: // its one call is running
		return &failure{outcome: circuitOpen, retryAfter: minCoolDown, err: errCircuitOpen}
	case !b.credentialsRejectedAt.IsZero() && now.Before(b.credentialsRejectedAt.Add(credentialsInterval)):
		return &failure{outcome: credentials, retryAfter: b.credentialsRejectedAt.Add(credentialsInterval).Sub(now), err: errCredentialsRejected}
	}
	return nil
}

// acquire returns a permit for a call that begins now, or why no call is permitted. Every
// permit must be returned with release.
func (b *breaker) acquire(now time.Time) (permit, *failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.checkLocked(now); f != nil {
		return permit{}, f
	}
	if b.state == stateOpen { // the cool-down has ended
		b.state = stateHalfOpen
	}
	if !b.credentialsRejectedAt.IsZero() {
		b.credentialsRejectedAt = now // one call per interval, however long it takes
	}
	return permit{b.generation}, nil
}

// release records the outcome of a call; f is nil if the call succeeded.
func (b *breaker) release(p permit, f *failure, now time.Time) breakerAction {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.record(p, f.class(), f.retryDelay(), now)
}

// releaseAfterProbe completes a release that returned probeNeeded; f is the outcome of
// the probe.
func (b *breaker) releaseAfterProbe(p permit, f *failure, now time.Time) breakerAction {
	b.mu.Lock()
	defer b.mu.Unlock()
	class := f.class()
	if class == classSuspect {
		class = classFailure // no client chose the token of the probe, so the endpoint is at fault
	}
	if p.generation == b.generation {
		b.probing = false
		if class != classFailure {
			b.failures = 0 // tokens caused the earlier failures
		}
	}
	return b.record(p, class, f.retryDelay(), now)
}

func (b *breaker) record(p permit, class outcomeClass, retryAfter time.Duration, now time.Time) breakerAction {
	// Credentials do not depend on the generation.
	switch class {
	case classCredentials:
		b.credentialsRejectedAt = now
	case classSuccess:
		b.credentialsRejectedAt = time.Time{}
	}
	if p.generation != b.generation {
		return noAction
	}
	switch class {
	case classFailure, classSuspect:
		return b.recordFailure(class, retryAfter, now)
	case classSuccess:
		b.failures, b.coolDown = 0, 0
	default:
		if b.state == stateHalfOpen {
			// A token may have caused the outcome, so it does not prove that the endpoint
			// works: the next failure opens the breaker again.
			b.failures = FailuresToOpen - 1
		}
	}
	if b.state == stateHalfOpen {
		b.state, b.generation, b.probing = stateClosed, b.generation+1, false
	}
	return noAction
}

func (b *breaker) recordFailure(class outcomeClass, retryAfter time.Duration, now time.Time) breakerAction {
	if b.state == stateClosed && b.failures < FailuresToOpen-1 && retryAfter == 0 {
		b.failures++
		return noAction
	}
	if class == classSuspect && retryAfter == 0 {
		if b.probing {
			return noAction // the running probe decides for this failure too
		}
		b.probing = true
		return probeNeeded
	}
	b.open(retryAfter, now)
	return opened
}

func (b *breaker) open(retryAfter time.Duration, now time.Time) {
	b.coolDown = min(max(2*b.coolDown, minCoolDown), maxCoolDown)
	b.openUntil = now.Add(max(b.coolDown, min(retryAfter, maxRetryAfter)))
	b.state, b.generation, b.probing = stateOpen, b.generation+1, false
}

// notClosed reports whether the breaker is open or half-open, for the metric.
func (b *breaker) notClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state != stateClosed
}
