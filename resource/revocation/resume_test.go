package revocation_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/revocation"
)

// unreliableStore is a memoryStore of which each nth call of Read, and each nth call of Add, fails.
type unreliableStore struct {
	*memoryStore
	nthRead, nthAdd int64
	reads, adds     atomic.Int64
}

func fails(calls *atomic.Int64, nth int64) bool { return calls.Add(1)%nth == 0 }

func (s *unreliableStore) Read(ctx context.Context, after int64) (revocation.Page, error) {
	if fails(&s.reads, s.nthRead) {
		return revocation.Page{}, errDown
	}
	return s.memoryStore.Read(ctx, after)
}

func (s *unreliableStore) Add(ctx context.Context, records []revocation.Record) error {
	if fails(&s.adds, s.nthAdd) {
		return errDown
	}
	return s.memoryStore.Add(ctx, records)
}

// A read of all entries continues where a call of the store has failed. Otherwise a busy store would
// never be read completely, and reading it again and again would keep it busy.
func TestReadContinues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), &memoryStore{}
		all := names("u", 100)
		s.add(t, start(t, revocation.Config{Store: store}), all...)
		store.set(func(m *memoryStore) { m.pageSize = 1 })
		unreliable := &unreliableStore{memoryStore: store, nthRead: 10, nthAdd: 1 << 62}
		list := start(t, revocation.Config{Store: unreliable})
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if err := list.Ready(t.Context()); err != nil || s.count(t, list, all) != 100 {
			t.Errorf("Ready returns %v; %d of 100 subjects are revoked", err, s.count(t, list, all))
		}
		if n := unreliable.reads.Load(); n > 130 {
			t.Errorf("%d calls of Read for 100 pages", n)
		}
	})
}

// While a store rejects the records that it has lost, all others are not read again every second.
func TestReadContinuesWithAdditions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), &memoryStore{pageSize: 1}
		list := start(t, revocation.Config{Store: store})
		all := names("u", 100)
		s.add(t, list, all...)
		time.Sleep(3 * time.Second)
		store.lose(10)
		store.set(func(m *memoryStore) { m.full = true })
		before, _, _ := store.calls()
		time.Sleep(30 * time.Second)
		if after, _, _ := store.calls(); after-before > 130 {
			t.Errorf("%d calls of Read for 90 pages and 30 s", after-before)
		}
		if list.Ready(t.Context()) == nil {
			t.Error("ready before the lost records are in the store again")
		}
		store.set(func(m *memoryStore) { m.full = false })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		restarted := start(t, revocation.Config{Store: store})
		synctest.Wait()
		if err := list.Ready(t.Context()); err != nil || s.count(t, restarted, all) != 100 {
			t.Errorf("Ready returns %v; %d of 100 subjects are revoked in another process", err, s.count(t, restarted, all))
		}
	})
}

// The records that could not be added are added in batches, and a batch that fails does not make the
// others unstored again.
func TestAdditionsContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), &memoryStore{faults: faults{full: true}}
		unreliable := &unreliableStore{memoryStore: store, nthRead: 1 << 62, nthAdd: 2}
		list := start(t, revocation.Config{Store: unreliable})
		synctest.Wait()
		var entries []revocation.Entry
		for _, name := range names("u", 5000) {
			entries = append(entries, s.entry(name))
		}
		if err := list.Add(t.Context(), entries...); err == nil {
			t.Error("added to a full store")
		}
		store.set(func(m *memoryStore) { m.full = false })
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if n := metric(t, list, "warder_revocation_unstored_entries"); n != 0 || store.len() != 5000 {
			t.Errorf("%g entries are unstored; %d of 5000 are in the store", n, store.len())
		}
	})
}

// slowStore is a memoryStore whose calls take some time.
type slowStore struct {
	*memoryStore
	added atomic.Int64 // records in all calls of Add
}

func (s *slowStore) Add(ctx context.Context, records []revocation.Record) error {
	s.added.Add(int64(len(records)))
	time.Sleep(10 * time.Millisecond)
	return s.memoryStore.Add(ctx, records)
}

// All processes add lost records at the same time. They do not all add each of them.
func TestLostRecordsAreAddedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const processes, many = 10, 5000
		store := &slowStore{memoryStore: &memoryStore{takes: 10 * time.Millisecond}}
		for i := range many {
			store.records = append(store.records, revocation.Record{Name: revocation.NameWith(key("one"), 2, byte(i), byte(i>>8)), Until: time.Now().Unix() + 3600})
		}
		var lists []*revocation.List
		for range processes {
			lists = append(lists, start(t, revocation.Config{Store: store}))
		}
		time.Sleep(2500 * time.Millisecond)
		store.lose(many)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if n := store.len(); n != many {
			t.Errorf("the store has %d records, want %d", n, many)
		}
		if n := store.added.Load(); n > processes*many/2 {
			t.Errorf("%d records were added by %d processes to restore %d", n, processes, many)
		}
		for _, list := range lists {
			if err := list.Ready(t.Context()); err != nil || list.Len() != many {
				t.Errorf("%d entries; Ready returns %v", list.Len(), err)
			}
		}
	})
}

// A store that loses its records again, while the list adds those that it has lost before, has all of them soon
// after.
func TestLostWhileAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 1500 // three batches
		s, store := newSubjects(t), new(memoryStore)
		list := start(t, revocation.Config{Store: store})
		var entries []revocation.Entry
		for _, name := range names("u", many) {
			entries = append(entries, s.entry(name))
		}
		if err := list.Add(t.Context(), entries...); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2500 * time.Millisecond)
		store.lose(many)
		adds := 0
		store.set(func(m *memoryStore) {
			m.inAdd = func() {
				if adds++; adds == 2 {
					m.records, m.has = nil, map[revocation.Record]bool{}
					m.dataSet++
				}
			}
		})
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if err := list.Ready(t.Context()); err != nil || store.len() != many {
			t.Errorf("the store has %d of %d records; Ready returns %v", store.len(), many, err)
		}
	})
}
