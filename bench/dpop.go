package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"

	"github.com/warder-go/warder/resource"
)

// dpopResults is the measurements of DPoP (RFC 9449) in one run.
type dpopResults struct {
	sectionRun
	cached, fresh, rejection map[string]table // by the algorithm of the proofs and the token
	concurrent, peers        []table
	bearerCached, bearerNew  table
}

var dpopAlgorithms = []string{"ES256", "EdDSA"}

// inShortTurns makes rounds ten times as many and as short. A turn then takes about two
// milliseconds, so that other load interrupts only some of the turns, and not the median one. A
// quick run has one round of any length.
func (p plan) inShortTurns() plan {
	if p.quick() {
		return p
	}
	p.tokens, p.rounds = p.tokens/10, 10*p.rounds
	return p
}

func measureDPoP(ctx context.Context, p plan) dpopResults {
	p = p.inShortTurns()
	r := dpopResults{sectionRun: p.begin("dpop")}
	r.cached, r.fresh, r.rejection = map[string]table{}, map[string]table{}, map[string]table{}
	cores := runtime.GOMAXPROCS(0)
	for _, alg := range dpopAlgorithms {
		r.cached[alg] = provenCached(ctx, p, alg, 1)
		r.fresh[alg] = provenNew(ctx, p, alg, 1)
		r.concurrent = append(r.concurrent, provenCached(ctx, p, alg, cores), provenNew(ctx, p, alg, cores))
		warder, peer := dpopContenders()[0], dpopContenders()[1]
		r.rejection[alg] = proofRejections(ctx, p, alg, warder, true)
		r.peers = append(r.peers, proofRejections(ctx, p, alg, peer, false))
	}
	r.bearerCached, r.bearerNew = bearerCached(ctx, p), bearerNew(ctx, p)
	r.loadAfter = loadAverage()
	return r
}

// provenCached measures requests with a new proof each and one of at most 100 tokens. The proofs are made
// before each round, because they expire. A contender with a cache has the tokens.
func provenCached(ctx context.Context, p plan, alg string, goroutines int) table {
	key := newSigner(alg, "k1")
	server := newKeyServer(key)
	defer server.Close()
	clients := newDPoPClients(min(100, p.tokens), alg, key)
	baseline := func(c dpopClient, proof string) { proofBaseline(c.public, proof, c.token) }
	benchmarks := []benchmark{provenBaseline(proofBaselineName, clients, p.tokens, goroutines, baseline)}
	for _, c := range dpopContenders() {
		h := c.make(ctx, server.URL, protectedHandler)
		for _, client := range clients {
			mustAccept(h, client.request())
		}
		var reqs []*http.Request
		reset := func() { reqs = provenRequests(clients, p.tokens) }
		benchmarks = append(benchmarks, benchmark{c.name, goroutines, reset, func() func(int) { return sendAccepted(h, reqs) }})
	}
	title := fmt.Sprintf("DPoP, cached tokens (%d distinct), %s, %d bytes%s", len(clients), alg, len(clients[0].token), concurrencySuffix(goroutines))
	return table{title, compare(p.tokens, p.rounds, benchmarks...)}
}

// provenNew measures requests with a new proof each and a new token each. Each client has its own
// key. The contenders keep their caches from round to round, because the tokens of each round are new.
func provenNew(ctx context.Context, p plan, alg string, goroutines int) table {
	key := newSigner(alg, "k1")
	server := newKeyServer(key)
	defer server.Close()
	clients := newDPoPClients(p.tokens, alg, key)
	public := key.private.Public()
	baseline := func(c dpopClient, proof string) { bothBaseline(public, c.public, proof, c.token) }
	benchmarks := []benchmark{provenBaseline(bothBaselineName, clients, p.tokens, goroutines, baseline)}
	next := 0
	for _, c := range dpopContenders() {
		h := c.make(ctx, server.URL, protectedHandler)
		mustAccept(h, request(key.token(1<<20, 700))) // loads the issuer's keys
		var reqs []*http.Request
		reset := func() {
			for i := range clients {
				next++
				clients[i].token = key.boundToken(next, clients[i].key.Thumbprint())
			}
			reqs = provenRequests(clients, p.tokens)
		}
		benchmarks = append(benchmarks, benchmark{c.name, goroutines, reset, func() func(int) { return sendAccepted(h, reqs) }})
	}
	title := fmt.Sprintf("DPoP, new tokens, %s, %d bytes%s", alg, len(clients[0].token), concurrencySuffix(goroutines))
	return table{title, compare(p.tokens, p.rounds, benchmarks...)}
}

// provenBaseline calls do with a client and a new proof.
func provenBaseline(name string, clients []dpopClient, ops, goroutines int, do func(c dpopClient, proof string)) benchmark {
	proofs := make([]string, ops)
	reset := func() {
		for i, req := range provenRequests(clients, ops) {
			proofs[i] = req.Header.Get("DPoP")
		}
	}
	return benchmark{name, goroutines, reset, func() func(int) {
		return func(i int) { do(clients[i%len(clients)], proofs[i]) }
	}}
}

// The names of the rows of the tables with a Resource that accepts only tokens that are not bound,
// and one that also accepts bound tokens.
const (
	dpopOff      = "warder, DPoP off"
	dpopAccepted = "warder, DPoP accepted"
)

// bearerContenders returns the two Resources. The requests to both are the same.
func bearerContenders() []contender {
	return []contender{
		{dpopOff, makeWarder(func(*resource.Config) {})},
		{dpopAccepted, makeWarder(acceptDPoP)},
	}
}

// bearerCached measures requests with the scheme Bearer and one of 100 tokens.
func bearerCached(ctx context.Context, p plan) table {
	key := newSigner("ES256", "k1")
	server := newKeyServer(key)
	defer server.Close()
	_, reqs := mintRequests(100, func(i int) string { return key.token(i, 700) })
	var benchmarks []benchmark
	for _, c := range bearerContenders() {
		h := c.make(ctx, server.URL, protectedHandler)
		benchmarks = append(benchmarks, benchmark{c.name, 1, nil, func() func(int) { return sendAccepted(h, reqs) }})
	}
	return table{"Bearer beside DPoP, cached tokens (100 distinct), ES256", compare(50*p.tokens, p.rounds, benchmarks...)}
}

// bearerNew measures requests with the scheme Bearer and tokens that are sent once each.
func bearerNew(ctx context.Context, p plan) table {
	key := newSigner("ES256", "k1")
	server := newKeyServer(key)
	defer server.Close()
	_, reqs := mintRequests(p.tokens, func(i int) string { return key.token(i, 700) })
	warmUp := request(key.token(1<<20, 700))
	var benchmarks []benchmark
	for _, c := range bearerContenders() {
		var h http.Handler
		reset := func() {
			h = c.make(ctx, server.URL, protectedHandler)
			mustAccept(h, warmUp)
		}
		benchmarks = append(benchmarks, benchmark{c.name, 1, reset, func() func(int) { return sendAccepted(h, reqs) }})
	}
	return table{"Bearer beside DPoP, new tokens, ES256", compare(p.tokens, p.rounds, benchmarks...)}
}
