package keyset

import (
	"time"

	"github.com/warder-go/warder/internal/budget"
)

// Times of the schedule.
const (
	defaultInterval = 15 * time.Minute // between refreshes, less up to 10 % at random
	MinInterval     = 30 * time.Second // the shortest, whatever the server's Cache-Control
	MaxInterval     = time.Hour        // the longest
	forcedInterval  = 5 * time.Second  // until another fetch for an unknown or a replaced key
	maxForcedBurst  = 3                // fetches for unknown keys at once, after a quiet time
	coldInterval    = time.Second      // between fetches while there are no keys
	coldRetryAfter  = 5 * time.Second  // honoured of a server's Retry-After while there are no keys
	minBackoff      = forcedInterval   // after a failed refresh, doubling
	maxBackoff      = 30 * time.Second
	maxRetryAfter   = time.Minute           // honoured of a server's Retry-After
	idleWait        = 50 * time.Millisecond // a request with a known key waits for a refresh after an idle time
	fetchTimeout    = 5 * time.Second       // one fetch, discovery included
)

// reason is why a fetch is wanted. Each has a limit of its own.
type reason int

const (
	noKeys      reason = iota // there are no usable keys
	refresh                   // the keys are due on schedule
	unknownKey                // a token names a key that is not in the set
	replacedKey               // a signature is invalid: the key may have been replaced under its kid
)

// bypassesCaches reports whether the fetch asks for the newest state, past any HTTP cache.
func (why reason) bypassesCaches() bool { return why == unknownKey || why == replacedKey }

// unknownKeyRate limits fetches for unknown keys.
var unknownKeyRate = budget.Rate{Burst: maxForcedBurst, Interval: forcedInterval}

// earliest returns when a fetch for that reason is permitted.
func (s *Set) earliest(why reason) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.earliestLocked(why)
}

func (s *Set) earliestLocked(why reason) time.Time {
	if s.began.IsZero() {
		return s.began
	}
	asked := s.began.Add(min(s.retryAfter, maxRetryAfter)) // by the server
	switch why {
	case noKeys:
		return s.began.Add(max(coldInterval, min(s.retryAfter, coldRetryAfter)))
	case unknownKey:
		return latest(asked, s.budget.Available(unknownKeyRate))
	case replacedKey:
		return latest(asked, s.began.Add(forcedInterval))
	}
	backoff := time.Duration(0)
	if s.failures > 0 {
		backoff = min(minBackoff<<min(s.failures-1, 5), maxBackoff)
	}
	return latest(asked, s.began.Add(backoff))
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// permitLocked reports whether a fetch for that reason may begin now. If so, it records it.
func (s *Set) permitLocked(why reason, now time.Time) bool {
	if now.Before(s.earliestLocked(why)) {
		return false
	}
	if why == unknownKey {
		s.budget.Spend(unknownKeyRate, now)
	}
	s.began = now
	return true
}

// startIfDue starts a refresh that is due and returns it, or nil if none is due. Of concurrent
// requests only one starts it.
func (s *Set) startIfDue(now time.Time) *running {
	due := s.due.Load()
	at := int64(now.Sub(s.created))
	if at < due || !s.due.CompareAndSwap(due, at+int64(fetchTimeout)) {
		return nil
	}
	return s.start(refresh)
}

// record stores how a fetch ended and when the next refresh is due.
func (s *Set) record(err error, retryAfter time.Duration) {
	s.mu.Lock()
	s.retryAfter, s.lastErr = retryAfter, err
	if err == nil {
		s.failures = 0
	} else {
		s.failures++
	}
	s.mu.Unlock()
	due := s.earliest(refresh)
	if known := s.current.Load(); known != nil && known.refreshAt.After(due) {
		due = known.refreshAt
	}
	s.due.Store(int64(due.Sub(s.created)))
}
