package resource

import "context"

// acceptance is what the context of an accepted request knows of it. The innermost one
// counts, and hides that of an outer resource whole.
type acceptance struct {
	context.Context
	caller *Caller   // nil for a public operation without credentials
	public *Resource // that accepted it as one
	late   *late     // nil if its handler may not challenge
}

type acceptanceKey struct{}

// in returns the context with the acceptance in it. One value for all that is known
// costs one look-up and one allocation.
func (a acceptance) in(ctx context.Context) context.Context {
	a.Context = ctx
	return &a
}

func (a *acceptance) Value(key any) any {
	if key == (acceptanceKey{}) {
		return a
	}
	return a.Context.Value(key)
}

var noAcceptance acceptance // never changed

// acceptanceOf returns the acceptance in a context, an empty one if there is none.
func acceptanceOf(ctx context.Context) *acceptance {
	if a, ok := ctx.Value(acceptanceKey{}).(*acceptance); ok {
		return a
	}
	return &noAcceptance
}

// FromContext returns the caller of the request that ctx belongs to, and whether
// there is one. In a handler behind [Resource.Authenticate]'s middleware there
// always is, except for a public operation without credentials.
//
// Inside a tool of the official MCP Go SDK use the caller in req.Extra.TokenInfo
// (package nethttp/mcpsdk) instead: in a stateful session ctx belongs to the request
// that opened the session, not to the one that calls the tool.
func FromContext(ctx context.Context) (*Caller, bool) {
	c := acceptanceOf(ctx).caller
	return c, c != nil
}
