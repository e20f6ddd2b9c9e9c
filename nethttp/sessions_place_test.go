package nethttp_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource/resourcetest"
)

// bothTransports serves the SSE transport at /sse and /message, and the streamable transport
// elsewhere. The latter looks for a session only in the header. It records that session, and opens
// one if there is none. /repeat also has the session of the request in the response.
type bothTransports struct {
	sse      sseServer
	sessions []string
}

func (b *bothTransports) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if strings.HasSuffix(req.URL.Path, "/sse") || strings.HasSuffix(req.URL.Path, "/message") {
		b.sse.ServeHTTP(w, req)
		return
	}
	session := req.Header.Get("Mcp-Session-Id")
	b.sessions = append(b.sessions, session)
	if session == "" {
		session = "opened"
		w.Header().Set("Mcp-Session-Id", session)
	} else if req.URL.Path == "/repeat" {
		w.Header().Set("Mcp-Session-Id", session)
	}
	_, _ = io.WriteString(w, "served")
}

// take returns the sessions that the streamable transport has got, and forgets them.
func (b *bothTransports) take() (sessions []string) {
	sessions, b.sessions = b.sessions, nil
	return sessions
}

// A session exists only where the server looks for it: in the header, or in the query of the URL
// that an endpoint event had. Elsewhere the request has no session, and the server uses the empty
// one, which is every caller's.
func TestSessionsBelongToTheirPlace(t *testing.T) {
	for _, adopt := range []bool{false, true} {
		server := &bothTransports{sse: sseServer{event: whole("event: endpoint\ndata: /api/message?sessionId=ID\n\n")}}
		f := newSessionFixture(t, nethttp.SessionConfig{AdoptUnknown: adopt}, server)
		f.open(f.bob())
		f.openStream(f.bob())
		server.take()
		for _, row := range []struct {
			name, method, path, header string
			want                       int
		}{
			{"the endpoint", "POST", "/api/message?sessionId=stream-1", "", 202},
			{"the endpoint, as a proxy that removes a prefix requests it", "POST", "/message?sessionId=stream-1", "", 202},
			{"the endpoint's session at another path", "POST", "/mcp?sessionId=stream-1", "", 404},
			{"the endpoint's session at the root", "POST", "/?sessionId=stream-1", "", 404},
			{"the endpoint's session below another path", "POST", "/mcp/api/message?sessionId=stream-1", "", 404},
			{"the endpoint's session at a part of a segment", "POST", "/other-message?sessionId=stream-1", "", 404},
			{"a stream of the endpoint's session", "GET", "/api/message?sessionId=stream-1", "", 404},
			{"a deletion of the endpoint's session", "DELETE", "/api/message?sessionId=stream-1", "", 404},
			{"a header session in the header", "POST", "/mcp", "opened", 200},
			{"a header session in the query", "POST", "/mcp?sessionId=opened", "", 404},
			{"a header session in the endpoint's query", "POST", "/api/message?sessionId=opened", "", 404},
			{"an unknown session in the query is never adopted", "POST", "/mcp?sessionId=unknown", "", 404},
		} {
			response, _ := f.send(row.method, row.path, f.bob(), row.header)
			if response.StatusCode != row.want {
				t.Errorf("%s, AdoptUnknown %t: got %d, want %d", row.name, adopt, response.StatusCode, row.want)
			}
			if got := server.take(); (len(got) > 0) != (row.want == 200) {
				t.Errorf("%s, AdoptUnknown %t: the server got sessions %q", row.name, adopt, got)
			}
		}
		want := map[bool]int{false: 404, true: 200}[adopt]
		if response, _ := f.send("POST", "/mcp", f.bob(), "stream-1"); response.StatusCode != want {
			t.Errorf("the endpoint's session in the header, AdoptUnknown %t: got %d, want %d", adopt, response.StatusCode, want)
		}
	}
}

// A server that serves both transports at one path finds no session of others for a request of the
// SSE transport.
func TestEndpointOfBothTransports(t *testing.T) {
	server := &bothTransports{sse: sseServer{event: whole("event: endpoint\ndata: mcp?sessionId=ID\n\n")}}
	f := newSessionFixture(t, nethttp.SessionConfig{}, server)
	f.openStream(f.bob())
	if got := f.sendAt("POST", "/mcp?sessionId=stream-1", f.bob(), message("notifications/cancelled", `{"requestId":7}`)); got != served {
		t.Errorf("got %+v, want %+v", got, served)
	}
	if got := server.take(); len(got) != 1 || got[0] == "" {
		t.Errorf("the server got sessions %q, want a random one", got)
	}
}

// Each request without a session has a random one for the server, so that the server keeps nothing
// under the empty session. The client does not learn it. Only initialize has none, because its
// response opens a session (MCP 2025-11-25, "Session Management").
func TestRequestsWithoutSessionAreIsolated(t *testing.T) {
	server := new(bothTransports)
	f := newSessionFixture(t, nethttp.SessionConfig{AllowedWithoutSession: []string{"tasks/get"}}, server)
	seen := map[string]bool{"": true, "mine": true}
	for _, row := range []struct{ name, method, token, body string }{
		{"a call", "POST", f.bob(), message("tools/call", `{"name":"x"}`)},
		{"the same call", "POST", f.bob(), message("tools/call", `{"name":"x"}`)},
		{"a list", "POST", f.bob(), message("tools/list", `{}`)},
		{"a list without credentials", "POST", "", message("tools/list", `{}`)},
		{"initialized", "POST", f.bob(), message("notifications/initialized", `{}`)},
		{"an allowed method", "POST", f.bob(), message("tasks/get", `{"taskId":"t"}`)},
		{"a batch", "POST", f.bob(), "[" + message("initialize", "{}") + "," + message("ping", "{}") + "]"},
		{"a method without a body", "HEAD", f.bob(), ""},
		{"OPTIONS", "OPTIONS", f.bob(), ""},
		{"a stream", "GET", f.bob(), ""},
	} {
		for _, path := range []string{"/mcp", "/repeat"} {
			header := []string{"Mcp-Session-Id", ""}
			if row.token == "" { // a public operation must not name a session
				header = nil
			}
			response, _ := f.sendTo(row.method, path, row.token, row.body, header...)
			got := server.take()
			if len(got) != 1 || seen[got[0]] {
				t.Fatalf("%s, %s: the server got sessions %q, want a new one", row.name, path, got)
			}
			seen[got[0]] = true
			if h := response.Header.Values("Mcp-Session-Id"); h != nil {
				t.Errorf("%s, %s: the client got session %q", row.name, path, h)
			}
			if response, _ := f.send("POST", "/mcp", f.bob(), got[0]); response.StatusCode != 404 {
				t.Errorf("%s, %s: a request with the random session: got %d, want 404", row.name, path, response.StatusCode)
			}
		}
	}
	if f.sendAt("POST", "/mcp", f.bob(), message("initialize", `{}`)); len(server.sessions) != 1 || server.take()[0] != "" {
		t.Error("initialize has a session")
	}
	f.sendAt("POST", "/mcp", f.bob(), message("tools/list", `{}`), "Mcp-Session-Id", "opened", "Mcp-Protocol-Version", "2026-07-28")
	if got := server.take(); len(got) != 1 || got[0] != "opened" {
		t.Errorf("a request that names its session: the server got %q", got)
	}
}

// One client with many tokens that identify no one removes only its own sessions.
func TestSessionLimitOfTokensWithoutSubject(t *testing.T) {
	f := newSessionFixture(t, nethttp.SessionConfig{MaxSessions: 6, MaxPerCaller: 2}, new(unboundServer))
	without := func(client any) string {
		return f.issuer.Token(resourcetest.Token{Claims: map[string]any{"sub": resourcetest.Remove, "client_id": client}})
	}
	alices, other := f.open(f.alice()), without("other")
	others := f.open(other)
	first := without("mallory")
	firsts := f.open(first)
	for range 10 {
		f.open(without("mallory"))
		f.open(without(resourcetest.Remove))
	}
	f.expect("alice's session", f.alice(), alices, served)
	f.expect("the session of another client's token", other, others, served)
	f.expect("the client's least recently used session", first, firsts, noSession)
	f.expect("a token of the same client has other sessions", without("other"), others, noSession)
	last := without("mallory")
	f.expect("the client's last session", last, f.open(last), served)
}
