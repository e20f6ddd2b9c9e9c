package mcpsdk_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A server made with the official SDK behind warder. Two users call its tool.
func Example() {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{}) // replaces your authorization server
	if err != nil {
		log.Fatal(err)
	}
	defer issuer.Close()

	// The tool reads the caller of each call.
	server := mcp.NewServer(&mcp.Implementation{Name: "example", Version: "1.0.0"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "whoami"}, func(_ context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		caller, ok := mcpsdk.CallerFrom(req.Extra)
		if !ok {
			return nil, nil, fmt.Errorf("no caller")
		}
		text := fmt.Sprintf("%s, may write: %v", caller.Subject(), caller.Has("mcp:write"))
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
	})
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true})

	// The next lines add warder to the server.
	keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		log.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier:   "https://mcp.example.com/mcp",
		Issuers:      []resource.Issuer{{Verifier: keys}},
		ScopeOptions: resource.ScopeOptions{Implies: map[string][]string{"mcp:admin": {"mcp:write"}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	web := httptest.NewServer(mcpsdk.Handler(res, handler))
	defer web.Close()

	for _, token := range []resourcetest.Token{{}, {Subject: "alice", Scope: "mcp:read"}, {Subject: "bob", Scope: "mcp:admin"}} {
		header := ""
		if token.Subject != "" {
			token.Audience = "https://mcp.example.com/mcp"
			header = "Bearer " + issuer.Token(token)
		}
		fmt.Println(call(web.URL+"/mcp", header))
	}

	// Output:
	// 401 Unauthorized
	// alice, may write: false
	// bob, may write: true
}

// call calls the tool with a client of the SDK. It returns the text of the result or, if the
// session was rejected, the HTTP status.
func call(url, authorization string) string {
	client := mcp.NewClient(&mcp.Implementation{Name: "example-client", Version: "1.0.0"}, nil)
	rejection := ""
	transport := roundTripper(func(req *http.Request) (*http.Response, error) {
		if authorization != "" {
			req = req.Clone(req.Context())
			req.Header.Set("Authorization", authorization)
		}
		response, err := http.DefaultTransport.RoundTrip(req)
		if err == nil && response.StatusCode >= 400 {
			rejection = response.Status
		}
		return response, err
	})
	session, err := client.Connect(context.Background(), &mcp.StreamableClientTransport{
		Endpoint: url, HTTPClient: &http.Client{Transport: transport},
	}, nil)
	if err != nil {
		return rejection
	}
	defer session.Close()
	result, err := session.CallTool(context.Background(), &mcp.CallToolParams{Name: "whoami"})
	if err != nil {
		return err.Error()
	}
	return result.Content[0].(*mcp.TextContent).Text
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
