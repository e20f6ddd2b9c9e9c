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

// listen opens the stream of an SSE transport.
func (s *site) listen(t testing.TB) {
	t.Helper()
	s.events = make(chan []byte, 1000)
	req := httptest.NewRequest(http.MethodGet, "https://mcp.example.test"+s.path, nil)
	req.Header.Set("Authorization", "Bearer some")
	req.Header.Set("Accept", "text/event-stream")
	ctx, stop := context.WithCancel(req.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.handler.ServeHTTP(&listener{header: http.Header{}, events: s.events}, req.WithContext(ctx))
	}()
	s.owner.Cleanup(func() { stop(); <-ended })
	endpoint := s.event(t)
	_, data, _ := bytes.Cut(endpoint, []byte("data:"))
	s.session = strings.TrimSpace(string(data))
}

// await waits for the answer to a letter, or for that to a ping behind one without: then
// the official SDK has handled the letter as well.
func (s *site) await(t testing.TB, l letter) {
	t.Helper()
	if !s.answers([]byte(l.body)) {
		s.post(t, letter{body: `{"jsonrpc":"2.0","id":"p","method":"ping"}`})
		return
	}
	for {
		_, data, _ := bytes.Cut(s.event(t), []byte("data:"))
		var message struct{ Method string }
		if json.Unmarshal(data, &message) == nil && message.Method == "" {
			return // the answer, and not a notification
		}
	}
}

func (s *site) event(t testing.TB) []byte {
	t.Helper()
	select {
	case e := <-s.events:
		return e
	case <-time.After(8 * time.Second): // a guard, not a wait: only a failing test gets here
		t.Fatalf("%s: no event came after %s", s.name, s.watch.latest.letter)
		return nil
	}
}

// listener is the client's end of an event stream.
type listener struct {
	header http.Header
	buffer bytes.Buffer
	events chan<- []byte
}

func (l *listener) Header() http.Header { return l.header }
func (l *listener) WriteHeader(int)     {}
func (l *listener) Flush()              {}

func (l *listener) Write(p []byte) (int, error) {
	l.buffer.Write(bytes.ReplaceAll(p, []byte("\r\n"), []byte("\n")))
	for {
		event, rest, ok := bytes.Cut(l.buffer.Bytes(), []byte("\n\n"))
		if !ok {
			return len(p), nil
		}
		event, rest = bytes.Clone(event), bytes.Clone(rest)
		l.buffer.Reset()
		l.buffer.Write(rest)
		if bytes.Contains(event, []byte("data:")) {
			l.events <- event
		}
	}
}
