package resource

import (
	"context"
	"time"

	"github.com/warder-go/warder/internal/anyvalue"
)

// watch makes the Revocations of a policy notify the stream, in place of those of an earlier
// policy. The caller holds s.mu.
func (s *stream) watch(ctx context.Context, p *policy) {
	if anyvalue.Same(p.revocations, s.watched) {
		return
	}
	if s.unwatch != nil {
		s.unwatch()
	}
	s.watched, s.unwatch = p.revocations, nil
	if _, ok := p.revocations.(RevocationFunc); ok || p.revocations == nil {
		return // nothing notifies
	}
	defer func() {
		if v := recover(); v != nil {
			go s.finishCheck(ctx, nil, panicFault(v)) // when s.mu is free
		}
	}()
	stop := p.revocations.Watch(func() { s.checkRevoked(ctx) })
	s.unwatch = func() {
		defer func() { _ = recover() }() // a panic in a timer would end the program
		stop()
	}
	// The token can have been revoked after its last check and before Watch.
	go s.checkRevoked(ctx)
}

// checkRevoked ends the stream if its token is revoked. If that is not known, the next regular check
// decides.
func (s *stream) checkRevoked(ctx context.Context) {
	s.mu.Lock()
	caller, ended := s.caller, s.ended
	s.mu.Unlock()
	if ended {
		return
	}
	if f := s.revokedFault(ctx, caller); f != nil && f.reason == ReasonRevoked {
		s.finishCheck(ctx, caller, f)
	}
}

// revokedFault is step 8 for the caller of the stream, by the current policy.
func (s *stream) revokedFault(ctx context.Context, caller *Caller) (f *fault) {
	defer func() {
		if v := recover(); v != nil {
			f = panicFault(v)
		}
	}()
	p := s.policy.owner.policy()
	return p.checkRevoked(ctx, p.recast(caller), time.Now())
}
