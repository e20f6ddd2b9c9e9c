package introspect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func TestMetrics(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		registry := prometheus.NewRegistry()
		registry.MustRegister(w.res.Metrics())
		if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
			w.Errorf("lint: %v %v", problems, err)
		}
		lines := func() int { return strings.Count(w.metrics(), "\n") }
		before := lines() // every series is there from the start
		w.ask(w.token(resourcetest.Token{}))
		for i := range 3 {
			w.ask(junk(i))
		}
		w.fail(resourcetest.Failure{Status: 418})
		w.ask(junk(10))
		w.fail(resourcetest.Failure{Status: 401})
		w.ask(junk(11))
		w.ask(junk(12)) // no call: the credentials were refused a moment ago
		if got, want := w.outcomes(), "active=1 credentials=1 inactive=3 status_4xx=1"; got != want {
			w.Errorf("outcomes\n got %s\nwant %s", got, want)
		}
		if got := w.metric("warder_introspection_call_duration_seconds_count"); got != "6" {
			w.Errorf("%s calls were timed, want 6", got)
		}
		if got := w.metric("warder_introspection_call_duration_seconds_sum"); got != "0.08" {
			w.Errorf("they took %s s, want 0.08", got)
		}
		time.Sleep(time.Second)
		w.normal()
		for i := range 1000 { // bad-inputs 263
			w.ask(junk(1000 + i))
		}
		if after := lines(); after != before {
			w.Errorf("%d lines became %d: a label holds what clients send", before, after)
		}
	})
}

// The log says which call failed and why, in words of ours.
func TestLog(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.fail(resourcetest.Failure{Status: 400, Body: []byte(`{"error":"evil\u000a\u001b[31m","error_description":"test-secret"}`)})
		w.expect("odd error", w.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionStatus)
		if want := `"error":"endpoint answered status 400 with another error"`; !strings.Contains(w.log.String(), want) || strings.Contains(w.log.String(), "evil") {
			w.Errorf("got %s\nwant %s", w.log, want)
		}
		w.fail(resourcetest.Failure{Status: 401})
		w.expect("credentials", w.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionCredentials)
		if !strings.Contains(w.log.String(), `"level":"ERROR"`) {
			w.Errorf("refused credentials are no error: %s", w.log)
		}
		w.normal()
		time.Sleep(time.Second)
		w.expect("credentials are good again", w.token(resourcetest.Token{}), 200, "")
		w.fail(resourcetest.Failure{Status: 500})
		for i := range introspect.FailuresToOpen {
			w.ask(junk(i))
		}
		if !strings.Contains(w.log.String(), "is left alone for a while") {
			w.Errorf("the circuit opened without a word: %s", w.log)
		}
		w.normal()
		w.log.reset()
		w.ask(junk(100))
		time.Sleep(2 * time.Second)
		w.ask(junk(101))
		for line := range strings.Lines(w.log.String()) {
			if !strings.Contains(line, "request refused") {
				w.Errorf("neither a refusal without a call nor a plain no is worth a record of its own: %s", line)
			}
		}
	})
}
