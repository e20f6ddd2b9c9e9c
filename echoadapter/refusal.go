package echoadapter

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/resource"
)

// Error is a refusal on its way to Echo's error handler. It comes inside of an
// [*echo.HTTPError] that has the refusal's status as Code and its JSON body as
// Message, so that handlers which know nothing of it answer as they always do. Those
// that want to know find it with errors.As.
//
// The handler decides about the body and may add header fields. The refusal's status
// and its WWW-Authenticate, Retry-After, Cache-Control and X-Content-Type-Options are
// put back when the header is written, whatever the handler made of them. Where it
// writes nothing, the refusal's own body is sent.
//
// The text of the error names the status alone, because programs send such texts to
// clients. Refusal.Reason and Refusal.Err are for logs.
type Error struct {
	Refusal *resource.Refusal
}

// Error names the status.
func (e *Error) Error() string {
	return "echoadapter: refused with status " + strconv.Itoa(e.Refusal.Status)
}

// body is a JSON text as the Message of an echo.HTTPError: Echo's own handler sends a
// Message with this method as it is.
type body []byte

// MarshalJSON returns the text.
func (b body) MarshalJSON() ([]byte, error) { return b, nil }

// String is for error texts.
func (b body) String() string { return string(bytes.TrimSpace(b)) }

// refuse answers with a refusal, at once and through Echo's error handler.
//
// To return the error instead would leave the answer to every middleware outside. One
// that drops the error makes it an empty 200, and so does http.TimeoutHandler in
// echo.WrapMiddleware, which is through with writing when Echo gets to see the error.
// To do both is what middleware.Timeout can't bear (an empty 200 again), and handlers
// that don't look at Committed would write the body twice.
func refuse(c echo.Context, refusal *resource.Refusal) error {
	err := &echo.HTTPError{Code: refusal.Status, Message: body(refusal.Body), Internal: &Error{refusal}}
	if c.Response().Committed { // somebody has answered already: only to stop here is left
		return err
	}
	keep(c, refusal)
	c.Error(err)
	if !c.Response().Committed { // the handler wrote nothing
		refusal.SetHeader(c.Response().Header())
		c.Response().WriteHeader(refusal.Status)
		_, _ = c.Response().Write(refusal.Body)
	}
	return nil
}

// keep sees to it that the header will have the refusal's status and fields. They are
// set now, for handlers that write past Echo's Response, and once more when the
// header goes out.
func keep(c echo.Context, refusal *resource.Refusal) {
	fields, ofBody := http.Header{}, http.Header{}
	refusal.SetHeader(fields)
	response := c.Response()
	for _, name := range []string{echo.HeaderContentType, echo.HeaderContentLength} {
		ofBody.Set(name, fields.Get(name))
		fields.Del(name)
		response.Header().Del(name) // whose body it will be is the handler's decision
	}
	put(response.Header(), fields)
	response.Before(func() {
		response.Status = refusal.Status
		put(response.Header(), fields)
		if c.Request().Method == http.MethodHead && response.Header().Get(echo.HeaderContentType) == "" {
			put(response.Header(), ofBody) // RFC 9110 §9.3.2: as for GET; Echo's own handler leaves it out
		}
	})
}

// put sets fields, however often it is called. Challenges of other schemes stay,
// behind those of the refusal.
func put(header, fields http.Header) {
	for name, values := range fields {
		values = slices.Clone(values)
		if name == "Www-Authenticate" {
			for _, other := range header[name] {
				if !slices.Contains(values, other) {
					values = append(values, other)
				}
			}
		}
		header[name] = values
	}
}
