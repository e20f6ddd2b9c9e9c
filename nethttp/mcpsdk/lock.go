package mcpsdk

import (
	"context"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/resource"
)

// Lock is a second lock, inside the server: a middleware for
// [mcp.Server.AddReceivingMiddleware]. It asks the rules of the Resource again when the
// SDK has read the message and is about to run it, so that a transport or a route that
// went round the Resource's HTTP middleware runs nothing. The caller is that of the
// message's TokenInfo, which [Bridge] puts there, never that of ctx. Without one
// everything is refused, save for what Operations.Public names.
//
// It also hides from tools/list, prompts/list, resources/list and
// resources/templates/list what the caller may not use by these rules, that is, call,
// get or read; Operations.Rule is asked without arguments. A template is judged by the
// URI that it makes with "x" for each variable. So a page may be shorter than the SDK made
// it, and even empty, while its cursor leads on; the SDK's cursors contain the name of
// a page's last item, which may be a hidden one. Lists in Operations.Public are shown
// whole, to everybody.
//
// Filtered lists, and resources that were read, are marked as cacheable for the caller
// alone (cacheScope "private") where the protocol knows the mark: from 2026-07-28 on.
//
// A subscriptions/listen without the header Mcp-Method is refused where the Resource has
// no rules and so does not read bodies: it would not know of the stream, which then
// would outlive the token.
//
// Add it last, so that it stands outside of the server's other middlewares, and to each
// server that the process makes. It does not take the place of the HTTP middleware:
// only there clients get challenges. A refusal is counted and logged by the Resource; a
// request that is refused here has been counted as accepted before.
func Lock(res *resource.Resource) mcp.Middleware {
	l := &lock{res: res}
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			if isChecking(ctx, method) {
				return next(ctx, method, req)
			}
			caller, _ := CallerFrom(req.GetExtra())
			if err := l.admit(ctx, method, req, caller); err != nil {
				return nil, err
			}
			result, err := next(ctx, method, req)
			if err != nil {
				return result, err
			}
			return l.hide(ctx, method, req, caller, result), nil
		}
	}
}

type lock struct {
	res *resource.Resource
}

// admit refuses what the caller may not do.
func (l *lock) admit(ctx context.Context, method string, req mcp.Request, caller *resource.Caller) error {
	wanted, err := operations(method, req.GetParams())
	if err != nil { // not readable: fail closed
		return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: err.Error()}
	}
	for _, op := range wanted {
		if refusal := l.res.Permit(ctx, caller, op); refusal != nil {
			return rpcError(refusal)
		}
	}
	if method == mcpmsg.SubscriptionsListen && !l.watched(req.GetExtra()) {
		return &jsonrpc.Error{Code: mcp.CodeHeaderMismatch, Message: "Mcp-Method is missing or not what the body says"}
	}
	return nil
}

// watched reports whether the Resource knew that the request opens a stream, and ends
// it with the token (see [resource.Decision.Done]): by its body or by its header. The
// SDK (v1.8.0) doesn't ask for the header in requests that name no protocol version.
func (l *lock) watched(extra *mcp.RequestExtra) bool {
	if extra != nil && slices.Contains(extra.Header["Mcp-Method"], mcpmsg.SubscriptionsListen) {
		return true
	}
	return !l.res.Operations().IsZero() // bodies are read
}

// rpcError tells a client no more than the HTTP answer would. JSON-RPC and MCP have no
// code for it; that of an invalid request is the one the HTTP answers use.
func rpcError(refusal *resource.Refusal) error {
	e := &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest}
	switch {
	case refusal.Status == 401:
		e.Message = "not authorized: no caller is known, or the access token is no longer good"
	case refusal.Reason == resource.ReasonInsufficientScope:
		e.Message = "not authorized: the access token lacks a scope that this request needs"
	case refusal.Reason == resource.ReasonOperationUndeclared:
		e.Message = "not authorized: the operation is not offered to anybody"
	case refusal.Status == 400:
		e.Message = "the request does not say what it is about"
	default:
		e.Code, e.Message = jsonrpc.CodeInternalError, "the request could not be authorized"
	}
	return e
}

// hide takes from a list what the caller may not use. The result is a copy: another
// middleware may have kept the original.
func (l *lock) hide(ctx context.Context, method string, req mcp.Request, caller *resource.Caller, result mcp.Result) mcp.Result {
	if r, ok := result.(*mcp.ReadResourceResult); ok {
		out := *r
		markPrivate(req, &out.Cacheable)
		return &out
	}
	if !strings.HasSuffix(method, "/list") || slices.Contains(l.res.Operations().Public, method) {
		return result
	}
	offers := func(method, name string) bool {
		return l.res.Offers(ctx, caller, resource.Operation{Method: method, Name: name})
	}
	switch r := result.(type) {
	case *mcp.ListToolsResult:
		out := *r
		out.Tools = only(r.Tools, func(t *mcp.Tool) bool { return offers(mcpmsg.ToolsCall, t.Name) })
		markPrivate(req, &out.Cacheable)
		return &out
	case *mcp.ListPromptsResult:
		out := *r
		out.Prompts = only(r.Prompts, func(p *mcp.Prompt) bool { return offers(mcpmsg.PromptsGet, p.Name) })
		markPrivate(req, &out.Cacheable)
		return &out
	case *mcp.ListResourcesResult:
		out := *r
		out.Resources = only(r.Resources, func(r *mcp.Resource) bool { return offers(mcpmsg.ResourcesRead, r.URI) })
		markPrivate(req, &out.Cacheable)
		return &out
	case *mcp.ListResourceTemplatesResult:
		out := *r
		out.ResourceTemplates = only(r.ResourceTemplates, func(t *mcp.ResourceTemplate) bool { return offers(mcpmsg.ResourcesRead, sample(t.URITemplate)) })
		markPrivate(req, &out.Cacheable)
		return &out
	}
	return result
}

// only returns those that may be shown: [] if there are none, as clients expect.
func only[T any](all []*T, may func(*T) bool) []*T {
	shown := []*T{}
	for _, one := range all {
		if one != nil && may(one) {
			shown = append(shown, one)
		}
	}
	return shown
}

// markPrivate keeps shared caches from handing an answer to other callers.
func markPrivate(req mcp.Request, c *mcp.Cacheable) {
	v, ok := req.(interface{ ProtocolVersion() string })
	if ok && v.ProtocolVersion() >= "2026-07-28" {
		c.CacheScope = "private"
	}
}
