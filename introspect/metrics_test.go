package introspect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func TestMetrics(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		registry := prometheus.NewRegistry()
		registry.MustRegister(fx.res.Metrics())
		if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
			fx.Errorf("lint: %v %v", problems, err)
		}
		lines := func() int { return strings.Count(fx.metrics(), "\n") }
		before := lines() // every series exists from the start
		fx.request(fx.token(resourcetest.Token{}))
		for i := range 3 {
			fx.request(unknownToken(i))
		}
		fx.endpointFails(resourcetest.Failure{Status: 418})
		fx.request(unknownToken(10))
		fx.endpointFails(resourcetest.Failure{Status: 401})
		fx.request(unknownToken(11))
		fx.request(unknownToken(12)) // no call: the credentials were rejected less than a second ago
		if got, want := fx.outcomes(), "active=1 credentials=2 inactive=3 status_4xx=1"; got != want {
			fx.Errorf("outcomes\n got %s\nwant %s", got, want)
		}
		if got := fx.metric("warder_introspection_call_duration_seconds_count"); got != "7" {
			fx.Errorf("got the durations of %s calls, want 7", got)
		}
		if got := fx.metric("warder_introspection_call_duration_seconds_sum"); got != "0.08" {
			fx.Errorf("got a total duration of %s s, want 0.08", got)
		}
		time.Sleep(time.Second)
		fx.endpointWorks()
		for i := range 1000 {
			fx.request(unknownToken(1000 + i))
		}
		if after := lines(); after != before {
			fx.Errorf("%d lines became %d: a label contains text from clients", before, after)
		}
	})
}

// The log names the outcome and the cause of a failed call, without text from the endpoint.
func TestLog(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		fx.endpointFails(resourcetest.Failure{Status: 400, Body: []byte(`{"error":"evil\u000a\u001b[31m","error_description":"test-secret"}`)})
		fx.expect("unknown error code", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionStatus)
		if want := `status 400, content type \"application/json\", with an unknown error code"`; !strings.Contains(fx.log.String(), want) || strings.Contains(fx.log.String(), "evil") {
			fx.Errorf("got %s\nwant %s", fx.log, want)
		}
		fx.endpointFails(resourcetest.Failure{Status: 401})
		fx.expect("rejected credentials", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionCredentials)
		if !strings.Contains(fx.log.String(), `"level":"ERROR"`) {
			fx.Errorf("rejected credentials are not logged at level ERROR: %s", fx.log)
		}
		fx.endpointWorks()
		time.Sleep(time.Second)
		fx.expect("accepted credentials", fx.token(resourcetest.Token{}), 200, "")
		fx.endpointFails(resourcetest.Failure{Status: 500})
		for i := range 5 {
			fx.request(unknownToken(i))
		}
		if !strings.Contains(fx.log.String(), "circuit opened after failures; not calling the introspection endpoint") {
			fx.Errorf("no record for the circuit breaker that opened: %s", fx.log)
		}
		fx.endpointWorks()
		fx.log.reset()
		fx.request(unknownToken(100))
		time.Sleep(2 * time.Second)
		fx.request(unknownToken(101))
		for line := range strings.Lines(fx.log.String()) {
			if !strings.Contains(line, rejectionMessage) {
				fx.Errorf("a rejection without a call and an inactive token need only the record of the resource: %s", line)
			}
		}
	})
}
