package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// streamResult is the memory of a proxy with open streams, in bytes.
type streamResult struct {
	name          string
	streams       int
	before, after uint64 // without streams, and with all of them
	peak          uint64 // the largest while all of them are open
}

// each returns the memory of one stream.
func (r streamResult) each() float64 {
	return float64(r.peak-min(r.peak, r.before)) / float64(r.streams)
}

// growth returns the peak relative to the memory just after all streams were opened.
func (r streamResult) growth() float64 { return float64(r.peak) / float64(r.after) }

// openStreams opens streams through a new proxy with an upstream of its own, and waits. At the end each
// stream must have delivered all events.
func (b *gateBench) openStreams(g gatePlan, kind string) streamResult {
	upstream := b.startUpstream()
	defer upstream.stop()
	proxy := b.start(kind, "http://"+upstream.address)
	defer proxy.stop()
	openConnection(proxy.address, b.load(1), 0).close() // reads the keys of the issuer
	r := streamResult{name: kind, streams: g.streams, before: anonymousMemory(proxy.pid)}
	streams := make([]*stream, g.streams)
	parallel(16, func(n int) {
		for i := n; i < len(streams); i += 16 {
			streams[i] = openStream(proxy.address, b.tokens[i%len(b.tokens)])
		}
	})
	r.after = anonymousMemory(proxy.pid)
	r.peak = r.after
	for until := time.Now().Add(g.streamTime); time.Now().Before(until); {
		time.Sleep(min(time.Second, g.streamTime/10))
		r.peak = max(r.peak, anonymousMemory(proxy.pid))
	}
	want := int(g.streamTime / g.eventPause)
	for _, s := range streams {
		s.expectEvents(want)
		_ = s.conn.Close()
	}
	return r
}

// A stream is a connection with an open stream of events.
type stream struct {
	conn net.Conn
	body io.Reader
}

// openStream opens a stream and reads its first event.
func openStream(address, token string) *stream {
	conn := must(net.Dial("tcp", address))
	_ = must(fmt.Fprintf(conn, "GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nUser-Agent: bench\r\nAccept: text/event-stream\r\nMcp-Protocol-Version: 2025-11-25\r\nAuthorization: Bearer %s\r\n\r\n", token))
	res := must(http.ReadResponse(bufio.NewReaderSize(conn, 512), nil))
	if res.StatusCode != http.StatusOK {
		panic("stream: status " + res.Status)
	}
	s := &stream{conn, res.Body}
	s.expectEvents(1)
	return s
}

// expectEvents reads n events. The events have arrived already, or arrive soon.
func (s *stream) expectEvents(n int) {
	text := make([]byte, len(streamEvent))
	for range n {
		succeed(s.conn.SetReadDeadline(time.Now().Add(time.Minute)))
		if _, err := io.ReadFull(s.body, text); err != nil || string(text) != streamEvent {
			panic(fmt.Sprintf("stream: got %q, %v", text, err))
		}
	}
}

// anonymousMemory returns the memory of a process that it does not share with files, in bytes.
func anonymousMemory(pid int) uint64 {
	text := string(must(os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))))
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			return uint64(number(strings.TrimSuffix(strings.TrimSpace(value), " kB"))) << 10
		}
	}
	panic("no RssAnon in /proc")
}

// cpuTimeOf returns the CPU time of the threads of a process in nanoseconds.
func cpuTimeOf(pid int) (ns int64) {
	folder := fmt.Sprintf("/proc/%d/task", pid)
	for _, thread := range must(os.ReadDir(folder)) {
		text, err := os.ReadFile(folder + "/" + thread.Name() + "/schedstat")
		if err != nil {
			continue // the thread has ended
		}
		var running int64
		_ = must(fmt.Sscan(string(text), &running))
		ns += running
	}
	return ns
}
