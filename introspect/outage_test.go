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

// 429 and 5xx with Retry-After (bad-inputs 201; RFC 9110 §10.2.3).
func TestRetryAfterOfTheEndpoint(t *testing.T) {
	for _, row := range []struct {
		name, value string
		status      int
		after       string        // what the client is told
		quiet       time.Duration // no call before; 0: no pause at all
	}{
		{"429", "20", 429, "20", 20 * time.Second},
		{"503", "20", 503, "20", 20 * time.Second},
		{"500", "3", 500, "3", 3 * time.Second},
		{"an hour, capped", "3600", 429, "30", 30 * time.Second},
		{"beyond int64, capped", "99999999999999999999", 429, "30", 30 * time.Second},
		{"a date", "Sat, 01 Jan 2000 00:00:10 GMT", 503, "10", 10 * time.Second},
		{"nothing", "", 429, "1", 0},
		{"0", "0", 429, "1", 0},
		{"negative", "-5", 429, "1", 0},
		{"garbage", "soon", 429, "1", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				w.fail(resourcetest.Failure{Status: row.status, Header: http.Header{"Retry-After": {row.value}}})
				if got := w.ask(junk(0)); got.status != 503 || got.after != row.after {
					w.Errorf("got %d, Retry-After %q; want 503, %q", got.status, got.after, row.after)
				}
				w.normal()
				token := w.token(resourcetest.Token{})
				if row.quiet > 0 {
					time.Sleep(row.quiet - time.Millisecond)
					w.expect("just before", token, 503, resource.ReasonIntrospectionSuspended)
					time.Sleep(time.Millisecond)
				}
				w.expect("afterwards", token, 200, "")
				if w.calls() != 2 {
					w.Errorf("%d calls, want 2", w.calls())
				}
			})
		})
	}
}

func TestRefusedCredentials(t *testing.T) { // bad-inputs 200: at most once a second, breaker untouched
	inWorld(t, nil, func(w *world) {
		remembered := w.token(resourcetest.Token{})
		w.expect("before", remembered, 200, "")
		w.fail(resourcetest.Failure{Status: 401, Delay: 20 * time.Millisecond})
		before := w.calls()
		if got := w.load(30 * time.Second); got[503] < 290 || len(got) != 1 {
			w.Errorf("got %s, want 503 only", summary(got))
		}
		time.Sleep(introspect.CredentialsInterval)
		w.crowd(repeat(500, junk))
		for _, gap := range w.gaps(before) {
			if gap < introspect.CredentialsInterval {
				w.Errorf("two calls are %s apart, want a second", gap)
			}
		}
		if n := w.calls() - before; n < 25 || n > 32 {
			w.Errorf("%d calls in 30 s, want one a second", n)
		}
		w.expect("a remembered token", remembered, 200, "")
		if !strings.Contains(w.outcomes(), "credentials=") || w.metric("warder_introspection_circuit_open") != "0" {
			w.Errorf("outcomes %s", w.outcomes())
		}
		w.normal()
		time.Sleep(introspect.CredentialsInterval)
		w.expect("credentials are good again", w.token(resourcetest.Token{}), 200, "")
		if got := w.load(time.Second); got[200] == 0 || got[503] > 0 {
			w.Errorf("afterwards: got %s, want 200 only", summary(got))
		}
	})
}

func TestTimeout(t *testing.T) { // bad-inputs 199, 202
	for _, row := range []struct {
		name       string
		configured time.Duration
		want       time.Duration
	}{{"default", 0, 5 * time.Second}, {"shortest", introspect.MinTimeout, 100 * time.Millisecond}, {"longest", introspect.MaxTimeout, 30 * time.Second}} {
		for name, failure := range map[string]resourcetest.Failure{"hangs": {Hang: true}, "drips": {Pace: row.want / 10, Header: http.Header{"X": {"y"}}}} {
			t.Run(row.name+" "+name, func(t *testing.T) {
				inWorld(t, func(_ *resource.Config, c *introspect.Config) { c.Timeout = row.configured }, func(w *world) {
					w.fail(failure)
					if got := w.expect(name, w.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionTimeout); got.took != row.want {
						w.Errorf("took %s, want %s", got.took, row.want)
					}
					time.Sleep(30 * time.Second)
				})
			})
		}
	}
}

// What is remembered outlives the endpoint, until min(TTL, exp) and no longer.
func TestRememberedTokensInAnOutage(t *testing.T) { // bad-inputs 202
	for _, row := range []struct {
		name  string
		token resourcetest.Token
		last  time.Duration // from when on the endpoint is needed
	}{
		{"until the TTL", resourcetest.Token{Lifetime: time.Hour}, 5 * time.Minute},
		{"until exp", resourcetest.Token{Lifetime: 90 * time.Second}, 90 * time.Second},
		{"a minute without exp", resourcetest.Token{Claims: map[string]any{"exp": resourcetest.Remove}}, time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				w.issuer.Reset()
				token := w.token(row.token)
				began := time.Now()
				w.expect("first", token, 200, "")
				w.fail(resourcetest.Failure{Hang: true})
				for time.Since(began) < row.last-time.Second {
					if got := w.ask(token); got.status != 200 || got.took != 0 {
						w.Fatalf("after %s: got %d after %s, want 200 at once", time.Since(began), got.status, got.took)
					}
					time.Sleep(time.Second)
				}
				time.Sleep(row.last - time.Nanosecond - time.Since(began))
				w.expect("a nanosecond before", token, 200, "")
				time.Sleep(time.Nanosecond)
				w.expect("then", token, 503, resource.ReasonIntrospectionTimeout)
			})
		})
	}
}
