package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/warder-go/warder/resource/revocation"
)

// spreadOfAdditions measures the time from List.Add in one list until another list reports the token. Each pair
// of lists has its own data in the store. The times between two additions are random.
func spreadOfAdditions(ctx context.Context, s sharedPlan, server *storeServer) latency {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	times := make([][]time.Duration, s.pairs)
	parallel(s.pairs, func(pair int) {
		key := newCommonKey()
		open := func() *revocation.List {
			store := server.open("spread-" + string(rune('a'+pair)))
			context.AfterFunc(ctx, store.Close)
			return runList(ctx, newList(store.Revocations(), key))
		}
		one, other := open(), open()
		for _, caller := range newCallers(s.additions) {
			time.Sleep(rand.N(s.pause))
			began := time.Now()
			succeed(one.Add(ctx, revocation.Entry{Issuer: issuer, TokenID: caller.TokenID(), Until: caller.Expiry()}))
			for !must(other.Revoked(ctx, caller)) {
				time.Sleep(20 * time.Microsecond)
			}
			times[pair] = append(times[pair], time.Since(began))
		}
	})
	return percentiles("from List.Add to List.Revoked in another list", slices.Concat(times...))
}

// fullRead is the first read of all entries of the store.
type fullRead struct {
	entries           int
	took              time.Duration // median over the reads
	serverCPU, ownCPU time.Duration // of the same read
}

// readEverything fills the store with revocations, and measures the memory of the server and the first
// read of a list.
func readEverything(ctx context.Context, s sharedPlan, server *storeServer) (storedBytes, fullRead) {
	const prefix = "read"
	store := server.open(prefix)
	defer store.Close()
	succeed(store.Ready(ctx)) // connects
	before := server.usedMemory()
	key := newCommonKey()
	fill(ctx, newList(store.Revocations(), key), s.many)
	each := storedBytes{"revocation", (server.usedMemory() - before) / float64(s.many)}
	reads := make([]fullRead, s.reads)
	for i := range reads {
		reads[i] = readOnce(ctx, server, prefix, key)
	}
	slices.SortFunc(reads, func(a, b fullRead) int { return int(a.took - b.took) })
	return each, reads[len(reads)/2]
}

func readOnce(ctx context.Context, server *storeServer, prefix string, key []byte) fullRead {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	store := server.open(prefix)
	defer store.Close()
	list := newList(store.Revocations(), key)
	cpu, own, began := server.cpu(), ownCPUTime(), time.Now()
	runList(ctx, list)
	took := time.Since(began)
	return fullRead{list.Len(), took, server.cpu() - cpu, time.Duration(ownCPUTime() - own)}
}
