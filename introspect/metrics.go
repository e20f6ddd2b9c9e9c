package introspect

import "github.com/prometheus/client_golang/prometheus"

// metrics are the series of one endpoint. The label issuer is configuration, outcome
// a word of a closed set.
type metrics struct {
	counter *prometheus.CounterVec
	calls   map[outcome]prometheus.Counter // never written to after newMetrics
	took    prometheus.Histogram
	gauges  []prometheus.GaugeFunc
}

func newMetrics(issuer string, v *Verifier) *metrics {
	labels := prometheus.Labels{"issuer": issuer}
	m := &metrics{
		counter: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warder_introspection_calls_total", Help: "Calls to the introspection endpoint, by how they ended.", ConstLabels: labels,
		}, []string{"outcome"}),
		calls: map[outcome]prometheus.Counter{},
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "warder_introspection_call_duration_seconds", Help: "How long calls took, without their wait for a place.", ConstLabels: labels,
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	for o := range outcomes {
		if o != suspended && o != overloaded && o != abandoned { // those are not calls
			m.calls[o] = m.counter.WithLabelValues(string(o))
		}
	}
	gauge := func(name, help string, value func() float64) {
		m.gauges = append(m.gauges, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	gauge("warder_introspection_in_flight", "Calls that are under way.", func() float64 { return float64(len(v.queue.places)) })
	gauge("warder_introspection_waiting", "Calls that wait for a place.", func() float64 { return float64(v.queue.waiting.Load()) })
	gauge("warder_introspection_circuit_open", "1 while the endpoint is left alone because it fails, else 0.", func() float64 {
		if v.circuit.isOpen() {
			return 1
		}
		return 0
	})
	return m
}

// Describe sends the descriptions of the verifier's series.
func (v *Verifier) Describe(ch chan<- *prometheus.Desc) {
	v.metrics.counter.Describe(ch)
	v.metrics.took.Describe(ch)
	for _, g := range v.metrics.gauges {
		g.Describe(ch)
	}
}

// Collect sends the present numbers.
func (v *Verifier) Collect(ch chan<- prometheus.Metric) {
	v.metrics.counter.Collect(ch)
	v.metrics.took.Collect(ch)
	for _, g := range v.metrics.gauges {
		g.Collect(ch)
	}
}
