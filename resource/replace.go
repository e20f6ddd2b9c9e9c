package resource

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/warder-go/warder/internal/anyvalue"
)

// Replace makes r decide by the configuration of next. The new configuration applies at
// once and as a whole. next must come from New and have the same Identifier, Identifiers and
// paths of the metadata (HTTPOptions.BasePath and MetadataPaths). It belongs to r afterwards:
// do not use it again.
//
// One configuration decides about a request, from Authenticate to the last
// [Requirement.Check], [Resource.Permit] and [Challenge]: the one that was current when
// the request arrived. Open streams are checked by the current one. A stream whose
// credential is a field of Credentials.Headers ends unless the same verifier is configured for
// that field.
//
// Cached tokens stay cached if nothing changed that determines who a caller is: issuers (with the
// same Verifier values), Opaque, Prefixed, TokenHeaders, leeway, longest lifetime and the limits
// of the cache, and if none of that is a function, and if both configurations or neither have
// Hooks.Revocations. Otherwise every token is verified again. The DPoP proofs that were used are
// passed on if both configurations store them in memory. Counters continue. The series of
// verifiers that next does not have disappear. Issuers of Hooks.ResolveIssuer are resolved again,
// but those of which a token has been verified are not rationed again.
func (r *Resource) Replace(next *Resource) error {
	old, p := r.policy(), next.policy()
	if old == rejectAll || p == rejectAll {
		return fmt.Errorf("resource: replace: %w", errNotMadeByNew)
	}
	r.replacing.Lock()
	defer r.replacing.Unlock()
	if r == next || r.used || next.used || next.replaced {
		return errors.New("resource: replace: a resource that was replaced, or that replaced another, is used again: make one with New")
	}
	if r.identifier != next.identifier {
		return fmt.Errorf("resource: replace: Identifier: %q is not %q: a new identifier needs a restart, because clients and routes depend on it",
			next.identifier, r.identifier)
	}
	old = r.policy() // under the lock
	if !p.sameEndpoints(old) {
		return errors.New("resource: replace: Identifiers: the list is another one: a change needs a restart, because clients and routes depend on it")
	}
	if was, is := old.document.Paths, p.document.Paths; !slices.Equal(was, is) {
		return fmt.Errorf("resource: replace: HTTP.MetadataPaths: the metadata is served at the further paths %q, not at %q: new paths and a new HTTP.BasePath need a restart, because routes depend on them", was, is)
	}
	p.attach(r)
	p.resolver.continueFrom(old.resolver)
	p.proofs.continueFrom(&old.proofs)
	if p.sameCallers(old) {
		p.cache = old.cache
	} else {
		p.cache.ContinueStats(old.cache)
	}
	r.replaced, next.used = true, true
	r.current.Store(p)
	return nil
}

// recast returns a cached caller as this policy sees it: with the scopes that its own
// hierarchy implies, by its own conditions, and with the login if it needs that.
func (p *policy) recast(c *Caller) *Caller {
	if c.policy == p {
		return c
	}
	clone := *c
	clone.policy, clone.grant = p, c.grant.WithHierarchy(p.hierarchy)
	clone.cached = cmp.Or(c.cached, c)
	if !anyvalue.Same(p.revocations, c.policy.revocations) {
		clone.revision = p.newRevision()
	}
	p.setUnmet(&clone)
	p.setLogin(&clone)
	return &clone
}

// sameCallers reports whether a token that other accepted has the same caller under p, so
// that the cache of other can be kept. Functions cannot be compared, so a policy with one
// that determines callers has the same callers as no other.
func (p *policy) sameCallers(other *policy) bool {
	hasDigests := p.revocations != nil // see newCaller
	return hasDigests == (other.revocations != nil) && p.leeway == other.leeway && p.lifetime == other.lifetime && p.cache.SameLimits(other.cache) &&
		p.resolver == nil && other.resolver == nil &&
		sameIssuer(p.opaque, other.opaque) &&
		maps.EqualFunc(p.issuers, other.issuers, sameIssuer) &&
		slices.EqualFunc(p.tenanted, other.tenanted, sameIssuer) &&
		slices.EqualFunc(p.prefixed, other.prefixed, func(a, b prefixedIssuer) bool {
			return a.prefix == b.prefix && sameIssuer(a.issuer, b.issuer)
		}) &&
		slices.EqualFunc(p.tokenHeaders(), other.tokenHeaders(), func(a, b headerIssuer) bool {
			return a.name == b.name && sameIssuer(a.issuer, b.issuer)
		})
}

// sameIssuer compares every field that an issuer is configured by, except LiteralAudiences, which
// decides only whether New accepts the configuration. Two functions are never the same.
func sameIssuer(a, b *issuer) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a.config, *b.config
	if !anyvalue.Same(x.Verifier, y.Verifier) {
		return false
	}
	x.Verifier, x.LiteralAudiences = nil, false
	y.Verifier, y.LiteralAudiences = nil, false
	return reflect.DeepEqual(x, y)
}
