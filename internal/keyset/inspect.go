package keyset

import (
	"context"
	"time"

	"github.com/warder-go/warder/internal/jose"
)

// Inspect fetches the document, whatever the schedule says, and makes its keys the current ones. It
// returns them and the keys that were skipped, also those that an earlier fetch has reported. The
// requests have the values of ctx, but not its end. It is for a report about the issuer, not for
// requests with tokens.
func (s *Set) Inspect(ctx context.Context) (usable []*jose.Key, skipped []SkippedKey, err error) {
	r := &running{done: make(chan struct{})}
	began := time.Now()
	for other := s.claim(r, began); other != nil; other = s.claim(r, began) {
		if _, err := other.wait(ctx); err != nil {
			return nil, nil, err
		}
	}
	s.run(context.WithoutCancel(ctx), r, replacedKey, began)
	if r.result.err != nil {
		return nil, r.result.skipped, r.result.err
	}
	for _, k := range s.current.Load().keys {
		usable = append(usable, k.Key)
	}
	return usable, r.result.skipped, nil
}

// claim makes r the fetch in progress and returns nil, or returns the fetch that already is.
func (s *Set) claim(r *running, now time.Time) *running {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return s.running
	}
	s.running, s.began = r, now
	return nil
}
