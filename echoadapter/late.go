package echoadapter

import (
	"bufio"
	"errors"
	"maps"
	"net"
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/resource"
)

// serve calls next with an accepted request. Where its handler may still ask for a
// challenge (see [resource.Challenge]), Echo's Response gets a writer that waits with
// the header until then. The refusal is rendered once the handler has returned, just
// like one that comes before it.
func serve(next echo.HandlerFunc, c echo.Context, decision resource.Decision) error {
	if !decision.Late() {
		return next(c)
	}
	response := c.Response() // a middleware inside may set another
	held := &heldWriter{inner: response.Writer, settle: decision.Settle}
	err := held.run(next, c)
	if held.begin() {
		return err
	}
	c.SetResponse(response)
	return refuse(c, held.refusal)
}

// heldWriter is a ResponseWriter up to whose first byte the answer can turn into a
// refusal. From then on it drops what is written. Nothing is buffered. Writers in
// several goroutines, as the MCP SDKs have them, see one beginning.
type heldWriter struct {
	inner  http.ResponseWriter
	settle func() *resource.Refusal

	once    sync.Once
	refusal *resource.Refusal // not to be read before begin
}

// begin decides, once, whether the answer is the handler's.
func (w *heldWriter) begin() bool {
	w.once.Do(func() { w.refusal = w.settle() })
	return w.refusal == nil
}

// run calls next with w as the Response's writer. Afterwards, also if next panics, the
// Response is as it was, unless the handler's answer stands.
func (w *heldWriter) run(next echo.HandlerFunc, c echo.Context) error {
	response, before := c.Response(), w.inner.Header().Clone()
	response.Writer = w
	defer func() {
		response.Writer = w.inner
		if w.begin() { // nothing written is Echo's to answer
			return
		}
		response.Committed, response.Size = false, 0 // all that was dropped
		clear(w.inner.Header())                      // a session id, the type of a stream that will not be
		maps.Copy(w.inner.Header(), before)
	}()
	return next(c)
}

// Header returns the header of the answer.
func (w *heldWriter) Header() http.Header { return w.inner.Header() }

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

// Hijack begins an answer of its own.
func (w *heldWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !w.begin() {
		return nil, nil, errors.New("echoadapter: hijacking a request that was refused")
	}
	return http.NewResponseController(w.inner).Hijack()
}

// Unwrap is for http.ResponseController: deadlines are set on the inner writer.
func (w *heldWriter) Unwrap() http.ResponseWriter { return w.inner }
