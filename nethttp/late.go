package nethttp

import (
	"net/http"
	"slices"

	"github.com/warder-go/warder/internal/heldwriter"
	"github.com/warder-go/warder/resource"
)

// serve passes an accepted request on. Where its handler may still ask for a challenge
// (see [resource.Challenge]) it gets a writer that waits with the header until then.
func serve(next http.Handler, w http.ResponseWriter, decision resource.Decision) {
	if !decision.ArmChallenge() {
		next.ServeHTTP(w, decision.Request)
		return
	}
	before := w.Header().Clone()
	held := heldwriter.New(w, func() bool {
		refusal := decision.TakeChallenge()
		if refusal == nil {
			return true
		}
		header := w.Header()
		clear(header) // a session id, or the type of a stream that will not be
		for name, values := range before {
			header[name] = slices.Clone(values)
		}
		render(w, refusal)
		return false
	})
	next.ServeHTTP(held, decision.Request)
	held.Begin() // nothing written is 200 by net/http, unless a challenge is wanted
}
