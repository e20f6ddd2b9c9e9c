package drill_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// listen opens a stream of MCP 2026-07-28. Streams by GET need sessions, which examples/server does not have.
const listen = `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},` +
	`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"drill","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`

// streams has one open stream at each process, of a subject that is revoked at the end.
type streams struct {
	subject string
	running context.Context // of all streams
	closing context.CancelFunc
	reading sync.WaitGroup

	mu    sync.Mutex
	open  map[int]bool      // by process
	ended map[int]time.Time // by process: streams that ended although the driver did not end the process
}

// openStreams opens a stream at each process.
func openStreams(t *testing.T, f *fleet) *streams {
	t.Helper()
	s := &streams{subject: "listener", open: map[int]bool{}, ended: map[int]time.Time{}}
	s.running, s.closing = context.WithCancel(context.Background())
	t.Cleanup(s.close)
	for _, p := range f.processes {
		if err := s.openOne(f, p); err != nil {
			t.Fatalf("process %d: %v", p.number, err)
		}
	}
	return s
}

func (s *streams) openOne(f *fleet, p *process) error {
	url, _ := p.address()
	req, err := http.NewRequestWithContext(s.running, http.MethodPost, url+"/mcp", strings.NewReader(listen))
	if err != nil {
		return err
	}
	req.Header = http.Header{
		"Authorization": {"Bearer " + f.issuer.Token(resourcetest.Token{Subject: s.subject})},
		"Content-Type":  {"application/json"}, "Accept": {"application/json, text/event-stream"},
		"Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {"subscriptions/listen"},
	}
	response, err := (&http.Client{Transport: p.client.Transport}).Do(req) // without a limit of the time
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		defer response.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		return errors.New("no stream: " + response.Status + " " + string(body))
	}
	s.mu.Lock()
	s.open[p.number] = true
	s.mu.Unlock()
	s.reading.Go(func() {
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body) // until the stream ends, in whatever way
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[p.number] {
			s.ended[p.number] = time.Now()
		}
		delete(s.open, p.number)
	})
	return nil
}

// count returns the number of streams that have not ended.
func (s *streams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// forget leaves out the stream of a process that the driver ends.
func (s *streams) forget(process int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, process)
}

// early returns the number of streams that ended before revoke was called.
func (s *streams) early() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ended)
}

// revoke pushes an event that revokes the subject to one process. It returns when the last stream
// ended after that, or false if they do not all end in time.
func (s *streams) revoke(f *fleet) (took time.Duration, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	if err := f.pushEvent(ctx, f.processes[0], s.subject); err != nil {
		f.t.Errorf("revoking the subject of the streams: %v", err)
		return 0, false
	}
	added := time.Now()
	if n := s.count(); n < processes-1 {
		f.t.Errorf("%d streams are open; want %d or more", n, processes-1)
	}
	for s.count() > 0 {
		if !pause(ctx, fastPoll) {
			return 0, false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ended := range s.ended {
		took = max(took, ended.Sub(added))
	}
	return took, true
}

func (s *streams) close() {
	s.closing()
	s.reading.Wait()
}
