package sdktest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/resource"
)

// A site is an MCP server behind warder, reached without sockets.
type site struct {
	owner    testing.TB // with which its streams end
	name     string
	watch    *watch
	handler  http.Handler
	stateful bool   // a session must be opened first
	sse      bool   // the transport of 2024-11-05: answers come on a GET
	path     string // of that GET
	modern   bool   // serves 2026-07-28

	session string            // header value; for sse the address to post to
	events  chan []byte       // of sse
	answers func([]byte) bool // of sse: whether an answer to this body comes as an event
	breaks  func([]byte) bool // whether the SDK ends the session over this body; may be nil
}

// sites makes one of each kind. The token "some" opens their sessions.
func sites(t testing.TB, rules resource.Operations) []*site {
	t.Helper()
	add := func(name string, build func(*watch) http.Handler, change func(*site)) *site {
		s := &site{owner: t, name: name, watch: newWatch()}
		s.handler = guard(newGuard(t, rules), build(s.watch))
		if change != nil {
			change(s)
		}
		return s
	}
	goSDK := func(options mcp.StreamableHTTPOptions) func(*watch) http.Handler {
		return func(w *watch) http.Handler { return goSDKStreamable(w, options) }
	}
	mcpGo := func(options ...server.StreamableHTTPOption) func(*watch) http.Handler {
		return func(w *watch) http.Handler { return mcpGoStreamable(w, options...) }
	}
	modern := func(s *site) { s.modern = true }
	stateful := func(s *site) { s.stateful = true }
	return []*site{
		add("go-sdk, stateless, JSON", goSDK(mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true}), modern),
		add("go-sdk, stateless, SSE", goSDK(mcp.StreamableHTTPOptions{Stateless: true}), modern),
		add("go-sdk, stateful, JSON", goSDK(mcp.StreamableHTTPOptions{JSONResponse: true}), stateful),
		add("go-sdk, stateful, SSE", goSDK(mcp.StreamableHTTPOptions{}), stateful),
		add("go-sdk, transport of 2024-11-05", goSDKSSE, func(s *site) { s.sse, s.path, s.answers, s.breaks = true, "/mcp", goSDKAnswers, goSDKBreaks }),
		add("mcp-go, stateless", mcpGo(server.WithStateLess(true)), modern),
		add("mcp-go, stateful", mcpGo(server.WithStateful(true)), func(s *site) { s.stateful, s.modern = true, true }),
		add("mcp-go, transport of 2024-11-05", mcpGoSSE, func(s *site) { s.sse, s.path, s.answers = true, "/sse", mcpGoAnswers }),
	}
}

// A letter is what a client sends.
type letter struct {
	method  string // "": POST
	token   string // "": some; nobody: no token
	body    string
	headers []string // name, value, ...; Content-Type and Accept are added if missing
}

const nobody = "nobody"

func (l letter) String() string {
	return l.method + " " + l.token + " " + strings.Join(l.headers, "|") + "\n\t" + l.body
}

// A reply is what came back, and what was seen meanwhile.
type reply struct {
	refusal
	header http.Header
	passed bool
	ran    []string
	faults []string
	seen   *passage
}

// send delivers a letter. A site with sessions gets one first, and the letter is sent
// in it unless it has an Mcp-Session-Id of its own.
func (s *site) send(t testing.TB, l letter) reply {
	t.Helper()
	s.ready(t)
	r := s.deliver(t, l)
	if s.stateful && r.passed && (r.status == http.StatusNotFound || l.method == http.MethodDelete) {
		s.session = "" // it was ended; the next letter opens another
	}
	return r
}

func (s *site) deliver(t testing.TB, l letter) reply {
	t.Helper()
	recorder, seen := s.post(t, l)
	r := reply{header: recorder.Header(), passed: seen.passed, seen: seen}
	r.refusal = refusal{recorder.Code, recorder.Header().Get("WWW-Authenticate"), recorder.Body.String()}
	r.ran, r.faults = s.watch.take(seen)
	return r
}

// post delivers a letter and waits until the server is done with it.
func (s *site) post(t testing.TB, l letter) (*httptest.ResponseRecorder, *passage) {
	t.Helper()
	req := s.request(l)
	ctx, stop := context.WithTimeout(req.Context(), 8*time.Second)
	defer stop()
	ctx = context.WithValue(context.WithValue(ctx, stopKey{}, stop), headerKey{}, req.Header)
	req, seen := s.watch.begin(req.WithContext(ctx), l)
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, req)
	if s.sse && recorder.Code == http.StatusAccepted {
		s.await(t, l)
	}
	return recorder, seen
}

func (s *site) request(l letter) *http.Request {
	method, address := l.method, "https://mcp.example.test/mcp"
	if method == "" {
		method = http.MethodPost
	}
	if s.sse {
		address = "https://mcp.example.test" + s.session
	}
	req := httptest.NewRequest(method, address, strings.NewReader(l.body))
	if l.token != nobody {
		req.Header.Set("Authorization", "Bearer "+or(l.token, "some"))
	}
	for i := 0; i+1 < len(l.headers); i += 2 {
		req.Header.Add(l.headers[i], l.headers[i+1])
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Mcp-Session-Id": s.session} {
		if len(req.Header.Values(name)) == 0 && value != "" && (name != "Mcp-Session-Id" || s.stateful) {
			req.Header.Set(name, value)
		}
	}
	return req
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

const initialize = `{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}`

// ready opens a session where one is needed and there is none.
func (s *site) ready(t testing.TB) {
	t.Helper()
	if s.session != "" || !s.stateful && !s.sse {
		return
	}
	if s.sse {
		s.listen(t)
	}
	r := s.deliver(t, letter{body: initialize})
	if s.stateful {
		s.session = r.header.Get("Mcp-Session-Id")
	}
	if r.status/100 != 2 || s.session == "" || len(r.faults) > 0 {
		t.Fatalf("%s: no session: %+v", s.name, r)
	}
	s.post(t, letter{body: `{"jsonrpc":"2.0","method":"notifications/initialized"}`})
}
