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

// picky stands in front of an endpoint, as a firewall or a fault in its code would: of
// tokens that begin with "bad" it makes an answer of its own.
type picky struct {
	http.RoundTripper
	answer func() *http.Response

	mu   sync.Mutex
	seen []string // what is asked about
}

func (p *picky) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	p.mu.Lock()
	p.seen = append(p.seen, string(body))
	p.mu.Unlock()
	if strings.Contains(string(body), "token=bad") {
		if response := p.answer(); response != nil {
			return response, nil
		}
		return nil, io.EOF
	}
	return p.RoundTripper.RoundTrip(req)
}

func says(status int, contentType, body string) func() *http.Response {
	return func() *http.Response {
		return &http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Body: io.NopCloser(strings.NewReader(body)),
			ContentLength: int64(len(body)), Header: http.Header{"Content-Type": {contentType}, "Location": {"https://firewall.example.test/"}}}
	}
}

// A flood of tokens that make the endpoint crash, or a firewall answer for it, opens
// nothing, from however many clients it comes: other tokens are asked about as ever.
func TestFloodOfTokensThatLookLikeAnOutage(t *testing.T) { // bad-inputs 200, 215
	for name, answer := range map[string]func() *http.Response{
		"500":            says(500, "text/plain", "panic"),
		"502":            says(502, "text/html", "<html>"),
		"a redirect":     says(302, "text/html", ""),
		"HTML":           says(200, "text/html", "<html>Request blocked"),
		"JSON of others": says(200, "application/json", `{"blocked":true}`),
		"no answer":      func() *http.Response { return nil }, // as Go's server when a handler panics
	} {
		t.Run(name, func(t *testing.T) {
			var door *picky
			inWorld(t, func(_ *resource.Config, c *introspect.Config) {
				door = &picky{RoundTripper: c.Transport, answer: answer}
				c.Transport = door
			}, func(w *world) {
				for i := range 20 {
					statuses, _ := w.crowd(repeat(50, func(n int) string { return "bad" + junk(100*i+n) }))
					if statuses[503] != 50 {
						w.Errorf("the flood got %s, want 50×503", summary(statuses))
					}
					if got := w.ask(w.token(resourcetest.Token{})); got.status != 200 {
						w.Errorf("a good token got %d, want 200", got.status)
					}
				}
				if got := w.metric("warder_introspection_circuit_open"); got != "0" {
					w.Errorf("circuit open: %s, want 0", got)
				}
				if n := len(door.seen); n > 20*50*5/4+20 {
					w.Errorf("%d calls, want one more for each fifth bad token at most", n)
				}
			})
		})
	}
}

// With such a flood under way the circuit that a real outage has opened closes again.
func TestTrialByATokenThatLooksLikeAnOutage(t *testing.T) {
	inWorld(t, func(_ *resource.Config, c *introspect.Config) {
		c.Transport = &picky{RoundTripper: c.Transport, answer: says(500, "", "")}
	}, func(w *world) {
		w.fail(resourcetest.Failure{Status: 500})
		for i := range introspect.FailuresToOpen {
			w.ask(junk(i))
		}
		w.expect("left alone", junk(9), 503, resource.ReasonIntrospectionSuspended)
		w.normal()
		time.Sleep(introspect.MinCoolDown)
		w.expect("on trial", "bad-token-1", 503, resource.ReasonIntrospectionStatus)
		w.expect("the next", w.token(resourcetest.Token{}), 200, "")
	})
}

// An endpoint that calls our own token neither good nor bad has answered all the same: the
// next five count from one again, and cost one more call and not five.
func TestFloodWhereOurOwnTokenIsDisliked(t *testing.T) {
	for _, status := range []int{403, 413, 422} {
		var door *picky
		inWorld(t, func(_ *resource.Config, c *introspect.Config) {
			door = &picky{RoundTripper: roundTrip(func(*http.Request) (*http.Response, error) {
				return says(status, "text/html", "")(), nil
			}), answer: says(500, "", "")}
			c.Transport = door
		}, func(w *world) {
			for i := range 100 {
				w.expect("a bad one", "bad"+junk(i), 503, resource.ReasonIntrospectionStatus)
			}
			if n, most := len(door.seen), 100+100/introspect.FailuresToOpen; n != most {
				w.Errorf("%d: %d calls, want %d", status, n, most)
			}
		})
	}
}

// The token that we ask about is none of the client's, and never the same twice.
func TestTokensOfOurOwn(t *testing.T) {
	var door *picky
	inWorld(t, func(_ *resource.Config, c *introspect.Config) {
		door = &picky{RoundTripper: c.Transport, answer: says(500, "", "")}
		c.Transport = door
	}, func(w *world) {
		for i := range 2 * introspect.FailuresToOpen {
			w.ask("bad" + junk(i))
		}
		own := map[string]bool{}
		for _, body := range door.seen {
			if !strings.Contains(body, "token=bad") {
				own[body] = true
			}
		}
		if len(own) != 2 || len(door.seen) != 2*introspect.FailuresToOpen+2 {
			w.Errorf("%d calls, among them %d tokens of our own; want 12 and 2", len(door.seen), len(own))
		}
	})
}

// A panic while it is found out is the request's 500. It says nothing against the
// endpoint: the next five find out.
func TestPanicOfAProbe(t *testing.T) {
	var calls int
	inWorld(t, func(_ *resource.Config, c *introspect.Config) {
		transport := c.Transport
		c.Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
			if calls++; calls == introspect.FailuresToOpen+1 {
				panic("a fault of the transport")
			}
			return transport.RoundTrip(req)
		})
	}, func(w *world) {
		w.fail(resourcetest.Failure{Status: 500})
		for i := range introspect.FailuresToOpen - 1 {
			w.expect("failure", junk(i), 503, resource.ReasonIntrospectionStatus)
		}
		w.ask(junk(100))
		for i := range introspect.FailuresToOpen {
			w.expect("failure after it", junk(200+i), 503, resource.ReasonIntrospectionStatus)
		}
		w.expect("left alone", junk(300), 503, resource.ReasonIntrospectionSuspended)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
