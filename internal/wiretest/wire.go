// Package wiretest records what passes between a client and a server, byte for byte and
// with the time of each, for tests that compare a handler with the same handler behind
// something. It is for bubbles of testing/synctest: there time is exact, so two
// recordings are equal or differ for a reason.
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

// A Wire is a server without sockets, and the recording.
type Wire struct {
	server *http.Server
	began  time.Time
	calls  chan net.Conn
	done   chan struct{}

	mu    sync.Mutex
	notes []note
}

type note struct {
	after time.Duration // since the beginning
	who   string
	text  string
}

// Serve begins a recording. The server speaks HTTP/1.1, and HTTP/2 to those who begin
// with it.
func Serve(h http.Handler) *Wire {
	w := &Wire{began: time.Now(), calls: make(chan net.Conn), done: make(chan struct{})}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	w.server = &http.Server{Handler: h, Protocols: protocols, ReadHeaderTimeout: 5 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = w.server.Serve(exchange{w.calls, w.done}) }()
	return w
}

// Close ends the server and all its connections. It is called once.
func (w *Wire) Close() error {
	close(w.done)
	return w.server.Close()
}

// Dial connects. Nothing is buffered in between: the server writes when the client reads.
func (w *Wire) Dial() net.Conn {
	client, server := net.Pipe()
	w.calls <- server
	return client
}

// Note adds to the recording. What one says at one time, in however many pieces, is one.
func (w *Wire) Note(who, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	after, text := time.Since(w.began), fmt.Sprintf(format, args...)
	for i := range w.notes {
		if n := &w.notes[i]; n.after == after && n.who == who {
			n.text += text
			return
		}
	}
	w.notes = append(w.notes, note{after, who, text})
}

// String is the recording. What happened at one time has no order between several.
func (w *Wire) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	sorted := slices.Clone(w.notes)
	slices.SortStableFunc(sorted, func(a, b note) int {
		return cmp.Or(cmp.Compare(a.after, b.after), cmp.Compare(a.who, b.who))
	})
	var all strings.Builder
	for _, n := range sorted {
		fmt.Fprintf(&all, "%8s %s: %q\n", n.after, n.who, n.text)
	}
	return all.String()
}

// Hear notes all that comes, until the connection ends, and how it ends. A pace is how
// many bytes are read in a second; 0: whatever comes.
func (w *Wire) Hear(who string, r io.Reader, pace int) {
	buffer := make([]byte, 64<<10)
	if pace > 0 {
		buffer = buffer[:pace]
	}
	for {
		n, err := r.Read(buffer)
		if n > 0 {
			w.Note(who, "%s", buffer[:n])
		}
		if err != nil {
			w.Note(who, " [%v]", err)
			return
		}
		if pace > 0 {
			<-time.After(time.Second) // of the bubble
		}
	}
}

// exchange is a [net.Listener].
type exchange struct {
	calls <-chan net.Conn
	done  <-chan struct{}
}

func (e exchange) Accept() (net.Conn, error) {
	select {
	case c := <-e.calls:
		return c, nil
	case <-e.done:
		return nil, net.ErrClosed
	}
}
func (e exchange) Close() error   { return nil }
func (e exchange) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
