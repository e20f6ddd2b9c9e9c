package sdktest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// An op is one operation: as warder decided on it, or as an SDK dispatched it.
type op struct {
	method    string
	name      string // tool, prompt, resource, task or reference; "" if it has none
	arguments string // of a tool, compact JSON; "" if absent or null
}

func (o op) String() string {
	return strings.TrimSpace(o.method + " " + o.name + " " + o.arguments)
}

// A passage is one HTTP request on its way through warder to an SDK.
type passage struct {
	mu      *sync.Mutex // the watch's: of the official SDK's SSE transport late events are looked up here
	letter  letter
	decided []op     // what warder asked its rules about
	passed  bool     // the SDK's handler was reached
	body    []byte   // that the SDK's handler was given
	ran     []string // what handlers ran, as "tool echo"
	onPass  func()   // called before the SDK's handler is; may be nil
}

// decide is told what warder decides on.
func (p *passage) decide(o op) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decided = append(p.decided, o)
}

// pass is told that the SDK's handler is about to be called.
func (p *passage) pass(body []byte) {
	p.mu.Lock()
	p.passed, p.body = true, body
	p.mu.Unlock()
	if p.onPass != nil {
		p.onPass()
	}
}

// A watch sees what an SDK does and compares it with what was decided about that very
// request. Faults are collected, since much happens on other goroutines.
type watch struct {
	mu       sync.Mutex
	passages map[string]*passage // by the value of passageHeader
	latest   *passage
	before   *passage // the latest
	faults   []string
	serial   int
}

// passageHeader carries the key of the passage. The SDKs hand headers to their
// handlers, and so a run is ascribed to its own request, however late it comes.
const passageHeader = "X-Passage"

func newWatch() *watch { return &watch{passages: map[string]*passage{}} }

type watchKey struct{}

// begin registers a request that is about to be sent.
func (w *watch) begin(req *http.Request, l letter) (*http.Request, *passage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serial++
	key := strconv.Itoa(w.serial)
	delete(w.passages, strconv.Itoa(w.serial-1000)) // a fuzzer sends millions
	p := &passage{mu: &w.mu, letter: l}
	w.passages[key], w.before, w.latest = p, w.latest, p
	req.Header.Set(passageHeader, key)
	return req.WithContext(context.WithValue(req.Context(), watchKey{}, p)), p
}

// find returns the passage that the headers belong to. The official SDK's SSE transport
// has no headers, and answers a notification before it handles it: without headers it
// is the latest passage, or the one before if that fits better.
func (w *watch) find(header http.Header, o op) *passage {
	if p := w.passages[header.Get(passageHeader)]; p != nil {
		return p
	}
	if !slices.Contains(w.latest.decided, o) && w.before != nil && slices.Contains(w.before.decided, o) {
		return w.before
	}
	return w.latest
}

func (w *watch) fault(p *passage, format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...)+"\n\tdecided: "+fmt.Sprint(p.decided)+"\n\trequest: "+p.letter.String())
}

// dispatched is told what an SDK is about to do, decoded by its own decoder.
func (w *watch) dispatched(header http.Header, o op) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.find(header, o)
	if !p.passed {
		w.fault(p, "dispatched, though refused: %v", o)
	}
	if !slices.Contains(p.decided, o) && !(p.letter.token == nobody && isPublic(o)) {
		w.fault(p, "dispatched, but not decided on: %v", o)
	}
}

// run is told by a handler that it runs. Nothing may that the caller lacks scopes for.
func (w *watch) run(header http.Header, what string, forbidden bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.find(header, op{})
	p.ran = append(p.ran, what)
	if !p.passed || forbidden && p.letter.token != "all" {
		w.fault(p, "ran, though forbidden: %s", what)
	}
}

// take returns what a request ran, and all faults so far.
func (w *watch) take(p *passage) (ran, faults []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.faults = nil }()
	return slices.Sorted(slices.Values(p.ran)), w.faults
}

// compact makes arguments comparable: null and absent are the same.
func compact(raw []byte) string {
	var out bytes.Buffer
	if len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return ""
	}
	if err := json.Compact(&out, raw); err != nil {
		return "no JSON: " + string(raw)
	}
	return out.String()
}
