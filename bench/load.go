package main

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

const connections = 8

// loadResult is the measurements of a server under load.
type loadResult struct {
	name             string
	perSecond, share float64       // share: of the rate of the first server in the same round; medians
	cpu              time.Duration // CPU time of the server per request
	p50, p99         time.Duration
}

// underLoad runs each named contender as a server process on one core and sends requests
// to one server at a time, one per connection at a time. The servers take turns.
func underLoad(size, rounds int, each time.Duration, names ...string) []loadResult {
	// The load generator uses one core too. With two cores it would compete with the server,
	// most of all with the fastest one.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	key := newSigner("RS256", "k1")
	keys := newKeyServer(key)
	defer keys.Close()
	tokens, _ := mintRequests(100, func(i int) string { return key.token(i, size) })
	var requests [][]byte
	for _, token := range tokens {
		requests = append(requests, fmt.Appendf(nil, "POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nUser-Agent: bench\r\nAccept: application/json, text/event-stream\r\n"+
			"Content-Type: application/json\r\nMcp-Protocol-Version: 2025-11-25\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", token, len(callBody), callBody))
	}
	out := make([]loadResult, len(names))
	rates, cpus, shares := make([][]float64, len(names)), make([][]float64, len(names)), make([][]float64, len(names))
	times := make([][]time.Duration, len(names))
	var servers []*serverProcess
	for _, name := range names {
		s := startServerProcess(serverSetup{name, keys.URL, tokens})
		defer s.stop()
		servers = append(servers, s)
		generateLoad(s.address, requests, each/4) // warm-up
	}
	for round := range rounds {
		for turn := range servers {
			i := (round + turn) % len(servers)
			s := servers[i]
			before := s.cpuTime()
			took := generateLoad(s.address, requests, each)
			cpus[i] = append(cpus[i], float64(s.cpuTime()-before)/float64(len(took)))
			rates[i] = append(rates[i], float64(len(took))/each.Seconds())
			times[i] = append(times[i], took...)
		}
		for i := range servers {
			shares[i] = append(shares[i], rates[i][round]/rates[0][round])
		}
	}
	for i, name := range names {
		slices.Sort(times[i])
		n := len(times[i])
		out[i] = loadResult{name, median(rates[i]), median(shares[i]), time.Duration(median(cpus[i])), times[i][n/2], times[i][n*99/100]}
	}
	return out
}

// generateLoad sends requests over all connections for the given time and returns the
// time of each request. There is at least one per connection.
func generateLoad(address string, requests [][]byte, during time.Duration) (took []time.Duration) {
	var mu sync.Mutex
	deadline := time.Now().Add(during)
	parallel(connections, func(n int) {
		times := useConnection(address, requests, n*len(requests)/connections, deadline)
		mu.Lock()
		defer mu.Unlock()
		took = append(took, times...)
	})
	return took
}

// useConnection opens a connection and sends requests until the deadline, beginning with
// the one at index first. It writes prepared bytes and does not parse responses.
func useConnection(address string, requests [][]byte, first int, deadline time.Time) (took []time.Duration) {
	conn := must(net.Dial("tcp", address))
	defer func() { _ = conn.Close() }()
	// All responses have the length of the first: they differ only in the Date.
	_ = must(conn.Write(requests[first%len(requests)]))
	buffer := make([]byte, 64<<10)
	length := must(conn.Read(buffer))
	if !strings.HasPrefix(string(buffer[:length]), "HTTP/1.1 200 ") || !strings.HasSuffix(string(buffer[:length]), callAnswer) {
		panic("load: unexpected response: " + string(buffer[:length]))
	}
	next := first
	for now := time.Now(); len(took) == 0 || now.Before(deadline); { // at least once, however slow the machine is
		next++
		_ = must(conn.Write(requests[next%len(requests)]))
		_ = must(io.ReadFull(conn, buffer[:length]))
		if string(buffer[:13]) != "HTTP/1.1 200 " {
			panic("load: unexpected response: " + string(buffer[:length]))
		}
		done := time.Now()
		took = append(took, done.Sub(now))
		now = done
	}
	return took
}
