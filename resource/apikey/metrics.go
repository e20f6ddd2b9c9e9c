package apikey

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/logging"
)

// Outcomes of a read of the key file.
const (
	outcomeLoaded     = "loaded" // valid and changed
	outcomeUnchanged  = "unchanged"
	outcomeUnreadable = "unreadable"
	outcomeTooLarge   = "too_large"
	outcomeMalformed  = "malformed"
)

// metrics are the series of one verifier. The values of the label issuer come from the
// configuration, those of outcome from the constants above.
type metrics struct {
	reads  *prometheus.CounterVec
	gauges [2]prometheus.GaugeFunc
}

func newMetrics(v *Verifier) *metrics {
	labels := prometheus.Labels{"issuer": v.issuer}
	m := &metrics{reads: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warder_api_key_file_reads_total", Help: "Reads of the API key file, by outcome.", ConstLabels: labels,
	}, []string{"outcome"})}
	for _, outcome := range []string{outcomeLoaded, outcomeUnchanged, outcomeUnreadable, outcomeTooLarge, outcomeMalformed} {
		m.reads.WithLabelValues(outcome)
	}
	gauge := func(name, help string, value func(*keySet) float64) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return value(v.current.Load()) })
	}
	m.gauges[0] = gauge("warder_api_keys", "Configured API keys, including expired ones.", func(s *keySet) float64 { return float64(len(s.entries)) })
	m.gauges[1] = gauge("warder_api_key_file_broken", "1 while the API key file is missing or invalid and the keys of the last valid file, if any, are in use, else 0.", func(s *keySet) float64 {
		if s.fileErr != nil {
			return 1
		}
		return 0
	})
	return m
}

// Describe implements [prometheus.Collector].
func (v *Verifier) Describe(ch chan<- *prometheus.Desc) {
	v.metrics.reads.Describe(ch)
	for _, g := range v.metrics.gauges {
		g.Describe(ch)
	}
}

// Collect implements [prometheus.Collector]. It does not read the key file.
func (v *Verifier) Collect(ch chan<- prometheus.Metric) {
	v.metrics.reads.Collect(ch)
	for _, g := range v.metrics.gauges {
		g.Collect(ch)
	}
}

// report counts a read of the file and logs it if the keys or the error have changed.
func (v *Verifier) report(before, after *keySet, outcome string) {
	v.metrics.reads.WithLabelValues(outcome).Inc()
	defer func() { _ = recover() }() // a log handler that panics must not affect verification
	logger := logging.OrDefault(v.logger)
	switch {
	case after.fileErr != nil && (before.fileErr == nil || before.fileErr.Error() != after.fileErr.Error()):
		logger.Warn("API key file is missing or invalid", "issuer", v.issuer, "outcome", outcome, "known", len(after.entries), "error", after.fileErr)
	case after.fileErr == nil && (outcome == outcomeLoaded || before.fileErr != nil):
		logger.Info("API key file read", "issuer", v.issuer, "outcome", outcome, "known", len(after.entries))
	}
}

var _ prometheus.Collector = (*Verifier)(nil)
