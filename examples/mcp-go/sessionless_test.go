package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/warder-go/warder/examples/internal/mcpserver"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource/resourcetest"
)

// slowServer is an mcp-go server with a tool that runs until it is canceled or released, a tool
// whose result becomes a task, and those of addTalkativeTools. It has both transports.
type slowServer struct {
	url              string
	issuer           *resourcetest.Issuer
	started, release chan struct{}
}

// startSlowServer starts the server, protected in the same way as the example if bound is true,
// and otherwise without BindSessions.
func startSlowServer(t *testing.T, bound bool, option server.StreamableHTTPOption) *slowServer {
	t.Helper()
	s := &slowServer{issuer: resourcetest.Start(t), started: make(chan struct{}, 1), release: make(chan struct{})}
	m := server.NewMCPServer("slow", "1", server.WithTaskCapabilities(true, true, true), server.WithLogging(), server.WithElicitation())
	s.addTalkativeTools(m)
	m.AddTool(mcp.NewTool("slow"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		s.started <- struct{}{}
		select {
		case <-ctx.Done():
			return mcp.NewToolResultText("canceled"), nil
		case <-s.release:
			return mcp.NewToolResultText("done"), nil
		}
	})
	m.AddTool(mcp.NewTool("secret", mcp.WithTaskSupport(mcp.TaskSupportOptional)), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText("the secret of alice"), nil
	})
	var handler http.Handler
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { handler.ServeHTTP(w, req) }))
	t.Cleanup(listening.Close)
	s.url = listening.URL + "/mcp"
	res, err := protect(s.url, s.issuer.Identifier())
	if err != nil {
		t.Fatal(err)
	}
	sse := server.NewSSEServer(m)
	mux := http.NewServeMux()
	mux.Handle("/mcp", server.NewStreamableHTTPServer(m, option))
	mux.Handle("/sse", sse.SSEHandler())
	mux.Handle("/message", sse.MessageHandler())
	handler = mux
	if bound {
		handler = nethttp.BindSessions(res, nethttp.SessionConfig{})(handler)
	}
	handler = nethttp.Handler(res, handler)
	return s
}

// post sends a message and returns the response. The session may be empty. The caller has no
// scope, except that methods of tasks need those of all tools.
func (s *slowServer) post(t *testing.T, subject, version, session, method string, params map[string]any) (status int, body, opened string) {
	t.Helper()
	message := map[string]any{"jsonrpc": "2.0", "method": method, "params": params}
	if !strings.HasPrefix(method, "notifications/") {
		message["id"] = 7
	}
	if version >= "2026" {
		params["_meta"] = map[string]any{"io.modelcontextprotocol/protocolVersion": version,
			"io.modelcontextprotocol/clientInfo": map[string]any{"name": "test", "version": "1"}, "io.modelcontextprotocol/clientCapabilities": map[string]any{}}
	}
	scope := ""
	if strings.HasPrefix(method, "tasks/") {
		scope = mcpserver.AdminScope
	}
	encoded, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader(string(encoded)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}, "Mcp-Protocol-Version": {version}, "Mcp-Method": {method},
		"Authorization": {"Bearer " + s.issuer.Token(resourcetest.Token{Audience: s.url, Subject: subject, Scope: scope})}}
	if name, ok := params["name"].(string); ok {
		req.Header.Set("Mcp-Name", name)
	}
	if session != "" {
		req.Header.Set("Mcp-Session-Id", session)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text), response.Header.Get("Mcp-Session-Id")
}

// openSession returns the ID of a new session of the caller.
func (s *slowServer) openSession(t *testing.T, subject string) string {
	t.Helper()
	_, body, session := s.post(t, subject, "2025-11-25", "", "initialize", map[string]any{
		"protocolVersion": "2025-11-25", "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "test", "version": "1"}})
	if session == "" {
		t.Fatalf("initialize: %s", body)
	}
	return session
}

// sessionlessServer is a way in which mcp-go serves requests without a session.
type sessionlessServer struct {
	name, version string
	option        server.StreamableHTTPOption
	hasSessions   bool // for callers of an older protocol version
}

// rejection returns how BindSessions rejects a message that needs a session: in a protocol version
// without sessions its method does not exist.
func (s sessionlessServer) rejection() (status int, text string) {
	if s.hasSessions {
		return 404, "Method not found"
	}
	return 400, "The message needs a session"
}

var withoutSession = []sessionlessServer{
	{"stateless server", "2025-11-25", server.WithStateLess(true), false},
	{"protocol version without sessions", "2026-07-28", server.WithStateful(true), true},
}

// Another caller cannot cancel a call that has no session. Without BindSessions it can.
func TestCancellationByAnotherCaller(t *testing.T) {
	for _, row := range withoutSession {
		for _, bound := range []bool{false, true} {
			s := startSlowServer(t, bound, row.option)
			sessions := []string{""}
			if row.hasSessions {
				sessions = append(sessions, s.openSession(t, "bob"))
			}
			for _, session := range sessions {
				result := make(chan string)
				go func() {
					_, body, _ := s.post(t, "alice", row.version, "", "tools/call", map[string]any{"name": "slow"})
					result <- body
				}()
				<-s.started
				status, body, _ := s.post(t, "bob", row.version, session, "notifications/cancelled", map[string]any{"requestId": 7})
				rejected, _ := row.rejection()
				if want := map[bool]int{false: 202, true: rejected}[bound]; status != want {
					t.Errorf("%s, bound %t: cancellation by bob: got %d %s, want %d", row.name, bound, status, body, want)
				}
				want := `"canceled"`
				if bound {
					want = `"done"`
					s.release <- struct{}{}
				}
				if got := <-result; !strings.Contains(got, want) {
					t.Errorf("%s, bound %t: alice's call: got %s, want %s", row.name, bound, got, want)
				}
			}
		}
	}
}

// A call without a session cannot create a task, so another caller cannot read one.
// Without BindSessions it can.
func TestTaskOfAnotherCaller(t *testing.T) {
	s := startSlowServer(t, false, server.WithStateLess(true))
	_, created, _ := s.post(t, "alice", "2025-11-25", "", "tools/call", map[string]any{"name": "secret", "task": map[string]any{}})
	_, listed, _ := s.post(t, "bob", "2025-11-25", "", "tasks/list", map[string]any{})
	var tasks struct {
		Result struct{ Tasks []struct{ TaskID string } }
	}
	if err := json.Unmarshal(response(listed), &tasks); err != nil || len(tasks.Result.Tasks) != 1 {
		t.Fatalf("without BindSessions: alice got %s, bob got %s", created, listed)
	}
	if _, body, _ := s.post(t, "bob", "2025-11-25", "", "tasks/result", map[string]any{"taskId": tasks.Result.Tasks[0].TaskID}); !strings.Contains(body, "the secret of alice") {
		t.Errorf("without BindSessions: got %s, want the result", body)
	}
	for _, row := range withoutSession {
		s := startSlowServer(t, true, row.option)
		sessions := []string{""}
		if row.hasSessions {
			sessions = append(sessions, s.openSession(t, "bob"))
		}
		for _, session := range sessions {
			for _, message := range []struct {
				subject, method string
				params          map[string]any
			}{
				{"alice", "tools/call", map[string]any{"name": "secret", "task": map[string]any{}}},
				{"bob", "tasks/list", map[string]any{}},
				{"bob", "tasks/get", map[string]any{"taskId": "t"}},
				{"bob", "tasks/result", map[string]any{"taskId": "t"}},
				{"bob", "tasks/cancel", map[string]any{"taskId": "t"}},
			} {
				used := session
				if message.subject != "bob" {
					used = ""
				}
				status, body, _ := s.post(t, message.subject, row.version, used, message.method, message.params)
				wantStatus, wantText := row.rejection()
				if status != wantStatus || !strings.Contains(body, wantText) {
					t.Errorf("%s, %s: got %d %s, want %d %s", row.name, message.method, status, body, wantStatus, wantText)
				}
			}
		}
	}
}

// response returns the JSON-RPC response in a body. mcp-go sends notifications before it, as events, if
// there are any.
func response(body string) []byte {
	for line := range strings.Lines(body) {
		if data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok && strings.Contains(data, `"id":7`) {
			return []byte(data)
		}
	}
	return []byte(body)
}

// In a session of an older protocol version, callers use their own tasks and no others.
func TestTasksInSession(t *testing.T) {
	s := startSlowServer(t, true, server.WithStateful(true))
	alice, bob := s.openSession(t, "alice"), s.openSession(t, "bob")
	const version = "2025-11-25"
	_, created, _ := s.post(t, "alice", version, alice, "tools/call", map[string]any{"name": "secret", "task": map[string]any{}})
	var task struct {
		Result struct{ Task struct{ TaskID string } }
	}
	if err := json.Unmarshal(response(created), &task); err != nil || task.Result.Task.TaskID == "" {
		t.Fatalf("got %s, want a task", created)
	}
	params := func() map[string]any { return map[string]any{"taskId": task.Result.Task.TaskID} }
	if _, body, _ := s.post(t, "alice", version, alice, "tasks/result", params()); !strings.Contains(body, "the secret of alice") {
		t.Errorf("alice: got %s, want the result", body)
	}
	if _, body, _ := s.post(t, "bob", version, bob, "tasks/result", params()); strings.Contains(body, "secret") {
		t.Errorf("bob: got %s, want an error", body)
	}
}
