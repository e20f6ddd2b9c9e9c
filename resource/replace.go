package resource

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
)

// A Resource that programs hold is followed by others, its generations, when its
// configuration is replaced. What programs hold stays the same: adapters, requirements
// and metrics look here for the one that counts now.
type succession struct {
	first *Resource // that programs hold; nil: this is it
	mu    sync.Mutex
	last  atomic.Pointer[Resource] // nil: first itself counts
}

// Replace makes the resource decide as next does from now on: configuration that
// changed is taken over at once and as a whole. Next comes from New, has the same
// Identifier, and belongs to r from then on: it is not to be used or changed by itself.
//
// A request is decided by one configuration, from Authenticate to the last
// [Requirement.Check], [Resource.Permit] and [Challenge]: the one that counted when it
// came. Open streams are asked at their next check by the one that counts then; one
// whose credential came in a header field ends unless the same verifier is there for
// that field.
//
// Remembered tokens stay remembered if nothing has changed that has to do with who a
// caller is: issuers, with the very same Verifier values, Opaque, Prefixed, leeway and
// the limits of memory. Else every token is verified anew. Counters go on; the series
// of verifiers that next has no more disappear.
func (r *Resource) Replace(next *Resource) error {
	if r == nil || r.metrics == nil || next == nil || next.metrics == nil {
		return errors.New("resource: replace: a resource was not made by New")
	}
	r.succession.mu.Lock()
	defer r.succession.mu.Unlock()
	if r.succession.first != nil || next == r || next.succession.first != nil || next.succession.last.Load() != nil {
		return errors.New("resource: replace: a resource that was replaced, or that replaced another, is used again: make one with New")
	}
	if r.document.Resource != next.document.Resource {
		return fmt.Errorf("resource: replace: Identifier: %q is not %q; another one needs a restart, as clients and routes depend on it",
			next.document.Resource, r.document.Resource)
	}
	now := r.now()
	next.succession.first, next.metrics = r, r.metrics
	next.challenged = next.metrics.challengesOf(next.rules)
	if next.identity.equals(now.identity) {
		next.memory = now.memory
	} else {
		next.memory.follow(now.memory)
	}
	r.succession.last.Store(next)
	return nil
}

// now returns the generation that counts.
func (r *Resource) now() *Resource {
	if last := r.succession.last.Load(); last != nil {
		return last
	}
	return r
}

// whole returns what programs hold.
func (r *Resource) whole() *Resource {
	if r.succession.first != nil {
		return r.succession.first
	}
	return r
}

// accepted reports whether a generation of the resource accepted the caller.
func (r *Resource) accepted(c *Caller) bool {
	return c != nil && c.by != nil && c.by.whole() == r.whole()
}

// of returns the generation that decides about a request: the one that accepted its
// caller, so that no request is decided by two.
func (r *Resource) of(c *Caller) *Resource {
	if r.accepted(c) {
		return c.by
	}
	return r.now()
}

// anew returns a remembered caller as the present generation sees it.
func (r *Resource) anew(c *Caller) *Caller {
	if c.by == r {
		return c
	}
	again := *c
	again.by, again.more = r, nil
	again.add(c.roles(), c.granted(), r.hierarchy.expand(c.granted()))
	return &again
}

// identity is that part of a Config by which it is decided who a caller is.
type identity struct {
	rest      string // all but verifiers, as text
	verifiers []any
	unsure    bool // a function has a part in it
}

// newIdentity takes everything that is not known to have no part in it: a field that is
// new to Config is in it by itself.
func newIdentity(c Config) (i identity) {
	var tenants []Tenants
	verify := func(of Issuer) Issuer {
		i.verifiers = append(i.verifiers, of.Verifier)
		tenants = append(tenants, Tenants{})
		if of.Tenants != nil {
			tenants[len(tenants)-1] = *of.Tenants
		}
		of.Verifier, of.Tenants = nil, nil
		return of
	}
	c.Issuers = slices.Clone(c.Issuers)
	for n := range c.Issuers {
		c.Issuers[n] = verify(c.Issuers[n])
	}
	var others []Issuer
	if c.Opaque != nil {
		others = append(others, verify(*c.Opaque))
	}
	var prefixes []string
	for _, prefix := range slices.Sorted(maps.Keys(c.Prefixed)) {
		prefixes = append(prefixes, prefix)
		others = append(others, verify(c.Prefixed[prefix]))
	}
	// What is asked on every request, or has nothing to do with tokens.
	c.Opaque, c.Prefixed, c.Headers, c.HeaderClaims = nil, nil, nil, nil
	c.Scopes, c.ChallengeScopes, c.ScopesSupported, c.Implies = nil, nil, nil, nil
	c.Operations, c.StepUp, c.MaxBodyBytes, c.MaxTokenBytes = Operations{}, 0, 0, 0
	c.AuthorizationServers, c.MaxResolvedIssuers = nil, 0
	c.Origins, c.Metadata, c.Revoked, c.KeepAuthorization, c.Logger = nil, Config{}.Metadata, nil, false, nil
	c.Observers, c.LogPerSecond = nil, 0
	i.unsure = hasFunc(reflect.ValueOf(c)) || hasFunc(reflect.ValueOf(others)) || hasFunc(reflect.ValueOf(tenants))
	i.rest = fmt.Sprintf("%#v %#v %q %#v", c, others, prefixes, tenants)
	return i
}

func (i identity) equals(other identity) bool {
	return !i.unsure && !other.unsure && i.rest == other.rest && slices.EqualFunc(i.verifiers, other.verifiers, same)
}

// hasFunc reports whether there is something in v that can't be compared as text.
func hasFunc(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Func, reflect.Chan, reflect.Interface, reflect.Pointer:
		return !v.IsNil()
	case reflect.Struct:
		for n := range v.NumField() {
			if hasFunc(v.Field(n)) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		for n := range v.Len() {
			if hasFunc(v.Index(n)) {
				return true
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if hasFunc(v.MapIndex(key)) {
				return true
			}
		}
	}
	return false
}
