package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// This file measures whole servers: each contender in a process of its own, on one
// core, under a load generator that takes the other.

const (
	connections = 8
	callBody    = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}`
	callAnswer  = `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}]}}`
)

// setup is what a server process is told.
type setup struct {
	Contender string
	KeysURL   string
	Tokens    []string // for the limit, which has to know them
}

// answer stands for an MCP server that is very quick.
var answer = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
	_, _ = io.Copy(io.Discard, req.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, callAnswer)
})

const noAuth, atLimit = "no auth", "limit: hash, look-up, context"

// serveChild is the server process: it reads its setup from standard input, prints its
// address and serves until standard input ends.
func serveChild() {
	input := bufio.NewReader(os.Stdin)
	var s setup
	if err := json.Unmarshal([]byte(must(input.ReadString('\n'))), &s); err != nil {
		panic(err)
	}
	var h http.Handler = answer
	switch s.Contender {
	case noAuth:
	case atLimit:
		h = knowing(s.Tokens).middleware(answer)
	default:
		for _, c := range contenders() {
			if c.name == s.Contender {
				h = c.make(context.Background(), s.KeysURL, answer)
			}
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/mcp", h)
	mux.HandleFunc("/usage", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, cpuTime()) })
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, input)
		os.Exit(0)
	}()
	_ = http.Serve(listener, mux)
}

// cpuTime is what this process has used, in nanoseconds.
func cpuTime() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// child is a server process.
type child struct {
	name    string
	address string
	stdin   io.Closer
	cmd     *exec.Cmd
}

func startChild(s setup) *child {
	cmd := exec.Command(must(os.Executable()), "-serve")
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	stdin, stdout := must(cmd.StdinPipe()), must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	_, _ = stdin.Write(append(encode(s), '\n'))
	address := must(bufio.NewReader(stdout).ReadString('\n'))
	return &child{s.Contender, strings.TrimSpace(address), stdin, cmd}
}

func (c *child) stop() {
	_ = c.stdin.Close()
	_ = c.cmd.Wait()
}

func (c *child) cpuTime() (ns int64) {
	resp := must(http.Get("http://" + c.address + "/usage"))
	defer func() { _ = resp.Body.Close() }()
	_ = must(fmt.Fscan(resp.Body, &ns))
	return ns
}

// loaded are a server's figures under load.
type loaded struct {
	name             string
	perSecond, share float64       // share: of the first server's in the same round, median
	cpu              time.Duration // of the server, for one request
	p50, p99         time.Duration
}

// underLoad runs the servers in turns, each for a while, with as many requests at a
// time as there are connections.
func underLoad(size, rounds int, each time.Duration, names ...string) []loaded {
	// One core for the load: on both it takes from the server's, most from the quickest.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	key := newSigner("RS256", "k1")
	keys := newKeyServer(key)
	defer keys.Close()
	tokens, _ := mint(100, func(i int) string { return key.token(i, size) })
	var requests [][]byte
	for _, token := range tokens {
		requests = append(requests, fmt.Appendf(nil, "POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nUser-Agent: bench\r\nAccept: application/json, text/event-stream\r\n"+
			"Content-Type: application/json\r\nMcp-Protocol-Version: 2025-11-25\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", token, len(callBody), callBody))
	}
	out := make([]loaded, len(names))
	rates, cpus, shares := make([][]float64, len(names)), make([][]float64, len(names)), make([][]float64, len(names))
	latencies := make([][]time.Duration, len(names))
	var children []*child
	for _, name := range names {
		c := startChild(setup{name, keys.URL, tokens})
		defer c.stop()
		children = append(children, c)
		fire(c.address, requests, each/4) // warm
	}
	for round := range rounds {
		for turn := range children {
			i := (round + turn) % len(children)
			c := children[i]
			before := c.cpuTime()
			took := fire(c.address, requests, each)
			cpus[i] = append(cpus[i], float64(c.cpuTime()-before)/float64(len(took)))
			rates[i] = append(rates[i], float64(len(took))/each.Seconds())
			latencies[i] = append(latencies[i], took...)
		}
		for i := range children {
			shares[i] = append(shares[i], rates[i][round]/rates[0][round])
		}
	}
	for i, name := range names {
		slices.Sort(latencies[i])
		n := len(latencies[i])
		out[i] = loaded{name, median(rates[i]), median(shares[i]), time.Duration(median(cpus[i])), latencies[i][n/2], latencies[i][n*99/100]}
	}
	return out
}

// fire sends requests over all connections for a while, and returns how long each took:
// one of each connection at least.
func fire(address string, requests [][]byte, during time.Duration) (took []time.Duration) {
	var mu sync.Mutex
	var all sync.WaitGroup
	deadline := time.Now().Add(during)
	for n := range connections {
		all.Go(func() {
			mine := oneConnection(address, requests, n*len(requests)/connections, deadline)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	all.Wait()
	return took
}

func oneConnection(address string, requests [][]byte, at int, deadline time.Time) (took []time.Duration) {
	conn := must(net.Dial("tcp", address))
	defer func() { _ = conn.Close() }()
	// The first answer tells how long all of them are: they differ in the date only.
	_ = must(conn.Write(requests[at%len(requests)]))
	buffer := make([]byte, 64<<10)
	length := must(conn.Read(buffer))
	if !strings.HasPrefix(string(buffer[:length]), "HTTP/1.1 200 ") || !strings.HasSuffix(string(buffer[:length]), callAnswer) {
		panic("load: " + string(buffer[:length]))
	}
	for now := time.Now(); len(took) == 0 || now.Before(deadline); { // once however busy the machine is
		at++
		_ = must(conn.Write(requests[at%len(requests)]))
		_ = must(io.ReadFull(conn, buffer[:length]))
		if string(buffer[:13]) != "HTTP/1.1 200 " {
			panic("load: " + string(buffer[:length]))
		}
		done := time.Now()
		took = append(took, done.Sub(now))
		now = done
	}
	return took
}
