package onbehalf

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/logging"
)

// Outcomes of Token, besides the kinds of errors.
const (
	outcomeIssued Kind = "issued" // the issuer has issued a token
	outcomeCached Kind = "cached"
)

// logPerSecond is the most log records of one kind in a second.
const logPerSecond = 10

// metrics are the time series of one exchanger. The labels issuer and target are from the
// configuration, and outcome is one of a closed set of values.
type metrics struct {
	counter  *prometheus.CounterVec
	duration prometheus.Histogram
	gauges   []prometheus.GaugeFunc
}

func newMetrics(e *engine) *metrics {
	labels := prometheus.Labels{"issuer": e.issuer}
	m := &metrics{
		counter: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warder_onbehalf_tokens_total", Help: "Requests for tokens for other servers, by target and outcome.", ConstLabels: labels,
		}, []string{"target", "outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "warder_onbehalf_call_duration_seconds", Help: "Duration of calls to the token endpoint, without their wait in the queue.", ConstLabels: labels,
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	for _, t := range e.targets {
		for _, k := range append([]Kind{outcomeIssued, outcomeCached}, kinds...) {
			m.counter.WithLabelValues(t.Name, string(k))
		}
	}
	gauge := func(name, help string, value func() float64) {
		m.gauges = append(m.gauges, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	gauge("warder_onbehalf_cached_tokens", "Issued tokens in the cache.", func() float64 { return float64(e.cache.issued.Stats().Entries) })
	gauge("warder_onbehalf_in_flight", "Calls that are running.", func() float64 { return float64(e.guard.Running()) })
	gauge("warder_onbehalf_waiting", "Calls that wait in the queue.", func() float64 { return float64(e.guard.Waiting()) })
	gauge("warder_onbehalf_circuit_open", "1 while the circuit breaker is open or half-open because the token endpoint fails, else 0.", func() float64 {
		if e.guard.CircuitOpen() {
			return 1
		}
		return 0
	})
	return m
}

// count counts a request. t is nil for an unknown target, which has no label.
func (m *metrics) count(t *target, outcome Kind) {
	name := ""
	if t != nil {
		name = t.Name
	}
	m.counter.WithLabelValues(name, string(outcome)).Inc()
}

// describe sends the descriptions of the metrics.
func (m *metrics) describe(ch chan<- *prometheus.Desc) {
	m.counter.Describe(ch)
	m.duration.Describe(ch)
	for _, g := range m.gauges {
		g.Describe(ch)
	}
}

// collect sends the current values of the metrics.
func (m *metrics) collect(ch chan<- prometheus.Metric) {
	m.counter.Collect(ch)
	m.duration.Collect(ch)
	for _, g := range m.gauges {
		g.Collect(ch)
	}
}

// levels are the levels of log records. What only a change of the configuration fixes is an error.
var levels = map[Kind]slog.Level{
	KindUnknownTarget: slog.LevelError, KindOtherOrigin: slog.LevelError, KindClientRefused: slog.LevelError,
	KindUnavailable: slog.LevelWarn, KindUnusable: slog.LevelWarn, KindTargetRefused: slog.LevelWarn, KindScopeRefused: slog.LevelWarn,
}

// failed counts and logs an error, and returns it with the target.
func (e *engine) failed(t *target, err *Error) error {
	e.metrics.count(t, err.Kind)
	if t != nil {
		err = err.about(t)
	}
	level, logger := levels[err.Kind], logging.OrDefault(e.log) // otherwise info
	ok, summaryIn := e.logs.Allow(err.Kind)
	if summaryIn > 0 { // the timer exists only while records are suppressed
		time.AfterFunc(summaryIn, func() {
			logger.Log(context.Background(), level, "left out of the log", "kind", string(err.Kind), "issuer", e.issuer, "left_out", e.logs.Summary(err.Kind))
		})
	}
	if !ok {
		return err
	}
	attrs := []slog.Attr{slog.String("kind", string(err.Kind)), slog.String("issuer", e.issuer), slog.String("target", err.Target)}
	if err.Detail != "" {
		attrs = append(attrs, slog.String("detail", err.Detail))
	}
	if err.Code != "" {
		attrs = append(attrs, slog.String("code", err.Code))
	}
	if err.Err != nil {
		attrs = append(attrs, slog.String("error", logging.Printable(err.Err.Error())))
	}
	logger.LogAttrs(context.Background(), level, "no token on behalf of the caller", attrs...)
	return err
}
