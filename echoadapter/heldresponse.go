package echoadapter

import (
	"maps"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/internal/heldwriter"
	"github.com/warder-go/warder/resource"
)

// serveAccepted calls next with an accepted request.
//
// If the handler may still request a challenge (see [resource.Challenge]), its response is
// held: until the first byte it is not decided whether the client gets the handler's
// response or a refusal. A response that is not held is not touched.
func serveAccepted(next echo.HandlerFunc, c echo.Context, decision resource.Decision) error {
	if !decision.ArmChallenge() {
		return next(c)
	}
	held := holdResponse(c.Response(), decision)
	err := held.run(next, c)
	if held.refusal == nil {
		return err
	}
	// A middleware inside may have replaced the Response, and the handler's error is about a
	// response that is not sent.
	c.SetResponse(held.response)
	return writeRefusal(c, held.refusal)
}

// heldResponse is Echo's Response while it is held.
type heldResponse struct {
	response *echo.Response
	writer   *heldwriter.Writer  // replaces the writer of response while the handler runs
	inner    http.ResponseWriter // the original writer of response
	header   http.Header         // copy of the header from before the handler
	refusal  *resource.Refusal   // nil: the handler's response is sent; valid after writer.Begin
}

// holdResponse prepares a held response. Its writer takes the challenge directly before the
// first byte. If there is one, the writer discards what the handler writes. It does not
// write the refusal itself: Echo's error handler renders every refusal, and it runs when the
// handler and all middleware inside have returned. The challenge is taken once, even if
// several goroutines write. Informational responses (1xx) are sent before that.
func holdResponse(response *echo.Response, decision resource.Decision) *heldResponse {
	h := &heldResponse{response: response, inner: response.Writer, header: response.Writer.Header().Clone()}
	h.writer = heldwriter.New(h.inner, func() bool {
		h.refusal = decision.TakeChallenge()
		return h.refusal == nil
	})
	return h
}

// run calls next with the held writer. It releases the response also if next panics, because
// a recovery middleware outside writes to it.
func (h *heldResponse) run(next echo.HandlerFunc, c echo.Context) error {
	h.response.Writer = h.writer
	defer h.release()
	return next(c)
}

// release restores the original writer. If the handler's response is discarded, it also
// restores the state from before the handler, so that another response can be written.
func (h *heldResponse) release() {
	h.response.Writer = h.inner
	if h.writer.Begin() { // a handler that wrote nothing reaches this decision only here
		return
	}
	// Echo has recorded the writes of the handler, but none has reached the client.
	h.response.Committed, h.response.Size = false, 0
	// Fields that the handler set describe its own response, such as the id of a session.
	header := h.inner.Header()
	clear(header)
	maps.Copy(header, h.header)
}
