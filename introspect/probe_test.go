package introspect_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// blockingTransport simulates a firewall in front of the endpoint, or a bug in the endpoint:
// it answers calls about tokens that begin with "bad" itself. If answer returns nil, the
// connection is closed.
type blockingTransport struct {
	http.RoundTripper
	answer func() *http.Response

	mu   sync.Mutex
	seen []string // the form of each call
}

func (b *blockingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	b.mu.Lock()
	b.seen = append(b.seen, string(body))
	b.mu.Unlock()
	if strings.Contains(string(body), "token=bad") {
		if response := b.answer(); response != nil {
			return response, nil
		}
		return nil, io.EOF
	}
	return b.RoundTripper.RoundTrip(req)
}

// respondWith returns a function that returns a new response.
func respondWith(status int, contentType, body string) func() *http.Response {
	return func() *http.Response {
		return &http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Body: io.NopCloser(strings.NewReader(body)),
			ContentLength: int64(len(body)), Header: http.Header{"Content-Type": {contentType}, "Location": {"https://firewall.example.test/"}}}
	}
}

// Tokens that make the endpoint crash, or a firewall answer in its place, do not open the
// circuit breaker, however many clients send them. Other tokens are still introspected.
func TestTokensThatMakeEndpointFail(t *testing.T) {
	for name, answer := range map[string]func() *http.Response{
		"500":               respondWith(500, "text/plain", "panic"),
		"502":               respondWith(502, "text/html", "<html>"),
		"redirect":          respondWith(302, "text/html", ""),
		"HTML page":         respondWith(200, "text/html", "<html>Request blocked"),
		"other JSON":        respondWith(200, "application/json", `{"blocked":true}`),
		"closed connection": func() *http.Response { return nil }, // as an http.Server does if a handler panics
	} {
		t.Run(name, func(t *testing.T) {
			var transport *blockingTransport
			inBubble(t, func(_ *resource.Config, c *introspect.Config) {
				transport = &blockingTransport{RoundTripper: c.Transport, answer: answer}
				c.Transport = transport
			}, func(fx *fixture) {
				for i := range 20 {
					statuses, _ := fx.requestAll(repeat(50, func(n int) string { return "bad" + unknownToken(100*i+n) }))
					if statuses[503] != 50 {
						fx.Errorf("bad tokens: got %s, want 50×503", summary(statuses))
					}
					if got := fx.request(fx.token(resourcetest.Token{})); got.status != 200 {
						fx.Errorf("a valid token: got %d, want 200", got.status)
					}
				}
				if got := fx.metric("warder_introspection_circuit_open"); got != "0" {
					fx.Errorf("circuit open: %s, want 0", got)
				}
				if n := len(transport.seen); n > 20*50*5/4+20 {
					fx.Errorf("got %d calls, want at most one probe for every five bad tokens", n)
				}
			})
		})
	}
}

// A real outage has opened the circuit breaker. Then it closes again, even if the half-open
// call is about a token that makes the endpoint fail.
func TestHalfOpenCallWithSuspectOutcome(t *testing.T) {
	inBubble(t, func(_ *resource.Config, c *introspect.Config) {
		c.Transport = &blockingTransport{RoundTripper: c.Transport, answer: respondWith(500, "", "")}
	}, func(fx *fixture) {
		fx.endpointFails(resourcetest.Failure{Status: 500})
		for i := range 5 {
			fx.request(unknownToken(i))
		}
		fx.expect("open", unknownToken(9), 503, resource.ReasonIntrospectionSuspended)
		fx.endpointWorks()
		time.Sleep(time.Second)
		fx.expect("half-open", "bad-token-1", 503, resource.ReasonIntrospectionStatus)
		fx.expect("closed", fx.token(resourcetest.Token{}), 200, "")
	})
}

// A probe with a neutral outcome does not open the circuit breaker, and the failure count
// starts at zero again: five failures cost one probe.
func TestProbeWithNeutralOutcome(t *testing.T) {
	for _, status := range []int{403, 413, 422} {
		var transport *blockingTransport
		inBubble(t, func(_ *resource.Config, c *introspect.Config) {
			transport = &blockingTransport{RoundTripper: roundTrip(func(*http.Request) (*http.Response, error) {
				return respondWith(status, "text/html", "")(), nil
			}), answer: respondWith(500, "", "")}
			c.Transport = transport
		}, func(fx *fixture) {
			for i := range 100 {
				fx.expect("bad token", "bad"+unknownToken(i), 503, resource.ReasonIntrospectionStatus)
			}
			if n, most := len(transport.seen), 120; n != most {
				fx.Errorf("status %d: got %d calls, want %d", status, n, most)
			}
		})
	}
}

// The token of a probe is not a token from a client, and each probe uses a new one.
func TestProbeTokensAreUnique(t *testing.T) {
	var transport *blockingTransport
	inBubble(t, func(_ *resource.Config, c *introspect.Config) {
		transport = &blockingTransport{RoundTripper: c.Transport, answer: respondWith(500, "", "")}
		c.Transport = transport
	}, func(fx *fixture) {
		for i := range 10 {
			fx.request("bad" + unknownToken(i))
		}
		probes := map[string]bool{}
		for _, body := range transport.seen {
			if !strings.Contains(body, "token=bad") {
				probes[body] = true
			}
		}
		if len(probes) != 2 || len(transport.seen) != 12 {
			fx.Errorf("got %d calls with %d different probe tokens, want 12 and 2", len(transport.seen), len(probes))
		}
	})
}

// A panic during a probe is 500 for the request. It has no effect on the circuit breaker: the
// next five failures cause another probe.
func TestProbePanics(t *testing.T) {
	var calls int
	inBubble(t, func(_ *resource.Config, c *introspect.Config) {
		transport := c.Transport
		c.Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
			if calls++; calls == 6 {
				panic("a bug in the transport")
			}
			return transport.RoundTrip(req)
		})
	}, func(fx *fixture) {
		fx.endpointFails(resourcetest.Failure{Status: 500})
		for i := range 4 {
			fx.expect("failure", unknownToken(i), 503, resource.ReasonIntrospectionStatus)
		}
		fx.request(unknownToken(100))
		for i := range 5 {
			fx.expect("failure after the panic", unknownToken(200+i), 503, resource.ReasonIntrospectionStatus)
		}
		fx.expect("open", unknownToken(300), 503, resource.ReasonIntrospectionSuspended)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
