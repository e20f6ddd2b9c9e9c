package resource

import (
	"context"
	"slices"
	"sync"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/scopeset"
)

// Challenge requests, from within a handler that finds out only now that the caller needs
// further scopes, that the request is answered with 403 and one challenge. The challenge
// names these scopes and those that the operation needs by the rules; alternatives are
// possible, see [ScopeOptions]. Challenge reports whether the request will be answered like
// that. What the handler writes afterwards is then discarded, so it can return an error as
// usual.
//
// It returns false and has no effect if Operations.LateChallenges is off, if the first byte
// of the answer has been written (also if a stream has begun or the handler has returned),
// if the caller has the scopes, in a batch of several messages, and if ctx is not that of
// the request. A malformed scope makes the answer 500. Challenge is safe for concurrent
// use.
//
// Inside a tool of the official MCP Go SDK use nethttp/mcpsdk.Challenge. In a stateful
// session ctx belongs to another request, and this function returns false.
func Challenge(ctx context.Context, scopes ...string) bool {
	d := acceptanceOf(ctx).challenge
	return d != nil && d.request(scopes)
}

// deferredChallenge is the state of a request whose handler may still call [Challenge].
type deferredChallenge struct {
	policy   *policy
	caller   *Caller
	needed   []string // by the operation, those of the resource first
	messages []*mcpmsg.Message

	mu      sync.Mutex // guards the fields below
	armed   bool       // the adapter will call ReviewResponse before the first byte
	taken   bool       // ReviewResponse was called
	further []string   // scopes that Challenge was called with
}

// newDeferredChallenge returns nil if the handler may not challenge. That includes every
// batch, because other parts of it may have run.
func (p *policy) newDeferredChallenge(caller *Caller, a permission) *deferredChallenge {
	if p.rules == nil || !p.rules.LateChallenges || !a.single {
		return nil
	}
	return &deferredChallenge{policy: p, caller: caller, needed: slices.Clone(a.needed), messages: a.messages}
}

func (d *deferredChallenge) request(scopes []string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.armed || d.taken || d.policy.checkScopes(d.caller, d.needed, scopes) == nil {
		return false
	}
	d.further = scopeset.Union(d.further, scopes)
	return true
}

func (d *deferredChallenge) arm() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed = true
}

func (d *deferredChallenge) take() *fault {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := !d.taken
	d.taken = true
	if !first || len(d.further) == 0 {
		return nil
	}
	return d.policy.checkScopes(d.caller, d.needed, d.further)
}
