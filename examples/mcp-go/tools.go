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

// newMCP returns a server with sessions and two tools. Its list of tools shows a caller
// what the rules of res let that caller call.
func newMCP(res *resource.Resource) http.Handler {
	s := server.NewMCPServer("warder-mcp-go-example", "0.1.0", server.WithToolFilter(
		func(ctx context.Context, tools []mcp.Tool) []mcp.Tool {
			caller, _ := resource.FromContext(ctx)
			return slices.DeleteFunc(slices.Clone(tools), func(tool mcp.Tool) bool {
				return !res.Offers(ctx, caller, resource.Operation{Method: "tools/call", Name: tool.Name})
			})
		}))
	s.AddTool(mcp.NewTool("whoami", mcp.WithDescription("Tells who you are, as your access token says.")), whoami)
	s.AddTool(mcp.NewTool("delete_everything", mcp.WithDescription("Deletes everything.")), deleteEverything)
	return server.NewStreamableHTTPServer(s, server.WithStateful(true))
}

// errNobody is for the case that cannot be: warder lets nobody in whom it does not
// know. A tool that acts for somebody asks all the same, and refuses.
var errNobody = errors.New("nobody is known to have sent this")

// whoami finds the caller in ctx: in mcp-go that is the context of the request which
// calls the tool, also in the middle of a session.
func whoami(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	caller, ok := resource.FromContext(ctx)
	if !ok {
		return nil, errNobody
	}
	return mcp.NewToolResultText("You are " + caller.Subject() + " of " + caller.Issuer() + "."), nil
}

// deleteEverything asks for no scope: who may not call it does not get here.
func deleteEverything(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return mcp.NewToolResultText("Everything is deleted. (Not really.)"), nil
}
