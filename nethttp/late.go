package nethttp

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"

	"github.com/warder-go/warder/resource"
)

// serve passes an accepted request on. Where its handler may still ask for a challenge
// (see [resource.Challenge]) it gets a writer that waits with the header until then.
func serve(next http.Handler, w http.ResponseWriter, decision resource.Decision) {
	if !decision.Late() {
		next.ServeHTTP(w, decision.Request)
		return
	}
	held := &heldWriter{inner: w, decision: decision, before: w.Header().Clone()}
	next.ServeHTTP(held, decision.Request)
	held.begin() // nothing written is 200 by net/http, unless a challenge is wanted
}

// heldWriter is a ResponseWriter up to whose first byte the answer can turn into a
// refusal. Then it drops what is written. Nothing is buffered. Writers in several
// goroutines, as the MCP SDKs have them, see one beginning.
type heldWriter struct {
	inner    http.ResponseWriter
	decision resource.Decision
	before   http.Header // as it was before the handler

	once    sync.Once
	refused bool
}

// begin decides, once, what is answered. It reports whether the handler's answer is.
func (w *heldWriter) begin() bool {
	w.once.Do(func() {
		refusal := w.decision.Settle()
		if refusal == nil {
			return
		}
		w.refused = true
		header := w.inner.Header()
		clear(header) // a session id, or the type of a stream that will not be
		for name, values := range w.before {
			header[name] = slices.Clone(values)
		}
		render(w.inner, refusal)
	})
	return !w.refused
}

// Header returns the header of the answer.
func (w *heldWriter) Header() http.Header {
	return w.inner.Header()
}

// WriteHeader begins the answer, unless the status is an informational one.
func (w *heldWriter) WriteHeader(status int) {
	informs := status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
	if informs || w.begin() {
		w.inner.WriteHeader(status)
	}
}

// Write begins the answer.
func (w *heldWriter) Write(data []byte) (int, error) {
	if !w.begin() {
		return len(data), nil
	}
	return w.inner.Write(data)
}

// FlushError begins the answer: net/http sends the header then.
func (w *heldWriter) FlushError() error {
	if !w.begin() {
		return nil
	}
	return http.NewResponseController(w.inner).Flush()
}

// Flush is FlushError for those who ask for an http.Flusher.
func (w *heldWriter) Flush() { _ = w.FlushError() }

// Hijack begins an answer of its own.
func (w *heldWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !w.begin() {
		return nil, nil, errors.New("nethttp: hijacking a request that was refused")
	}
	return http.NewResponseController(w.inner).Hijack()
}

// Unwrap is for http.ResponseController: deadlines are set on the inner writer.
func (w *heldWriter) Unwrap() http.ResponseWriter { return w.inner }
