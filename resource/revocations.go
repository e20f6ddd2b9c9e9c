package resource

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/internal/anyvalue"
)

// Revocations knows which tokens are revoked, although they have not expired and their signature is
// valid. Package resource/revocation has the usual implementation, and [RevocationFunc] is one
// for a function. The methods are called concurrently and must be quick.
//
// If a Revocations has the method Ready(context.Context) error, [Resource.Ready] calls it. If it
// is a prometheus.Collector, [Resource.Metrics] includes its series.
type Revocations interface {
	// Revoked reports whether the token of the caller is revoked. The request is then rejected with
	// 401. An error means that this is not known, and the request is rejected with 503.
	Revoked(ctx context.Context, c *Caller) (bool, error)

	// Revision returns a number that is never the same again after a token was revoked. While it
	// does not change, the Resource does not call Revoked for a caller that was not revoked before.
	// 0 makes the Resource call Revoked in every request. now has a monotonic clock reading.
	Revision(now time.Time) uint64

	// Watch makes the implementation call changed soon after tokens were revoked, until stop is called. A
	// Resource calls it for each open stream, so that the stream of a revoked token ends without
	// waiting for the next regular check. changed must not be called before Watch returns, nor
	// while a lock is held that Revoked needs. An implementation that cannot notify returns a function that does nothing.
	Watch(changed func()) (stop func())
}

// RevocationFunc makes Revocations of a function, which is called in every request. Open streams
// call it every 30 seconds.
type RevocationFunc func(ctx context.Context, c *Caller) (bool, error)

// Revoked calls f.
func (f RevocationFunc) Revoked(ctx context.Context, c *Caller) (bool, error) { return f(ctx, c) }

// Revision returns 0.
func (RevocationFunc) Revision(time.Time) uint64 { return 0 }

// Watch does nothing.
func (RevocationFunc) Watch(func()) (stop func()) { return func() {} }

// setRevocations takes Hooks.Revocations.
func (b *builder) setRevocations() {
	given := b.config.Hooks.Revocations
	if given != nil && anyvalue.IsNil(given) {
		b.mistakes.Addf("Hooks.Revocations: a nil pointer or function; leave it out to revoke nothing")
		return
	}
	b.policy.revocations = given
}

// checkRevoked is step 8: whether the token of the caller is revoked. A zero now stands for the
// present time.
func (p *policy) checkRevoked(ctx context.Context, c *Caller, now time.Time) *fault {
	if p.revocations == nil {
		return nil
	}
	if now.IsZero() {
		now = time.Now()
	}
	revision := p.revocations.Revision(now) // before Revoked, so that no addition is missed
	if revision != 0 && c.revision != nil && c.revision.Load() == revision {
		return nil
	}
	switch revoked, err := p.revocations.Revoked(ctx, c); {
	case revoked:
		return newFault(ReasonRevoked, "Hooks.Revocations reports the token")
	case errors.Is(err, context.Canceled):
		return &fault{reason: ReasonRequestCanceled, err: err, retryAfter: time.Second}
	case err != nil:
		return &fault{reason: ReasonRevocationsUnavailable, err: fmt.Errorf("revocations: %w", err), retryAfter: time.Second}
	}
	if revision != 0 && c.revision != nil {
		c.revision.Store(revision)
	}
	return nil
}

// newRevision returns where checkRevoked stores the revision at which a caller was not revoked. It
// is for one policy, because revisions of two Revocations are not comparable.
func (p *policy) newRevision() *atomic.Uint64 {
	if p.revocations == nil {
		return nil
	}
	return new(atomic.Uint64)
}
