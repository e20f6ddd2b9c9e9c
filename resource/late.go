package resource

import (
	"context"
	"slices"
	"sync"
)

// Challenge asks, from within a handler that finds out only now that the caller needs
// further scopes, for the request to be answered with 403 and one challenge: it names
// what the operation needs by the rules and these scopes. It reports whether that will
// be so. Whatever the handler then writes is dropped, so it returns an error as ever.
//
// It is false, and has no effect, if Operations.LateChallenges is off, if the first
// byte of the answer is on its way (a stream has begun, the handler has returned), if
// the caller has the scopes, in a batch of several, and if ctx is not the request's. A
// malformed scope makes the answer 500. Challenge is safe for concurrent use.
//
// Inside a tool of the official MCP Go SDK use nethttp/mcpsdk.Challenge: in a stateful
// session ctx belongs to another request, and the answer here is false.
func Challenge(ctx context.Context, scopes ...string) bool {
	l := acceptanceOf(ctx).late
	return l != nil && l.ask(scopes)
}

// late is a request whose answer has not begun.
type late struct {
	resource *Resource
	caller   *Caller
	needed   []string // by the operation, the resource's own scopes first
	about    []*message

	mu      sync.Mutex // guards what follows
	armed   bool       // somebody will ask settle before the first byte
	settled bool
	further []string // what Challenge was asked for
}

func (l *late) ask(scopes []string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.armed || l.settled || l.resource.lacks(l.caller, l.needed, scopes) == nil {
		return false
	}
	l.further = union(l.further, scopes)
	return true
}

func (l *late) settle() *fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.settled || len(l.further) == 0 {
		l.settled = true
		return nil
	}
	l.settled = true
	return l.resource.lacks(l.caller, l.needed, l.further)
}

// Late reports whether the handler of the request may ask for a challenge (see
// [Challenge]). An adapter for which it is true must call Settle right before the first
// byte of the answer, or when the handler has returned without one. Only from this
// call on does Challenge work: an adapter that doesn't know it loses no challenge.
func (d Decision) Late() bool {
	if d.late == nil {
		return false
	}
	d.late.mu.Lock()
	defer d.late.mu.Unlock()
	d.late.armed = true
	return true
}

// Settle ends the time for challenges. The first call returns the refusal to answer
// instead of what the handler writes, if one was asked for; it is counted and logged.
// All other calls return nil.
func (d Decision) Settle() *Refusal {
	if d.late == nil {
		return nil
	}
	f := d.late.settle()
	if f == nil {
		return nil
	}
	f.caller, f.about = d.late.caller, d.late.about
	return d.late.resource.refuse(d.Request.Context(), d.Request.Header, f)
}

// mayBeLate gives a request of one message its late. A batch gets none: other parts
// of it may have run.
func (r *Resource) mayBeLate(caller *Caller, a admission) *late {
	if r.rules == nil || !r.rules.LateChallenges || !a.single {
		return nil
	}
	return &late{resource: r, caller: caller, needed: slices.Clone(a.needed), about: a.about}
}
