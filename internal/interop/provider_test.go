// Package interop has tests only. They run warder with servers and clients that nobody
// here wrote, over real connections, and need what .ci/interop brings and says in the
// environment: without that they are skipped.
//
// It is a module of its own and outside of the workspace: what it needs of clients must
// not move the core's dependencies.
package interop_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Where .ci/interop says what it has brought.
const (
	providerVariable = "WARDER_OIDC_PROVIDER" // the program .ci/interop.d/provider.mjs, beside what it imports
	rowsVariable     = "WARDER_INTEROP_ROWS"  // a file for the rows of the servers' table
	cellsVariable    = "WARDER_INTEROP_CELLS" // a file for the cells of the clients' table
)

// patience is how long anything may take that takes a moment. It is no measure.
const patience = 30 * time.Second

// A provider is a process of npm oidc-provider.
type provider struct {
	t        *testing.T
	issuer   string
	commands []any // that it was told, for its successor

	process *exec.Cmd
	stdin   io.WriteCloser
	answers *bufio.Scanner
	stderr  *lockedBuffer
}

func startProvider(t *testing.T) *provider {
	t.Helper()
	if os.Getenv(providerVariable) == "" {
		t.Skipf("Skipped: %s is not set. Run .ci/interop, which needs Node and npm.", providerVariable)
	}
	p := &provider{t: t}
	p.start("0")
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("oidc-provider wrote:\n%s", p.stderr)
		}
	})
	return p
}

func (p *provider) start(port string) {
	p.t.Helper()
	p.process, p.stderr = exec.Command(os.Getenv(providerVariable), port), &lockedBuffer{}
	p.process.Stderr = p.stderr
	var err error
	if p.stdin, err = p.process.StdinPipe(); err != nil {
		p.t.Fatal(err)
	}
	stdout, err := p.process.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	p.answers = bufio.NewScanner(stdout)
	if err := p.process.Start(); err != nil {
		p.t.Fatal(err)
	}
	var said struct{ Issuer string }
	p.answer(&said)
	p.issuer = said.Issuer
}

// restart starts anew at the same address, with the same clients and resources, other
// keys, and no memory of any token.
func (p *provider) restart() {
	p.t.Helper()
	u, err := url.Parse(p.issuer)
	if err != nil {
		p.t.Fatal(err)
	}
	commands := p.commands
	p.commands = nil
	p.start(u.Port())
	for _, command := range commands {
		p.tell(command)
	}
}

// kill ends the process at once, if it runs, and waits for its end.
func (p *provider) kill() {
	if p.process == nil {
		return
	}
	_ = p.process.Process.Kill()
	_ = p.process.Wait() // it was killed, which is an error
	p.process = nil
}

// hang stops the process without closing its connections; the function returned lets
// it go on.
func (p *provider) hang() (goOn func()) {
	p.t.Helper()
	if err := p.process.Process.Signal(syscall.SIGSTOP); err != nil {
		p.t.Fatal(err)
	}
	return func() { _ = p.process.Process.Signal(syscall.SIGCONT) }
}

// tell gives a command and waits until it is done.
func (p *provider) tell(command any) {
	p.t.Helper()
	p.commands = append(p.commands, command)
	line, err := json.Marshal(command)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		p.t.Fatalf("oidc-provider is gone: %v\n%s", err, p.stderr)
	}
	var said struct{ Error string }
	if p.answer(&said); said.Error != "" {
		p.t.Fatalf("oidc-provider refuses %s: %s", line, said.Error)
	}
}

func (p *provider) answer(into any) {
	p.t.Helper()
	late := time.AfterFunc(patience, func() { _ = p.process.Process.Kill() })
	defer late.Stop()
	if !p.answers.Scan() {
		p.t.Fatalf("oidc-provider said nothing:\n%s", p.stderr)
	}
	if err := json.Unmarshal(p.answers.Bytes(), into); err != nil {
		p.t.Fatalf("oidc-provider said %q: %v", p.answers.Bytes(), err)
	}
}

// client registers a client; members as in RFC 7591.
func (p *provider) client(metadata map[string]any) {
	p.t.Helper()
	p.tell(map[string]any{"client": metadata})
}

// A target is a resource that the provider issues tokens for.
type target struct {
	ID     string `json:"id"`
	Format string `json:"format"` // jwt or opaque
	Alg    string `json:"alg,omitempty"`
	TTL    int    `json:"ttl,omitempty"` // seconds

	Refresh *bool `json:"refresh,omitempty"` // tokens; nil: to clients that take them
}

func (p *provider) resource(r target) {
	p.t.Helper()
	p.tell(map[string]any{"resource": r})
}

// pause waits for a moment in time, for what only time brings about.
func pause(ctx context.Context, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// lockedBuffer is written by the goroutine that reads a process's output.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
