package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

const template = "test://template/{id}/data"

// newServer returns a server with those of the suite's fixtures that the scenario uses.
// It is stateless, so that it supports protocol version 2026-07-28 and earlier ones.
func newServer(ctx context.Context, res *resource.Resource) (http.Handler, error) {
	server := mcp.NewServer(&mcp.Implementation{Name: "warder-conformance", Version: "0.1.0"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "test_simple_text", Description: "Tests simple text content response"}, simpleText)
	server.AddResource(&mcp.Resource{Name: "static-text", URI: "test://static-text", MIMEType: "text/plain"}, staticText)
	server.AddResourceTemplate(&mcp.ResourceTemplate{Name: "template", URITemplate: template, MIMEType: "application/json"}, templateData)
	server.AddPrompt(&mcp.Prompt{Name: "test_simple_prompt", Description: "A simple prompt without arguments"}, simplePrompt)
	if err := mcpsdk.Check(ctx, res, server); err != nil {
		return nil, err
	}
	server.AddReceivingMiddleware(mcpsdk.Lock(res))
	return mcp.NewStreamableHTTPHandler(
		func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: true},
	), nil
}

func simpleText(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "This is a simple text response for testing."}}}, nil, nil
}

func staticText(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{
		URI: req.Params.URI, MIMEType: "text/plain", Text: "This is the content of the static text resource.",
	}}}, nil
}

func templateData(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	id := strings.TrimSuffix(strings.TrimPrefix(req.Params.URI, "test://template/"), "/data")
	text, err := json.Marshal(struct {
		ID           string `json:"id"`
		TemplateTest bool   `json:"templateTest"`
		Data         string `json:"data"`
	}{id, true, "Data for ID: " + id})
	if err != nil {
		return nil, err
	}
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{
		URI: req.Params.URI, MIMEType: "application/json", Text: string(text),
	}}}, nil
}

func simplePrompt(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{
		Role: "user", Content: &mcp.TextContent{Text: "This is a simple prompt for testing."},
	}}}, nil
}
