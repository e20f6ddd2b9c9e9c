// Package audit writes a record of every decision of a resource: the caller, the
// operation, the kind of credential and the result.
//
// Write the records to a separate destination, not to the log: they include accepted
// requests, are not sampled, and have a versioned schema. They contain no tokens, no parts
// of tokens and no arguments of tools. Without a [Log] in resource.Hooks.Observers,
// nothing is recorded, at no cost.
package audit

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/resource"
)

// Limits of the queues.
const (
	DefaultAcceptedQueueEvents = 8192      // default of Config.AcceptedQueueEvents
	DefaultOtherQueueEvents    = 1024      // default of Config.OtherQueueEvents
	MaxQueueEvents             = 1_000_000 // maximum of both
)

// Config configures a [Log].
type Config struct {
	// Handler writes the records, one at a time. It is required. Its Enabled method is
	// not called. It may be slow: requests do not wait for it.
	Handler slog.Handler

	// AcceptedQueueEvents is the maximum number of queued events of accepted requests with
	// a verified caller; default 8192, at most 1,000,000.
	AcceptedQueueEvents int

	// OtherQueueEvents is the maximum number of queued events of all other requests;
	// default 1024, at most 1,000,000. These are rejected requests, also those of verified
	// callers, and public operations without credentials. Anyone, or the holder of a
	// revoked or weak token, can cause any number of them. They have a queue of their own
	// so that they do not displace the records of accepted requests.
	OtherQueueEvents int
}

// Log queues events and writes them as records. It implements [resource.Observer], for
// the Observers of one resource, and [prometheus.Collector], which
// [resource.Resource.Metrics] includes. It is safe for concurrent use.
type Log struct {
	handler slog.Handler
	running atomic.Bool
	wake    chan struct{} // has an element if events were queued since Run last looked

	mu              sync.Mutex // guards the fields below
	sequence        uint64     // of the last observed event
	accepted, other queue

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
	size := func(name string, configured, fallback int) int {
		if configured < 0 || configured > MaxQueueEvents {
			mistakes.Addf("%s: %d is not between 1 and %d", name, configured, MaxQueueEvents)
		}
		return cmp.Or(configured, fallback)
	}
	accepted := size("AcceptedQueueEvents", c.AcceptedQueueEvents, DefaultAcceptedQueueEvents)
	other := size("OtherQueueEvents", c.OtherQueueEvents, DefaultOtherQueueEvents)
	if err := mistakes.Err("audit: configuration"); err != nil {
		return nil, err
	}
	l := &Log{handler: c.Handler, wake: make(chan struct{}, 1), accepted: newQueue("accepted", accepted), other: newQueue("other", other)}
	l.events = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warder_audit_events_total", Help: "Decisions for the audit log, by outcome: written, failed (the handler returned an error or panicked) or dropped (the queue was full).",
	}, []string{"outcome"})
	l.written, l.failed, l.dropped = l.events.WithLabelValues("written"), l.events.WithLabelValues("failed"), l.events.WithLabelValues("dropped")
	l.waiting = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "warder_audit_waiting", Help: "Events in the queues of the audit log."}, l.countWaiting)
	return l, nil
}

func (l *Log) countWaiting() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return float64(l.accepted.count + l.other.count)
}

// Observe queues an event. It does not wait for the handler: if the queue is full, the event
// is dropped and counted, and a record states how many were dropped.
func (l *Log) Observe(_ context.Context, e resource.Event) {
	if !l.enqueue(e) {
		l.dropped.Inc()
	}
	select {
	case l.wake <- struct{}{}:
	default: // Run has yet to look at the queues
	}
}

func (l *Log) enqueue(e resource.Event) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sequence++
	// Neither a rejected nor an anonymous request displaces the record of an accepted caller.
	if e.Reason == "" && e.Caller != nil {
		return l.accepted.add(entry{e, l.sequence})
	}
	return l.other.add(entry{e, l.sequence})
}

// Run writes queued events until ctx is done. Then it writes the events that are in the
// queues at that time, and returns nil. It returns an error immediately if Run is already
// running. To shut down, a program stops its server, cancels ctx and waits for Run: later
// events stay in the queues.
//
// The events of accepted requests with a caller are written first. So a flood of other events
// does not delay a record of these by more than one record.
func (l *Log) Run(ctx context.Context) error {
	if !l.running.CompareAndSwap(false, true) {
		return errors.New("audit: Run is already running")
	}
	defer l.running.Store(false)
	handlerCtx := context.WithoutCancel(ctx) // so that the handler writes the last records too
	for ctx.Err() == nil {
		if l.writeNext(handlerCtx, math.MaxUint64) {
			continue
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
		}
	}
	l.writeRest(handlerCtx)
	return nil
}

// writeRest writes the events that are in the queues, and what was dropped until now.
func (l *Log) writeRest(ctx context.Context) {
	l.mu.Lock()
	last := l.sequence
	l.mu.Unlock()
	for l.writeNext(ctx, last) {
	}
	for _, q := range []*queue{&l.accepted, &l.other} {
		l.mu.Lock()
		d := q.takeDropped()
		l.mu.Unlock()
		l.writeDropped(ctx, q, d)
	}
}

// writeNext writes one record: of an event up to a sequence number, or about dropped events.
// It reports whether there was something to write.
func (l *Log) writeNext(ctx context.Context, last uint64) bool {
	for _, q := range []*queue{&l.accepted, &l.other} {
		l.mu.Lock()
		d := q.takeDueDropped()
		var e entry
		ok := false
		if d.count == 0 {
			e, ok = q.take(last)
		}
		l.mu.Unlock()
		switch {
		case d.count > 0:
			l.writeDropped(ctx, q, d)
			return true
		case ok:
			l.write(ctx, e)
			return true
		}
	}
	return false
}

// write writes the record of an event and counts the outcome.
func (l *Log) write(ctx context.Context, e entry) {
	if l.handle(ctx, e.record()) {
		l.written.Inc()
	} else {
		l.failed.Inc()
	}
}

// writeDropped writes a record about dropped events. If that fails, a later record includes
// them.
func (l *Log) writeDropped(ctx context.Context, q *queue, d dropped) {
	if d.count == 0 || l.handle(ctx, d.record(q.name)) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	q.putBackDropped(d)
}

// handle passes a record to the handler. A panic is a failure.
func (l *Log) handle(ctx context.Context, r slog.Record) (ok bool) {
	defer func() { _ = recover() }()
	return l.handler.Handle(ctx, r) == nil
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
