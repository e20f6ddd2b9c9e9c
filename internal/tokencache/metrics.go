package tokencache

import "github.com/prometheus/client_golang/prometheus"

// Series are the metric series of a cache, and of those that replace it.
type Series struct{ hits, evictions, entries, bytes *prometheus.Desc }

// NewSeries returns series with constant labels.
func NewSeries(constant prometheus.Labels) Series {
	return Series{
		prometheus.NewDesc("warder_remembered_hits_total", "Requests whose token was cached.", nil, constant),
		prometheus.NewDesc("warder_remembered_evictions_total", "Cached tokens that were removed before their time, to make room.", nil, constant),
		prometheus.NewDesc("warder_remembered_entries", "Cached tokens.", nil, constant),
		prometheus.NewDesc("warder_remembered_bytes", "Memory of the cached tokens, roughly, in bytes.", nil, constant)}
}

// Collect sends the figures of now.
func (s Series) Collect(now Stats, ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(s.hits, prometheus.CounterValue, float64(now.Hits))
	ch <- prometheus.MustNewConstMetric(s.evictions, prometheus.CounterValue, float64(now.Evictions))
	ch <- prometheus.MustNewConstMetric(s.entries, prometheus.GaugeValue, float64(now.Entries))
	ch <- prometheus.MustNewConstMetric(s.bytes, prometheus.GaugeValue, float64(now.Bytes))
}
