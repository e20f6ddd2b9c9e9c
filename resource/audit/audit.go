// Package audit writes a record of every decision of a resource: who asked for what,
// with which kind of credential, and what became of it.
//
// The records are for a place of their own, not for the log: accepted requests are
// among them, nothing is sampled, and their form is versioned. They hold no token, no
// part of one, and no arguments. Without a [Log] in resource.Config.Observers there are
// none, and they cost nothing.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/resource"
)

// Schema is the form of the records, in each of them. It changes with the meaning of an
// attribute; further attributes may come without that:
//
//	time          when it was decided
//	schema        this
//	resource      resource.Config.Identifier
//	decision      accepted, denied, unavailable or error
//	reason        why not; only with the latter three, as is
//	status        of the answer
//	issuer        the configured one that the credential is of, or only claims to be of
//	              where there is no subject and no client
//	subject       exactly as the issuer vouches for it, as is
//	client        to whom the token was issued
//	credential    jwt, opaque or the name of a header field
//	jti_sha256    the token's identifier, hashed, in hexadecimal
//	operations    what the body asks for, as {"method", "name"}, without arguments; only
//	              where resource.Config.Operations has it read, never from header fields
//	scopes_needed what the challenge asks for, where scopes were missing
//	trace_id      from a valid traceparent (W3C Trace Context)
//
// What is empty is left out.
const Schema = "warder.audit.v1"

// Limits of the queue.
const (
	DefaultQueueEvents = 8192      // events that wait to be written
	MaxQueueEvents     = 1_000_000 // the most that can be configured
)

// Config says where records go.
type Config struct {
	// Handler writes them, one at a time. It is required, is not asked whether it is
	// enabled for a level, and may be slow: no request waits for it.
	Handler slog.Handler

	QueueEvents int // most events that wait for it; 0: 8192; at most 1,000,000
}

// Log queues events and writes them. It is a [resource.Observer] for the Observers of
// one resource, and a [prometheus.Collector] that [resource.Resource.Metrics] includes.
// It is safe for concurrent use.
type Log struct {
	handler slog.Handler
	queue   chan resource.Event
	running atomic.Bool

	events                   *prometheus.CounterVec
	written, failed, dropped prometheus.Counter
	waiting                  prometheus.GaugeFunc
}

// New checks the configuration. Nothing is written until somebody calls [Log.Run].
func New(c Config) (*Log, error) {
	var mistakes []error
	if c.Handler == nil {
		mistakes = append(mistakes, errors.New("Handler: nil; use slog.NewJSONHandler with a file of its own"))
	}
	size := c.QueueEvents
	if size == 0 {
		size = DefaultQueueEvents
	}
	if size < 0 || size > MaxQueueEvents {
		mistakes = append(mistakes, fmt.Errorf("QueueEvents: %d is not between 1 and %d", c.QueueEvents, MaxQueueEvents))
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, fmt.Errorf("audit: configuration: %w", err)
	}
	l := &Log{handler: c.Handler, queue: make(chan resource.Event, size)}
	l.events = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warder_audit_events_total", Help: "Decisions for the audit log, by what became of their records: written, failed (the handler's doing) or dropped (the queue was full).",
	}, []string{"outcome"})
	l.written, l.failed, l.dropped = l.events.WithLabelValues("written"), l.events.WithLabelValues("failed"), l.events.WithLabelValues("dropped")
	l.waiting = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "warder_audit_waiting", Help: "Events that wait to be written."},
		func() float64 { return float64(len(l.queue)) })
	return l, nil
}

// Observe queues an event. It never waits: if the queue is full, the event is dropped
// and counted.
func (l *Log) Observe(_ context.Context, e resource.Event) {
	select {
	case l.queue <- e:
	default:
		l.dropped.Inc()
	}
}

// Run writes what is queued until ctx ends, and then what is still there. It returns an
// error at once if it runs already. A program ends its server first and ctx then, and
// waits for Run: what is decided later stays in the queue.
func (l *Log) Run(ctx context.Context) error {
	if !l.running.CompareAndSwap(false, true) {
		return errors.New("audit: Run runs already")
	}
	defer l.running.Store(false)
	values := context.WithoutCancel(ctx) // the last records are to be written too
	for {
		select {
		case e := <-l.queue:
			l.write(values, e)
		case <-ctx.Done():
			for range len(l.queue) {
				l.write(values, <-l.queue)
			}
			return nil
		}
	}
}

// write gives a record to the handler. One that panics has failed.
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

// operation is what the records show of a resource.Operation.
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
		hash := sha256.Sum256([]byte(c.TokenID()))
		add("jti_sha256", hex.EncodeToString(hash[:]))
	}
	if len(e.Operations) > 0 {
		shown := make([]operation, len(e.Operations))
		for i, o := range e.Operations {
			shown[i] = operation{o.Method, o.Name}
		}
		r.AddAttrs(slog.Any("operations", shown))
	}
	if len(e.Needed) > 0 {
		r.AddAttrs(slog.Any("scopes_needed", e.Needed))
	}
	add("trace_id", e.TraceID)
	return r
}

// Describe sends the descriptions of the log's series.
func (l *Log) Describe(ch chan<- *prometheus.Desc) {
	l.events.Describe(ch)
	l.waiting.Describe(ch)
}

// Collect sends the present numbers.
func (l *Log) Collect(ch chan<- prometheus.Metric) {
	l.events.Collect(ch)
	l.waiting.Collect(ch)
}

var (
	_ resource.Observer    = (*Log)(nil)
	_ prometheus.Collector = (*Log)(nil)
)
