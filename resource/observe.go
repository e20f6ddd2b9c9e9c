package resource

import (
	"context"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts decisions. Labels come from closed sets only.
type metrics struct {
	decisions *prometheus.CounterVec
	accepted  prometheus.Counter
}

func newMetrics(identifier string) *metrics {
	m := &metrics{decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name:        "warder_decisions_total",
		Help:        "Requests by what was decided: accepted, denied (400, 401, 403), unavailable (503) or error (500), and why.",
		ConstLabels: prometheus.Labels{"resource": identifier},
	}, []string{"result", "reason"})}
	m.accepted = m.decisions.WithLabelValues("accepted", "")
	for reason, o := range outcomes { // so that every series is there from the start
		m.decisions.WithLabelValues(o.result(), string(reason))
	}
	return m
}

// result is the metric label for an outcome.
func (o outcome) result() string {
	switch o {
	case answerUnavailable:
		return "unavailable"
	case answerError:
		return "error"
	}
	return "denied"
}

// Metrics returns the resource's series, and those of its verifiers that have any,
// for the program to register. Every series carries the label resource. Which verifiers
// there are may change ([Resource.Replace]): it is an unchecked collector, of which the
// registry finds out only when it gathers that it was registered twice.
func (r *Resource) Metrics() prometheus.Collector {
	constant := prometheus.Labels{"resource": r.document.Resource}
	return collector{r, constant, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "warder_open_streams",
		Help:        "Streams (GET and subscriptions/listen) whose handlers have not returned.",
		ConstLabels: constant,
	}, func() float64 { return float64(r.whole().streams.Load()) })}
}

type collector struct {
	resource *Resource
	constant prometheus.Labels
	streams  prometheus.Collector
}

func (collector) Describe(chan<- *prometheus.Desc) {}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	c.resource.metrics.decisions.Collect(ch)
	c.streams.Collect(ch)
	for _, by := range c.resource.now().vouchers() {
		if v, ok := by.verifier.(prometheus.Collector); ok {
			prometheus.WrapCollectorWith(c.constant, v).Collect(ch)
		}
	}
}

// observeRefusal is the one place where a refusal is counted and logged. A log handler
// that panics costs its line, not the answer.
func (r *Resource) observeRefusal(ctx context.Context, refusal *Refusal, f *fault) {
	defer func() { _ = recover() }()
	o := outcomes[refusal.Reason]
	r.metrics.decisions.WithLabelValues(o.result(), string(refusal.Reason)).Inc()
	level := slog.LevelInfo
	switch o {
	case answerMissing: // every client's first request
		level = slog.LevelDebug
	case answerUnavailable:
		level = slog.LevelWarn
	case answerError:
		level = slog.LevelError
	}
	logger := r.logger
	if logger == nil {
		logger = slog.Default()
	}
	if !logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("reason", string(refusal.Reason)),
		slog.Int("status", refusal.Status),
		slog.String("resource", r.document.Resource),
	}
	logger.LogAttrs(ctx, level, "request refused", append(attrs, f.attrs()...)...)
}

// attrs are the particulars of a fault: what was found and what was expected, never
// the token.
func (f *fault) attrs() (attrs []slog.Attr) {
	if f.check != nil {
		attrs = append(attrs, slog.String("check", f.check.name), slog.String("source", f.check.source))
	}
	if f.token != nil && f.token.IsJWT() {
		header := f.token.jws.Header
		attrs = append(attrs, slog.String("issuer", printable(f.token.claims.Issuer)),
			slog.String("kid", printable(header.KeyID)), slog.String("alg", header.Algorithm.String()))
	}
	if f.caller != nil {
		attrs = append(attrs, slog.String("issuer", printable(f.caller.Issuer())),
			slog.String("subject", printable(f.caller.Subject())), slog.String("client", printable(f.caller.ClientID())))
	}
	if f.got != "" || f.check != nil || f.caller != nil {
		attrs = append(attrs, slog.String("got", printable(f.got)))
	}
	if f.want != "" {
		attrs = append(attrs, slog.String("want", printable(f.want)))
	}
	if f.unverified {
		attrs = append(attrs, slog.Bool("unverified", true))
	}
	if f.err != nil {
		attrs = append(attrs, slog.String("error", printable(f.err.Error())))
	}
	return attrs
}

const maxLogged = 256 // bytes of a text that a client or an upstream has a say in

// printable makes text safe for a log: no control or invisible characters, no
// broken UTF-8, not long.
func printable(text string) string {
	cut := len(text) > maxLogged
	if cut {
		text = text[:maxLogged]
	}
	text = strings.Map(func(c rune) rune {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, text)
	if cut {
		text += "..."
	}
	return text
}
