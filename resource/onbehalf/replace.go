package onbehalf

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/resource"
)

// Exchanger exchanges the tokens of callers for tokens for targets. It implements
// [prometheus.Collector] and is safe for concurrent use. It starts no goroutine that outlives a call.
//
// An issued token is cached by the Resource that accepted the caller, the issuer, the digest of the
// caller's token, the target and its scopes. It is used until 10 seconds before its expiry or that of
// the caller's token, whichever is sooner. A token that is good for less than 20 seconds is used for
// half of that time. Each use checks that the caller's token is still good: see
// [resource.Caller.HeldToken]. A request with another token of the same caller causes another
// exchange. Concurrent requests share one. An answer of the issuer without a usable token is used
// for 10 seconds, and for one second if its kind is KindInteraction.
//
// A circuit breaker stops the calls to a token endpoint that fails, as in package introspect.
type Exchanger struct{ engine atomic.Pointer[engine] }

// Replace makes e use the configuration of another exchanger, with its cache, so nothing that e had
// cached is used again. Calls that are running end with the previous configuration. The transports
// and token sources of e use the new one. Do not use other afterwards. The counters of e start again at 0.
// The error says that Config.Issuer differs: it is a label of the metrics, and the callers of one
// issuer are not those of another. Then nothing changes.
func (e *Exchanger) Replace(other *Exchanger) error {
	current, next := e.engine.Load(), other.engine.Load()
	if current.issuer != next.issuer {
		return fmt.Errorf("onbehalf: Issuer: %q differs from %q; make another Exchanger", next.issuer, current.issuer)
	}
	e.engine.Store(next)
	return nil
}

// Issuer returns Config.Issuer.
func (e *Exchanger) Issuer() string { return e.engine.Load().issuer }

// Ready returns nil if the URL of the token endpoint is known. It fetches the issuer's metadata if
// that was never fetched, and does not call the token endpoint.
func (e *Exchanger) Ready(ctx context.Context) error {
	if _, err := e.engine.Load().endpoint.URL(ctx); err != nil {
		return fmt.Errorf("onbehalf: %w", err)
	}
	return nil
}

// Token returns a token for a target of Config.Targets, on behalf of a caller that a Resource has
// accepted. The error is an [*Error], or that of ctx. Token returns when ctx ends or one second after
// Config.Timeout, whichever is first, unless the caller's token must be verified again. It panics if
// a function in Config does.
func (e *Exchanger) Token(ctx context.Context, caller *resource.Caller, targetName string) (*Token, error) {
	return e.engine.Load().token(ctx, caller, targetName)
}

// Describe sends the descriptions of the exchanger's metrics.
func (e *Exchanger) Describe(ch chan<- *prometheus.Desc) { e.engine.Load().metrics.describe(ch) }

// Collect sends the current values of the exchanger's metrics.
func (e *Exchanger) Collect(ch chan<- prometheus.Metric) { e.engine.Load().metrics.collect(ch) }
