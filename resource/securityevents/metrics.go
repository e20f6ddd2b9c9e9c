package securityevents

import "github.com/prometheus/client_golang/prometheus"

// metrics are the series of a Receiver. The label issuer comes from the configuration, result from the
// keys of responses.
type metrics struct {
	events *prometheus.CounterVec
}

func newMetrics(issuer string) *metrics {
	m := &metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name:        "warder_security_events_total",
		Help:        "Requests of an issuer that pushes security events, by result.",
		ConstLabels: prometheus.Labels{"issuer": issuer},
	}, []string{"result"})}
	for r := range responses { // so that every series exists from the start
		m.events.WithLabelValues(string(r))
	}
	return m
}

func (m *metrics) count(r result) { m.events.WithLabelValues(string(r)).Inc() }

// Describe sends the descriptions of the series.
func (r *Receiver) Describe(ch chan<- *prometheus.Desc) { r.metrics.events.Describe(ch) }

// Collect sends the current figures.
func (r *Receiver) Collect(ch chan<- prometheus.Metric) { r.metrics.events.Collect(ch) }
