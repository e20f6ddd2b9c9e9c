package resource

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Observer is told of every decision that a resource takes: what
// warder_decisions_total counts, it sees. Package resource/audit has one that writes
// a record of each.
//
// Observe is called by the request's own goroutine, before the request is answered or
// handed on, and concurrently. It must be quick, must not block, and must not change
// what it is given. A panic costs the event, not the answer, and is counted. An
// Observer that is a prometheus.Collector is in [Resource.Metrics].
type Observer interface {
	Observe(ctx context.Context, e Event)
}

// Event is one decision. It holds nothing of the token, and nothing that the client
// said of itself unproven but the names in Operations and TraceID.
type Event struct {
	Time     time.Time
	Resource string // Config.Identifier
	Result   string // accepted, denied, unavailable or error, as in warder_decisions_total
	Reason   Reason // "" if accepted
	Status   int    // of the answer; 0 if accepted

	// Caller is whom the issuer vouches for; nil if the request was refused before
	// that was known, and for a public operation without credentials.
	Caller *Caller

	// Issuer is the configured one that the credential belongs to or claims to be of;
	// "" if none does. Credential is as in [Caller.Credential]; "" if none was read.
	Issuer     string
	Credential string

	// Operations is what the body asks for, without arguments: only where
	// Config.Operations had it read, and before that was refused. Headers are no
	// source of it. At most [MaxBatch] are told; a name is cut after 256 bytes, and what
	// can't be printed in it is "?".
	Operations []Operation

	// Needed is what the challenge of an insufficient_scope asks for; nil otherwise.
	Needed []string

	TraceID string // from a valid traceparent header (W3C Trace Context); else ""
}

func (b *builder) observers(r *Resource) {
	r.observers = slices.Clone(b.config.Observers)
	for n, o := range r.observers {
		if isNil(o) {
			b.mistake("Observers[%d]: nil; leave it out", n)
		} else if slices.ContainsFunc(r.observers[:n], func(other Observer) bool { return same(other, o) }) {
			b.mistake("Observers[%d]: stands twice; it would be told of each decision twice", n)
		}
	}
}

// tell tells the observers, if there are any, of a decision. f is nil if it accepts.
func (r *Resource) tell(ctx context.Context, header http.Header, caller *Caller, about []*message, f *fault) {
	if len(r.observers) == 0 {
		return
	}
	e := Event{Time: time.Now(), Resource: r.document.Resource, Result: resultAccepted,
		Caller: caller, TraceID: traceID(header), Operations: operationsOf(about)}
	if f != nil {
		o := outcomes[f.reason]
		e.Result, e.Reason, e.Status = o.result(), f.reason, o.status
		e.Needed = slices.Clone(f.needed)
		e.Issuer, e.Credential = f.issuer, f.how
	}
	if caller != nil {
		e.Issuer, e.Credential = caller.Issuer(), caller.Credential()
	}
	for _, o := range r.observers {
		r.tellOne(ctx, o, e)
	}
}

func (r *Resource) tellOne(ctx context.Context, o Observer, e Event) {
	defer func() {
		if recover() != nil {
			r.metrics.panics.Inc()
		}
	}()
	o.Observe(ctx, e)
}

// operationsOf names what messages ask for; responses ask for nothing.
func operationsOf(about []*message) (all []Operation) {
	for _, m := range about {
		if m.method != "" {
			for _, name := range m.about() {
				if len(all) == MaxBatch {
					return all
				}
				all = append(all, Operation{Method: printable(m.method), Name: printable(name)})
			}
		}
	}
	return all
}

// traceID returns the trace of a traceparent header: version 00, or a later one that
// begins like it (W3C Trace Context §3.2 and §4.3). Anything else is none.
func traceID(header http.Header) string {
	values := header["Traceparent"]
	if len(values) != 1 {
		return ""
	}
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	v := values[0]
	if len(v) < length || v[2] != '-' || v[35] != '-' || v[52] != '-' || v[:2] == "ff" ||
		len(v) > length && (v[:2] == "00" || v[length] != '-') {
		return ""
	}
	trace, parent := v[3:35], v[36:52]
	if !isHex(v[:2]) || !isHex(trace) || !isHex(parent) || !isHex(v[53:55]) ||
		strings.Trim(trace, "0") == "" || strings.Trim(parent, "0") == "" {
		return ""
	}
	return strings.Clone(trace) // not the header, which may be long
}

// isHex wants lower case, as W3C Trace Context does.
func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
