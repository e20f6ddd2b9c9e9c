package main

import (
	"os"
	"slices"
	"syscall"
	"time"
)

// gateResults is the measurements of internal/gate beside other proxies.
type gateResults struct {
	sectionRun
	peer       string // version of oauth2-proxy, or why it is missing
	single     []singleResult
	throughput []gateThroughput
	handlers   table // in this process
	streams    []streamResult
	streamTime time.Duration
}

// gateThroughput is the measurements with a number of connections.
type gateThroughput struct {
	connections int
	rows        []loadResult
}

// A gatePlan sets how much is measured.
type gatePlan struct {
	peer          bool // whether to build oauth2-proxy
	turn, rounds  int  // single requests
	load          time.Duration
	loadRounds    int
	connections   []int
	handlerTurn   int // requests to the handlers in this process
	handlerRounds int
	streams       int           // open at one time
	streamTime    time.Duration // how long they stay open. A gate checks the token of a stream again after 30 s
	eventPause    time.Duration // between two events of a stream
}

func newGatePlan(p plan) gatePlan {
	if p.quick() {
		return gatePlan{
			turn: 20, rounds: 1, load: p.load, loadRounds: 1, connections: []int{4, 8}, handlerTurn: 20, handlerRounds: 1,
			streams: 50, streamTime: 300 * time.Millisecond, eventPause: 50 * time.Millisecond,
		}
	}
	return gatePlan{
		peer: true, turn: 100, rounds: 250, load: p.load / 4, loadRounds: 60, connections: []int{16, 64}, handlerTurn: 1000, handlerRounds: 25,
		streams: 10_000, streamTime: 40 * time.Second, eventPause: 10 * time.Second,
	}
}

// gateTokens is the number of different tokens that are sent in rotation.
const gateTokens = 100

// measureGate measures the gate beside other proxies. All of them have the same upstream and get the same requests.
func measureGate(p plan) gateResults { return measureGateAs(p.begin("gate"), newGatePlan(p)) }

func measureGateAs(run sectionRun, g gatePlan) gateResults {
	bench := newGateBench(g)
	defer bench.close()
	r := gateResults{sectionRun: run, peer: bench.peer, streamTime: g.streamTime}
	upstream := bench.startUpstream()
	defer upstream.stop()
	processes := bench.startAll(upstream)
	step("gate: single requests")
	r.single = singleRequests(g, bench, processes)
	step("gate: throughput")
	for _, connections := range g.connections {
		r.throughput = append(r.throughput, gateThroughput{connections, bench.throughput(g, connections, processes)})
	}
	for _, process := range processes {
		process.stop()
	}
	step("gate: the handler")
	r.handlers = bench.handlerTable(g, upstream)
	step("gate: open streams")
	g.streams = min(g.streams, raiseOpenFiles(g.streams))
	for _, kind := range bench.kinds() {
		if !slices.Contains([]string{plainKind, gateKind, identityKind, peerProxyKind}, kind) {
			continue // rules do not read a GET
		}
		r.streams = append(r.streams, bench.openStreams(g, kind))
	}
	r.loadAfter = loadAverage()
	return r
}

// raiseOpenFiles raises the limit for open files for as many streams, and returns how many streams a
// proxy can have with the limit. It holds two connections for each.
func raiseOpenFiles(streams int) int {
	const others = 200 // files that are not connections of streams
	var limit syscall.Rlimit
	succeed(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if need := uint64(2*streams + others); limit.Cur < need {
		raised := syscall.Rlimit{Cur: need, Max: max(need, limit.Max)}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
			return streams
		}
		limit.Cur = limit.Max
		succeed(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	}
	return int(limit.Cur-others) / 2
}

// tempFolder returns a new folder and the function that removes it.
func tempFolder() (folder string, remove func()) {
	folder = must(os.MkdirTemp("", "warder-bench-"))
	return folder, func() { _ = os.RemoveAll(folder) }
}
