package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
)

// The names of the rows of the tables of requests with cached tokens.
const (
	noRevocations    = "no revocations"
	noRevocationsToo = "no revocations, again"
	emptyList        = "empty list"
	fullList         = "list with entries"
	storeList        = "list with entries and a Store"
	growingList      = "list with entries and a Store, an addition every 100 ms"
)

// requestsByList measures requests with one of 100 cached tokens. Each turn has a new Resource, so that its
// place in memory does not affect the result. Two rows are the same: they show the accuracy.
func requestsByList(ctx context.Context, s sharedPlan) table {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	key := newSigner("RS256", "k1")
	keys := keySet(key)
	tokens, reqs := mintRequests(100, func(i int) string { return key.token(i, 700) })
	var benchmarks []benchmark
	add := func(name string, revocations resource.Revocations) {
		var h http.Handler
		reset := func() {
			h = withStaticKeys(resource.Config{Hooks: resource.Hooks{Revocations: revocations}}, keys)
			acceptAllOf(h, reqs)
			acceptAllOf(h, reqs)
		}
		benchmarks = append(benchmarks, benchmark{name, 1, reset, func() func(int) { return sendAccepted(h, reqs) }})
	}
	add(noRevocations, nil)
	add(noRevocationsToo, nil)
	add(emptyList, newList(nil))
	add(fullList, fill(ctx, newList(nil), s.entries))
	add(storeList, fill(ctx, runList(ctx, newList(new(memoryRevocations), newCommonKey())), s.entries))
	title := fmt.Sprintf("Cached tokens (100 distinct), RS256, %d bytes, lists with %d entries", len(tokens[0]), s.entries)
	return table{title, compare(s.turn, s.rounds, benchmarks...)}
}

func acceptAllOf(h http.Handler, reqs []*http.Request) {
	for _, req := range reqs {
		mustAccept(h, req)
	}
}

// requestsDuringAdditions measures requests with cached tokens, while an entry is added every 100 ms. After
// each addition, the next request of each caller calls List.Revoked.
func requestsDuringAdditions(ctx context.Context, s sharedPlan, distinct int) table {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	key := newSigner("ES256", "k1")
	_, reqs := mintRequests(distinct, func(i int) string { return key.token(i, 700) })
	list := func() *revocation.List {
		return fill(ctx, runList(ctx, newList(new(memoryRevocations), newCommonKey())), s.entries)
	}
	growing := list()
	var benchmarks []benchmark
	add := func(name string, revocations resource.Revocations) {
		h := withStaticKeys(resource.Config{Hooks: resource.Hooks{Revocations: revocations}}, keySet(key))
		acceptAllOf(h, reqs)
		benchmarks = append(benchmarks, benchmark{name, 1, nil, func() func(int) { return sendAccepted(h, reqs) }})
	}
	add(noRevocations, nil)
	add(storeList, list())
	add(growingList, growing)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for i := s.entries; ctx.Err() == nil; i++ {
			<-tick.C
			_ = growing.Add(ctx, unusedEntry(5*i)) // fails only after ctx has ended
		}
	}()
	title := fmt.Sprintf("Cached tokens (%d distinct) while tokens are revoked, ES256, lists with %d entries", distinct, s.entries)
	return table{title, compare(s.longTurn, s.longRuns, benchmarks...)}
}
