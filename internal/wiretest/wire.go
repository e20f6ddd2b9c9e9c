// Package wiretest records the bytes between a client and a server, with their times. Tests
// use it to compare a handler with the same handler inside middleware. It must run in a
// testing/synctest bubble. Time is exact there, so recordings of the same behavior are equal.
package wiretest

import (
	"cmp"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Wire is a server without sockets, and a recording. It is safe for concurrent use.
type Wire struct {
	server *http.Server
	start  time.Time
	conns  chan net.Conn
	done   chan struct{}

	mu    sync.Mutex
	notes []note
}

// note is one entry of a recording.
type note struct {
	after  time.Duration // since the start of the recording
	source string
	text   string
}

// Serve starts a server and a recording. The server supports HTTP/1.1, and unencrypted HTTP/2
// with prior knowledge.
func Serve(h http.Handler) *Wire {
	w := &Wire{start: time.Now(), conns: make(chan net.Conn), done: make(chan struct{})}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	w.server = &http.Server{Handler: h, Protocols: protocols, ReadHeaderTimeout: 5 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = w.server.Serve(pipeListener{w.conns, w.done}) }()
	return w
}

// Close stops the server and closes its connections. It must be called only once.
func (w *Wire) Close() error {
	close(w.done)
	return w.server.Close()
}

// Dial returns a connection to the server. The connection does not buffer: a write by the
// server ends when the client has read the bytes.
func (w *Wire) Dial() net.Conn {
	client, server := net.Pipe()
	w.conns <- server
	return client
}

// Note adds a text to the recording. Texts of one source at the same time become one entry.
func (w *Wire) Note(source, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	after, text := time.Since(w.start), fmt.Sprintf(format, args...)
	for i := range w.notes {
		if n := &w.notes[i]; n.after == after && n.source == source {
			n.text += text
			return
		}
	}
	w.notes = append(w.notes, note{after, source, text})
}

// String returns the recording, sorted by time. Entries of the same time are sorted by source,
// because the order in which they happened is not defined.
func (w *Wire) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	sorted := slices.Clone(w.notes)
	slices.SortStableFunc(sorted, func(a, b note) int {
		return cmp.Or(cmp.Compare(a.after, b.after), cmp.Compare(a.source, b.source))
	})
	var all strings.Builder
	for _, n := range sorted {
		fmt.Fprintf(&all, "%8s %s: %q\n", n.after, n.source, n.text)
	}
	return all.String()
}

// Record reads from r until it ends. It records the bytes and the error at the end. It reads at
// most rate bytes per second; 0: no limit.
func (w *Wire) Record(source string, r io.Reader, rate int) {
	buffer := make([]byte, 64<<10)
	if rate > 0 {
		buffer = buffer[:rate]
	}
	for {
		n, err := r.Read(buffer)
		if n > 0 {
			w.Note(source, "%s", buffer[:n])
		}
		if err != nil {
			w.Note(source, " [%v]", err)
			return
		}
		if rate > 0 {
			<-time.After(time.Second) // in the time of the bubble
		}
	}
}

// pipeListener is a [net.Listener] that accepts the connections of a channel.
type pipeListener struct {
	conns <-chan net.Conn
	done  <-chan struct{}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l pipeListener) Close() error   { return nil }
func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
