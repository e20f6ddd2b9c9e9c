package gate_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/gate"
	"github.com/warder-go/warder/resource/resourcetest"
)

const identifier = "https://mcp.example.test/mcp"

// call is a message that needs the scope mcp:run by the rules of the fixture.
const call = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"a":1}}}`

// patience bounds what a test waits for. Only a test that fails waits that long.
const patience = 20 * time.Second

// fixture is a gate that runs, with one upstream unless the test adds others.
type fixture struct {
	t             testing.TB
	dir, file     string
	gate          *gate.Gate
	issuer        *resourcetest.Issuer
	public, admin string // addresses
	stop          func() // begins the end of the gate
	stopped       chan error
	log           *syncBuffer
	interval      time.Duration // gate.Config.Interval
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// options are parts of gate.yaml. The zero value is a gate with an identity JWT, and rules for tools.
type options struct {
	top           string // further top-level keys
	upstream      string // further keys of the upstream, indented by two spaces
	authorization string // further keys of its block, indented by four spaces
	noRules       bool
	noIdentity    bool
	upstreams     string // replaces the list of upstreams
}

func (o options) text(upstreamURL string) string {
	b := new(strings.Builder)
	fmt.Fprint(b, "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n")
	if !strings.Contains(o.top, "shutdown:") {
		fmt.Fprint(b, "shutdown: {delay_seconds: 0, grace_seconds: 5}\n")
	}
	if !o.noIdentity && !strings.Contains(o.top, "identity:") {
		fmt.Fprint(b, "identity: {issuer: https://gate.example.test, key_file: identity.pem}\n")
	}
	fmt.Fprint(b, o.top, "upstreams:\n")
	if o.upstreams != "" {
		return b.String() + o.upstreams
	}
	fmt.Fprintf(b, "- name: main\n  url: %s\n%s  authorization:\n    issuer_url: https://auth.example.test\n    resource_server_url: %s\n%s", upstreamURL, o.upstream, identifier, o.authorization)
	if !o.noRules {
		fmt.Fprint(b, "    tool_scopes: {echo: [mcp:run]}\n    public_operations: [tools/list]\n")
	}
	return b.String()
}

// newFixture writes the files and makes the gate, which does not run yet.
func newFixture(t testing.TB, text string) *fixture {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, dir: t.TempDir(), issuer: issuer, log: new(syncBuffer), stopped: make(chan error, 1)}
	f.write("identity.pem", newKey(t))
	f.file = f.write("gate.yaml", text)
	return f
}

func (f *fixture) write(name, text string) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		f.t.Fatal(err)
	}
	return path
}

func (f *fixture) config() gate.Config {
	return gate.Config{File: f.file, Environ: []string{}, Transport: f.issuer.Transport(), Interval: f.interval, Logger: slog.New(slog.NewTextHandler(f.log, nil))}
}

// run serves the gate until the end of the test.
func (f *fixture) run() {
	f.t.Helper()
	c := f.config()
	started := make(chan struct{})
	c.Started = func(public, admin net.Addr) {
		f.public = public.String()
		if admin != nil {
			f.admin = admin.String()
		}
		close(started)
	}
	g, err := gate.New(c)
	if err != nil {
		f.t.Fatal(err)
	}
	f.gate = g
	ctx, cancel := context.WithCancel(context.Background())
	f.stop = cancel
	go func() { f.stopped <- g.Serve(ctx) }()
	f.t.Cleanup(func() {
		cancel()
		if err := <-f.stopped; err != nil {
			f.t.Errorf("Serve: %v", err)
		}
		f.stopped <- nil
	})
	select {
	case <-started:
	case err := <-f.stopped:
		f.stopped <- nil
		f.t.Fatalf("Serve: %v", err)
	}
}

// serve returns the URL of a server.
func serve(t testing.TB, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// start runs a gate in front of a handler.
func start(t testing.TB, o options, upstream http.Handler) *fixture {
	t.Helper()
	f := newFixture(t, o.text(serve(t, upstream)+"/mcp"))
	f.run()
	return f
}

func newKey(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// token returns a token for the fixture's identifier with all scopes.
func (f *fixture) token() string {
	return f.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "mcp:run"})
}

// post returns a call with a token.
func (f *fixture) post(body string) *http.Request {
	f.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+f.public+"/mcp", strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+f.token())
	return req
}

// get returns a request for a stream.
func (f *fixture) get(ctx context.Context) *http.Request {
	f.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.public+"/mcp", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer "+f.token())
	return req
}

// answer is a response.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request on a connection of its own.
func (f *fixture) do(req *http.Request) answer {
	f.t.Helper()
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	return f.through(transport, req)
}

// through sends a request with a transport.
func (f *fixture) through(transport http.RoundTripper, req *http.Request) answer {
	f.t.Helper()
	res, err := transport.RoundTrip(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

// raw sends text on a connection and returns the responses until the gate closes it: after a request
// that closes the connection, or when a limit for reading is over.
func (f *fixture) raw(text string) (all []answer) {
	f.t.Helper()
	conn, err := new(net.Dialer).DialContext(f.t.Context(), "tcp", f.public)
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		f.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		f.t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(reader, nil)
		if err != nil {
			if len(all) == 0 {
				all = []answer{{}} // no response at all
			}
			return all
		}
		if res.StatusCode == http.StatusContinue {
			continue
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		all = append(all, answer{res.StatusCode, res.Header, string(body)})
	}
}

// fetch gets a path of the admin listener.
func (f *fixture) fetch(path string) answer {
	f.t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+f.admin+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.do(req)
}

// recorder is an upstream that records the requests that it gets.
type recorder struct {
	mu       sync.Mutex
	requests []recorded
	respond  http.HandlerFunc // nil: an empty JSON object
}

type recorded struct {
	method, uri, host, body string
	header, trailer         http.Header
	length                  int64
	coding                  []string
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.requests = append(r.requests, recorded{req.Method, req.RequestURI, req.Host, string(body), req.Header.Clone(), req.Trailer.Clone(), req.ContentLength, req.TransferEncoding})
	r.mu.Unlock()
	if r.respond != nil {
		r.respond(w, req)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, "{}")
}

// take returns the recorded requests and forgets them.
func (r *recorder) take() []recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.requests
	r.requests = nil
	return all
}

// one returns the only recorded request.
func (r *recorder) one(t testing.TB) recorded {
	t.Helper()
	all := r.take()
	if len(all) != 1 {
		t.Fatalf("the upstream got %d requests, want 1", len(all))
	}
	return all[0]
}
