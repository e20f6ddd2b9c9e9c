package resource

import (
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/warder-go/warder/metadata"
)

// resolvedIssuerTTL is how long a result of Hooks.ResolveIssuer is cached.
const resolvedIssuerTTL = time.Minute

// resolver calls Hooks.ResolveIssuer and caches its results. It does not cache unknown
// issuers, so invalid names in tokens remove no entries.
type resolver struct {
	resolveIssuer func(iss string) (*Issuer, bool)
	identifier    string

	mu      sync.Mutex
	issuers *simplelru.LRU[string, resolvedIssuer]
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
		r.issuers, _ = simplelru.NewLRU[string, resolvedIssuer](size, nil)
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
	i, err := r.compile(iss, given)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if other, ok := r.issuers.Peek(iss); ok && now.Before(other.until) {
		return other.issuer, nil // another request was first; two verifiers would fetch keys twice
	}
	r.issuers.Add(iss, resolvedIssuer{i, now.Add(resolvedIssuerTTL)})
	return i, nil
}

// get returns a cached issuer, or nil if there is none or the entry has expired.
func (r *resolver) get(iss string, now time.Time) *issuer {
	r.mu.Lock()
	defer r.mu.Unlock()
	entry, ok := r.issuers.Get(iss)
	if !ok {
		return nil
	}
	if !now.Before(entry.until) {
		r.issuers.Remove(iss)
		return nil
	}
	return entry.issuer
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
	for _, entry := range r.issuers.Values() {
		all = append(all, namedVerifier{entry.issuer.id, entry.issuer.verifier})
	}
	return all
}
