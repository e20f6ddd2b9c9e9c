package nethttp

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/resource"
)

const sessionHeader = "Mcp-Session-Id"

// sessionBinder is shared by the handlers of one [BindSessions].
type sessionBinder struct {
	accepted *resource.Requirement
	table    *sessionTable
	logger   *slog.Logger
	resource string // identifier, for the log
	allowed  []string
	maxBody  int // of a request without a session
}

// serve passes a request to next, unless it must be rejected because of its session.
func (b *sessionBinder) serve(w http.ResponseWriter, req *http.Request, next http.Handler) {
	if refusal := b.accepted.Check(req); refusal != nil {
		writeRefusal(w, refusal)
		return
	}
	id, ok := sessionID(req)
	caller, authenticated := resource.FromContext(req.Context())
	resumes := len(req.Header.Values("Last-Event-Id")) > 0
	switch {
	case !ok:
		b.reject(w, req, ambiguousSession) // servers differ in which of the ids they use
	case !authenticated && (id != "" || resumes):
		b.reject(w, req, anonymousSession)
	case !authenticated:
		b.servePublic(w, req, next)
	case id != "":
		b.serveExisting(w, req, next, caller, id)
	case resumes:
		b.reject(w, req, unnamedStream) // the stream belongs to a session, but not to a known one
	default:
		b.serveNew(w, req, next, caller)
	}
}

// servePublic serves a public operation without credentials. Its response must not open a
// session, because every caller could use it.
func (b *sessionBinder) servePublic(w http.ResponseWriter, req *http.Request, next http.Handler) {
	inner, rejection := b.checkWithoutSession(req)
	if rejection != nil {
		b.reject(w, req, *rejection)
		return
	}
	sw := &sessionWriter{ResponseWriter: w, onHeader: func(h http.Header) { h.Del(sessionHeader) }}
	next.ServeHTTP(sw, inner)
	sw.begin(http.StatusOK) // net/http sends 200 for a handler that wrote nothing
}

// serveExisting serves a request that names a session, if the session is the caller's.
func (b *sessionBinder) serveExisting(w http.ResponseWriter, req *http.Request, next http.Handler, caller *resource.Caller, id string) {
	switch b.table.claim(id, caller.ID()) {
	case sessionUnknown:
		b.reject(w, req, unknownSession)
		return
	case sessionOfOther:
		b.reject(w, req, foreignSession)
		return
	}
	if req.Method != http.MethodDelete {
		if ignoresSession(req.Header) {
			inner, rejection := b.checkWithoutSession(req)
			if rejection != nil {
				b.reject(w, req, *rejection)
				return
			}
			req = inner
		}
		next.ServeHTTP(w, req)
		return
	}
	// A server may decline to delete a session (MCP: 405). Then the session continues.
	sw := &sessionWriter{ResponseWriter: w}
	next.ServeHTTP(sw, req)
	if sw.begin(http.StatusOK); sw.status/100 == 2 {
		b.table.remove(id, caller.ID())
	}
}

// serveNew serves a request that names no session. Its response may open one.
func (b *sessionBinder) serveNew(w http.ResponseWriter, req *http.Request, next http.Handler, caller *resource.Caller) {
	inner, rejection := b.checkWithoutSession(req)
	if rejection != nil {
		b.reject(w, req, *rejection)
		return
	}
	req = inner
	sw := &sessionWriter{ResponseWriter: w, onHeader: func(h http.Header) { b.bindHeader(req, h, caller) }}
	if req.Method == http.MethodGet {
		b.serveStream(sw, req, next, caller)
	} else {
		next.ServeHTTP(sw, req)
	}
	sw.begin(http.StatusOK)
}

// serveStream serves a GET request. Its response may be a stream of the SSE transport. The
// session of such a stream ends with the stream.
func (b *sessionBinder) serveStream(sw *sessionWriter, req *http.Request, next http.Handler, caller *resource.Caller) {
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	var opened string
	defer func() {
		if opened != "" {
			b.table.remove(opened, caller.ID())
		}
	}()
	sw.onEndpoint = func(address string) bool {
		id, ok := b.bindEndpoint(req, address, caller)
		if !ok {
			cancel(errEndpoint) // every caller could use an unbound stream, so it ends
			return false
		}
		opened = id
		return true
	}
	next.ServeHTTP(sw, req.WithContext(ctx))
}

// bindHeader binds the session of a response header to the caller. If the session belongs to
// another caller, it removes the session from the header.
func (b *sessionBinder) bindHeader(req *http.Request, h http.Header, caller *resource.Caller) {
	for _, id := range h.Values(sessionHeader) {
		if id != "" && !b.bind(req, id, caller) {
			h.Del(sessionHeader)
			return
		}
	}
}

// bindEndpoint binds the session in the URL of an endpoint event to the caller.
func (b *sessionBinder) bindEndpoint(req *http.Request, address string, caller *resource.Caller) (id string, ok bool) {
	id, ok = sessionInURL(address)
	if !ok {
		b.log(req, slog.LevelError, "the SSE endpoint event does not name exactly one session")
		return "", false
	}
	return id, b.bind(req, id, caller)
}

// bind binds a session to the caller. It reports false if the session belongs to another.
func (b *sessionBinder) bind(req *http.Request, id string, caller *resource.Caller) bool {
	if b.table.bind(id, caller.ID()) {
		return true
	}
	b.log(req, slog.LevelError, "the server gave the session to two callers")
	return false
}

// sessionRejection is the response to a request that is rejected because of its session, and
// its record in the log.
type sessionRejection struct {
	status int
	body   string
	level  slog.Level
	why    string
}

const (
	notFoundBody  = `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}` + "\n"
	ambiguousBody = `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"The request names a session more than once"}}` + "\n"
)

var (
	ambiguousSession = sessionRejection{http.StatusBadRequest, ambiguousBody, slog.LevelInfo, "the request names a session more than once"}
	anonymousSession = sessionRejection{http.StatusNotFound, notFoundBody, slog.LevelInfo, "the request has no credentials"}
	unknownSession   = sessionRejection{http.StatusNotFound, notFoundBody, slog.LevelInfo, "the session is unknown"}
	foreignSession   = sessionRejection{http.StatusNotFound, notFoundBody, slog.LevelWarn, "the session belongs to another caller"}
	unnamedStream    = sessionRejection{http.StatusNotFound, notFoundBody, slog.LevelInfo, "the request resumes a stream without naming its session"}
)

func (b *sessionBinder) reject(w http.ResponseWriter, req *http.Request, r sessionRejection) {
	b.log(req, r.level, r.why)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(r.body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(r.status)
	_, _ = w.Write([]byte(r.body))
}

// log writes a record with the caller. It never writes the id of a session, which is a
// secret.
func (b *sessionBinder) log(req *http.Request, level slog.Level, why string) {
	attrs := []slog.Attr{slog.String("why", why), slog.String("resource", b.resource)}
	if caller, ok := resource.FromContext(req.Context()); ok {
		attrs = append(attrs, slog.Any("caller", caller))
	}
	logging.OrDefault(b.logger).LogAttrs(req.Context(), level, "session rejected", attrs...)
}
