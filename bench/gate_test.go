package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// The section has a table for each measurement, and each target of each gate has a result.
func TestGateSection(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: the measurements take some seconds")
	}
	r := measureGate(newPlan(true))
	text := gateSection(r).text
	const want = 4*4 + 2*2 // for each gate p50, two numbers of connections and allocations; two for the memory of streams
	if targets := gateTargets(r); len(targets) != want || strings.Count(text, "\n### ") != 5 {
		t.Errorf("got %d targets and this section, want %d targets and 5 tables:\n%s", len(targets), want, text)
	}
	if !strings.Contains(text, "oauth2-proxy is absent: not built in a quick run.") {
		t.Errorf("the section does not say why oauth2-proxy is absent:\n%s", text)
	}
	for _, s := range r.streams {
		if s.streams != 50 || s.before == 0 || s.peak < s.after {
			t.Errorf("got %+v, want 50 streams that take memory", s)
		}
	}
}

// Each gate and no other proxy requires a token. So the measured requests are decided about.
func TestGateNeedsToken(t *testing.T) {
	b := newGateBench(newGatePlan(newPlan(true)))
	t.Cleanup(b.close)
	upstream := b.startUpstream()
	t.Cleanup(upstream.stop)
	for _, kind := range []string{plainKind, flushKind, gateKind, identityKind, rulesKind, bothKind} {
		h := b.setup(kind, "http://"+upstream.address).handler()
		b.sendCalls(h)(0) // panics unless it is accepted
		req := request("")
		req.RequestURI, req.RemoteAddr = "/mcp", "127.0.0.1:1234"
		req.URL.Scheme, req.URL.Host = "", ""
		want := http.StatusOK
		if isGate(kind) {
			want = http.StatusUnauthorized
		}
		if got := serveStatus(h, req); got != want {
			t.Errorf("%s: a request without a token got %d, want %d", kind, got, want)
		}
	}
}

// Missed targets and the absent peer are reported.
func TestGateTargets(t *testing.T) {
	r := gateResults{
		single:     []singleResult{{name: plainKind}, {name: gateKind, added: 101 * time.Microsecond}, {name: rulesKind, added: 40 * time.Microsecond}, {name: directKind}},
		throughput: []gateThroughput{{16, []loadResult{{name: plainKind, share: 1}, {name: gateKind, share: 0.84}, {name: rulesKind, share: 0.86}}}},
		handlers:   table{"", []measurement{{name: plainKind, allocs: 60}, {name: gateKind, allocs: 101}}},
		streams:    []streamResult{{plainKind, 10, 0, 1, 1}, {gateKind, 10, 1 << 20, 2 << 20, 3 << 20}},
		streamTime: 30 * time.Second, peer: "x could not be built",
	}
	want := targetList{
		{"gate: added at p50", "≤ 100 µs", "≤ 50 µs", "101 µs", "missed"},
		{"gate, operation rules: added at p50", "≤ 100 µs", "≤ 50 µs", "40 µs", "goal met"},
		{"gate, 16 connections: share of httputil.ReverseProxy", "≥ 0.85", "≥ 0.9", "0.84", "missed"},
		{"gate, operation rules, 16 connections: share of httputil.ReverseProxy", "≥ 0.85", "≥ 0.9", "0.86", "met"},
		{"gate: allocations above httputil.ReverseProxy", "≤ 30", "≤ 20", "41", "missed"},
		{"gate, 10 streams: memory of one", "≤ 100 KiB", "≤ 64 KiB", "204.8 KiB", "missed"},
		{"gate, 10 streams: growth in 30s, ×", "≤ 1.1", "≤ 1.02", "1.5", "missed"},
	}
	got := gateTargets(r)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("(-want +got)\n- %v\n+ %v", want, got)
		}
	}
	if note := r.peerNote(); note != "oauth2-proxy is absent: x could not be built." {
		t.Errorf("got the note %q", note)
	}
}
