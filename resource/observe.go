package resource

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// observeAccepted is the one place where an accepted request is counted and told of.
func (r *Resource) observeAccepted(req *http.Request, caller *Caller, about []*message) {
	r.metrics.accepted.Inc()
	r.tell(req.Context(), req.Header, caller, about, nil)
}

// refuse is the one place where a fault becomes an answer, and where that is counted,
// told of and logged. header is that of the request, nil where nobody knows it.
func (r *Resource) refuse(ctx context.Context, header http.Header, f *fault) *Refusal {
	refusal := r.answers.refusal(f)
	r.metrics.refused[refusal.Reason].Inc()
	if f.reason == ReasonInsufficientScope {
		r.challenged[r.rules.label(f.about)].Inc()
	}
	r.tell(ctx, header, f.caller, f.about, f)
	r.log(ctx, refusal.Status, header, f)
	return refusal
}

// level is how loud the log is about an outcome.
func (o outcome) level() slog.Level {
	switch o {
	case answerMissing: // every client's first request
		return slog.LevelDebug
	case answerUnavailable:
		return slog.LevelWarn
	case answerError:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// log writes a record about a fault that is answered with a status, or that ends a stream
// (0), unless there is a flood of its reason. A log handler that panics costs its line,
// not the answer.
func (r *Resource) log(ctx context.Context, status int, header http.Header, f *fault) {
	level := outcomes[f.reason].level()
	if status == 0 && f.reason == ReasonExpired {
		level = slog.LevelDebug // a stream whose time is over
	}
	logger := r.logger
	if logger == nil {
		logger = slog.Default()
	}
	defer func() { _ = recover() }()
	if !logger.Enabled(ctx, level) {
		return
	}
	ok, summaryIn := r.floods.admits(f.reason)
	if summaryIn > 0 { // a timer that is there only as long as it counts
		time.AfterFunc(summaryIn, func() { r.logLeftOut(logger, level, f.reason) })
	}
	if !ok {
		return
	}
	about := append(make([]slog.Attr, 0, 12), slog.String("reason", string(f.reason)))
	if status != 0 {
		about = append(about, slog.Int("status", status))
	}
	about = append(about, slog.String("resource", r.document.Resource))
	about = append(about, f.attrs()...)
	if trace := traceID(header); trace != "" {
		about = append(about, slog.String("trace_id", trace))
	}
	if status == 0 {
		logger.LogAttrs(ctx, level, "stream ended", about...)
		return
	}
	logger.LogAttrs(ctx, level, "request refused", about...)
}

// logLeftOut writes how many records of a reason there would have been.
func (r *Resource) logLeftOut(logger *slog.Logger, level slog.Level, reason Reason) {
	defer func() { _ = recover() }() // nobody above a timer would catch a log that panics
	logger.LogAttrs(context.Background(), level, "left out of the log", slog.String("reason", string(reason)),
		slog.String("resource", r.document.Resource), slog.Int("left_out", r.floods.summary(reason)))
}

// attrs are the particulars of a fault: what was found and what was expected, never
// the token.
func (f *fault) attrs() (attrs []slog.Attr) {
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, printable(value)))
		}
	}
	if f.check != nil {
		text("check", f.check.name)
		text("source", f.check.source)
	}
	switch {
	case f.caller != nil:
		text("issuer", f.caller.Issuer())
		text("subject", f.caller.Subject())
		text("client", f.caller.ClientID())
	case f.claims != nil && f.issuer == "": // the issuer is what was found: see got
		text("client", f.claims.ClientID)
	case f.claims != nil:
		text("issuer", f.issuer)
		text("client", f.claims.ClientID)
	default:
		text("issuer", f.issuer)
	}
	if f.token != nil && f.token.IsJWT() {
		text("kid", f.token.JWS().Header.KeyID)
		text("alg", f.token.JWS().Header.Algorithm.String())
	}
	if f.got != "" || f.check != nil || f.want != "" {
		attrs = append(attrs, slog.String("got", printable(f.got)))
	}
	text("want", f.want)
	text("operation", f.operation())
	if f.unverified {
		attrs = append(attrs, slog.Bool("unverified", true))
	}
	if f.err != nil {
		text("error", f.err.Error())
	}
	return attrs
}

// operation names what the request asks for, as its body says.
func (f *fault) operation() string {
	var all []string
	for _, o := range operationsOf(f.about) {
		all = append(all, strings.TrimSuffix(o.Method+" "+o.Name, " "))
	}
	return strings.Join(all, ", ")
}

const maxLogged = 256 // bytes of a text that a client or an upstream has a say in

// printable makes text safe for a log: no control or invisible characters, no
// broken UTF-8, not long.
func printable(text string) string {
	cut := len(text) > maxLogged
	if cut {
		text = strings.Clone(text[:maxLogged]) // the rest may be long
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
