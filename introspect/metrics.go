package introspect

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/oauthendpoint"
)

// metrics are the time series of one endpoint. The label issuer is from the configuration,
// and outcome is one of a closed set of values.
type metrics struct {
	counter  *prometheus.CounterVec
	calls    map[outcome]prometheus.Counter // read-only after newMetrics
	duration prometheus.Histogram
	gauges   []prometheus.GaugeFunc
	shared   *prometheus.CounterVec // nil: answers are not shared
}

// sharedOutcome is how Config.Answers was used: how a lookup ended, or what prevented that a
// result was shared. It is one of a closed set of values.
type sharedOutcome string

const (
	sharedHit         sharedOutcome = "hit"         // an answer was found
	sharedRejected    sharedOutcome = "rejected"    // a rejection was found
	sharedMiss        sharedOutcome = "miss"        // nothing was found; this process took the lock and called the endpoint
	sharedWaited      sharedOutcome = "waited"      // a result was found after a wait for another process
	sharedLostLock    sharedOutcome = "lost_lock"   // the wait ended without a result
	sharedUnavailable sharedOutcome = "unavailable" // an operation of the store failed
	sharedUnreadable  sharedOutcome = "unreadable"  // a value did not open, or must not be used any more
	sharedSkipped     sharedOutcome = "skipped"     // lockRate permitted no lock, or the answer was too large
)

var sharedOutcomes = []sharedOutcome{sharedHit, sharedRejected, sharedMiss, sharedWaited, sharedLostLock, sharedUnavailable, sharedUnreadable, sharedSkipped}

func (m *metrics) countShared(o sharedOutcome) { m.shared.WithLabelValues(string(o)).Inc() }

func newMetrics(issuer string, v *Verifier) *metrics {
	labels := prometheus.Labels{"issuer": issuer}
	m := &metrics{
		counter: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warder_introspection_calls_total", Help: "Calls to the introspection endpoint, by outcome.", ConstLabels: labels,
		}, []string{"outcome"}),
		calls: map[outcome]prometheus.Counter{},
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "warder_introspection_call_duration_seconds", Help: "Duration of calls, without their wait in the queue.", ConstLabels: labels,
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	for o := range reasons {
		if o != oauthendpoint.CircuitOpen && o != oauthendpoint.Overloaded && o != oauthendpoint.Abandoned { // these are not outcomes of calls
			m.calls[o] = m.counter.WithLabelValues(string(o))
		}
	}
	if v.shared != nil {
		m.shared = prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warder_introspection_shared_answers_total", Help: "Uses of the store of shared answers, by outcome.", ConstLabels: labels,
		}, []string{"outcome"})
		for _, o := range sharedOutcomes {
			m.shared.WithLabelValues(string(o))
		}
	}
	gauge := func(name, help string, value func() float64) {
		m.gauges = append(m.gauges, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	gauge("warder_introspection_in_flight", "Calls that are running.", func() float64 { return float64(v.guard.Running()) })
	gauge("warder_introspection_waiting", "Calls that wait in the queue.", func() float64 { return float64(v.guard.Waiting()) })
	gauge("warder_introspection_circuit_open", "1 while the circuit breaker is open or half-open because the endpoint fails, else 0.", func() float64 {
		if v.guard.CircuitOpen() {
			return 1
		}
		return 0
	})
	return m
}

// Describe sends the descriptions of the verifier's metrics.
func (v *Verifier) Describe(ch chan<- *prometheus.Desc) {
	v.metrics.counter.Describe(ch)
	v.metrics.duration.Describe(ch)
	if v.metrics.shared != nil {
		v.metrics.shared.Describe(ch)
	}
	for _, g := range v.metrics.gauges {
		g.Describe(ch)
	}
}

// Collect sends the current values of the verifier's metrics.
func (v *Verifier) Collect(ch chan<- prometheus.Metric) {
	v.metrics.counter.Collect(ch)
	v.metrics.duration.Collect(ch)
	if v.metrics.shared != nil {
		v.metrics.shared.Collect(ch)
	}
	for _, g := range v.metrics.gauges {
		g.Collect(ch)
	}
}
