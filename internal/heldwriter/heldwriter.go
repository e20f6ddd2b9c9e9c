// Package heldwriter has the ResponseWriter of answers that can still turn into a
// refusal, for the adapters that render one.
package heldwriter

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"sync"
)

// Writer is a ResponseWriter up to whose first byte somebody may decide that the answer
// is not the handler's. From then on it drops what is written. Nothing is buffered.
// Writers in several goroutines, as the MCP SDKs have them, see one beginning.
type Writer struct {
	inner  http.ResponseWriter
	settle func() bool

	once   sync.Once
	stands bool // not to be read before Begin
}

// New returns a Writer that writes to inner. It calls settle once, right before the
// first byte, and keeps to its word whether the handler's answer stands.
func New(inner http.ResponseWriter, settle func() bool) *Writer {
	return &Writer{inner: inner, settle: settle}
}

// Begin decides, if that was not done yet, and reports whether the answer is the
// handler's. Whoever made the Writer calls it when the handler has returned.
func (w *Writer) Begin() bool {
	w.once.Do(func() { w.stands = w.settle() })
	return w.stands
}

// Header returns the header of the answer.
func (w *Writer) Header() http.Header { return w.inner.Header() }

// WriteHeader begins the answer, unless the status is an informational one.
func (w *Writer) WriteHeader(status int) {
	informs := status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
	if informs || w.Begin() {
		w.inner.WriteHeader(status)
	}
}

// Write begins the answer.
func (w *Writer) Write(data []byte) (int, error) {
	if !w.Begin() {
		return len(data), nil
	}
	return w.inner.Write(data)
}

// FlushError begins the answer: net/http sends the header then.
func (w *Writer) FlushError() error {
	if !w.Begin() {
		return nil
	}
	return http.NewResponseController(w.inner).Flush()
}

// Flush is FlushError for those who ask for an http.Flusher.
func (w *Writer) Flush() { _ = w.FlushError() }

// Hijack begins an answer of its own.
func (w *Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !w.Begin() {
		return nil, nil, errors.New("heldwriter: hijacking a request that was refused")
	}
	return http.NewResponseController(w.inner).Hijack()
}

// Unwrap is for http.ResponseController: deadlines are set on the inner writer.
func (w *Writer) Unwrap() http.ResponseWriter { return w.inner }
