package resource

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/tokencache"
)

// metrics are the series of the resource itself. All label values come from a fixed set or
// from the configuration, and every series exists from the start, so neither a token nor a
// body creates a new one. All counters that requests use are looked up beforehand.
type metrics struct {
	decisions *prometheus.CounterVec
	accepted  prometheus.Counter // with a caller
	public    prometheus.Counter // accepted without credentials
	refused   map[Reason]prometheus.Counter

	verifications       *prometheus.HistogramVec
	jwtVerifications    prometheus.Observer
	opaqueVerifications prometheus.Observer
	headerVerifications prometheus.Observer

	challenges *prometheus.CounterVec

	panics prometheus.Counter // of observers
}

// labelPublic is the label "reason" of accepted requests without credentials. They say nothing
// about whether tokens can be verified, and anyone can send any number of them.
const labelPublic = "public"

// verificationBuckets are in seconds. A signature takes about ten microseconds, an
// introspection call a few milliseconds, and five seconds at most.
var verificationBuckets = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}

func newMetrics(identifier string) *metrics {
	constant := prometheus.Labels{"resource": identifier}
	m := &metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name:        "warder_decisions_total",
			Help:        "Decisions about requests by result (accepted, denied with 400 to 429 or because a key is pending, unavailable with 503, error with 500 or 502) and reason (public: accepted without credentials).",
			ConstLabels: constant,
		}, []string{"result", "reason"}),
		verifications: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:        "warder_verification_duration_seconds",
			Help:        "Time to verify a credential that was not cached, valid or not.",
			ConstLabels: constant,
			Buckets:     verificationBuckets,
		}, []string{"credential"}),
		challenges: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name:        "warder_scope_challenges_total",
			Help:        "Requests rejected for a missing scope, by the rule that names the operation.",
			ConstLabels: constant,
		}, []string{"operation"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name:        "warder_observer_panics_total",
			Help:        "Notifications of observers that panicked.",
			ConstLabels: constant,
		}),
		refused: map[Reason]prometheus.Counter{},
	}
	m.accepted = m.decisions.WithLabelValues(resultAccepted, "")
	m.public = m.decisions.WithLabelValues(resultAccepted, labelPublic)
	for reason, o := range outcomes {
		m.refused[reason] = m.decisions.WithLabelValues(o.result(), string(reason))
	}
	m.jwtVerifications = m.verifications.WithLabelValues(CredentialJWT)
	m.opaqueVerifications = m.verifications.WithLabelValues(CredentialOpaque)
	m.headerVerifications = m.verifications.WithLabelValues("header")
	return m
}

// challengeCounters returns the counters of scope challenges, by the labels of the rules.
func (m *metrics) challengeCounters(rules *rules) map[string]prometheus.Counter {
	all := map[string]prometheus.Counter{}
	for _, operation := range rules.compiled().Labels() {
		all[operation] = m.challenges.WithLabelValues(strings.ToValidUTF8(operation, "?"))
	}
	return all
}

// observeVerification records the time of a verification.
func (m *metrics) observeVerification(t *Token, took time.Duration) {
	if t.IsJWT() {
		m.jwtVerifications.Observe(took.Seconds())
	} else {
		m.opaqueVerifications.Observe(took.Seconds())
	}
}

// Metrics returns the series of the resource, and those of its verifiers, observers, DPoP.Replays
// and Hooks.Revocations that are prometheus.Collectors, for the program to register. Every series
// has the label resource. The series of a verifier that two resources share appear in both.
// Because [Resource.Replace] can change the verifiers, this is an unchecked collector: a registry
// reports a second registration only when it gathers.
func (r *Resource) Metrics() prometheus.Collector {
	constant := prometheus.Labels{"resource": r.identifier}
	proofs := prometheus.NewDesc("warder_dpop_proofs", "Used DPoP proofs that are stored in memory, to reject a second use.", nil, constant)
	return collector{r, constant, tokencache.NewSeries(constant), proofs, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "warder_open_streams",
		Help:        "Streams (GET and subscriptions/listen) whose handlers have not returned.",
		ConstLabels: constant,
	}, func() float64 { return float64(r.streams.Load()) })}
}

type collector struct {
	resource *Resource
	constant prometheus.Labels
	cache    tokencache.Series
	proofs   *prometheus.Desc
	streams  prometheus.Collector
}

func (collector) Describe(chan<- *prometheus.Desc) {}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	p := c.resource.policy()
	m := p.metrics
	for _, own := range []prometheus.Collector{m.decisions, m.verifications, m.challenges, m.panics, c.streams} {
		own.Collect(ch)
	}
	c.cache.Collect(p.cache.Stats(), ch)
	if p.proofs.memory != nil {
		stored := p.proofs.memory.Entries(time.Now())
		ch <- prometheus.MustNewConstMetric(c.proofs, prometheus.GaugeValue, float64(stored))
	}
	collectFrom := func(source any) {
		if s, ok := source.(prometheus.Collector); ok {
			prometheus.WrapCollectorWith(c.constant, s).Collect(ch)
		}
	}
	for _, v := range p.verifiers() {
		collectFrom(v.verifier)
	}
	for _, o := range p.observers {
		collectFrom(o)
	}
	collectFrom(p.proofs.replays)
	collectFrom(p.revocations)
}
