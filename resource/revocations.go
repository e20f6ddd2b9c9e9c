package resource

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/internal/anyvalue"
)

// Revocations reports which tokens are revoked, although they have not expired and their signature is
// valid. Package resource/revocation has the usual implementation, and [RevocationFunc] is one
// for a function. The methods are called concurrently and must be quick.
//
// If a Revocations has the method Ready(context.Context) error, [Resource.Ready] calls it. If it
// is a prometheus.Collector, [Resource.Metrics] includes its series.
type Revocations interface {
	// Revoked reports whether the token of the caller is revoked. The request is then rejected with
	// 401. An error means that this is not known, and the request is rejected with 503.
	Revoked(ctx context.Context, c *Caller) (bool, error)

	// Revision returns a number that changes after a token was revoked, when Revoked reports the
	// token already, and that never returns to an earlier value. While it does not change, the
	// Resource does not call Revoked again for a cached caller that was not revoked. 0 makes
	// the Resource call Revoked in every request. now has a monotonic clock reading.
	Revision(now time.Time) uint64

	// Watch makes the implementation call changed soon after tokens were revoked, until stop is
	// called. A Resource calls it for each open stream, so that the stream of a revoked token ends
	// without waiting for the next regular check. changed calls Revoked. It must not be called
	// before Watch returns, and it can be called after stop. stop must not wait for a call of
	// changed. An implementation that cannot notify returns a function that does nothing.
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
	known := revision != 0 && c.policy == p // only then is c.revision one of p.revocations
	if known && c.revision.Load() == revision {
		return nil
	}
	switch revoked, err := p.revocations.Revoked(ctx, c); {
	case revoked:
		return newFault(ReasonRevoked, "Hooks.Revocations reports the token")
	case err != nil && ctx.Err() != nil:
		return &fault{reason: ReasonRequestCanceled, err: err, retryAfter: time.Second}
	case err != nil:
		return &fault{reason: ReasonRevocationsUnavailable, err: fmt.Errorf("revocations: %w", err), retryAfter: time.Second}
	}
	if known {
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
