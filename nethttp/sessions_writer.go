package nethttp

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
)

// sessionWriter looks at an answer for the session that it opens, before the client
// can know of it. Servers that write from several goroutines see one beginning.
type sessionWriter struct {
	http.ResponseWriter
	opened   func(http.Header)         // told once, before the header is sent; nil: nobody
	endpoint func(address string) bool // told what an SSE stream's endpoint event says; nil: nobody

	mu     sync.Mutex  // guards what follows
	status int         // 0: the header was not sent yet
	events *firstEvent // nil: not, or no longer, to be looked at
	broken bool        // nothing more is written
}

var errEndpoint = errors.New("nethttp: the session of an SSE stream can't be bound")

// begin is called before the header is sent. Informational answers are not yet it.
func (w *sessionWriter) begin(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status != 0 || status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		return
	}
	w.status = status
	if w.opened != nil {
		w.opened(w.Header())
	}
	if w.endpoint != nil && strings.Contains(strings.ToLower(w.Header().Get("Content-Type")), "event-stream") {
		w.events = new(firstEvent)
	}
}

// WriteHeader sends the header.
func (w *sessionWriter) WriteHeader(status int) {
	w.begin(status)
	w.ResponseWriter.WriteHeader(status)
}

// Write passes on what a client may see.
func (w *sessionWriter) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	if !w.passes(p) {
		return 0, errEndpoint
	}
	return w.ResponseWriter.Write(p)
}

// passes looks for the endpoint in what is about to be written.
func (w *sessionWriter) passes(p []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.events != nil {
		if name, data, done := w.events.read(p); done {
			w.events = nil
			w.broken = name == "endpoint" && !w.endpoint(data)
		}
	}
	return !w.broken
}

// FlushError is Flush for [http.ResponseController].
func (w *sessionWriter) FlushError() error {
	w.begin(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush is there for handlers that look for an [http.Flusher].
func (w *sessionWriter) Flush() { _ = w.FlushError() }

// Hijack is there for handlers that look for an [http.Hijacker].
func (w *sessionWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap is for [http.ResponseController].
func (w *sessionWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// maxFirstEvent is how far into a stream its first event is looked for. An endpoint
// is a short URL.
const maxFirstEvent = 8 << 10

// firstEvent reads the beginning of an event stream (HTML, "Parsing an event
// stream") as it is written, in pieces of any size.
type firstEvent struct {
	line  []byte
	cr    bool // the last byte was one
	later bool // this is not the first line
	size  int
	name  string
	data  []string
}

// read returns the first event when p completes it. It is also done, with no event,
// when the event is too long to be an endpoint.
func (e *firstEvent) read(p []byte) (name, data string, done bool) {
	for _, c := range p {
		if e.size++; e.size > maxFirstEvent {
			return "", "", true
		}
		follows := e.cr && c == '\n' // the second half of one line end
		e.cr = c == '\r'
		switch {
		case follows:
		case c != '\r' && c != '\n':
			e.line = append(e.line, c)
		case e.endLine():
			return e.name, strings.Join(e.data, "\n"), true
		}
	}
	return "", "", false
}

// endLine takes a line in, and reports whether it was the empty one that ends an
// event. An event without data is none.
func (e *firstEvent) endLine() (complete bool) {
	line := e.line
	if !e.later {
		line = bytes.TrimPrefix(line, []byte("\uFEFF"))
	}
	e.line, e.later = e.line[:0], true
	if len(line) == 0 {
		if e.data == nil {
			e.name = ""
		}
		return e.data != nil
	}
	field, value, _ := strings.Cut(string(line), ":")
	value = strings.TrimPrefix(value, " ")
	switch field {
	case "event":
		e.name = value
	case "data":
		e.data = append(e.data, value)
	}
	return false
}
