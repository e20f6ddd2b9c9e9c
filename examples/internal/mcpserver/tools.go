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
	"github.com/warder-go/warder/resource"
)

// AdminScope is what delete_everything needs.
const AdminScope = "mcp:admin"

// Rules say which scopes the tools need, besides those of every request.
func Rules() resource.Operations {
	return resource.Operations{Tools: map[string][]string{"delete_everything": {AdminScope}}}
}

// newServer returns a server with two tools.
func newServer() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "warder-example", Version: "0.1.0"}, nil)
	mcp.AddTool(server, &mcp.Tool{
		Name:        "whoami",
		Description: "Tells who you are, as your access token says.",
	}, whoami)
	mcp.AddTool(server, &mcp.Tool{
		Name:        "delete_everything",
		Description: "Deletes everything.",
	}, deleteEverything)
	return server
}

// Check compares rules with the tools that there are: a rule for a tool that is not
// there is a typo, which would leave a tool open.
func Check(ctx context.Context, res *resource.Resource) error {
	return mcpsdk.Check(ctx, res, newServer())
}

// newMCP returns a server under the rules of res. The server is stateless, as MCP
// 2026-07-28 wants it, and answers in plain JSON, which reads better in a terminal.
func newMCP(ctx context.Context, res *resource.Resource) (http.Handler, error) {
	// Rules that don't fit end the program here. Then the second lock, which asks the
	// rules again inside the server and hides from its lists what the caller may not use.
	if err := Check(ctx, res); err != nil {
		return nil, err
	}
	server := newServer()
	server.AddReceivingMiddleware(mcpsdk.Lock(res))

	return mcp.NewStreamableHTTPHandler(
		func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true},
	), nil
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

// deleteEverything asks for no scope: who may not call it does not get here. Over HTTP
// such a caller has got 403 with a challenge, which only works before the tool runs.
func deleteEverything(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
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
