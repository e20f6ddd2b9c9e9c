package nethttp_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/nethttp"
)

func TestSessionsBelongToPrincipals(t *testing.T) {
	server := new(unboundServer)
	f := newSessionFixture(t, nethttp.SessionConfig{}, server)
	session := f.open(f.alice())
	f.expect("the same caller with another token", f.alice(), session, served)
	reached := server.reached
	f.expect("another subject", f.bob(), session, noSession)
	f.expect("the same subject of another issuer", f.namesake(), session, noSession)
	f.expect("an unknown session", f.alice(), "s99", noSession)
	f.expect("the id in different case", f.alice(), strings.ToUpper(session), noSession)
	for _, method := range []string{"GET", "DELETE", "OPTIONS", "HEAD", "PUT"} {
		if response, _ := f.send(method, "/", f.bob(), session); response.StatusCode != 404 {
			t.Errorf("%s: got %d, want 404", method, response.StatusCode)
		}
	}
	if server.reached != reached {
		t.Errorf("%d rejected requests reached the server", server.reached-reached)
	}
	f.expect("the caller again", f.alice(), session, served)
	log := f.log.take()
	if n := strings.Count(log, `level=WARN msg="session rejected" why="the session belongs to another caller" resource=https://mcp.example.test/mcp caller.issuer=https://auth.example.test caller.subject=bob`); n != 6 || strings.Contains(log, session) {
		t.Errorf("log:\n%s", log)
	}
}

// TestSessionRejectionHeaders compares whole headers. They do not reveal whether the session
// exists.
func TestSessionRejectionHeaders(t *testing.T) {
	f := newSessionFixture(t, nethttp.SessionConfig{}, new(unboundServer))
	session := f.open(f.alice())
	foreign, _ := f.send("POST", "/", f.bob(), session)
	unknown, _ := f.send("POST", "/", f.bob(), "s99")
	want := http.Header{
		"Cache-Control": {"no-store"}, "Content-Length": {"82"},
		"Content-Type": {"application/json"}, "X-Content-Type-Options": {"nosniff"},
	}
	for name, response := range map[string]*http.Response{"another caller's session": foreign, "an unknown session": unknown} {
		response.Header.Del("Date")
		if fmt.Sprint(response.Header) != fmt.Sprint(want) {
			t.Errorf("%s:\n got %v\nwant %v", name, response.Header, want)
		}
	}
}

func TestSessionID(t *testing.T) {
	server := new(unboundServer)
	f := newSessionFixture(t, nethttp.SessionConfig{}, server)
	s := f.open(f.alice())
	foreign := f.open(f.bob())
	for _, row := range []struct {
		name, path, session string
		header              []string
		want                reply
	}{
		{"header", "/", s, nil, served},
		{"the header's session in sessionId", "/?sessionId=" + s, "", nil, noSession},
		{"the header's session in sessionid", "/?sessionid=" + s, "", nil, noSession},
		{"the header's session in session_id", "/?session_id=" + s, "", nil, noSession},
		{"a percent-encoded name", "/?session%49d=" + foreign, "", nil, noSession},
		{"another caller's session in the query", "/?sessionid=" + foreign, "", nil, noSession},
		{"two headers, different", "/", s, []string{"Mcp-Session-Id", foreign}, ambiguous},
		{"two headers, the same", "/", s, []string{"mcp-session-id", s}, ambiguous},
		{"header and query", "/?sessionId=" + foreign, s, nil, ambiguous},
		{"header and query, the same", "/?sessionId=" + s, s, nil, ambiguous},
		{"a duplicate parameter", "/?sessionId=" + s + "&sessionId=" + foreign, "", nil, ambiguous},
		{"two parameters", "/?sessionid=" + s + "&sessionId=" + foreign, "", nil, ambiguous},
		{"an empty parameter and another", "/?sessionid=&sessionId=" + foreign, "", nil, ambiguous},
		{"an ambiguous query", "/?a;sessionId=" + foreign, "", nil, ambiguous},
		{"a query without a session", "/?a=b", s, nil, served},
		{"none: a new session", "/", "", nil, served},
		{"an empty parameter: a new session", "/?sessionId=", "", nil, served},
		{"an empty header: a new session", "/", "", []string{"Mcp-Session-Id", ""}, served},
		{"resuming a stream without a session", "/", "", []string{"Last-Event-ID", "1"}, noSession},
		{"resuming a stream with its session", "/", s, []string{"Last-Event-ID", "1"}, served},
	} {
		reached := server.reached
		response, body := f.send("POST", row.path, f.alice(), row.session, row.header...)
		if got := (reply{response.StatusCode, body}); got != row.want || (server.reached > reached) != (row.want == served) {
			t.Errorf("%s: got %+v, want %+v; reached the server: %v", row.name, got, row.want, server.reached > reached)
		}
	}
}

// TestAnonymousRequests checks that a request without a token can neither use nor open a
// session. A session without an owner would be available to every caller.
func TestAnonymousRequests(t *testing.T) {
	server := new(unboundServer)
	f := newSessionFixture(t, nethttp.SessionConfig{AdoptUnknown: true}, server)
	session := f.open(f.alice())
	challenged := reply{http.StatusUnauthorized, `{"jsonrpc":"2.0","id":null,"error":{"code":401,"message":"Authorization is required. Log in, or configure the client with an access token for this server","data":{"error_description":"Authorization is required"}}}` + "\n"}
	for _, row := range []struct {
		name, session, lastEvent string
		want                     reply
		reached                  int
	}{
		{"no session", "", "", served, 1},
		{"the session of a caller", session, "", challenged, 0},
		{"an unknown session", "s99", "", challenged, 0},
		{"resuming a stream", "", "1", noSession, 0},
	} {
		before := server.reached
		req := request(t, "POST", f.url, "", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		req.Header.Set("Content-Type", "application/json")
		for name, value := range map[string]string{"Mcp-Session-Id": row.session, "Last-Event-Id": row.lastEvent} {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		response, body := do(t, req)
		if got := (reply{response.StatusCode, body}); got != row.want || server.reached-before != row.reached || response.Header.Values("Mcp-Session-Id") != nil {
			t.Errorf("%s: got %+v with %v, reached the server %d times, want %+v without a session, %d times", row.name, got, response.Header, server.reached-before, row.want, row.reached)
		}
	}
}

func TestBindSessionsWithoutMiddleware(t *testing.T) {
	server := new(unboundServer)
	f := newSessionFixture(t, nethttp.SessionConfig{}, server)
	bind := nethttp.BindSessions(f.res, nethttp.SessionConfig{})
	otherResource := newResource(t, f.issuer, "https://mcp.example.test/mcp")
	for name, handler := range map[string]http.Handler{
		"no Middleware":                  bind(server),
		"Middleware of another resource": nethttp.Middleware(otherResource)(bind(server)),
	} {
		if response, _ := do(t, request(t, "POST", serve(t, handler), f.alice(), nil)); response.StatusCode != 401 || server.reached != 0 {
			t.Errorf("%s: got %d, reached the server %d times, want 401 and 0", name, response.StatusCode, server.reached)
		}
	}
}
