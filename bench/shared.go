package main

import (
	"context"
	"time"
)

// sharedResults is the measurements of the state that several processes share.
type sharedResults struct {
	sectionRun
	plan       sharedPlan
	requests   table   // with cached tokens, by what is revoked
	additions  []table // the same while tokens are revoked, by the number of tokens
	checks     table   // calls of List.Revoked
	entryBytes []entryBytes
	events     table           // security events
	store      *sharedStoreRun // nil: neither redis-server nor valkey-server is installed
}

// sharedStoreRun is the measurements with a Redis or Valkey server.
type sharedStoreRun struct {
	program  string
	proofs   []proofLoad
	requests []latency // with DPoP
	bytes    []storedBytes
	spread   latency
	read     fullRead
	calls    []answerRun
	answers  []latency
	events   table
}

// A sharedPlan sets how much is measured.
type sharedPlan struct {
	turn, rounds       int // requests with cached tokens per turn, and rounds
	entries            int // in the lists of the requests
	perAddition        int // requests with cached tokens for each addition: those of one turn
	checks             int // calls of Revoked in one turn
	longRuns           int // rounds with them
	manyTokens         int
	many               int // entries in the largest lists
	proofs             int // stored in one turn
	storeRounds        int
	provenTurn         int // requests with DPoP in one turn
	provenRounds       int
	pairs, additions   int // pairs of lists, and additions to each
	pause              time.Duration
	reads              int
	answers, answerRun int // tokens, and requests of each process
	events             int // in one turn
	eventRounds        int
}

func newSharedPlan(p plan) sharedPlan {
	if p.quick() {
		return sharedPlan{
			turn: 200, rounds: 1, entries: 1000, perAddition: 2000, checks: 500, longRuns: 1, eventRounds: 1, manyTokens: 200, many: 10_000,
			proofs: 640, storeRounds: 1, provenTurn: 20, provenRounds: 1, pairs: 2, additions: 3, pause: 20 * time.Millisecond,
			reads: 1, answers: 5, answerRun: 500, events: 20,
		}
	}
	return sharedPlan{
		turn: 2000, rounds: 500, entries: 100_000, perAddition: 80_000, checks: 5000, longRuns: 75, eventRounds: 15, manyTokens: 10_000, many: 1_000_000,
		proofs: 20_000, storeRounds: 15, provenTurn: 40, provenRounds: 250, pairs: 5, additions: 100, pause: time.Second,
		reads: 5, answers: 500, answerRun: 10_000, events: 500,
	}
}

// measureShared measures everything for which no store is needed first.
func measureShared(ctx context.Context, p plan) sharedResults {
	s := newSharedPlan(p)
	r := sharedResults{sectionRun: p.begin("shared"), plan: s}
	step("shared state: cached tokens and revocations")
	r.requests = requestsByList(ctx, s)
	for _, tokens := range []int{100, s.manyTokens} {
		r.additions = append(r.additions, requestsDuringAdditions(ctx, s, tokens))
	}
	step("shared state: lists of revocations")
	r.checks = revocationChecks(ctx, s)
	r.entryBytes = bytesOfEntries(s)
	step("shared state: security events")
	r.events = securityEvents(ctx, s)
	if server := startStore(); server != nil {
		defer server.close()
		r.store = measureStore(ctx, s, server)
	}
	r.loadAfter = loadAverage()
	return r
}

func measureStore(ctx context.Context, s sharedPlan, server *storeServer) *sharedStoreRun {
	r := &sharedStoreRun{program: server.version()}
	step("shared state: proofs in the store")
	r.proofs = storeProofs(ctx, s, server)
	r.requests = provenByReplays(ctx, s, server)
	r.bytes = bytesOfProofs(ctx, s, server)
	step("shared state: revocations in the store")
	r.spread = spreadOfAdditions(ctx, s, server)
	var revocation storedBytes
	revocation, r.read = readEverything(ctx, s, server)
	step("shared state: introspection responses in the store")
	r.calls = callsOfProcesses(ctx, s, server)
	var response storedBytes
	r.answers, response = answerLatencies(s, server)
	r.bytes = append(r.bytes, revocation, response)
	step("shared state: security events in the store")
	r.events = storedSecurityEvents(ctx, s, server)
	return r
}
