package nethttp

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/warder-go/warder/internal/errorresponse"
	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/resource"
)

const sessionHeader = "Mcp-Session-Id"

// maxStreamWait is how long a response to GET can take to open a session. Servers of the SSE
// transport send the endpoint event at once.
const maxStreamWait = 10 * time.Second

// sessionBinder is shared by the handlers of one [BindSessions].
type sessionBinder struct {
	accepted *resource.Requirement
	table    *sessionTable
	logger   *slog.Logger
	resource string // Config.Identifier, for the log
	allowed  []string
	maxBody  int           // of a request without a session
	grace    time.Duration // for results after the token of an SSE stream has expired
}

// serve passes a request to next, unless it must be rejected because of its session.
func (b *sessionBinder) serve(w http.ResponseWriter, req *http.Request, next http.Handler) {
	if refusal := b.accepted.Check(req); refusal != nil {
		writeRefusal(w, refusal)
		return
	}
	session, ok := sessionOf(req)
	caller, authenticated := resource.FromContext(req.Context())
	resumes := len(req.Header.Values("Last-Event-Id")) > 0
	switch {
	case !ok:
		b.reject(w, req, ambiguousSession) // servers differ in which of the ids they use
	case !authenticated && (session.id != "" || resumes):
		b.reject(w, req, anonymousSession)
	case !authenticated:
		b.servePublic(w, req, next)
	case session.id != "":
		b.serveExisting(w, req, next, ownerOf(caller), session)
	case resumes:
		b.reject(w, req, unnamedStream) // the stream belongs to a session, but not to a known one
	default:
		b.serveNew(w, req, next, ownerOf(caller))
	}
}

// servePublic serves a public operation without credentials. Its response must not open a
// session, because every caller could use it.
func (b *sessionBinder) servePublic(w http.ResponseWriter, req *http.Request, next http.Handler) {
	inner, rejection := b.withoutSession(req)
	if rejection == nil && req.Method == http.MethodGet {
		rejection = &sessionlessStream
	}
	if rejection != nil {
		b.reject(w, req, *rejection)
		return
	}
	sw := &sessionWriter{ResponseWriter: w, onHeader: func(h http.Header) bool { h.Del(sessionHeader); return false }}
	next.ServeHTTP(sw, inner)
	sw.end() // net/http sends 200 for a handler that wrote nothing
}

// serveExisting serves a request that names a session, if the session is the caller's.
func (b *sessionBinder) serveExisting(w http.ResponseWriter, req *http.Request, next http.Handler, owner sessionOwner, session sessionName) {
	state := b.table.claim(session, owner)
	switch {
	case state == sessionOfOther:
		b.reject(w, req, foreignSession)
	case state == sessionUnknown, session.inQuery && req.Method != http.MethodPost: // an SSE endpoint is for POST
		b.reject(w, req, unknownSession)
	case req.Method == http.MethodDelete:
		b.serveDelete(w, req, next, owner, session)
	case ignoresSession(req.Header):
		inner, rejection := b.withoutSession(req)
		if rejection == nil && req.Method == http.MethodGet {
			rejection = &sessionlessStream
		}
		if rejection != nil {
			b.reject(w, req, *rejection)
			return
		}
		if !session.inQuery {
			inner.Header = req.Header // a server that does not ignore the session finds the caller's
		}
		next.ServeHTTP(w, inner)
	case session.inQuery:
		next.ServeHTTP(w, isolate(req, nil)) // a server that looks only at the header finds no session of others
	default:
		next.ServeHTTP(w, req)
	}
}

// serveDelete serves the end of a session. A server may decline it (MCP: 405). Then the session
// continues.
func (b *sessionBinder) serveDelete(w http.ResponseWriter, req *http.Request, next http.Handler, owner sessionOwner, session sessionName) {
	sw := &sessionWriter{ResponseWriter: w}
	next.ServeHTTP(sw, req)
	if sw.end(); sw.status/100 == 2 {
		b.table.remove(session, owner)
	}
}

// serveNew serves a request that names no session. Its response may open one.
func (b *sessionBinder) serveNew(w http.ResponseWriter, req *http.Request, next http.Handler, owner sessionOwner) {
	inner, rejection := b.withoutSession(req)
	if rejection != nil {
		b.reject(w, req, *rejection)
		return
	}
	own := inner.Header.Get(sessionHeader)
	sw := &sessionWriter{ResponseWriter: w, onHeader: func(h http.Header) bool { return b.bindHeader(req, h, owner, own) }}
	if req.Method == http.MethodGet {
		b.serveStream(sw, inner, next, owner)
		return
	}
	next.ServeHTTP(sw, inner)
	sw.end()
}

// serveStream serves a GET request that names no session. Its response must open one: the
// stream of the SSE transport does, and ends it. Other streams without a session can have
// messages for every caller. A client that names a protocol version is past initialize. It
// opens no stream of the SSE transport, and can wait for the answer, so it gets it at once.
func (b *sessionBinder) serveStream(sw *sessionWriter, req *http.Request, next http.Handler, owner sessionOwner) {
	if len(req.Header.Values(protocolHeader)) > 0 {
		b.reject(sw.ResponseWriter, req, sessionlessStream)
		return
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(req.Context()))
	defer cancel(nil)
	stream := &sseStream{ResponseWriter: sw.ResponseWriter, fail: func() { cancel(errNoSession) }}
	sw.ResponseWriter = stream
	var opened sessionName
	defer func() {
		stream.close()
		if opened.id != "" {
			b.table.remove(opened, owner)
		}
	}()
	sw.onEndpoint = func(address string) (ok bool) {
		opened, ok = b.bindEndpoint(req, address, owner, stream)
		if ok {
			stream.setOpen()
		}
		return ok
	}
	sw.onRefuse = func() { cancel(errNoSession) }
	connection := resource.ConnectionContext(req.Context())
	defer context.AfterFunc(connection, func() { cancel(context.Cause(connection)) })()
	defer context.AfterFunc(req.Context(), func() { b.endStream(ctx, stream, context.Cause(req.Context()), cancel) })()
	defer time.AfterFunc(maxStreamWait, sw.expire).Stop()
	outerHeader := sw.Header().Clone()
	next.ServeHTTP(sw, req.WithContext(ctx))
	if sent := sw.end(); !sent {
		header := sw.Header() // without the fields of the server, which describe its response
		clear(header)
		maps.Copy(header, outerHeader)
		b.reject(sw.ResponseWriter, req, sessionlessStream)
	}
}

// endStream ends the request of a stream. If its token has expired, calls that were accepted
// before can still be running. Then the stream first passes on their results for a while. ctx is
// the context of the server's handler. It ends when the handler returns.
func (b *sessionBinder) endStream(ctx context.Context, stream *sseStream, cause error, cancel context.CancelCauseFunc) {
	if b.grace > 0 && errors.Is(cause, resource.ErrStreamExpired) && stream.drain() {
		timer := time.AfterFunc(b.grace, func() { cancel(cause) })
		context.AfterFunc(ctx, func() { timer.Stop() })
		return
	}
	cancel(cause)
}

// bindHeader binds the session of a response header to the caller, and reports whether there
// is one. If the session belongs to another caller, it removes the session from the header. It
// also removes own, the id from isolate, which some servers repeat.
func (b *sessionBinder) bindHeader(req *http.Request, h http.Header, owner sessionOwner, own string) (opened bool) {
	for _, id := range h.Values(sessionHeader) {
		if id == "" {
			continue
		}
		if id == own || !b.bind(req, sessionName{id: id}, owner, nil) {
			h.Del(sessionHeader)
			return false
		}
		opened = true
	}
	return opened
}

// bindEndpoint binds the session in the URL of an endpoint event to the caller.
func (b *sessionBinder) bindEndpoint(req *http.Request, address string, owner sessionOwner, stream *sseStream) (session sessionName, ok bool) {
	session, ok = sessionInURL(req.URL, address)
	if !ok {
		b.log(req, slog.LevelError, "the SSE endpoint event does not name exactly one session")
		return sessionName{}, false
	}
	if !b.bind(req, session, owner, stream) {
		return sessionName{}, false
	}
	return session, true
}

// bind binds a session to the caller. It reports false if the session belongs to another.
func (b *sessionBinder) bind(req *http.Request, session sessionName, owner sessionOwner, stream *sseStream) bool {
	if b.table.bind(session, owner, stream) {
		return true
	}
	b.log(req, slog.LevelError, "the server gave the session to two callers")
	return false
}

// sessionRejection is the response to a request that is rejected because of its session, and
// its record in the log.
type sessionRejection struct {
	status int
	text   errorresponse.Text
	id     []byte // of the message in the body; nil if it is not known
	level  slog.Level
	why    string
}

var (
	ambiguousSession = sessionRejection{http.StatusBadRequest, rpcText(rpcInvalidRequest, "The request names a session more than once"), nil, slog.LevelInfo, "the request names a session more than once"}
	anonymousSession = sessionRejection{http.StatusNotFound, sessionNotFound, nil, slog.LevelInfo, "the request has no credentials"}
	unknownSession   = sessionRejection{http.StatusNotFound, sessionNotFound, nil, slog.LevelInfo, "the session is unknown"}
	foreignSession   = sessionRejection{http.StatusNotFound, sessionNotFound, nil, slog.LevelWarn, "the session belongs to another caller"}
	unnamedStream    = sessionRejection{http.StatusNotFound, sessionNotFound, nil, slog.LevelInfo, "the request resumes a stream without naming its session"}

	// MCP 2025-11-25, "Listening for Messages from the Server": 405 if there is no stream.
	sessionlessStream = sessionRejection{http.StatusMethodNotAllowed, rpcText(rpcInvalidRequest, "A stream needs a session"), nil, slog.LevelInfo, "the request opens a stream without a session"}
)

// reject responds to a request. The body is a JSON-RPC error for a POST of JSON, and otherwise
// the object of package resource.
func (b *sessionBinder) reject(w http.ResponseWriter, req *http.Request, r sessionRejection) {
	b.log(req, r.level, r.why)
	body := r.text.Object()
	if mcpmsg.IsJSONPost(req) {
		body = r.text.RPCError(r.id, nil)
	}
	h := w.Header()
	if r.status == http.StatusMethodNotAllowed {
		h.Set("Allow", http.MethodPost)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(r.status)
	_, _ = w.Write(body)
}

// log writes a record with the caller. It never writes the id of a session, which is a
// secret.
func (b *sessionBinder) log(req *http.Request, level slog.Level, why string) {
	caller, ok := resource.FromContext(req.Context())
	identifier := b.resource
	if ok {
		identifier = caller.Resource()
	}
	attrs := []slog.Attr{slog.String("why", why), slog.String("resource", identifier)}
	if ok {
		attrs = append(attrs, slog.Any("caller", caller))
	}
	logging.OrDefault(b.logger).LogAttrs(req.Context(), level, "session rejected", attrs...)
}
