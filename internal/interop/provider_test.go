// Package interop has only tests. They run warder with third-party servers and clients over
// real connections. They need the programs that .ci/interop installs and passes in
// environment variables, and are skipped without them.
//
// It is a separate module outside the workspace, so that the dependencies of the clients do
// not change the core's dependencies.
package interop_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Environment variables that .ci/interop sets.
const (
	providerVariable = "WARDER_OIDC_PROVIDER" // the program .ci/interop.d/provider.mjs, in the folder of its packages
	rowsVariable     = "WARDER_INTEROP_ROWS"  // the file for the rows of the table of servers
	cellsVariable    = "WARDER_INTEROP_CELLS" // the file for the cells of the table of clients
)

// timeout limits every operation that normally takes much less. It is not a performance limit.
const timeout = 30 * time.Second

// A provider is a process of npm oidc-provider.
type provider struct {
	t        *testing.T
	issuer   string
	commands []any // sent so far, for restart

	endpoints string       // address of the token endpoint; "": issuer
	client    *http.Client // for the token endpoint; nil: http.DefaultClient

	process *exec.Cmd
	stdin   io.WriteCloser
	replies *bufio.Scanner
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
			t.Logf("stderr of oidc-provider:\n%s", p.stderr)
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
	p.replies = bufio.NewScanner(stdout)
	if err := p.process.Start(); err != nil {
		p.t.Fatal(err)
	}
	var reply struct{ Issuer string }
	p.readReply(&reply)
	p.issuer = reply.Issuer
}

// restart starts a new process at the same address with the same clients and resources. It
// has different keys, and the old tokens are unknown to it.
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
		p.command(command)
	}
}

// kill kills the process, if it is running, and waits for its end.
func (p *provider) kill() {
	if p.process == nil {
		return
	}
	_ = p.process.Process.Kill()
	_ = p.process.Wait() // returns an error because the process was killed
	p.process = nil
}

// hang suspends the process without closing its connections. Call resume to continue it.
func (p *provider) hang() (resume func()) {
	p.t.Helper()
	if err := p.process.Process.Signal(syscall.SIGSTOP); err != nil {
		p.t.Fatal(err)
	}
	return func() { _ = p.process.Process.Signal(syscall.SIGCONT) }
}

// A providerReply is the reply to a command.
type providerReply struct {
	Error string
	TLS   string // address of the server with TLS
}

// command sends a command and waits for its reply.
func (p *provider) command(command any) (reply providerReply) {
	p.t.Helper()
	p.commands = append(p.commands, command)
	line, err := json.Marshal(command)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		p.t.Fatalf("write to oidc-provider: %v\n%s", err, p.stderr)
	}
	if p.readReply(&reply); reply.Error != "" {
		p.t.Fatalf("oidc-provider rejected %s: %s", line, reply.Error)
	}
	return reply
}

func (p *provider) readReply(into any) {
	p.t.Helper()
	late := time.AfterFunc(timeout, func() { _ = p.process.Process.Kill() })
	defer late.Stop()
	if !p.replies.Scan() {
		p.t.Fatalf("no reply from oidc-provider:\n%s", p.stderr)
	}
	if err := json.Unmarshal(p.replies.Bytes(), into); err != nil {
		p.t.Fatalf("reply of oidc-provider: %q: %v", p.replies.Bytes(), err)
	}
}

// registerClient registers a client with the metadata of RFC 7591.
func (p *provider) registerClient(metadata map[string]any) {
	p.t.Helper()
	p.command(map[string]any{"client": metadata})
}

// A providerResource is a resource for which the provider issues tokens.
type providerResource struct {
	ID     string `json:"id"`
	Format string `json:"format"` // jwt or opaque
	Alg    string `json:"alg,omitempty"`
	TTL    int    `json:"ttl,omitempty"` // seconds

	DefaultFor string `json:"default_for,omitempty"` // client ID of a client whose tokens are for this resource if it names none

	Refresh *bool `json:"refresh,omitempty"` // whether to issue refresh tokens; nil: to clients that support them
}

func (p *provider) registerResource(r providerResource) {
	p.t.Helper()
	p.command(map[string]any{"resource": r})
}

// waitUntil waits until the given time, or until ctx is done.
func waitUntil(ctx context.Context, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// lockedBuffer is a buffer that is safe for concurrent use.
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
