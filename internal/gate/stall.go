package gate

import (
	"net/http"
	"time"
)

// stallWriter limits the time for which a client does not accept a part of a response. Without it, a
// client that does not read would hold its stream, also after the end of its token.
type stallWriter struct {
	http.ResponseWriter
	controller *http.ResponseController
	limit      time.Duration
}

func (g *Gate) limitStalls(w http.ResponseWriter) *stallWriter {
	return &stallWriter{w, http.NewResponseController(w), time.Duration(g.settings.Limits.WriteSeconds) * time.Second}
}

// begin sets the deadline of a write.
func (w *stallWriter) begin() {
	_ = w.controller.SetWriteDeadline(time.Now().Add(w.limit)) // a writer of a test may not support it
}

// end removes the deadline: a stream may be idle.
func (w *stallWriter) end() { _ = w.controller.SetWriteDeadline(time.Time{}) }

// Write writes a part of the body. It returns an error after the limit.
func (w *stallWriter) Write(p []byte) (int, error) {
	w.begin()
	defer w.end()
	return w.ResponseWriter.Write(p)
}

// FlushError sends what was written. It returns an error after the limit.
func (w *stallWriter) FlushError() error {
	w.begin()
	defer w.end()
	return w.controller.Flush()
}

// Flush implements [http.Flusher].
func (w *stallWriter) Flush() { _ = w.FlushError() }

// Unwrap lets an [http.ResponseController] use the original writer.
func (w *stallWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
