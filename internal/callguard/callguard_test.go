package callguard_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/internal/callguard"
	"github.com/warder-go/warder/internal/configerr"
)

type outcome struct {
	name       string
	class      callguard.Class
	retryAfter time.Duration
}

func (o outcome) Class() callguard.Class    { return o.class }
func (o outcome) RetryDelay() time.Duration { return o.retryAfter }

var (
	success     = outcome{"success", callguard.Success, 0}
	neutral     = outcome{"neutral", callguard.Neutral, 0}
	failure     = outcome{"failure", callguard.Failure, 0}
	suspect     = outcome{"suspect", callguard.Suspect, 0}
	busy        = outcome{"busy", callguard.Failure, 10 * time.Second}
	noSecret    = outcome{"no secret", callguard.Credentials, 0}
	denied      = outcome{"denied", callguard.SuspectCredentials, 0}
	panicked    = outcome{"panicked", callguard.Aborted, 0}
	blamed      = outcome{"blamed", callguard.Neutral, 0}
	failedProbe = outcome{"failed probe", callguard.Suspect, 0}
)

// A fixture is a guard whose log has the outcomes of calls and probes, and "opened".
type fixture struct {
	*testing.T
	guard *callguard.Guard[outcome]
	probe func() outcome

	mu  sync.Mutex
	log []string
}

func newFixture(t *testing.T, limits callguard.Limits) *fixture {
	fx := &fixture{T: t, probe: func() outcome { t.Error("a probe was sent"); return success }}
	fx.guard = callguard.New(callguard.Config[outcome]{
		Limits:       limits,
		Probe:        func(context.Context) outcome { return fx.probe() },
		Panicked:     panicked,
		BlameRequest: func(outcome) outcome { return blamed },
		Ended:        func(o outcome, _ time.Duration) { fx.add(o.name) },
		Opened:       func() { fx.add("opened") },
	})
	return fx
}

func (fx *fixture) add(entry string) {
	fx.mu.Lock()
	defer fx.mu.Unlock()
	fx.log = append(fx.log, entry)
}

func begin() bool { return true }

// send makes a call that ends at once. It returns the name of the outcome, or the refusal.
func (fx *fixture) send(o outcome) string {
	got, refusal := fx.guard.Do(fx.Context(), begin, func(context.Context) outcome { return o })
	if refusal != nil {
		return fmt.Sprintf("%s, %v", refusal.RetryAfter, refusal.Err)
	}
	return got.name
}

const openFor1s = "1s, circuit open after repeated failures or Retry-After; not calling the endpoint"
const limitedFor1s = "1s, our credentials were rejected or not available a moment ago; not calling the endpoint"

// What each sequence of outcomes leads to: the log, and the result of a call that follows.
func TestClasses(t *testing.T) {
	repeated := func(o outcome, n int) []outcome { return slices.Repeat([]outcome{o}, n) }
	for _, row := range []struct {
		name  string
		calls []outcome
		probe outcome // zero: none may be sent
		log   string  // the last entries
		next  string
	}{
		{"four failures", repeated(failure, 4), outcome{}, "failure", "success"},
		{"five failures", repeated(failure, 5), outcome{}, "failure opened", openFor1s},
		{"a success in between", slices.Concat(repeated(failure, 4), []outcome{success}, repeated(failure, 4)), outcome{}, "failure", "success"},
		{"neutral outcomes in between", slices.Concat(repeated(failure, 4), repeated(neutral, 9), repeated(failure, 1)), outcome{}, "failure opened", openFor1s},
		{"many neutral outcomes", repeated(neutral, 99), outcome{}, "neutral", "success"},
		{"one failure with Retry-After", []outcome{busy}, outcome{}, "busy opened", strings.Replace(openFor1s, "1s", "10s", 1)},
		{"suspect outcomes, and a probe that fails", repeated(suspect, 5), failedProbe, "failed probe suspect opened", openFor1s},
		{"suspect outcomes, and a probe that succeeds", repeated(suspect, 5), success, "success suspect", "success"},
		{"missing credentials", []outcome{noSecret}, outcome{}, "no secret", limitedFor1s},
		{"rejected credentials, also those of the probe", []outcome{denied}, denied, "denied denied", limitedFor1s},
		{"rejected credentials, but not those of the probe", []outcome{denied}, success, "success blamed", "success"},
		{"rejected credentials, and a neutral probe", []outcome{denied}, neutral, "neutral blamed", "success"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx := newFixture(t, callguard.Limits{})
				if row.probe != (outcome{}) {
					fx.probe = func() outcome { return row.probe }
				}
				for _, o := range row.calls {
					fx.send(o)
				}
				if got := strings.Join(fx.log, " "); !strings.HasSuffix(" "+got, " "+row.log) {
					t.Errorf("log %q, want it to end in %q", got, row.log)
				}
				if open := fx.guard.CircuitOpen(); open != strings.HasSuffix(row.log, "opened") {
					t.Errorf("CircuitOpen returned %t", open)
				}
				if refused := fx.guard.Check() != nil; refused != (row.next != "success") {
					t.Errorf("Check refused a call: %t", refused)
				}
				if got := fx.send(success); got != row.next {
					t.Errorf("next call: got %q, want %q", got, row.next)
				}
			})
		})
	}
}

// A panic of the call or the probe reaches the caller, is recorded, and shows nothing about the
// endpoint and our credentials.
func TestPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := newFixture(t, callguard.Limits{})
		expectPanic := func(call func()) {
			t.Helper()
			defer func() {
				if got := recover(); got != "oops" {
					t.Errorf("recovered %v, want oops", got)
				}
			}()
			call()
		}
		for range 9 {
			expectPanic(func() { fx.guard.Do(t.Context(), begin, func(context.Context) outcome { panic("oops") }) })
		}
		fx.probe = func() outcome { panic("oops") }
		expectPanic(func() { fx.send(denied) })
		if got, want := strings.Join(fx.log, " "), strings.Repeat("panicked ", 9)+"panicked"; got != want {
			t.Errorf("log %q, want %q", got, want)
		}
		fx.probe = func() outcome { return denied }
		if got := fx.send(denied); got != "denied" || fx.guard.Check() == nil {
			t.Errorf("got %q, want denied and a limit: the probe that panicked proved nothing", got)
		}
		if fx.guard.Running() != 0 {
			t.Errorf("%d calls are running, want 0", fx.guard.Running())
		}
	})
}

// A call that waits ends with its requests, or after two fifths of the timeout.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := newFixture(t, callguard.Limits{Timeout: 10 * time.Second, MaxConcurrent: 2})
		var running sync.WaitGroup
		for range 2 {
			running.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				fx.guard.Do(ctx, begin, func(ctx context.Context) outcome {
					cancel() // the requests leave, and the call continues until its deadline
					<-ctx.Done()
					return neutral
				})
			})
		}
		synctest.Wait()
		began := time.Now()
		gone, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, row := range []struct {
			ctx  context.Context
			want error
			took time.Duration
		}{
			{gone, callguard.ErrAbandoned, time.Second},
			{t.Context(), callguard.ErrOverloaded, 4 * time.Second},
		} {
			running.Go(func() {
				_, refusal := fx.guard.Do(row.ctx, begin, func(context.Context) outcome { t.Error("called"); return success })
				if took := time.Since(began); refusal == nil || !errors.Is(refusal.Err, row.want) || took != row.took {
					t.Errorf("got %v after %s, want %v after %s", refusal, took, row.want, row.took)
				}
			})
		}
		synctest.Wait()
		if fx.guard.Running() != 2 || fx.guard.Waiting() != 2 {
			t.Errorf("%d calls run and %d wait, want 2 and 2", fx.guard.Running(), fx.guard.Waiting())
		}
		running.Wait()
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("the calls took %s, want 10s", took)
		}
		_, refusal := fx.guard.Do(t.Context(), func() bool { return false }, func(context.Context) outcome { t.Error("called"); return success })
		if refusal == nil || !errors.Is(refusal.Err, callguard.ErrAbandoned) {
			t.Errorf("got %v, want %v", refusal, callguard.ErrAbandoned)
		}
		if fx.guard.Running() != 0 || fx.guard.Waiting() != 0 {
			t.Errorf("%d calls run and %d wait, want 0", fx.guard.Running(), fx.guard.Waiting())
		}
	})
}

// The queue has 1024 places.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := newFixture(t, callguard.Limits{MaxConcurrent: 1})
		ctx, cancel := context.WithCancel(t.Context())
		var calls sync.WaitGroup
		for range 1 + 1024 {
			calls.Go(func() {
				fx.guard.Do(ctx, begin, func(context.Context) outcome { <-ctx.Done(); return neutral })
			})
		}
		synctest.Wait()
		began := time.Now()
		if got := fx.send(success); got != "0s, too many concurrent calls to the endpoint" || time.Since(began) != 0 {
			t.Errorf("got %q after %s", got, time.Since(began))
		}
		cancel()
		calls.Wait()
	})
}

func TestLimits(t *testing.T) {
	for _, row := range []struct {
		name   string
		limits callguard.Limits
		want   string
	}{
		{"defaults", callguard.Limits{}, "<nil>"},
		{"smallest", callguard.Limits{Timeout: 100 * time.Millisecond, MaxConcurrent: 1}, "<nil>"},
		{"largest", callguard.Limits{Timeout: 30 * time.Second, MaxConcurrent: 1024}, "<nil>"},
		{"too small", callguard.Limits{Timeout: 99 * time.Millisecond, MaxConcurrent: -1}, "test: Timeout: 99ms is not between 100ms and 30s\nMaxConcurrent: -1 is not between 1 and 1024"},
		{"too large", callguard.Limits{Timeout: 31 * time.Second, MaxConcurrent: 1025}, "test: Timeout: 31s is not between 100ms and 30s\nMaxConcurrent: 1025 is not between 1 and 1024"},
	} {
		var mistakes configerr.List
		row.limits.Check(&mistakes)
		if got := fmt.Sprint(mistakes.Err("test")); got != row.want {
			t.Errorf("%s (-want +got)\n- %q\n+ %q", row.name, row.want, got)
		}
	}
	if got, want := (callguard.Limits{}).WithDefaults(), (callguard.Limits{Timeout: 5 * time.Second, MaxConcurrent: 32}); got != want {
		t.Errorf("defaults: got %+v, want %+v", got, want)
	}
	if want := (callguard.Limits{Timeout: time.Second, MaxConcurrent: 7}); want.WithDefaults() != want {
		t.Errorf("defaults replaced %+v", want)
	}
}
