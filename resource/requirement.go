package resource

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Requirement is a demand for further scopes on part of a resource, for requests
// that the resource has accepted. It is safe for concurrent use.
type Requirement struct {
	resource *Resource
	further  []string // besides the resource's own
}

// Requirement returns the demand for scopes besides Config.Scopes.
func (r *Resource) Requirement(scopes ...string) (*Requirement, error) {
	if r == nil || r.metrics == nil {
		return nil, errors.New("resource: requirement: resource was not made by New")
	}
	q := &Requirement{resource: r}
	for _, scope := range scopes {
		if !isScope(scope) {
			return nil, fmt.Errorf("resource: requirement: %q is no scope (RFC 6749 §3.3)", scope)
		}
	}
	q.further = union(q.further, scopes)
	return q, nil
}

// Check returns nil if the request was accepted by the same resource and its caller
// has the scopes; else what to answer. A request that was not accepted is refused as
// one without credentials. A public operation without credentials (see
// [Operations.Public]) was accepted: it passes where no scopes are demanded.
func (q *Requirement) Check(req *http.Request) *Refusal {
	caller, ok := FromContext(req.Context())
	r := q.resource.of(caller)
	needed := union(r.scopes, q.further)
	var f *fault
	switch {
	case !ok && len(q.further) == 0 && acceptanceOf(req.Context()).public == r.whole():
		return nil
	case !ok || !r.accepted(caller):
		f = newFault(ReasonMissingCredentials, "not accepted by the resource's middleware")
	case caller.expiry.over(time.Now(), r.leeway):
		f = newFault(ReasonExpired, "expired since it was accepted")
		f.caller = caller
	case !caller.Has(needed...):
		f = r.scopeFault(caller, needed)
	default:
		return nil
	}
	return r.refuse(req.Context(), req.Header, f)
}
