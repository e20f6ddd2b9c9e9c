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
func serveAccepted(next echo.HandlerFunc, c echo.Context, decision resource.Decision) (err error) {
	if !decision.ArmChallenge() {
		return next(c)
	}
	held, returned := holdResponse(c.Response(), decision), false
	defer func() { // also if next panics, because a recovery middleware outside writes to the response
		if refusal := held.release(returned); refusal != nil {
			// A middleware inside may have replaced the Response, and the handler's error is about
			// a response that is not sent.
			c.SetResponse(held.response)
			err = writeRefusal(c, refusal)
		}
	}()
	err = next(c)
	returned = true
	return err
}

// heldResponse is Echo's Response while it is held.
type heldResponse struct {
	response *echo.Response
	writer   *heldwriter.Writer  // replaces the writer of response while the handler runs
	inner    http.ResponseWriter // the original writer of response
	header   http.Header         // copy of the header from before the handler
	refusal  *resource.Refusal   // nil: the handler's response is sent; valid after writer.Begin
}

// holdResponse holds a response. Its writer takes the challenge directly before the
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
	response.Writer = h.writer
	return h
}

// release restores the original writer. If the handler's response is discarded, it also
// restores the state from before the handler, and returns the refusal to write instead.
//
// If the handler panicked before its first byte, no response has begun: the challenge is not
// taken, as with net/http.
func (h *heldResponse) release(returned bool) *resource.Refusal {
	h.response.Writer = h.inner
	if !returned && !h.writer.Begun() {
		return nil
	}
	if h.writer.Begin() { // a handler that wrote nothing reaches this decision only here
		return nil
	}
	// Echo has recorded the writes of the handler, but none has reached the client.
	h.response.Committed, h.response.Size = false, 0
	// Fields that the handler set describe its own response, such as the id of a session.
	header := h.inner.Header()
	clear(header)
	maps.Copy(header, h.header)
	return h.refusal
}
