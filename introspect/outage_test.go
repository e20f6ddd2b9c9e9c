package introspect_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
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
	inWorld(t, nil, func(w *world) {
		w.fail(resourcetest.Failure{Status: 500})
		if got := w.load(2 * time.Minute); got[503] != 1200 {
			w.Errorf("during the outage: got %s, want 1200×503", summary(got))
		}
		s := time.Second
		want := []time.Duration{s / 10, s / 10, s / 10, s / 10, s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s}
		if got := w.gaps(0); !slices.Equal(got, want) {
			w.Errorf("between calls\n got %s\nwant %s", got, want)
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
		w.fail(resourcetest.Failure{Status: 500})
		before := w.calls()
		w.load(4 * time.Second)
		if got := w.gaps(before); !slices.Equal(got, []time.Duration{s / 10, s / 10, s / 10, s / 10, s, 2 * s}) {
			w.Errorf("a second outage does not begin anew: %s", got)
		}
	})
}

// While an endpoint is left alone the client is told when to come back.
func TestRetryAfterOfAnOpenCircuit(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.fail(resourcetest.Failure{Status: 500})
		for i := range introspect.FailuresToOpen {
			if got := w.ask(junk(i)); got.after != "1" {
				w.Errorf("failure %d: Retry-After %q, want 1", i, got.after)
			}
		}
		w.expect("left alone", junk(6), 503, resource.ReasonIntrospectionSuspended)
		time.Sleep(time.Second)
		w.expect("on trial", junk(7), 503, resource.ReasonIntrospectionStatus)
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

// The endpoint dies, hangs, lies and returns while users go on. Every answer is
// counted: no good token is ever called bad, no bad one ever accepted.
func TestOutageDrill(t *testing.T) {
	inWorld(t, func(c *resource.Config, _ *introspect.Config) { c.MemoryTTL = 10 * time.Second }, func(w *world) {
		const users, pause = 40, 250 * time.Millisecond
		type tally struct{ good, bad map[int]int }
		var (
			mu    sync.Mutex
			phase = tally{map[int]int{}, map[int]int{}}
			total int
		)
		ctx, stop := context.WithCancel(w.Context())
		var all sync.WaitGroup
		for u := range users {
			mine := w.token(resourcetest.Token{Subject: fmt.Sprint("user-", u), Lifetime: 10 * time.Hour})
			revoked := w.token(resourcetest.Token{})
			w.issuer.Revoke(revoked)
			all.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					kind, token := "good", mine
					switch {
					case i%5 == 3:
						kind, token = "bad", revoked
					case i%5 == 4:
						kind, token = "bad", junk(rand.IntN(1_000_000))
					}
					got := w.ask(token)
					mu.Lock()
					total++
					if kind == "good" {
						phase.good[got.status]++
						if got.status == 200 && !strings.HasSuffix(got.caller, fmt.Sprint(" sub:user-", u)) {
							w.Errorf("user %d was taken for %q", u, got.caller)
						}
					} else {
						phase.bad[got.status]++
					}
					mu.Unlock()
					time.Sleep(pause - 20*time.Millisecond + time.Duration(rand.IntN(40))*time.Millisecond)
				}
			})
		}
		run := func(name string, during time.Duration, failure resourcetest.Failure, well bool) {
			w.fail(failure)
			mu.Lock()
			phase = tally{map[int]int{}, map[int]int{}}
			mu.Unlock()
			time.Sleep(during)
			mu.Lock()
			defer mu.Unlock()
			w.Logf("%-26s good tokens %s, bad tokens %s, calls %s", name, summary(phase.good), summary(phase.bad), w.outcomes())
			for status, n := range phase.good {
				if status != 200 && (status != 503 || well) {
					w.Errorf("%s: %d good tokens got %d", name, n, status)
				}
			}
			for status, n := range phase.bad {
				if status != 401 && (status != 503 || well) {
					w.Errorf("%s: %d bad tokens got %d", name, n, status)
				}
			}
			if phase.good[200] == 0 && well || len(phase.bad) == 0 {
				w.Errorf("%s: nothing happened", name)
			}
		}
		healthy := resourcetest.Failure{Delay: 20 * time.Millisecond}
		// A trial may hang already when the endpoint returns, and fail.
		recovery := introspect.DefaultTimeout + introspect.MaxCoolDown + time.Second
		run("well", 30*time.Second, healthy, true)
		for _, step := range []struct {
			name    string
			failure resourcetest.Failure
		}{
			{"refuses connections", resourcetest.Failure{Refuse: true}},
			{"hangs", resourcetest.Failure{Hang: true}},
			{"answers 502", resourcetest.Failure{Status: 502}},
			{"answers 503 with a time", resourcetest.Failure{Status: 503, Header: http.Header{"Retry-After": {"7"}}}},
			{"answers 429", resourcetest.Failure{Status: 429}},
			{"forgets who we are", resourcetest.Failure{Status: 401}},
			{"redirects", resourcetest.Failure{Redirect: "https://auth.example.test/login"}},
			{"shows a login page", resourcetest.LoginPage()},
			{"calls all active, in a string", resourcetest.Failure{Body: []byte(`{"active":"true","sub":"root","aud":"https://mcp.example.test/mcp"}`)}},
			{"says nothing", resourcetest.Failure{Body: []byte("")}},
			{"stops half way", resourcetest.Failure{Truncate: true}},
			{"talks without end", resourcetest.Failure{Huge: 1 << 30}},
			{"drips", resourcetest.Failure{Pace: time.Second}},
		} {
			run(step.name, time.Minute, step.failure, false)
			run("returns", recovery, healthy, false)
			run("well again", 10*time.Second, healthy, true)
		}
		stop()
		all.Wait()
		if got := w.decisions(); got != total {
			w.Errorf("%d decisions were counted, %d requests made", got, total)
		}
	})
}

// decisions returns how many requests the resource has counted.
func (w *world) decisions() (n int) {
	for line := range strings.Lines(w.metrics()) {
		if strings.HasPrefix(line, "warder_decisions_total{") {
			var one int
			_, _ = fmt.Sscan(line[strings.LastIndex(line, " "):], &one)
			n += one
		}
	}
	return n
}
