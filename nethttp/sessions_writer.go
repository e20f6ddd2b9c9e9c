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
	onHeader   func(http.Header) (opened bool)    // called before the header is sent; may be nil
	onEndpoint func(address string) (opened bool) // called before the endpoint event of an SSE stream is sent; may be nil
	onRefuse   func()                             // not nil: a successful response or a stream is only sent if it opens a session

	mu     sync.Mutex  // guards the fields below
	status int         // 0: the header has not been written
	sent   bool        // the header has been sent
	held   []byte      // written before it is known whether the response opens a session
	events *firstEvent // nil: the body is not examined, or not any longer
	refuse bool        // nothing more is sent
}

var (
	errNoSession     = errors.New("nethttp: the response does not open a session for its caller")
	errStreamDrained = errors.New("nethttp: an event is too large after the token of the stream has expired")
)

// begin must be called before the header is sent, and reports whether it may be sent. It
// ignores informational statuses.
func (w *sessionWriter) begin(status int) (send bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.status != 0:
		return w.sent
	case status >= 100 && status < 200 && status != http.StatusSwitchingProtocols:
		return true
	}
	w.status = status
	opened := w.onHeader != nil && w.onHeader(w.Header())
	stream := strings.Contains(strings.ToLower(w.Header().Get("Content-Type")), "event-stream")
	if w.onEndpoint != nil && stream {
		w.events = new(firstEvent)
	}
	if w.onRefuse == nil || opened || !stream && status/100 != 2 && status != http.StatusSwitchingProtocols {
		w.sent = true
	} else if !stream {
		w.refuseResponse()
	}
	return w.sent
}

func (w *sessionWriter) refuseResponse() {
	w.refuse, w.held, w.events = true, nil, nil
	if w.onRefuse != nil {
		w.onRefuse()
	}
}

// expire refuses a response that has not yet opened a session.
func (w *sessionWriter) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.sent && !w.refuse {
		w.status = http.StatusMethodNotAllowed
		w.refuseResponse()
	}
}

// end must be called when the handler has returned. It reports whether its response has been
// sent, and refuses a response that has not yet opened a session.
func (w *sessionWriter) end() (sent bool) {
	w.begin(http.StatusOK)
	w.expire()
	return w.sent
}

// WriteHeader sends the header, or holds it until the first event of a stream.
func (w *sessionWriter) WriteHeader(status int) {
	if w.begin(status) {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write returns an error if the response must not be sent.
func (w *sessionWriter) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	held, state := w.admit(p)
	switch state {
	case refusing:
		return 0, errNoSession
	case holding:
		return len(p), nil
	case sending:
		return w.ResponseWriter.Write(p)
	}
	w.ResponseWriter.WriteHeader(w.status)
	if _, err := w.ResponseWriter.Write(held); err != nil {
		return 0, err
	}
	return len(p), nil
}

// writing says what becomes of a piece of the body.
type writing int

const (
	refusing  writing = iota
	holding           // until it is known whether the response opens a session
	releasing         // the header and everything that was held is sent
	sending
)

// admit examines p. It does not send anything, so that expire does not wait for a slow client.
func (w *sessionWriter) admit(p []byte) (held []byte, state writing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.events != nil && !w.sent {
		w.held = append(w.held, p...)
	}
	opened := w.examine(p)
	switch {
	case w.refuse:
		return nil, refusing
	case w.sent:
		return nil, sending
	case !opened:
		return nil, holding
	}
	held, w.sent, w.held = w.held, true, nil
	return held, releasing
}

// examine looks for the endpoint event in p, and reports whether it opens a session. It
// refuses a response whose first event shows that it must not be sent.
func (w *sessionWriter) examine(p []byte) (opened bool) {
	if w.events == nil {
		return false
	}
	name, data, done := w.events.read(p)
	if !done {
		return false
	}
	w.events = nil
	isEndpoint := name == "endpoint"
	opened = isEndpoint && w.onEndpoint(data)
	if !opened && (isEndpoint || !w.sent) {
		w.refuseResponse()
	}
	return opened
}

// FlushError sends the header and everything that was written, unless they are held.
func (w *sessionWriter) FlushError() error {
	if !w.begin(http.StatusOK) {
		return nil
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements [http.Flusher]. It is FlushError without the error.
func (w *sessionWriter) Flush() { _ = w.FlushError() }

// Hijack implements [http.Hijacker].
func (w *sessionWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.onRefuse != nil && !w.begin(http.StatusSwitchingProtocols) {
		return nil, nil, errNoSession
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap lets an [http.ResponseController] use the original writer.
func (w *sessionWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
