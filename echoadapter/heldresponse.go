package echoadapter

import (
	"maps"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/internal/heldwriter"
	"github.com/warder-go/warder/resource"
)

// serveAccepted calls next with a request that was accepted.
//
// If the handler can still request a challenge (see [resource.Challenge]), the handler's
// response is held: whether the client gets that response or a refusal is decided when the
// response begins. A response that is not held is not touched.
func serveAccepted(next echo.HandlerFunc, c echo.Context, decision resource.Decision) (err error) {
	if canChallenge := decision.ArmChallenge(); !canChallenge {
		return next(c)
	}
	held, returned := holdResponse(c.Response(), decision), false
	defer func() { // also if next panics, because an outer recovery middleware writes to the response
		if refusal := held.release(returned); refusal != nil {
			// An inner middleware may have replaced the Response, and the handler's error is about
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
	outer    http.Header         // copy of the header from before the handler
	refusal  *resource.Refusal   // nil: the handler's response is sent; valid once writer.Decide has returned
}

// holdResponse holds a response. Its writer looks for a requested challenge when the response
// begins. If one was requested, the writer discards what the handler writes. It does not
// write the refusal itself: Echo's error handler renders every refusal, and it runs when the
// handler and all inner middleware have returned. Informational responses (1xx) that the
// handler sends before that are sent at once.
func holdResponse(response *echo.Response, decision resource.Decision) *heldResponse {
	h := &heldResponse{response: response, inner: response.Writer, outer: response.Writer.Header().Clone()}
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
// If the handler panicked before its response began, the challenge is not taken, as with
// net/http.
func (h *heldResponse) release(returned bool) *resource.Refusal {
	h.response.Writer = h.inner
	if !returned && !h.writer.Decided() {
		return nil
	}
	if h.writer.Decide() { // for a handler that wrote nothing, the decision is made here
		return nil
	}
	// Echo has recorded the writes of the handler, but none has reached the client.
	h.response.Committed, h.response.Size = false, 0
	// The handler's fields, such as a session ID, describe the response that is replaced.
	header := h.inner.Header()
	clear(header)
	maps.Copy(header, h.outer)
	return h.refusal
}
