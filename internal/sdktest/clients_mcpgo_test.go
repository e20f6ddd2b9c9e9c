package sdktest_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
)

// warder accepts all requests of the client of mcp-go, like in TestOfficialClient.
func TestMCPGoClient(t *testing.T) {
	for _, s := range testServers(t, rules) {
		versions := []string{"2025-06-18", "2025-11-25"}
		if s.modern {
			versions = append(versions, "2026-07-28")
		}
		for _, version := range versions {
			t.Run(s.name+", "+version, func(t *testing.T) {
				address, c := s.serve(t)
				useMCPGoClient(t, s, address, version)
				c.check(t, "tools/list", "tools/call", "prompts/list", "prompts/get", "resources/list", "resources/templates/list", "resources/read", "completion/complete")
			})
		}
	}
}

func useMCPGoClient(t *testing.T, s *testServer, address, version string) {
	ctx := t.Context()
	// transport.WithHTTPHeaders would not add the token to DELETE requests, which warder would reject.
	httpClient := &http.Client{Transport: bearerTransport{}}
	var connection transport.Interface
	connection, err := transport.NewStreamableHTTP(address, transport.WithHTTPBasicClient(httpClient), transport.WithHTTPLogger(slog.New(slog.DiscardHandler)))
	if s.sse {
		connection, err = transport.NewSSE(address, transport.WithHTTPClient(httpClient))
	}
	if err != nil {
		t.Fatal(err)
	}
	c := client.NewClient(connection, client.WithProtocolVersion(version), client.WithElicitationHandler(elicitationDecliner{}))
	defer c.Close()
	check := func(call string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", call, err)
		}
	}
	check("start", c.Start(ctx))
	_, err = c.Initialize(ctx, mcpgo.InitializeRequest{Params: mcpgo.InitializeParams{ProtocolVersion: version, ClientInfo: mcpgo.Implementation{Name: "mcp-go", Version: "1"}}})
	check("initialize", err)
	_, err = c.ListTools(ctx, mcpgo.ListToolsRequest{})
	check("tools", err)
	names := []string{"echo", "delete_user"}
	if s.canElicit(version) && !s.sse && s.name != "go-sdk, stateful, JSON" { // this client does not open the stream for requests of the server
		names = append(names, "confirm")
	}
	for _, name := range names {
		_, err = c.CallTool(ctx, mcpgo.CallToolRequest{Params: mcpgo.CallToolParams{Name: name, Arguments: map[string]any{"text": "ü \U0001f600 <>&", "name": "delete_user", "other": "x"}}})
		check(name, err)
	}
	_, err = c.ListPrompts(ctx, mcpgo.ListPromptsRequest{})
	check("prompts", err)
	_, err = c.GetPrompt(ctx, mcpgo.GetPromptRequest{Params: mcpgo.GetPromptParams{Name: "secret"}})
	check("prompt", err)
	_, err = c.ListResources(ctx, mcpgo.ListResourcesRequest{})
	check("resources", err)
	_, err = c.ListResourceTemplates(ctx, mcpgo.ListResourceTemplatesRequest{})
	check("templates", err)
	for _, uri := range []string{"file:///secret", "db://users/a%2Fb", "file:///private/caf%C3%A9"} {
		_, err = c.ReadResource(ctx, mcpgo.ReadResourceRequest{Params: mcpgo.ReadResourceParams{URI: uri}})
		check(uri, err)
	}
	for _, ref := range []any{mcpgo.PromptReference{Type: "ref/prompt", Name: "secret"}, mcpgo.ResourceReference{Type: "ref/resource", URI: "db://{table}/{id}"}} {
		_, err = c.Complete(ctx, mcpgo.CompleteRequest{Params: mcpgo.CompleteParams{Ref: ref, Argument: mcpgo.CompleteArgument{Name: "a", Value: "b"}}})
		check("completion", err)
	}
	if version != "2026-07-28" {
		check("ping", c.Ping(ctx))
		check("level", c.SetLevel(ctx, mcpgo.SetLevelRequest{Params: mcpgo.SetLevelParams{Level: "info"}}))
		if s.stateful {
			check("subscribe", c.Subscribe(ctx, mcpgo.SubscribeRequest{Params: mcpgo.SubscribeParams{URI: "file:///secret"}}))
			check("unsubscribe", c.Unsubscribe(ctx, mcpgo.UnsubscribeRequest{Params: mcpgo.UnsubscribeParams{URI: "file:///secret"}}))
		}
		check("roots", c.RootListChanges(ctx))
	}
}

// elicitationDecliner declines the server's requests for input.
type elicitationDecliner struct{}

func (elicitationDecliner) Elicit(context.Context, mcpgo.ElicitationRequest) (*mcpgo.ElicitationResult, error) {
	return &mcpgo.ElicitationResult{ElicitationResponse: mcpgo.ElicitationResponse{Action: mcpgo.ElicitationResponseActionDecline}}, nil
}
