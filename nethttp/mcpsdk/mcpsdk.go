// Package mcpsdk passes the caller that a [resource.Resource] accepted to servers made with
// the official MCP Go SDK. It takes no decisions itself.
//
// A tool gets the caller from its request, never from ctx: in a stateful session ctx belongs
// to the request that opened the session, not to the one that calls the tool.
//
//	func whoami(ctx context.Context, req *mcp.CallToolRequest, in struct{}) (*mcp.CallToolResult, any, error) {
//		caller, ok := mcpsdk.CallerFrom(req.Extra)
//		...
//
// If the Resource has rules for operations, [Lock] enforces them again inside the server and
// hides from its lists what a caller may not use, and [Check] compares them with what the
// server has.
//
// The package is a separate module, so that the core does not depend on the SDK.
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

// Handler serves the resource's metadata without authentication, as [nethttp.Handler] does, and
// everything else by next, for accepted requests only. It is all that a process with one MCP
// server needs. next is an [mcp.StreamableHTTPHandler]. The SDK's older handler for SSE drops
// the TokenInfo, so its tools have no caller.
//
// For several servers in one process, wrap each in [Bridge] and the result in
// [nethttp.Middleware], and serve [nethttp.Metadata] for all of them.
func Handler(res *resource.Resource, next http.Handler) http.Handler {
	return nethttp.Handler(res, Bridge(res)(next))
}

// Bridge makes the accepted caller the SDK's auth.TokenInfo of the same request:
//
//   - Scopes: [resource.Caller.AllScopes], including scopes that others imply
//   - Expiration: [resource.Caller.Expiry], zero if it is not known
//   - UserID: [resource.Caller.Owner]. The SDK binds a session to it: a refreshed token
//     continues the session; another principal gets 403, also one with the same subject at
//     another issuer, and so does another path of resource.Config.Identifiers
//   - Extra: the caller itself under [CallerKey]; see [CallerFrom]
//
// Bridge must be inside the Resource's own middleware, such as [nethttp.Middleware]. A request
// that this Resource did not accept gets 401 and is not passed on, so a missing middleware
// opens nothing. A request that was accepted without credentials, for a public operation, is
// passed on without a TokenInfo.
//
// With resource.Credentials.HoldTokens, the caller of the TokenInfo holds its access token, and the
// caller in ctx does not: in a stateful session that would be the token of another request.
//
// The token is not passed on. The headers, and so mcp.RequestExtra.Header, are those that the
// middleware left.
func Bridge(res *resource.Resource) func(next http.Handler) http.Handler {
	// Only the SDK's own middleware can set a TokenInfo, because its context key is private.
	// It checks the expiry again. It uses the largest possible leeway, because that of the
	// Resource can be replaced, and accepted (below) checks with the current one. It accepts
	// a token without expiry, because introspected tokens can lack one.
	mark := auth.RequireBearerToken(copyCaller, &auth.RequireBearerTokenOptions{
		AllowMissingExpiration: true,
		ClockSkew:              resource.MaxLeeway,
	})
	accepted := nethttp.Require(res) // requires no further scopes: only that res accepted the request
	return func(next http.Handler) http.Handler {
		return accepted(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if _, ok := resource.FromContext(req.Context()); !ok {
				next.ServeHTTP(w, req) // a public operation: accepted lets nothing else pass
				return
			}
			// next gets the original request with the context that mark made.
			inner := func(w http.ResponseWriter, marked *http.Request) {
				next.ServeHTTP(w, req.WithContext(resource.WithoutHeldToken(marked.Context())))
			}
			mark(http.HandlerFunc(inner)).ServeHTTP(w, withPlaceholder(req))
		}))
	}
}

// withPlaceholder returns a copy of req for the SDK's middleware, which requires a bearer
// token. Its only header is a placeholder, even if the Resource kept the token. Nothing else
// gets the copy.
func withPlaceholder(req *http.Request) *http.Request {
	out := req.WithContext(req.Context())
	out.Header = http.Header{"Authorization": {"Bearer accepted-by-warder"}}
	return out
}

// copyCaller is the token verifier for the SDK. It does not verify anything: it copies the
// caller of a request that was accepted, and ignores the placeholder.
func copyCaller(ctx context.Context, _ string, _ *http.Request) (*auth.TokenInfo, error) {
	caller, ok := resource.FromContext(ctx)
	if !ok { // Bridge does not call this without a caller; fail closed all the same
		return nil, errors.New("mcpsdk: no caller in the request's context")
	}
	challenge := func(scopes ...string) bool { return resource.Challenge(ctx, scopes...) }
	return &auth.TokenInfo{
		Scopes:     caller.AllScopes(),
		Expiration: caller.Expiry(),
		UserID:     caller.Owner(),
		Extra:      map[string]any{CallerKey: caller, challengeKey: challenge},
	}, nil
}

// CallerFrom returns the caller of a request, and whether there is one. extra is what the SDK
// gives to a tool, prompt, resource or middleware: req.Extra or req.GetExtra(), which can be
// nil. Without [Bridge] in front of the server, and with transports other than HTTP, there is
// no caller: reject the request then.
func CallerFrom(extra *mcp.RequestExtra) (*resource.Caller, bool) {
	if extra == nil || extra.TokenInfo == nil {
		return nil, false
	}
	caller, ok := extra.TokenInfo.Extra[CallerKey].(*resource.Caller)
	return caller, ok && caller != nil
}
