package inflight_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/internal/inflight"
)

type (
	group = inflight.Group[string, int]
	call  = inflight.Call[int]
)

// numbered returns a call that starts, takes a second and returns how many there were before it.
func numbered(calls *int, shared time.Duration) inflight.Func[int] {
	return func(_ context.Context, c *call) (int, time.Time) {
		n := *calls
		*calls++
		c.Start()
		time.Sleep(time.Second)
		if shared == 0 {
			return n, time.Time{}
		}
		return n, time.Now().Add(shared)
	}
}

func want(t *testing.T, what string, got int, err error, wantValue int, wantErr error) {
	t.Helper()
	if got != wantValue || !errors.Is(err, wantErr) || wantErr == nil && err != nil {
		t.Errorf("%s: got %d, %v; want %d, %v", what, got, err, wantValue, wantErr)
	}
}

// Concurrent requests with the same key share one call. Requests with another key do not, and
// neither does a later request.
func TestConcurrentRequestsShareOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, calls := group{MaxWait: time.Minute}, map[string]*int{"a": new(int), "b": new(int)}
		for round := range 2 {
			var requests sync.WaitGroup
			for range 100 {
				for key, n := range calls {
					requests.Go(func() {
						got, err := g.Do(t.Context(), key, numbered(n, 0))
						want(t, key, got, err, round, nil)
					})
				}
			}
			requests.Wait()
		}
	})
}

// A request that ends does not end the call for the others, also if it caused the call.
func TestFirstRequestLeaves(t *testing.T) {
	for _, row := range []struct {
		name  string
		start bool
	}{{"before the call starts", false}, {"after it has started", true}} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := group{MaxWait: time.Minute}
				run := func(queueCtx context.Context, c *call) (int, time.Time) {
					if row.start {
						c.Start()
					}
					time.Sleep(time.Second)
					if queueCtx.Err() != nil || !c.Start() {
						t.Error("the call was canceled")
					}
					return 7, time.Time{}
				}
				ctx, cancel := context.WithCancel(t.Context())
				var requests sync.WaitGroup
				requests.Go(func() {
					got, err := g.Do(ctx, "a", run)
					want(t, "first", got, err, 0, context.Canceled)
				})
				synctest.Wait()
				requests.Go(func() {
					got, err := g.Do(t.Context(), "a", run)
					want(t, "second", got, err, 7, nil)
				})
				synctest.Wait()
				cancel()
				requests.Wait()
			})
		})
	}
}

// A call that has not started ends with its last request, and no later request joins it.
func TestLastRequestLeavesBeforeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := group{MaxWait: time.Minute}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		abandoned := false
		got, err := g.Do(ctx, "a", func(queueCtx context.Context, c *call) (int, time.Time) {
			<-queueCtx.Done()
			abandoned = !c.Start()
			return 1, time.Time{}
		})
		want(t, "first", got, err, 0, context.DeadlineExceeded)
		calls := 2
		got, err = g.Do(t.Context(), "a", numbered(&calls, 0))
		want(t, "second", got, err, 2, nil)
		if !abandoned {
			t.Error("Start returned true without a request that waits")
		}
	})
}

// A call that has started continues without requests, and a later request joins it.
func TestLastRequestLeavesAfterStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, calls := group{MaxWait: time.Minute}, 0
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		got, err := g.Do(ctx, "a", numbered(&calls, 0))
		want(t, "first", got, err, 0, context.DeadlineExceeded)
		began := time.Now()
		got, err = g.Do(t.Context(), "a", numbered(&calls, 0))
		want(t, "second", got, err, 0, nil)
		if took := time.Since(began); took != time.Second/2 || calls != 1 {
			t.Errorf("took %s with %d calls, want the rest of the first call", took, calls)
		}
	})
}

// A result is shared with later requests until the time that the call returns.
func TestShareUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, calls := group{MaxWait: time.Minute}, 0
		for i, row := range []struct {
			pause time.Duration
			want  int
		}{{0, 0}, {250*time.Millisecond - 1, 0}, {1, 1}, {time.Hour, 2}} {
			time.Sleep(row.pause)
			got, err := g.Do(t.Context(), "a", numbered(&calls, 250*time.Millisecond))
			if got != row.want || err != nil {
				t.Errorf("request %d: got %d, %v; want %d", i, got, err, row.want)
			}
		}
		time.Sleep(time.Hour)
		past := func(context.Context, *call) (int, time.Time) { calls++; return calls, time.Now() }
		first, _ := g.Do(t.Context(), "a", past)
		second, _ := g.Do(t.Context(), "a", past)
		if second != first+1 {
			t.Error("a result was shared after its time")
		}
	})
}

// After DetachAll, requests that wait get their result, and later requests start another call.
func TestDetachAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, calls := group{MaxWait: time.Minute}, 0
		var requests sync.WaitGroup
		requests.Go(func() {
			got, err := g.Do(t.Context(), "a", numbered(&calls, time.Hour))
			want(t, "before", got, err, 0, nil)
		})
		synctest.Wait()
		g.DetachAll()
		for i := range 2 { // the end of the first call does not change that
			got, err := g.Do(t.Context(), "a", numbered(&calls, time.Hour))
			want(t, "after", got, err, 1, nil)
			if i == 0 {
				requests.Wait()
			}
		}
		g.DetachAll()
		got, err := g.Do(t.Context(), "a", numbered(&calls, 0))
		want(t, "after the second", got, err, 2, nil)
	})
}

// If a call panics, each request that waits does, and a later request starts another call.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := group{MaxWait: time.Minute}
		var requests sync.WaitGroup
		for range 10 {
			requests.Go(func() {
				defer func() {
					if got := recover(); got != "oops" {
						t.Errorf("recovered %v, want oops", got)
					}
				}()
				_, _ = g.Do(t.Context(), "a", func(context.Context, *call) (int, time.Time) {
					time.Sleep(time.Second)
					panic("oops")
				})
			})
		}
		requests.Wait()
		calls := 0
		got, err := g.Do(t.Context(), "a", numbered(&calls, 0))
		want(t, "after", got, err, 0, nil)
	})
}

func TestMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, calls := group{MaxWait: time.Second / 2}, 5
		got, err := g.Do(t.Context(), "a", numbered(&calls, 0))
		want(t, "call of one second", got, err, 0, inflight.ErrWait)
		time.Sleep(time.Second)
	})
}
