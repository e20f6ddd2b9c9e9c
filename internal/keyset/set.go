// Package keyset keeps an issuer's public keys: it fetches them, holds them as
// immutable snapshots, replaces them when they change, and verifies signatures
// with them.
//
// A request with a key that is known and fresh touches nothing but an atomic
// pointer. Nothing runs in the background except a fetch that a request has
// started, and that ends by itself within [FetchTimeout].
package keyset

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/warder-go/warder/internal/jose"
)

// Limits of time. A test holds each of them.
const (
	DefaultInterval = 15 * time.Minute      // between refreshes, if the server says nothing; less up to 10 % at random
	MinInterval     = 30 * time.Second      // whatever Cache-Control says
	MaxInterval     = time.Hour             // whatever Cache-Control says
	StaleLimit      = 24 * time.Hour        // since the last good fetch began; then no key is used any more
	FetchTimeout    = 5 * time.Second       // one fetch, discovery included
	WaitLimit       = 3 * time.Second       // how long a request waits for keys
	IdleWait        = 50 * time.Millisecond // how long a request with a known key waits for a refresh after an idle time
	ForcedInterval  = 5 * time.Second       // between fetches because of an unknown key or a bad signature
	ColdInterval    = time.Second           // between fetches as long as there are no keys to use
	MinBackoff      = ForcedInterval        // between refreshes that fail: first this, then twice as long each time
	MaxBackoff      = 30 * time.Second      // the longest of them
	MaxRetryAfter   = time.Minute           // honoured of a server's Retry-After
	ColdRetryAfter  = 5 * time.Second       // the same as long as there are no keys to use
)

// MaxWaiting is how many requests with an unknown key may wait for a fetch.
const MaxWaiting = 64

// IssuerSkew is what an issuer's clock and the whole seconds of iat may differ from
// ours when we ask whether a token is older than a fetch: as much as the leeway that a
// resource grants by default.
const IssuerSkew = 30 * time.Second

// Why a token is not authentic.
var (
	ErrUnknownKey   = errors.New("keyset: no key of the issuer fits the token")
	ErrBadSignature = errors.New("keyset: signature is wrong")
)

// UnavailableError says that nobody can tell whether the token is authentic,
// because keys could not be fetched.
type UnavailableError struct {
	RetryAfter time.Duration // when asking again may help; at least a second
	Err        error         // why
}

func (e *UnavailableError) Error() string { return fmt.Sprintf("keyset: keys unavailable: %v", e.Err) }

func (e *UnavailableError) Unwrap() error { return e.Err }

// Set is one issuer's keys. It is safe for concurrent use.
type Set struct {
	source   Source
	observe  func(Fetch)
	interval time.Duration
	epoch    time.Time // monotonic zero of due

	current atomic.Pointer[snapshot]
	due     atomic.Int64 // when the next refresh is due, since epoch
	waiting atomic.Int32
	flights singleflight.Group

	mu         sync.Mutex    // guards what is below
	begun      time.Time     // when the last fetch began
	failures   int           // in a row
	retryAfter time.Duration // what the server asked for with its last failure
	lastErr    error         // of the last fetch
}

// Config says where the keys come from.
type Config struct {
	Source   Source        // required
	Interval time.Duration // 0: DefaultInterval
	Observe  func(Fetch)   // told of every fetch when it has ended; nil: nobody
}

// New returns a set that fetches when it is first asked. It does no I/O.
func New(c Config) *Set {
	s := &Set{source: c.Source, observe: c.Observe, interval: c.Interval, epoch: time.Now()}
	if s.interval == 0 {
		s.interval = DefaultInterval
	}
	if s.observe == nil {
		s.observe = func(Fetch) {}
	}
	return s
}

// Token is a token with what it claims, unverified.
type Token struct {
	*jose.Token
	Issuer   string    // iss: a key that names an issuer verifies no other's tokens
	IssuedAt time.Time // iat: whether a key newer than ours may have signed it; zero if unknown
}

// Verify checks the token's signature and returns whether the key that did it is
// still alive, as a function to ask again later.
//
// It returns [ErrUnknownKey], [ErrBadSignature], an [*UnavailableError], or the
// context's error.
func (s *Set) Verify(ctx context.Context, t Token) (live func(now time.Time) bool, err error) {
	known, err := s.usable(ctx)
	if err != nil {
		return nil, err
	}
	key, verdict := known.verify(t)
	if verdict == nil {
		return key.live, nil
	}
	// Perhaps a key that we have not seen, or one replaced under its old kid.
	newer, err := s.newer(ctx, known, t)
	if err != nil {
		return nil, err
	}
	if newer == nil {
		return nil, verdict
	}
	if key, verdict = newer.verify(t); verdict != nil {
		return nil, verdict
	}
	return key.live, nil
}

// Ready returns nil if there are keys to use. It fetches only if none were ever
// loaded, or all are too old.
func (s *Set) Ready(ctx context.Context) error {
	_, err := s.usable(ctx)
	return err
}

// usable returns the keys at hand, after a first fetch if there are none yet. It
// starts a refresh that is due, and waits for it only after an idle time.
func (s *Set) usable(ctx context.Context) (*snapshot, error) {
	known := s.current.Load()
	now := time.Now()
	if known == nil || known.stale(now) {
		return s.load(ctx)
	}
	if known.final() {
		return known, nil
	}
	if done := s.refreshIfDue(now); done != nil && known.idle(now) {
		waitCtx, cancel := context.WithTimeout(ctx, IdleWait)
		defer cancel()
		_ = wait(waitCtx, done) // in time or not: the keys at hand are good
		known = s.current.Load()
	}
	return known, nil
}

// liveness returns the function that tells, for as long as a token is remembered,
// that its key was not withdrawn. It also keeps the refresh going when every
// request is answered from memory, and sends requests back to Verify when the keys
// are stale or were idle.
func (s *Set) liveness(k *key) func(now time.Time) bool {
	return func(now time.Time) bool {
		known := s.current.Load()
		if k.withdrawn.Load() || known.idle(now) || known.stale(now) {
			return false
		}
		if !known.final() {
			s.refreshIfDue(now)
		}
		return true
	}
}

// Stats is a look at the set for metrics.
type Stats struct {
	Keys    int       // usable
	Skipped int       // in the document, but unusable
	Fetched time.Time // when the last good fetch began; zero if never
}

// Stats returns the present numbers.
func (s *Set) Stats() Stats {
	known := s.current.Load()
	if known == nil {
		return Stats{}
	}
	return Stats{Keys: len(known.keys), Skipped: known.skipped, Fetched: known.begun}
}
