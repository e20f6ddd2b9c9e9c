package keyset

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// load waits for a first fetch, or for one after the keys became too old.
func (s *Set) load(ctx context.Context) (*snapshot, error) {
	waitCtx, cancel := context.WithTimeoutCause(ctx, WaitLimit, errTooSlow)
	defer cancel()
	if err := wait(waitCtx, s.fetch(cold)); ctx.Err() != nil {
		return nil, ctx.Err()
	} else if err != nil {
		return nil, &UnavailableError{RetryAfter: ColdInterval, Err: err}
	}
	if known := s.current.Load(); known != nil && !known.stale(time.Now()) {
		return known, nil
	}
	again := min(max(time.Until(s.earliest(cold)), ColdInterval), ColdRetryAfter)
	return nil, &UnavailableError{RetryAfter: again, Err: s.lastFailure()}
}

// newer waits for keys that the token may have been signed with, if those at hand
// may be too old to tell. It returns nil if they can tell: the token is not good.
// At most [MaxWaiting] requests wait, each [WaitLimit] at most.
func (s *Set) newer(ctx context.Context, known *snapshot, t Token) (*snapshot, error) {
	arrived := time.Now()
	settled := known.newerThan(t.IssuedAt)
	if known.final() || settled && arrived.Before(s.earliest(forced)) {
		return nil, nil
	}
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > MaxWaiting {
		return nil, &UnavailableError{RetryAfter: s.forcedAhead(), Err: errTooMany}
	}
	ctx, cancel := context.WithDeadlineCause(ctx, arrived.Add(WaitLimit), errTooSlow)
	defer cancel()
	for {
		if wait(ctx, s.fetch(forced)) != nil {
			break
		}
		latest := s.current.Load()
		// Only a fetch past all caches, begun after the token came, is the last word.
		asked := latest != known && latest.revalidated && !latest.begun.Before(arrived)
		if _, err := latest.verify(t); err == nil || asked || latest.newerThan(t.IssuedAt) {
			return latest, nil
		}
		// Nothing new, or from a fetch that had begun before the token came.
		ahead := s.forcedAhead()
		if settled || !time.Now().Add(ahead).Before(arrived.Add(WaitLimit)) {
			break
		}
		timer := time.NewTimer(ahead)
		if wait(ctx, timer.C) != nil {
			break
		}
	}
	switch err := context.Cause(ctx); {
	case err != nil && !errors.Is(err, errTooSlow):
		return nil, ctx.Err()
	case settled:
		return nil, nil
	}
	return nil, &UnavailableError{RetryAfter: s.forcedAhead(), Err: errTooYoung}
}

// lastFailure is why there are no keys.
func (s *Set) lastFailure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastErr == nil {
		return errors.New("not fetched yet")
	}
	return fmt.Errorf("last fetch failed: %w", s.lastErr)
}

// forcedAhead is how far off the next forced fetch is, a second at least.
func (s *Set) forcedAhead() time.Duration {
	return max(time.Until(s.earliest(forced)), time.Second)
}

// Why a request got no keys although nothing may be wrong.
var (
	errTooSlow  = errors.New("fetch takes too long")
	errTooMany  = fmt.Errorf("%d requests already wait for a key that is not known", MaxWaiting)
	errTooYoung = errors.New("no key fits, but the token is younger than the keys at hand and it is too early to fetch again")
)

// wait returns nil when done receives, else the context's cause.
func wait[T any](ctx context.Context, done <-chan T) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
