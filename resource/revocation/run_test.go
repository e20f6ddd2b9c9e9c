package revocation_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/revocation"
)

// Run returns when its context ends, also during a call of the store. A synctest bubble ends only when all
// goroutines have ended.
func TestRunEnds(t *testing.T) {
	for _, row := range []struct {
		name   string
		faults faults
	}{
		{"the store works", faults{}},
		{"the store hangs", faults{hangs: true}},
		{"the store is down", faults{down: true}},
		{"Watch fails", faults{deaf: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				list := newList(t, revocation.Config{Store: &memoryStore{faults: row.faults}, Keys: [][]byte{key("one")}, Logger: discard})
				done := make(chan struct{})
				go func() {
					defer close(done)
					list.Run(ctx)
				}()
				time.Sleep(10*time.Second + 300*time.Millisecond)
				cancel()
				canceled := time.Now()
				<-done
				if took := time.Since(canceled); took != 0 {
					t.Errorf("Run returned after %s", took)
				}
			})
		})
	}
	newList(t, revocation.Config{}).Run(t.Context()) // returns at once without a Store
}

// slowWatch is a Store whose Watch needs a second to return.
type slowWatch struct {
	memoryStore
	ended bool
}

func (s *slowWatch) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	time.Sleep(time.Second)
	s.ended = true
	return ctx.Err()
}

// When Run returns, it has no goroutine any more that uses the store.
func TestRunWaitsForWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(slowWatch)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		newList(t, revocation.Config{Store: store, Keys: [][]byte{key("one")}}).Run(ctx)
		if !store.ended {
			t.Error("Watch still runs")
		}
	})
}

// A list goes on after Run was called again, and with two calls at the same time.
func TestRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), new(memoryStore)
		list, other := newList(t, revocation.Config{Store: store, Keys: [][]byte{key("one")}}), start(t, revocation.Config{Store: store})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		list.Run(ctx)
		s.add(t, other, "alice")
		time.Sleep(time.Minute)
		if list.Ready(t.Context()) == nil {
			t.Error("ready a minute after Run has returned")
		}
		go list.Run(t.Context())
		go list.Run(t.Context())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !isRevoked(t, list, s.of("alice")) {
			t.Error("not revoked")
		}
	})
}

// However many additions are pushed, a list reads the store at most ten times per second, and Watch is called
// at most once per second.
func TestCallsAreLimited(t *testing.T) {
	for _, row := range []struct {
		name         string
		faults       faults
		reads        int
		watches      int
		additionEach time.Duration
	}{
		{"many additions", faults{}, 100, 1, time.Millisecond},
		{"few additions", faults{}, 20, 1, 2 * time.Second / 3},
		{"no push", faults{deaf: true}, 10, 10, time.Millisecond},
		{"no store", faults{down: true}, 10, 10, time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &memoryStore{pushes: true, faults: row.faults}
				start(t, revocation.Config{Store: store})
				synctest.Wait()
				reads, _, watches := store.calls()
				began := time.Now()
				for i := range 10_000 {
					if time.Since(began) >= 10*time.Second {
						break
					}
					_ = store.Add(t.Context(), []revocation.Record{{Name: revocation.NameWith(key("one"), 1, byte(i), byte(i>>8)), Until: time.Now().Unix() + 3600}})
					time.Sleep(row.additionEach)
				}
				moreReads, _, moreWatches := store.calls()
				if n := moreReads - reads; n > row.reads {
					t.Errorf("%d reads in 10 s, want at most %d", n, row.reads)
				}
				if n := moreWatches - watches; n > row.watches {
					t.Errorf("%d calls of Watch in 10 s, want at most %d", n, row.watches)
				}
			})
		})
	}
}

// A push that is lost is made up for by the next read.
func TestWatchFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), &memoryStore{pushes: true, faults: faults{deaf: true}}
		list, other := start(t, revocation.Config{Store: store}), start(t, revocation.Config{Store: store})
		for i := range 30 {
			name := names("u", i+1)[i]
			s.add(t, list, name)
			time.Sleep(time.Second)
			synctest.Wait()
			if !isRevoked(t, other, s.of(name)) {
				t.Fatalf("%s is not revoked after a second", name)
			}
		}
		store.set(func(m *memoryStore) { m.deaf = false })
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		s.add(t, list, "last")
		synctest.Wait()
		if !isRevoked(t, other, s.of("last")) {
			t.Error("not revoked at once when Watch works again")
		}
	})
}

// While the store hangs, there is one call of Read, however many requests there are.
func TestHangingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSubjects(t)
		store := &countingStore{memoryStore: &memoryStore{faults: faults{hangs: true}}}
		list := start(t, revocation.Config{Store: store})
		caller := s.of("alice")
		for range 1000 {
			began := time.Now()
			if _, err := list.Revoked(t.Context(), caller); err == nil || time.Since(began) != 0 {
				t.Fatalf("got %v after %s, want an error at once", err, time.Since(began))
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := store.most.Load(); n != 1 {
			t.Errorf("%d calls of Read at the same time", n)
		}
	})
}

// countingStore counts the calls of Read that run at the same time.
type countingStore struct {
	*memoryStore
	running, most atomic.Int64
}

func (s *countingStore) Read(ctx context.Context, after int64) (revocation.Page, error) {
	s.most.Store(max(s.most.Load(), s.running.Add(1)))
	defer s.running.Add(-1)
	return s.memoryStore.Read(ctx, after)
}

// Watchers are called soon after a change, in another goroutine, and at most once per second.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, list := newSubjects(t), newList(t, revocation.Config{})
		var calls, others atomic.Int64
		stop := list.Watch(func() { calls.Add(1) })
		defer list.Watch(func() { others.Add(1) })()
		defer list.Watch(func() { panic("a bug in a watcher") })()
		expect := func(what string, want int64) {
			t.Helper()
			synctest.Wait()
			if calls.Load() != want || others.Load() < want {
				t.Errorf("%s: called %d and %d times, want %d", what, calls.Load(), others.Load(), want)
			}
		}
		time.Sleep(time.Minute)
		expect("no change", 0)
		s.add(t, list, "a")
		expect("one change", 1)
		for _, name := range names("b", 500) {
			s.add(t, list, name)
		}
		expect("many changes in the same second", 1)
		time.Sleep(time.Second)
		expect("a second later", 2)
		time.Sleep(time.Minute)
		expect("no further change", 2)
		for i := range 100 {
			s.add(t, list, names("c", i+1)[i])
			time.Sleep(100 * time.Millisecond)
		}
		expect("ten changes per second, for ten seconds", 2+11) // at once and then each second
		time.Sleep(time.Second)
		stop()
		stop()
		last := calls.Load()
		s.add(t, list, "d")
		expect("stopped", last)
		if others.Load() != last+1 {
			t.Errorf("another watcher was called %d times, want %d", others.Load(), last+1)
		}
	})
}

// Everything at the same time, for the race detector.
func TestConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), &memoryStore{pushes: true, pageSize: 50}
		lists := []*revocation.List{start(t, revocation.Config{Store: store}), start(t, revocation.Config{Store: store, Keys: [][]byte{key("two"), key("one")}})}
		caller := s.of("alice")
		var group sync.WaitGroup
		for i, list := range lists {
			for worker := range 4 {
				group.Go(func() {
					for n, name := range names(string(rune('a'+2*worker+i)), 100) {
						_ = list.Add(t.Context(), s.entry(name))
						_, _ = list.Revoked(t.Context(), caller)
						_ = list.Revision(time.Now())
						list.Watch(func() { _ = list.Len() })()
						if n%20 == 0 {
							store.set(func(m *memoryStore) { m.dataSet++ })
							_ = list.SetKeys([][]byte{key("one"), key("two")})
							metric(t, list, "warder_revocation_entries")
						}
						time.Sleep(time.Millisecond)
					}
				})
			}
		}
		group.Wait()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		for i, list := range lists {
			if list.Len() != store.len() || list.Ready(t.Context()) != nil {
				t.Errorf("list %d has %d entries, the store %d; Ready returns %v", i, list.Len(), store.len(), list.Ready(t.Context()))
			}
		}
	})
}
