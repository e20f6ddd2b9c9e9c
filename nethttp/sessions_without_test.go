package nethttp_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/nethttp"
)

// message returns a JSON-RPC message with id 7; a notification has none.
func message(method, params string) string {
	id := `"id":7,`
	if strings.HasPrefix(method, "notifications/") {
		id = ""
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0",%s"method":%q,"params":%s}`, id, method, params)
}

// sendTo sends a body with header fields, given as names and values.
func (f *sessionFixture) sendTo(method, path, token, body string, header ...string) (*http.Response, string) {
	f.Helper()
	req := request(f, method, f.url+path, token, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return do(f, req)
}

func (f *sessionFixture) sendAt(method, path, token, body string, header ...string) reply {
	f.Helper()
	response, text := f.sendTo(method, path, token, body, header...)
	return reply{response.StatusCode, text}
}

func (f *sessionFixture) sendBody(method, token, body string, header ...string) reply {
	f.Helper()
	return f.sendAt(method, "/", token, body, header...)
}

func needsSession(id string) reply {
	return reply{400, `{"jsonrpc":"2.0","id":` + id + `,"error":{"code":-32600,"message":"The message needs a session"}}` + "\n"}
}

// notFound is the reply to a method that needs a session, in a protocol version without sessions (MCP
// 2026-07-28, SEP-2575: 404 for a method that does not exist).
var notFound = reply{404, `{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"Method not found"}}` + "\n"}

// unreadable is the reply to a body that has no single meaning. id is that of its message, or null.
func unreadable(id string) reply {
	return reply{400, `{"jsonrpc":"2.0","id":` + id + `,"error":{"code":-32600,"message":"The body is not a JSON-RPC message with a single meaning"}}` + "\n"}
}

// Without a session, a message passes only if it refers to nothing that an earlier request
// created. A server would find that under the empty session, which is every caller's (MCP
// security best practices, "Session Hijacking").
func TestMessagesWithoutSession(t *testing.T) {
	t.Run("rules", func(t *testing.T) {
		server := new(unboundServer)
		testMessagesWithoutSession(newSessionFixture(t, nethttp.SessionConfig{}, server), server)
	})
	t.Run("no rules", func(t *testing.T) { // the middleware does not read the body
		server := new(unboundServer)
		testMessagesWithoutSession(newSessionFixtureWithoutRules(t, nethttp.SessionConfig{}, server), server)
	})
}

func testMessagesWithoutSession(f *sessionFixture, server *unboundServer) {
	f.Helper()
	null, seven := needsSession("null"), needsSession("7")
	for _, row := range []struct {
		name, body string
		want       reply
	}{
		{"initialize opens a session", message("initialize", `{}`), served},
		{"initialized of a server without sessions", message("notifications/initialized", `{}`), served},
		{"ping", message("ping", `{}`), served},
		{"server/discover", message("server/discover", `{}`), served},
		{"tools/list", message("tools/list", `{}`), served},
		{"tools/call", message("tools/call", `{"name":"x","arguments":{"task":1}}`), served},
		{"prompts/get", message("prompts/get", `{"name":"x"}`), served},
		{"resources/read", message("resources/read", `{"uri":"file:///x"}`), served},
		{"completion/complete", message("completion/complete", `{"ref":{"type":"ref/prompt","name":"x"}}`), served},
		{"a stream of notifications", message("subscriptions/listen", `{"notifications":{"toolsListChanged":true}}`), served},
		{"cancels a request of any caller", message("notifications/cancelled", `{"requestId":7}`), null},
		{"progress of a request of any caller", message("notifications/progress", `{"progressToken":7,"progress":1}`), null},
		{"roots of any caller", message("notifications/roots/list_changed", `{}`), null},
		{"a notification that MCP does not define", message("notifications/own", `{}`), null},
		{"creates a task", message("tools/call", `{"name":"x","task":{"ttl":60000}}`), seven},
		{"creates a task with null", message("tools/call", `{"name":"x","task":null}`), seven},
		{"tasks/list", message("tasks/list", `{}`), seven},
		{"tasks/get", message("tasks/get", `{"taskId":"t"}`), seven},
		{"tasks/result", message("tasks/result", `{"taskId":"t"}`), seven},
		{"tasks/cancel", message("tasks/cancel", `{"taskId":"t"}`), seven},
		{"a method of tasks that MCP does not define", message("tasks/own", `{"taskId":"t"}`), seven},
		{"a stream about a task", message("subscriptions/listen", `{"notifications":{"taskIds":["t"]}}`), seven},
		{"sets the log level of any caller", message("logging/setLevel", `{"level":"debug"}`), seven},
		{"subscribes any caller", message("resources/subscribe", `{"uri":"file:///x"}`), seven},
		{"unsubscribes any caller", message("resources/unsubscribe", `{"uri":"file:///x"}`), seven},
		{"a method that MCP does not define", message("own/method", `{}`), seven},
		{"answers a request of the server to any caller", `{"jsonrpc":"2.0","id":7,"result":{}}`, null}, // 7 is the server's
		{"the second message of a batch", "[" + message("ping", "{}") + "," + message("tasks/list", "{}") + "]", null},
		{"two methods", `{"jsonrpc":"2.0","id":7,"method":"ping","method":"tasks/list"}`, unreadable("7")},
		{"two cases of a method", `{"jsonrpc":"2.0","id":7,"method":"ping","Method":"tasks/list"}`, unreadable("7")},
		{"two cases of a task", message("tools/call", `{"name":"x","Task":{}}`), unreadable("7")},
		{"no JSON", "method=tasks/list", unreadable("null")},
		{"no body", "", unreadable("null")},
	} {
		before := server.reached
		if got := f.sendBody("POST", f.bob(), row.body); got != row.want {
			f.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
		if got, want := server.reached-before, 0; (got > 0) != (row.want == served) {
			f.Errorf("%s: the server got %d requests, want %d", row.name, got, want)
		}
	}
	other := reply{400, `{"error_description":"The message needs a session"}` + "\n"} // not a POST: no JSON-RPC error
	for _, method := range []string{"PUT", "PATCH", "PROPFIND"} {
		if got := f.sendBody(method, f.bob(), message("tasks/list", `{}`)); got != other {
			f.Errorf("%s: got %+v, want %+v", method, got, other)
		}
	}
	if got := f.sendBody("DELETE", f.bob(), ""); got != other {
		f.Errorf("DELETE of no session: got %+v, want %+v", got, other)
	}
	mismatch := reply{400, `{"jsonrpc":"2.0","id":7,"error":{"code":-32020,"message":"Mcp-Method or Mcp-Name differs from the body"}}` + "\n"}
	if got := f.sendBody("POST", f.bob(), message("tools/list", `{}`), "Mcp-Method", "tools/call"); got != mismatch {
		f.Errorf("a header that differs from the body: got %+v, want %+v", got, mismatch)
	}
	if got := f.sendBody("POST", f.bob(), message("tasks/list", `{}`), "Content-Type", "text/plain"); got.status != 415 {
		f.Errorf("two content types: got %+v, want 415", got)
	}
}

// The caller's own session permits every message, in the protocol versions that have sessions.
// Servers ignore Mcp-Session-Id in requests of the other versions (MCP 2026-07-28, SEP-2567).
func TestMessagesInSession(t *testing.T) {
	f := newSessionFixture(t, nethttp.SessionConfig{}, new(unboundServer))
	for _, row := range []struct {
		name     string
		versions []string
		want     reply
	}{
		{"no protocol version", nil, served},
		{"2024-11-05", []string{"2024-11-05"}, served},
		{"2025-03-26", []string{"2025-03-26"}, served},
		{"2025-06-18", []string{"2025-06-18"}, served},
		{"2025-11-25", []string{"2025-11-25"}, served},
		{"2026-07-28 has no sessions", []string{"2026-07-28"}, notFound},
		{"a later version", []string{"2027-01-01"}, notFound},
		{"an unknown version", []string{"draft"}, notFound},
		{"an empty version", []string{""}, notFound},
		{"two versions", []string{"2025-11-25", "2026-07-28"}, notFound},
	} {
		header := []string{"Mcp-Session-Id", f.open(f.bob())}
		for _, version := range row.versions {
			header = append(header, "Mcp-Protocol-Version", version)
		}
		if got := f.sendBody("POST", f.bob(), message("tasks/list", `{}`), header...); got != row.want {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
		if got := f.sendBody("POST", f.bob(), message("tools/list", `{}`), header...); got != served {
			t.Errorf("%s: tools/list: got %+v, want %+v", row.name, got, served)
		}
	}
}

// A public operation without credentials has no session either.
func TestPublicMessagesWithoutSession(t *testing.T) {
	f := newSessionFixture(t, nethttp.SessionConfig{}, new(unboundServer))
	if got := f.sendBody("POST", "", message("tools/list", `{}`)); got != served {
		t.Errorf("tools/list: got %+v, want %+v", got, served)
	}
	if got := f.sendBody("POST", "", message("tools/list", `{"task":{}}`)); got.status != http.StatusUnauthorized {
		t.Errorf("with a task: got %+v, want a challenge", got)
	}
}

// A server that binds tasks to callers itself can allow their methods without a session.
func TestAllowedWithoutSession(t *testing.T) {
	f := newSessionFixture(t, nethttp.SessionConfig{AllowedWithoutSession: []string{"tasks/get", "tools/call"}}, new(unboundServer))
	for _, row := range []struct {
		name, body string
		want       reply
	}{
		{"an allowed method", message("tasks/get", `{"taskId":"t"}`), served},
		{"an allowed method that creates a task", message("tools/call", `{"name":"x","task":{}}`), served},
		{"another method", message("tasks/result", `{"taskId":"t"}`), needsSession("7")},
		{"a notification", message("notifications/cancelled", `{"requestId":7}`), needsSession("null")},
		{"a response, whose id is the server's", `{"jsonrpc":"2.0","id":7,"result":{}}`, needsSession("null")},
	} {
		if got := f.sendBody("POST", f.bob(), row.body); got != row.want {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
	}
}

// The body of a request without a session is limited, and passed on byte for byte.
func TestBodyWithoutSession(t *testing.T) {
	var got string
	echo := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body := make([]byte, 1000)
		n, _ := req.Body.Read(body)
		got = string(body[:n])
		w.WriteHeader(http.StatusOK)
	})
	f := newSessionFixtureWithoutRules(t, nethttp.SessionConfig{MaxBodyBytes: 200}, echo)
	body := " " + message("tools/call", `{ "name":"x","arguments":{"a":"\u00e9", "b":1E5} }`) + "\n"
	if r := f.sendBody("POST", f.bob(), body); r.status != 200 || got != body {
		t.Errorf("got %+v and body %q, want 200 and %q", r, got, body)
	}
	if r := f.sendBody("POST", f.bob(), body+strings.Repeat(" ", 200)); r.status != 413 {
		t.Errorf("over the limit: got %+v, want 413", r)
	}
}

// The end of a stream removes its session only while the session is that of the stream's caller.
func TestEndOfStreamKeepsSessionOfOther(t *testing.T) {
	server := &sseServer{event: func(string) []string { return []string{"event: endpoint\ndata: /m?sessionId=x\n\n"} }}
	ended := make(chan struct{}, 2)
	f := newSessionFixture(t, nethttp.SessionConfig{MaxSessions: 1}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/sse":
			server.ServeHTTP(w, req)
			ended <- struct{}{}
		case "/open":
			w.Header().Set("Mcp-Session-Id", "y")
		default:
			_, _ = io.WriteString(w, "served")
		}
	}))
	_, disconnect := f.openStream(f.alice())
	f.send("POST", "/open", f.bob(), "") // at the limit: alice's session is removed
	f.openStream(f.bob())                // the server uses its id again
	expect := func(what string) {
		if got := f.post("/m?sessionId=x", f.bob()); got != 200 {
			t.Errorf("%s: got %d, want 200", what, got)
		}
	}
	expect("before the stream ends")
	disconnect()
	<-ended
	for range 20 { // the binding is removed after the handler has returned
		expect("after the stream has ended")
	}
}
