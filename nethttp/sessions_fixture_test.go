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

// sessionFixture is an MCP server that does not bind sessions to callers, protected by
// BindSessions and Middleware.
type sessionFixture struct {
	testing.TB
	issuer, other *resourcetest.Issuer
	res           *resource.Resource
	log           *logBuffer
	url           string
}

// logBuffer is a buffer that is safe for concurrent use.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take returns the text and clears the buffer.
func (l *logBuffer) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

func newSessionFixture(t testing.TB, c nethttp.SessionConfig, server http.Handler) *sessionFixture {
	t.Helper()
	return newSessionFixtureWith(t, c, server, resource.Operations{Public: []string{"tools/list"}})
}

func newSessionFixtureWithoutRules(t testing.TB, c nethttp.SessionConfig, server http.Handler) *sessionFixture {
	t.Helper()
	return newSessionFixtureWith(t, c, server, resource.Operations{})
}

func newSessionFixtureWith(t testing.TB, c nethttp.SessionConfig, server http.Handler, rules resource.Operations) *sessionFixture {
	t.Helper()
	f := &sessionFixture{TB: t, issuer: newIssuer(t), log: new(logBuffer)}
	var err error
	if f.other, err = resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://other.example.test"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.other.Close)
	config := resource.Config{Identifier: "https://mcp.example.test/mcp", Logger: slog.New(slog.DiscardHandler), Operations: rules}
	for _, issuer := range []*resourcetest.Issuer{f.issuer, f.other} {
		keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport(), Logger: config.Logger})
		if err != nil {
			t.Fatal(err)
		}
		config.Issuers = append(config.Issuers, resource.Issuer{Verifier: keys})
	}
	if f.res, err = resource.New(config); err != nil {
		t.Fatal(err)
	}
	c.Logger = slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f.url = serve(t, nethttp.Middleware(f.res)(nethttp.BindSessions(f.res, c)(server)))
	return f
}

// alice and bob return a new token in each call.
func (f *sessionFixture) alice() string { return f.issuer.Token(resourcetest.Token{Subject: "alice"}) }
func (f *sessionFixture) bob() string   { return f.issuer.Token(resourcetest.Token{Subject: "bob"}) }

// namesake returns a token of another issuer with the subject alice.
func (f *sessionFixture) namesake() string {
	return f.other.Token(resourcetest.Token{Subject: "alice"})
}

const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`

// send sends an initialize request with further header fields, given as names and values. The
// session may be empty.
func (f *sessionFixture) send(method, path, token, session string, header ...string) (*http.Response, string) {
	f.Helper()
	req := request(f, method, f.url+path, token, strings.NewReader(initialize))
	req.Header.Set("Content-Type", "application/json")
	if session != "" {
		req.Header.Set("Mcp-Session-Id", session)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return do(f, req)
}

// open opens a session and returns its id.
func (f *sessionFixture) open(token string) string {
	f.Helper()
	response, _ := f.send("POST", "/", token, "")
	id := response.Header.Get("Mcp-Session-Id")
	if response.StatusCode != 200 || id == "" {
		f.Fatalf("open a session: got %d with id %q, want 200 and an id", response.StatusCode, id)
	}
	return id
}

// expect sends a request with a session, and compares the status and the body.
func (f *sessionFixture) expect(what, token, session string, want reply) {
	f.Helper()
	response, body := f.send("POST", "/", token, session)
	if got := (reply{response.StatusCode, body}); got != want {
		f.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

type reply struct {
	status int
	body   string
}

var (
	served    = reply{200, "served"}
	noSession = reply{404, `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}` + "\n"}
	ambiguous = reply{400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"The request names a session more than once"}}` + "\n"}
)

// unboundServer is an MCP server that opens a session for each request without one and
// accepts every session id, like mcp-go by default.
type unboundServer struct {
	nextID       func(n int) string // returns the id of the nth session; nil: s1, s2, …
	deleteStatus int
	mu           sync.Mutex
	opened       int
	reached      int
}

func (s *unboundServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reached++
	switch {
	case req.Method == http.MethodDelete && s.deleteStatus != 0:
		w.WriteHeader(s.deleteStatus)
	case req.Header.Get("Mcp-Session-Id") == "":
		s.opened++
		id := fmt.Sprintf("s%d", s.opened)
		if s.nextID != nil {
			id = s.nextID(s.opened)
		}
		w.Header().Set("Mcp-Session-Id", id)
	}
	_, _ = io.WriteString(w, "served")
}
