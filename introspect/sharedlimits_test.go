package introspect_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A flood of unknown tokens does not fill the store: a process stores 1000 rejections at once, and
// then 100 per second for 10 seconds each. Valid tokens are still shared.
func TestUnknownTokensDoNotFillTheStore(t *testing.T) {
	inProcesses(t, 2, nil, func(store *memoryAnswers, processes []*fixture) {
		first, second := processes[0], processes[1]
		first.issuer.Reset()
		sent := 0
		flood := func(n int) {
			for range n {
				sent++
				if got := first.request(unknownToken(sent)); got.status != 401 {
					first.Fatalf("got %d, want 401", got.status)
				}
			}
		}
		flood(1200)
		if n := len(store.present()); n != 1000 {
			t.Errorf("got %d values at once, want 1000", n)
		}
		first.expectShared("miss=1000 skipped=200")
		token := first.token(resourcetest.Token{})
		before := first.calls()
		for _, fx := range processes {
			fx.expect("valid token", token, 200, "")
		}
		first.expectCalls(before + 1)
		second.expectShared("hit=1")
		time.Sleep(time.Second)
		flood(200)
		if n := len(store.present()); n != 1000+1+100 {
			t.Errorf("got %d values a second later, want 1101", n)
		}
		most := 0
		for range 30 {
			time.Sleep(time.Second)
			flood(200)
			most = max(most, len(store.present()))
		}
		if most > 2000+1 {
			t.Errorf("got %d values at most, want at most 2001", most)
		}
	})
}

// Tokens that are accepted use up nothing of the budget for locks.
func TestValidTokensDoNotUseUpLocks(t *testing.T) {
	inProcesses(t, 1, nil, func(_ *memoryAnswers, processes []*fixture) {
		processes[0].issuer.Reset()
		for range 1200 {
			processes[0].request(processes[0].token(resourcetest.Token{}))
		}
		processes[0].expectShared("miss=1200")
	})
}

// Locks that are held at one time count, even if their tokens may be accepted in the end.
func TestConcurrentLocks(t *testing.T) {
	inProcesses(t, 1, nil, func(store *memoryAnswers, processes []*fixture) {
		fx := processes[0]
		fx.endpointFails(resourcetest.Failure{Delay: time.Second})
		var all sync.WaitGroup
		for i := range 1050 {
			all.Go(func() { fx.request(unknownToken(i)) })
		}
		synctest.Wait()
		if n := len(store.present()); n != 1000 {
			t.Errorf("got %d locks at one time, want 1000", n)
		}
		all.Wait()
	})
}

// contendedAnswers is a store in which another process always has the lock, or takes it just after
// it was found absent.
type contendedAnswers struct{ fixedAnswers }

func (contendedAnswers) PutNew(context.Context, introspect.AnswerKey, []byte, time.Duration) (bool, error) {
	return false, nil
}

// A lock that the store did not store uses up nothing of the budget. If the store returns an error,
// it may have stored the lock.
func TestLocksThatWereNotStored(t *testing.T) {
	failing := newMemoryAnswers()
	failing.setBefore(func(_ context.Context, operation string) error {
		if operation == "PutNew" {
			return errStore
		}
		return nil
	})
	for _, row := range []struct {
		name  string
		store introspect.Answers
		want  string
	}{
		{"locks of other processes", contendedAnswers{}, "lost_lock=1200"},
		{"errors", failing, "skipped=200 unavailable=1000"},
	} {
		t.Run(row.name, func(t *testing.T) {
			fastRandom(t)
			inBubble(t, withAnswers(row.store), func(fx *fixture) {
				fx.issuer.Reset()
				var all sync.WaitGroup
				for i := range 1200 {
					all.Go(func() { fx.request(unknownToken(i)) })
					synctest.Wait()
				}
				all.Wait()
				fx.expectShared(row.want)
			})
		})
	}
}

// An answer of more than 16 KiB is accepted, but not shared.
func TestLargeAnswersAreNotShared(t *testing.T) {
	for _, row := range []struct {
		size   int
		calls  int
		shared string
	}{{16 << 10, 1, "hit=1"}, {16<<10 + 1, 2, "miss=1 skipped=1"}} {
		t.Run(fmt.Sprint(row.size), func(t *testing.T) {
			inProcesses(t, 2, nil, func(store *memoryAnswers, processes []*fixture) {
				processes[0].endpointAnswers(activeAnswerOf(row.size))
				for _, fx := range processes {
					fx.expect("valid token", "some-token-of-somebody", 200, "")
				}
				processes[0].expectCalls(row.calls)
				processes[1].expectShared(row.shared)
				if n := len(store.present()); n != 2-row.calls {
					t.Errorf("got %d values, want %d", n, 2-row.calls)
				}
				for _, stored := range store.present() {
					if len(stored.value) > 17<<10 {
						t.Errorf("got a value of %d bytes, want at most 17 KiB", len(stored.value))
					}
				}
			})
		})
	}
}

// An answer that must not be cached is not shared.
func TestExpiringAnswersAreNotShared(t *testing.T) {
	inProcesses(t, 2, nil, func(store *memoryAnswers, processes []*fixture) {
		token := processes[0].token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Hour), Lifetime: 2 * time.Hour,
			Claims: map[string]any{"exp": time.Now().Add(-10 * time.Second).Unix()}})
		for _, fx := range processes {
			fx.expect("expired within the leeway", token, 200, "")
		}
		processes[0].expectCalls(2)
		if n := len(store.present()); n != 0 {
			t.Errorf("got %d values, want 0", n)
		}
	})
}

// The store gets whole milliseconds, because engines store no fractions.
func TestStoreGetsWholeMilliseconds(t *testing.T) {
	inProcesses(t, 1, nil, func(store *memoryAnswers, processes []*fixture) {
		fx := processes[0]
		token := fx.token(resourcetest.Token{Lifetime: 30 * time.Second})
		time.Sleep(1234 * time.Microsecond)
		fx.expect("valid token", token, 200, "") // the store panics otherwise
		if _, stored := store.only(t); time.Until(stored.until) != 29978*time.Millisecond {
			t.Errorf("stored for %s, want 29.978s", time.Until(stored.until))
		}
	})
}

// The number of series does not depend on what clients send.
func TestSharedMetricsAreBounded(t *testing.T) {
	inProcesses(t, 2, nil, func(_ *memoryAnswers, processes []*fixture) {
		fx := processes[1]
		registry := prometheus.NewRegistry()
		registry.MustRegister(fx.res.Metrics())
		if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
			t.Errorf("lint: %v %v", problems, err)
		}
		before := strings.Count(fx.metrics(), "\n")
		for i := range 100 {
			processes[0].request(unknownToken(i))
			fx.expect("unknown", unknownToken(i), 401, resource.ReasonInactive)
		}
		if after := strings.Count(fx.metrics(), "\n"); after != before {
			t.Errorf("%d lines became %d", before, after)
		}
		fx.expectShared("rejected=100")
	})
}
