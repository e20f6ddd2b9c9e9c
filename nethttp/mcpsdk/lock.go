package mcpsdk

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/resource"
)

// Lock enforces the rules of the Resource a second time, inside the server. It is a middleware
// for [mcp.Server.AddReceivingMiddleware], and decides when the SDK has read the message and
// is about to run it. So a transport or a route without the Resource's HTTP middleware runs
// nothing. The caller is that of the message's TokenInfo, which [Bridge] sets, never that of
// ctx. Without a caller everything is rejected, except public operations.
//
// Lock also removes from tools/list, prompts/list, resources/list and
// resources/templates/list what the caller may not call, get or read by these rules. It calls
// Operations.Rule without arguments for that. A tool with a rule for an argument stays in the
// list if the caller may call it with one of the listed values. For a template, Lock checks the
// URI that results from "x" for each variable. So a page can be shorter than the SDK made it,
// and even empty, while its cursor still continues the list. The SDK's cursors contain the name
// of the last item of a page, which can be a removed one. Lists in Operations.Public are
// complete for everyone.
//
// Filtered lists, and resources that were read, are marked as cacheable for the caller alone
// (cacheScope "private") if the protocol has that mark: from 2026-07-28 on.
//
// A subscriptions/listen without the header Mcp-Method is rejected if the Resource has no
// rules and so does not read bodies. The Resource would not know of the stream, which could
// then outlive the token.
//
// Add Lock last, so that it is outside the server's other middlewares, and to each server that
// the process makes. It does not replace the HTTP middleware, which alone sends challenges to
// clients. The Resource counts and logs its refusals; a request that is rejected here was
// counted as accepted before.
func Lock(res *resource.Resource) mcp.Middleware {
	l := &lock{res: res}
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			if isChecking(ctx, method) {
				return next(ctx, method, req)
			}
			caller, _ := CallerFrom(req.GetExtra())
			if err := l.authorize(ctx, method, req, caller); err != nil {
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

// authorize rejects what the caller may not do.
func (l *lock) authorize(ctx context.Context, method string, req mcp.Request, caller *resource.Caller) error {
	wanted, err := operations(method, req.GetParams())
	if err != nil { // cannot be read: fail closed
		return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: err.Error()}
	}
	for _, op := range wanted {
		if refusal := l.res.Permit(ctx, caller, op); refusal != nil {
			return rpcError(refusal)
		}
	}
	if method == mcpmsg.SubscriptionsListen && !l.watched(req.GetExtra()) {
		return &jsonrpc.Error{Code: mcp.CodeHeaderMismatch, Message: "Mcp-Method is missing or differs from the body"}
	}
	return nil
}

// watched reports whether the Resource knows that the request opens a stream, and ends it with
// the token (see [resource.Decision.Done]): from its body or its header. The SDK (v1.8.0) does
// not require the header in requests that name no protocol version.
func (l *lock) watched(extra *mcp.RequestExtra) bool {
	if extra != nil && slices.Contains(extra.Header["Mcp-Method"], mcpmsg.SubscriptionsListen) {
		return true
	}
	return !l.res.Operations().IsZero() // then bodies are read
}

// rpcError returns an error with no more details than the HTTP answer has. JSON-RPC and MCP
// define no code for it, so its code is the status and its data is the OAuth error object, as in
// the HTTP answers (see [resource.Refusal]).
func rpcError(refusal *resource.Refusal) error {
	e := &jsonrpc.Error{Code: int64(refusal.Status), Data: bytes.TrimSpace(refusal.Body)}
	switch {
	case refusal.Reason == resource.ReasonInsufficientAuthentication:
		e.Message = "not authorized: the login of the user is not strong or recent enough for this request"
	case refusal.Reason == resource.ReasonBindingRequired:
		e.Message = "not authorized: the access token is not bound to its client, as this request requires"
	case refusal.Status == 401:
		e.Message = "not authorized: no caller is known, or the access token is not valid anymore"
	case refusal.Reason == resource.ReasonInsufficientScope:
		e.Message = "not authorized: the access token lacks a scope that this request needs"
	case refusal.Reason == resource.ReasonScopeUnavailable:
		e.Message = "not authorized: the request needs a scope that cannot be requested"
	case refusal.Reason == resource.ReasonAuthenticationUnavailable:
		e.Message = "not authorized: the request needs a login that this access token cannot have"
	case refusal.Reason == resource.ReasonBindingUnavailable:
		e.Message = "not authorized: the request needs a bound access token, and this credential cannot be bound"
	case refusal.Reason == resource.ReasonCondition:
		e.Message = "not authorized: the claims of the access token do not permit this request"
	case refusal.Reason == resource.ReasonOperationUndeclared:
		e.Message = "not authorized: no rule permits the operation"
	case refusal.Status == 400:
		e.Code, e.Message, e.Data = jsonrpc.CodeInvalidRequest, "the request does not say what it is about", nil
	default:
		e.Message = "the request could not be authorized"
	}
	return e
}

// hide removes from a list what the caller may not use. It returns a copy, because another
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
		out.Tools = filter(r.Tools, func(t *mcp.Tool) bool { return offers(mcpmsg.ToolsCall, t.Name) })
		markPrivate(req, &out.Cacheable)
		return &out
	case *mcp.ListPromptsResult:
		out := *r
		out.Prompts = filter(r.Prompts, func(p *mcp.Prompt) bool { return offers(mcpmsg.PromptsGet, p.Name) })
		markPrivate(req, &out.Cacheable)
		return &out
	case *mcp.ListResourcesResult:
		out := *r
		out.Resources = filter(r.Resources, func(r *mcp.Resource) bool { return offers(mcpmsg.ResourcesRead, r.URI) })
		markPrivate(req, &out.Cacheable)
		return &out
	case *mcp.ListResourceTemplatesResult:
		out := *r
		out.ResourceTemplates = filter(r.ResourceTemplates, func(t *mcp.ResourceTemplate) bool { return offers(mcpmsg.ResourcesRead, sample(t.URITemplate)) })
		markPrivate(req, &out.Cacheable)
		return &out
	}
	return result
}

// filter returns the items that keep accepts. The result is not nil, because clients expect an
// array.
func filter[T any](all []*T, keep func(*T) bool) []*T {
	kept := []*T{}
	for _, item := range all {
		if item != nil && keep(item) {
			kept = append(kept, item)
		}
	}
	return kept
}

// markPrivate keeps shared caches from giving a result to other callers.
func markPrivate(req mcp.Request, c *mcp.Cacheable) {
	v, ok := req.(interface{ ProtocolVersion() string })
	if ok && v.ProtocolVersion() >= "2026-07-28" {
		c.CacheScope = "private"
	}
}
