package config

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the series of one configuration. All label values are from closed sets.
type metrics struct {
	reloads *prometheus.CounterVec
	broken  prometheus.Gauge
	applied prometheus.Gauge
	store   prometheus.Collector

	constant prometheus.Labels
}

// newMetrics returns the series of a configuration and of its store.
func newMetrics(identifier string, s *sharedStore) *metrics {
	constant := prometheus.Labels{"resource": identifier}
	m := &metrics{
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warder_config_reloads_total", Help: "Changes of the configuration, by result: applied or refused (rejected).", ConstLabels: constant,
		}, []string{"result"}),
		broken: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "warder_config_broken", Help: "1 while the configuration files are rejected and the previous configuration is in use, else 0.", ConstLabels: constant}),
		applied: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "warder_config_applied_timestamp_seconds", Help: "When the current configuration was applied.", ConstLabels: constant}),
	}
	m.constant, m.store = constant, prometheus.WrapCollectorWith(constant, s.collector())
	m.reloads.WithLabelValues("applied")
	m.reloads.WithLabelValues("refused")
	return m
}

func (m *metrics) setApplied(t time.Time) { m.applied.Set(float64(t.UnixMilli()) / 1000) }

func (m *metrics) countApplied() {
	m.reloads.WithLabelValues("applied").Inc()
	m.setApplied(time.Now())
}

func (m *metrics) countRejected() {
	m.reloads.WithLabelValues("refused").Inc()
	m.broken.Set(1)
}

func (m *metrics) clearBroken() { m.broken.Set(0) }

// Describe implements [prometheus.Collector].
func (l *Live) Describe(ch chan<- *prometheus.Desc) {
	if l.events != nil {
		return // the label issuer of its series can change
	}
	l.metrics.reloads.Describe(ch)
	l.metrics.broken.Describe(ch)
	l.metrics.applied.Describe(ch)
	l.metrics.store.Describe(ch)
}

// Collect implements [prometheus.Collector].
func (l *Live) Collect(ch chan<- prometheus.Metric) {
	l.metrics.reloads.Collect(ch)
	l.metrics.broken.Collect(ch)
	l.metrics.applied.Collect(ch)
	l.metrics.store.Collect(ch)
	l.events.collect(l.metrics.constant, ch)
}

var _ prometheus.Collector = (*Live)(nil)
