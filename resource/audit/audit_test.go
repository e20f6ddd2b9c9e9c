package audit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/audit"
	"github.com/warder-go/warder/resource/resourcetest"
)

const identifier = "https://mcp.example.test/mcp"

// A world is a resource with an audit log.
type world struct {
	issuer   *resourcetest.Issuer
	log      *audit.Log
	resource *resource.Resource
	registry *prometheus.Registry
}

func newWorld(t *testing.T, issuer *resourcetest.Issuer, handler slog.Handler, queue int) *world {
	t.Helper()
	w := &world{issuer: issuer, registry: prometheus.NewRegistry()}
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	if w.log, err = audit.New(audit.Config{Handler: handler, QueueEvents: queue}); err != nil {
		t.Fatal(err)
	}
	w.resource, err = resource.New(resource.Config{
		Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier}}, Hooks: resource.Hooks{Observers: []resource.Observer{w.log}},
		Operations: resource.Operations{Tools: map[string][]string{"delete": {"admin", "write"}}}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.registry.MustRegister(w.resource.Metrics())
	return w
}

func newIssuer(t *testing.T) *resourcetest.Issuer {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	return issuer
}

func request(token string) *http.Request {
	const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete","arguments":{"password":"hunter2"}}}`
	req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

// count sums the series of a name whose labels contain one value.
func (w *world) count(t *testing.T, name, label string) (sum int) {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if family.GetName() == name && (label == "" && l.GetName() == "resource" || label != "" && l.GetValue() == label) {
					sum += int(m.GetCounter().GetValue() + m.GetGauge().GetValue())
				}
			}
		}
	}
	return sum
}

// Every attribute of a record, and nothing else.
func TestRecords(t *testing.T) {
	issuer := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		w := newWorld(t, issuer, slog.NewJSONHandler(&out, nil), 0)
		ctx, end := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.log.Run(ctx) }()
		const trace = "0af7651916cd43dd8448eb211c80319c"
		hash := fmt.Sprintf("%x", sha256.Sum256([]byte("token-1")))
		operations := []any{map[string]any{"method": "tools/call", "name": "delete"}}
		for _, row := range []struct {
			name  string
			token string
			want  map[string]any
		}{
			{"accepted", issuer.Token(resourcetest.Token{Audience: identifier, Scope: "admin write", Claims: map[string]any{"jti": "token-1"}}),
				map[string]any{"decision": "accepted", "subject": "alice", "jti_sha256": hash, "operations": operations}},
			{"a scope is missing", issuer.Token(resourcetest.Token{Audience: identifier, Scope: "read", Claims: map[string]any{"jti": "token-1"}}),
				map[string]any{"decision": "denied", "reason": "insufficient_scope", "status": 403., "subject": "alice", "jti_sha256": hash, "operations": operations, "scopes_needed": []any{"admin", "write"}}},
			{"forged: nobody is named", issuer.Token(resourcetest.Token{Audience: identifier, IssuedAt: time.Now().Add(-2 * time.Minute), Fault: resourcetest.WrongSignature}),
				map[string]any{"decision": "denied", "reason": "signature_invalid", "status": 401.}},
			{"nothing came", "", map[string]any{"decision": "denied", "reason": "missing_credentials", "status": 401.}},
		} {
			w.resource.Authenticate(request(row.token))
			synctest.Wait()
			if strings.Contains(out.String(), "hunter2") {
				t.Errorf("%s: arguments in %s", row.name, out.String())
			}
			got := map[string]any{}
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatalf("%s: %q: %v", row.name, out.String(), err)
			}
			out.Reset()
			if when, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got["time"])); err != nil || !when.Equal(time.Now()) {
				t.Errorf("%s: time is %v", row.name, got["time"])
			}
			delete(got, "time")
			row.want["schema"], row.want["level"], row.want["msg"], row.want["resource"], row.want["trace_id"] = audit.Schema, "INFO", "decision", identifier, trace
			if row.token != "" {
				row.want["issuer"], row.want["credential"] = issuer.Identifier(), "jwt"
			}
			if row.want["subject"] != nil {
				row.want["client"] = "test-client"
			}
			if fmt.Sprint(got) != fmt.Sprint(row.want) {
				t.Errorf("%s:\n got %v\nwant %v", row.name, got, row.want)
			}
			time.Sleep(time.Minute)
		}
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A tallying handler counts records by what they say was decided.
type tallying struct {
	mu    sync.Mutex
	seen  map[string]int
	total int
	moved *sync.Cond
}

func newTallying() *tallying {
	h := &tallying{seen: map[string]int{}}
	h.moved = sync.NewCond(&h.mu)
	return h
}

func (*tallying) Enabled(context.Context, slog.Level) bool { return false } // is not asked
func (h *tallying) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (h *tallying) WithGroup(string) slog.Handler          { return h }
func (h *tallying) Handle(_ context.Context, r slog.Record) error {
	decision, reason := "", ""
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "decision":
			decision = a.Value.String()
		case "reason":
			reason = a.Value.String()
		}
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen[decision+" "+reason]++
	h.total++
	h.moved.Broadcast()
	return nil
}

func (h *tallying) waitFor(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.total < n {
		h.moved.Wait()
	}
}

// As many events as decisions, of each kind, over a million of them.
func TestEventsEqualDecisions(t *testing.T) {
	const rounds, workers, each = 50, 4, 5000
	handler := newTallying()
	w := newWorld(t, newIssuer(t), handler, workers*each)
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.log.Run(ctx) }()
	good := w.issuer.Token(resourcetest.Token{Audience: identifier})
	requests := []func() *http.Request{
		func() *http.Request { return bodyless(good) },
		func() *http.Request { return bodyless("") },
		func() *http.Request { return bodyless("no-jwt") },
		func() *http.Request { return bodyless(good) },
	}
	for round := range rounds {
		var workersDone sync.WaitGroup
		for n := range workers {
			workersDone.Go(func() {
				req := requests[n]()
				for range each {
					decision, _ := w.resource.Authenticate(req)
					decision.Done()
				}
			})
		}
		workersDone.Wait()
		handler.waitFor((round + 1) * workers * each) // else the queue could fill
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
	const of = rounds * each
	want := map[string]int{"accepted ": 2 * of, "denied missing_credentials": of, "denied opaque_unsupported": of}
	if fmt.Sprint(handler.seen) != fmt.Sprint(want) {
		t.Errorf("records: got %v, want %v", handler.seen, want)
	}
	if got := w.count(t, "warder_decisions_total", ""); got != handler.total || got != 1_000_000 {
		t.Errorf("%d decisions, %d records, want a million", got, handler.total)
	}
	if got := w.count(t, "warder_audit_events_total", "written"); got != handler.total {
		t.Errorf("%d records counted, %d written", got, handler.total)
	}
	if got := w.count(t, "warder_audit_events_total", "dropped"); got != 0 {
		t.Errorf("%d dropped", got)
	}
}

func bodyless(token string) *http.Request {
	req := httptest.NewRequest(http.MethodDelete, identifier, nil)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

// A stuck handler holds up no request; what has no room is counted.
func TestOverflowIsCounted(t *testing.T) {
	issuer := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		handler := newTallying()
		w := newWorld(t, issuer, blocking{handler, stuck}, 10)
		ctx, end := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.log.Run(ctx) }()
		w.resource.Authenticate(bodyless(""))
		synctest.Wait() // this one is with the handler
		began := time.Now()
		for range 100 {
			w.resource.Authenticate(bodyless(""))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("requests waited %s", took)
		}
		if dropped, waiting := w.count(t, "warder_audit_events_total", "dropped"), w.count(t, "warder_audit_waiting", ""); dropped != 90 || waiting != 10 {
			t.Errorf("%d dropped and %d waiting, want 90 and 10", dropped, waiting)
		}
		if err := w.log.Run(ctx); err == nil {
			t.Error("two of Run at one time")
		}
		end()
		close(stuck)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := w.count(t, "warder_audit_events_total", "written"); got != 11 || handler.total != 11 {
			t.Errorf("%d written, %d of them there; the queue was not emptied at the end", got, handler.total)
		}
		w.resource.Authenticate(bodyless(""))
		if w.count(t, "warder_audit_waiting", "") != 1 {
			t.Error("what comes after the end is not in the queue")
		}
		if err := w.log.Run(ctx); err != nil || handler.total != 12 {
			t.Errorf("a second run: %v, %d records", err, handler.total)
		}
	})
}

type blocking struct {
	*tallying
	until chan struct{}
}

func (b blocking) Handle(ctx context.Context, r slog.Record) error {
	<-b.until
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return b.tallying.Handle(ctx, r)
}

type failing struct{ *tallying }

func (f failing) Handle(ctx context.Context, r slog.Record) error {
	if err := f.tallying.Handle(ctx, r); f.total%2 == 0 {
		return err
	}
	if f.total%3 == 0 {
		panic("disk")
	}
	return errors.New("disk full")
}

// A handler that fails or panics costs its record, which is counted.
func TestFailuresAreCounted(t *testing.T) {
	w := newWorld(t, newIssuer(t), failing{newTallying()}, 100)
	for range 12 {
		w.resource.Authenticate(bodyless(""))
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	if err := w.log.Run(ctx); err != nil {
		t.Error(err)
	}
	if written, failed := w.count(t, "warder_audit_events_total", "written"), w.count(t, "warder_audit_events_total", "failed"); written != 6 || failed != 6 {
		t.Errorf("%d written, %d failed, want 6 and 6", written, failed)
	}
	if problems, err := testutil.GatherAndLint(w.registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}

func TestConfiguration(t *testing.T) {
	for _, row := range []struct {
		name   string
		config audit.Config
		want   string
	}{
		{"nothing", audit.Config{}, "audit: configuration: Handler: nil; use slog.NewJSONHandler with a file of its own"},
		{"negative", audit.Config{Handler: slog.DiscardHandler, QueueEvents: -1}, "audit: configuration: QueueEvents: -1 is not between 1 and 1000000"},
		{"too much", audit.Config{QueueEvents: audit.MaxQueueEvents + 1}, "audit: configuration: Handler: nil; use slog.NewJSONHandler with a file of its own\nQueueEvents: 1000001 is not between 1 and 1000000"},
		{"the most", audit.Config{Handler: slog.DiscardHandler, QueueEvents: audit.MaxQueueEvents}, ""},
	} {
		_, err := audit.New(row.config)
		if got := fmt.Sprint(err); row.want != got && (row.want != "" || err != nil) {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}
