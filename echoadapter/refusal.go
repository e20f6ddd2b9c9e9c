package echoadapter

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/resource"
)

// Error is the error that Echo's error handler gets for a refusal. It is wrapped in an
// [*echo.HTTPError] whose Code is the refusal's status and whose Message is its JSON body,
// so that error handlers render it like every other error. A handler that treats refusals
// differently finds the Error with errors.As.
//
// The error handler writes the body and may add header fields. It cannot change the
// refusal's status and its WWW-Authenticate, Retry-After, Allow, Cache-Control and
// X-Content-Type-Options: they are set again when the header is written. The refusal's
// challenges precede other WWW-Authenticate values. If the error handler writes nothing,
// the refusal's own body is sent.
//
// The text of the error contains only the status, because programs send such texts to
// clients. Refusal.Reason and Refusal.Err are for logs.
type Error struct {
	Refusal *resource.Refusal
}

// Error returns a text with the status.
func (e *Error) Error() string {
	return "echoadapter: request rejected with status " + strconv.Itoa(e.Refusal.Status)
}

// jsonBody is a JSON text as the Message of an [echo.HTTPError]. Echo's own error handler
// writes a Message that implements json.Marshaler without wrapping it.
type jsonBody []byte

// MarshalJSON returns the text.
func (b jsonBody) MarshalJSON() ([]byte, error) { return b, nil }

// String returns the text without surrounding space, for the text of the error.
func (b jsonBody) String() string { return string(bytes.TrimSpace(b)) }

// writeRefusal responds with a refusal. It calls Echo's error handler at once and returns nil.
//
// It does not return the error instead, because then every middleware outside could lose
// the refusal. A middleware that drops the error would turn it into an empty 200. So would
// http.TimeoutHandler in echo.WrapMiddleware, which has finished its response before Echo
// handles the error. It does not do both either: middleware.Timeout would send an empty 200,
// and error handlers that do not check Committed would write the body a second time.
//
// If a response was written before, writeRefusal can only stop the request. It returns the error.
func writeRefusal(c echo.Context, refusal *resource.Refusal) error {
	err := &echo.HTTPError{Code: refusal.Status, Message: jsonBody(refusal.Body), Internal: &Error{refusal}}
	if c.Response().Committed {
		return err
	}
	callErrorHandler(c, refusal, err)
	if !c.Response().Committed { // the error handler wrote nothing
		refusal.SetHeader(c.Response().Header())
		c.Response().WriteHeader(refusal.Status)
		_, _ = c.Response().Write(refusal.Body)
	}
	return nil
}

// callErrorHandler calls Echo's error handler. The response has the refusal's status and header
// fields, whatever the error handler does. They are set now, so that it finds them, and again
// directly before the header is written: by a hook if it uses Echo's Response, otherwise by the
// writer.
func callErrorHandler(c echo.Context, refusal *resource.Refusal, err error) {
	fixed := *refusal // a copy, because the error handler could modify the original
	fixed.Challenges = slices.Clone(refusal.Challenges)
	response := c.Response()
	for _, name := range bodyFields { // the error handler decides which body is sent
		response.Header().Del(name)
	}
	setFields(response.Header(), &fixed)
	response.Before(func() {
		response.Status = fixed.Status
		setFields(response.Header(), &fixed)
		if c.Request().Method == http.MethodHead && response.Header().Get(echo.HeaderContentType) == "" {
			// RFC 9110 §9.3.2: the same fields as for GET. Echo's own error handler omits those
			// of the body.
			fixed.SetHeader(response.Header())
		}
	})
	writer := &enforcedWriter{ResponseWriter: response.Writer, refusal: &fixed}
	response.Writer = writer
	defer func() {
		if response.Writer == http.ResponseWriter(writer) {
			response.Writer = writer.ResponseWriter
		}
		if writer.begun && !response.Committed { // the error handler bypassed the Response
			response.Committed, response.Status = true, fixed.Status
		}
	}()
	c.Error(err)
}

// bodyFields are the header fields that describe the body.
var bodyFields = []string{echo.HeaderContentType, echo.HeaderContentLength}

// setFields sets the refusal's header fields except bodyFields. A second call changes
// nothing.
func setFields(header http.Header, refusal *resource.Refusal) {
	ofBody := http.Header{}
	for _, name := range bodyFields {
		if values, ok := header[name]; ok {
			ofBody[name] = values
		}
	}
	refusal.SetHeader(header)
	for _, name := range bodyFields {
		delete(header, name)
	}
	maps.Copy(header, ofBody)
}
