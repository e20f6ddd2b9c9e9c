package nethttp

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
)

// sessionWriter finds the session that a response opens, before the client gets its id.
// Servers may write from several goroutines; each function is called once.
type sessionWriter struct {
	http.ResponseWriter
	onHeader   func(http.Header)              // called before the header is sent; may be nil
	onEndpoint func(address string) (ok bool) // called before the endpoint event of an SSE stream is sent; may be nil

	mu      sync.Mutex  // guards the fields below
	status  int         // 0: the header has not been sent
	events  *firstEvent // nil: the body is not examined, or not any longer
	discard bool        // onEndpoint returned false: nothing more is sent
}

var errEndpoint = errors.New("nethttp: the session of an SSE stream cannot be bound to its caller")

// begin must be called before the header is sent. It ignores informational statuses.
func (w *sessionWriter) begin(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status != 0 || status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		return
	}
	w.status = status
	if w.onHeader != nil {
		w.onHeader(w.Header())
	}
	if w.onEndpoint != nil && strings.Contains(strings.ToLower(w.Header().Get("Content-Type")), "event-stream") {
		w.events = new(firstEvent)
	}
}

// WriteHeader sends the header.
func (w *sessionWriter) WriteHeader(status int) {
	w.begin(status)
	w.ResponseWriter.WriteHeader(status)
}

// Write returns an error if the session of the stream could not be bound.
func (w *sessionWriter) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	if !w.examine(p) {
		return 0, errEndpoint
	}
	return w.ResponseWriter.Write(p)
}

// examine looks for the endpoint event in p, and reports whether p may be sent.
func (w *sessionWriter) examine(p []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.events != nil {
		if name, data, done := w.events.read(p); done {
			w.events = nil
			w.discard = name == "endpoint" && !w.onEndpoint(data)
		}
	}
	return !w.discard
}

// FlushError sends the header and everything that was written.
func (w *sessionWriter) FlushError() error {
	w.begin(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements [http.Flusher]. It is FlushError without the error.
func (w *sessionWriter) Flush() { _ = w.FlushError() }

// Hijack implements [http.Hijacker].
func (w *sessionWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap lets an [http.ResponseController] use the original writer.
func (w *sessionWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
