package sdktest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// openStream opens the stream of an SSE transport.
func (s *testServer) openStream(t testing.TB) {
	t.Helper()
	s.events = make(chan []byte, 1000)
	req := httptest.NewRequest(http.MethodGet, "https://mcp.example.test"+s.path, nil)
	req.Header.Set("Authorization", "Bearer some")
	req.Header.Set("Accept", "text/event-stream")
	ctx, stop := context.WithCancel(req.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.handler.ServeHTTP(&streamWriter{header: http.Header{}, events: s.events}, req.WithContext(ctx))
	}()
	s.owner.Cleanup(func() { stop(); <-ended })
	endpoint := s.nextEvent(t)
	_, data, _ := bytes.Cut(endpoint, []byte("data:"))
	s.session = strings.TrimSpace(string(data))
}

// waitForResponse waits for the response to a request. If the request has no response, it sends a ping
// and waits for that response: then the official SDK has also handled the request.
func (s *testServer) waitForResponse(t testing.TB, cr clientRequest) {
	t.Helper()
	if !s.responds([]byte(cr.body)) {
		s.post(t, clientRequest{body: `{"jsonrpc":"2.0","id":"p","method":"ping"}`})
		return
	}
	for {
		_, data, _ := bytes.Cut(s.nextEvent(t), []byte("data:"))
		var message struct{ Method string }
		if json.Unmarshal(data, &message) == nil && message.Method == "" {
			return // a response, not a notification
		}
	}
}

// nextEvent waits for the next event of the stream.
func (s *testServer) nextEvent(t testing.TB) []byte {
	t.Helper()
	select {
	case e := <-s.events:
		return e
	case <-time.After(8 * time.Second): // only if the test fails
		t.Fatalf("%s: no event after %s", s.name, s.observer.latest.request)
		return nil
	}
}

// streamWriter is an http.ResponseWriter that sends each event of a stream to a channel.
type streamWriter struct {
	header http.Header
	buffer bytes.Buffer
	events chan<- []byte
}

func (w *streamWriter) Header() http.Header { return w.header }
func (w *streamWriter) WriteHeader(int)     {}
func (w *streamWriter) Flush()              {}

func (w *streamWriter) Write(p []byte) (int, error) {
	w.buffer.Write(bytes.ReplaceAll(p, []byte("\r\n"), []byte("\n")))
	for {
		event, rest, ok := bytes.Cut(w.buffer.Bytes(), []byte("\n\n"))
		if !ok {
			return len(p), nil
		}
		event, rest = bytes.Clone(event), bytes.Clone(rest)
		w.buffer.Reset()
		w.buffer.Write(rest)
		if bytes.Contains(event, []byte("data:")) {
			w.events <- event
		}
	}
}
