package revocation_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
)

// A store that lost records has all of them again soon after, because each list adds what is missing.
func TestLostRecords(t *testing.T) {
	for _, row := range []struct {
		name     string
		pageSize int
		lose     func(*testing.T, *subjects, *memoryStore, []*revocation.List)
	}{
		{"the last 25", 0, func(_ *testing.T, _ *subjects, m *memoryStore, _ []*revocation.List) { m.lose(25) }},
		{"the last 25, pages of 7", 7, func(_ *testing.T, _ *subjects, m *memoryStore, _ []*revocation.List) { m.lose(25) }},
		{"all", 0, func(_ *testing.T, _ *subjects, m *memoryStore, _ []*revocation.List) { m.lose(m.len()) }},
		{"all, pages of 7", 7, func(_ *testing.T, _ *subjects, m *memoryStore, _ []*revocation.List) { m.lose(m.len()) }},
		{"some, while an entry is added", 7, func(t *testing.T, s *subjects, m *memoryStore, lists []*revocation.List) {
			s.add(t, lists[1], "late")
			m.lose(1)
		}},
		{"several times in a row", 7, func(_ *testing.T, _ *subjects, m *memoryStore, _ []*revocation.List) {
			m.lose(20)
			time.Sleep(time.Second)
			m.lose(m.len())
			time.Sleep(time.Second)
			synctest.Wait() // the lists have added them again
			m.lose(1)
		}},
		{"some, and the store is down at first", 7, func(_ *testing.T, _ *subjects, m *memoryStore, _ []*revocation.List) {
			m.lose(30)
			m.set(func(m *memoryStore) { m.down = true })
			time.Sleep(30 * time.Second)
			m.set(func(m *memoryStore) { m.down = false })
		}},
		{"some, and additions fail at first", 7, func(t *testing.T, s *subjects, m *memoryStore, lists []*revocation.List) {
			m.lose(30)
			m.set(func(m *memoryStore) { m.full = true })
			time.Sleep(30 * time.Second)
			synctest.Wait()
			// Each list has all records, but a list that starts now would not.
			if err := lists[0].Ready(t.Context()); err == nil {
				t.Error("ready before the lost records are in the store again")
			}
			m.set(func(m *memoryStore) { m.full = false })
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store := newSubjects(t), &memoryStore{pageSize: row.pageSize}
				var lists []*revocation.List
				for range 3 {
					lists = append(lists, start(t, revocation.Config{Store: store}))
				}
				all := append(names("u", 40), "late")
				for i, name := range all[:40] {
					s.add(t, lists[i%3], name)
				}
				time.Sleep(3 * time.Second)
				synctest.Wait()
				row.lose(t, s, store, lists)
				restarted := start(t, revocation.Config{Store: store})
				time.Sleep(4 * time.Second)
				synctest.Wait()
				s.add(t, lists[2], "late")
				time.Sleep(2 * time.Second)
				synctest.Wait()
				for i, list := range append(lists, restarted) {
					if got := s.count(t, list, all); got != len(all) || list.Ready(t.Context()) != nil {
						t.Errorf("list %d: %d of %d subjects are revoked; Ready returns %v", i, got, len(all), list.Ready(t.Context()))
					}
				}
				if n := store.len(); n < len(all) {
					t.Errorf("the store has %d records, want %d", n, len(all))
				}
			})
		})
	}
}

// The longer of two entries is added again if the store has only the shorter one.
func TestLostExtension(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), new(memoryStore)
		list := start(t, revocation.Config{Store: store})
		s.add(t, list, "alice")
		e := s.entry("alice")
		e.Until = e.Until.Add(time.Hour)
		if err := list.Add(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		store.lose(1)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := store.len(); n != 2 {
			t.Errorf("the store has %d records, want 2", n)
		}
		restarted := start(t, revocation.Config{Store: store})
		alice := s.of("alice")
		time.Sleep(time.Until(e.Until))
		if !isRevoked(t, restarted, alice) {
			t.Error("the longer entry is lost")
		}
	})
}

// Records that the store has are not added again after a failover, nor are those that have ended.
func TestNothingIsAddedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), &memoryStore{pageSize: 2}
		list := start(t, revocation.Config{Store: store})
		synctest.Wait() // for the read of all records at the start
		short := s.entry("short")
		short.Until = time.Now().Add(time.Minute)
		if err := list.Add(t.Context(), short); err != nil {
			t.Fatal(err)
		}
		s.add(t, list, names("u", 8)...)
		both := s.entry("both") // two records, which become one entry
		both.Until = both.Until.Add(-time.Minute)
		if err := list.Add(t.Context(), both); err != nil {
			t.Fatal(err)
		}
		both.Until, both.IssuedBy = time.Now().Add(time.Hour), time.Now()
		if err := list.Add(t.Context(), both); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		_, before, _ := store.calls()
		store.lose(0)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if _, adds, _ := store.calls(); adds != before {
			t.Errorf("%d calls of Add after a failover without a loss, want none", adds-before)
		}
		time.Sleep(time.Minute + resource.MaxLeeway)
		store.lose(store.len())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := store.len(); n != 9 {
			t.Errorf("the store has %d records, want the 9 that have not ended", n)
		}
	})
}

// A store whose sequence numbers go back has lost records, also if it does not report that. All records are
// read again, and the lost ones are added.
func TestSequenceGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newSubjects(t), new(memoryStore)
		list := start(t, revocation.Config{Store: store})
		s.add(t, list, names("u", 9)...)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		store.lose(3)
		store.set(func(m *memoryStore) {
			m.dataSet--
			m.distort = func(p *revocation.Page) { p.Last = min(p.Last, int64(len(m.records))) }
		})
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if err := list.Ready(t.Context()); err != nil || store.len() != 9 {
			t.Errorf("the store has %d records, want 9; Ready returns %v", store.len(), err)
		}
	})
}

// A list that starts reads all pages of a large store.
func TestLargeStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many, pageSize = 100_000, 1000
		store := &memoryStore{pageSize: pageSize}
		for i := range many {
			r := revocation.Record{Until: time.Now().Unix() + 3600}
			r.Name = revocation.NameWith(key("one"), 2, byte(i), byte(i>>8), byte(i>>16))
			store.records = append(store.records, r)
		}
		list := start(t, revocation.Config{Store: store})
		synctest.Wait()
		reads, adds, _ := store.calls()
		if list.Len() != many || reads != many/pageSize || adds != 0 || list.Ready(t.Context()) != nil {
			t.Errorf("%d entries after %d reads and %d additions; Ready returns %v", list.Len(), reads, adds, list.Ready(t.Context()))
		}
		time.Sleep(10*time.Second + 500*time.Millisecond)
		if more, _, _ := store.calls(); more-reads != 10 {
			t.Errorf("%d reads in the next 10 s, want 10", more-reads)
		}
	})
}
