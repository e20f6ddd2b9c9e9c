package resource

import (
	"context"

	"github.com/warder-go/warder/internal/digest"
)

// acceptance is the single context value for an accepted request. Behind several
// resources, the innermost acceptance hides the outer ones completely.
type acceptance struct {
	context.Context
	caller    *Caller            // nil for a public operation without credentials
	by        *Resource          // the resource that accepted the request
	endpoint  *endpoint          // the endpoint that it was accepted for; nil if by is nil
	challenge *deferredChallenge // nil if the handler may not challenge
	review    *responseReview    // nil if the handler's responses are not changed
	proof     *digest.Digest     // of the DPoP proof; nil without one
	id        []byte             // of the JSON-RPC request in the body; nil if the body was not read or has no single request
}

// outer returns the context of the request as it was before the acceptance was added and, for
// a stream, before it was made to end with the token.
func (a *acceptance) outer() context.Context {
	if w, ok := a.Context.(*watchedContext); ok {
		return w.outer
	}
	if o := acceptanceOf(a.Context); o.by != nil && o.by == a.by && o.caller.bare() == a.caller.bare() { // mounted twice: only the outer one watches
		return o.outer()
	}
	return a.Context
}

// watchedContext is the context of a stream, which ends with its token.
type watchedContext struct {
	context.Context
	outer context.Context
}

type acceptanceKey struct{}

// in returns a context with the acceptance. One value for everything costs one allocation
// and one look-up.
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

// acceptanceOf returns the acceptance in a context, or an empty one.
func acceptanceOf(ctx context.Context) *acceptance {
	if a, ok := ctx.Value(acceptanceKey{}).(*acceptance); ok {
		return a
	}
	return &noAcceptance
}

// FromContext returns the caller of the request that ctx belongs to, and whether there is
// one. Behind the middleware of a [Resource] there always is, except for a public operation
// without credentials.
//
// Inside a tool of the official MCP Go SDK use the caller in req.Extra.TokenInfo (package
// nethttp/mcpsdk) instead. In a stateful session ctx belongs to the request that opened the
// session, not to the one that calls the tool.
func FromContext(ctx context.Context) (*Caller, bool) {
	c := acceptanceOf(ctx).caller
	return c, c != nil
}

// ConnectionContext returns the context of the request that ctx belongs to, as the server made it.
// It ends when the client disconnects, but not with the token of a stream. It has no caller. It is
// for adapters that finish something after the end of a token. For a context without an accepted
// request ConnectionContext returns ctx.
func ConnectionContext(ctx context.Context) context.Context {
	a := acceptanceOf(ctx)
	if a == &noAcceptance {
		return ctx
	}
	return ConnectionContext(a.outer()) // several Resources can be nested
}
