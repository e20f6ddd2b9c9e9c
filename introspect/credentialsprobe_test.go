package introspect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// respondWithChallenge is respondWith with a WWW-Authenticate field.
func respondWithChallenge(status int, contentType, body string) func() *http.Response {
	return func() *http.Response {
		response := respondWith(status, contentType, body)()
		response.Header.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		return response
	}
}

// seemsToRejectCredentials are responses that are the same for rejected credentials and for a
// token that a firewall or the endpoint rejects.
var seemsToRejectCredentials = map[string]func() *http.Response{
	"403 access_denied":        respondWith(403, "application/json", `{"error":"access_denied"}`),
	"403 with a challenge":     respondWithChallenge(403, "text/plain", "x"),
	"401 invalid_token":        respondWith(401, "application/json", `{"error":"invalid_token"}`),
	"401 with a challenge":     respondWithChallenge(401, "application/json", `{"active":false}`),
	"401 HTML":                 respondWith(401, "text/html", "<html>"),
	"400 unauthorized_client":  respondWith(400, "application/json", `{"error":"unauthorized_client"}`),
	"400 invalid_client":       respondWith(400, "application/json", `{"error":"invalid_client"}`),
	"401 without a body":       respondWith(401, "", ""),
	"403 insufficient_scope":   respondWith(403, "application/json", `{"error":"insufficient_scope"}`),
	"401 that reports a token": respondWith(401, "application/json", `{"active":true}`),
}

// Tokens for which the endpoint seems to reject our credentials do not limit the calls about
// other tokens, and are not logged as rejected credentials.
func TestTokensThatSeemToRejectCredentials(t *testing.T) {
	for name, answer := range seemsToRejectCredentials {
		t.Run(name, func(t *testing.T) {
			var transport *blockingTransport
			inBubble(t, func(_ *resource.Config, c *introspect.Config) {
				transport = &blockingTransport{RoundTripper: c.Transport, answer: answer}
				c.Transport = transport
			}, func(fx *fixture) {
				rounds := 100 // 10 s, one bad token and two others each 100 ms
				if testing.Short() {
					rounds = 20
				}
				for i := range rounds {
					fx.expect("bad", "bad"+unknownToken(i), 503, resource.ReasonIntrospectionStatus)
					fx.expect("valid", fx.token(resourcetest.Token{}), 200, "")
					fx.expect("inactive", unknownToken(i), 401, resource.ReasonInactive)
					time.Sleep(100 * time.Millisecond)
				}
				if n := len(transport.seen); n > 3*rounds+20 {
					fx.Errorf("got %d calls, want at most one probe per second", n)
				}
				statuses, _ := fx.requestAll(repeat(50, func(n int) string { return "bad" + unknownToken(1000+n) }))
				if statuses[503] != 50 {
					fx.Errorf("got %s, want 50×503", summary(statuses))
				}
				fx.log.reset()
				fx.request("bad-token-of-many")
				if log := fx.log.String(); strings.Contains(log, "our credentials are rejected") || !strings.Contains(log, "taken to be about the token") {
					fx.Errorf("got log %.3000s", log)
				}
			})
		})
	}
}

// Really wrong credentials are found by one probe. Then there is one call per second, and an error
// in the log. The limit ends within two seconds after the credentials are fixed, even while clients
// send tokens for which the endpoint seems to reject them.
func TestReallyRejectedCredentials(t *testing.T) {
	for name, answer := range seemsToRejectCredentials {
		t.Run(name, func(t *testing.T) {
			var transport *blockingTransport
			wrong := true
			inBubble(t, func(_ *resource.Config, c *introspect.Config) {
				works := c.Transport
				transport = &blockingTransport{answer: answer, RoundTripper: roundTrip(func(req *http.Request) (*http.Response, error) {
					if wrong {
						return answer(), nil
					}
					return works.RoundTrip(req)
				})}
				c.Transport = transport
			}, func(fx *fixture) {
				fx.expect("the first", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionCredentials)
				if !strings.Contains(fx.log.String(), "our credentials are rejected") {
					fx.Errorf("got log %s", fx.log)
				}
				if got := fx.requestPeriodically(30 * time.Second); got[503] != 300 {
					fx.Errorf("got %s, want 503 only", summary(got))
				}
				if n := len(transport.seen); n < 25 || n > 33 {
					fx.Errorf("got %d calls in 30 s, want one per second", n)
				}
				wrong = false
				fixed := time.Now()
				for i := 0; fx.request(fx.token(resourcetest.Token{})).status != 200; i++ {
					for n := range 10 {
						fx.request("bad" + unknownToken(10*i+n))
					}
					if time.Sleep(50 * time.Millisecond); time.Since(fixed) > 2100*time.Millisecond {
						fx.Fatalf("503 %s after the credentials were fixed", time.Since(fixed))
					}
				}
			})
		})
	}
}
