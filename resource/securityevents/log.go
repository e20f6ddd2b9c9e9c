package securityevents

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/loglimit"
)

// logPerSecond is the limit for the records of each result, except those of stored revocations.
const logPerSecond = 10 // records of each result

func newLogLimit() *loglimit.Limiter[result] {
	return loglimit.New(logPerSecond, slices.Collect(maps.Keys(responses)))
}

// report logs the events of a token, one record for each, and returns the result. Records of revocations are
// not limited, because only the issuer can cause them.
func (r *Receiver) report(ctx context.Context, events []event) result {
	outcome := resultIgnored
	for _, e := range events {
		attrs := []slog.Attr{slog.String("issuer", r.issuer), slog.String("event", e.kind.name), slog.String("subject_format", e.format)}
		if len(e.entries) > 0 {
			outcome = resultAccepted
			r.logRevocation(ctx, &e, attrs)
			continue
		}
		if outcome == resultIgnored {
			outcome = resultUnsupported
		}
		r.logUnsupported(ctx, attrs)
	}
	return outcome
}

// logRevocation writes who is affected. A panic in the log handler loses the record, not the answer.
func (r *Receiver) logRevocation(ctx context.Context, e *event, attrs []slog.Attr) {
	defer func() { _ = recover() }()
	if users := slices.Concat(e.subject.users, e.subject.unclear); len(users) > 0 {
		attrs = append(attrs, slog.String("subject", logging.Printable(users[0])))
	}
	logging.OrDefault(r.logger).LogAttrs(ctx, slog.LevelInfo, "tokens revoked by a security event", attrs...)
}

func (r *Receiver) logUnsupported(ctx context.Context, attrs []slog.Attr) {
	defer func() { _ = recover() }()
	if r.mayLog(ctx, resultUnsupported) {
		logging.OrDefault(r.logger).LogAttrs(ctx, slog.LevelWarn, "security event without effect: its subject does not identify tokens", attrs...)
	}
}

// logRejection writes why a request was rejected.
func (r *Receiver) logRejection(ctx context.Context, f *rejection) {
	defer func() { _ = recover() }()
	if !r.mayLog(ctx, f.result) {
		return
	}
	attrs := []slog.Attr{slog.String("issuer", r.issuer), slog.String("result", string(f.result)), slog.Int("status", responses[f.result].status)}
	if f.source != "" {
		attrs = append(attrs, slog.String("source", f.source), slog.String("got", logging.Printable(f.got)), slog.Bool("unverified", true))
	}
	if f.err != nil {
		attrs = append(attrs, slog.String("error", logging.Printable(f.err.Error())))
	}
	logging.OrDefault(r.logger).LogAttrs(ctx, slog.LevelWarn, "security event rejected", attrs...)
}

// mayLog reports whether there are not too many records of a result.
func (r *Receiver) mayLog(ctx context.Context, of result) bool {
	if !logging.OrDefault(r.logger).Enabled(ctx, slog.LevelWarn) {
		return false
	}
	ok, summaryIn := r.limit.Allow(of)
	if summaryIn > 0 { // the timer exists only while records are suppressed
		time.AfterFunc(summaryIn, func() { r.logSuppressed(of) })
	}
	return ok
}

// logSuppressed writes how many records of a result were suppressed.
func (r *Receiver) logSuppressed(of result) {
	defer func() { _ = recover() }() // a panic in a timer would end the program
	logging.OrDefault(r.logger).LogAttrs(context.Background(), slog.LevelWarn, "left out of the log",
		slog.String("issuer", r.issuer), slog.String("result", string(of)), slog.Int("left_out", r.limit.Summary(of)))
}
