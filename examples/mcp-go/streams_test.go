package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/warder-go/warder/resource/resourcetest"
)

// notes is how many notifications the tool notify sends.
const notes = 10

// addTalkativeTools adds a tool that sends notifications to its caller, and one that asks its
// caller a question and waits until the call is canceled or released.
func (s *slowServer) addTalkativeTools(m *server.MCPServer) {
	m.AddTool(mcp.NewTool("notify"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range notes {
			if err := m.SendNotificationToClient(ctx, "notifications/message", map[string]any{"data": fmt.Sprintf("note %d of alice", i)}); err != nil {
				return nil, err
			}
		}
		return mcp.NewToolResultText("done"), nil
	})
	m.AddTool(mcp.NewTool("ask"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-s.release:
				cancel()
			case <-ctx.Done():
			}
		}()
		_, err := m.RequestElicitation(ctx, mcp.ElicitationRequest{Params: mcp.ElicitationParams{
			Message: "question for bob", RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{}}}})
		return mcp.NewToolResultText(fmt.Sprint(err)), nil
	})
}

// send sends a request of bob to a path.
func (s *slowServer) send(ctx context.Context, t *testing.T, method, path, version, body string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.url, "/mcp")+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"},
		"Authorization": {"Bearer " + s.issuer.Token(resourcetest.Token{Audience: s.url, Subject: "bob"})}}
	if version != "" {
		req.Header.Set("Mcp-Protocol-Version", version)
	}
	return http.DefaultClient.Do(req)
}

// notify calls the tool notify as alice, without a session.
func (s *slowServer) notify(t *testing.T) (notifications string) {
	t.Helper()
	_, body, _ := s.post(t, "alice", "2025-11-25", "", "tools/call", map[string]any{"name": "notify"})
	return body
}

// checkNotifications calls the tool notify several times, and checks that alice gets her
// notifications. Mcp-go can lose the last one of a call.
func (s *slowServer) checkNotifications(t *testing.T) {
	t.Helper()
	for range 20 {
		if got := strings.Count(s.notify(t), "of alice"); got < notes-1 {
			t.Fatalf("alice got %d notifications, want %d", got, notes)
		}
	}
}

// checkLeak calls the tool notify until bob gets one of the notifications.
func (s *slowServer) checkLeak(t *testing.T, bobs *bufio.Reader) {
	t.Helper()
	line := make(chan string, 1)
	go func() {
		text, _ := bobs.ReadString('}')
		line <- text
	}()
	for {
		select {
		case text := <-line:
			if !strings.Contains(text, "of alice") {
				t.Errorf("without BindSessions: bob got %q", text)
			}
			return
		default:
			s.notify(t)
		}
	}
}

// A stream without a session of a stateless server does not get the notifications of another
// caller. Without BindSessions it does.
func TestStreamOfAnotherCaller(t *testing.T) {
	unbound := startSlowServer(t, false, server.WithStateLess(true))
	response, err := unbound.send(t.Context(), t, "GET", "/mcp", "2025-11-25", "")
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("without BindSessions: got %v, %v", response, err)
	}
	defer response.Body.Close()
	unbound.checkLeak(t, bufio.NewReader(response.Body))

	s := startSlowServer(t, true, server.WithStateLess(true))
	if response, err := s.send(t.Context(), t, "GET", "/mcp", "2025-11-25", ""); err != nil || response.StatusCode != 405 {
		t.Errorf("a stream without a session: got %v, %v, want 405", response, err)
	}
	ctx, disconnect := context.WithCancel(t.Context())
	ended := make(chan string)
	go func() { // a client of an early version does not send the version
		response, err := s.send(ctx, t, "GET", "/mcp", "", "")
		ended <- fmt.Sprintf("%v %v", response != nil, err)
	}()
	s.checkNotifications(t)
	disconnect()
	if got := <-ended; !strings.Contains(got, "false") {
		t.Errorf("bob got %s, want no response", got)
	}
}

// A call of one caller that the server asks a question in does not get the notifications of another
// caller's call. Without BindSessions it does, because mcp-go registers it as the empty session.
func TestQuestionOfAnotherCaller(t *testing.T) {
	for _, bound := range []bool{false, true} {
		s := startSlowServer(t, bound, server.WithStateLess(true))
		response, err := s.send(t.Context(), t, "POST", "/mcp", "2025-11-25", `{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"ask"}}`)
		if err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(response.Body)
		if asked, err := reader.ReadString('}'); err != nil || !strings.Contains(asked, "question for bob") {
			t.Fatalf("got %q, %v, want the question", asked, err)
		}
		if asked, err := reader.ReadString('\n'); err != nil {
			t.Fatalf("got %q, %v", asked, err)
		}
		if !bound {
			s.checkLeak(t, reader)
			s.release <- struct{}{}
			response.Body.Close()
			continue
		}
		s.checkNotifications(t)
		s.release <- struct{}{}
		rest, err := io.ReadAll(reader)
		response.Body.Close()
		if err != nil || strings.Contains(string(rest), "of alice") || !strings.Contains(string(rest), `"id":9`) {
			t.Errorf("bob got %s, %v", rest, err)
		}
	}
}

// The session of an SSE stream does not serve at the streamable endpoint, which does not look for it
// in the query.
func TestCancellationWithSSESession(t *testing.T) {
	const cancellation = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`
	for _, bound := range []bool{false, true} {
		s := startSlowServer(t, bound, server.WithStateLess(true))
		stream, err := s.send(t.Context(), t, "GET", "/sse", "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Body.Close()
		lines := bufio.NewScanner(stream.Body)
		lines.Scan()
		lines.Scan()
		_, query, _ := strings.Cut(lines.Text(), "?")
		result := make(chan string)
		go func() {
			_, body, _ := s.post(t, "alice", "2025-11-25", "", "tools/call", map[string]any{"name": "slow"})
			result <- body
		}()
		<-s.started
		for path, want := range map[string]int{"/message?" + query: 202, "/mcp?" + query: map[bool]int{false: 202, true: 404}[bound]} {
			response, err := s.send(t.Context(), t, "POST", path, "", cancellation)
			if err != nil || response.StatusCode != want {
				t.Errorf("bound %t, %s: got %v, %v, want %d", bound, path, response, err, want)
			}
			response.Body.Close()
		}
		want := `"canceled"`
		if bound {
			want = `"done"`
			s.release <- struct{}{}
		}
		if got := <-result; !strings.Contains(got, want) {
			t.Errorf("bound %t: alice's call: got %s, want %s", bound, got, want)
		}
	}
}
