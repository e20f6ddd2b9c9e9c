package apikey

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// How a look at the file ended.
const (
	outcomeLoaded     = "loaded" // it was new and good
	outcomeUnchanged  = "unchanged"
	outcomeUnreadable = "unreadable"
	outcomeTooLarge   = "too_large"
	outcomeMalformed  = "malformed"
)

// metrics are the series of one verifier. The label issuer is configuration, outcome a
// word of a closed set.
type metrics struct {
	reads  *prometheus.CounterVec
	gauges [2]prometheus.GaugeFunc
}

func newMetrics(v *Verifier) *metrics {
	labels := prometheus.Labels{"issuer": v.issuer}
	m := &metrics{reads: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warder_api_key_file_reads_total", Help: "Looks at the file of keys, by what they found.", ConstLabels: labels,
	}, []string{"outcome"})}
	for _, outcome := range []string{outcomeLoaded, outcomeUnchanged, outcomeUnreadable, outcomeTooLarge, outcomeMalformed} {
		m.reads.WithLabelValues(outcome)
	}
	gauge := func(name, help string, value func(*keys) float64) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return value(v.current.Load()) })
	}
	m.gauges[0] = gauge("warder_api_keys", "Keys that are known, expired ones too.", func(k *keys) float64 { return float64(len(k.entries)) })
	m.gauges[1] = gauge("warder_api_key_file_broken", "1 while the file can't be read and older keys, if any, are used, else 0.", func(k *keys) float64 {
		if k.broken != nil {
			return 1
		}
		return 0
	})
	return m
}

// Describe sends the descriptions of the verifier's series.
func (v *Verifier) Describe(ch chan<- *prometheus.Desc) {
	v.metrics.reads.Describe(ch)
	for _, g := range v.metrics.gauges {
		g.Describe(ch)
	}
}

// Collect sends the present numbers. It does not look at the file.
func (v *Verifier) Collect(ch chan<- prometheus.Metric) {
	v.metrics.reads.Collect(ch)
	for _, g := range v.metrics.gauges {
		g.Collect(ch)
	}
}

// tell counts a look at the file and logs what is new about it.
func (v *Verifier) tell(before, after *keys, outcome string) {
	v.metrics.reads.WithLabelValues(outcome).Inc()
	defer func() { _ = recover() }() // a log handler that panics costs its line, not the keys
	logger := v.logger
	if logger == nil {
		logger = slog.Default()
	}
	switch {
	case after.broken != nil && (before.broken == nil || before.broken.Error() != after.broken.Error()):
		logger.Warn("API keys can't be read", "issuer", v.issuer, "outcome", outcome, "known", len(after.entries), "error", after.broken)
	case after.broken == nil && (outcome == outcomeLoaded || before.broken != nil):
		logger.Info("API keys read", "issuer", v.issuer, "outcome", outcome, "known", len(after.entries))
	}
}

var _ prometheus.Collector = (*Verifier)(nil)
