package echoadapter

import (
	"net/http"

	"github.com/warder-go/warder/resource"
)

// enforcedWriter is the writer of Echo's Response while the error handler runs. It sets the
// status and the header fields of a refusal directly before the header is written, also if the
// error handler bypasses the Response.
type enforcedWriter struct {
	http.ResponseWriter
	refusal *resource.Refusal
	begun   bool
}

// WriteHeader writes the status of the refusal instead of a final status.
func (w *enforcedWriter) WriteHeader(status int) {
	if status >= 100 && status < 200 {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.begin()
}

func (w *enforcedWriter) begin() {
	if !w.begun {
		w.begun = true
		setFields(w.Header(), w.refusal)
		w.ResponseWriter.WriteHeader(w.refusal.Status)
	}
}

// Write begins the response.
func (w *enforcedWriter) Write(data []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(data)
}

// FlushError begins the response, because net/http sends the header when it flushes.
func (w *enforcedWriter) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements [http.Flusher]. It is FlushError without the error.
func (w *enforcedWriter) Flush() { _ = w.FlushError() }

// Unwrap lets an [http.ResponseController] set deadlines.
func (w *enforcedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
