package interop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// A gateProgram is the program warder.
type gateProgram string

// buildGate builds ./cmd/warder.
func buildGate(t *testing.T) gateProgram {
	t.Helper()
	program := filepath.Join(t.TempDir(), "warder")
	build(t, "../..", "-o", program, "./cmd/warder")
	return gateProgram(program)
}

// gateUpstream is an item of upstreams in gate.yaml.
type gateUpstream struct {
	Name            string            `json:"name"`
	URL             string            `json:"url,omitempty"`
	ExtraPaths      []string          `json:"extra_paths,omitempty"`
	BindSessions    bool              `json:"bind_sessions,omitempty"`
	IdentityHeaders map[string]string `json:"identity_headers,omitempty"`
	Authorization   map[string]any    `json:"authorization"`
}

// gateFile is gate.yaml. JSON is YAML.
type gateFile struct {
	Listen      string         `json:"listen"`
	AccessLog   bool           `json:"access_log"`
	ForwardAuth map[string]any `json:"forward_auth,omitempty"`
	Upstreams   []gateUpstream `json:"upstreams"`
}

// callerHeaders are the identity fields that plain.py reads.
var callerHeaders = map[string]string{"X-User": "subject", "X-Scopes": "scopes"}

var gateAddress = regexp.MustCompile(` msg=serving listen=(127\.0\.0\.1:\d+)`)

// serve runs warder serve until the end of the test. It returns the address of the listener, as
// host:port, once the gate listens. If listen of the file is empty, the kernel chooses the port.
func (program gateProgram) serve(t *testing.T, file gateFile) (address string) {
	t.Helper()
	if file.Listen == "" {
		file.Listen = "127.0.0.1:0"
	}
	file.AccessLog = true
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gate.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, string(program), "serve", "-config", path)
	command.Env = []string{}
	output, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	logged, copied := &lockedBuffer{}, make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-copied
		_ = command.Wait() // returns an error because the process was killed
		if t.Failed() {
			t.Logf("%s\nlog of the gate:\n%s", text, logged)
		}
	})
	lines := bufio.NewReader(io.TeeReader(output, logged))
	address, err = readAddress(lines, time.AfterFunc(timeout, cancel))
	go func() {
		defer close(copied)
		_, _ = io.Copy(io.Discard, lines)
	}()
	if err != nil {
		t.Fatalf("the gate does not listen: %v", err)
	}
	return address
}

// readAddress reads the log of the gate up to the address of its listener, and stops the timer.
func readAddress(log *bufio.Reader, late *time.Timer) (string, error) {
	defer late.Stop()
	for {
		line, err := log.ReadString('\n')
		if match := gateAddress.FindStringSubmatch(line); match != nil {
			return match[1], nil
		}
		if err != nil {
			return "", err
		}
	}
}

// plainServers are running servers of plain.py, without any authorization. They are shared by tests
// that run in parallel, since each request stands for itself or has a session of its own.
type plainServers struct {
	t    *testing.T // ends the servers
	mu   sync.Mutex
	urls map[plainServer]string
}

// plainServer says which server to run.
type plainServer struct {
	variable  string // of the interpreter
	Transport string `json:"transport"`
	Stateless bool   `json:"stateless"`
}

func newPlainServers(t *testing.T) *plainServers {
	t.Helper()
	return &plainServers{t: t, urls: map[plainServer]string{}}
}

// url returns the URL of a server, which it starts if it is not running.
func (p *plainServers) url(server plainServer) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.urls[server] == "" {
		argument, err := json.Marshal(server)
		if err != nil {
			panic(err) // a struct of texts
		}
		p.urls[server] = serveProgram(p.t, os.Getenv(server.variable), "../../.ci/interop.d/python/plain.py", string(argument))
	}
	return p.urls[server]
}

// pythonName returns the name of a Python server in tables: the name and version of its library, as
// in the name of the client.
func pythonName(variable string) string {
	program := python1
	if variable == python2Variable {
		program = python2
	}
	_, version, _ := strings.Cut(program.name, " ")
	return "Python mcp " + version
}

// pythonVariables returns the variables of the interpreters that are installed.
func pythonVariables(t *testing.T) (variables []string) {
	t.Helper()
	for _, variable := range []string{python1Variable, python2Variable} {
		if os.Getenv(variable) == "" {
			t.Logf("%s is not set, so the gate was not tested with a server of %s. Run .ci/interop, which needs Python and pip.", variable, pythonName(variable))
			continue
		}
		variables = append(variables, variable)
	}
	if len(variables) == 0 {
		t.Skip("Skipped: no Python with the package mcp. Run .ci/interop, which needs Python and pip.")
	}
	return variables
}
