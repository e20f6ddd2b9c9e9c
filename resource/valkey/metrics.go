package valkey

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the time series of a store. All series exist from the start.
type metrics struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	gauges   []prometheus.GaugeFunc
	since    atomic.Int64 // see dataSet, in milliseconds since 1970; 0: not known
}

func newMetrics(inFlight, open func() float64) *metrics {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warder_store_calls_total", Help: "Calls of the shared store, by operation and outcome.",
		}, []string{"operation", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "warder_store_call_duration_seconds", Help: "Duration of the calls of the shared store that were sent.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
		}, []string{"operation"}),
	}
	for _, o := range operations {
		m.duration.WithLabelValues(string(o))
		for _, out := range outcomes {
			m.calls.WithLabelValues(string(o), string(out))
		}
	}
	gauge := func(name, help string, value func() float64) {
		m.gauges = append(m.gauges, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("warder_store_calls_in_flight", "Calls of the shared store that are running.", inFlight)
	gauge("warder_store_circuit_open", "1 while calls of the shared store are not sent, because calls or attempts to connect have failed, else 0.", open)
	gauge("warder_store_data_since_timestamp_seconds", "Time of the last change with which the shared store may have lost data; 0: not known.",
		func() float64 { return float64(m.since.Load()) / 1000 })
	return m
}

// observe counts a call.
func (m *metrics) observe(o operation, out outcome, duration time.Duration) {
	m.calls.WithLabelValues(string(o), string(out)).Inc()
	switch out {
	case succeeded, timedOut, failed:
		m.duration.WithLabelValues(string(o)).Observe(duration.Seconds())
	}
}

// Describe sends the descriptions of the metrics.
func (s *Store) Describe(ch chan<- *prometheus.Desc) {
	s.metrics.calls.Describe(ch)
	s.metrics.duration.Describe(ch)
	for _, g := range s.metrics.gauges {
		g.Describe(ch)
	}
}

// Collect sends the current values of the metrics. A program with several stores distinguishes them
// with prometheus.WrapRegistererWith.
func (s *Store) Collect(ch chan<- prometheus.Metric) {
	s.metrics.calls.Collect(ch)
	s.metrics.duration.Collect(ch)
	for _, g := range s.metrics.gauges {
		g.Collect(ch)
	}
}
