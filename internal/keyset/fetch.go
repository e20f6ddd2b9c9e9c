package keyset

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/singleflight"
)

// Fetch tells how a fetch went.
type Fetch struct {
	Outcome string        // "ok", or a word of a closed set: see [Error]
	Took    time.Duration // from beginning to end
	Skipped int           // keys that were unusable
	Err     error         // nil if it went well
}

// Why a fetch is wanted; each has its own limit of how often.
type reason int

const (
	cold    reason = iota // there are no keys to use
	refresh               // the keys at hand are due
	forced                // a token is signed with a key that we don't have
)

// earliest returns when a fetch for that reason may begin.
func (s *Set) earliest(why reason) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun.IsZero() {
		return s.begun
	}
	switch why {
	case cold:
		return s.begun.Add(max(ColdInterval, min(s.retryAfter, ColdRetryAfter)))
	case forced:
		return s.begun.Add(max(ForcedInterval, min(s.retryAfter, MaxRetryAfter)))
	}
	backoff := time.Duration(0)
	if s.failures > 0 {
		backoff = min(MinBackoff<<min(s.failures-1, 5), MaxBackoff)
	}
	return s.begun.Add(max(backoff, min(s.retryAfter, MaxRetryAfter)))
}

// fetch starts a fetch, unless one is under way or it is too early for that
// reason, and returns a channel that receives when it has ended.
func (s *Set) fetch(why reason) <-chan singleflight.Result {
	return s.flights.DoChan("", func() (any, error) {
		if time.Now().Before(s.earliest(why)) {
			return nil, nil // another one has just ended
		}
		s.fetchNow(why)
		return nil, nil
	})
}

func (s *Set) fetchNow(why reason) {
	// Not the request's context: others wait for this fetch too.
	ctx, cancel := context.WithTimeout(context.Background(), FetchTimeout)
	defer cancel()
	begun := time.Now()
	s.mu.Lock()
	s.begun = begun
	s.mu.Unlock()
	document, err := s.read(ctx, why == forced)
	event := Fetch{Outcome: "ok", Err: err}
	if err == nil {
		event.Skipped, err = s.install(document, begun, why == forced)
		if r, ok := s.source.(interface{ Reject() }); ok && err != nil {
			r.Reject()
		}
	}
	s.settle(err)
	if err != nil {
		event.Outcome, event.Err = outcome(err), err
	}
	event.Took = time.Since(begun)
	defer func() { _ = recover() }() // nobody above this goroutine would catch a log that panics
	s.observe(event)
}

// read asks the source. A source that panics (it may run a transport of the
// user's) has failed.
func (s *Set) read(ctx context.Context, revalidate bool) (d Document, err error) {
	defer func() {
		if recover() != nil {
			err = &Error{Outcome: "panic", Err: errors.New("source panicked")}
		}
	}()
	return s.source.Fetch(ctx, revalidate)
}

// install makes the document's keys the current ones.
func (s *Set) install(d Document, begun time.Time, revalidated bool) (skipped int, err error) {
	keys, skipped, err := parse(d.Body)
	if err != nil {
		return skipped, &Error{Outcome: documentOutcome(err), Err: err}
	}
	interval := s.interval
	if d.MaxAge != nil {
		interval = min(max(*d.MaxAge, MinInterval), MaxInterval)
	}
	if d.Final {
		interval = 0
	}
	next := &snapshot{keys: keys, skipped: skipped, begun: begun, interval: interval, revalidated: revalidated}
	next.refreshAt = begun.Add(interval - rand.N(interval/10+1)) // not all processes at once
	next.follow(s.current.Load())
	for _, k := range keys {
		k.live = s.liveness(k)
	}
	s.current.Store(next)
	return skipped, nil
}

// settle notes how a fetch ended and when the next refresh is due.
func (s *Set) settle(err error) {
	s.mu.Lock()
	s.retryAfter, s.lastErr = 0, err
	if err == nil {
		s.failures = 0
	} else {
		s.failures++
		if e, ok := errors.AsType[*Error](err); ok {
			s.retryAfter = e.RetryAfter
		}
	}
	s.mu.Unlock()
	due := s.earliest(refresh)
	if known := s.current.Load(); known != nil && known.refreshAt.After(due) {
		due = known.refreshAt
	}
	s.due.Store(int64(due.Sub(s.epoch)))
}

// refreshIfDue starts a refresh that is due and returns what to wait for, or nil.
// Of all requests that come by then, one starts it.
func (s *Set) refreshIfDue(now time.Time) <-chan singleflight.Result {
	due := s.due.Load()
	at := int64(now.Sub(s.epoch))
	if at < due || !s.due.CompareAndSwap(due, at+int64(FetchTimeout)) {
		return nil
	}
	return s.fetch(refresh)
}
