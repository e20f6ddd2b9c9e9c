package nethttp_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A hall is an MCP server that binds no sessions, behind BindSessions and Middleware.
type hall struct {
	testing.TB
	one, other *resourcetest.Issuer
	res        *resource.Resource
	log        *safeLog
	url        string
}

// safeLog is a log that can be read while others write to it.
type safeLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *safeLog) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

func newHall(t testing.TB, c nethttp.SessionConfig, server http.Handler) *hall {
	t.Helper()
	h := &hall{TB: t, one: newIssuer(t), log: new(safeLog)}
	var err error
	if h.other, err = resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://other.example.test"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.other.Close)
	config := resource.Config{Identifier: "https://mcp.example.test/mcp", Logger: slog.New(slog.DiscardHandler)}
	config.Operations.Public = []string{"tools/list"}
	for _, issuer := range []*resourcetest.Issuer{h.one, h.other} {
		keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport(), Logger: config.Logger})
		if err != nil {
			t.Fatal(err)
		}
		config.Issuers = append(config.Issuers, resource.Issuer{Verifier: keys})
	}
	if h.res, err = resource.New(config); err != nil {
		t.Fatal(err)
	}
	c.Logger = slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.url = serve(t, nethttp.Middleware(h.res)(nethttp.BindSessions(h.res, c)(server)))
	return h
}

// Each call makes another token.
func (h *hall) alice() string { return h.one.Token(resourcetest.Token{Subject: "alice"}) }
func (h *hall) bob() string   { return h.one.Token(resourcetest.Token{Subject: "bob"}) }

// namesake is the alice of another issuer.
func (h *hall) namesake() string { return h.other.Token(resourcetest.Token{Subject: "alice"}) }

const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`

// ask sends a JSON-RPC request; session and header lines may be empty.
func (h *hall) ask(method, path, token, session string, header ...string) (*http.Response, string) {
	h.Helper()
	req := request(h, method, h.url+path, token, strings.NewReader(call))
	req.Header.Set("Content-Type", "application/json")
	if session != "" {
		req.Header.Set("Mcp-Session-Id", session)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return do(h, req)
}

// begin opens a session and returns its id.
func (h *hall) begin(token string) string {
	h.Helper()
	response, _ := h.ask("POST", "/", token, "")
	id := response.Header.Get("Mcp-Session-Id")
	if response.StatusCode != 200 || id == "" {
		h.Fatalf("no session: %d", response.StatusCode)
	}
	return id
}

// expect asks with a session and compares status and body.
func (h *hall) expect(what, token, session string, want answer) {
	h.Helper()
	response, body := h.ask("POST", "/", token, session)
	if got := (answer{response.StatusCode, body}); got != want {
		h.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

type answer struct {
	status int
	body   string
}

var (
	served    = answer{200, "served"}
	noSession = answer{404, `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}` + "\n"}
	ambiguous = answer{400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"The request names a session more than once"}}` + "\n"}
)

// trusting is an MCP server that gives a session to whoever names none and serves
// whatever session is named, as the default of mcp-go does.
type trusting struct {
	next         func(n int) string // names the sessions; nil: s1, s2, …
	deleteStatus int
	mu           sync.Mutex
	n            int
	reached      int
}

func (s *trusting) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reached++
	switch {
	case req.Method == http.MethodDelete && s.deleteStatus != 0:
		w.WriteHeader(s.deleteStatus)
	case req.Header.Get("Mcp-Session-Id") == "":
		s.n++
		id := fmt.Sprintf("s%d", s.n)
		if s.next != nil {
			id = s.next(s.n)
		}
		w.Header().Set("Mcp-Session-Id", id)
	}
	_, _ = io.WriteString(w, "served")
}

func TestSessionsAreThePrincipals(t *testing.T) {
	server := new(trusting)
	h := newHall(t, nethttp.SessionConfig{}, server)
	session := h.begin(h.alice())
	h.expect("the same caller, another token", h.alice(), session, served)
	reached := server.reached
	h.expect("another subject", h.bob(), session, noSession)
	h.expect("the same subject of another issuer", h.namesake(), session, noSession)
	h.expect("unknown", h.alice(), "s99", noSession)
	h.expect("its id in other case", h.alice(), strings.ToUpper(session), noSession)
	for _, method := range []string{"GET", "DELETE", "OPTIONS", "HEAD", "PUT"} {
		if response, _ := h.ask(method, "/", h.bob(), session); response.StatusCode != 404 {
			t.Errorf("%s: got %d, want 404", method, response.StatusCode)
		}
	}
	if server.reached != reached {
		t.Errorf("%d refused requests reached the server", server.reached-reached)
	}
	h.expect("the caller again", h.alice(), session, served)
	log := h.log.take()
	if n := strings.Count(log, `level=WARN msg="session refused" why="another caller's" resource=https://mcp.example.test/mcp caller.issuer=https://auth.example.test caller.subject=bob`); n != 6 || strings.Contains(log, session) {
		t.Errorf("log:\n%s", log)
	}
}

// The headers of a refusal, whole; it says nothing of the session.
func TestHeadersOfARefusedSession(t *testing.T) {
	h := newHall(t, nethttp.SessionConfig{}, new(trusting))
	session := h.begin(h.alice())
	foreign, _ := h.ask("POST", "/", h.bob(), session)
	unknown, _ := h.ask("POST", "/", h.bob(), "s99")
	want := http.Header{
		"Cache-Control": {"no-store"}, "Content-Length": {"82"},
		"Content-Type": {"application/json"}, "X-Content-Type-Options": {"nosniff"},
	}
	for name, response := range map[string]*http.Response{"another's": foreign, "unknown": unknown} {
		response.Header.Del("Date")
		if fmt.Sprint(response.Header) != fmt.Sprint(want) {
			t.Errorf("%s:\n got %v\nwant %v", name, response.Header, want)
		}
	}
}

func TestSessionsNamedInSeveralWays(t *testing.T) {
	server := new(trusting)
	h := newHall(t, nethttp.SessionConfig{}, server)
	s := h.begin(h.alice())
	foreign := h.begin(h.bob())
	for _, row := range []struct {
		name, path, session string
		header              []string
		want                answer
	}{
		{"header", "/", s, nil, served},
		{"sessionId", "/?sessionId=" + s, "", nil, served},
		{"sessionid", "/?sessionid=" + s, "", nil, served},
		{"session_id", "/?session_id=" + s, "", nil, served},
		{"a percent-encoded name", "/?session%49d=" + foreign, "", nil, noSession},
		{"another's in the query", "/?sessionid=" + foreign, "", nil, noSession},
		{"header twice, different", "/", s, []string{"Mcp-Session-Id", foreign}, ambiguous},
		{"header twice, the same", "/", s, []string{"mcp-session-id", s}, ambiguous},
		{"header and query", "/?sessionId=" + foreign, s, nil, ambiguous},
		{"header and query, the same", "/?sessionId=" + s, s, nil, ambiguous},
		{"parameter twice", "/?sessionId=" + s + "&sessionId=" + foreign, "", nil, ambiguous},
		{"two parameters", "/?sessionid=" + s + "&sessionId=" + foreign, "", nil, ambiguous},
		{"an empty one and another", "/?sessionid=&sessionId=" + foreign, "", nil, ambiguous},
		{"a query that can be read in two ways", "/?a;sessionId=" + foreign, "", nil, ambiguous},
		{"a query without a session", "/?a=b", s, nil, served},
		{"none: a new one", "/", "", nil, served},
		{"an empty parameter: a new one", "/?sessionId=", "", nil, served},
		{"an empty header: a new one", "/", "", []string{"Mcp-Session-Id", ""}, served},
		{"resuming without a session", "/", "", []string{"Last-Event-ID", "1"}, noSession},
		{"resuming with it", "/", s, []string{"Last-Event-ID", "1"}, served},
	} {
		reached := server.reached
		response, body := h.ask("POST", row.path, h.alice(), row.session, row.header...)
		if got := (answer{response.StatusCode, body}); got != row.want || (server.reached > reached) != (row.want == served) {
			t.Errorf("%s: got %+v, want %+v; reached the server: %v", row.name, got, row.want, server.reached > reached)
		}
	}
}

// A session that somebody opened without a token could be used with any.
func TestAnonymousRequestsHaveNoSessions(t *testing.T) {
	server := new(trusting)
	h := newHall(t, nethttp.SessionConfig{AdoptUnknown: true}, server)
	session := h.begin(h.alice())
	for _, row := range []struct {
		name, session, lastEvent string
		want                     answer
		reached                  int
	}{
		{"no session", "", "", served, 1},
		{"somebody's", session, "", noSession, 0},
		{"unknown", "s99", "", noSession, 0},
		{"resuming", "", "1", noSession, 0},
	} {
		before := server.reached
		req := request(t, "POST", h.url, "", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		req.Header.Set("Content-Type", "application/json")
		for name, value := range map[string]string{"Mcp-Session-Id": row.session, "Last-Event-Id": row.lastEvent} {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		response, body := do(t, req)
		if got := (answer{response.StatusCode, body}); got != row.want || server.reached-before != row.reached || response.Header.Values("Mcp-Session-Id") != nil {
			t.Errorf("%s: got %+v with %v, reached %d, want %+v", row.name, got, response.Header, server.reached-before, row.want)
		}
	}
}

func TestBindSessionsWithoutTheMiddleware(t *testing.T) {
	server := new(trusting)
	h := newHall(t, nethttp.SessionConfig{}, server)
	bind := nethttp.BindSessions(h.res, nethttp.SessionConfig{})
	neighbour := newResource(t, h.one, "https://mcp.example.test/mcp")
	for name, handler := range map[string]http.Handler{
		"none in front":            bind(server),
		"that of another resource": nethttp.Middleware(neighbour)(bind(server)),
	} {
		if response, _ := do(t, request(t, "POST", serve(t, handler), h.alice(), nil)); response.StatusCode != 401 || server.reached != 0 {
			t.Errorf("%s: got %d, reached %d", name, response.StatusCode, server.reached)
		}
	}
}
