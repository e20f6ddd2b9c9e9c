package sdktest_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// newMCPGo makes a server with mcp-go that has the same features, and a tool that runs as a task.
func newMCPGo(obs *observer) *server.MCPServer {
	hooks := new(server.Hooks)
	hooks.AddBeforeAny(func(ctx context.Context, _ any, method mcp.MCPMethod, message any) {
		obs.observeMCPGo(ctx, method, message)
	})
	s := server.NewMCPServer("mcp-go", "1", server.WithHooks(hooks), server.WithToolCapabilities(true), server.WithPromptCapabilities(true),
		server.WithResourceCapabilities(true, true), server.WithCompletions(), server.WithLogging(), server.WithTaskCapabilities(true, true, true), server.WithElicitation(),
		server.WithPromptCompletionProvider(emptyCompleter{obs}), server.WithResourceCompletionProvider(emptyCompleter{obs}))
	for _, name := range toolNames {
		s.AddTool(mcp.NewTool(name), func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			obs.executed(req.Header, "tool "+name, isForbidden(name))
			return mcp.NewToolResultText("done"), nil
		})
	}
	for _, name := range promptNames {
		s.AddPrompt(mcp.NewPrompt(name), func(_ context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			obs.executed(req.Header, "prompt "+name, isForbidden(name))
			return &mcp.GetPromptResult{}, nil
		})
	}
	read := func(registered string) func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return func(_ context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			obs.executed(req.Header, "resource "+registered, isForbidden(registered))
			return []mcp.ResourceContents{mcp.TextResourceContents{URI: req.Params.URI, Text: "text"}}, nil
		}
	}
	for _, uri := range resourceURIs {
		s.AddResource(mcp.NewResource(uri, uri), read(uri))
	}
	for _, template := range templateTexts {
		s.AddResourceTemplate(mcp.NewResourceTemplate(template, template), read(template))
	}
	s.AddTool(mcp.NewTool("confirm"), func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		obs.executed(req.Header, "tool confirm", false)
		if req.Params.InputResponses != nil {
			return mcp.NewToolResultText("done"), nil
		}
		schema := map[string]any{"type": "object", "properties": map[string]any{}}
		return server.NewInputRequestBuilder("state").Elicit("q", mcp.ElicitationParams{Message: "sure?", RequestedSchema: schema}).ToolResult(), nil
	})
	slow := mcp.NewTool("slow")
	slow.Execution = &mcp.ToolExecution{TaskSupport: mcp.TaskSupportRequired}
	s.AddTool(slow, func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		obs.executed(req.Header, "tool slow", isForbidden("slow"))
		return mcp.NewToolResultText("done"), nil
	})
	return s
}

// observeMCPGo notifies the observer of each request, as the SDK has decoded it.
func (obs *observer) observeMCPGo(ctx context.Context, method mcp.MCPMethod, message any) {
	o, header := op{method: string(method)}, http.Header(nil)
	switch m := message.(type) {
	case *mcp.CallToolRequest:
		o.name, o.arguments, header = m.Params.Name, compact(m.Params.RawArguments), m.Header
	case *mcp.GetPromptRequest:
		o.name, header = m.Params.Name, m.Header
	case *mcp.ReadResourceRequest:
		o.name, header = m.Params.URI, m.Header
	case *mcp.SubscribeRequest:
		o.name, header = m.Params.URI, m.Header
		obs.executed(header, "subscribe "+m.Params.URI, isForbidden(m.Params.URI))
	case *mcp.CompleteRequest:
		header = m.Header
		switch ref := m.Params.Ref.(type) {
		case mcp.PromptReference:
			o.name = ref.Name
		case mcp.ResourceReference:
			o.name = ref.URI
		}
	case *mcp.GetTaskRequest:
		o.name, header = m.Params.TaskId, m.Header
	case *mcp.TaskResultRequest:
		o.name, header = m.Params.TaskId, m.Header
	case *mcp.CancelTaskRequest:
		o.name, header = m.Params.TaskId, m.Header
	case *mcp.SubscriptionsListenRequest:
		header = m.Header
		for _, uri := range m.Params.Notifications.ResourceSubscriptions {
			obs.executed(header, "subscribe "+uri, isForbidden(uri))
		}
		if stop, ok := ctx.Value(stopKey{}).(context.CancelFunc); ok {
			stop() // otherwise the SDK waits for events
		}
	}
	if header == nil {
		header = headerIn(ctx)
	}
	obs.dispatched(header, o)
}

// stopKey is the context key of a function that cancels the request.
type stopKey struct{}

// headerIn returns the request headers from a context. With mcp-go's HTTP transports, ctx is derived
// from the context of the request.
func headerIn(ctx context.Context) http.Header {
	h, _ := ctx.Value(headerKey{}).(http.Header)
	return h
}

// headerKey is the context key of the request headers.
type headerKey struct{}

// emptyCompleter returns no completions.
type emptyCompleter struct{ observer *observer }

func (c emptyCompleter) CompletePromptArgument(ctx context.Context, name string, _ mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	c.observer.executed(headerIn(ctx), "complete "+name, isForbidden(name))
	return &mcp.Completion{Values: []string{}}, nil
}

func (c emptyCompleter) CompleteResourceArgument(ctx context.Context, uri string, _ mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	c.observer.executed(headerIn(ctx), "complete "+uri, isForbidden(uri))
	return &mcp.Completion{Values: []string{}}, nil
}

func mcpGoStreamable(obs *observer, options ...server.StreamableHTTPOption) http.Handler {
	options = append(options, server.WithStreamableHTTPLogger(slog.New(slog.DiscardHandler)))
	return server.NewStreamableHTTPServer(newMCPGo(obs), options...)
}

func mcpGoSSE(obs *observer) http.Handler {
	return server.NewSSEServer(newMCPGo(obs), server.WithUseFullURLForMessageEndpoint(false))
}

// mcpGoResponds reports whether mcp-go responds to the body with an event.
func mcpGoResponds(body []byte) bool {
	var m struct {
		ID, Result any
		Method     string
	}
	if json.Unmarshal(body, &m) != nil {
		return true // with an error
	}
	if m.ID == nil {
		return json.Unmarshal(body, new(mcp.JSONRPCNotification)) != nil
	}
	return m.Result == nil && m.Method != "subscriptions/listen" // its response is sent when the session ends
}
