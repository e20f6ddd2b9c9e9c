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

// 429 and 5xx with Retry-After (RFC 9110 §10.2.3).
func TestEndpointRetryAfter(t *testing.T) {
	for _, row := range []struct {
		name, value string
		status      int
		retryAfter  string        // for the client
		pause       time.Duration // without calls; 0: none
	}{
		{"429 with seconds", "20", 429, "20", 20 * time.Second},
		{"503 with seconds", "20", 503, "20", 20 * time.Second},
		{"500 with seconds", "3", 500, "3", 3 * time.Second},
		{"an hour, limited to 30 s", "3600", 429, "30", 30 * time.Second},
		{"beyond int64, limited to 30 s", "99999999999999999999", 429, "30", 30 * time.Second},
		{"a date", "Sat, 01 Jan 2000 00:00:10 GMT", 503, "10", 10 * time.Second},
		{"empty", "", 429, "1", 0},
		{"zero", "0", 429, "1", 0},
		{"negative", "-5", 429, "1", 0},
		{"garbage", "soon", 429, "1", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, nil, func(fx *fixture) {
				fx.endpointFails(resourcetest.Failure{Status: row.status, Header: http.Header{"Retry-After": {row.value}}})
				if got := fx.request(unknownToken(0)); got.status != 503 || got.retryAfter != row.retryAfter {
					fx.Errorf("got %d, Retry-After %q; want 503, %q", got.status, got.retryAfter, row.retryAfter)
				}
				fx.endpointWorks()
				token := fx.token(resourcetest.Token{})
				if row.pause > 0 {
					time.Sleep(row.pause - time.Millisecond)
					fx.expect("a millisecond before the end of the pause", token, 503, resource.ReasonIntrospectionSuspended)
					time.Sleep(time.Millisecond)
				}
				fx.expect("after the pause", token, 200, "")
				if fx.calls() != 2 {
					fx.Errorf("got %d calls, want 2", fx.calls())
				}
			})
		})
	}
}

// After the first call and its probe there is at most one call per second, and the circuit breaker
// stays closed.
func TestRejectedCredentials(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		cached := fx.token(resourcetest.Token{})
		fx.expect("before the failure", cached, 200, "")
		fx.endpointFails(resourcetest.Failure{Status: 401, Delay: 20 * time.Millisecond})
		before := fx.calls()
		if got := fx.requestPeriodically(30 * time.Second); got[503] < 290 || len(got) != 1 {
			fx.Errorf("got %s, want only 503", summary(got))
		}
		time.Sleep(time.Second)
		fx.requestAll(repeat(500, unknownToken))
		for _, interval := range fx.callIntervals(before + 1) {
			if interval < time.Second {
				fx.Errorf("got two calls within %s, want one per second", interval)
			}
		}
		if n := fx.calls() - before; n < 25 || n > 32 {
			fx.Errorf("got %d calls in 30 s, want one per second", n)
		}
		fx.expect("cached token", cached, 200, "")
		if !strings.Contains(fx.outcomes(), "credentials=") || fx.metric("warder_introspection_circuit_open") != "0" {
			fx.Errorf("got outcomes %s; want credentials, and a closed circuit breaker", fx.outcomes())
		}
		fx.endpointWorks()
		time.Sleep(time.Second)
		fx.expect("accepted credentials", fx.token(resourcetest.Token{}), 200, "")
		if got := fx.requestPeriodically(time.Second); got[200] == 0 || got[503] > 0 {
			fx.Errorf("after the failure: got %s, want only 200", summary(got))
		}
	})
}

func TestTimeout(t *testing.T) {
	for _, row := range []struct {
		name       string
		configured time.Duration
		want       time.Duration
	}{{"default timeout", 0, 5 * time.Second}, {"shortest timeout", 100 * time.Millisecond, 100 * time.Millisecond}, {"longest timeout", 30 * time.Second, 30 * time.Second}} {
		for name, failure := range map[string]resourcetest.Failure{"endpoint hangs": {Hang: true}, "endpoint is slow": {Pace: row.want / 10, Header: http.Header{"X": {"y"}}}} {
			t.Run(row.name+", "+name, func(t *testing.T) {
				inBubble(t, func(_ *resource.Config, c *introspect.Config) { c.Timeout = row.configured }, func(fx *fixture) {
					fx.endpointFails(failure)
					if got := fx.expect(name, fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionTimeout); got.took != row.want {
						fx.Errorf("took %s, want %s", got.took, row.want)
					}
					time.Sleep(30 * time.Second)
				})
			})
		}
	}
}

// Cached tokens are accepted during an outage, until the earlier of TTL and exp.
func TestCachedTokensDuringOutage(t *testing.T) {
	for _, row := range []struct {
		name  string
		token resourcetest.Token
		until time.Duration // when a call is needed again
	}{
		{"until the TTL", resourcetest.Token{Lifetime: time.Hour}, 5 * time.Minute},
		{"until exp", resourcetest.Token{Lifetime: 90 * time.Second}, 90 * time.Second},
		{"a minute without exp", resourcetest.Token{Claims: map[string]any{"exp": resourcetest.Remove}}, time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, nil, func(fx *fixture) {
				fx.issuer.Reset()
				token := fx.token(row.token)
				began := time.Now()
				fx.expect("first request", token, 200, "")
				fx.endpointFails(resourcetest.Failure{Hang: true})
				for time.Since(began) < row.until-time.Second {
					if got := fx.request(token); got.status != 200 || got.took != 0 {
						fx.Fatalf("after %s: got %d after %s, want 200 at once", time.Since(began), got.status, got.took)
					}
					time.Sleep(time.Second)
				}
				time.Sleep(row.until - time.Nanosecond - time.Since(began))
				fx.expect("a nanosecond before the end", token, 200, "")
				time.Sleep(time.Nanosecond)
				fx.expect("at the end", token, 503, resource.ReasonIntrospectionTimeout)
			})
		})
	}
}
