package config

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the series of one configuration. All labels are from closed sets.
type metrics struct {
	reloads *prometheus.CounterVec
	broken  prometheus.Gauge
	applied prometheus.Gauge
}

func newMetrics(identifier string) *metrics {
	constant := prometheus.Labels{"resource": identifier}
	m := &metrics{
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warder_config_reloads_total", Help: "Changes of the configuration, by what became of them: applied or refused.", ConstLabels: constant,
		}, []string{"result"}),
		broken: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "warder_config_broken", Help: "1 while the configuration's files are refused and an older one counts, else 0.", ConstLabels: constant}),
		applied: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "warder_config_applied_timestamp_seconds", Help: "When the configuration that counts was taken over.", ConstLabels: constant}),
	}
	m.reloads.WithLabelValues("applied")
	m.reloads.WithLabelValues("refused")
	return m
}

func (m *metrics) appliedAt(now time.Time) { m.applied.Set(float64(now.UnixMilli()) / 1000) }

func (m *metrics) apply() {
	m.reloads.WithLabelValues("applied").Inc()
	m.appliedAt(time.Now())
}

func (m *metrics) refuse() {
	m.reloads.WithLabelValues("refused").Inc()
	m.broken.Set(1)
}

func (m *metrics) mend() { m.broken.Set(0) }

// Describe sends the descriptions of the series.
func (l *Live) Describe(ch chan<- *prometheus.Desc) {
	l.metrics.reloads.Describe(ch)
	l.metrics.broken.Describe(ch)
	l.metrics.applied.Describe(ch)
}

// Collect sends the present numbers.
func (l *Live) Collect(ch chan<- prometheus.Metric) {
	l.metrics.reloads.Collect(ch)
	l.metrics.broken.Collect(ch)
	l.metrics.applied.Collect(ch)
}

var _ prometheus.Collector = (*Live)(nil)
