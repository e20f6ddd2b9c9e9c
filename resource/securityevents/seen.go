package securityevents

import (
	"context"
	"crypto/sha256"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// maxSeen is how many received tokens are stored, so that a second delivery has no effect. An
// entry needs about 140 bytes. If there are more within Config.MaxAge, the oldest one is removed. Its
// second delivery then adds the same entries again, which has no effect either.
const maxSeen = 1 << 16 // security event tokens whose second delivery has no effect

// tokenID is the beginning of the digest of a jti.
type tokenID [16]byte

func tokenIDOf(jti string) tokenID {
	sum := sha256.Sum256([]byte(jti))
	return tokenID(sum[:16])
}

// seen stores which tokens of one issuer were processed. Only tokens with a valid signature are in
// it. It is safe for concurrent use.
type seen struct {
	mu      sync.Mutex
	running map[tokenID]chan struct{} // closed when the delivery ends
	done    *simplelru.LRU[tokenID, struct{}]
}

func newSeen() *seen {
	done, _ := simplelru.NewLRU[tokenID, struct{}](maxSeen, nil) // fails only without a positive size
	return &seen{running: map[tokenID]chan struct{}{}, done: done}
}

// once calls process, unless it was called for the same token and returned nil. While it runs for
// another delivery of the token, once waits, so that no delivery is acknowledged before the
// entries are stored. first is false if there is nothing more to do.
func (s *seen) once(ctx context.Context, id tokenID, process func() error) (first bool, err error) {
	for {
		other, done := s.begin(id)
		switch {
		case done:
			return false, nil
		case other == nil:
			ok := false
			defer func() { s.end(id, ok) }() // also if process panics
			err = process()
			ok = err == nil
			return true, err
		}
		select {
		case <-other:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// begin marks a token as running, unless it is done or another delivery of it runs.
func (s *seen) begin(id tokenID) (other chan struct{}, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done.Contains(id) {
		return nil, true
	}
	if other = s.running[id]; other == nil {
		s.running[id] = make(chan struct{})
	}
	return other, false
}

func (s *seen) end(id tokenID, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok {
		s.done.Add(id, struct{}{})
	}
	close(s.running[id])
	delete(s.running, id)
}
