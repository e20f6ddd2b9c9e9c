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
	"strings"
	"syscall"
)

const (
	callBody   = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}`
	callAnswer = `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}]}}`
)

// serverSetup configures a server process.
type serverSetup struct {
	Contender string
	KeysURL   string
	Tokens    []string   // the content of the cache baseline
	Gate      *gateSetup // a server of the section about the gate; the other fields are then unused
}

// toolHandler replaces an MCP server: it reads the body and writes a fixed result.
var toolHandler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
	_, _ = io.Copy(io.Discard, req.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, callAnswer)
})

// runServerProcess is the server process. It reads its setup from standard input, prints
// its address and serves until the end of standard input.
func runServerProcess() {
	input := bufio.NewReader(os.Stdin)
	var s serverSetup
	if err := json.Unmarshal([]byte(must(input.ReadString('\n'))), &s); err != nil {
		panic(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, input)
		os.Exit(0)
	}()
	if s.Gate != nil {
		s.Gate.serve()
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/mcp", s.handler())
	mux.HandleFunc("/usage", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, ownCPUTime()) })
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr())
	_ = http.Serve(listener, mux)
}

// handler returns toolHandler, protected by the contender.
func (s serverSetup) handler() http.Handler {
	switch s.Contender {
	case noAuthName:
		return toolHandler
	case cacheBaselineName:
		return newCacheBaseline(s.Tokens).middleware(toolHandler)
	}
	for _, c := range contenders() {
		if c.name == s.Contender {
			return c.make(context.Background(), s.KeysURL, toolHandler)
		}
	}
	panic("unknown contender " + s.Contender)
}

// ownCPUTime returns the CPU time of this process in nanoseconds.
func ownCPUTime() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// A serverProcess is a running server process, as its parent sees it.
type serverProcess struct {
	address string
	stdin   io.Closer
	cmd     *exec.Cmd
}

// startServerProcess starts this program again as a server on one core.
func startServerProcess(s serverSetup) *serverProcess {
	cmd := exec.Command(must(os.Executable()), "-serve")
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	stdin, stdout := must(cmd.StdinPipe()), must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	_, _ = stdin.Write(append(encode(s), '\n'))
	address := must(bufio.NewReader(stdout).ReadString('\n'))
	return &serverProcess{strings.TrimSpace(address), stdin, cmd}
}

func (p *serverProcess) stop() {
	_ = p.stdin.Close()
	_ = p.cmd.Wait()
}

// cpuTime returns the CPU time of the server process in nanoseconds.
func (p *serverProcess) cpuTime() (ns int64) {
	resp := must(http.Get("http://" + p.address + "/usage"))
	defer func() { _ = resp.Body.Close() }()
	_ = must(fmt.Fscan(resp.Body, &ns))
	return ns
}
