package main

import (
	"context"
	"fmt"
	"net/http"

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
	growingList      = "list with entries and a Store, with the additions"
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

// requestsDuringAdditions measures requests with cached tokens, before which an entry is added in
// each turn. The next request of each caller then calls List.Revoked.
func requestsDuringAdditions(ctx context.Context, s sharedPlan, distinct int) table {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	key := newSigner("ES256", "k1")
	_, reqs := mintRequests(distinct, func(i int) string { return key.token(i, 700) })
	list := func() *revocation.List {
		return fill(ctx, runList(ctx, newList(new(memoryRevocations), newCommonKey())), s.entries)
	}
	growing, next := list(), s.entries
	var benchmarks []benchmark
	add := func(name string, revocations resource.Revocations, beforeTurn func()) {
		h := withStaticKeys(resource.Config{Hooks: resource.Hooks{Revocations: revocations}}, keySet(key))
		acceptAllOf(h, reqs)
		benchmarks = append(benchmarks, benchmark{name, 1, beforeTurn, func() func(int) { return sendAccepted(h, reqs) }})
	}
	add(noRevocations, nil, nil)
	add(storeList, list(), nil)
	add(growingList, growing, func() {
		next++
		succeed(growing.Add(ctx, unusedEntry(5*next)))
	})
	title := fmt.Sprintf("Cached tokens (%d distinct) and one addition for every %d requests, ES256, lists with %d entries", distinct, s.perAddition, s.entries)
	return table{title, compare(s.perAddition, s.longRuns, benchmarks...)}
}
