package introspect_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// requestPeriodically sends a request with a new token every 100 ms and counts the statuses.
func (fx *fixture) requestPeriodically(during time.Duration) map[int]int {
	statuses := map[int]int{}
	for began := time.Now(); time.Since(began) < during; time.Sleep(100 * time.Millisecond) {
		statuses[fx.request(fx.token(resourcetest.Token{})).status]++
	}
	return statuses
}

// callIntervals returns the times between successive calls, without the first from calls.
func (fx *fixture) callIntervals(from int) (intervals []time.Duration) {
	times := fx.issuer.Times(resourcetest.Introspection)
	for i := from + 1; i < len(times); i++ {
		intervals = append(intervals, times[i].Sub(times[i-1]).Round(100*time.Millisecond))
	}
	return intervals
}

func TestBreakerCoolDown(t *testing.T) {
	const s = time.Second
	for _, row := range []struct {
		status        int
		first, second []time.Duration // between the calls during two outages
	}{
		{429, []time.Duration{s / 10, s / 10, s / 10, s / 10, s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s}, []time.Duration{s / 10, s / 10, s / 10, s / 10, s, 2 * s}},
		// A token could cause this status, so each time a probe is made before the breaker opens.
		{500, []time.Duration{s / 10, s / 10, s / 10, s / 10, 0, s, 0, 2 * s, 0, 4 * s, 0, 8 * s, 0, 16 * s, 0, 30 * s, 0, 30 * s, 0}, []time.Duration{s / 10, s / 10, s / 10, s / 10, 0, s, 0, 2 * s, 0}},
	} {
		t.Run(fmt.Sprint("status ", row.status), func(t *testing.T) { testBreakerCoolDown(t, row.status, row.first, row.second) })
	}
}

func testBreakerCoolDown(t *testing.T, status int, first, second []time.Duration) {
	inBubble(t, nil, func(fx *fixture) {
		fx.endpointFails(resourcetest.Failure{Status: status})
		if got := fx.requestPeriodically(2 * time.Minute); got[503] != 1200 {
			fx.Errorf("during the outage: got %s, want 1200×503", summary(got))
		}
		if got := fx.callIntervals(0); !slices.Equal(got, first) {
			fx.Errorf("intervals between calls\n got %s\nwant %s", got, first)
		}
		if got := fx.metric("warder_introspection_circuit_open"); got != "1" {
			fx.Errorf("circuit open: %s, want 1", got)
		}
		fx.endpointWorks()
		worksSince := time.Now()
		for fx.request(fx.token(resourcetest.Token{})).status != 200 {
			if time.Sleep(100 * time.Millisecond); time.Since(worksSince) > 30*time.Second {
				fx.Fatalf("no success %s after the end of the outage", time.Since(worksSince))
			}
		}
		if got := fx.requestPeriodically(time.Minute); got[200] == 0 || got[503] > 0 {
			fx.Errorf("after the outage: got %s, want only 200", summary(got))
		}
		fx.endpointFails(resourcetest.Failure{Status: status})
		before := fx.calls()
		fx.requestPeriodically(4 * time.Second)
		if got := fx.callIntervals(before); !slices.Equal(got, second) {
			fx.Errorf("a second outage does not begin with the first cool-down: got %s, want %s", got, second)
		}
	})
}

// While the circuit breaker is open, Retry-After is the rest of the cool-down.
func TestRetryAfterWhileBreakerOpen(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		fx.endpointFails(resourcetest.Failure{Status: 429})
		for i := range 5 {
			if got := fx.request(unknownToken(i)); got.retryAfter != "1" {
				fx.Errorf("failure %d: Retry-After %q, want 1", i, got.retryAfter)
			}
		}
		fx.expect("open", unknownToken(6), 503, resource.ReasonIntrospectionSuspended)
		time.Sleep(time.Second)
		fx.expect("half-open", unknownToken(7), 503, resource.ReasonIntrospectionRateLimited)
		if got := fx.expect("open for longer", unknownToken(8), 503, resource.ReasonIntrospectionSuspended); got.retryAfter != "2" {
			fx.Errorf("Retry-After %q, want 2", got.retryAfter)
		}
		if fx.calls() != 6 {
			fx.Errorf("%d calls, want 6", fx.calls())
		}
	})
}

func TestConsecutiveFailures(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		for range 5 {
			fx.endpointFails(resourcetest.Failure{Status: 500})
			for i := range 4 {
				fx.expect("failure", unknownToken(i), 503, resource.ReasonIntrospectionStatus)
			}
			fx.endpointWorks()
			fx.expect("success", fx.token(resourcetest.Token{}), 200, "")
		}
	})
}

// In the half-open state only one call is permitted, however long it takes and however many
// requests arrive.
func TestHalfOpenPermitsOneCall(t *testing.T) {
	for _, maxConcurrent := range []int{1, 32} { // also if the half-open call takes the only slot
		t.Run(fmt.Sprint("MaxConcurrent ", maxConcurrent), func(t *testing.T) {
			inBubble(t, func(_ *resource.Config, c *introspect.Config) { c.MaxConcurrent = maxConcurrent }, testHalfOpenPermitsOneCall)
		})
	}
}

func testHalfOpenPermitsOneCall(fx *fixture) {
	fx.endpointFails(resourcetest.Failure{Refuse: true})
	for i := range 5 {
		fx.request(unknownToken(i))
	}
	time.Sleep(time.Second)
	fx.endpointFails(resourcetest.Failure{Hang: true})
	before := fx.calls()
	var halfOpenCall sync.WaitGroup
	halfOpenCall.Go(func() {
		if got := fx.request(unknownToken(100)); got.status != 503 || got.took != 5*time.Second {
			fx.Errorf("half-open call: got %d after %s, want 503 after 5s", got.status, got.took)
		}
	})
	synctest.Wait()
	statuses, slowest := fx.requestAll(repeat(1000, func(i int) string { return unknownToken(1000 + i) }))
	if statuses[503] != 1000 || slowest != 0 || fx.calls() != before+1 {
		fx.Errorf("during the half-open call: got %s, slowest %s, %d calls; want 1000×503 at once, 1 call", summary(statuses), slowest, fx.calls()-before)
	}
	halfOpenCall.Wait()
	fx.endpointWorks()
	fx.expect("open after the half-open call", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionSuspended)
	time.Sleep(2 * time.Second)
	statuses, _ = fx.requestAll(repeat(50, func(int) string { return fx.token(resourcetest.Token{}) }))
	if statuses[200] != 1 || statuses[503] != 49 {
		fx.Errorf("second half-open call: got %s, want 1×200 49×503", summary(statuses))
	}
	statuses, _ = fx.requestAll(repeat(50, func(int) string { return fx.token(resourcetest.Token{}) }))
	if statuses[200] != 50 {
		fx.Errorf("closed: got %s, want 50×200", summary(statuses))
	}
}

// A neutral outcome of the half-open call closes the circuit breaker, but the next failure
// opens it again.
func TestHalfOpenCallWithNeutralOutcome(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		fx.endpointFails(resourcetest.Failure{Status: 500})
		for i := range 5 {
			fx.request(unknownToken(i))
		}
		time.Sleep(time.Second)
		fx.endpointFails(resourcetest.Failure{Status: 413})
		fx.expect("half-open", unknownToken(10), 401, resource.ReasonTokenInvalid)
		fx.expect("closed", unknownToken(11), 401, resource.ReasonTokenInvalid)
		fx.endpointFails(resourcetest.Failure{Status: 500})
		fx.expect("failure", unknownToken(12), 503, resource.ReasonIntrospectionStatus)
		if got := fx.expect("open, for longer than before", unknownToken(13), 503, resource.ReasonIntrospectionSuspended); got.retryAfter != "2" {
			fx.Errorf("Retry-After %q, want 2", got.retryAfter)
		}
	})
}

// The circuit breaker ignores failures of calls that began before it opened and end after it
// has closed again.
func TestOutdatedFailuresAreIgnored(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		fx.endpointFails(resourcetest.Failure{Hang: true})
		var hanging sync.WaitGroup
		for i := range 20 {
			hanging.Go(func() { fx.request(unknownToken(i)) })
		}
		synctest.Wait()
		fx.endpointFails(resourcetest.Failure{Status: 500})
		for i := range 5 {
			fx.request(unknownToken(100 + i))
		}
		fx.endpointWorks()
		time.Sleep(time.Second)
		fx.expect("half-open", fx.token(resourcetest.Token{}), 200, "")
		hanging.Wait()
		fx.expect("after 20 calls have timed out", fx.token(resourcetest.Token{}), 200, "")
	})
}
