package resource

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/warder-go/warder/metadata"
)

// resolver asks Config.ResolveIssuer and keeps what it returned. Only issuers that it
// knows are kept, so junk in tokens pushes none out.
type resolver struct {
	ask        func(iss string) (*Issuer, bool)
	identifier string

	mu    sync.Mutex
	known *simplelru.LRU[string, resolved]
}

type resolved struct {
	issuer *issuer
	until  time.Time
}

func (b *builder) resolver(r *Resource) {
	most := orDefault(b.config.MaxResolvedIssuers, DefaultMaxResolvedIssuers)
	switch {
	case most < 0:
		b.mistake("MaxResolvedIssuers: %d is negative", most)
	case b.config.ResolveIssuer != nil:
		r.resolver = &resolver{ask: b.config.ResolveIssuer, identifier: b.config.Identifier}
		r.resolver.known, _ = simplelru.NewLRU[string, resolved](most, nil)
	}
}

// resolve returns the issuer, or nil if it is unknown. An error says that the
// configured function broke its contract.
func (s *resolver) resolve(iss string, now time.Time) (*issuer, error) {
	if known := s.recall(iss, now); known != nil {
		return known, nil
	}
	if metadata.CheckIssuer(iss, true) != nil {
		return nil, nil // not even its form is that of an issuer: nobody is bothered
	}
	given, ok := s.ask(iss)
	if !ok {
		return nil, nil
	}
	i, err := s.make(iss, given)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other, ok := s.known.Peek(iss); ok && now.Before(other.until) {
		return other.issuer, nil // whoever was first: two verifiers would fetch twice
	}
	s.known.Add(iss, resolved{i, now.Add(ResolvedIssuerTTL)})
	return i, nil
}

// recall returns an issuer that was resolved not too long ago.
func (s *resolver) recall(iss string, now time.Time) *issuer {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.known.Get(iss)
	if ok && !now.Before(known.until) {
		s.known.Remove(iss)
		ok = false
	}
	if !ok {
		return nil
	}
	return known.issuer
}

func (s *resolver) make(iss string, given *Issuer) (*issuer, error) {
	if given == nil {
		return nil, errors.New("said yes to an issuer, and returned none")
	}
	b := builder{config: Config{Identifier: s.identifier}}
	i := b.single("the issuer", *given)
	if i != nil && i.id != iss {
		b.mistake("its verifier is for %q, not for %q", i.id, iss)
	}
	if err := errors.Join(b.mistakes...); err != nil {
		return nil, fmt.Errorf("returned mistakes: %w", err)
	}
	// Remembered tokens are good as long as this very answer is. The next one may say
	// something else of them, so each is then verified once more.
	i.still = func(now time.Time) bool {
		again, err := s.resolve(iss, now)
		return err == nil && again == i
	}
	return i, nil
}

// vouchers are the verifiers at hand.
func (s *resolver) vouchers() (out []voucher) {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.known.Values() {
		out = append(out, voucher{known.issuer.id, known.issuer.verifier})
	}
	return out
}
