package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
)

// memoryRevocations is a revocation.Store in the memory of this process.
type memoryRevocations struct {
	mu      sync.Mutex
	records []revocation.Record
}

func (m *memoryRevocations) Add(_ context.Context, records []revocation.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, records...)
	return nil
}

func (m *memoryRevocations) Read(_ context.Context, after int64) (revocation.Page, error) {
	const limit = 5000
	m.mu.Lock()
	defer m.mu.Unlock()
	last := min(int(after)+limit, len(m.records))
	return revocation.Page{Records: m.records[after:last:last], Last: int64(last), More: last < len(m.records), Data: "1"}, nil
}

func (m *memoryRevocations) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return ctx.Err()
}

// newCommonKey returns a secret key that processes have in common.
func newCommonKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return key
}

// newList returns a list in the memory of this process, or with a store if it is not nil.
func newList(store revocation.Store, keys ...[]byte) *revocation.List {
	return must(revocation.New(revocation.Config{Store: store, Keys: keys, MaxEntries: 2_000_000, Logger: slog.New(slog.DiscardHandler)}))
}

// runList runs a list until ctx ends, and returns when it is ready.
func runList(ctx context.Context, list *revocation.List) *revocation.List {
	go list.Run(ctx)
	for list.Ready(ctx) != nil {
		time.Sleep(time.Millisecond)
	}
	return list
}

// fill adds n entries of all kinds, which revoke no token of the benchmarks.
func fill(ctx context.Context, list *revocation.List, n int) *revocation.List {
	const batch = 1000
	entries := make([]revocation.Entry, 0, batch)
	for i := range n {
		if entries = append(entries, unusedEntry(i)); len(entries) == batch || i == n-1 {
			succeed(list.Add(ctx, entries...))
			entries = entries[:0]
		}
	}
	return list
}

// unusedEntry returns the i-th entry. The first six are one of each kind.
func unusedEntry(i int) revocation.Entry {
	name := fmt.Sprint("unused-", i)
	e := revocation.Entry{Issuer: issuer, Until: time.Now().Add(24 * time.Hour)}
	if i == 0 {
		e.AllTokens, e.IssuedBy = true, time.Unix(1, 0) // before the tokens
		return e
	}
	*[]*string{&e.TokenID, &e.Subject, &e.Client, &e.Session, &e.Token}[i%5] = name
	return e
}

// newCallers returns the callers of n tokens with jti, sid and sub, which entries of each kind can revoke.
func newCallers(n int) (callers []*resource.Caller) {
	key := newSigner("ES256", "k1")
	collect := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		callers = append(callers, caller)
	})
	h := withStaticKeysBefore(collect, resource.Config{Hooks: resource.Hooks{Revocations: newList(nil)}}, keySet(key)) // for TokenDigest
	for i := range n {
		c := accessToken(i, 700)
		c["sid"] = fmt.Sprint("session-", i)
		mustAccept(h, request(key.sign(c)))
	}
	return callers
}

// The names of the rows of the table of calls of List.Revoked.
const (
	checkedEmpty = "empty list"
	checkedFew   = "an entry of each kind"
	checkedMany  = "all entries"
	checkedStore = "all entries, with a Store"
	checkedKeys  = "all entries, with a Store and two keys"
)

// revocationChecks measures List.Revoked, which the first request of a caller after an addition calls.
func revocationChecks(ctx context.Context, s sharedPlan) table {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	caller := newCallers(1)[0]
	var benchmarks []benchmark
	add := func(name string, list *revocation.List, n int) {
		fill(ctx, list, n)
		benchmarks = append(benchmarks, benchmark{name: name, worker: func() func(int) {
			return func(int) {
				if must(list.Revoked(ctx, caller)) {
					panic("revoked")
				}
			}
		}})
	}
	add(checkedEmpty, newList(nil), 0)
	add(checkedFew, newList(nil), 6)
	add(checkedMany, newList(nil), s.many)
	add(checkedStore, runList(ctx, newList(new(memoryRevocations), newCommonKey())), s.many)
	add(checkedKeys, runList(ctx, newList(new(memoryRevocations), newCommonKey(), newCommonKey())), s.many)
	return table{fmt.Sprintf("A check after an addition: calls of List.Revoked, %d entries", s.many), compare(s.checks, s.longRuns, benchmarks...)}
}

// entryBytes is the memory of a list.
type entryBytes struct {
	entries int
	each    float64 // bytes
}

// bytesOfEntries returns the memory of lists with many entries, and with a number of entries at which
// the maps of the list have just grown.
func bytesOfEntries(s sharedPlan) (all []entryBytes) {
	for _, n := range []int{s.many * 98 / 100, s.many} {
		before := liveHeap()
		list := fill(context.Background(), newList(nil), n)
		after := liveHeap()
		all = append(all, entryBytes{list.Len(), float64(after-before) / float64(list.Len())})
		runtime.KeepAlive(list)
	}
	return all
}
