package resource

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/loglimit"
	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/tracecontext"
)

// observeAccepted counts an accepted request and notifies the observers. Every accepted
// request passes here.
func (p *policy) observeAccepted(at *endpoint, req *http.Request, caller *Caller, messages []*mcpmsg.Message) {
	if caller != nil {
		p.metrics.accepted.Inc()
	} else {
		p.metrics.public.Inc()
	}
	p.notify(req.Context(), req.Header, at, caller, messages, nil)
}

// refuse turns a fault into an answer, counts and logs it and notifies the observers. Every
// rejected request passes here. at is the endpoint that the request is for.
func (p *policy) refuse(req *http.Request, at *endpoint, f *fault) *Refusal {
	refusal := p.refuseAs(req.Context(), req.Header, at, f, mcpmsg.IsJSONPost(req))
	if p.owner != nil {
		p.owner.notifyRejection(req, f, refusal)
	}
	return refusal
}

// refuseAs is like refuse, for callers that may not have the request. header is that of the
// request, or nil. rpc selects a JSON-RPC error as the body.
func (p *policy) refuseAs(ctx context.Context, header http.Header, at *endpoint, f *fault, rpc bool) *Refusal {
	refusal := p.answer(header, at, f, rpc)
	if a := acceptanceOf(ctx); a.review != nil && a.by == p.owner {
		a.review.add(refusal.Challenges)
	}
	p.metrics.refused[refusal.Reason].Inc()
	if f.reason == ReasonInsufficientScope {
		p.challenged[p.rules.compiled().LabelOf(f.messages)].Inc()
	}
	p.notify(ctx, header, at, f.caller, f.messages, f)
	p.log(ctx, refusal.Status, header, at, f)
	return refusal
}

// answer returns the answer for a fault. It does not count, log or notify.
func (p *policy) answer(header http.Header, at *endpoint, f *fault, rpc bool) *Refusal {
	return at.answers.refusal(f, recipient{
		hint: p.hints[f.issuer], schemes: p.schemesFor(f), dpop: p.usesDPoP(header, f), other: p.isAboutOtherCredential(f), rpc: rpc})
}

// newLogLimit returns a limiter for the log records of each reason.
func newLogLimit(perSecond int) *loglimit.Limiter[Reason] {
	return loglimit.New(perSecond, slices.Collect(maps.Keys(outcomes)))
}

// log writes a record about a fault, unless there are too many of its reason. status is that
// of the answer; 0 for the end of a stream. A panic in the log handler loses the record, not
// the answer.
func (p *policy) log(ctx context.Context, status int, header http.Header, at *endpoint, f *fault) {
	level := outcomes[f.reason].level()
	if f.logAtInfo {
		level = max(level, slog.LevelInfo)
	}
	if status == 0 && f.reason == ReasonExpired {
		level = slog.LevelDebug // the usual end of a stream
	}
	logger := logging.OrDefault(p.logger)
	defer func() { _ = recover() }()
	if !logger.Enabled(ctx, level) {
		return
	}
	ok, summaryIn := p.logLimit.Allow(f.reason)
	if summaryIn > 0 { // the timer exists only while records are suppressed
		time.AfterFunc(summaryIn, func() { p.logSuppressed(logger, level, f.reason) })
	}
	if !ok {
		return
	}
	attrs := append(make([]slog.Attr, 0, 12), slog.String("reason", string(f.reason)))
	if status != 0 {
		attrs = append(attrs, slog.Int("status", status))
	}
	attrs = append(attrs, slog.String("resource", at.identifier))
	attrs = append(attrs, f.attrs(p)...)
	if d := p.faultDigest(f); d != "" {
		attrs = append(attrs, slog.String("token_digest", d))
	}
	if trace := tracecontext.TraceID(header); trace != "" {
		attrs = append(attrs, slog.String("trace_id", trace))
	}
	if status == 0 {
		logger.LogAttrs(ctx, level, "stream ended", attrs...)
		return
	}
	logger.LogAttrs(ctx, level, "request rejected", attrs...)
}

// logSuppressed writes how many records of a reason were suppressed.
func (p *policy) logSuppressed(logger *slog.Logger, level slog.Level, reason Reason) {
	defer func() { _ = recover() }() // a panic in a timer would end the program
	logger.LogAttrs(context.Background(), level, "left out of the log", slog.String("reason", string(reason)),
		slog.String("resource", p.document.Resource), slog.Int("left_out", p.logLimit.Summary(reason)))
}
