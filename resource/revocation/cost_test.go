package revocation_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
)

// fullCaller returns the caller of a token that each kind of entry can name.
func fullCaller(t testing.TB) *resource.Caller {
	t.Helper()
	c := newCredentials(t)
	return c.caller("Authorization", "Bearer "+c.jwt(map[string]any{"jti": "j1", "sid": "s1"}))
}

// addEachKind adds an entry of each kind that does not match the caller.
func addEachKind(t testing.TB, list *revocation.List, issuer string) {
	t.Helper()
	entries := []revocation.Entry{{TokenID: "x"}, {Subject: "x"}, {Client: "x"}, {Session: "x"}, {Token: "x"}, {AllTokens: true, IssuedBy: time.Unix(1, 0)}}
	for i := range entries {
		entries[i].Issuer, entries[i].Until = issuer, time.Now().Add(24*time.Hour)
	}
	if err := list.Add(t.Context(), entries...); err != nil {
		t.Fatal(err)
	}
}

// Neither the call that each request makes nor the one after a change allocates memory.
func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	caller, ctx := fullCaller(t), context.Background()
	for _, entries := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			list := start(t, revocation.Config{Store: new(memoryStore)})
			synctest.Wait()
			if entries {
				addEachKind(t, list, caller.Issuer())
			}
			if n := testing.AllocsPerRun(100, func() { list.Revision(time.Now()) }); n != 0 {
				t.Errorf("entries: %v: Revision: %g allocations, want 0", entries, n)
			}
			if n := testing.AllocsPerRun(100, func() {
				if revoked, err := list.Revoked(ctx, caller); revoked || err != nil {
					t.Error(revoked, err)
				}
			}); n != 0 {
				t.Errorf("entries: %v: Revoked: %g allocations, want 0", entries, n)
			}
		})
	}
}

// pagesOfRandomRecords is a Store with many random records of subjects.
type pagesOfRandomRecords struct {
	memoryStore
	name  [16]byte // without the end
	many  int64
	until int64
}

func (s *pagesOfRandomRecords) Read(_ context.Context, after int64) (revocation.Page, error) {
	page := revocation.Page{Data: "1", Last: min(after+1000, s.many)}
	page.More = page.Last < s.many
	for range page.Last - after {
		r := revocation.Record{Name: s.name, IssuedBy: s.until - 3600, Until: s.until}
		binary.LittleEndian.PutUint64(r.Name[8:], rand.Uint64())
		page.Records = append(page.Records, r)
	}
	return page, nil
}

// heap returns the bytes of all reachable objects.
func heap() int {
	runtime.GC()
	runtime.GC() // a sync.Pool keeps its objects for one more
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// The comment at Config.MaxEntries says how much memory an entry needs. A Go map consists of tables that
// are split when they are full. With 980,000 entries almost all of 1024 tables have just been split.
func TestBytesPerEntry(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("needs a second, and the memory of the race detector would be counted")
	}
	for _, many := range []int64{980_000, 1_000_000} {
		before := heap()
		store := &pagesOfRandomRecords{name: revocation.NameWith(key("one"), 2), many: many, until: time.Now().Unix() + 3600}
		list := newList(t, revocation.Config{Store: store, Keys: [][]byte{key("one")}, Logger: discard})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			list.Run(ctx)
		}()
		for list.Ready(ctx) != nil {
			time.Sleep(time.Millisecond)
		}
		cancel()
		<-done
		each := float64(heap()-before) / float64(list.Len())
		t.Logf("%d entries: %.1f bytes for each", list.Len(), each)
		if each > 58 || list.Len() != int(many) {
			t.Errorf("%d entries: %.1f bytes for each, want at most 58", list.Len(), each)
		}
		runtime.KeepAlive(list)
	}
}

// Revoked, which the first request of a cached caller after a change calls.
func BenchmarkRevoked(b *testing.B) {
	caller := fullCaller(b)
	for _, row := range []struct {
		name    string
		keys    int
		many    int64
		entries bool
	}{
		{"no entries", 1, 0, false},
		{"six entries", 1, 0, true},
		{"a million entries", 1, 1_000_000, true},
		{"a million entries, two keys", 2, 1_000_000, true},
	} {
		b.Run(row.name, func(b *testing.B) {
			c := revocation.Config{Keys: [][]byte{key("one"), key("two")}[:row.keys], MaxEntries: 2_000_000, AcceptOutdated: true, Logger: discard}
			c.Store = &pagesOfRandomRecords{many: row.many, until: time.Now().Unix() + 3600}
			list, err := revocation.New(c)
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			go list.Run(ctx)
			for list.Ready(ctx) != nil {
				time.Sleep(time.Millisecond)
			}
			cancel()
			if row.entries {
				addEachKind(b, list, caller.Issuer())
			}
			b.ReportAllocs()
			for b.Loop() {
				if revoked, err := list.Revoked(ctx, caller); revoked || err != nil {
					b.Fatal(revoked, err)
				}
			}
		})
	}
}

// Revision, which each request calls.
func BenchmarkRevision(b *testing.B) {
	list, err := revocation.New(revocation.Config{Store: new(memoryStore), Keys: [][]byte{key("one")}, AcceptOutdated: true, Logger: discard})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go list.Run(ctx)
	for list.Ready(ctx) != nil {
		time.Sleep(time.Millisecond)
	}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if list.Revision(now) == 0 {
			b.Fatal("not usable")
		}
	}
}
