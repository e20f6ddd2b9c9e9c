package main

import (
	"runtime"
	"slices"
	"time"
)

// singleResult is the times of single requests to one server.
type singleResult struct {
	name     string
	p50, p99 time.Duration // over all rounds
	added    time.Duration // to p50 of the first server: median over the rounds
}

// singleRequests measures requests one at a time, over one connection for each server. The servers take turns.
func singleRequests(g gatePlan, b *gateBench, processes []gateProcess) []singleResult {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	out := make([]singleResult, len(processes))
	times, added := make([][]time.Duration, len(processes)), make([][]time.Duration, len(processes))
	var connections []*loadConnection
	for i, p := range processes {
		out[i].name = p.kind
		c := openConnection(p.address, b.load(1), 0)
		defer c.close()
		connections = append(connections, c)
		c.times(2 * gateTokens) // each token is cached now
	}
	for round := range g.rounds {
		medians := make([]time.Duration, len(processes))
		for turn := range processes {
			i := (round + turn) % len(processes)
			connections[i].send() // opens a connection to the upstream if the last one has been idle for too long
			took := connections[i].times(g.turn)
			medians[i] = median(took)
			times[i] = append(times[i], took...)
		}
		for i := range processes {
			added[i] = append(added[i], medians[i]-medians[0])
		}
	}
	for i := range out {
		slices.Sort(times[i])
		n := len(times[i])
		out[i].p50, out[i].p99, out[i].added = times[i][n/2], times[i][n*99/100], median(added[i])
	}
	return out
}

// times sends n requests and returns the time of each.
func (c *loadConnection) times(n int) []time.Duration {
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		c.send()
		took[i] = time.Since(began)
	}
	return took
}
