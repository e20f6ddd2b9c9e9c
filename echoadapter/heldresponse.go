package echoadapter

import (
	"errors"
	"maps"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/internal/heldwriter"
	"github.com/warder-go/warder/resource"
)

// serveAccepted calls next with a request that was accepted.
//
// If the handler's response can still be replaced (see [resource.Decision.ReviewResponse]), it is
// held: whether the client gets that response or a refusal is decided when the response begins. A
// response that is not held is not touched.
func serveAccepted(next echo.HandlerFunc, c echo.Context, decision resource.Decision) (err error) {
	if !decision.HoldResponse() {
		return next(c)
	}
	held, returned := holdResponse(c.Response(), decision), false
	defer func() { // also if next panics, because an outer recovery middleware writes to the response
		if refusal := held.release(returned, err); refusal != nil {
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

// holdResponse holds a response. Its writer reviews the response when it begins. If the review
// returns a refusal, the writer discards what the handler writes. It does not write the refusal
// itself: Echo's error handler renders every refusal, and it runs when the handler and all inner
// middleware have returned. Informational responses (1xx) that the handler sends before that
// are sent at once.
func holdResponse(response *echo.Response, decision resource.Decision) *heldResponse {
	h := &heldResponse{response: response, inner: response.Writer, outer: response.Writer.Header().Clone()}
	h.writer = heldwriter.New(h.inner, func(status int) bool {
		h.refusal = decision.ReviewResponse(status, h.inner.Header(), h.outer)
		return h.refusal == nil
	})
	response.Writer = h.writer
	return h
}

// release restores the original writer. If the handler's response is discarded, it also
// restores the state from before the handler, and returns the refusal to write instead.
//
// If the handler panicked before its response began, the response is not reviewed, as with
// net/http. err is the error that the handler returned. If the handler wrote no response, Echo's
// error handler makes one from err later.
func (h *heldResponse) release(returned bool, err error) *resource.Refusal {
	h.response.Writer = h.inner
	if !returned && !h.writer.Decided() {
		return nil
	}
	if h.writer.Decide(statusOf(err)) { // for a handler that wrote nothing, the decision is made here
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

// statusOf returns the status of the response that Echo's own error handler makes if a handler
// returned err and wrote nothing. An HTTPError inside an HTTPError overrides it.
func statusOf(err error) int {
	httpError, ok := errors.AsType[*echo.HTTPError](err)
	switch {
	case ok:
		if inner, ok := httpError.Internal.(*echo.HTTPError); ok { //nolint:errorlint // as Echo does
			return inner.Code
		}
		return httpError.Code
	case err != nil:
		return http.StatusInternalServerError
	}
	return http.StatusOK
}
