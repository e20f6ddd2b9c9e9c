// Package mcpserver contains what the examples share: an MCP server made with the
// official Go SDK and protected by warder, its HTTP server, and endpoints for operators.
package mcpserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

// AdminScope is the scope that delete_everything requires.
const AdminScope = "mcp:admin"

// Rules returns the scopes that tools require in addition to those of every request.
func Rules() resource.Operations {
	return resource.Operations{Tools: map[string][]string{"delete_everything": {AdminScope}}}
}

// AddRules adds those of Rules whose tool the operations do not mention, so that only a
// configuration that names delete_everything can open it. A rule without scopes opens it to
// every caller.
func AddRules(operations *resource.Operations) {
	tools := maps.Clone(operations.Tools)
	if tools == nil {
		tools = map[string][]string{}
	}
	for tool, scopes := range Rules().Tools {
		if _, ok := tools[tool]; !ok && !slices.Contains(operations.PublicTools, tool) {
			tools[tool] = scopes
		}
	}
	operations.Tools = tools
}

// newServer returns a server with two tools.
func newServer() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "warder-example", Version: "0.1.0"}, nil)
	mcp.AddTool(server, &mcp.Tool{
		Name:        "whoami",
		Description: "Returns the identity of the caller, as stated in the access token.",
	}, whoami)
	mcp.AddTool(server, &mcp.Tool{
		Name:        "delete_everything",
		Description: "Deletes everything.",
	}, deleteEverything)
	return server
}

// Check returns an error if a rule of res names a tool that the server does not have.
// Such a rule is a typo, and would leave the intended tool unprotected.
func Check(ctx context.Context, res *resource.Resource) error {
	return mcpsdk.Check(ctx, res, newServer())
}

// newMCP returns a server that enforces the rules of res. The server is stateless, as
// MCP 2026-07-28 requires, and responds with plain JSON, which is easier to read in a
// terminal.
func newMCP(ctx context.Context, res *resource.Resource, addTools func(*mcp.Server)) (http.Handler, error) {
	if err := Check(ctx, res); err != nil {
		return nil, err
	}
	server := newServer()
	addTools(server)
	// Defense in depth: Lock enforces the rules again inside the server, and removes from
	// its lists what the caller may not use.
	server.AddReceivingMiddleware(mcpsdk.Lock(res))

	return mcp.NewStreamableHTTPHandler(
		func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true},
	), nil
}

// errNoCaller cannot occur behind warder, which rejects requests without a verified
// caller. A tool that acts on behalf of the caller checks nevertheless, and fails closed.
var errNoCaller = errors.New("no authenticated caller")

func whoami(_ context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
	caller, ok := mcpsdk.CallerFrom(req.Extra)
	if !ok {
		return nil, nil, errNoCaller
	}
	return textResult("You are %s of %s; your token grants %s.", name(caller.Subject(), caller.ClientID()), caller.Issuer(), list(caller.Scopes()))
}

// deleteEverything does not check scopes: warder has already rejected callers without
// AdminScope. It does so before the tool runs, because over HTTP the 403 response with
// the challenge can only be sent at that point.
func deleteEverything(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
	return textResult("Everything is deleted. (Not really.)")
}

func textResult(format string, args ...any) (*mcp.CallToolResult, any, error) {
	text := fmt.Sprintf(format, args...)
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
}

// name returns the client if there is no subject, as in some tokens of the client
// credentials grant.
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
