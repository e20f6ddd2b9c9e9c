package introspect

import (
	"errors"
	"sync"
	"time"
)

// Limits of the circuit.
const (
	FailuresToOpen      = 5                // in a row, before the endpoint is left alone
	MinCoolDown         = time.Second      // for how long at first; then twice as long after each failed trial
	MaxCoolDown         = 30 * time.Second // the longest of them
	MaxRetryAfter       = 30 * time.Second // honoured of the endpoint's Retry-After
	CredentialsInterval = time.Second      // between calls while the endpoint refuses our credentials
)

// circuit keeps calls from an endpoint that fails. It is closed at first. After
// FailuresToOpen failures in a row, or when the endpoint asks for it by Retry-After,
// it opens: no call is made until a cool-down is over, then a single one on trial,
// whose end closes it or opens it anew.
//
// A token may provoke some kinds of failure. Before one of them opens the circuit, the
// endpoint is asked about a token of our own, and what comes of that counts.
//
// Refused credentials are a state beside it: the endpoint is well, our configuration
// is not, and one call a second finds out when that is mended.
//
// It is these lines rather than a library because the well-kept ones know success and
// failure only: here a third kind of answer, provoked by a token, must do neither.
type circuit struct {
	mu       sync.Mutex
	epoch    int           // grows whenever it opens or closes
	failures int           // in a row
	coolDown time.Duration // the last one; 0 after a success
	until    time.Time     // end of the cool-down; zero: closed
	trial    bool          // the single call is under way
	probing  bool          // a suspect answer is being looked into
	refused  time.Time     // when a call with refused credentials last began or ended; zero: they are good
}

// A pass is the permission for one call.
type pass struct {
	epoch int
	trial bool
}

var (
	errSuspended   = errors.New("endpoint has failed repeatedly and is left alone for a while")
	errCredentials = errors.New("endpoint has just refused our credentials")
)

// blocked says why no call may be made now; nil: one may.
func (c *circuit) blocked(now time.Time) *failure {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.look(now)
}

func (c *circuit) look(now time.Time) *failure {
	switch {
	case now.Before(c.until):
		return &failure{suspended, c.until.Sub(now), errSuspended}
	case c.trial:
		return &failure{suspended, MinCoolDown, errSuspended}
	case !c.refused.IsZero() && now.Before(c.refused.Add(CredentialsInterval)):
		return &failure{credentials, c.refused.Add(CredentialsInterval).Sub(now), errCredentials}
	}
	return nil
}

// enter gives a pass for a call that begins now, or says why not. A pass must be
// given back by leave.
func (c *circuit) enter(now time.Time) (pass, *failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.look(now); f != nil {
		return pass{}, f
	}
	c.trial = !c.until.IsZero()
	if !c.refused.IsZero() {
		c.refused = now
	}
	return pass{c.epoch, c.trial}, nil
}

// What leave has come to.
type change int

const (
	nothing change = iota
	opened         // the circuit is open
	unsure         // it would be, but for a suspect answer: find out, and leave again
)

// leave notes how a call ended.
func (c *circuit) leave(p pass, v verdict, retryAfter time.Duration, now time.Time) change {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch v {
	case refusing:
		c.refused = now
	case healthy:
		c.refused = time.Time{}
	}
	if p.epoch != c.epoch {
		return nothing // it began before the circuit opened or closed: old news
	}
	switch {
	case v == failing || v == suspect:
		if c.failures < FailuresToOpen-1 && !p.trial && retryAfter == 0 {
			c.failures++
			return nothing
		}
		if v == suspect && retryAfter == 0 {
			if c.probing {
				return nothing // what that finds out holds for this answer too
			}
			c.probing = true
			return unsure
		}
		c.open(retryAfter, now)
		return opened
	case v == healthy:
		c.failures, c.coolDown = 0, 0
	case p.trial: // it has answered, but is it well? The next failure opens again.
		c.failures = FailuresToOpen - 1
	}
	if p.trial {
		c.epoch, c.until, c.trial, c.probing = c.epoch+1, time.Time{}, false, false
	}
	return nothing
}

// probed ends what leave was unsure of. Unless our own token fares as badly, the failures
// before it were the tokens', and count no more.
func (c *circuit) probed(p pass, v verdict, retryAfter time.Duration, now time.Time) change {
	c.mu.Lock()
	if p.epoch == c.epoch {
		c.probing = false
		if v != failing {
			c.failures = 0
		}
	}
	c.mu.Unlock()
	return c.leave(p, v, retryAfter, now)
}

func (c *circuit) open(retryAfter time.Duration, now time.Time) {
	c.coolDown = min(max(2*c.coolDown, MinCoolDown), MaxCoolDown)
	c.until = now.Add(max(c.coolDown, min(retryAfter, MaxRetryAfter)))
	c.epoch, c.trial, c.probing = c.epoch+1, false, false
}

// isOpen is for metrics.
func (c *circuit) isOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.until.IsZero()
}
