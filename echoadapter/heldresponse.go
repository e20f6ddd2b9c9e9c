package echoadapter

import (
	"maps"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/internal/heldwriter"
	"github.com/warder-go/warder/resource"
)

// serve calls next with an accepted request. Where its handler may still ask for a
// challenge (see [resource.Challenge]), Echo's Response gets a writer that waits with
// the header until then. The refusal is rendered once the handler has returned, just
// like one that comes before it.
func serve(next echo.HandlerFunc, c echo.Context, decision resource.Decision) error {
	if !decision.ArmChallenge() {
		return next(c)
	}
	response := c.Response() // a middleware inside may set another
	var refusal *resource.Refusal
	held := heldwriter.New(response.Writer, func() bool {
		refusal = decision.TakeChallenge()
		return refusal == nil
	})
	err := run(next, c, held)
	if held.Begin() {
		return err
	}
	c.SetResponse(response)
	return refuse(c, refusal)
}

// run calls next with held as the Response's writer. Afterwards, also if next panics,
// the Response is as it was, unless the handler's answer stands.
func run(next echo.HandlerFunc, c echo.Context, held *heldwriter.Writer) error {
	response, inner := c.Response(), held.Unwrap()
	before := inner.Header().Clone()
	response.Writer = held
	defer func() {
		response.Writer = inner
		if held.Begin() { // nothing written is Echo's to answer
			return
		}
		response.Committed, response.Size = false, 0 // all that was dropped
		clear(inner.Header())                        // a session id, the type of a stream that will not be
		maps.Copy(inner.Header(), before)
	}()
	return next(c)
}
