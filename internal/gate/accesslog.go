package gate

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/warder-go/warder/internal/logging"
)

// loggedWriter stores the status of a response for the access log.
type loggedWriter struct {
	http.ResponseWriter
	status int // 0: no response yet
}

func (w *loggedWriter) WriteHeader(status int) {
	if w.status < http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *loggedWriter) Write(p []byte) (int, error) {
	if w.status < http.StatusOK {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets an [http.ResponseController] use the original writer.
func (w *loggedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// logAccess writes the record of a request. The status is 0 if the client got no response.
func (g *Gate) logAccess(w *loggedWriter, method string, e *exchange, begin time.Time) {
	attrs := []slog.Attr{slog.String("method", logging.Printable(method)), slog.Int("status", w.status), slog.Duration("duration", time.Since(begin))}
	if e.upstream != nil {
		attrs = append(attrs, slog.String("upstream", e.upstream.settings.Name))
	}
	if e.caller != nil {
		attrs = append(attrs, slog.Any("caller", e.caller))
	}
	g.logger().LogAttrs(context.Background(), slog.LevelInfo, "request", attrs...)
}
