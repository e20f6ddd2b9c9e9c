// Package keyset holds an issuer's public keys. It fetches them, stores them as immutable
// snapshots, replaces them when they change, and verifies signatures with them.
//
// A request with a known and fresh key reads an atomic pointer and does nothing else. Nothing
// runs in the background except a fetch that a request has started. A fetch ends within 5 s.
package keyset

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/internal/budget"
	"github.com/warder-go/warder/internal/jose"
)

// Set is the keys of one issuer. It is safe for concurrent use.
type Set struct {
	source   Source
	uses     []string
	observe  func(Fetch)
	interval time.Duration // without cache headers
	longest  time.Duration // with cache headers
	created  time.Time     // zero of due

	current atomic.Pointer[snapshot] // nil: never fetched
	due     atomic.Int64             // when the next refresh is due, since created
	waiting atomic.Int32             // requests that wait because of an unknown key
	skipped skippedKeys              // that were reported

	mu         sync.Mutex    // guards the fields below
	running    *running      // nil: no fetch is in progress
	began      time.Time     // when the last fetch began
	failures   int           // of fetches in a row
	retryAfter time.Duration // from the server, with its last failure
	lastErr    error         // of the last fetch
	budget     budget.Budget // of fetches for unknown keys
}

// Config configures a Set.
type Config struct {
	Source   Source        // required
	Uses     []string      // values of the member use besides sig, exactly as in the keys
	Interval time.Duration // longest time between refreshes; 0: by the cache headers, or 15 min
	Observe  func(Fetch)   // called after every fetch; may be nil
}

// New returns a set that fetches on first use. It does no I/O.
func New(c Config) *Set {
	s := &Set{source: c.Source, uses: c.Uses, observe: c.Observe, interval: c.Interval, longest: c.Interval, created: time.Now()}
	if c.Interval == 0 {
		s.interval, s.longest = defaultInterval, MaxInterval
	}
	if s.observe == nil {
		s.observe = func(Fetch) {}
	}
	return s
}

// Token is a signed token with two of its claims, which are not verified.
type Token struct {
	*jose.Token
	Issuer   string    // iss: a key that names an issuer verifies only tokens of that issuer
	IssuedAt time.Time // iat: zero if the token has none
}

// Verify checks the token's signature. It returns a function that reports whether the key is
// still in the set, for the time in which the result is cached.
//
// A token whose kid is in the set is decided at once, with at most one signature check per key
// of that kid. If the check fails, a refresh may run in the background, in case the issuer has
// replaced the key under its old kid. Only a token with a key that is not in the set waits: see
// [Set.awaitKey].
//
// The error is one of the errors of this package, an [*UnavailableError], or that of ctx.
func (s *Set) Verify(ctx context.Context, t Token) (stillValid func(now time.Time) bool, err error) {
	arrived := time.Now()
	known, err := s.usable(ctx)
	if err != nil {
		return nil, err
	}
	k, err := known.verify(t, nil)
	switch {
	case err == nil:
		return k.stillValid, nil
	case known.isFinal():
		return nil, err
	case !errors.Is(err, ErrUnknownKey):
		s.start(replacedKey)
		return nil, err
	}
	if k, err = s.awaitKey(ctx, t, known, arrived); err != nil {
		return nil, err
	}
	return k.stillValid, nil
}

// Ready returns nil if there are usable keys. It fetches only if keys were never loaded, or
// are too old to be used.
func (s *Set) Ready(ctx context.Context) error {
	_, err := s.usable(ctx)
	return err
}

// usable returns the current keys, after a first fetch if there are none. It starts a refresh
// that is due, and waits for it only if the set was not used for a long time.
func (s *Set) usable(ctx context.Context) (*snapshot, error) {
	known := s.current.Load()
	now := time.Now()
	if known == nil || known.isStale(now) {
		return s.load(ctx)
	}
	if known.isFinal() {
		return known, nil
	}
	if refreshing := s.startIfDue(now); refreshing != nil && known.isIdle(now) {
		waitCtx, cancel := context.WithTimeout(ctx, idleWait)
		defer cancel()
		_, _ = refreshing.wait(waitCtx) // if it takes longer, the current keys are used
		known = s.current.Load()
	}
	return known, nil
}

// load waits for a first fetch, or for one after the keys became too old.
func (s *Set) load(ctx context.Context) (*snapshot, error) {
	waitCtx, cancel := context.WithTimeoutCause(ctx, waitLimit, errTooSlow)
	defer cancel()
	if _, err := s.start(noKeys).wait(waitCtx); ctx.Err() != nil {
		return nil, ctx.Err()
	} else if err != nil {
		return nil, &UnavailableError{RetryAfter: coldInterval, Err: err}
	}
	if known := s.current.Load(); known != nil && !known.isStale(time.Now()) {
		return known, nil
	}
	next := min(max(time.Until(s.earliest(noKeys)), coldInterval), coldRetryAfter)
	return nil, &UnavailableError{RetryAfter: next, Err: s.lastFailure()}
}

// validity returns the function that reports whether a key is still in the set. While tokens
// are cached it also starts the refreshes that are due. It returns false, so that the token is
// verified again, if the keys are too old or were not used for a long time.
func (s *Set) validity(k *key) func(now time.Time) bool {
	return func(now time.Time) bool {
		known := s.current.Load()
		if k.withdrawn.Load() || known.isIdle(now) || known.isStale(now) {
			return false
		}
		if !known.isFinal() {
			s.startIfDue(now)
		}
		return true
	}
}

// Stats are the figures of a set for metrics.
type Stats struct {
	Keys    int       // usable
	Skipped int       // unusable, in the document
	Fetched time.Time // when the last successful fetch began; zero if there was none, also for configured keys
}

// Stats returns the current figures.
func (s *Set) Stats() Stats {
	known := s.current.Load()
	if known == nil {
		return Stats{}
	}
	stats := Stats{Keys: len(known.keys), Skipped: len(known.skipped)}
	if !known.isFinal() {
		stats.Fetched = known.began
	}
	return stats
}
