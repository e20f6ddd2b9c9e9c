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

// The features of both servers. With these names, a reader that ignores case or stops early finds
// another feature than the named one.
var (
	toolNames     = []string{"echo", "Echo", "delete_user", "DELETE_USER", "delete", "delete_all"}
	promptNames   = []string{"greet", "secret", "Secret"}
	resourceURIs  = []string{"file:///open", "file:///secret", "file:///Secret"}
	templateTexts = []string{"db://{table}/{id}", "note://{id}", "file:///private/{+path}", "file:///public/{+path}"}
)

// isForbidden reports whether the token "some" must not use a feature. For tools, prompts and
// resources, name is the registered name. For subscriptions and completions, it is the text that
// the client sent.
func isForbidden(name string) bool {
	return strings.HasPrefix(name, "delete_") || name == "slow" || name == "secret" || name == "file:///secret" ||
		strings.HasPrefix(name, "file:///private/") || name == "db://{table}/{id}" || rowURI.MatchString(name)
}

// rowURI is how both SDKs match db://{table}/{id}.
var rowURI = regexp.MustCompile(`^db://([\w.~,-]|%[[:xdigit:]]{2})*/([\w.~,-]|%[[:xdigit:]]{2})*$`)

// newGoSDK makes a server with the official SDK that notifies the observer of each operation.
func newGoSDK(obs *observer) *mcp.Server {
	done := []mcp.Content{&mcp.TextContent{Text: "done"}}
	server := mcp.NewServer(&mcp.Implementation{Name: "go-sdk", Version: "1"}, &mcp.ServerOptions{
		CompletionHandler: func(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
			ref := req.Params.Ref.Name + req.Params.Ref.URI
			obs.executed(headerOf(req), "complete "+ref, isForbidden(ref))
			return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{}}}, nil
		},
		SubscribeHandler: func(_ context.Context, req *mcp.SubscribeRequest) error {
			obs.executed(headerOf(req), "subscribe "+req.Params.URI, isForbidden(req.Params.URI))
			return nil
		},
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
	})
	for _, name := range toolNames {
		server.AddTool(&mcp.Tool{Name: name, InputSchema: map[string]any{"type": "object"}}, func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			obs.executed(headerOf(req), "tool "+name, isForbidden(name))
			return &mcp.CallToolResult{Content: done}, nil
		})
	}
	server.AddTool(&mcp.Tool{Name: "confirm", InputSchema: map[string]any{"type": "object"}}, func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		obs.executed(headerOf(req), "tool confirm", false)
		if req.Params.InputResponses != nil {
			return &mcp.CallToolResult{Content: done}, nil
		}
		request := &mcp.ElicitParams{Mode: "form", Message: "sure?", RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{}}}
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"q": request}, RequestState: "state"}, nil
	})
	for _, name := range promptNames {
		server.AddPrompt(&mcp.Prompt{Name: name}, func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			obs.executed(headerOf(req), "prompt "+name, isForbidden(name))
			return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{}}, nil
		})
	}
	read := func(registered string) mcp.ResourceHandler {
		return func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			obs.executed(headerOf(req), "resource "+registered, isForbidden(registered))
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: req.Params.URI, Text: "text"}}}, nil
		}
	}
	for _, uri := range resourceURIs {
		server.AddResource(&mcp.Resource{Name: uri, URI: uri}, read(uri))
	}
	for _, template := range templateTexts {
		server.AddResourceTemplate(&mcp.ResourceTemplate{Name: template, URITemplate: template}, read(template))
	}
	server.AddReceivingMiddleware(obs.observeGoSDK)
	return server
}

// observeGoSDK notifies the observer of each message, as the SDK has decoded it.
func (obs *observer) observeGoSDK(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		header := headerOf(req)
		obs.dispatched(header, goSDKOp(method, req.GetParams()))
		if params, ok := req.GetParams().(*mcp.SubscriptionsListenParams); ok && params != nil {
			if params.Notifications != nil {
				for _, uri := range params.Notifications.ResourceSubscriptions {
					obs.executed(header, "subscribe "+uri, isForbidden(uri))
				}
			}
			return &mcp.SubscriptionsListenResult{}, nil // the SDK's handler would wait for events
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

// goSDKOp returns the operation of a decoded message, with the fields of resource.Operation.
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

func goSDKStreamable(obs *observer, options mcp.StreamableHTTPOptions) http.Handler {
	server := newGoSDK(obs)
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &options)
}

func goSDKSSE(obs *observer) http.Handler {
	server := newGoSDK(obs)
	return mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return server }, nil)
}

// goSDKResponds reports whether the SDK responds to the body with an event.
func goSDKResponds(body []byte) bool {
	message, err := jsonrpc.DecodeMessage(body)
	call, ok := message.(*jsonrpc.Request)
	return err == nil && ok && call.IsCall()
}

// goSDKBreaksSession reports whether the body ends the SDK's SSE connection (v1.8.0). The SDK cannot
// encode the error for an unknown resource as JSON if its URI is not printable.
func goSDKBreaksSession(body []byte) bool {
	message, err := jsonrpc.DecodeMessage(body)
	call, ok := message.(*jsonrpc.Request)
	var params struct{ URI string }
	return err == nil && ok && call.Method == "resources/read" && json.Unmarshal(call.Params, &params) == nil && !json.Valid(strconv.AppendQuote(nil, params.URI))
}
