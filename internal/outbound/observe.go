package outbound

import (
	"context"
	"io"
	"net/http"
	"time"
)

// observedBodyTime is the time for the body of an observed response, after its header. A stream of
// server-sent events does not end by itself.
const observedBodyTime = 2 * time.Second // of one body, if Config.Observe is set

// observed returns a response with as much of its body as the limits permit, whatever its status.
// cancel ends the request.
func (c *Client) observed(resp *http.Response, cancel context.CancelFunc) *Response {
	out := &Response{Status: resp.StatusCode, Header: resp.Header.Clone()}
	if resp.Body == nil { // possible with Config.Transport only
		return out
	}
	defer resp.Body.Close()
	defer time.AfterFunc(observedBodyTime, cancel).Stop()
	reader, err := decoded(io.LimitReader(resp.Body, c.maxBytes), resp.Header)
	if err != nil {
		return out
	}
	out.Body, _ = io.ReadAll(io.LimitReader(reader, c.maxBytes)) // an incomplete body is described as it is
	out.Header.Del("Content-Encoding")
	out.Header.Del("Content-Length")
	return out
}
