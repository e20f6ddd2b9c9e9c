// Package heldwriter provides an [http.ResponseWriter] that lets an adapter replace the
// response of a handler until the handler begins to write it. It does not buffer.
package heldwriter

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// Writer is an [http.ResponseWriter] that calls a function when the handler's response begins:
// at the first WriteHeader (except 1xx, but including 101), Write, Flush or Hijack, or when
// the adapter calls Decide. If the function returns false, the Writer discards everything that
// the handler writes. It calls the function at most once, even if several goroutines write, as
// the MCP SDKs do. The function gets the status of the response, and 101 for Hijack.
type Writer struct {
	inner  http.ResponseWriter
	decide func(status int) bool

	once    sync.Once
	decided atomic.Bool
	send    bool // the result of decide; valid once Decide has returned
}

// New returns a Writer that writes to inner. decide returns whether to send the handler's
// response, which has the status. If it returns false, it may write another response to inner.
func New(inner http.ResponseWriter, decide func(status int) bool) *Writer {
	return &Writer{inner: inner, decide: decide}
}

// Decide makes the decision, if it has not been made yet, and reports whether the handler's
// response is sent. Call it when the handler has returned, because a handler may return
// without writing, with the status that is sent then.
func (w *Writer) Decide(status int) bool {
	w.once.Do(func() {
		w.send = w.decide(status)
		w.decided.Store(true)
	})
	return w.send
}

// Decided reports whether the decision has been made.
func (w *Writer) Decided() bool { return w.decided.Load() }

// Header returns the header of the inner writer.
func (w *Writer) Header() http.Header { return w.inner.Header() }

// WriteHeader calls Decide, except for an informational status, which is sent unless the
// response is discarded.
func (w *Writer) WriteHeader(status int) {
	informational := status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
	if informational && !w.Decided() || w.Decide(status) {
		w.inner.WriteHeader(status)
	}
}

// Write calls Decide. If the handler's response is discarded, Write returns len(data) and no
// error.
func (w *Writer) Write(data []byte) (int, error) {
	if !w.Decide(http.StatusOK) {
		return len(data), nil
	}
	return w.inner.Write(data)
}

// FlushError calls Decide, because net/http sends the header when it flushes.
func (w *Writer) FlushError() error {
	if !w.Decide(http.StatusOK) {
		return nil
	}
	return http.NewResponseController(w.inner).Flush()
}

// Flush implements [http.Flusher]. It calls FlushError and ignores the error.
func (w *Writer) Flush() { _ = w.FlushError() }

// Hijack calls Decide. It returns an error if the handler's response is discarded.
func (w *Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !w.Decide(http.StatusSwitchingProtocols) {
		return nil, nil, errors.New("heldwriter: cannot hijack: the handler's response was replaced")
	}
	return http.NewResponseController(w.inner).Hijack()
}

// Unwrap lets an [http.ResponseController] use the other methods of the inner writer, for
// example to set deadlines.
func (w *Writer) Unwrap() http.ResponseWriter { return w.inner }
