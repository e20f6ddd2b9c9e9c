package gate_test

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// maxStreamBytes bounds the memory of one open stream in this process, which has the client, the
// gate and the upstream.
const maxStreamBytes = 160 << 10

// The memory of open streams is bounded, and is free again after their end.
func TestManyStreams(t *testing.T) {
	const streams = 300
	f := start(t, options{}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	}))
	transport := &http.Transport{DisableKeepAlives: true}
	memory := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	open := func(n int) (bodies []io.Closer) {
		for range n {
			res, err := transport.RoundTrip(f.get(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(res.Body, make([]byte, 9)); err != nil || res.StatusCode != 200 {
				t.Fatalf("got %d, %v", res.StatusCode, err)
			}
			bodies = append(bodies, res.Body)
		}
		return bodies
	}
	first := open(10)
	before := memory()
	bodies := open(streams)
	each := (int64(memory()) - int64(before)) / streams
	t.Logf("%d bytes for each stream", each)
	if each > maxStreamBytes {
		t.Errorf("each stream takes %d bytes, more than %d", each, maxStreamBytes)
	}
	var group sync.WaitGroup
	for _, body := range append(first, bodies...) {
		group.Go(func() { _ = body.Close() })
	}
	group.Wait()
	for !strings.Contains(f.fetch("/metrics").body, "\nwarder_gate_requests_in_flight 0\n") {
		if t.Context().Err() != nil {
			t.Fatal("the test was stopped")
		}
	}
}
