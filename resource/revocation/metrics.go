package revocation

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the time series of a list. Those about the store exist only with a Store.
type metrics struct {
	all   []prometheus.Collector
	reads *prometheus.CounterVec // nil without a Store
}

func newMetrics(l *List) *metrics {
	m := &metrics{}
	gauge := func(name, help string, value func() float64) {
		m.all = append(m.all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("warder_revocation_entries", "Revocations in the memory of this process. Some of them may have ended.", func() float64 { return float64(l.Len()) })
	if l.store == nil {
		return m
	}
	gauge("warder_revocation_age_seconds", "Time since the last complete read of the shared revocations began; +Inf before the first one.", func() float64 {
		if !l.reader.complete() {
			return math.Inf(1)
		}
		return l.reader.age(time.Now()).Seconds()
	})
	gauge("warder_revocation_unstored_entries", "Revocations of this process that could not be added to the store yet. Other processes do not have them.", func() float64 { return float64(l.table.unstoredLen()) })
	m.reads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warder_revocation_reads_total", Help: "Reads of the shared revocations, by outcome: ok or error.",
	}, []string{"outcome"})
	for _, outcome := range []string{"ok", "error"} {
		m.reads.WithLabelValues(outcome)
	}
	m.all = append(m.all, m.reads)
	return m
}

// count counts a read of the store.
func (m *metrics) count(err error) {
	outcome := "ok"
	if err != nil {
		outcome = "error"
	}
	m.reads.WithLabelValues(outcome).Inc()
}

// Describe sends the descriptions of the metrics.
func (l *List) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range l.metrics.all {
		c.Describe(ch)
	}
}

// Collect sends the current values of the metrics. [resource.Resource.Metrics] sends them too, if
// the list is in Hooks.Revocations. Register only one of them.
func (l *List) Collect(ch chan<- prometheus.Metric) {
	for _, c := range l.metrics.all {
		c.Collect(ch)
	}
}
