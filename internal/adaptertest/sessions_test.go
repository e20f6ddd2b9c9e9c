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

// forgetful is an MCP server that binds no sessions: a POST without one opens one, a
// GET is a stream of the transport of 2024-11-05. It tells whom it served.
type forgetful struct{ opened atomic.Int64 }

func (s *forgetful) ServeHTTP(w http.ResponseWriter, req *http.Request) {
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

// Sessions are bound at every door, and where Echo's own routes have the binding as a
// middleware (echo.WrapMiddleware): to the principal, so that a new token goes on.
func TestSessionsAreBound(t *testing.T) {
	quiet := nethttp.SessionConfig{Logger: slog.New(slog.DiscardHandler)}
	inside := func(d door) door {
		return door{name: d.name, handler: func(res *resource.Resource, next http.Handler) http.Handler {
			return d.handler(res, nethttp.BindSessions(res, quiet)(next))
		}}
	}
	wrapped := door{name: "Echo, WrapMiddleware", handler: func(res *resource.Resource, next http.Handler) http.Handler {
		e := echo.New()
		e.Any("/mcp", echo.WrapHandler(next), echoadapter.Middleware(res), echo.WrapMiddleware(nethttp.BindSessions(res, quiet)))
		return e
	}}
	used := door{name: "Echo, Use and WrapMiddleware", handler: func(res *resource.Resource, next http.Handler) http.Handler {
		e := echo.New()
		e.Use(echoadapter.Middleware(res), echo.WrapMiddleware(nethttp.BindSessions(res, quiet)))
		e.Any("/mcp", echo.WrapHandler(next))
		return e
	}}
	places := []door{wrapped, used}
	for _, d := range doors {
		places = append(places, inside(d))
	}
	for _, d := range places {
		t.Run(d.name, func(t *testing.T) { boundSessions(t, d) })
	}
}

func boundSessions(t *testing.T, d door) {
	const gone = `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}` + "\n"
	issuer := newIssuer(t)
	url := serve(t, d.handler(newResource(t, issuer, nil), new(forgetful))) + "/mcp"
	token := func(subject string) string {
		return issuer.Token(resourcetest.Token{Audience: identifier, Subject: subject})
	}
	ask := func(method, query, subject, session string) (*http.Response, string) {
		req := request(t, method, url+query, token(subject), strings.NewReader("{}"))
		if session != "" {
			req.Header.Set("Mcp-Session-Id", session)
		}
		return do(t, req)
	}
	opened, _ := ask("POST", "", "alice", "")
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
		{"the session, with a new token", "POST", "", "alice", session, 200, "alice"},
		{"the stream", "POST", "?" + query, "alice", "", 200, "alice"},
		{"somebody else's session", "POST", "", "bob", session, 404, gone},
		{"somebody else's stream", "POST", "?" + query, "bob", "", 404, gone},
		{"listening to somebody else's session", "GET", "", "bob", session, 404, gone},
		{"ending somebody else's session", "DELETE", "", "bob", session, 404, gone},
		{"a session that nobody knows", "POST", "", "alice", "made-up", 404, gone},
		{"the end of the session", "DELETE", "", "alice", session, 200, "alice"},
		{"after its end", "POST", "", "alice", session, 404, gone},
	} {
		response, body := ask(row.method, row.query, row.subject, row.session)
		if response.StatusCode != row.status || body != row.body {
			t.Errorf("%s: got %d %q, want %d %q", row.name, response.StatusCode, body, row.status, row.body)
		}
	}
	if session == "" || query == "" {
		t.Errorf("session %q, stream %q", session, query)
	}
}
