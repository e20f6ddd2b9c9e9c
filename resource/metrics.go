package resource

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the resource's own series. Every label has its values from a closed set
// or from the configuration, and every series is there from the start, so that neither
// a token nor a body makes a new one. Whatever a request counts was looked up before.
type metrics struct {
	decisions *prometheus.CounterVec
	accepted  prometheus.Counter
	refused   map[Reason]prometheus.Counter

	took                         *prometheus.HistogramVec
	tookJWT, tookOpaque, tookOwn prometheus.Observer

	challenges *prometheus.CounterVec

	panics prometheus.Counter // of observers
}

// otherOperation is the label of operations that no rule names.
const otherOperation = "other"

// verificationBuckets are seconds: a signature takes some ten microseconds, an answer
// of the issuer some milliseconds, and nobody waits for longer than five seconds.
var verificationBuckets = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}

func newMetrics(identifier string) *metrics {
	constant := prometheus.Labels{"resource": identifier}
	m := &metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name:        "warder_decisions_total",
			Help:        "Requests by what was decided: accepted, denied (400 to 415), unavailable (503) or error (500), and why.",
			ConstLabels: constant,
		}, []string{"result", "reason"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:        "warder_verification_duration_seconds",
			Help:        "How long it took to verify a credential that was not remembered, good or bad.",
			ConstLabels: constant,
			Buckets:     verificationBuckets,
		}, []string{"credential"}),
		challenges: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name:        "warder_scope_challenges_total",
			Help:        "Requests refused for a missing scope, by the rule that names the operation.",
			ConstLabels: constant,
		}, []string{"operation"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name:        "warder_observer_panics_total",
			Help:        "Decisions that an observer was told of and panicked.",
			ConstLabels: constant,
		}),
		refused: map[Reason]prometheus.Counter{},
	}
	m.accepted = m.decisions.WithLabelValues(resultAccepted, "")
	for reason, o := range outcomes {
		m.refused[reason] = m.decisions.WithLabelValues(o.result(), string(reason))
	}
	m.tookJWT = m.took.WithLabelValues(CredentialJWT)
	m.tookOpaque = m.took.WithLabelValues(CredentialOpaque)
	m.tookOwn = m.took.WithLabelValues("header")
	return m
}

// challengesOf makes the counters of scope challenges, by what rules.label may return.
func (m *metrics) challengesOf(rules *rules) map[string]prometheus.Counter {
	all := map[string]prometheus.Counter{}
	for _, operation := range append(rules.labels(), otherOperation) {
		all[operation] = m.challenges.WithLabelValues(strings.ToValidUTF8(operation, "?"))
	}
	return all
}

// The results that there are: a label, and Event.Result.
const (
	resultAccepted    = "accepted"
	resultDenied      = "denied"
	resultUnavailable = "unavailable"
	resultError       = "error"
)

func (o outcome) result() string {
	switch o {
	case answerUnavailable:
		return resultUnavailable
	case answerError:
		return resultError
	}
	return resultDenied
}

// verified times a verification.
func (m *metrics) verified(t *Token, took time.Duration) {
	if t.IsJWT() {
		m.tookJWT.Observe(took.Seconds())
	} else {
		m.tookOpaque.Observe(took.Seconds())
	}
}

// labels lists what label may return, except for otherOperation.
func (r *rules) labels() (all []string) {
	if r == nil {
		return nil
	}
	for method := range r.Methods {
		all = append(all, "method "+method)
	}
	for tool := range r.Tools {
		all = append(all, "tool "+tool)
	}
	for prompt := range r.Prompts {
		all = append(all, "prompt "+prompt)
	}
	for _, rule := range r.Resources {
		all = append(all, rule.label())
	}
	return all
}

func (rule ResourceRule) label() string { return "resource " + rule.URI + rule.Prefix + rule.Template }

// label is the rule that names what a request is about, in words of the configuration.
// A batch has no single one.
func (r *rules) label(about []*message) string {
	if r == nil || len(about) != 1 {
		return otherOperation
	}
	m := about[0]
	if _, ok := r.Tools[m.tool]; ok && m.tool != "" {
		return "tool " + m.tool
	}
	if _, ok := r.Prompts[m.prompt]; ok && m.prompt != "" {
		return "prompt " + m.prompt
	}
	work := 0
	for _, uri := range m.resources {
		if rule, ok := r.resources.first(uri, &work); ok {
			return r.Resources[rule].label()
		}
	}
	if _, ok := r.Methods[m.method]; ok {
		return "method " + m.method
	}
	return otherOperation
}

// Metrics returns the resource's series, and those of its verifiers and observers that
// have any, for the program to register. Every series carries the label resource. A
// verifier that two resources share is in the series of both. Which verifiers there are
// may change ([Resource.Replace]): it is an unchecked collector, of which the registry
// finds out only when it gathers that it was registered twice.
func (r *Resource) Metrics() prometheus.Collector {
	constant := prometheus.Labels{"resource": r.document.Resource}
	return collector{r, constant, newMemoryDescs(constant), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "warder_open_streams",
		Help:        "Streams (GET and subscriptions/listen) whose handlers have not returned.",
		ConstLabels: constant,
	}, func() float64 { return float64(r.whole().streams.Load()) })}
}

type collector struct {
	resource *Resource
	constant prometheus.Labels
	memory   memoryDescs
	streams  prometheus.Collector
}

func (collector) Describe(chan<- *prometheus.Desc) {}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	r := c.resource.now()
	for _, own := range []prometheus.Collector{r.metrics.decisions, r.metrics.took, r.metrics.challenges, r.metrics.panics, c.streams} {
		own.Collect(ch)
	}
	c.memory.collect(r.memory.stats(), ch)
	other := func(of any) {
		if v, ok := of.(prometheus.Collector); ok {
			prometheus.WrapCollectorWith(c.constant, v).Collect(ch)
		}
	}
	for _, by := range r.vouchers() {
		other(by.verifier)
	}
	for _, o := range r.observers {
		other(o)
	}
}

// memoryDescs describe what is remembered. Requests count in the shards, which they
// touch anyway.
type memoryDescs struct{ hits, evictions, entries, bytes *prometheus.Desc }

func newMemoryDescs(constant prometheus.Labels) memoryDescs {
	return memoryDescs{
		prometheus.NewDesc("warder_remembered_hits_total", "Requests whose token was remembered.", nil, constant),
		prometheus.NewDesc("warder_remembered_evictions_total", "Remembered tokens that were forgotten before their time, to make room.", nil, constant),
		prometheus.NewDesc("warder_remembered_entries", "Remembered tokens.", nil, constant),
		prometheus.NewDesc("warder_remembered_bytes", "Memory that they take, roughly.", nil, constant)}
}

func (d memoryDescs) collect(now memoryStats, ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(d.hits, prometheus.CounterValue, float64(now.hits))
	ch <- prometheus.MustNewConstMetric(d.evictions, prometheus.CounterValue, float64(now.evictions))
	ch <- prometheus.MustNewConstMetric(d.entries, prometheus.GaugeValue, float64(now.entries))
	ch <- prometheus.MustNewConstMetric(d.bytes, prometheus.GaugeValue, float64(now.bytes))
}
