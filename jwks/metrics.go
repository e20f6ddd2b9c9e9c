package jwks

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/keyset"
)

// metrics are the series of one key set. The label issuer comes from the configuration,
// outcome from a fixed set.
type metrics struct {
	fetches *prometheus.CounterVec
	keys    *prometheus.Desc
	skipped *prometheus.Desc
	fetched *prometheus.Desc
	stats   func() keyset.Stats
}

func newMetrics(issuer string) *metrics {
	labels := prometheus.Labels{"issuer": issuer}
	m := &metrics{
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warder_keyset_fetches_total", Help: "Fetches of the issuer's keys, by outcome.", ConstLabels: labels,
		}, []string{"outcome"}),
		keys:    prometheus.NewDesc("warder_keyset_keys", "Usable keys.", nil, labels),
		skipped: prometheus.NewDesc("warder_keyset_skipped_keys", "Unusable keys in the issuer's document.", nil, labels),
		fetched: prometheus.NewDesc("warder_keyset_fetched_timestamp_seconds", "When the last successful fetch began; 0 if there was none.", nil, labels),
	}
	for _, outcome := range keyset.Outcomes { // so that every series exists from the start
		m.fetches.WithLabelValues(outcome)
	}
	return m
}

// Describe sends the descriptions of the verifier's series.
func (v *Verifier) Describe(ch chan<- *prometheus.Desc) {
	v.metrics.fetches.Describe(ch)
	ch <- v.metrics.keys
	ch <- v.metrics.skipped
	ch <- v.metrics.fetched
}

// Collect sends the current figures.
func (v *Verifier) Collect(ch chan<- prometheus.Metric) {
	v.metrics.fetches.Collect(ch)
	stats := v.metrics.stats()
	fetched := 0.0
	if !stats.Fetched.IsZero() {
		fetched = float64(stats.Fetched.UnixMilli()) / 1000
	}
	ch <- prometheus.MustNewConstMetric(v.metrics.keys, prometheus.GaugeValue, float64(stats.Keys))
	ch <- prometheus.MustNewConstMetric(v.metrics.skipped, prometheus.GaugeValue, float64(stats.Skipped))
	ch <- prometheus.MustNewConstMetric(v.metrics.fetched, prometheus.GaugeValue, fetched)
}
