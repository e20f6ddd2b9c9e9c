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

// op is an operation as warder decided on it or as an SDK dispatched it.
type op struct {
	method    string
	name      string // tool, prompt, resource, task or reference; "" if it has none
	arguments string // of a tool, compact JSON; "" if absent or null
}

func (o op) String() string {
	return strings.TrimSpace(o.method + " " + o.name + " " + o.arguments)
}

// record is what warder decided about one HTTP request and what the SDK did with it.
type record struct {
	mu       *sync.Mutex // that of the observer, because find reads records of earlier requests
	request  clientRequest
	decided  []op     // the operations for which warder called Operations.Rule
	accepted bool     // the SDK's handler was called
	body     []byte   // as passed to the SDK's handler
	executed []string // such as "tool echo"
	onAccept func()   // called before the SDK's handler; can be nil
}

// addDecision records an operation that warder decides on.
func (rec *record) addDecision(o op) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.decided = append(rec.decided, o)
}

// accept records that the SDK's handler is about to be called.
func (rec *record) accept(body []byte) {
	rec.mu.Lock()
	rec.accepted, rec.body = true, body
	rec.mu.Unlock()
	if rec.onAccept != nil {
		rec.onAccept()
	}
}

// observer compares the operations that an SDK dispatches and executes with the decisions about the
// same request. It collects faults, because SDKs use other goroutines.
type observer struct {
	mu       sync.Mutex
	records  map[string]*record // by the value of recordHeader
	latest   *record
	previous *record // the one before latest
	faults   []string
	serial   int
}

// recordHeader is a request header with the key of the record. The SDKs pass the headers to their
// handlers, so each execution is assigned to its request, even if it is late.
const recordHeader = "X-Test-Request"

func newObserver() *observer { return &observer{records: map[string]*record{}} }

// recordKey is the context key of the record.
type recordKey struct{}

// begin registers a request that is about to be sent.
func (obs *observer) begin(req *http.Request, cr clientRequest) (*http.Request, *record) {
	obs.mu.Lock()
	defer obs.mu.Unlock()
	obs.serial++
	key := strconv.Itoa(obs.serial)
	delete(obs.records, strconv.Itoa(obs.serial-1000)) // limits the memory that fuzzing uses
	rec := &record{mu: &obs.mu, request: cr}
	obs.records[key], obs.previous, obs.latest = rec, obs.latest, rec
	req.Header.Set(recordHeader, key)
	return req.WithContext(context.WithValue(req.Context(), recordKey{}, rec)), rec
}

// find returns the record that the headers belong to. Without headers it is the latest record, or
// the previous one if only that has a decision about o: the official SDK's SSE transport passes no
// headers, and it responds to a notification before it handles it.
func (obs *observer) find(header http.Header, o op) *record {
	if rec := obs.records[header.Get(recordHeader)]; rec != nil {
		return rec
	}
	if !slices.Contains(obs.latest.decided, o) && obs.previous != nil && slices.Contains(obs.previous.decided, o) {
		return obs.previous
	}
	return obs.latest
}

// addFault requires obs.mu.
func (obs *observer) addFault(rec *record, format string, args ...any) {
	obs.faults = append(obs.faults, fmt.Sprintf(format, args...)+"\n\tdecided: "+fmt.Sprint(rec.decided)+"\n\trequest: "+rec.request.String())
}

// dispatched checks that warder accepted an operation and decided on it, when an SDK is about to
// execute it. o is the message as the SDK decoded it.
func (obs *observer) dispatched(header http.Header, o op) {
	obs.mu.Lock()
	defer obs.mu.Unlock()
	rec := obs.find(header, o)
	if !rec.accepted {
		obs.addFault(rec, "dispatched, although rejected: %v", o)
	}
	if !slices.Contains(rec.decided, o) && !(rec.request.token == noToken && isPublic(o)) {
		obs.addFault(rec, "dispatched without a decision: %v", o)
	}
}

// executed records that a handler is executed, and checks that the caller has the scopes for it.
func (obs *observer) executed(header http.Header, operation string, forbidden bool) {
	obs.mu.Lock()
	defer obs.mu.Unlock()
	rec := obs.find(header, op{})
	rec.executed = append(rec.executed, operation)
	if !rec.accepted || forbidden && rec.request.token != "all" {
		obs.addFault(rec, "executed, although forbidden: %s", operation)
	}
}

// result returns the operations that a request executed, and all faults since the last call.
func (obs *observer) result(rec *record) (executed, faults []string) {
	obs.mu.Lock()
	defer obs.mu.Unlock()
	defer func() { obs.faults = nil }()
	return slices.Sorted(slices.Values(rec.executed)), obs.faults
}

// compact returns arguments as compact JSON, so that they can be compared. Absent arguments and null
// are the same.
func compact(raw []byte) string {
	var out bytes.Buffer
	if len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return ""
	}
	if err := json.Compact(&out, raw); err != nil {
		return "invalid JSON: " + string(raw)
	}
	return out.String()
}
