package resource

import (
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/warder-go/warder/internal/budget"
	"github.com/warder-go/warder/metadata"
)

// Limits of issuers that Hooks.ResolveIssuer returns.
const (
	resolvedIssuerTTL   = time.Minute           // a result is cached
	maxUnprovenIssuers  = 100                   // cached results of which no token has been verified
	maxUnprovenNames    = 1000                  // their names, whose budgets outlive the results
	maxUnprovenResolves = 3                     // new results for one of them at once
	unprovenInterval    = 5 * time.Second       // for one more of these
	maxResolvesAtOnce   = 100                   // new results for all of them at once
	resolvesInterval    = 50 * time.Millisecond // for one more of these
)

var (
	unprovenRate = budget.Rate{Burst: maxUnprovenResolves, Interval: unprovenInterval}
	totalRate    = budget.Rate{Burst: maxResolvesAtOnce, Interval: resolvesInterval}
)

// resolver calls Hooks.ResolveIssuer and caches its results.
//
// A client that knows the names of many issuers can send tokens that name them, without a
// valid signature. So an issuer is proven only once a token of it has been verified. Issuers
// that are not proven have a separate cache, so that they do not remove proven ones, and a
// budget, because each new result can make its verifier fetch keys.
type resolver struct {
	resolveIssuer func(iss string) (*Issuer, bool)
	identifier    string

	mu       sync.Mutex // guards the fields below
	proven   *simplelru.LRU[string, resolvedIssuer]
	unproven *simplelru.LRU[string, resolvedIssuer]
	budgets  *simplelru.LRU[string, *budget.Budget] // by name, of issuers that are not proven
	total    budget.Budget                          // of all of them together
}

type resolvedIssuer struct {
	issuer *issuer
	until  time.Time
}

func (b *builder) setResolver() {
	size := orDefault(b.config.Limits.MaxResolvedIssuers, defaultMaxResolvedIssuers)
	switch {
	case size < 0:
		b.mistakes.Addf("Limits.MaxResolvedIssuers: %d is negative", size)
	case b.config.Hooks.ResolveIssuer != nil:
		r := &resolver{resolveIssuer: b.config.Hooks.ResolveIssuer, identifier: b.config.Identifier}
		r.proven, _ = simplelru.NewLRU[string, resolvedIssuer](size, nil)
		r.unproven, _ = simplelru.NewLRU[string, resolvedIssuer](maxUnprovenIssuers, nil)
		r.budgets, _ = simplelru.NewLRU[string, *budget.Budget](maxUnprovenNames, nil)
		b.policy.resolver = r
	}
}

// resolve returns the issuer, or nil if it is unknown. An error means that the configured
// function broke its contract.
func (r *resolver) resolve(iss string, now time.Time) (*issuer, error) {
	if cached := r.get(iss, now); cached != nil {
		return cached, nil
	}
	if metadata.CheckIssuer(iss, true) != nil {
		return nil, nil // not an issuer identifier: the function is not called
	}
	given, ok := r.resolveIssuer(iss)
	if !ok {
		return nil, nil
	}
	if !r.spend(iss, now) {
		return nil, errResolverBusy
	}
	i, err := r.compile(iss, given)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	cached, cache := r.find(iss, now)
	if cached != nil {
		return cached, nil // another request was first; two verifiers would fetch keys twice
	}
	cache.Add(iss, resolvedIssuer{i, now.Add(resolvedIssuerTTL)})
	return i, nil
}

// errResolverBusy means that an issuer that is not proven was resolved too often.
var errResolverBusy = errors.New("too many new results for issuers of which no token has been verified")

// spend reports whether a name may have a new result now. Proven issuers always may.
func (r *resolver) spend(iss string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.proven.Contains(iss) {
		return true
	}
	own, ok := r.budgets.Get(iss)
	if !ok {
		own = new(budget.Budget)
		r.budgets.Add(iss, own)
	}
	if now.Before(own.Available(unprovenRate)) || now.Before(r.total.Available(totalRate)) {
		return false
	}
	own.Spend(unprovenRate, now)
	r.total.Spend(totalRate, now)
	return true
}

// get returns a cached issuer, or nil if there is none or the entry has expired.
func (r *resolver) get(iss string, now time.Time) *issuer {
	r.mu.Lock()
	defer r.mu.Unlock()
	cached, _ := r.find(iss, now)
	return cached
}

// find returns a cached issuer and the cache that it is in, or belongs to. A proven issuer
// stays proven when its entry expires, because the same name will be resolved again.
func (r *resolver) find(iss string, now time.Time) (*issuer, *simplelru.LRU[string, resolvedIssuer]) {
	cache := r.unproven
	if r.proven.Contains(iss) {
		cache = r.proven
	}
	entry, ok := cache.Get(iss)
	if !ok || !now.Before(entry.until) {
		return nil, cache
	}
	return entry.issuer, cache
}

// prove records that a token of an issuer has been verified. r may be nil.
func (r *resolver) prove(i *issuer, now time.Time) {
	if r == nil || !i.resolved {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.proven.Contains(i.id) {
		return
	}
	r.unproven.Remove(i.id)
	r.budgets.Remove(i.id)
	r.proven.Add(i.id, resolvedIssuer{i, now.Add(resolvedIssuerTTL)})
}

// compile checks a result of the configured function.
func (r *resolver) compile(iss string, given *Issuer) (*issuer, error) {
	if given == nil {
		return nil, errors.New("returned true and a nil issuer")
	}
	b := builder{config: Config{Identifier: r.identifier}}
	i := b.issuerWithoutTenants("the issuer", *given)
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
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, cache := range []*simplelru.LRU[string, resolvedIssuer]{r.proven, r.unproven} {
		for _, entry := range cache.Values() {
			all = append(all, namedVerifier{entry.issuer.id, entry.issuer.verifier})
		}
	}
	return all
}
