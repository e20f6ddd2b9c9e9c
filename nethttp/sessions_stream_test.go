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
	"time"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource/resourcetest"
)

// sseServer is a server of the HTTP+SSE transport (MCP 2024-11-05): a GET is a
// session, its first event says where to post. It trusts whoever posts.
type sseServer struct {
	event   func(id string) []string // what is written first, in these pieces
	mu      sync.Mutex
	n       int
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
	s.n++
	id := fmt.Sprint("stream-", s.n)
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
		w.(http.Flusher).Flush() // as mcp-go asks for it
	}
	<-req.Context().Done()
}

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

// listen opens a stream and returns it, and what ends it.
func (h *hall) listen(token string) (io.Reader, context.CancelFunc) {
	h.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	response, err := http.DefaultClient.Do(request(h, "GET", h.url+"/sse", token, nil).WithContext(ctx))
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { cancel(); response.Body.Close() })
	if response.StatusCode != 200 {
		h.Fatalf("no stream: %d", response.StatusCode)
	}
	return response.Body, cancel
}

func (h *hall) post(path, token string) int {
	h.Helper()
	response, _ := h.ask("POST", path, token, "")
	return response.StatusCode
}

func TestSessionsOfTheSSETransport(t *testing.T) {
	const mcpGo, official = "event: endpoint\ndata: /message?sessionId=ID\r\n\r\n", "event: endpoint\ndata: /sse?sessionid=ID\n\n"
	for _, row := range []struct {
		name  string
		event func(id string) []string
		path  string
	}{
		{"as mcp-go writes it", whole(mcpGo), "/message?sessionId=stream-1"},
		{"as the official SDK does", whole(official), "/sse?sessionid=stream-1"},
		{"as servers in Python do", whole("event: endpoint\r\ndata: /messages/?session_id=ID\r\n\r\n"), "/messages/?session_id=stream-1"},
		{"an absolute URL with more parameters", whole("event: endpoint\ndata: https://mcp.example.test/message?a=b&sessionId=ID&c=d\n\n"), "/message?a=b&sessionId=stream-1&c=d"},
		{"data before event, no spaces", whole("data:/m?sessionId=ID\nevent:endpoint\n\n"), "/m?sessionId=stream-1"},
		{"line ends of old", whole("event: endpoint\rdata: /m?sessionId=ID\r\r"), "/m?sessionId=stream-1"},
		{"a byte order mark, comments, retry and id", whole("\uFEFF: hello\nretry: 10\n\n:\n\nid: 7\nevent: endpoint\ndata: /m?sessionId=ID\n\n"), "/m?sessionId=stream-1"},
		{"an event without data before it", whole("event: nothing\n\nevent: endpoint\ndata: /m?sessionId=ID\n\n"), "/m?sessionId=stream-1"},
		{"with the next event in one write", whole(mcpGo + "event: message\ndata: {}\n\n"), "/message?sessionId=stream-1"},
		{"byte by byte", pieces(mcpGo, 1), "/message?sessionId=stream-1"},
		{"byte by byte, the other", pieces(official, 1), "/sse?sessionid=stream-1"},
		{"in threes", pieces(mcpGo, 3), "/message?sessionId=stream-1"},
		{"in sevens", pieces(official, 7), "/sse?sessionid=stream-1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHall(t, nethttp.SessionConfig{}, &sseServer{event: row.event})
			stream, leave := h.listen(h.alice())
			want := strings.Join(row.event("stream-1"), "")
			got := make([]byte, len(want))
			if _, err := io.ReadFull(stream, got); err != nil || string(got) != want {
				t.Fatalf("got %q, %v, want %q", got, err, want)
			}
			if got := h.post(row.path, h.alice()); got != 202 {
				t.Errorf("who opened it: got %d, want 202", got)
			}
			for name, token := range map[string]string{"another subject": h.bob(), "the alice of another issuer": h.namesake()} {
				if got := h.post(row.path, token); got != 404 {
					t.Errorf("%s: got %d, want 404", name, got)
				}
			}
			leave()
			for h.post(row.path, h.alice()) != 404 { // 410 or 202 until the server noticed
			}
		})
	}
}

// A stream whose session can't be known would be open to all: it ends, and its
// endpoint is not told.
func TestSSEEndpointThatNamesNoSession(t *testing.T) {
	for _, row := range []struct{ name, event string }{
		{"a path", "event: endpoint\ndata: /message/ID\n\n"},
		{"another parameter", "event: endpoint\ndata: /message?stream=ID\n\n"},
		{"an empty one", "event: endpoint\ndata: /message?sessionId=\n\n"},
		{"two of them", "event: endpoint\ndata: /message?sessionId=ID&sessionId=other\n\n"},
		{"two parameters", "event: endpoint\ndata: /message?sessionId=ID&sessionid=other\n\n"},
		{"no URL", "event: endpoint\ndata: %zz?sessionId=ID\n\n"},
		{"two lines", "event: endpoint\ndata: /message?\ndata: sessionId=ID\n\n"},
	} {
		h := newHall(t, nethttp.SessionConfig{}, &sseServer{event: whole(row.event)})
		stream, _ := h.listen(h.alice())
		if told, err := io.ReadAll(stream); err != nil || len(told) > 0 {
			t.Errorf("%s: told the client %q, %v", row.name, told, err)
		}
		if log := h.log.take(); strings.Count(log, `level=ERROR msg="session refused" why="the SSE endpoint names none, or several"`) != 1 {
			t.Errorf("%s: log: %s", row.name, log)
		}
	}
}

// An endpoint that comes later than any does is not looked for, and so its session is
// not known.
func TestSSEEndpointFarIntoTheStream(t *testing.T) {
	for _, row := range []struct {
		name string
		gap  int
		want int
	}{{"near", 8000, 202}, {"far", 9000, 404}} {
		event := ":" + strings.Repeat("x", row.gap) + "\nevent: endpoint\ndata: /m?sessionId=ID\n\n"
		h := newHall(t, nethttp.SessionConfig{}, &sseServer{event: whole(event)})
		stream, _ := h.listen(h.alice())
		if _, err := io.CopyN(io.Discard, stream, int64(len(event))); err != nil {
			t.Fatal(err)
		}
		if got := h.post("/m?sessionId=stream-1", h.alice()); got != row.want {
			t.Errorf("%s: got %d, want %d", row.name, got, row.want)
		}
	}
}

// Streams of the streamable transport are none of this, and pass untouched.
func TestOtherStreamsPass(t *testing.T) {
	long := strings.Repeat("x", 20_000)
	for _, row := range []struct{ name, text string }{
		{"an event of another name", "event: message\ndata: {}\n\n"},
		{"no name", "data: {}\n\ndata: /message?none\n\n"},
		{"endpoint, but not first", "data: {}\n\nevent: endpoint\ndata: /message\n\n"},
		{"a long event", "data: " + long + "\n\n"},
		{"endless line", long},
		{"nothing", ""},
	} {
		h := newHall(t, nethttp.SessionConfig{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for _, piece := range pieces(row.text, 1000)("") {
				_, _ = io.WriteString(w, piece)
			}
		}))
		if response, body := do(t, request(t, "GET", h.url, h.alice(), nil)); response.StatusCode != 200 || body != row.text {
			t.Errorf("%s: got %d and %d bytes, want %d", row.name, response.StatusCode, len(body), len(row.text))
		}
	}
}

// The wrapped writer can do what the one inside can.
func TestWriterOfANewSession(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		h := newHall(t, nethttp.SessionConfig{}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			control := http.NewResponseController(w)
			for _, err := range []error{control.SetReadDeadline(time.Now().Add(time.Hour)), control.SetWriteDeadline(time.Now().Add(time.Hour)), control.EnableFullDuplex()} {
				if err != nil {
					t.Error(err)
				}
			}
			w.Header().Set("Link", "</early>")
			w.WriteHeader(http.StatusEarlyHints) // is not the answer yet
			w.Header().Set("Mcp-Session-Id", "mine")
			w.Header().Set("Connection", "close")   // the client must not use it again
			if err := control.Flush(); err != nil { // sends the header: the session is bound by now
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
		if response, body := h.ask(method, "/", h.alice(), ""); body != "hello" || response.Header.Get("Mcp-Session-Id") != "mine" {
			t.Errorf("%s: got %q, %v", method, body, response.Header)
		}
		if response, _ := h.ask("POST", "/", h.bob(), "mine"); response.StatusCode != 404 {
			t.Errorf("%s: another caller got %d", method, response.StatusCode)
		}
	}
}

// A request that names a session gets the very writer of the server.
func TestWriterOfAKnownSession(t *testing.T) {
	h := newHall(t, nethttp.SessionConfig{}, http.NotFoundHandler())
	var got http.ResponseWriter
	handler := nethttp.Middleware(h.res)(nethttp.BindSessions(h.res, nethttp.SessionConfig{AdoptUnknown: true})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = w })))
	req := httptest.NewRequest("POST", "/", strings.NewReader(call))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+h.one.Token(resourcetest.Token{}))
	req.Header.Set("Mcp-Session-Id", "s")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, req)
	if got != recorder {
		t.Errorf("got a %T", got)
	}
}
