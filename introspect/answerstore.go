package introspect

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/warder-go/warder/internal/budget"
	"github.com/warder-go/warder/internal/logging"
)

var (
	errGenerationChanges = errors.New("the generation of the store changes too often")
	errGenerationInvalid = fmt.Errorf("the generation of the store is negative or more than %s ahead of the clock: check the clocks, then remove the generation", maxGenerationLead)
)

// find reads the entry about a token in the present generation of the store, and returns its
// place. It purges a store whose generation is lower than the known one: a purge of this process
// has not reached it, or the store has lost one, for example in a failover.
func (s *sharedAnswers) find(ctx context.Context, p place) (place, entry, error) {
	const attempts = 2 // a higher generation needs a second one
	for range attempts {
		known, purges := s.generation.state()
		p.generation = known
		e, generation, err := s.read(ctx, p)
		switch {
		case err != nil || generation == known && !purges:
			return p, e, err
		case generation < known:
			return p, entry{}, s.purge(ctx, known)
		}
		s.generation.raise(generation)
	}
	return p, entry{}, errGenerationChanges
}

// read returns the entry at a place, and the generation of the store. The entry is valid only if
// the generation is that of the place.
func (s *sharedAnswers) read(ctx context.Context, p place) (e entry, generation int64, err error) {
	for _, k := range s.keys {
		value, generation, err := s.get(ctx, k.key(p))
		switch {
		case err != nil || generation != p.generation:
			return entry{}, generation, err
		case len(value) == 0:
			continue
		}
		if opened, ok := k.open(p, value); ok {
			return opened, generation, nil
		}
		e.kind = unreadable
	}
	return e, p.generation, nil
}

// lockState is whether this process has the lock for a token.
type lockState int

const (
	noLock      lockState = iota // not tried, over budget, or the store failed
	lockTaken                    // this process makes the call
	lockOfOther                  // another process makes the call, or has just shared the result
)

// takeLock stores a lock at a place, unless an entry is there or the budget is spent.
func (s *sharedAnswers) takeLock(ctx context.Context, p place) (state lockState, err error) {
	if !s.locks.take(time.Now()) {
		return noLock, nil
	}
	defer func() { // also if the store panics
		if state != lockTaken {
			s.locks.give(time.Now(), state == lockOfOther)
		}
	}()
	key, value, err := s.keys[0].sealed(p, entry{kind: pending, receivedAt: time.Now()})
	if err != nil {
		return noLock, err
	}
	ctx, cancel, err := s.operation(ctx)
	if err != nil {
		return noLock, err
	}
	defer cancel()
	switch stored, err := s.store.PutNew(ctx, key, value, lockTTL); {
	case err != nil:
		return noLock, err
	case stored:
		return lockTaken, nil
	}
	return lockOfOther, nil
}

func (s *sharedAnswers) get(ctx context.Context, key AnswerKey) ([]byte, int64, error) {
	ctx, cancel, err := s.operation(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer cancel()
	value, generation, err := s.store.Get(ctx, key)
	if err == nil && (generation < 0 || generation > time.Now().Add(maxGenerationLead).UnixMilli()) {
		err = errGenerationInvalid
	}
	return value, generation, err
}

// put stores an entry, or removes the one that is there if ttl is 0. It has its own time,
// because that of the call may be over.
func (s *sharedAnswers) put(p place, e entry, ttl time.Duration) error {
	ctx, cancel, err := s.operation(context.Background())
	if err != nil {
		return err
	}
	defer cancel()
	if ttl == 0 {
		return s.store.Put(ctx, s.keys[0].key(p), nil, 0)
	}
	key, value, err := s.keys[0].sealed(p, e)
	if err != nil {
		return err
	}
	return s.store.Put(ctx, key, value, ttl)
}

func (s *sharedAnswers) purge(ctx context.Context, generation int64) error {
	ctx, cancel, err := s.operation(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if err := s.store.Purge(ctx, generation); err != nil {
		return err
	}
	s.generation.purged(generation)
	return nil
}

// operation returns the context of one operation of the store. It does not end with ctx, so
// that clients that disconnect do not look like failures of the store. It fails if ctx has
// ended already.
func (s *sharedAnswers) operation(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("the time for the lookup has expired: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	return ctx, cancel, nil
}

// storeLogRate limits the log records about failures of the store. The metric counts all of them.
var storeLogRate = budget.Rate{Burst: 1, Interval: 10 * time.Second}

// A storeLog applies storeLogRate. The zero value is ready for use.
type storeLog struct {
	mu     sync.Mutex
	budget budget.Budget
}

func (l *storeLog) permits(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.budget.Available(storeLogRate)) {
		return false
	}
	l.budget.Spend(storeLogRate, now)
	return true
}

// storeFailed counts and logs a failure of the store, unless all requests have left.
func (v *Verifier) storeFailed(queueCtx context.Context, err error) {
	if queueCtx.Err() != nil {
		return
	}
	v.metrics.countShared(sharedUnavailable)
	if v.shared.logs.permits(time.Now()) {
		logging.OrDefault(v.log).Warn("store of shared answers failed; calling the introspection endpoint instead", "issuer", v.issuer, "error", err)
	}
}
