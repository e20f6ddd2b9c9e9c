package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/resource/resourcetest"
)

// withToken adds the token of a user to each request, and notes the challenge of a 403 response.
type withToken struct {
	token     string
	challenge string
}

// RoundTrip implements http.RoundTripper.
func (t *withToken) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context()) // a RoundTripper must not modify the request
	req.Header.Set("Authorization", "Bearer "+t.token)
	response, err := http.DefaultTransport.RoundTrip(req)
	if err == nil && response.StatusCode == http.StatusForbidden {
		t.challenge = response.Header.Get("WWW-Authenticate")
	}
	return response, err
}

// callAs opens a session of the SDK's client with a token of the user, and calls the tool. The client supports
// elicitation in URL mode.
func (s *servers) callAs(ctx context.Context, user, scope string, calls int, out io.Writer) error {
	transport := &withToken{token: s.issuer.Token(resourcetest.Token{Audience: s.mcpURL, Subject: user, Scope: scope})}
	client := mcp.NewClient(&mcp.Implementation{Name: "demo", Version: "1"}, &mcp.ClientOptions{
		Capabilities: &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{URL: &mcp.URLElicitationCapabilities{}}},
		ElicitationHandler: func(_ context.Context, req *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			fmt.Fprintf(out, "    the client opens %s: %s\n", req.Params.URL, req.Params.Message)
			return &mcp.ElicitResult{Action: "accept"}, nil
		},
	})
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: s.mcpURL, HTTPClient: &http.Client{Transport: transport}, DisableStandaloneSSE: true,
	}, nil)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer session.Close()
	for range calls {
		result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "events"})
		switch {
		case transport.challenge != "":
			fmt.Fprintf(out, "    403, WWW-Authenticate: %s\n", transport.challenge)
		case err != nil:
			return err
		default:
			fmt.Fprintf(out, "    tool: %s\n", result.Content[0].(*mcp.TextContent).Text)
		}
	}
	return nil
}

// passThrough sends a token for the MCP server to the calendar, as the MCP server must not do, and
// returns the status.
func (s *servers) passThrough(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.calendarURL, nil)
	if err != nil {
		return 0, err
	}
	client := http.Client{Transport: &withToken{token: s.issuer.Token(resourcetest.Token{Audience: s.mcpURL, Scope: toolsScope + " " + readScope})}}
	response, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	return response.StatusCode, nil
}
