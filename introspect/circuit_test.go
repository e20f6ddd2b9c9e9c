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

// load asks for new tokens every 100 ms for some time and returns the statuses.
func (w *world) load(during time.Duration) map[int]int {
	statuses := map[int]int{}
	for began := time.Now(); time.Since(began) < during; time.Sleep(100 * time.Millisecond) {
		statuses[w.ask(w.token(resourcetest.Token{})).status]++
	}
	return statuses
}

// gaps returns the time between the calls from the nth on.
func (w *world) gaps(from int) (gaps []time.Duration) {
	times := w.issuer.Times(resourcetest.Introspection)
	for i := from + 1; i < len(times); i++ {
		gaps = append(gaps, times[i].Sub(times[i-1]).Round(100*time.Millisecond))
	}
	return gaps
}

func TestCircuit(t *testing.T) {
	const s = time.Second
	for _, row := range []struct {
		status        int
		first, second []time.Duration // between the calls of two outages
	}{
		{429, []time.Duration{s / 10, s / 10, s / 10, s / 10, s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s}, []time.Duration{s / 10, s / 10, s / 10, s / 10, s, 2 * s}},
		// The same, but that a token could provoke it: each time one of our own shows that it is none.
		{500, []time.Duration{s / 10, s / 10, s / 10, s / 10, 0, s, 0, 2 * s, 0, 4 * s, 0, 8 * s, 0, 16 * s, 0, 30 * s, 0, 30 * s, 0}, []time.Duration{s / 10, s / 10, s / 10, s / 10, 0, s, 0, 2 * s, 0}},
	} {
		t.Run(fmt.Sprint(row.status), func(t *testing.T) { testCircuit(t, row.status, row.first, row.second) })
	}
}

func testCircuit(t *testing.T, status int, first, second []time.Duration) {
	inWorld(t, nil, func(w *world) {
		w.fail(resourcetest.Failure{Status: status})
		if got := w.load(2 * time.Minute); got[503] != 1200 {
			w.Errorf("during the outage: got %s, want 1200×503", summary(got))
		}
		if got := w.gaps(0); !slices.Equal(got, first) {
			w.Errorf("between calls\n got %s\nwant %s", got, first)
		}
		if got := w.metric("warder_introspection_circuit_open"); got != "1" {
			w.Errorf("circuit open: %s, want 1", got)
		}
		w.normal()
		back := time.Now()
		for w.ask(w.token(resourcetest.Token{})).status != 200 {
			if time.Sleep(100 * time.Millisecond); time.Since(back) > introspect.MaxCoolDown {
				w.Fatalf("still not well %s after the endpoint has come back", time.Since(back))
			}
		}
		if got := w.load(time.Minute); got[200] == 0 || got[503] > 0 {
			w.Errorf("afterwards: got %s, want 200 only", summary(got))
		}
		w.fail(resourcetest.Failure{Status: status})
		before := w.calls()
		w.load(4 * time.Second)
		if got := w.gaps(before); !slices.Equal(got, second) {
			w.Errorf("a second outage does not begin anew: %s", got)
		}
	})
}

// While an endpoint is left alone the client is told when to come back.
func TestRetryAfterOfAnOpenCircuit(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.fail(resourcetest.Failure{Status: 429})
		for i := range introspect.FailuresToOpen {
			if got := w.ask(junk(i)); got.after != "1" {
				w.Errorf("failure %d: Retry-After %q, want 1", i, got.after)
			}
		}
		w.expect("left alone", junk(6), 503, resource.ReasonIntrospectionSuspended)
		time.Sleep(time.Second)
		w.expect("on trial", junk(7), 503, resource.ReasonIntrospectionRateLimited)
		if got := w.expect("left alone for longer", junk(8), 503, resource.ReasonIntrospectionSuspended); got.after != "2" {
			w.Errorf("Retry-After %q, want 2", got.after)
		}
		if w.calls() != 6 {
			w.Errorf("%d calls, want 6", w.calls())
		}
	})
}

func TestFailuresMustBeInARow(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		for range 5 {
			w.fail(resourcetest.Failure{Status: 500})
			for i := range introspect.FailuresToOpen - 1 {
				w.expect("failure", junk(i), 503, resource.ReasonIntrospectionStatus)
			}
			w.normal()
			w.expect("good", w.token(resourcetest.Token{}), 200, "")
		}
	})
}

// One call on trial at a time, however long it takes and however many come.
func TestTrial(t *testing.T) {
	for _, places := range []int{1, 32} { // also if the trial takes the only one
		t.Run(fmt.Sprint(places), func(t *testing.T) {
			inWorld(t, func(_ *resource.Config, c *introspect.Config) { c.MaxConcurrent = places }, testTrial)
		})
	}
}

func testTrial(w *world) {
	w.fail(resourcetest.Failure{Refuse: true})
	for i := range introspect.FailuresToOpen {
		w.ask(junk(i))
	}
	time.Sleep(introspect.MinCoolDown)
	w.fail(resourcetest.Failure{Hang: true})
	before := w.calls()
	var trial sync.WaitGroup
	trial.Go(func() {
		if got := w.ask(junk(100)); got.status != 503 || got.took != introspect.DefaultTimeout {
			w.Errorf("on trial: got %d after %s, want 503 after 5s", got.status, got.took)
		}
	})
	synctest.Wait()
	statuses, slowest := w.crowd(repeat(1000, func(i int) string { return junk(1000 + i) }))
	if statuses[503] != 1000 || slowest != 0 || w.calls() != before+1 {
		w.Errorf("beside it: got %s, slowest %s, %d calls; want 1000×503 at once, 1 call", summary(statuses), slowest, w.calls()-before)
	}
	trial.Wait()
	w.normal()
	w.expect("left alone after the trial", w.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionSuspended)
	time.Sleep(2 * introspect.MinCoolDown)
	statuses, _ = w.crowd(repeat(50, func(int) string { return w.token(resourcetest.Token{}) }))
	if statuses[200] != 1 || statuses[503] != 49 {
		w.Errorf("second trial: got %s, want 1×200 49×503", summary(statuses))
	}
	statuses, _ = w.crowd(repeat(50, func(int) string { return w.token(resourcetest.Token{}) }))
	if statuses[200] != 50 {
		w.Errorf("after the trial: got %s, want 50×200", summary(statuses))
	}
}

// An answer that the token provoked shows that the endpoint is there, and no more:
// calls are made again, and the next failure ends that.
func TestTrialThatTheTokenSpoils(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.fail(resourcetest.Failure{Status: 500})
		for i := range introspect.FailuresToOpen {
			w.ask(junk(i))
		}
		time.Sleep(introspect.MinCoolDown)
		w.fail(resourcetest.Failure{Status: 413})
		w.expect("on trial", junk(10), 401, resource.ReasonTokenInvalid)
		w.expect("the next", junk(11), 401, resource.ReasonTokenInvalid)
		w.fail(resourcetest.Failure{Status: 500})
		w.expect("a failure", junk(12), 503, resource.ReasonIntrospectionStatus)
		if got := w.expect("left alone, for longer than before", junk(13), 503, resource.ReasonIntrospectionSuspended); got.after != "2" {
			w.Errorf("Retry-After %q, want 2", got.after)
		}
	})
}

// Calls that began before the circuit opened, and end after it has closed again, are
// old news.
func TestLateFailures(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.fail(resourcetest.Failure{Hang: true})
		var hanging sync.WaitGroup
		for i := range 20 {
			hanging.Go(func() { w.ask(junk(i)) })
		}
		synctest.Wait()
		w.fail(resourcetest.Failure{Status: 500})
		for i := range introspect.FailuresToOpen {
			w.ask(junk(100 + i))
		}
		w.normal()
		time.Sleep(introspect.MinCoolDown)
		w.expect("on trial", w.token(resourcetest.Token{}), 200, "")
		hanging.Wait()
		w.expect("after 20 calls have timed out", w.token(resourcetest.Token{}), 200, "")
	})
}
