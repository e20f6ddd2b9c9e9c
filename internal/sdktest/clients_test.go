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
	seen.onPass = func() { // by the time the handler ends, the client may be through with everything
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, o := range seen.decided {
			c.sent[o.method]++
		}
	}
	c.site.handler.ServeHTTP(status, req)
	if !seen.passed {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.bad = append(c.bad, fmt.Sprint(status.status, " ", seen.letter))
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
	call("echo", map[string]any{"text": "ü \U0001f600 \u2028 <>& \x00 \ufffd", "big": 12345678901234567, "deep": map[string]any{"a": []any{map[string]any{"b": nil}}}, "name": "delete_user", "other": "x"})
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
