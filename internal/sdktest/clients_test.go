package sdktest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// asks reports whether the server can ask a client for input: one of an older protocol
// only in a session, and not over mcp-go's SSE transport.
func (s *site) asks(version string) bool {
	return version == "" || version == "2026-07-28" || s.stateful || s.name == "go-sdk, transport of 2024-11-05"
}

// A counter stands outside of warder and notes what real clients send, and what is
// refused of it.
type counter struct {
	site *site
	mu   sync.Mutex
	sent map[string]int // operations that were let through
	bad  []string       // requests that warder refused
}

func (c *counter) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	req, seen := c.site.watch.begin(req, letter{token: "all", body: fmt.Sprint(req.Method, " ", req.Header)})
	status := &statusWriter{ResponseWriter: w}
	if req.Method == http.MethodGet {
		status.WriteHeader(0) // a stream may outlive the test
	}
	c.site.handler.ServeHTTP(status, req)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !seen.passed {
		c.bad = append(c.bad, fmt.Sprint(status.status, " ", seen.letter))
	}
	for _, o := range seen.decided {
		c.sent[o.method]++
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

func (w *statusWriter) WriteHeader(status int) {
	if w.status = status; status != 0 {
		w.ResponseWriter.WriteHeader(status)
	}
}

// serve runs a site on a socket and returns the address of its endpoint.
func (s *site) serve(t *testing.T) (string, *counter) {
	t.Helper()
	c := &counter{site: s, sent: map[string]int{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	if s.sse {
		return server.URL + s.path, c
	}
	return server.URL + "/mcp", c
}

// finish checks that nothing was refused and that this was sent.
func (c *counter) finish(t *testing.T, methods ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, refused := range c.bad {
		t.Errorf("%s: refused what a real client sends: %s", c.site.name, refused)
	}
	for _, method := range methods {
		if c.sent[method] == 0 {
			t.Errorf("%s: no %s was sent, only %v", c.site.name, method, c.sent)
		}
	}
	c.site.watch.mu.Lock()
	defer c.site.watch.mu.Unlock()
	for _, fault := range c.site.watch.faults {
		t.Errorf("%s: %s", c.site.name, fault)
	}
}

// bearer sends the token that may do everything.
type bearer struct{}

func (bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer all")
	return http.DefaultTransport.RoundTrip(req)
}

// Everything that the official SDK's client does gets through, to both servers and in
// both eras.
func TestOfficialClient(t *testing.T) {
	for _, s := range sites(t, rules) {
		versions := []string{"2025-06-18", "2025-11-25"}
		if s.modern && s.name != "mcp-go, stateful" {
			versions = append(versions, "") // the newest
		}
		for _, version := range versions {
			t.Run(s.name+", "+version, func(t *testing.T) {
				address, c := s.serve(t)
				useOfficialClient(t, s, address, version)
				c.finish(t, "tools/list", "tools/call", "prompts/list", "prompts/get", "resources/list", "resources/templates/list", "resources/read", "completion/complete")
			})
		}
	}
}

func useOfficialClient(t *testing.T, s *site, address, version string) {
	ctx := t.Context()
	updated := func(context.Context, *mcp.ResourceUpdatedNotificationRequest) {}
	c := mcp.NewClient(&mcp.Implementation{Name: "official", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "decline"}, nil
		},
		ResourceUpdatedHandler: updated,
	})
	httpClient := &http.Client{Transport: bearer{}}
	var way mcp.Transport = &mcp.StreamableClientTransport{Endpoint: address, HTTPClient: httpClient}
	if s.sse {
		way = &mcp.SSEClientTransport{Endpoint: address, HTTPClient: httpClient}
	}
	session, err := c.Connect(ctx, way, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	call := func(name string, arguments any) {
		t.Helper()
		_, err := session.CallTool(ctx, &mcp.CallToolParams{Meta: mcp.Meta{"progressToken": "p", "traceparent": "00-1-2-01"}, Name: name, Arguments: arguments})
		check(name, err)
	}
	_, err = session.ListTools(ctx, nil)
	check("tools", err)
	call("echo", map[string]any{"text": "ü \U0001f600 \u2028 <>& \x00 \ufffd", "big": 12345678901234567, "deep": map[string]any{"a": []any{map[string]any{"b": nil}}}, "name": "delete_user", "Name": "x"})
	call("delete_user", nil)
	if s.asks(version) {
		call("ask", map[string]any{})
	}
	_, err = session.ListPrompts(ctx, &mcp.ListPromptsParams{})
	check("prompts", err)
	_, err = session.GetPrompt(ctx, &mcp.GetPromptParams{Name: "secret", Arguments: map[string]string{"a": "b"}})
	check("prompt", err)
	_, err = session.ListResources(ctx, nil)
	check("resources", err)
	_, err = session.ListResourceTemplates(ctx, nil)
	check("templates", err)
	for _, uri := range []string{"file:///secret", "db://users/a%2Fb", "file:///private/a%20b/caf%C3%A9"} {
		_, err = session.ReadResource(ctx, &mcp.ReadResourceParams{URI: uri})
		check(uri, err)
	}
	for _, ref := range []*mcp.CompleteReference{{Type: "ref/prompt", Name: "secret"}, {Type: "ref/resource", URI: "db://{table}/{id}"}} {
		_, err = session.Complete(ctx, &mcp.CompleteParams{Ref: ref, Argument: mcp.CompleteParamsArgument{Name: "a", Value: "b"}})
		check("completion", err)
	}
	if version != "" {
		check("ping", session.Ping(ctx, nil))
		check("level", session.SetLoggingLevel(ctx, &mcp.SetLoggingLevelParams{Level: "info"}))
		check("subscribe", session.Subscribe(ctx, &mcp.SubscribeParams{URI: "file:///secret"}))
		check("unsubscribe", session.Unsubscribe(ctx, &mcp.UnsubscribeParams{URI: "file:///secret"}))
		check("progress", session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: "p", Progress: 1}))
	}
	c.AddRoots(&mcp.Root{URI: "file:///root"})
}

// The same for the client of mcp-go.
func TestMCPGoClient(t *testing.T) {
	for _, s := range sites(t, rules) {
		versions := []string{"2025-06-18", "2025-11-25"}
		if s.modern {
			versions = append(versions, "2026-07-28")
		}
		for _, version := range versions {
			t.Run(s.name+", "+version, func(t *testing.T) {
				address, c := s.serve(t)
				useMCPGoClient(t, s, address, version)
				c.finish(t, "tools/list", "tools/call", "prompts/list", "prompts/get", "resources/list", "resources/templates/list", "resources/read", "completion/complete")
			})
		}
	}
}

func useMCPGoClient(t *testing.T, s *site, address, version string) {
	ctx := t.Context()
	// By its option for headers its DELETE would come without the token, to be refused.
	httpClient := &http.Client{Transport: bearer{}}
	var way transport.Interface
	way, err := transport.NewStreamableHTTP(address, transport.WithHTTPBasicClient(httpClient))
	if s.sse {
		way, err = transport.NewSSE(address, transport.WithHTTPClient(httpClient))
	}
	if err != nil {
		t.Fatal(err)
	}
	c := client.NewClient(way, client.WithProtocolVersion(version), client.WithElicitationHandler(decliner{}))
	defer c.Close()
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	check("start", c.Start(ctx))
	_, err = c.Initialize(ctx, mcpgo.InitializeRequest{Params: mcpgo.InitializeParams{ProtocolVersion: version, ClientInfo: mcpgo.Implementation{Name: "mcp-go", Version: "1"}}})
	check("initialize", err)
	_, err = c.ListTools(ctx, mcpgo.ListToolsRequest{})
	check("tools", err)
	names := []string{"echo", "delete_user"}
	if s.asks(version) && !s.sse && s.name != "go-sdk, stateful, JSON" { // this client does not open the stream on which it would be asked
		names = append(names, "ask")
	}
	for _, name := range names {
		_, err = c.CallTool(ctx, mcpgo.CallToolRequest{Params: mcpgo.CallToolParams{Name: name, Arguments: map[string]any{"text": "ü \U0001f600 <>&", "name": "delete_user", "Name": "x"}}})
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

// decliner answers what a server asks.
type decliner struct{}

func (decliner) Elicit(context.Context, mcpgo.ElicitationRequest) (*mcpgo.ElicitationResult, error) {
	return &mcpgo.ElicitationResult{ElicitationResponse: mcpgo.ElicitationResponse{Action: mcpgo.ElicitationResponseActionDecline}}, nil
}
