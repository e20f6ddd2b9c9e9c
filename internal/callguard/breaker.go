package callguard

import (
	"sync"
	"time"
)

// FailuresToOpen is how many failures, without a success in between, open the circuit breaker.
const FailuresToOpen = 5

// Limits of the circuit breaker.
const (
	minCoolDown         = time.Second      // the first cool-down; it doubles each time the breaker reopens without a success
	maxCoolDown         = 30 * time.Second // the longest cool-down
	MaxRetryAfter       = 30 * time.Second // a longer Retry-After of the endpoint is capped at this
	credentialsInterval = time.Second      // between calls while the endpoint rejects our credentials
)

// breaker is the circuit breaker of the endpoint. The zero value is closed. It is safe
// for concurrent use.
//
//	state      permits calls           next state
//	closed     all                     open, after FailuresToOpen failures or one with Retry-After
//	open       none in the cool-down   half-open, with the first call after the cool-down
//	half-open  only that one call      closed or open, depending on the outcome of that call
//
// A cool-down lasts minCoolDown at first. If the breaker opens again without a success in
// between, the cool-down doubles, up to maxCoolDown. It lasts at least as long as the
// endpoint's Retry-After, capped at MaxRetryAfter.
//
// The class of a call's outcome determines its effect:
//
//	Success             (a valid answer, also a negative one) resets the failure count and the
//	                    cool-down; half-open becomes closed
//	Failure             counts as a failure; half-open becomes open
//	Suspect             like Failure, but a probe is sent before the breaker opens
//	Neutral             no effect while closed; half-open becomes closed, but the next failure
//	                    reopens it
//	Credentials         like Neutral, and limits the rate of calls (see below)
//	SuspectCredentials  like Credentials, but a probe is sent before the rate is limited
//	Aborted             like Neutral
//
// A probe finds out whether the endpoint or the request of a client caused a suspect outcome.
// It is one more call, with content that no client chose. If the probe fails too, the endpoint
// is at fault and the breaker opens, unless another call has succeeded meanwhile. Any other
// outcome of the probe is taken to mean that requests of clients caused the failures, and the
// failure count restarts at zero. This way, no client can open the breaker for the others by
// sending tokens that make the endpoint, or a firewall in front of it, return errors. One probe
// runs at a time. A failure with Retry-After opens the breaker without a probe.
//
// Rejected credentials do not open the breaker: the endpoint works, but our configuration
// is wrong. Instead, at most one call per credentialsInterval is permitted until a call
// succeeds. A response that seems to reject our credentials can be about the client's token, such
// as that of a firewall. So a probe decides first. If the endpoint accepts our credentials in the
// probe, the rate is not limited, and there is no other such probe for a credentialsInterval.
// While the rate is limited, every second call is a probe, so that the limit ends even if
// clients use up the other calls with such tokens.
//
// We do not use a library, because the maintained ones distinguish only success and
// failure. Here some outcomes count as neither, and others need a probe first.
type breaker struct {
	mu         sync.Mutex
	state      breakerState
	generation int           // incremented when the breaker opens or closes
	failures   int           // without a success in between
	coolDown   time.Duration // the most recent one; 0 after a success
	openUntil  time.Time     // end of the cool-down
	probing    bool          // a probe is running

	// credentialsRejectedAt is when a call last began or ended while the endpoint
	// rejected our credentials. Zero: no rejection since the last success.
	credentialsRejectedAt time.Time
	credentialsProvenAt   time.Time // when a probe last showed that the endpoint accepts them
	probeNext             bool      // the next call while the rate is limited is a probe
}

type breakerState int

const (
	stateClosed breakerState = iota
	stateOpen
	stateHalfOpen
)

// A permit allows one call. It is valid for the generation in which it was issued: if the
// breaker has opened or closed since, the outcome of the call is outdated.
type permit struct {
	generation int
	probeFirst bool // send a probe and call releaseAfterProbe; the call itself needs another permit
}

// A breakerAction is what the caller of release must do.
type breakerAction int

const (
	noAction    breakerAction = iota
	opened                    // the breaker has opened: log it
	probeNeeded               // the breaker would open or limit calls, but a client may be the cause: send a probe, then call releaseAfterProbe
)

// check returns why no call is permitted now, or nil if a call is permitted.
func (b *breaker) check(now time.Time) *Refusal {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.checkLocked(now)
}

func (b *breaker) checkLocked(now time.Time) *Refusal {
	switch {
	case b.state == stateOpen && now.Before(b.openUntil):
		return &Refusal{RetryAfter: b.openUntil.Sub(now), Err: ErrCircuitOpen}
	case b.state == stateHalfOpen: // its one call is running
		return &Refusal{RetryAfter: minCoolDown, Err: ErrCircuitOpen}
	case b.limitsCallsLocked() && now.Before(b.credentialsRejectedAt.Add(credentialsInterval)):
		return &Refusal{RetryAfter: b.credentialsRejectedAt.Add(credentialsInterval).Sub(now), Err: ErrCredentialsRejected}
	}
	return nil
}

// acquire returns a permit for a call that begins now, or why no call is permitted. Every permit must be given back with release.
func (b *breaker) acquire(now time.Time) (permit, *Refusal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.checkLocked(now); r != nil {
		return permit{}, r
	}
	if b.state == stateOpen { // the cool-down has ended
		b.state = stateHalfOpen
	}
	p := permit{generation: b.generation}
	if b.limitsCallsLocked() {
		b.credentialsRejectedAt = now // one call per interval, however long it takes
		p.probeFirst, b.probeNext = b.probeNext, !b.probeNext
	}
	return p, nil
}

// limitsCalls reports whether the rate of calls is limited because of our credentials.
func (b *breaker) limitsCalls() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.limitsCallsLocked()
}

func (b *breaker) limitsCallsLocked() bool { return !b.credentialsRejectedAt.IsZero() }

// release records the outcome of a call.
func (b *breaker) release(p permit, class Class, retryAfter time.Duration, now time.Time) breakerAction {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.record(p, class, retryAfter, now)
}

// releaseAfterProbe completes a release that returned probeNeeded. class and retryAfter are the
// outcome of the probe.
func (b *breaker) releaseAfterProbe(p permit, class Class, retryAfter time.Duration, now time.Time) breakerAction {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch class { // no client has influenced the probe, so none is the cause
	case Suspect:
		class = Failure
	case SuspectCredentials:
		class = Credentials
	case Success, Neutral: // the endpoint has processed the request
		b.credentialsRejectedAt, b.credentialsProvenAt = time.Time{}, now
	}
	if p.generation == b.generation {
		b.probing = false
		if class != Failure {
			b.failures = 0 // requests of clients caused the earlier failures
		}
	}
	return b.record(p, class, retryAfter, now)
}

func (b *breaker) record(p permit, class Class, retryAfter time.Duration, now time.Time) breakerAction {
	if class == SuspectCredentials {
		if class = b.classifyCredentials(p, now); class == SuspectCredentials {
			b.probing = true
			return probeNeeded
		}
	}
	// Outcomes about credentials count even if the permit is outdated.
	switch class {
	case Credentials:
		b.credentialsRejectedAt = now
	case Success:
		b.credentialsRejectedAt = time.Time{}
	}
	if p.generation != b.generation {
		return noAction
	}
	switch class {
	case Failure, Suspect:
		return b.recordFailure(class, retryAfter, now)
	case Success:
		b.failures, b.coolDown = 0, 0
	default:
		if b.state == stateHalfOpen {
			// A client may have caused the outcome, so it does not prove that the endpoint
			// works: the next failure opens the breaker again.
			b.failures = FailuresToOpen - 1
		}
	}
	if b.state == stateHalfOpen {
		b.state, b.generation, b.probing = stateClosed, b.generation+1, false
	}
	return noAction
}

// classifyCredentials returns the class of a response that seems to reject our credentials:
// SuspectCredentials if a probe must decide.
func (b *breaker) classifyCredentials(p permit, now time.Time) Class {
	switch {
	case b.limitsCallsLocked():
		return Credentials
	case p.generation != b.generation, b.probing, // the running probe decides for this response too
		!b.credentialsProvenAt.IsZero() && now.Before(b.credentialsProvenAt.Add(credentialsInterval)):
		return Neutral
	}
	return SuspectCredentials
}

func (b *breaker) recordFailure(class Class, retryAfter time.Duration, now time.Time) breakerAction {
	if b.state == stateClosed && b.failures < FailuresToOpen-1 && retryAfter == 0 {
		b.failures++
		return noAction
	}
	if class == Suspect && retryAfter == 0 {
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
	b.openUntil = now.Add(max(b.coolDown, min(retryAfter, MaxRetryAfter)))
	b.state, b.generation, b.probing = stateOpen, b.generation+1, false
}

// notClosed reports whether the breaker is open or half-open, for the metric.
func (b *breaker) notClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state != stateClosed
}
