package resource

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/warder-go/warder/internal/anyvalue"
	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/tracecontext"
)

// Observer is notified of every decision of a resource, that is, of everything that
// warder_decisions_total counts. Package resource/audit has one that writes a record of each
// decision.
//
// Observe is called concurrently, by the goroutine of the request, before the request is
// answered or handed on. It must be quick, must not block, and must not change the event. A
// panic loses the event, not the answer, and is counted. If an Observer is also a
// prometheus.Collector, [Resource.Metrics] includes its series.
type Observer interface {
	Observe(ctx context.Context, e Event)
}

// Event is one decision. It contains no part of the token. Everything in it is verified,
// except the names in Operations and TraceID, which the client chose.
type Event struct {
	Time     time.Time
	Resource string // Config.Identifier, or the one of Config.Identifiers that the request is for
	Result   string // accepted, denied, unavailable or error, as in warder_decisions_total
	Reason   Reason // "" if accepted
	Status   int    // of the answer; 0 if accepted

	// Caller is the verified caller. It is nil if the request was rejected before the
	// caller was verified, and for a public operation without credentials.
	Caller *Caller

	// Issuer is the configured issuer that the credential belongs to or names; "" if there
	// is none. Credential is as in [Caller.Credential]; "" if no credential was read.
	Issuer     string
	Credential string

	// Principal is the kind of Caller's ID (sub, client or token, see [Caller.ID]); ""
	// without a Caller.
	Principal string

	// TokenDigest is a short HMAC of the token under Credentials.DigestKey, as in the log.
	// It is "" if the Principal is not the token, and if the request was rejected before
	// its credential was read: because of its Origin, without exactly one credential, or
	// because the credential is over the limit.
	TokenDigest string

	// ClaimedSubject and ClaimedTokenIDDigest are what a token claims that was rejected
	// before it was verified, or without a Caller. The latter is an HMAC, see
	// [Event.TokenIDDigest].
	ClaimedSubject       string
	ClaimedTokenIDDigest string

	// Operations is what the body asks for, without arguments. It is empty if
	// Config.Operations did not make the body be read, or if the request was rejected
	// before that. Headers do not contribute to it. It has at most 100 entries. If there
	// are more, one of each message of a batch comes first, then those that a rule names;
	// OperationsOmitted is the number of the others. A name is cut after 256 bytes, and
	// "?" replaces what cannot be printed.
	Operations        []Operation
	OperationsOmitted int

	// Needed are the scopes in the challenge of an insufficient_scope, and, if scopes are missing
	// too, of an insufficient_authentication or a binding_required, by their names in Config (the
	// challenge has those of Issuer.ScopeNames); otherwise nil.
	Needed []string

	TraceID string // from a valid traceparent header (W3C Trace Context); otherwise ""
}

// TokenIDDigest returns a short HMAC of [Caller.TokenID] under Credentials.DigestKey; "" without
// a Caller or an ID. Record it in place of the ID, because with some issuers the ID is the token.
func (e Event) TokenIDDigest() string {
	if !e.Caller.Verified() {
		return ""
	}
	return e.Caller.policy.logDigest(e.Caller.TokenID())
}

// maxEventOperations is the limit for Event.Operations. It is not less than mcpmsg.MaxBatch, so
// that each message of a batch has an entry.
const maxEventOperations = 100

func (b *builder) setObservers() {
	observers := slices.Clone(b.config.Hooks.Observers)
	for n, o := range observers {
		if anyvalue.IsNil(o) {
			b.mistakes.Addf("Hooks.Observers[%d]: nil; leave it out", n)
		} else if slices.ContainsFunc(observers[:n], func(other Observer) bool { return anyvalue.Same(other, o) }) {
			b.mistakes.Addf("Hooks.Observers[%d]: duplicate; it would be notified of each decision twice", n)
		}
	}
	b.policy.observers = observers
}

// notify notifies the observers of a decision. f is nil if the request was accepted.
func (p *policy) notify(ctx context.Context, header http.Header, at *endpoint, caller *Caller, messages []*mcpmsg.Message, f *fault) {
	if len(p.observers) == 0 {
		return
	}
	caller = caller.bare() // an observer can keep the event for longer than the request
	e := Event{Time: time.Now(), Resource: at.identifier, Result: resultAccepted,
		Caller: caller, TraceID: tracecontext.TraceID(header)}
	operations, omitted := p.rules.compiled().Operations(messages, maxEventOperations)
	for _, o := range operations {
		e.Operations = append(e.Operations, Operation{Method: logging.Printable(o.Method), Name: logging.Printable(o.Name)})
	}
	e.OperationsOmitted = omitted
	if f != nil {
		o := outcomes[f.reason]
		e.Result, e.Reason, e.Status = o.result(), f.reason, o.status
		e.Needed = slices.Clone(f.needed)
		e.Issuer, e.Credential, e.TokenDigest = f.issuer, f.credential, p.faultDigest(f)
		if f.claims != nil && caller == nil {
			e.ClaimedSubject, e.ClaimedTokenIDDigest = logging.Printable(f.claims.Subject), p.logDigest(f.claims.TokenID)
		}
	}
	if caller != nil {
		e.Issuer, e.Credential, e.Principal = caller.Issuer(), caller.Credential(), string(caller.kind)
		e.TokenDigest = caller.logDigest()
	}
	for _, o := range p.observers {
		p.notifyOne(ctx, o, e)
	}
}

func (p *policy) notifyOne(ctx context.Context, o Observer, e Event) {
	defer func() {
		if recover() != nil {
			p.metrics.panics.Inc()
		}
	}()
	o.Observe(ctx, e)
}
