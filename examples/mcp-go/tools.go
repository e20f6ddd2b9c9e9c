package main

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/warder-go/warder/resource"
)

// newMCP returns a server with sessions and two tools. tools/list returns only the tools
// that the rules of res allow the caller to call.
func newMCP(res *resource.Resource) http.Handler {
	s := server.NewMCPServer("warder-mcp-go-example", "0.1.0", server.WithToolFilter(
		func(ctx context.Context, tools []mcp.Tool) []mcp.Tool {
			caller, _ := resource.FromContext(ctx)
			return slices.DeleteFunc(slices.Clone(tools), func(tool mcp.Tool) bool {
				return !res.Offers(ctx, caller, resource.Operation{Method: "tools/call", Name: tool.Name})
			})
		}))
	s.AddTool(mcp.NewTool("whoami", mcp.WithDescription("Returns the identity of the caller, as stated in the access token.")), whoami)
	s.AddTool(mcp.NewTool("delete_everything", mcp.WithDescription("Deletes everything.")), deleteEverything)
	return server.NewStreamableHTTPServer(s, server.WithStateful(true))
}

// errNoCaller cannot occur behind warder, which rejects requests without a verified
// caller. A tool that acts on behalf of the caller checks nevertheless, and fails closed.
var errNoCaller = errors.New("no authenticated caller")

// whoami gets the caller from ctx. In mcp-go ctx is derived from the request that calls
// the tool, even within a session.
func whoami(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	caller, ok := resource.FromContext(ctx)
	if !ok {
		return nil, errNoCaller
	}
	return mcp.NewToolResultText("You are " + caller.Subject() + " of " + caller.Issuer() + "."), nil
}

// deleteEverything does not check scopes: warder has already rejected callers without
// mcp:admin.
func deleteEverything(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return mcp.NewToolResultText("Everything is deleted. (Not really.)"), nil
}
