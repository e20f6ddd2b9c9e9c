// Package mcpsdk hands the caller that a [resource.Resource] accepted to servers
// made with the official MCP Go SDK. It takes no decision of its own.
//
// A tool reads it from its request, never from ctx: in a stateful session ctx belongs
// to the request that opened the session, not to the one that calls the tool.
//
//	func whoami(ctx context.Context, req *mcp.CallToolRequest, in struct{}) (*mcp.CallToolResult, any, error) {
//		caller, ok := mcpsdk.CallerFrom(req.Extra)
//		...
//
// Where the Resource has rules for operations, [Lock] asks them again inside the server
// and hides from its lists what a caller may not use, and [Check] compares them with
// what the server has.
//
// It is a module of its own, so that the core does not depend on the SDK.
package mcpsdk

import (
	"context"
	"errors"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// CallerKey is the key of the [*resource.Caller] in auth.TokenInfo.Extra.
const CallerKey = "github.com/warder-go/warder/resource.Caller"

// Handler serves the resource's metadata at its well-known paths, to everybody, and
// everything else by next, to accepted requests only. It is all that a process with
// one MCP server needs. Next is an [mcp.StreamableHTTPHandler]: the SDK's older
// handler, for SSE alone, drops the TokenInfo, so that its tools see no caller.
//
// For several servers in one process wrap each in [Bridge] and that in
// [nethttp.Middleware], and serve [nethttp.Metadata] for all of them.
func Handler(res *resource.Resource, next http.Handler) http.Handler {
	return nethttp.Handler(res, Bridge(res)(next))
}

// Bridge makes the accepted caller the SDK's auth.TokenInfo of the same request:
//
//   - Scopes: [resource.Caller.AllScopes], so with those that Config.Implies adds
//   - Expiration: [resource.Caller.Expiry], zero if the token does not say
//   - UserID: [resource.Caller.ID], issuer and subject together. The SDK binds a
//     session to it: a refreshed token goes on with the session, another user, also
//     one with the same subject at another issuer, gets 403
//   - Extra: the caller itself under [CallerKey]; see [CallerFrom]
//
// It stands behind the Resource's own middleware, such as [nethttp.Middleware]. A
// request that this very Resource did not accept gets 401 and is never passed on:
// forgetting the middleware opens nothing. One that it accepted without credentials,
// for a public operation, is passed on without a TokenInfo.
//
// The token is not handed on. The headers, and so mcp.RequestExtra.Header, are those
// that the middleware left.
func Bridge(res *resource.Resource) func(next http.Handler) http.Handler {
	// Only the SDK's own middleware can set a TokenInfo: its context key is private.
	// It checks the expiry once more, as the Resource did: with the largest leeway that
	// there is, since the Resource's may be replaced and accepted below has asked by that,
	// and accepting that an introspected token may have none.
	mark := auth.RequireBearerToken(copyCaller, &auth.RequireBearerTokenOptions{
		AllowMissingExpiration: true,
		ClockSkew:              resource.MaxLeeway,
	})
	accepted := nethttp.Require(res) // no scopes besides the resource's own: accepted by it, and not expired since
	return func(next http.Handler) http.Handler {
		return accepted(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			// Inside, the request goes on as it came, with the marked context.
			inner := func(w http.ResponseWriter, marked *http.Request) {
				next.ServeHTTP(w, req.WithContext(marked.Context()))
			}
			if _, ok := resource.FromContext(req.Context()); !ok {
				next.ServeHTTP(w, req) // a public operation: accepted let nothing else pass
				return
			}
			mark(http.HandlerFunc(inner)).ServeHTTP(w, withPlaceholder(req))
		}))
	}
}

// withPlaceholder returns a copy of req for the SDK's middleware, which insists on a
// bearer token. Nobody else gets to see the copy. It holds no other header, and the
// placeholder in place of the token even if the Resource kept that.
func withPlaceholder(req *http.Request) *http.Request {
	out := req.WithContext(req.Context())
	out.Header = http.Header{"Authorization": {"Bearer accepted-by-warder"}}
	return out
}

// copyCaller is the SDK's token verifier. It verifies nothing: it copies the caller
// of a request that was accepted, and ignores the placeholder.
func copyCaller(ctx context.Context, _ string, _ *http.Request) (*auth.TokenInfo, error) {
	caller, ok := resource.FromContext(ctx)
	if !ok { // Bridge does not come here without one; fail closed all the same
		return nil, errors.New("mcpsdk: no caller in the request's context")
	}
	challenge := func(scopes ...string) bool { return resource.Challenge(ctx, scopes...) }
	return &auth.TokenInfo{
		Scopes:     caller.AllScopes(),
		Expiration: caller.Expiry(),
		UserID:     caller.ID(),
		Extra:      map[string]any{CallerKey: caller, challengeKey: challenge},
	}, nil
}

// CallerFrom returns who sent a request, and whether that is known. It takes the
// Extra of what the SDK hands to a tool, prompt, resource or middleware: req.Extra or
// req.GetExtra(), which may be nil. Without [Bridge] in front of the server, and with
// transports other than HTTP, there is no caller: refuse then.
func CallerFrom(extra *mcp.RequestExtra) (*resource.Caller, bool) {
	if extra == nil || extra.TokenInfo == nil {
		return nil, false
	}
	caller, ok := extra.TokenInfo.Extra[CallerKey].(*resource.Caller)
	return caller, ok && caller != nil
}
