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
// the goroutine of Do. trace must not change the Exchange. The connection is closed after the
// response, so that a report leaves none open. A package whose fetches do not have the context of the
// request that needs them passes it on only for a report.
func WithTrace(ctx context.Context, trace func(Exchange)) context.Context {
	return context.WithValue(ctx, traceKey{}, trace)
}

// A tracer reports one exchange. Without a trace in the context, it does nothing.
type tracer struct {
	trace    func(Exchange) // nil: there is none
	exchange Exchange
}

// newTracer returns the tracer of a request that is about to be sent.
func newTracer(req *http.Request) *tracer {
	trace, ok := req.Context().Value(traceKey{}).(func(Exchange))
	if !ok {
		return new(tracer)
	}
	return &tracer{trace, Exchange{Method: req.Method, URL: req.URL.String(), Sent: time.Now()}}
}

// received notes that the header of the response, which is nil after an error, is complete.
func (t *tracer) received(resp *http.Response) {
	t.exchange.Received = time.Now()
	if resp != nil && t.trace != nil {
		t.exchange.Status, t.exchange.Header, t.exchange.TLS = resp.StatusCode, resp.Header.Clone(), resp.TLS
	}
}

// report calls the trace. out is what Do returns; nil if that is an error.
func (t *tracer) report(out *Response) {
	if t.trace == nil {
		return
	}
	if out != nil && t.exchange.Method == http.MethodGet {
		t.exchange.Body = out.Body
	}
	t.trace(t.exchange)
}
