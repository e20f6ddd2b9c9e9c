package resource

import "context"

type callerKey struct{}

// FromContext returns the caller of the request that ctx belongs to, and whether
// there is one. In a handler behind [Resource.Authenticate]'s middleware there
// always is.
//
// Inside a tool of the official MCP Go SDK use the caller in req.Extra.TokenInfo
// (package nethttp/mcpsdk) instead: in a stateful session ctx belongs to the request
// that opened the session, not to the one that calls the tool.
func FromContext(ctx context.Context) (*Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(*Caller)
	return c, ok
}

func withCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}
