package mcpsdk_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A client that supports elicitation in URL mode asks the user to open the page, and calls the tool again.
// Every other client gets the text of the tool at once.
func TestElicitURL(t *testing.T) {
	const page, ownPage = "https://auth.example.test/consent", "https://mcp.example.test/own"
	withURLs := &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{URL: &mcp.URLElicitationCapabilities{}}}
	withForms := &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{Form: &mcp.FormElicitationCapabilities{}}}
	for _, row := range []struct {
		name         string
		version      string // of the protocol; "": the newest
		capabilities *mcp.ClientCapabilities
		page, action string
		options      mcp.StreamableHTTPOptions
		own          bool // the tool asks a question of its own first
		opened       []string
		result       string
		calls        int // of the tool
	}{
		{"newest, accepted", "", withURLs, page, "accept", mcp.StreamableHTTPOptions{}, false, []string{page}, "opened", 2},
		{"newest, declined", "", withURLs, page, "decline", mcp.StreamableHTTPOptions{}, false, []string{page}, "opened", 2},
		{"newest, stateless", "", withURLs, page, "accept", mcp.StreamableHTTPOptions{Stateless: true}, false, []string{page}, "opened", 2},
		{"newest, without a page", "", withURLs, "", "accept", mcp.StreamableHTTPOptions{}, false, nil, "opened", 1},
		{"newest, forms only", "", withForms, page, "accept", mcp.StreamableHTTPOptions{}, false, nil, "opened", 1},
		{"newest, without elicitation", "", &mcp.ClientCapabilities{}, page, "accept", mcp.StreamableHTTPOptions{}, false, nil, "opened", 1},
		{"with a session, accepted", "2025-11-25", withURLs, page, "accept", mcp.StreamableHTTPOptions{}, false, []string{page}, "opened", 2},
		{"with a session, declined", "2025-11-25", withURLs, page, "decline", mcp.StreamableHTTPOptions{}, false, []string{page}, "opened", 2},
		{"with a session, forms only", "2025-11-25", withForms, page, "accept", mcp.StreamableHTTPOptions{}, false, nil, "opened", 1},
		{"with a session, answers in JSON", "2025-11-25", withURLs, page, "accept", mcp.StreamableHTTPOptions{JSONResponse: true}, false, []string{page}, "opened", 2},
		{"newest, after another question", "", withURLs, page, "accept", mcp.StreamableHTTPOptions{}, true, []string{ownPage}, "opened", 2},
		{"with a session, after another question", "2025-11-25", withURLs, page, "accept", mcp.StreamableHTTPOptions{}, true, []string{ownPage}, "opened", 2},
		{"before 2026, stateless", "2025-11-25", withURLs, page, "accept", mcp.StreamableHTTPOptions{Stateless: true}, false, nil, "opened", 1},
	} {
		issuer, calls := resourcetest.Start(t), 0
		server := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
		mcp.AddTool(server, &mcp.Tool{Name: "whoami"}, func(_ context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
			calls++
			if row.own && len(req.Params.InputResponses) == 0 {
				return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"own": &mcp.ElicitParams{Mode: "url", URL: ownPage, Message: "Permit access.", ElicitationID: "1"}}}, nil, nil
			}
			if result := mcpsdk.ElicitURL(req, row.page, "Permit access."); result != nil {
				return result, nil, nil
			}
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "opened"}}}, nil, nil
		})
		web := httptest.NewUnstartedServer(nil)
		url := "http://" + web.Listener.Addr().String() + "/mcp"
		res := newResource(t, resource.Config{
			Identifier: url, Issuers: []resource.Issuer{{Verifier: verifier(t, issuer)}},
			Operations: resource.Operations{Tools: map[string][]string{"whoami": {"mcp:read"}}, Undeclared: resource.AllowUndeclared, LateChallenges: true},
		})
		web.Config.Handler = mcpsdk.Handler(res, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &row.options))
		web.Start()
		t.Cleanup(web.Close)

		var opened []string
		client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{
			Capabilities: row.capabilities,
			ElicitationHandler: func(_ context.Context, req *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
				if req.Params.Mode != "url" || req.Params.Message != "Permit access." || req.Params.ElicitationID == "" {
					t.Errorf("%s: got question %+v", row.name, req.Params)
				}
				opened = append(opened, req.Params.URL)
				return &mcp.ElicitResult{Action: row.action}, nil
			},
		})
		token := new(tokenTransport)
		token.token.Store(issuer.Token(resourcetest.Token{Audience: url, Scope: "mcp:read"}))
		session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
			Endpoint: url, HTTPClient: &http.Client{Transport: token},
		}, &mcp.ClientSessionOptions{ProtocolVersion: row.version})
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		text := ""
		if len(result.Content) == 1 {
			text = result.Content[0].(*mcp.TextContent).Text
		}
		if !reflect.DeepEqual(opened, row.opened) || text != row.result || calls != row.calls {
			t.Errorf("%s: got pages %q, text %q and %d calls, want %q, %q and %d", row.name, opened, text, calls, row.opened, row.result, row.calls)
		}
		session.Close()
	}
}
