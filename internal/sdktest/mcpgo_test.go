package sdktest_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// newMCPGo makes a server of mcp-go with the same features, and a tool that runs as a
// task.
func newMCPGo(w *watch) *server.MCPServer {
	hooks := new(server.Hooks)
	hooks.AddBeforeAny(func(ctx context.Context, _ any, method mcp.MCPMethod, message any) { w.seeMCPGo(ctx, method, message) })
	s := server.NewMCPServer("mcp-go", "1", server.WithHooks(hooks), server.WithToolCapabilities(true), server.WithPromptCapabilities(true),
		server.WithResourceCapabilities(true, true), server.WithCompletions(), server.WithLogging(), server.WithTaskCapabilities(true, true, true), server.WithElicitation(),
		server.WithPromptCompletionProvider(completer{w}), server.WithResourceCompletionProvider(completer{w}))
	for _, name := range toolNames {
		s.AddTool(mcp.NewTool(name), func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			w.run(req.Header, "tool "+name, isForbidden(name))
			return mcp.NewToolResultText("done"), nil
		})
	}
	for _, name := range promptNames {
		s.AddPrompt(mcp.NewPrompt(name), func(_ context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			w.run(req.Header, "prompt "+name, isForbidden(name))
			return &mcp.GetPromptResult{}, nil
		})
	}
	read := func(registered string) func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return func(_ context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			w.run(req.Header, "resource "+registered, isForbidden(registered))
			return []mcp.ResourceContents{mcp.TextResourceContents{URI: req.Params.URI, Text: "text"}}, nil
		}
	}
	for _, uri := range resourceURIs {
		s.AddResource(mcp.NewResource(uri, uri), read(uri))
	}
	for _, template := range templateTexts {
		s.AddResourceTemplate(mcp.NewResourceTemplate(template, template), read(template))
	}
	s.AddTool(mcp.NewTool("ask"), func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		w.run(req.Header, "tool ask", false)
		if req.Params.InputResponses != nil {
			return mcp.NewToolResultText("done"), nil
		}
		schema := map[string]any{"type": "object", "properties": map[string]any{}}
		return server.NewInputRequestBuilder("state").Elicit("q", mcp.ElicitationParams{Message: "sure?", RequestedSchema: schema}).ToolResult(), nil
	})
	slow := mcp.NewTool("slow")
	slow.Execution = &mcp.ToolExecution{TaskSupport: mcp.TaskSupportRequired}
	s.AddTool(slow, func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		w.run(req.Header, "tool slow", isForbidden("slow"))
		return mcp.NewToolResultText("done"), nil
	})
	return s
}

// seeMCPGo sees every request as the SDK's own decoder understood it.
func (w *watch) seeMCPGo(ctx context.Context, method mcp.MCPMethod, message any) {
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
		w.run(header, "subscribe "+m.Params.URI, isForbidden(m.Params.URI))
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
			w.run(header, "subscribe "+uri, isForbidden(uri))
		}
		if stop, ok := ctx.Value(stopKey{}).(context.CancelFunc); ok {
			stop() // it would wait for events
		}
	}
	if header == nil {
		header = headerIn(ctx)
	}
	w.dispatched(header, o)
}

// stopKey finds the function that ends the request which ctx belongs to.
type stopKey struct{}

// headerIn returns the key of the passage from a context. Behind mcp-go's HTTP
// transports it descends from the request's own.
func headerIn(ctx context.Context) http.Header {
	h, _ := ctx.Value(headerKey{}).(http.Header)
	return h
}

type headerKey struct{}

// completer completes nothing, for everything.
type completer struct{ watch *watch }

func (c completer) CompletePromptArgument(ctx context.Context, name string, _ mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	c.watch.run(headerIn(ctx), "complete "+name, isForbidden(name))
	return &mcp.Completion{Values: []string{}}, nil
}

func (c completer) CompleteResourceArgument(ctx context.Context, uri string, _ mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	c.watch.run(headerIn(ctx), "complete "+uri, isForbidden(uri))
	return &mcp.Completion{Values: []string{}}, nil
}

func mcpGoStreamable(w *watch, options ...server.StreamableHTTPOption) http.Handler {
	options = append(options, server.WithStreamableHTTPLogger(slog.New(slog.DiscardHandler)))
	return server.NewStreamableHTTPServer(newMCPGo(w), options...)
}

func mcpGoSSE(w *watch) http.Handler {
	return server.NewSSEServer(newMCPGo(w), server.WithUseFullURLForMessageEndpoint(false))
}

// mcpGoAnswers reports whether mcp-go answers the body with an event.
func mcpGoAnswers(body []byte) bool {
	var m struct {
		ID, Result any
		Method     string
	}
	if json.Unmarshal(body, &m) != nil {
		return true // by an error
	}
	if m.ID == nil {
		return json.Unmarshal(body, new(mcp.JSONRPCNotification)) != nil
	}
	return m.Result == nil && m.Method != "subscriptions/listen" // that one ends with its session
}
