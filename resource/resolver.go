package resource

import (
	"cmp"
	"errors"
	"time"

	"github.com/warder-go/warder/internal/anyvalue"
	"github.com/warder-go/warder/internal/budget"
	"github.com/warder-go/warder/internal/provencache"
	"github.com/warder-go/warder/metadata"
)

// Limits of issuers that Hooks.ResolveIssuer returns.
const (
	resolvedIssuerTTL   = time.Minute           // a result is cached
	maxUnprovenIssuers  = 100                   // cached results of which no token has been verified
	maxResolvedNames    = 10_000                // names whose budgets and verifiers are kept, longer than the results
	maxUnprovenResolves = 3                     // new verifiers for one of them at once
	unprovenInterval    = 5 * time.Second       // for one more of these
	maxResolvesAtOnce   = 100                   // new verifiers for all of them at once
	resolvesInterval    = 50 * time.Millisecond // for one more of these
)

// resolver calls Hooks.ResolveIssuer and caches its results.
//
// A client that knows the names of many issuers can send tokens that name them, without a
// valid signature. So an issuer is proven only once a token of it has been verified. Before,
// its new verifiers are rationed, because each can fetch keys. A verifier that was permitted
// for the issuer before is not new: it has keys, or limits its fetches itself.
type resolver struct {
	resolveIssuer func(iss string) (*Issuer, bool)
	endpoints     *endpoints
	bindings      *bindings       // those in Credentials
	declared      map[string]bool // scopes
	cache         *provencache.Cache[*issuer]
}

func (b *builder) setResolver() {
	size := cmp.Or(b.config.Limits.MaxResolvedIssuers, defaultMaxResolvedIssuers)
	switch {
	case size < 0:
		b.mistakes.Addf("Limits.MaxResolvedIssuers: %d is negative", size)
	case b.config.Hooks.ResolveIssuer != nil:
		b.policy.resolver = &resolver{b.config.Hooks.ResolveIssuer, &b.policy.endpoints, &b.policy.bindings, b.declared, provencache.New[*issuer](provencache.Limits{
			TTL: resolvedIssuerTTL, Proven: size, Unproven: maxUnprovenIssuers, Names: maxResolvedNames,
			PerName: budget.Rate{Burst: maxUnprovenResolves, Interval: unprovenInterval},
			Total:   budget.Rate{Burst: maxResolvesAtOnce, Interval: resolvesInterval},
		})}
	}
}

// resolve returns the issuer, or nil if it is unknown. An error means that the configured
// function broke its contract.
func (r *resolver) resolve(iss string, now time.Time) (*issuer, error) {
	if cached, ok := r.cache.Get(iss, now); ok {
		return cached, nil
	}
	given, ok := r.call(iss)
	if !ok {
		return nil, nil
	}
	if !r.cache.Spend(iss, sourceOf(given), now) {
		return nil, errResolverBusy
	}
	i, err := r.compile(iss, given)
	if err != nil {
		return nil, err
	}
	return r.cache.Add(iss, i, now), nil // two verifiers of an issuer would fetch keys twice
}

// look is resolve for an explanation: it caches nothing and takes nothing from the budgets.
func (r *resolver) look(iss string, now time.Time) (*issuer, error) {
	if cached, ok := r.cache.Peek(iss, now); ok {
		return cached, nil
	}
	given, ok := r.call(iss)
	if !ok {
		return nil, nil
	}
	if !r.cache.Permits(iss, sourceOf(given), now) {
		return nil, errResolverBusy
	}
	return r.compile(iss, given)
}

// call calls the configured function, but not with what is not an issuer identifier.
func (r *resolver) call(iss string) (*Issuer, bool) {
	if metadata.CheckIssuer(iss, true) != nil {
		return nil, false
	}
	return r.resolveIssuer(iss)
}

// sourceOf returns the verifier, or nil if it cannot be compared.
func sourceOf(given *Issuer) any {
	if given == nil || !anyvalue.Same(given.Verifier, given.Verifier) {
		return nil
	}
	return given.Verifier
}

// errResolverBusy means that an issuer that is not proven has too many new verifiers, or that
// too many issuers have.
var errResolverBusy = errors.New("too many issuers of which no token has been verified yet; this token will be checked soon")

// continueFrom keeps which issuers are proven, and the budgets of the others. Both may be nil.
func (r *resolver) continueFrom(other *resolver) {
	if r != nil && other != nil {
		r.cache.Continue(other.cache)
	}
}

// prove records that a token of an issuer has been verified. r may be nil.
func (r *resolver) prove(i *issuer, now time.Time) {
	if r != nil && i.resolved {
		r.cache.Prove(i.id, i, now)
	}
}

// compile checks a result of the configured function.
func (r *resolver) compile(iss string, given *Issuer) (*issuer, error) {
	if given == nil {
		return nil, errors.New("returned true and a nil issuer")
	}
	b := builder{declared: r.declared, policy: &policy{endpoints: *r.endpoints, bindings: *r.bindings}}
	i := b.issuerWithoutTenants("the issuer", *given)
	if i != nil {
		b.checkBindingsOfResolved(i)
	}
	if i != nil && i.id != iss {
		b.mistakes.Addf("its verifier is for %q, not for %q", i.id, iss)
	}
	if err := b.mistakes.Err("returned an invalid issuer"); err != nil {
		return nil, err
	}
	i.resolved = true
	// A cached token is valid as long as this result is. The next result can have other
	// conditions, so each token is then verified again.
	i.stillAccepted = func(now time.Time) bool {
		current, err := r.resolve(iss, now)
		return err == nil && current == i
	}
	return i, nil
}

// verifiers returns the verifiers of the cached issuers. r may be nil.
func (r *resolver) verifiers() (all []namedVerifier) {
	if r == nil {
		return nil
	}
	for _, i := range r.cache.Values() {
		all = append(all, namedVerifier{i.id, i.verifier})
	}
	return all
}
