package outbound

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"
)

// Exchange is a request of a Client and its response, for a report about a server. It has nothing
// of the request except the method and the URL.
type Exchange struct {
	Method         string
	URL            string    // may have a secret in its query
	Sent, Received time.Time // Received: when the header of the response was complete, or the request failed
	Status         int       // 0: there was no response. 3xx is possible, although Do returns an error
	Header         http.Header
	Body           []byte               // only of a response to a GET request that Do returns
	TLS            *tls.ConnectionState // nil: the connection is not encrypted
}

type traceKey struct{}

// WithTrace returns a context with which Do calls trace once for each request that it has sent, in
// the goroutine of Do. It must not change the Exchange. A package whose fetches do not have the
// context of the request that needs them passes it on only for a report.
func WithTrace(ctx context.Context, trace func(Exchange)) context.Context {
	return context.WithValue(ctx, traceKey{}, trace)
}

// tracer returns the function that reports the exchange of req. It expects the response of the
// transport, or nil, the time when it was there, and the body.
func tracer(req *http.Request) func(resp *http.Response, received time.Time, out *Response) {
	trace, ok := req.Context().Value(traceKey{}).(func(Exchange))
	if !ok {
		return func(*http.Response, time.Time, *Response) {}
	}
	e := Exchange{Method: req.Method, URL: req.URL.String(), Sent: time.Now()}
	return func(resp *http.Response, received time.Time, out *Response) {
		e.Received = received
		if resp != nil {
			e.Status, e.Header, e.TLS = resp.StatusCode, resp.Header.Clone(), resp.TLS
		}
		if out != nil && req.Method == http.MethodGet {
			e.Body = out.Body
		}
		trace(e)
	}
}
