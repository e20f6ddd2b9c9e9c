package keyset

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Fetch describes a fetch that has ended.
type Fetch struct {
	Outcome string        // "ok", or one of [Outcomes]
	Took    time.Duration // from beginning to end
	Skipped []SkippedKey  // keys that are unusable, and that the previous document did not have
	Err     error         // nil if it succeeded
}

// fetchResult is what requests that wait for a fetch get.
type fetchResult struct {
	ran      bool // false: no fetch was permitted for that reason
	began    time.Time
	complete bool // the document did not come from a cache
	skipped  []SkippedKey
	err      error
}

// running is a fetch in progress, which concurrent requests share.
type running struct {
	done   chan struct{} // closed when result is set
	result fetchResult
}

// notPermitted is the result of start if no fetch is permitted.
var notPermitted = func() *running {
	r := &running{done: make(chan struct{})}
	close(r.done)
	return r
}()

// start returns the fetch in progress. If there is none, it starts one, if one is permitted for
// that reason.
func (s *Set) start(why reason) *running {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return s.running
	}
	now := time.Now()
	if !s.permitLocked(why, now) {
		return notPermitted
	}
	r := &running{done: make(chan struct{})}
	s.running = r
	// Not the context of a request, because other requests wait for this fetch too.
	go s.run(context.Background(), r, why, now)
	return r
}

// run makes a fetch, which is the one in progress, and ends it.
func (s *Set) run(ctx context.Context, r *running, why reason, began time.Time) {
	r.result = s.fetch(ctx, why, began)
	s.mu.Lock()
	s.running = nil
	s.mu.Unlock()
	close(r.done)
}

// wait returns the result of the fetch, or the cause of ctx.
func (r *running) wait(ctx context.Context) (fetchResult, error) {
	select {
	case <-r.done:
		return r.result, nil
	case <-ctx.Done():
		return fetchResult{}, context.Cause(ctx)
	}
}

// fetch reads the document and makes its keys the current ones.
func (s *Set) fetch(ctx context.Context, why reason, began time.Time) fetchResult {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	document, err := s.read(ctx, why.bypassesCaches())
	var skipped []SkippedKey
	if err == nil {
		skipped, err = s.install(document, began)
		if r, ok := s.source.(interface{ Reject() }); ok && err != nil {
			r.Reject()
		}
	}
	var retryAfter time.Duration
	if e, ok := errors.AsType[*Error](err); ok {
		retryAfter = e.RetryAfter
	}
	s.record(err, retryAfter)
	s.notify(Fetch{Outcome: OutcomeOf(err), Took: time.Since(began), Skipped: s.skipped.added(skipped, err == nil || skipped != nil), Err: err})
	return fetchResult{ran: true, began: began, complete: document.Complete, skipped: skipped, err: err}
}

// read calls the source. A source that panics (it can run a transport of the program) has
// failed.
func (s *Set) read(ctx context.Context, bypassCaches bool) (d Document, err error) {
	defer func() {
		if recover() != nil {
			err = &Error{Outcome: "panic", Err: errPanic}
		}
	}()
	return s.source.Fetch(ctx, bypassCaches)
}

// install makes the keys of the document the current ones.
func (s *Set) install(d Document, began time.Time) (skipped []SkippedKey, err error) {
	keys, skipped, err := parse(d.Body, s.uses)
	if err != nil {
		return skipped, &Error{Outcome: documentOutcome(err), Err: d.explain(err)}
	}
	interval := s.interval
	if d.MaxAge != nil {
		interval = min(max(*d.MaxAge, MinInterval), s.longest)
	}
	if d.Final {
		interval = 0
	}
	next := &snapshot{keys: keys, skipped: skipped, began: began, interval: interval}
	next.refreshAt = began.Add(interval - rand.N(interval/10+1)) // so that processes do not refresh together
	previous := s.current.Load()
	next.replace(previous)
	switch {
	case d.Complete:
		next.complete = began
	case next.hasAll(previous): // a stale cache can return an older document
		next.complete = previous.completeTime()
	}
	for _, k := range keys {
		k.stillValid = s.validity(k)
	}
	s.current.Store(next)
	return skipped, nil
}

// notify calls Config.Observe. A panic in it loses the notification.
func (s *Set) notify(f Fetch) {
	defer func() { _ = recover() }()
	s.observe(f)
}
