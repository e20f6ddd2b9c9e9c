package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/resource"
)

// proofLoad is the cost of storing DPoP proofs, by a number of concurrent callers of one process.
type proofLoad struct {
	callers   int
	perSecond float64 // median over the rounds
	latency
	serverCPU, script time.Duration // of the server, for each proof; script is a part of serverCPU
}

// storeProofs measures Replays.Once. The numbers of callers take turns.
func storeProofs(ctx context.Context, s sharedPlan, server *storeServer) []proofLoad {
	store := server.openAged("proofs")
	defer store.Close()
	loads := []proofLoad{{callers: 1}, {callers: 16}, {callers: 64}}
	times, rates := make([][]time.Duration, len(loads)), make([][]float64, len(loads))
	next := 0
	for round := range s.storeRounds + 1 { // round 0 is the warm-up
		for turn := range loads {
			i := (round + turn) % len(loads)
			n := s.proofs
			if loads[i].callers == 1 {
				n /= 4
			}
			cpu := server.cpu()
			scripts, scriptTime := server.scripts()
			took, total := once(ctx, store.Replays(), loads[i].callers, next, n, 100)
			next += n
			if round == 0 {
				continue
			}
			times[i] = append(times[i], took...)
			rates[i] = append(rates[i], float64(n)/total.Seconds())
			loads[i].serverCPU += (server.cpu() - cpu) / time.Duration(n*s.storeRounds)
			scriptsNow, scriptTimeNow := server.scripts()
			loads[i].script += (scriptTimeNow - scriptTime) / time.Duration((scriptsNow-scripts)*float64(s.storeRounds))
		}
	}
	for i := range loads {
		loads[i].perSecond, loads[i].latency = median(rates[i]), percentiles("", times[i])
	}
	return loads
}

// once stores n proofs, beginning with a number, by concurrent callers. perKey is the number of proofs
// of each key. It returns the times of the calls and the elapsed time.
func once(ctx context.Context, replays resource.Replays, callers, first, n, perKey int) (times []time.Duration, total time.Duration) {
	times = make([]time.Duration, n)
	var next atomic.Int64
	start := time.Now()
	parallel(callers, func(int) {
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			began := time.Now()
			number := uint64(first) + uint64(i)
			id := resource.ProofID{MadeAfter: began.Add(-time.Minute)}
			binary.BigEndian.PutUint64(id.Key[:], number/uint64(perKey))
			binary.BigEndian.PutUint64(id.Proof[:], number)
			succeed(replays.Once(ctx, id, began.Add(2*time.Minute)))
			times[i] = time.Since(began)
		}
	})
	return times, time.Since(start)
}

// percentiles sorts times.
func percentiles(title string, times []time.Duration) latency {
	slices.Sort(times)
	at := func(share float64) time.Duration { return times[min(int(share*float64(len(times))), len(times)-1)] }
	return latency{title, at(0.5), at(0.99), at(0.999)}
}

// provenByReplays measures single requests with cached tokens and new DPoP proofs. The two Resources take
// turns.
func provenByReplays(ctx context.Context, s sharedPlan, server *storeServer) []latency {
	store := server.openAged("requests")
	defer store.Close()
	key := newSigner("ES256", "k1")
	clients := newDPoPClients(s.provenTurn, "ES256", key)
	resources := []struct {
		name    string
		replays resource.Replays
		handler http.Handler
		times   []time.Duration
	}{{name: "proofs in the memory of the process"}, {name: "proofs in the store", replays: store.Replays()}}
	for i := range resources {
		c := resource.Config{}
		acceptDPoP(&c)
		c.Credentials.DPoP.Replays = resources[i].replays
		resources[i].handler = withStaticKeys(c, keySet(key))
		acceptAllOf(resources[i].handler, provenRequests(clients, len(clients)))
	}
	for round := range s.provenRounds {
		for turn := range resources {
			r := &resources[(round+turn)%len(resources)]
			for _, req := range provenRequests(clients, s.provenTurn) {
				began := time.Now()
				mustAccept(r.handler, req)
				r.times = append(r.times, time.Since(began))
			}
		}
	}
	var all []latency
	for _, r := range resources {
		all = append(all, percentiles(r.name, r.times))
	}
	return all
}

// storedBytes is the memory of the server for one thing.
type storedBytes struct {
	name string
	each float64
}

// bytesOfProofs returns the memory of the server for proofs, as it reports it.
func bytesOfProofs(ctx context.Context, s sharedPlan, server *storeServer) (all []storedBytes) {
	for _, perKey := range []int{100, 1} {
		server.Do("FLUSHALL")
		store := server.openAged("bytes")
		once(ctx, store.Replays(), 16, 1<<40, perKey, perKey) // connects
		before := server.usedMemory()
		n := 5 * s.proofs
		once(ctx, store.Replays(), 16, 0, n, perKey)
		name := "proof, one of each client"
		if perKey > 1 {
			name = fmt.Sprintf("proof, %d of each client", perKey)
		}
		all = append(all, storedBytes{name, (server.usedMemory() - before) / float64(n)})
		store.Close()
	}
	server.Do("FLUSHALL")
	return all
}
