package nethttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource/resourcetest"
)

// sseServer is a server of the HTTP+SSE transport (MCP 2024-11-05). A GET opens a session,
// and the first event contains the URL for POST requests. It does not check who sends those.
type sseServer struct {
	event   func(id string) []string // the first bytes of a stream, in the pieces of each write
	mu      sync.Mutex
	opened  int
	streams map[string]bool
}

func (s *sseServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodPost {
		id := req.URL.Query().Get("sessionId") + req.URL.Query().Get("sessionid") + req.URL.Query().Get("session_id")
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.streams[id] {
			http.Error(w, "no such stream", http.StatusGone)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		return
	}
	s.mu.Lock()
	s.opened++
	id := fmt.Sprint("stream-", s.opened)
	if s.streams == nil {
		s.streams = map[string]bool{}
	}
	s.streams[id] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.streams, id)
	}()
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	for _, piece := range s.event(id) {
		_, _ = io.WriteString(w, piece)
		w.(http.Flusher).Flush() // mcp-go uses this interface
	}
	<-req.Context().Done()
}

// whole writes the text at once.
func whole(text string) func(string) []string {
	return func(id string) []string { return []string{strings.ReplaceAll(text, "ID", id)} }
}

// pieces writes the text in pieces of n bytes.
func pieces(text string, n int) func(string) []string {
	return func(id string) (all []string) {
		text := strings.ReplaceAll(text, "ID", id)
		for len(text) > n {
			all, text = append(all, text[:n]), text[n:]
		}
		return append(all, text)
	}
}

// openStream opens a stream. The returned function closes it.
func (f *sessionFixture) openStream(token string) (io.Reader, context.CancelFunc) {
	f.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	response, err := http.DefaultClient.Do(request(f, "GET", f.url+"/sse", token, nil).WithContext(ctx))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { cancel(); response.Body.Close() })
	if response.StatusCode != 200 {
		f.Fatalf("open a stream: got %d, want 200", response.StatusCode)
	}
	return response.Body, cancel
}

// post sends a request without a session header and returns the status.
func (f *sessionFixture) post(path, token string) int {
	f.Helper()
	response, _ := f.send("POST", path, token, "")
	return response.StatusCode
}

func TestSSESessions(t *testing.T) {
	const mcpGo, official = "event: endpoint\ndata: /message?sessionId=ID\r\n\r\n", "event: endpoint\ndata: /sse?sessionid=ID\n\n"
	for _, row := range []struct {
		name  string
		event func(id string) []string
		path  string
	}{
		{"mcp-go", whole(mcpGo), "/message?sessionId=stream-1"},
		{"the official Go SDK", whole(official), "/sse?sessionid=stream-1"},
		{"servers in Python", whole("event: endpoint\r\ndata: /messages/?session_id=ID\r\n\r\n"), "/messages/?session_id=stream-1"},
		{"an absolute URL with more parameters", whole("event: endpoint\ndata: https://mcp.example.test/message?a=b&sessionId=ID&c=d\n\n"), "/message?a=b&sessionId=stream-1&c=d"},
		{"data before event, no spaces", whole("data:/m?sessionId=ID\nevent:endpoint\n\n"), "/m?sessionId=stream-1"},
		{"carriage returns as line ends", whole("event: endpoint\rdata: /m?sessionId=ID\r\r"), "/m?sessionId=stream-1"},
		{"a byte order mark, comments, retry and id", whole("\uFEFF: hello\nretry: 10\n\n:\n\nid: 7\nevent: endpoint\ndata: /m?sessionId=ID\n\n"), "/m?sessionId=stream-1"},
		{"an event without data before it", whole("event: nothing\n\nevent: endpoint\ndata: /m?sessionId=ID\n\n"), "/m?sessionId=stream-1"},
		{"two events in one write", whole(mcpGo + "event: message\ndata: {}\n\n"), "/message?sessionId=stream-1"},
		{"byte by byte", pieces(mcpGo, 1), "/message?sessionId=stream-1"},
		{"byte by byte, the official Go SDK", pieces(official, 1), "/sse?sessionid=stream-1"},
		{"three bytes at a time", pieces(mcpGo, 3), "/message?sessionId=stream-1"},
		{"seven bytes at a time", pieces(official, 7), "/sse?sessionid=stream-1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newSessionFixture(t, nethttp.SessionConfig{}, &sseServer{event: row.event})
			stream, disconnect := f.openStream(f.alice())
			want := strings.Join(row.event("stream-1"), "")
			got := make([]byte, len(want))
			if _, err := io.ReadFull(stream, got); err != nil || string(got) != want {
				t.Fatalf("got %q, %v, want %q", got, err, want)
			}
			if got := f.post(row.path, f.alice()); got != 202 {
				t.Errorf("the caller that opened it: got %d, want 202", got)
			}
			for name, token := range map[string]string{"another subject": f.bob(), "the alice of another issuer": f.namesake()} {
				if got := f.post(row.path, token); got != 404 {
					t.Errorf("%s: got %d, want 404", name, got)
				}
			}
			disconnect()
			for f.post(row.path, f.alice()) != 404 { // 202 or 410 until the server has closed the stream
			}
		})
	}
}

// noStream is the reply to a request for a stream that opens no session (MCP 2025-11-25, "Listening
// for Messages from the Server": 405).
var noStream = reply{405, `{"error_description":"A stream needs a session"}` + "\n"}

// TestSSEEndpointWithoutSession checks that nothing of a stream is sent if the session in its
// endpoint event cannot be determined. Otherwise every caller could use the stream.
func TestSSEEndpointWithoutSession(t *testing.T) {
	for _, row := range []struct{ name, event string }{
		{"a path", "event: endpoint\ndata: /message/ID\n\n"},
		{"another parameter", "event: endpoint\ndata: /message?stream=ID\n\n"},
		{"an empty parameter", "event: endpoint\ndata: /message?sessionId=\n\n"},
		{"a duplicate parameter", "event: endpoint\ndata: /message?sessionId=ID&sessionId=other\n\n"},
		{"two parameters", "event: endpoint\ndata: /message?sessionId=ID&sessionid=other\n\n"},
		{"a malformed URL", "event: endpoint\ndata: %zz?sessionId=ID\n\n"},
		{"two lines of data", "event: endpoint\ndata: /message?\ndata: sessionId=ID\n\n"},
	} {
		f := newSessionFixture(t, nethttp.SessionConfig{}, &sseServer{event: whole(row.event)})
		response, body := do(t, request(t, "GET", f.url+"/sse", f.alice(), nil))
		if got := (reply{response.StatusCode, body}); got != noStream {
			t.Errorf("%s: got %+v, want %+v", row.name, got, noStream)
		}
		if log := f.log.take(); strings.Count(log, `level=ERROR msg="session rejected" why="the SSE endpoint event does not name exactly one session"`) != 1 {
			t.Errorf("%s: log: %s", row.name, log)
		}
	}
}

// TestLateSSEEndpoint checks that a stream whose endpoint event is not in its first 8 KiB is not
// sent, because its session is unknown.
func TestLateSSEEndpoint(t *testing.T) {
	for _, row := range []struct {
		name string
		gap  int
		want int
	}{{"within the limit", 8000, 200}, {"above the limit", 9000, 405}} {
		event := ":" + strings.Repeat("x", row.gap) + "\nevent: endpoint\ndata: /m?sessionId=ID\n\n"
		f := newSessionFixture(t, nethttp.SessionConfig{}, &sseServer{event: whole(event)})
		ctx, cancel := context.WithCancel(t.Context())
		response, err := http.DefaultClient.Do(request(t, "GET", f.url+"/sse", f.alice(), nil).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != row.want {
			t.Errorf("%s: got %d, want %d", row.name, response.StatusCode, row.want)
		}
		cancel()
		response.Body.Close()
	}
}

// eventStream is a server whose response to every request is an event stream. It sends the header
// before the first piece, as a proxy can. With session it opens a session in the header.
func eventStream(text, session string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		if session != "" {
			w.Header().Set("Mcp-Session-Id", session)
		}
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		for _, piece := range pieces(text, 1000)("") {
			_, _ = io.WriteString(w, piece)
			w.(http.Flusher).Flush()
		}
	})
}

// otherStreams are streams without an endpoint event as their first one, such as those of the
// streamable transport.
var otherStreams = []struct{ name, text string }{
	{"an event of another name", "event: message\ndata: {}\n\n"},
	{"an event without a name", "data: {}\n\ndata: /message?none\n\n"},
	{"an endpoint event that is not the first event", "data: {}\n\nevent: endpoint\ndata: /message?sessionId=x\n\n"},
	{"a long event", "data: " + strings.Repeat("x", 20_000) + "\n\n"},
	{"a long line that does not end", strings.Repeat("x", 20_000)},
	{"an empty stream", ""},
}

// Streams with a session, and responses to messages, are not changed.
func TestOtherStreams(t *testing.T) {
	for _, row := range otherStreams {
		f := newSessionFixture(t, nethttp.SessionConfig{}, eventStream(row.text, "mine"))
		for _, method := range []string{"GET", "POST"} {
			if response, body := f.send(method, "/", f.alice(), ""); response.StatusCode != 200 || body != row.text {
				t.Errorf("%s, %s that opens a session: got %d and %d bytes, want %d", row.name, method, response.StatusCode, len(body), len(row.text))
			}
		}
		if response, body := f.send("GET", "/", f.alice(), "mine"); response.StatusCode != 200 || body != row.text {
			t.Errorf("%s, GET of a session: got %d and %d bytes, want %d", row.name, response.StatusCode, len(body), len(row.text))
		}
	}
}

// Nothing of a stream without a session is sent: it can have the messages of every caller.
func TestStreamsWithoutSession(t *testing.T) {
	for _, row := range otherStreams {
		f := newSessionFixture(t, nethttp.SessionConfig{}, eventStream(row.text, ""))
		response, body := do(t, request(t, "GET", f.url, f.bob(), nil))
		if got := (reply{response.StatusCode, body}); got != noStream || response.Header.Get("Allow") != "POST" || response.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: got %+v with %v, want %+v", row.name, got, response.Header, noStream)
		}
	}
}

// A stream that sends nothing is not held for long.
func TestSilentStreamWithoutSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newIssuer(t)
		res := newResource(t, issuer, "https://mcp.example.test/mcp")
		handler := nethttp.Middleware(res)(nethttp.BindSessions(res, nethttp.SessionConfig{})(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("X-Server", "silent")
			w.(http.Flusher).Flush()
			<-req.Context().Done()
			_, _ = io.WriteString(w, "event: endpoint\ndata: /m?sessionId=x\n\n") // too late
		})))
		req := httptest.NewRequest("GET", "/sse", nil)
		req.Header.Set("Authorization", "Bearer "+issuer.Token(resourcetest.Token{}))
		recorder := httptest.NewRecorder()
		start := time.Now()
		handler.ServeHTTP(recorder, req)
		if got := (reply{recorder.Code, recorder.Body.String()}); got != noStream || time.Since(start) != 10*time.Second || recorder.Header().Get("X-Server") != "" {
			t.Errorf("got %+v with %v after %v, want %+v after 10s", got, recorder.Header(), time.Since(start), noStream)
		}
	})
}

// A GET request without a session gets no successful response that does not open one.
func TestGETWithoutSession(t *testing.T) {
	respond := func(status int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
		}
	}
	for _, row := range []struct {
		name    string
		server  http.HandlerFunc
		version string
		want    int
		reached bool
	}{
		{"nothing written", func(http.ResponseWriter, *http.Request) {}, "", 405, true},
		{"another content type", respond(200, "Content-Type", "application/json"), "", 405, true},
		{"another protocol", respond(101), "", 405, true},
		{"an error in a stream", respond(500, "Content-Type", "text/event-stream"), "", 405, true},
		{"an error", respond(503), "", 503, true},
		{"a redirection", respond(307, "Location", "/there"), "", 307, true},
		{"a session", respond(200, "Mcp-Session-Id", "x"), "", 200, true},
		{"an empty session", respond(200, "Mcp-Session-Id", ""), "", 405, true},
		{"a protocol version: the client is past initialize", respond(200, "Mcp-Session-Id", "x"), "2025-11-25", 405, false},
		{"a protocol version without sessions", respond(200, "Mcp-Session-Id", "x"), "2026-07-28", 405, false},
	} {
		reached := false
		f := newSessionFixture(t, nethttp.SessionConfig{}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			reached = true
			row.server(w, req)
		}))
		req := request(t, "GET", f.url, f.bob(), nil)
		if row.version != "" {
			req.Header.Set("Mcp-Protocol-Version", row.version)
		}
		response, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != row.want || reached != row.reached {
			t.Errorf("%s: got %d, reached the server: %t, want %d and %t", row.name, response.StatusCode, reached, row.want, row.reached)
		}
	}
}

// TestWriterOfNewSession checks that the wrapped writer works like the original.
func TestWriterOfNewSession(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		f := newSessionFixture(t, nethttp.SessionConfig{}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			control := http.NewResponseController(w)
			for _, err := range []error{control.SetReadDeadline(time.Now().Add(time.Hour)), control.SetWriteDeadline(time.Now().Add(time.Hour)), control.EnableFullDuplex()} {
				if err != nil {
					t.Error(err)
				}
			}
			w.Header().Set("Link", "</early>")
			w.WriteHeader(http.StatusEarlyHints) // not the final response
			w.Header().Set("Mcp-Session-Id", "mine")
			w.Header().Set("Connection", "close")   // the client must not reuse the connection
			if err := control.Flush(); err != nil { // sends the header, so the session is bound before
				t.Error(err)
			}
			conn, buffer, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = buffer.WriteString("5\r\nhello\r\n0\r\n\r\n")
			_ = buffer.Flush()
		}))
		if response, body := f.send(method, "/", f.alice(), ""); body != "hello" || response.Header.Get("Mcp-Session-Id") != "mine" {
			t.Errorf("%s: got %q, %v", method, body, response.Header)
		}
		if response, _ := f.send("POST", "/", f.bob(), "mine"); response.StatusCode != 404 {
			t.Errorf("%s: another caller: got %d, want 404", method, response.StatusCode)
		}
	}
}

// TestWriterOfExistingSession checks that a request that names a session gets the writer of
// the server.
func TestWriterOfExistingSession(t *testing.T) {
	f := newSessionFixture(t, nethttp.SessionConfig{}, http.NotFoundHandler())
	var got http.ResponseWriter
	handler := nethttp.Middleware(f.res)(nethttp.BindSessions(f.res, nethttp.SessionConfig{AdoptUnknown: true})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = w })))
	req := httptest.NewRequest("POST", "/", strings.NewReader(initialize))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+f.issuer.Token(resourcetest.Token{}))
	req.Header.Set("Mcp-Session-Id", "s")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, req)
	if got != recorder {
		t.Errorf("got writer %T, want that of the server", got)
	}
}
