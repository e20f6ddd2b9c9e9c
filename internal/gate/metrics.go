package gate

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the series of the gate itself. Those of the Resources are separate.
type metrics struct {
	refused  *prometheus.CounterVec
	upstream *prometheus.CounterVec
	reloads  *prometheus.CounterVec
	inFlight prometheus.GaugeFunc
}

func newMetrics(g *Gate) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		refused:  counter("warder_gate_refused_total", "Requests that the gate rejected before a Resource decided, by reason.", "reason"),
		upstream: counter("warder_gate_upstream_requests_total", "Accepted requests, by upstream and by what became of them.", "upstream", "result"),
		reloads:  counter("warder_gate_reloads_total", "Changes of TLS certificates and identity keys, by result.", "result"),
		inFlight: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "warder_gate_requests_in_flight", Help: "Requests and open streams."},
			func() float64 { return float64(g.inFlight.Load()) }),
	}
	for _, u := range g.upstreams {
		m.upstream.WithLabelValues(u.settings.Name, "passed")
	}
	return m
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.refused, m.upstream, m.reloads, m.inFlight}
}

func (m *metrics) countRefused(r *refusal) { m.refused.WithLabelValues(r.reason).Inc() }

// countUpstream counts a request. The result is a fixed word.
func (m *metrics) countUpstream(u *upstream, result string) {
	m.upstream.WithLabelValues(u.settings.Name, result).Inc()
}

func (m *metrics) countReload(changed bool, err error) {
	if err != nil {
		m.reloads.WithLabelValues("rejected").Inc()
	} else if changed {
		m.reloads.WithLabelValues("applied").Inc()
	}
}
