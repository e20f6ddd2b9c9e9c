package resource

import (
	"cmp"
	"fmt"
	"net/http"

	"github.com/warder-go/warder/internal/scopeset"
)

// Requirement requires further scopes for a part of a resource, in requests that the
// resource has accepted. It is safe for concurrent use.
type Requirement struct {
	resource *Resource
	further  []string // besides Config.Scopes
}

// Requirement returns a requirement for scopes besides Config.Scopes. Alternatives are possible as
// there. A malformed scope is an error.
func (r *Resource) Requirement(scopes ...string) (*Requirement, error) {
	if r.policy() == rejectAll {
		return nil, fmt.Errorf("resource: requirement: %w", errNotMadeByNew)
	}
	for _, scope := range scopes {
		if err := scopeset.CheckEntry(scope); err != nil {
			return nil, fmt.Errorf("resource: requirement: %w", err)
		}
	}
	return &Requirement{resource: r, further: scopeset.Union(nil, scopes)}, nil
}

// Check returns nil if the same resource accepted the request and its caller has the scopes.
// Otherwise it returns what to answer. A request that was not accepted is rejected like one
// without credentials. A public operation without credentials (see [Operations.Public])
// passes if no scopes are required.
func (q *Requirement) Check(req *http.Request) *Refusal {
	caller, ok := FromContext(req.Context())
	p := q.resource.policyFor(caller)
	f := p.checkMade()
	accepted := acceptanceOf(req.Context())
	if f == nil && !ok && len(q.further) == 0 && accepted.by == q.resource {
		return nil
	}
	if f == nil {
		f = p.checkAccepted(caller)
	}
	if f == nil {
		f = p.checkScopes(caller, p.scopes, q.further)
	}
	if f == nil {
		return nil
	}
	if p.accepted(caller) {
		f.caller = caller
	}
	f.id = accepted.id
	at := p.endpointFor(accepted, caller)
	if !p.accepted(caller) && accepted.by != p.owner { // the request was not accepted
		at = cmp.Or(p.endpoints.of(req), at)
	}
	return p.refuse(req, at, f)
}
