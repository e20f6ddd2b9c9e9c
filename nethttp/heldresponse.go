package nethttp

import (
	"maps"
	"net/http"

	"github.com/warder-go/warder/internal/heldwriter"
	"github.com/warder-go/warder/resource"
)

// serveAccepted calls next with an accepted request.
//
// If the handler may still request a challenge (see [resource.Challenge]), its response is
// held: until the first byte it is not decided whether the client gets the handler's
// response or a refusal. Otherwise next gets w itself.
func serveAccepted(next http.Handler, w http.ResponseWriter, decision resource.Decision) {
	if !decision.ArmChallenge() {
		next.ServeHTTP(w, decision.Request)
		return
	}
	held := holdResponse(w, decision)
	next.ServeHTTP(held, decision.Request)
	// The handler may have returned without writing. Its response then begins here: a refusal,
	// or the empty 200 that net/http sends. If the handler panics, no response begins here, and
	// net/http or a recovery middleware outside handles the panic.
	held.Begin()
}

// holdResponse returns a writer that takes the challenge directly before the first byte. If
// there is none, the handler's response is sent, and the writer passes everything through
// from then on. If there is one, the refusal is sent, and the writer discards what the
// handler writes. The decision is made once, even if several goroutines write. Informational
// responses (1xx) are sent before it.
func holdResponse(w http.ResponseWriter, decision resource.Decision) *heldwriter.Writer {
	before := w.Header().Clone()
	return heldwriter.New(w, func() (sendHandlerResponse bool) {
		refusal := decision.TakeChallenge()
		if refusal == nil {
			return true
		}
		// Fields that the handler set describe its own response, such as the id of a session.
		// Fields that were set outside remain.
		header := w.Header()
		clear(header)
		maps.Copy(header, before)
		writeRefusal(w, refusal)
		return false
	})
}
