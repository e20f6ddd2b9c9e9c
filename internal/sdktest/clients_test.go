package sdktest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// canElicit reports whether the server can request input from a client. With older protocol
// versions this requires a session, and mcp-go's SSE transport does not support it.
func (s *testServer) canElicit(version string) bool {
	return version == "" || version == "2026-07-28" || s.stateful || s.name == "go-sdk, transport of 2024-11-05"
}

// requestCounter is a handler outside warder. It records the operations that clients send and the
// requests that warder rejects.
type requestCounter struct {
	server   *testServer
	mu       sync.Mutex
	sent     map[string]int // accepted operations by method
	rejected []string       // rejected requests
}

func (c *requestCounter) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	req, rec := c.server.observer.begin(req, clientRequest{token: "all", body: fmt.Sprint(req.Method, " ", req.Header)})
	status := &statusWriter{ResponseWriter: w}
	rec.onAccept = func() { // not when the handler returns: the client can have finished by then
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, o := range rec.decided {
			c.sent[o.method]++
		}
	}
	c.server.handler.ServeHTTP(status, req)
	if !rec.accepted {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.rejected = append(c.rejected, fmt.Sprint(status.status, " ", rec.request))
	}
}

// statusWriter records the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// serve serves the server on a socket and returns the URL of its endpoint.
func (s *testServer) serve(t *testing.T) (string, *requestCounter) {
	t.Helper()
	c := &requestCounter{server: s, sent: map[string]int{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	if s.sse {
		return server.URL + s.path, c
	}
	return server.URL + "/mcp", c
}

// check checks that warder rejected no request, that the client called these methods and that the
// observer found no fault.
func (c *requestCounter) check(t *testing.T, methods ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, request := range c.rejected {
		t.Errorf("%s: warder rejected a request of the client: %s", c.server.name, request)
	}
	for _, method := range methods {
		if c.sent[method] == 0 {
			t.Errorf("%s: the client did not call %s, only %v", c.server.name, method, c.sent)
		}
	}
	c.server.observer.mu.Lock()
	defer c.server.observer.mu.Unlock()
	for _, fault := range c.server.observer.faults {
		t.Errorf("%s: %s", c.server.name, fault)
	}
}

// bearerTransport adds the token "all", which has all scopes.
type bearerTransport struct{}

func (bearerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer all")
	return http.DefaultTransport.RoundTrip(req)
}

// warder accepts all requests of the official SDK's client, with the servers of both SDKs and all
// protocol versions.
func TestOfficialClient(t *testing.T) {
	for _, s := range testServers(t, rules) {
		versions := []string{"2025-06-18", "2025-11-25"}
		if s.modern && s.name != "mcp-go, stateful" {
			versions = append(versions, "") // the newest one
		}
		for _, version := range versions {
			t.Run(s.name+", "+version, func(t *testing.T) {
				address, c := s.serve(t)
				useOfficialClient(t, s, address, version)
				c.check(t, "tools/list", "tools/call", "prompts/list", "prompts/get", "resources/list", "resources/templates/list", "resources/read", "completion/complete")
			})
		}
	}
}

// connectOfficialClient opens a session with the official SDK's client.
func connectOfficialClient(t *testing.T, s *testServer, address, version string) (*mcp.Client, *mcp.ClientSession) {
	t.Helper()
	c := mcp.NewClient(&mcp.Implementation{Name: "official", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "decline"}, nil
		},
		ResourceUpdatedHandler: func(context.Context, *mcp.ResourceUpdatedNotificationRequest) {},
	})
	httpClient := &http.Client{Transport: bearerTransport{}}
	var transport mcp.Transport = &mcp.StreamableClientTransport{Endpoint: address, HTTPClient: httpClient}
	if s.sse {
		transport = &mcp.SSEClientTransport{Endpoint: address, HTTPClient: httpClient}
	}
	session, err := c.Connect(t.Context(), transport, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	return c, session
}

func useOfficialClient(t *testing.T, s *testServer, address, version string) {
	ctx := t.Context()
	c, session := connectOfficialClient(t, s, address, version)
	defer session.Close()
	check := func(call string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", call, err)
		}
	}
	call := func(name string, arguments any) {
		t.Helper()
		_, err := session.CallTool(ctx, &mcp.CallToolParams{Meta: mcp.Meta{"progressToken": "p", "traceparent": "00-1-2-01"}, Name: name, Arguments: arguments})
		check(name, err)
	}
	_, err := session.ListTools(ctx, nil)
	check("tools", err)
	call("echo", map[string]any{"text": "ü \U0001f600 \u2028 <>& \x00 \ufffd", "big": 12345678901234567, "deep": map[string]any{"a": []any{map[string]any{"b": nil}}}, "name": "delete_user", "other": "x"})
	call("delete_user", nil)
	if s.canElicit(version) {
		call("confirm", map[string]any{})
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
