package sdktest_test

import (
	"cmp"
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

// testServer is an MCP server behind warder, called without sockets.
type testServer struct {
	owner    testing.TB // its streams end with this test
	name     string
	observer *observer
	handler  http.Handler
	stateful bool   // a session must be opened first
	sse      bool   // the transport of 2024-11-05: responses are events of a GET request
	path     string // of that GET request
	modern   bool   // supports 2026-07-28

	session       string            // the session header; with sse, the path for POST requests
	events        chan []byte       // with sse
	responds      func([]byte) bool // with sse: reports whether the SDK responds to this body with an event
	breaksSession func([]byte) bool // reports whether the SDK ends the session because of this body; can be nil
}

// testServers returns one server of each kind. Their sessions are opened with the token "some".
func testServers(t testing.TB, rules resource.Operations) []*testServer {
	t.Helper()
	add := func(name string, build func(*observer) http.Handler, change func(*testServer)) *testServer {
		s := &testServer{owner: t, name: name, observer: newObserver()}
		s.handler = protect(newResource(t, rules), build(s.observer))
		if change != nil {
			change(s)
		}
		return s
	}
	goSDK := func(options mcp.StreamableHTTPOptions) func(*observer) http.Handler {
		return func(obs *observer) http.Handler { return goSDKStreamable(obs, options) }
	}
	mcpGo := func(options ...server.StreamableHTTPOption) func(*observer) http.Handler {
		return func(obs *observer) http.Handler { return mcpGoStreamable(obs, options...) }
	}
	modern := func(s *testServer) { s.modern = true }
	stateful := func(s *testServer) { s.stateful = true }
	return []*testServer{
		add("go-sdk, stateless, JSON", goSDK(mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true}), modern),
		add("go-sdk, stateless, SSE", goSDK(mcp.StreamableHTTPOptions{Stateless: true}), modern),
		add("go-sdk, stateful, JSON", goSDK(mcp.StreamableHTTPOptions{JSONResponse: true}), stateful),
		add("go-sdk, stateful, SSE", goSDK(mcp.StreamableHTTPOptions{}), stateful),
		add("go-sdk, transport of 2024-11-05", goSDKSSE, func(s *testServer) {
			s.sse, s.path, s.responds, s.breaksSession = true, "/mcp", goSDKResponds, goSDKBreaksSession
		}),
		add("mcp-go, stateless", mcpGo(server.WithStateLess(true)), modern),
		add("mcp-go, stateful", mcpGo(server.WithStateful(true)), func(s *testServer) { s.stateful, s.modern = true, true }),
		add("mcp-go, transport of 2024-11-05", mcpGoSSE, func(s *testServer) { s.sse, s.path, s.responds = true, "/sse", mcpGoResponds }),
	}
}

// clientRequest is a request of a client.
type clientRequest struct {
	method  string // "": POST
	token   string // "": "some"; noToken: none
	body    string
	headers []string // names and values in turn; Content-Type and Accept are added if missing
}

const noToken = "none"

func (cr clientRequest) String() string {
	return cr.method + " " + cr.token + " " + strings.Join(cr.headers, "|") + "\n\t" + cr.body
}

// reply is a response and the record of the request.
type reply struct {
	refusal
	header   http.Header
	accepted bool
	executed []string
	faults   []string
	record   *record
}

// send sends a request. If the server has sessions, it opens one first and sends the request in it,
// unless the request has an Mcp-Session-Id.
func (s *testServer) send(t testing.TB, cr clientRequest) reply {
	t.Helper()
	s.openSession(t)
	r := s.sendInSession(t, cr)
	if s.stateful && r.accepted && (r.status == http.StatusNotFound || cr.method == http.MethodDelete) {
		s.session = "" // it has ended; the next request opens another one
	}
	return r
}

// sendInSession sends a request in the current session.
func (s *testServer) sendInSession(t testing.TB, cr clientRequest) reply {
	t.Helper()
	recorder, rec := s.post(t, cr)
	r := reply{header: recorder.Header(), accepted: rec.accepted, record: rec}
	r.refusal = newRefusal(recorder.Code, recorder.Header().Get("WWW-Authenticate"), recorder.Body.String())
	r.executed, r.faults = s.observer.result(rec)
	return r
}

// post sends a request and waits until the server has handled it.
func (s *testServer) post(t testing.TB, cr clientRequest) (*httptest.ResponseRecorder, *record) {
	t.Helper()
	req := s.request(cr)
	ctx, stop := context.WithTimeout(req.Context(), 8*time.Second)
	defer stop()
	ctx = context.WithValue(context.WithValue(ctx, stopKey{}, stop), headerKey{}, req.Header)
	req, rec := s.observer.begin(req.WithContext(ctx), cr)
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, req)
	if s.sse && recorder.Code == http.StatusAccepted {
		s.waitForResponse(t, cr)
	}
	return recorder, rec
}

// request returns the HTTP request, with the default headers and those of the session.
func (s *testServer) request(cr clientRequest) *http.Request {
	method, address := cr.method, "https://mcp.example.test/mcp"
	if method == "" {
		method = http.MethodPost
	}
	if s.sse {
		address = "https://mcp.example.test" + s.session
	}
	req := httptest.NewRequest(method, address, strings.NewReader(cr.body))
	if cr.token != noToken {
		req.Header.Set("Authorization", "Bearer "+cmp.Or(cr.token, "some"))
	}
	for i := 0; i+1 < len(cr.headers); i += 2 {
		req.Header.Add(cr.headers[i], cr.headers[i+1])
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Mcp-Session-Id": s.session} {
		if len(req.Header.Values(name)) == 0 && value != "" && (name != "Mcp-Session-Id" || s.stateful) {
			req.Header.Set(name, value)
		}
	}
	return req
}

const initialize = `{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}`

// openSession opens a session if the server requires one and none is open.
func (s *testServer) openSession(t testing.TB) {
	t.Helper()
	if s.session != "" || !s.stateful && !s.sse {
		return
	}
	if s.sse {
		s.openStream(t)
	}
	r := s.sendInSession(t, clientRequest{body: initialize})
	if s.stateful {
		s.session = r.header.Get("Mcp-Session-Id")
	}
	if r.status/100 != 2 || s.session == "" || len(r.faults) > 0 {
		t.Fatalf("%s: opening a session: %+v", s.name, r)
	}
	s.post(t, clientRequest{body: `{"jsonrpc":"2.0","method":"notifications/initialized"}`})
}
