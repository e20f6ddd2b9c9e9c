// Package heldwriter provides an [http.ResponseWriter] for adapters that may still replace
// the handler's response when the handler begins to write it.
package heldwriter

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// Writer is an [http.ResponseWriter] that calls a function before the first byte of the
// response. If the function returns false, the Writer discards everything that the handler
// writes. It does not buffer. It calls the function once, even if several goroutines write,
// as in the MCP SDKs.
type Writer struct {
	inner  http.ResponseWriter
	settle func() bool

	once  sync.Once
	begun atomic.Bool
	pass  bool // result of settle; valid after Begin
}

// New returns a Writer that writes to inner. It calls settle once, directly before the first
// byte. settle reports whether the handler's response is sent. If it is not, settle may
// write another response to inner.
func New(inner http.ResponseWriter, settle func() bool) *Writer {
	return &Writer{inner: inner, settle: settle}
}

// Begin calls settle if it has not been called yet, and reports whether the handler's
// response is sent. Call it when the handler has returned, because a handler may return
// without writing.
func (w *Writer) Begin() bool {
	w.once.Do(func() {
		w.pass = w.settle()
		w.begun.Store(true)
	})
	return w.pass
}

// Begun reports whether Begin has been called, by the adapter or by a write.
func (w *Writer) Begun() bool { return w.begun.Load() }

// Header returns the header of the inner writer.
func (w *Writer) Header() http.Header { return w.inner.Header() }

// WriteHeader begins the response, unless the status is informational.
func (w *Writer) WriteHeader(status int) {
	informational := status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
	if informational || w.Begin() {
		w.inner.WriteHeader(status)
	}
}

// Write begins the response. If the response is discarded, it returns len(data) and no
// error.
func (w *Writer) Write(data []byte) (int, error) {
	if !w.Begin() {
		return len(data), nil
	}
	return w.inner.Write(data)
}

// FlushError begins the response, because net/http sends the header when it flushes.
func (w *Writer) FlushError() error {
	if !w.Begin() {
		return nil
	}
	return http.NewResponseController(w.inner).Flush()
}

// Flush implements [http.Flusher]. It is FlushError without the error.
func (w *Writer) Flush() { _ = w.FlushError() }

// Hijack begins the response. It returns an error if the response is discarded.
func (w *Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !w.Begin() {
		return nil, nil, errors.New("heldwriter: cannot hijack: the request was rejected")
	}
	return http.NewResponseController(w.inner).Hijack()
}

// Unwrap lets an [http.ResponseController] set deadlines on the inner writer.
func (w *Writer) Unwrap() http.ResponseWriter { return w.inner }
