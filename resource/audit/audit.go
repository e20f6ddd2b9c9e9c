// Package audit writes a record of every decision of a resource: the caller, the
// operation, the kind of credential and the result.
//
// Write the records to a separate destination, not to the log: they include accepted
// requests, are not sampled, and have a versioned schema. They contain no tokens, no parts
// of tokens and no arguments of tools. Without a [Log] in resource.Hooks.Observers,
// nothing is recorded, at no cost.
package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/resource"
)

// Schema is the version of the record schema, which each record contains. It changes if
// the meaning of an attribute changes, but not if an attribute is added:
//
//	time          time of the decision
//	schema        the value of this constant
//	resource      resource.Config.Identifier
//	decision      accepted, denied, unavailable or error
//	reason        the reason, if the decision is not accepted
//	status        HTTP status of the response, if the decision is not accepted
//	issuer        configured issuer of the credential; without a subject and a client,
//	              only the issuer that the unverified credential names
//	subject       subject, exactly as verified by the issuer
//	client        client that the token was issued to
//	credential    jwt, opaque or the name of a header field
//	jti_sha256    SHA-256 digest of the token's identifier, in hexadecimal
//	operations    operations in the body, as {"method", "name"}, without arguments; only
//	              if resource.Config.Operations needs the body, never from header fields
//	scopes_needed scopes in the challenge, if scopes were missing
//	trace_id      from a valid traceparent (W3C Trace Context)
//
// Empty attributes are omitted.
const Schema = "warder.audit.v1"

// Limits of the queue.
const (
	DefaultQueueEvents = 8192      // default of Config.QueueEvents
	MaxQueueEvents     = 1_000_000 // maximum of Config.QueueEvents
)

// Config configures a [Log].
type Config struct {
	// Handler writes the records, one at a time. It is required. Its Enabled method is
	// not called. It may be slow: requests do not wait for it.
	Handler slog.Handler

	QueueEvents int // maximum number of queued events; default 8192, at most 1,000,000
}

// Log queues events and writes them as records. It implements [resource.Observer], for
// the Observers of one resource, and [prometheus.Collector], which
// [resource.Resource.Metrics] includes. It is safe for concurrent use.
type Log struct {
	handler slog.Handler
	queue   chan resource.Event
	running atomic.Bool

	events                   *prometheus.CounterVec
	written, failed, dropped prometheus.Counter
	waiting                  prometheus.GaugeFunc
}

// New returns a Log. The error has a line for each mistake in the configuration. Nothing
// is written until [Log.Run] is called.
func New(c Config) (*Log, error) {
	var mistakes configerr.List
	if c.Handler == nil {
		mistakes.Addf("Handler: is nil; use slog.NewJSONHandler with a separate file")
	}
	size := c.QueueEvents
	if size == 0 {
		size = DefaultQueueEvents
	}
	if size < 0 || size > MaxQueueEvents {
		mistakes.Addf("QueueEvents: %d is not between 1 and %d", c.QueueEvents, MaxQueueEvents)
	}
	if err := mistakes.Err("audit: configuration"); err != nil {
		return nil, err
	}
	l := &Log{handler: c.Handler, queue: make(chan resource.Event, size)}
	l.events = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warder_audit_events_total", Help: "Decisions for the audit log, by outcome: written, failed (the handler returned an error or panicked) or dropped (the queue was full).",
	}, []string{"outcome"})
	l.written, l.failed, l.dropped = l.events.WithLabelValues("written"), l.events.WithLabelValues("failed"), l.events.WithLabelValues("dropped")
	l.waiting = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "warder_audit_waiting", Help: "Events in the queue of the audit log."},
		func() float64 { return float64(len(l.queue)) })
	return l, nil
}

// Observe queues an event. It does not block: if the queue is full, the event is dropped
// and counted.
func (l *Log) Observe(_ context.Context, e resource.Event) {
	select {
	case l.queue <- e:
	default:
		l.dropped.Inc()
	}
}

// Run writes queued events until ctx is done. Then it writes the events that are in the
// queue at that time, and returns nil. It returns an error immediately if Run is already
// running. To shut down, a program stops its server, cancels ctx and waits for Run: later
// events stay in the queue.
func (l *Log) Run(ctx context.Context) error {
	if !l.running.CompareAndSwap(false, true) {
		return errors.New("audit: Run is already running")
	}
	defer l.running.Store(false)
	handlerCtx := context.WithoutCancel(ctx) // so that the handler writes the last records too
	for {
		select {
		case e := <-l.queue:
			l.write(handlerCtx, e)
		case <-ctx.Done():
			for range len(l.queue) {
				l.write(handlerCtx, <-l.queue)
			}
			return nil
		}
	}
}

// write passes a record to the handler and counts the outcome. A panic is a failure.
func (l *Log) write(ctx context.Context, e resource.Event) {
	outcome := l.failed
	defer func() {
		_ = recover()
		outcome.Inc()
	}()
	if l.handler.Handle(ctx, record(e)) == nil {
		outcome = l.written
	}
}

// operation is the form of a resource.Operation in a record.
type operation struct {
	Method string `json:"method"`
	Name   string `json:"name,omitempty"`
}

func record(e resource.Event) slog.Record {
	r := slog.NewRecord(e.Time, slog.LevelInfo, "decision", 0)
	add := func(key, value string) {
		if value != "" {
			r.AddAttrs(slog.String(key, value))
		}
	}
	add("schema", Schema)
	add("resource", e.Resource)
	add("decision", e.Result)
	add("reason", string(e.Reason))
	if e.Status != 0 {
		r.AddAttrs(slog.Int("status", e.Status))
	}
	add("issuer", e.Issuer)
	if c := e.Caller; c != nil {
		add("subject", c.Subject())
		add("client", c.ClientID())
	}
	add("credential", e.Credential)
	if c := e.Caller; c != nil && c.TokenID() != "" {
		sum := digest.Of(c.TokenID())
		add("jti_sha256", hex.EncodeToString(sum[:]))
	}
	if len(e.Operations) > 0 {
		operations := make([]operation, len(e.Operations))
		for i, o := range e.Operations {
			operations[i] = operation{o.Method, o.Name}
		}
		r.AddAttrs(slog.Any("operations", operations))
	}
	if len(e.Needed) > 0 {
		r.AddAttrs(slog.Any("scopes_needed", e.Needed))
	}
	add("trace_id", e.TraceID)
	return r
}

// Describe implements [prometheus.Collector].
func (l *Log) Describe(ch chan<- *prometheus.Desc) {
	l.events.Describe(ch)
	l.waiting.Describe(ch)
}

// Collect implements [prometheus.Collector].
func (l *Log) Collect(ch chan<- prometheus.Metric) {
	l.events.Collect(ch)
	l.waiting.Collect(ch)
}

var (
	_ resource.Observer    = (*Log)(nil)
	_ prometheus.Collector = (*Log)(nil)
)
