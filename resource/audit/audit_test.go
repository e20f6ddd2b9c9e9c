package audit_test

import (
	"bytes"
	"context"
	"crypto/hmac"
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

// digestKey is the key of the digests in the records.
var digestKey = bytes.Repeat([]byte{1}, 32)

// A fixture is a resource with an audit log.
type fixture struct {
	issuer   *resourcetest.Issuer
	log      *audit.Log
	resource *resource.Resource
	registry *prometheus.Registry
}

func newFixture(t *testing.T, issuer *resourcetest.Issuer, handler slog.Handler, queue int) *fixture {
	t.Helper()
	f := &fixture{issuer: issuer, registry: prometheus.NewRegistry()}
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	if f.log, err = audit.New(audit.Config{Handler: handler, AcceptedQueueEvents: queue, OtherQueueEvents: queue}); err != nil {
		t.Fatal(err)
	}
	f.resource, err = resource.New(resource.Config{
		Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier}}, Hooks: resource.Hooks{Observers: []resource.Observer{f.log},
			Revocations: resource.RevocationFunc(func(_ context.Context, c *resource.Caller) (bool, error) { return c.Subject() == "mallory", nil })},
		Credentials: resource.Credentials{DigestKey: digestKey},
		Operations:  resource.Operations{Tools: map[string][]string{"delete": {"admin", "write"}}}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	f.registry.MustRegister(f.resource.Metrics())
	return f
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

// count returns the sum of the series with a name and a label value. If label is empty, the
// series need a label with the name resource.
func (f *fixture) count(t *testing.T, name, label string) (sum int) {
	t.Helper()
	families, err := f.registry.Gather()
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

// Each record has exactly the expected attributes.
func TestRecords(t *testing.T) {
	issuer := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		f := newFixture(t, issuer, slog.NewJSONHandler(&out, nil), 0)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- f.log.Run(ctx) }()
		const trace = "0af7651916cd43dd8448eb211c80319c"
		hmacOf := func(text string) string {
			mac := hmac.New(sha256.New, digestKey)
			mac.Write([]byte(text))
			return fmt.Sprintf("%x", mac.Sum(nil)[:8])
		}
		hash := hmacOf("token-1")
		operations := []any{map[string]any{"method": "tools/call", "name": "delete"}}
		for n, row := range []struct {
			name  string
			token string
			want  map[string]any
		}{
			{"accepted", issuer.Token(resourcetest.Token{Audience: identifier, Scope: "admin write", Claims: map[string]any{"jti": "token-1"}}),
				map[string]any{"decision": "accepted", "subject": "alice", "principal": "sub", "jti_digest": hash, "operations": operations}},
			{"a scope is missing", issuer.Token(resourcetest.Token{Audience: identifier, Scope: "read", Claims: map[string]any{"jti": "token-1"}}),
				map[string]any{"decision": "denied", "reason": "insufficient_scope", "status": 403., "subject": "alice", "principal": "sub", "jti_digest": hash, "operations": operations, "scopes_needed": []any{"admin", "write"}}},
			{"forged signature, without subject and client", issuer.Token(resourcetest.Token{Audience: identifier, Fault: resourcetest.WrongSignature, Claims: map[string]any{"jti": "forged-1"}}),
				map[string]any{"decision": "denied", "reason": "signature_invalid", "status": 401., "claimed_subject": "alice", "claimed_jti_digest": hmacOf("forged-1")}},
			{"no credentials", "", map[string]any{"decision": "denied", "reason": "missing_credentials", "status": 401.}},
		} {
			f.resource.Authenticate(request(row.token))
			synctest.Wait()
			if strings.Contains(out.String(), "hunter2") {
				t.Errorf("%s: arguments are in %s", row.name, out.String())
			}
			got := map[string]any{}
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatalf("%s: %q: %v", row.name, out.String(), err)
			}
			out.Reset()
			if when, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got["time"])); err != nil || !when.Equal(time.Now()) {
				t.Errorf("%s: got time %v, want the current time", row.name, got["time"])
			}
			delete(got, "time")
			row.want["schema"], row.want["level"], row.want["msg"], row.want["resource"], row.want["trace_id"] = audit.Schema, "INFO", "decision", identifier, trace
			row.want["sequence"] = n + 1
			if row.token != "" {
				row.want["issuer"], row.want["credential"] = issuer.Identifier(), "jwt"
			}
			if row.want["subject"] != nil {
				row.want["client"] = "test-client"
			}
			if tokenDigest, ok := got["token_digest"].(string); ok != (row.want["subject"] == nil && row.token != "") || ok && len(tokenDigest) < 16 {
				t.Errorf("%s: got token_digest %q, want one if a token was rejected before it was verified", row.name, tokenDigest)
			}
			delete(got, "token_digest")
			if fmt.Sprint(got) != fmt.Sprint(row.want) {
				t.Errorf("%s:\n got %v\nwant %v", row.name, got, row.want)
			}
			time.Sleep(time.Minute)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A countingHandler counts records by decision and reason.
type countingHandler struct {
	mu      sync.Mutex
	seen    map[string]int
	total   int
	changed *sync.Cond
}

func newCountingHandler() *countingHandler {
	h := &countingHandler{seen: map[string]int{}}
	h.changed = sync.NewCond(&h.mu)
	return h
}

func (*countingHandler) Enabled(context.Context, slog.Level) bool { return false } // must not be called
func (h *countingHandler) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (h *countingHandler) WithGroup(string) slog.Handler          { return h }
func (h *countingHandler) Handle(_ context.Context, r slog.Record) error {
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
	h.changed.Broadcast()
	return nil
}

func (h *countingHandler) waitFor(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.total < n {
		h.changed.Wait()
	}
}

// The number of records of each kind equals the number of decisions, for a million
// decisions.
func TestEventsEqualDecisions(t *testing.T) {
	const workers, perWorker = 4, 5000
	rounds := 50 // a million decisions
	if testing.Short() {
		rounds = 5
	}
	handler := newCountingHandler()
	f := newFixture(t, newIssuer(t), handler, workers*perWorker)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.log.Run(ctx) }()
	valid := f.issuer.Token(resourcetest.Token{Audience: identifier})
	requests := []func() *http.Request{
		func() *http.Request { return bodyless(valid) },
		func() *http.Request { return bodyless("") },
		func() *http.Request { return bodyless("opaque") },
		func() *http.Request { return bodyless(valid) },
	}
	for round := range rounds {
		var workersDone sync.WaitGroup
		for n := range workers {
			workersDone.Go(func() {
				req := requests[n]()
				for range perWorker {
					decision, _ := f.resource.Authenticate(req)
					decision.Done()
				}
			})
		}
		workersDone.Wait()
		handler.waitFor((round + 1) * workers * perWorker) // so that the queue does not overflow
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	perKind := rounds * perWorker
	want := map[string]int{"accepted ": 2 * perKind, "denied missing_credentials": perKind, "denied opaque_unsupported": perKind}
	if fmt.Sprint(handler.seen) != fmt.Sprint(want) {
		t.Errorf("records: got %v, want %v", handler.seen, want)
	}
	if got := f.count(t, "warder_decisions_total", ""); got != handler.total || got != workers*perKind {
		t.Errorf("got %d decisions and %d records, want %d", got, handler.total, workers*perKind)
	}
	if got := f.count(t, "warder_audit_events_total", "written"); got != handler.total {
		t.Errorf("got %d in the metric, want %d", got, handler.total)
	}
	if got := f.count(t, "warder_audit_events_total", "dropped"); got != 0 {
		t.Errorf("got %d dropped events, want 0", got)
	}
}

func bodyless(token string) *http.Request {
	req := httptest.NewRequest(http.MethodDelete, identifier, nil)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

// A blocked handler does not delay requests. Events that do not fit in the queue are
// counted.
func TestOverflowIsCounted(t *testing.T) {
	issuer := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		unblock := make(chan struct{})
		handler := newCountingHandler()
		f := newFixture(t, issuer, blockingHandler{handler, unblock}, 10)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- f.log.Run(ctx) }()
		f.resource.Authenticate(bodyless(""))
		synctest.Wait() // the handler has this event
		start := time.Now()
		for range 100 {
			f.resource.Authenticate(bodyless(""))
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("requests took %s, want 0", took)
		}
		if dropped, waiting := f.count(t, "warder_audit_events_total", "dropped"), f.count(t, "warder_audit_waiting", ""); dropped != 90 || waiting != 10 {
			t.Errorf("got %d dropped and %d waiting, want 90 and 10", dropped, waiting)
		}
		if err := f.log.Run(ctx); err == nil {
			t.Error("a concurrent second Run returned no error")
		}
		cancel()
		close(unblock)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := f.count(t, "warder_audit_events_total", "written"); got != 11 || handler.total != 12 {
			t.Errorf("got %d written events and %d records, want 11 and 12, one of them about dropped events: the queue must be empty after Run", got, handler.total)
		}
		f.resource.Authenticate(bodyless(""))
		if f.count(t, "warder_audit_waiting", "") != 1 {
			t.Error("an event after the end of Run is not in the queue")
		}
		if err := f.log.Run(ctx); err != nil || handler.total != 13 {
			t.Errorf("second Run: got %v and %d records, want nil and 13", err, handler.total)
		}
	})
}

type blockingHandler struct {
	*countingHandler
	until chan struct{}
}

func (h blockingHandler) Handle(ctx context.Context, r slog.Record) error {
	<-h.until
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return h.countingHandler.Handle(ctx, r)
}

type failingHandler struct{ *countingHandler }

func (h failingHandler) Handle(ctx context.Context, r slog.Record) error {
	if err := h.countingHandler.Handle(ctx, r); h.total%2 == 0 {
		return err
	}
	if h.total%3 == 0 {
		panic("disk")
	}
	return errors.New("disk full")
}

// Records are counted as failed if the handler returns an error or panics.
func TestFailuresAreCounted(t *testing.T) {
	f := newFixture(t, newIssuer(t), failingHandler{newCountingHandler()}, 100)
	for range 12 {
		f.resource.Authenticate(bodyless(""))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.log.Run(ctx); err != nil {
		t.Error(err)
	}
	if written, failed := f.count(t, "warder_audit_events_total", "written"), f.count(t, "warder_audit_events_total", "failed"); written != 6 || failed != 6 {
		t.Errorf("got %d written and %d failed, want 6 and 6", written, failed)
	}
	if problems, err := testutil.GatherAndLint(f.registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}

func TestConfiguration(t *testing.T) {
	for _, row := range []struct {
		name   string
		config audit.Config
		want   string
	}{
		{"empty", audit.Config{}, "audit: configuration: Handler: is nil; use slog.NewJSONHandler with a separate file"},
		{"negative queue", audit.Config{Handler: slog.DiscardHandler, AcceptedQueueEvents: -1}, "audit: configuration: AcceptedQueueEvents: -1 is not between 1 and 1000000"},
		{"negative queue for other requests", audit.Config{Handler: slog.DiscardHandler, OtherQueueEvents: -1}, "audit: configuration: OtherQueueEvents: -1 is not between 1 and 1000000"},
		{"queue above the limit", audit.Config{AcceptedQueueEvents: audit.MaxQueueEvents + 1}, "audit: configuration: Handler: is nil; use slog.NewJSONHandler with a separate file\nAcceptedQueueEvents: 1000001 is not between 1 and 1000000"},
		{"largest queue", audit.Config{Handler: slog.DiscardHandler, AcceptedQueueEvents: audit.MaxQueueEvents, OtherQueueEvents: audit.MaxQueueEvents}, ""},
	} {
		_, err := audit.New(row.config)
		if got := fmt.Sprint(err); row.want != got && (row.want != "" || err != nil) {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}
