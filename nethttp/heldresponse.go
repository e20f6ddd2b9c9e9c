package nethttp

import (
	"maps"
	"net/http"

	"github.com/warder-go/warder/internal/heldwriter"
	"github.com/warder-go/warder/resource"
)

// serveAccepted calls next with a request that was accepted.
//
// If the handler's response can still be replaced (see [resource.Decision.ReviewResponse]), it is
// held: whether the client gets that response or a refusal is decided when the response begins.
// Otherwise next gets w itself.
func serveAccepted(next http.Handler, w http.ResponseWriter, decision resource.Decision) {
	if !decision.HoldResponse() {
		next.ServeHTTP(w, decision.Request)
		return
	}
	held := holdResponse(w, decision)
	next.ServeHTTP(held, decision.Request)
	// The handler may have returned without writing. This sends the refusal, or leaves it to
	// net/http to send an empty 200. It is not deferred: if the handler panics before it writes,
	// nothing is sent here, and net/http or an outer recovery middleware handles the panic.
	held.Decide(http.StatusOK)
}

// holdResponse returns a writer that reviews the handler's response when it begins. If the review
// returns a refusal, that is sent, and the writer discards what the handler writes. Informational
// responses (1xx) that the handler sends before that are sent at once.
func holdResponse(w http.ResponseWriter, decision resource.Decision) *heldwriter.Writer {
	outerHeader := w.Header().Clone()
	return heldwriter.New(w, func(status int) (sendHandlerResponse bool) {
		refusal := decision.ReviewResponse(status, w.Header(), outerHeader)
		if refusal == nil {
			return true
		}
		// Restore the header from before the handler. The handler's fields, such as a session
		// ID, describe the response that is replaced. Those of outer middleware remain.
		header := w.Header()
		clear(header)
		maps.Copy(header, outerHeader)
		writeRefusal(w, refusal)
		return false
	})
}
