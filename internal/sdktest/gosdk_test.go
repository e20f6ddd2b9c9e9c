package sdktest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// What both servers offer. The names are chosen so that a reader who ignores case, or
// stops early, finds another feature than the one that was named.
var (
	toolNames     = []string{"echo", "Echo", "delete_user", "DELETE_USER", "delete", "delete_all"}
	promptNames   = []string{"greet", "secret", "Secret"}
	resourceURIs  = []string{"file:///open", "file:///secret", "file:///Secret"}
	templateTexts = []string{"db://{table}/{id}", "note://{id}", "file:///private/{+path}", "file:///public/{+path}"}
)

// isForbidden reports whether the token "some" must not have the named thing run. A
// handler of a tool, prompt or resource gives the name under which it is registered;
// subscriptions and completions have no more than what the client wrote.
func isForbidden(name string) bool {
	return strings.HasPrefix(name, "delete_") || name == "slow" || name == "secret" || name == "file:///secret" ||
		strings.HasPrefix(name, "file:///private/") || name == "db://{table}/{id}" || isRow.MatchString(name)
}

// isRow is what both SDKs make of db://{table}/{id}.
var isRow = regexp.MustCompile(`^db://([\w.~,-]|%[[:xdigit:]]{2})*/([\w.~,-]|%[[:xdigit:]]{2})*$`)

// newGoSDK makes a server of the official SDK that tells the watch all it does.
func newGoSDK(w *watch) *mcp.Server {
	said := []mcp.Content{&mcp.TextContent{Text: "done"}}
	server := mcp.NewServer(&mcp.Implementation{Name: "go-sdk", Version: "1"}, &mcp.ServerOptions{
		CompletionHandler: func(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
			ref := req.Params.Ref.Name + req.Params.Ref.URI
			w.run(headerOf(req), "complete "+ref, isForbidden(ref))
			return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{}}}, nil
		},
		SubscribeHandler: func(_ context.Context, req *mcp.SubscribeRequest) error {
			w.run(headerOf(req), "subscribe "+req.Params.URI, isForbidden(req.Params.URI))
			return nil
		},
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
	})
	for _, name := range toolNames {
		server.AddTool(&mcp.Tool{Name: name, InputSchema: map[string]any{"type": "object"}}, func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			w.run(headerOf(req), "tool "+name, isForbidden(name))
			return &mcp.CallToolResult{Content: said}, nil
		})
	}
	server.AddTool(&mcp.Tool{Name: "ask", InputSchema: map[string]any{"type": "object"}}, func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		w.run(headerOf(req), "tool ask", false)
		if req.Params.InputResponses != nil {
			return &mcp.CallToolResult{Content: said}, nil
		}
		question := &mcp.ElicitParams{Mode: "form", Message: "sure?", RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{}}}
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"q": question}, RequestState: "state"}, nil
	})
	for _, name := range promptNames {
		server.AddPrompt(&mcp.Prompt{Name: name}, func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			w.run(headerOf(req), "prompt "+name, isForbidden(name))
			return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{}}, nil
		})
	}
	read := func(registered string) mcp.ResourceHandler {
		return func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			w.run(headerOf(req), "resource "+registered, isForbidden(registered))
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: req.Params.URI, Text: "text"}}}, nil
		}
	}
	for _, uri := range resourceURIs {
		server.AddResource(&mcp.Resource{Name: uri, URI: uri}, read(uri))
	}
	for _, template := range templateTexts {
		server.AddResourceTemplate(&mcp.ResourceTemplate{Name: template, URITemplate: template}, read(template))
	}
	server.AddReceivingMiddleware(w.seeGoSDK)
	return server
}

// seeGoSDK sees every message as the SDK's own decoder understood it.
func (w *watch) seeGoSDK(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		header := headerOf(req)
		w.dispatched(header, goSDKOp(method, req.GetParams()))
		if params, ok := req.GetParams().(*mcp.SubscriptionsListenParams); ok && params != nil {
			if params.Notifications != nil {
				for _, uri := range params.Notifications.ResourceSubscriptions {
					w.run(header, "subscribe "+uri, isForbidden(uri))
				}
			}
			return &mcp.SubscriptionsListenResult{}, nil // the real one would wait for events
		}
		return next(ctx, method, req)
	}
}

func headerOf(req mcp.Request) http.Header {
	if extra := req.GetExtra(); extra != nil {
		return extra.Header
	}
	return nil
}

// goSDKOp says what a decoded message is about, in the terms of resource.Operation.
func goSDKOp(method string, params mcp.Params) op {
	switch p := params.(type) {
	case *mcp.CallToolParamsRaw:
		return op{method, p.Name, compact(p.Arguments)}
	case *mcp.GetPromptParams:
		return op{method, p.Name, ""}
	case *mcp.ReadResourceParams:
		return op{method, p.URI, ""}
	case *mcp.SubscribeParams:
		return op{method, p.URI, ""}
	case *mcp.CompleteParams:
		if p.Ref != nil {
			return op{method, p.Ref.Name + p.Ref.URI, ""}
		}
	}
	return op{method, "", ""}
}

func goSDKStreamable(w *watch, options mcp.StreamableHTTPOptions) http.Handler {
	server := newGoSDK(w)
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &options)
}

func goSDKSSE(w *watch) http.Handler {
	server := newGoSDK(w)
	return mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return server }, nil)
}

// goSDKAnswers reports whether the SDK answers the body with an event.
func goSDKAnswers(body []byte) bool {
	message, err := jsonrpc.DecodeMessage(body)
	call, ok := message.(*jsonrpc.Request)
	return err == nil && ok && call.IsCall()
}

// goSDKBreaks reports whether the body ends the SDK's SSE connection (v1.8.0): it can't
// put into JSON that there is no resource with an unprintable name.
func goSDKBreaks(body []byte) bool {
	message, err := jsonrpc.DecodeMessage(body)
	call, ok := message.(*jsonrpc.Request)
	var params struct{ URI string }
	return err == nil && ok && call.Method == "resources/read" && json.Unmarshal(call.Params, &params) == nil && !json.Valid(strconv.AppendQuote(nil, params.URI))
}
