package adaptertest_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// unboundServer is an MCP server that does not bind sessions to callers. A POST without a
// session opens one; a GET opens a stream of the SSE transport (MCP 2024-11-05). It
// responds with the caller's subject.
type unboundServer struct{ opened atomic.Int64 }

func (s *unboundServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	caller, _ := resource.FromContext(req.Context())
	if req.Method == http.MethodGet {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "event: endpoint\ndata: /mcp?sessionId=stream-%d\n\n", s.opened.Add(1))
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
		return
	}
	if req.Header.Get("Mcp-Session-Id") == "" && req.URL.RawQuery == "" {
		w.Header().Set("Mcp-Session-Id", fmt.Sprintf("session-%d", s.opened.Add(1)))
	}
	_, _ = io.WriteString(w, caller.Subject())
}

// TestSessionBinding checks that sessions belong to the principal, not to the token, on
// every adapter and with BindSessions as an Echo middleware (echo.WrapMiddleware).
func TestSessionBinding(t *testing.T) {
	quiet := nethttp.SessionConfig{Logger: slog.New(slog.DiscardHandler)}
	inside := func(a adapter) adapter {
		return adapter{name: a.name, handler: func(res *resource.Resource, next http.Handler) http.Handler {
			return a.handler(res, nethttp.BindSessions(res, quiet)(next))
		}}
	}
	wrapped := adapter{name: "Echo, WrapMiddleware", handler: func(res *resource.Resource, next http.Handler) http.Handler {
		e := echo.New()
		e.Any("/mcp", echo.WrapHandler(next), echoadapter.Middleware(res), echo.WrapMiddleware(nethttp.BindSessions(res, quiet)))
		return e
	}}
	used := adapter{name: "Echo, Use and WrapMiddleware", handler: func(res *resource.Resource, next http.Handler) http.Handler {
		e := echo.New()
		e.Use(echoadapter.Middleware(res), echo.WrapMiddleware(nethttp.BindSessions(res, quiet)))
		e.Any("/mcp", echo.WrapHandler(next))
		return e
	}}
	all := []adapter{wrapped, used}
	for _, a := range adapters {
		all = append(all, inside(a))
	}
	for _, a := range all {
		t.Run(a.name, func(t *testing.T) { testSessionBinding(t, a) })
	}
}

func testSessionBinding(t *testing.T, a adapter) {
	const notFound = `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}` + "\n"
	const notFoundObject = `{"error_description":"Session not found"}` + "\n" // not a POST: no JSON-RPC error
	issuer := newIssuer(t)
	url := serve(t, a.handler(newResource(t, issuer, nil), new(unboundServer))) + "/mcp"
	token := func(subject string) string {
		return issuer.Token(resourcetest.Token{Audience: identifier, Subject: subject})
	}
	send := func(method, query, subject, session string) (*http.Response, string) {
		req := request(t, method, url+query, token(subject), strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize"}`))
		req.Header.Set("Content-Type", "application/json")
		if session != "" {
			req.Header.Set("Mcp-Session-Id", session)
		}
		return do(t, req)
	}
	opened, _ := send("POST", "", "alice", "")
	session := opened.Header.Get("Mcp-Session-Id")

	stream, err := http.DefaultClient.Do(request(t, "GET", url, token("alice"), nil))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	lines := bufio.NewScanner(stream.Body)
	lines.Scan()
	lines.Scan()
	_, query, _ := strings.Cut(lines.Text(), "?")

	for _, row := range []struct {
		name, method, query, subject, session string
		status                                int
		body                                  string
	}{
		{"the caller's session, with a new token", "POST", "", "alice", session, 200, "alice"},
		{"the caller's stream", "POST", "?" + query, "alice", "", 200, "alice"},
		{"another caller's session", "POST", "", "bob", session, 404, notFound},
		{"another caller's stream", "POST", "?" + query, "bob", "", 404, notFound},
		{"GET of another caller's session", "GET", "", "bob", session, 404, notFoundObject},
		{"DELETE of another caller's session", "DELETE", "", "bob", session, 404, notFoundObject},
		{"an unknown session", "POST", "", "alice", "made-up", 404, notFound},
		{"DELETE of the caller's session", "DELETE", "", "alice", session, 200, "alice"},
		{"a deleted session", "POST", "", "alice", session, 404, notFound},
	} {
		response, body := send(row.method, row.query, row.subject, row.session)
		if response.StatusCode != row.status || body != row.body {
			t.Errorf("%s: got %d %q, want %d %q", row.name, response.StatusCode, body, row.status, row.body)
		}
	}
	if session == "" || query == "" {
		t.Errorf("got session %q and stream %q, want both", session, query)
	}
}
