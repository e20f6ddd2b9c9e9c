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
	var targets []loadTarget
	for _, name := range names {
		s := startServerProcess(serverSetup{Contender: name, KeysURL: keys.URL, Tokens: tokens})
		defer s.stop()
		targets = append(targets, loadTarget{name, s.address, s.cpuTime})
	}
	return takeTurns(targets, load{requests, callAnswer, connections}, rounds, each)
}

// A load is prepared requests and what their responses end with. Each connection has one request at a time.
type load struct {
	requests    [][]byte
	answer      string
	connections int
}

// A loadTarget is a server process. cpuTime returns its CPU time in nanoseconds.
type loadTarget struct {
	name, address string
	cpuTime       func() int64
}

// takeTurns sends requests to one server at a time. The servers take turns in each round.
func takeTurns(servers []loadTarget, l load, rounds int, each time.Duration) []loadResult {
	out := make([]loadResult, len(servers))
	rates, cpus, shares := make([][]float64, len(servers)), make([][]float64, len(servers)), make([][]float64, len(servers))
	times := make([][]time.Duration, len(servers))
	for _, s := range servers {
		generateLoad(s.address, l, each/4) // warm-up
	}
	for round := range rounds {
		for turn := range servers {
			i := (round + turn) % len(servers)
			s := servers[i]
			before := s.cpuTime()
			took := generateLoad(s.address, l, each)
			cpus[i] = append(cpus[i], float64(s.cpuTime()-before)/float64(len(took)))
			rates[i] = append(rates[i], float64(len(took))/each.Seconds())
			times[i] = append(times[i], took...)
		}
		for i := range servers {
			shares[i] = append(shares[i], rates[i][round]/rates[0][round])
		}
	}
	for i, s := range servers {
		slices.Sort(times[i])
		n := len(times[i])
		out[i] = loadResult{s.name, median(rates[i]), median(shares[i]), time.Duration(median(cpus[i])), times[i][n/2], times[i][n*99/100]}
	}
	return out
}

// generateLoad sends requests over all connections for the given time and returns the
// time of each request. There is at least one per connection.
func generateLoad(address string, l load, during time.Duration) (took []time.Duration) {
	var mu sync.Mutex
	deadline := time.Now().Add(during)
	parallel(l.connections, func(n int) {
		times := useConnection(address, l, n*len(l.requests)/l.connections, deadline)
		mu.Lock()
		defer mu.Unlock()
		took = append(took, times...)
	})
	return took
}

// useConnection opens a connection and sends requests until the deadline, beginning with
// the one at index first.
func useConnection(address string, l load, first int, deadline time.Time) (took []time.Duration) {
	conn := openConnection(address, l, first)
	defer conn.close()
	for now := time.Now(); len(took) == 0 || now.Before(deadline); { // at least once, however slow the machine is
		conn.send()
		done := time.Now()
		took = append(took, done.Sub(now))
		now = done
	}
	return took
}

// A loadConnection writes prepared requests in rotation and does not parse responses.
type loadConnection struct {
	conn     net.Conn
	requests [][]byte
	next     int
	buffer   []byte
	length   int // of each response
}

// openConnection opens a connection and sends the request at index first. All responses have the
// length of its response: they differ only in the Date.
func openConnection(address string, l load, first int) *loadConnection {
	c := &loadConnection{must(net.Dial("tcp", address)), l.requests, first, make([]byte, 64<<10), 0}
	c.write()
	for !strings.HasSuffix(string(c.buffer[:c.length]), l.answer) {
		n, err := c.conn.Read(c.buffer[c.length:])
		c.length += n
		if err != nil {
			panic("load: " + err.Error() + " after " + string(c.buffer[:c.length]))
		}
		c.check()
	}
	return c
}

// send sends the next request and reads its response.
func (c *loadConnection) send() {
	c.write()
	_ = must(io.ReadFull(c.conn, c.buffer[:c.length]))
	c.check()
}

func (c *loadConnection) write() {
	_ = must(c.conn.Write(c.requests[c.next%len(c.requests)]))
	c.next++
}

func (c *loadConnection) check() {
	if c.length >= 13 && string(c.buffer[:13]) != "HTTP/1.1 200 " {
		panic("load: unexpected response: " + string(c.buffer[:c.length]))
	}
}

func (c *loadConnection) close() { _ = c.conn.Close() }
