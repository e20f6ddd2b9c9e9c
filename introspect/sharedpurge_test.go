package introspect_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Forget in one process makes every process ask again, as soon as that process has used the store.
func TestForgetPurgesSharedAnswers(t *testing.T) {
	inProcesses(t, 4, nil, func(store *memoryAnswers, processes []*fixture) {
		first := processes[0]
		token, other, unknown := first.token(resourcetest.Token{}), first.token(resourcetest.Token{}), unknownToken(1)
		for _, text := range []string{token, other} {
			first.expect("first process", text, 200, "")
			first.issuer.Revoke(text)
		}
		first.expect("first process, unknown", unknown, 401, resource.ReasonInactive)
		first.token(resourcetest.Token{Text: unknown, Lifetime: time.Hour}) // known from now on
		processes[1].expect("before the purge", token, 200, "")
		began := time.Now()
		first.res.Forget(token)
		if store.count("Purge") != 0 {
			t.Error("Forget performs I/O")
		}
		first.expect("process that has purged", token, 401, resource.ReasonInactive)
		first.expect("process that has purged, unknown", unknown, 200, "")
		if got := store.currentGeneration(); got != began.UnixMilli() || store.count("Purge") != 1 {
			t.Errorf("got generation %d after %d purges, want %d after 1", got, store.count("Purge"), began.UnixMilli())
		}
		processes[2].expect("process without the token", token, 401, resource.ReasonInactive)
		processes[2].expect("token that was not the one to forget", other, 401, resource.ReasonInactive)
		processes[3].expect("process without the token", unknown, 200, "")
		first.expectCalls(6)
		processes[2].expectShared("miss=1 rejected=1")
		processes[3].expectShared("hit=1")
	})
}

// Each Forget raises the generation, also several in one millisecond, and if the clock is behind
// the generation of the store.
func TestForgetRaisesTheGeneration(t *testing.T) {
	inProcesses(t, 1, nil, func(store *memoryAnswers, processes []*fixture) {
		fx := processes[0]
		ahead := time.Now().Add(time.Minute).UnixMilli()
		store.setGeneration(ahead)
		fx.expect("raises the known generation", fx.token(resourcetest.Token{}), 200, "")
		for range 3 {
			fx.verifier.Forget()
		}
		fx.expect("purges", fx.token(resourcetest.Token{}), 200, "")
		if got := store.currentGeneration(); got != ahead+3 || store.count("Purge") != 1 {
			t.Errorf("got generation %d after %d purges, want %d after 1", got, store.count("Purge"), ahead+3)
		}
	})
}

// Forget also purges if the store has a higher generation than its clock, and this process has not
// read that yet. Another process, whose clock is ahead, has purged the store.
func TestForgetWithUnknownHigherGeneration(t *testing.T) {
	for _, row := range []struct {
		name  string
		ahead time.Duration
	}{
		{"another clock is ahead", time.Minute},
		{"the same millisecond", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			inProcesses(t, 3, nil, func(store *memoryAnswers, processes []*fixture) {
				first, second, third := processes[0], processes[1], processes[2]
				ahead := time.Now().Add(row.ahead).UnixMilli()
				store.setGeneration(ahead)
				first.issuer.Reset() // answers take no time
				token := first.token(resourcetest.Token{})
				first.expect("first process", token, 200, "")
				first.issuer.Revoke(token)
				second.res.Forget(token)
				second.expect("process that has purged", token, 401, resource.ReasonInactive)
				third.expect("another process", token, 401, resource.ReasonInactive)
				if got := store.currentGeneration(); got != ahead+1 || store.count("Purge") != 1 {
					t.Errorf("got generation %d after %d purges, want %d after 1", got, store.count("Purge"), ahead+1)
				}
			})
		})
	}
}

// The store loses a purge, for example in a failover to a replica: it has the generation and the
// values of an earlier time. A process that knows the purge repairs it with its next lookup.
func TestLostPurgeIsRepaired(t *testing.T) {
	for _, row := range []struct {
		name  string
		knows func(store *memoryAnswers, processes []*fixture) *fixture // returns a process that knows the purge
	}{
		{"by the process that has purged", func(_ *memoryAnswers, processes []*fixture) *fixture { return processes[0] }},
		{"by a process that has read the generation", func(_ *memoryAnswers, processes []*fixture) *fixture {
			processes[1].request(unknownToken(1))
			return processes[1]
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inProcesses(t, 3, nil, func(store *memoryAnswers, processes []*fixture) {
				first := processes[0]
				token := first.token(resourcetest.Token{})
				first.expect("before", token, 200, "")
				first.issuer.Revoke(token)
				values := store.present()
				first.res.Forget(token)
				first.expect("after the purge", token, 401, resource.ReasonInactive)
				generation := store.currentGeneration()
				knows := row.knows(store, processes)
				store.mu.Lock()
				store.values, store.generation = values, 0
				store.mu.Unlock()
				knows.request(unknownToken(2))
				if store.currentGeneration() != generation {
					t.Errorf("got generation %d, want %d", store.currentGeneration(), generation)
				}
				processes[2].expect("after the failover", token, 401, resource.ReasonInactive)
			})
		})
	}
}

// The result of a call that began before a purge is not used by any process after the purge.
func TestPurgeDuringCall(t *testing.T) {
	for _, row := range []struct {
		name  string
		purge func(processes []*fixture)
	}{
		{"by the process that calls, which uses the store before the call ends", func(processes []*fixture) {
			processes[0].verifier.Forget()
			processes[0].request(unknownToken(1))
		}},
		{"by the process that calls", func(processes []*fixture) { processes[0].verifier.Forget() }},
		{"by another process", func(processes []*fixture) {
			processes[1].verifier.Forget()
			processes[1].request(unknownToken(1))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inProcesses(t, 3, nil, func(store *memoryAnswers, processes []*fixture) {
				first := processes[0]
				token := first.token(resourcetest.Token{})
				first.issuer.Fail(resourcetest.Introspection, resourcetest.Failure{Pace: 5 * time.Millisecond, Next: 1}) // looked up now, sent over two seconds
				var all sync.WaitGroup
				all.Go(func() {
					if got := first.request(token); got.status != 200 {
						t.Errorf("request before the purge: got %d, want 200", got.status)
					}
				})
				synctest.Wait()
				first.issuer.Revoke(token)
				row.purge(processes)
				all.Wait()
				if n := store.count("Put"); row.name == "by the process that calls" && n != 0 {
					t.Errorf("got %d writes after Forget, want 0", n)
				}
				processes[0].request(unknownToken(2)) // purges if that was not done yet
				processes[2].expect("another process after the purge", token, 401, resource.ReasonInactive)
			})
		})
	}
}

// Forget during a lookup counts, even if the lookup finds a higher generation than the one that was
// known before.
func TestForgetDuringLookup(t *testing.T) {
	inProcesses(t, 1, nil, func(store *memoryAnswers, processes []*fixture) {
		fx := processes[0]
		store.setGeneration(time.Now().Add(-time.Minute).UnixMilli())
		var once sync.Once
		store.setBefore(func(context.Context, string) error {
			once.Do(fx.verifier.Forget)
			return nil
		})
		began := time.Now().UnixMilli()
		fx.expect("valid token", fx.token(resourcetest.Token{}), 200, "")
		if got := store.currentGeneration(); got != began {
			t.Errorf("got generation %d, want %d", got, began)
		}
	})
}

// A process that waits for the call of another one does not use its result after a purge.
func TestPurgeDuringWait(t *testing.T) {
	inProcesses(t, 3, nil, func(_ *memoryAnswers, processes []*fixture) {
		first, second, third := processes[0], processes[1], processes[2]
		token := first.token(resourcetest.Token{})
		first.issuer.Fail(resourcetest.Introspection, resourcetest.Failure{Delay: time.Second, Next: 1})
		var all sync.WaitGroup
		all.Go(func() { first.request(token) })
		synctest.Wait()
		all.Go(func() {
			if got := second.request(token); got.status != 200 || got.took > 300*time.Millisecond {
				t.Errorf("got %d after %s, want 200 from an own call", got.status, got.took)
			}
		})
		time.Sleep(100 * time.Millisecond)
		third.verifier.Forget()
		third.request(unknownToken(1))
		all.Wait()
		second.expectShared("lost_lock=1")
	})
}

// Forget does not wait for a store that hangs, and the purge reaches the store later.
func TestForgetWithHangingStore(t *testing.T) {
	inProcesses(t, 2, nil, func(store *memoryAnswers, processes []*fixture) {
		first, second := processes[0], processes[1]
		token := first.token(resourcetest.Token{})
		first.expect("before", token, 200, "")
		first.issuer.Revoke(token)
		store.setBefore(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
		began := time.Now()
		first.res.Forget(token)
		if took := time.Since(began); took != 0 {
			t.Errorf("Forget took %s", took)
		}
		first.expect("store hangs", token, 401, resource.ReasonInactive)
		store.setBefore(nil)
		first.request(unknownToken(1))
		second.expect("another process", token, 401, resource.ReasonInactive)
	})
}

// Nothing is used from a store whose generation is impossible. Otherwise, someone who can write to
// the store could prevent every later purge.
func TestImpossibleGeneration(t *testing.T) {
	for _, row := range []struct {
		name   string
		ahead  time.Duration
		number int64 // instead of ahead
		usable bool
	}{
		{"an hour ahead", time.Hour, 0, true},
		{"more than an hour ahead", time.Hour + time.Millisecond, 0, false},
		{"highest number", 0, math.MaxInt64, false},
		{"negative", 0, -1, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			inProcesses(t, 2, nil, func(store *memoryAnswers, processes []*fixture) {
				first, second := processes[0], processes[1]
				generation := time.Now().Add(row.ahead).UnixMilli()
				if row.number != 0 {
					generation = row.number
				}
				store.setGeneration(generation)
				processes[0].issuer.Reset()
				token := first.token(resourcetest.Token{})
				first.expect("first process", token, 200, "")
				second.expect("second process", token, 200, "")
				if row.usable {
					first.expectCalls(1)
					return
				}
				first.expectCalls(2)
				first.expectShared("unavailable=1")
				store.setGeneration(0) // repaired
				second.issuer.Revoke(token)
				second.res.Forget(token)
				second.expect("Forget still works", token, 401, resource.ReasonInactive)
				if got := store.currentGeneration(); got != time.Now().UnixMilli() {
					t.Errorf("got generation %d, want %d", got, time.Now().UnixMilli())
				}
			})
		})
	}
}

// A store whose generation rises with every read is not used.
func TestGenerationRisesWithEveryRead(t *testing.T) {
	inProcesses(t, 1, nil, func(store *memoryAnswers, processes []*fixture) {
		store.setBefore(func(context.Context, string) error {
			store.setGeneration(store.currentGeneration() + 1)
			return nil
		})
		processes[0].expect("valid token", processes[0].token(resourcetest.Token{}), 200, "")
		processes[0].expectShared("unavailable=1")
		if n := store.count("Get"); n != 2 {
			t.Errorf("got %d reads, want 2", n)
		}
	})
}
