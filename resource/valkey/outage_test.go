package valkey_test

import (
	"context"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource/valkey"
)

// use makes a call that is not about lost data, and returns its error as text.
func use(ctx context.Context, s *valkey.Store, number int) string {
	err := s.Replays().Once(ctx, proof(1, number), time.Now().Add(time.Minute))
	if err == nil {
		return ""
	}
	return err.Error()
}

// isProof reports whether a command is a call about a proof.
func isProof(command []string) bool {
	return (command[0] == "EVALSHA" || command[0] == "EVAL") && command[2] == "3"
}

// most returns the highest number of goroutines while a function runs.
func most(function func()) int {
	highest := runtime.NumGoroutine()
	done := make(chan struct{})
	go func() {
		function()
		close(done)
	}()
	for {
		select {
		case <-done:
			return max(highest, runtime.NumGoroutine())
		default:
			highest = max(highest, runtime.NumGoroutine())
			runtime.Gosched()
		}
	}
}

// ends cancels contexts every millisecond.
type ends struct {
	mu  sync.Mutex
	all []context.CancelFunc
}

func newEnds(t *testing.T) *ends {
	e := new(ends)
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				e.cancel()
			case <-done:
				e.cancel()
				return
			}
		}
	})
	t.Cleanup(func() {
		close(done)
		running.Wait()
	})
	return e
}

func (e *ends) context(parent context.Context) context.Context {
	ctx, cancel := context.WithCancel(parent)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, cancel)
	return ctx
}

func (e *ends) cancel() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, cancel := range e.all {
		cancel()
	}
	e.all = nil
}

// A server that stops answering costs one goroutine for each running call, and at most MaxCalls
// more until the connection is closed. That is also so if clients end their requests early.
func TestHangingServer(t *testing.T) {
	const maxCalls, requests = 40, 60
	for _, row := range []struct {
		name    string
		patient bool
	}{
		{"patient clients", true},
		{"clients that end their requests", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var hangs atomic.Bool
			f := startFake(t, func(command []string) string {
				if hangs.Load() {
					return ""
				}
				return healthy(command)
			})
			s := open(t, valkey.Config{Addresses: []string{f.address()}, MaxCalls: maxCalls, Timeout: 200 * time.Millisecond})
			eventually(t, "a call succeeds", func() bool { return use(t.Context(), s, 0) == "" })
			ends := newEnds(t)
			before := runtime.NumGoroutine()
			hangs.Store(true)
			highest := most(func() {
				var all sync.WaitGroup
				for range requests {
					all.Go(func() {
						for n, began := 0, time.Now(); time.Since(began) < 500*time.Millisecond; n++ {
							ctx := t.Context()
							if !row.patient {
								ctx = ends.context(ctx)
							}
							if use(ctx, s, n) == "" {
								t.Error("a call succeeded")
							}
							if !row.patient {
								<-ctx.Done()
							}
						}
					})
				}
				all.Wait()
			})
			const constant = 20     // the test, the connection and the server
			const timers = maxCalls // each deadline has a goroutine for a moment
			if limit := before + requests + maxCalls + timers + constant; highest > limit {
				t.Errorf("got %d goroutines, want at most %d", highest, limit)
			}
			eventually(t, "the connection is closed", func() bool { return runtime.NumGoroutine() < before+constant })
			hangs.Store(false)
			eventually(t, "calls succeed again", func() bool { return use(t.Context(), s, 1) == "" })
		})
	}
}

// A server that accepts connections and never answers is called once per second, and a call neither
// waits for it nor costs a goroutine.
func TestSilentServer(t *testing.T) {
	f := startFake(t, func([]string) string { return "" })
	s := open(t, valkey.Config{Addresses: []string{f.address()}, Timeout: 20 * time.Millisecond})
	before, began := runtime.NumGoroutine(), time.Now()
	for n := 0; f.accepted.Load() < 3; n++ {
		if got := use(t.Context(), s, n); !strings.Contains(got, "not connected yet") && !strings.Contains(got, "did not answer in time") {
			t.Fatalf("got %q", got)
		}
		if got := runtime.NumGoroutine(); got > before+20 {
			t.Fatalf("got %d goroutines after %d", got, before)
		}
		runtime.Gosched()
	}
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("3 attempts took %s, want at least 2 s", took)
	}
}

// An address is tried even if those before it do not answer for longer than one attempt takes.
func TestManySilentServers(t *testing.T) {
	t.Parallel()
	var c valkey.Config
	for range 6 {
		c.Addresses = append(c.Addresses, startFake(t, func([]string) string { return "" }).address())
	}
	c.Addresses = append(c.Addresses, startFake(t, healthy).address())
	c.Mode, c.Timeout = valkey.Cluster, 5*time.Second
	s, began := open(t, c), time.Now()
	for use(t.Context(), s, 1) != "" {
		if time.Since(began) > 15*time.Second {
			t.Fatal("the last address was not tried")
		}
	}
}

// A store whose server is down can be opened. It connects when the server starts, without a call.
func TestServerStartsLater(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	var l logs
	s := open(t, valkey.Config{Addresses: []string{address}, Timeout: time.Second, Logger: l.logger()})
	if got := use(t.Context(), s, 1); !strings.Contains(got, "connection refused") {
		t.Errorf("got %q", got)
	}
	m := startMiniAt(t, address)
	eventually(t, "the store connects", func() bool { return strings.Contains(l.String(), "connected to the shared store") })
	if got := use(t.Context(), s, 2); got != "" {
		t.Errorf("got %q", got)
	}
	m.Close()
	eventually(t, "calls fail", func() bool { return use(t.Context(), s, 3) != "" })
}

// After five failures in a row, the server is not called for a second. Then it is called once.
func TestCircuit(t *testing.T) {
	var calls atomic.Int32
	var fails atomic.Bool
	fails.Store(true)
	f := startFake(t, func(command []string) string {
		if isProof(command) {
			calls.Add(1)
			if fails.Load() {
				return "-LOADING dataset in memory\r\n"
			}
		}
		return healthy(command)
	})
	s := open(t, valkey.Config{Addresses: []string{f.address()}, Timeout: 5 * time.Second})
	began := time.Now()
	for range 4 {
		use(t.Context(), s, 1)
	}
	fails.Store(false)
	use(t.Context(), s, 1) // a success: the failures are counted again
	fails.Store(true)
	for range 5 {
		if got := use(t.Context(), s, 1); !strings.Contains(got, "LOADING: the server is loading its data") {
			t.Errorf("got %q", got)
		}
	}
	for n := calls.Load(); time.Since(began) < 900*time.Millisecond; {
		if got := use(t.Context(), s, 1); !strings.Contains(got, "circuit open") || calls.Load() != n {
			if time.Since(began) < 900*time.Millisecond {
				t.Fatalf("got %q and %d calls, want %d", got, calls.Load(), n)
			}
		}
	}
	if got := metric(t, s, "warder_store_circuit_open", ""); got != 1 {
		t.Errorf("circuit_open: got %v, want 1", got)
	}
	fails.Store(false)
	eventually(t, "calls succeed again", func() bool { return use(t.Context(), s, 1) == "" })
	if got := metric(t, s, "warder_store_circuit_open", ""); got != 0 {
		t.Errorf("circuit_open: got %v, want 0", got)
	}
}

// Failures of calls that requests wait for do not stop the others: a server that is too slow for
// proofs can still return the revocations.
func TestCircuitIsForRequests(t *testing.T) {
	f := startFake(t, func(command []string) string {
		switch {
		case isProof(command) && strings.Contains(command[4], ":p:"):
			return "-LOADING dataset in memory\r\n"
		case isProof(command):
			return "*3\r\n$6\r\naaaa/1\r\n:0\r\n*0\r\n" // no revocations
		}
		return healthy(command)
	})
	s := open(t, valkey.Config{Addresses: []string{f.address()}, Timeout: 5 * time.Second})
	eventually(t, "the circuit opens", func() bool { return strings.Contains(use(t.Context(), s, 1), "circuit open") })
	if page, err := s.Revocations().Read(t.Context(), 0); err != nil || page.Data == "" {
		t.Errorf("reading revocations: got %v, %v", page, err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("Ready: got %v", err)
	}
}

// Answers that fail, which anyone can cause with invalid tokens, do not stop calls about proofs.
func TestCircuitOfAnswers(t *testing.T) {
	f := startFake(t, func(command []string) string {
		if command[0] == "GETRANGE" {
			return "-LOADING x\r\n"
		}
		return healthy(command)
	})
	s := openAt(t, f.address())
	for range 10 {
		_, _, _ = s.Answers().Get(t.Context(), introspect.AnswerKey{})
	}
	if _, _, err := s.Answers().Get(t.Context(), introspect.AnswerKey{}); err == nil || !strings.Contains(err.Error(), "circuit open") {
		t.Errorf("an answer: got %v", err)
	}
	once(t, s, proof(1, 1), nil)
	if got := metric(t, s, "warder_store_circuit_open", ""); got != 1 {
		t.Errorf("the metric is %v, want 1", got)
	}
}

// An error that another server is the primary makes the store connect again.
func TestNotThePrimary(t *testing.T) {
	for _, code := range []string{"READONLY", "MOVED", "MASTERDOWN"} {
		t.Run(code, func(t *testing.T) {
			f := startFake(t, beginning("-"+code+" x\r\n"))
			s := openAt(t, f.address())
			if got := use(t.Context(), s, 1); !strings.Contains(got, code) || f.accepted.Load() != 1 {
				t.Errorf("got %q and %d connections", got, f.accepted.Load())
			}
			eventually(t, "the store connects again", func() bool { return f.accepted.Load() == 2 })
		})
	}
}

// If MaxCalls calls are running, a further one fails at once. Calls about answers, and calls that no
// request waits for, have limits of their own: clients that cause many calls must not make the copy of
// the revocations outdated.
func TestTooManyCalls(t *testing.T) {
	begun, proceed := make(chan struct{}), make(chan struct{})
	f := startFake(t, func(command []string) string {
		if command[0] == "GETRANGE" {
			return "$0\r\n\r\n" // absent
		}
		if isProof(command) {
			if !strings.Contains(command[4], ":p:") {
				return "*3\r\n$6\r\naaaa/1\r\n:0\r\n*0\r\n" // no revocations
			}
			begun <- struct{}{}
			<-proceed
		}
		return healthy(command)
	})
	s := open(t, valkey.Config{Addresses: []string{f.address()}, MaxCalls: 1, Timeout: 5 * time.Second})
	first := make(chan string)
	go func() { first <- use(context.Background(), s, 1) }()
	<-begun
	if got := use(t.Context(), s, 2); !strings.Contains(got, "too many calls are running: raise MaxCalls") {
		t.Errorf("got %q", got)
	}
	inFlight := func() float64 { return metric(t, s, "warder_store_calls_in_flight", "") }
	if inFlight() == 0 {
		t.Error("in flight: got 0")
	}
	others := make(chan error, 2)
	go func() {
		_, err := s.Revocations().Read(context.Background(), 0)
		others <- err
	}()
	go func() {
		_, _, err := s.Answers().Get(context.Background(), introspect.AnswerKey{})
		others <- err
	}()
	eventually(t, "both calls have begun", func() bool { return inFlight() > 2 || len(others) > 0 })
	close(proceed)
	for range 2 {
		if err := <-others; err != nil {
			t.Errorf("another call: got %v", err)
		}
	}
	if got := <-first; got != "" {
		t.Errorf("the first call: got %q", got)
	}
}

// A call is not sent if its request has ended or has less than 5 ms. A call that was sent ends at
// its deadline, and not when the request is canceled.
func TestEndOfRequests(t *testing.T) {
	var calls atomic.Int32
	proceed := make(chan struct{})
	f := startFake(t, func(command []string) string {
		if isProof(command) {
			calls.Add(1)
			<-proceed
		}
		return healthy(command)
	})
	s := open(t, valkey.Config{Addresses: []string{f.address()}, Timeout: 5 * time.Second})
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	short, cancelShort := context.WithTimeout(t.Context(), 4*time.Millisecond)
	defer cancelShort()
	for _, ctx := range []context.Context{ended, short} {
		if got := use(ctx, s, 1); got == "" || calls.Load() != 0 {
			t.Errorf("got %q and %d calls", got, calls.Load())
		}
	}
	deadline, cancelDeadline := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancelDeadline()
	if got := use(deadline, s, 1); !strings.Contains(got, "did not answer in time") {
		t.Errorf("got %q", got)
	}
	canceled, cancelLater := context.WithCancel(t.Context())
	result := make(chan string)
	go func() { result <- use(canceled, s, 2) }()
	cancelLater()
	close(proceed)
	if got := <-result; got != "" && !strings.Contains(got, "context canceled") { // it was not sent if it was canceled first
		t.Errorf("got %q", got)
	}
}

// If the server closes the connection, the store connects again, at most once per second.
func TestLostConnections(t *testing.T) {
	f := startFake(t, healthy)
	s := open(t, valkey.Config{Addresses: []string{f.address()}, Timeout: 5 * time.Second})
	began := time.Now()
	for n := range 3 {
		if got := use(t.Context(), s, n); got != "" {
			t.Errorf("got %q", got)
		}
		f.disconnect()
		eventually(t, "the loss is noticed", func() bool { return metric(t, s, "warder_store_circuit_open", "") == 1 })
	}
	if got := use(t.Context(), s, 4); got != "" {
		t.Errorf("got %q", got)
	}
	if took := time.Since(began); took < 3*time.Second || f.accepted.Load() != 4 {
		t.Errorf("%d connections took %s, want 4 in at least 3 s", f.accepted.Load(), took)
	}
}
