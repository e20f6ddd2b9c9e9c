// Package mcpserver is what the examples have in common: an MCP server made with the
// official Go SDK, warder in front of it, and the pages for operators beside it.
package mcpserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
)

// AdminScope is what delete_everything needs.
const AdminScope = "mcp:admin"

// newMCP returns a server with two tools. It is stateless, as MCP 2026-07-28 wants it,
// and answers in plain JSON, which reads better in a terminal.
func newMCP() http.Handler {
	server := mcp.NewServer(&mcp.Implementation{Name: "warder-example", Version: "0.1.0"}, nil)
	mcp.AddTool(server, &mcp.Tool{
		Name:        "whoami",
		Description: "Tells who you are, as your access token says.",
	}, whoami)
	mcp.AddTool(server, &mcp.Tool{
		Name:        "delete_everything",
		Description: "Deletes everything. Needs the scope " + AdminScope + ".",
	}, deleteEverything)
	return mcp.NewStreamableHTTPHandler(
		func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true},
	)
}

// errNobody is for the case that cannot be: warder lets nobody in whom it does not
// know. A tool that acts for somebody asks all the same, and refuses.
var errNobody = errors.New("nobody is known to have sent this")

func whoami(_ context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
	caller, ok := mcpsdk.CallerFrom(req.Extra)
	if !ok {
		return nil, nil, errNobody
	}
	return say("You are %s of %s; your token grants %s.", name(caller.Subject(), caller.ClientID()), caller.Issuer(), list(caller.Scopes()))
}

// deleteEverything refuses by itself. The answer is a tool error with status 200: from
// inside a tool no challenge can be sent any more, so the client can't ask for more.
func deleteEverything(_ context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
	caller, ok := mcpsdk.CallerFrom(req.Extra)
	if !ok {
		return nil, nil, errNobody
	}
	if !caller.Has(AdminScope) {
		return nil, nil, fmt.Errorf("delete_everything needs the scope %s; your token grants %s", AdminScope, list(caller.Scopes()))
	}
	return say("Everything is deleted. (Not really.)")
}

func say(format string, args ...any) (*mcp.CallToolResult, any, error) {
	text := fmt.Sprintf(format, args...)
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
}

// name falls back on the client: tokens of the client credentials grant may have no
// subject.
func name(subject, client string) string {
	if subject == "" {
		return "the client " + client
	}
	return subject
}

func list(scopes []string) string {
	if len(scopes) == 0 {
		return "no scope"
	}
	return strings.Join(scopes, " ")
}
