package nethttp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/warder-go/warder/resource"
)

// Defaults of SessionConfig.
const (
	DefaultMaxSessions  = 100_000
	DefaultMaxPerCaller = 10_000
)

// SessionConfig is for [BindSessions]. Its zero value is good for one process.
type SessionConfig struct {
	// MaxSessions is how many sessions are known at a time; 0: 100,000, of up to
	// 400 bytes each. One more, and the one that was used longest ago is
	// forgotten: whoever comes back to it is told to begin a new one.
	MaxSessions int

	// MaxPerCaller is the same for one caller; 0: 10,000. It keeps one that opens
	// sessions without end from having all others' forgotten.
	MaxPerCaller int

	// AdoptUnknown gives a session that is not known here to the first caller who
	// names it. It is for servers whose sessions outlive this process or live in
	// several: replicas with a common store, without requests kept to one of
	// them. WHOEVER LEARNS A SESSION'S ID MAY THEN TAKE IT OVER on a replica that
	// has not seen it, after a restart, or when it was forgotten at a limit.
	AdoptUnknown bool

	Logger *slog.Logger // one record per refused session; nil: slog.Default()
}

// BindSessions keeps the sessions of an MCP server to those who opened them, by
// [resource.Caller.ID]: to the principal, not to the token, so that a session
// survives a refresh (MCP 2026-07-28, security best practices, "Session Hijacking").
// It is for servers that don't see to it themselves: mcp-go, and the SSE transports of
// the SDKs. The streamable transport of the official Go SDK does, behind
// nethttp/mcpsdk.
//
// It goes inside [Middleware] of the same resource; what that did not accept gets 401.
// A public operation without credentials never uses a session (it gets 404) and never
// opens one (the answer loses its Mcp-Session-Id). Make it once for all routes of a
// server, since the routes of one SSE transport share their sessions:
//
//	protect := func(h http.Handler) http.Handler { return nethttp.Middleware(res)(bind(h)) }
//
// A session is learned from the header Mcp-Session-Id of an answer, or from the URL
// that the first event of an SSE stream, "endpoint", names (parameter sessionId,
// sessionid or session_id). It is forgotten when a DELETE of it succeeds, when its
// SSE stream ends, and at the limits of [SessionConfig]. A request that names
// another's session, or one that is not known, never reaches the server. It is
// answered 404 with JSON-RPC error -32001, as MCP has it for a session that is over:
// clients then begin a new one, while some take a 403 for a failed login. The answer
// is the same for both, so that nobody learns which sessions there are. A request
// that names a session twice, in whatever way, is answered 400.
//
// Unknown sessions are refused since the sessions of these servers live in the
// memory of the process: one that it has not seen is over, or was opened without
// this middleware, and there is nobody to ask whose it is. For other servers see
// SessionConfig.AdoptUnknown.
//
// The ResponseWriter is wrapped only for a request that names no session, and for
// DELETE; a wrapped one flushes, hijacks and works with [http.ResponseController] as
// the one inside does. Compression goes outside, not between this and the server.
//
// A negative limit, and a res that was not made by resource.New, panic.
func BindSessions(res *resource.Resource, c SessionConfig) func(next http.Handler) http.Handler {
	accepted, err := res.Requirement() // for no scopes: that res has accepted the request
	if err != nil {
		panic(err)
	}
	if c.MaxSessions < 0 || c.MaxPerCaller < 0 {
		panic(fmt.Sprintf("nethttp: sessions: limits %d and %d: one is negative", c.MaxSessions, c.MaxPerCaller))
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = DefaultMaxSessions
	}
	if c.MaxPerCaller == 0 {
		c.MaxPerCaller = DefaultMaxPerCaller
	}
	s := &sessions{accepted: accepted, logger: c.Logger, resource: res.Metadata().Resource,
		table: newSessionTable(c.MaxSessions, c.MaxPerCaller, c.AdoptUnknown)}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { s.serve(w, req, next) })
	}
}

// sessions is what the handlers of one BindSessions share.
type sessions struct {
	accepted *resource.Requirement
	table    *sessionTable
	logger   *slog.Logger
	resource string
}

const (
	sessionHeader = "Mcp-Session-Id"

	notFoundBody  = `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}` + "\n"
	ambiguousBody = `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"The request names a session more than once"}}` + "\n"
)

func (s *sessions) serve(w http.ResponseWriter, req *http.Request, next http.Handler) {
	if refusal := s.accepted.Check(req); refusal != nil {
		render(w, refusal)
		return
	}
	caller, known := resource.FromContext(req.Context()) // unknown: a public operation
	id, ok := sessionNamed(req)
	resumes := len(req.Header.Values("Last-Event-Id")) > 0
	switch {
	case !ok: // which one the server would take is a matter of its taste
		s.refuse(w, req, http.StatusBadRequest, ambiguousBody, slog.LevelInfo, "named more than once")
	case !known && (id != "" || resumes):
		s.refuse(w, req, http.StatusNotFound, notFoundBody, slog.LevelInfo, "no credentials")
	case !known:
		sw := &sessionWriter{ResponseWriter: w, opened: func(h http.Header) { h.Del(sessionHeader) }}
		next.ServeHTTP(sw, req)
		sw.begin(http.StatusOK)
	case id != "":
		switch s.table.claim(id, caller.ID()) {
		case sessionOwn:
			s.serveNamed(w, req, next, caller, id)
		case sessionForeign:
			s.refuse(w, req, http.StatusNotFound, notFoundBody, slog.LevelWarn, "another caller's")
		default:
			s.refuse(w, req, http.StatusNotFound, notFoundBody, slog.LevelInfo, "unknown")
		}
	case resumes: // a stream, but of whose session?
		s.refuse(w, req, http.StatusNotFound, notFoundBody, slog.LevelInfo, "not named, but a stream of it")
	default:
		s.serveNew(w, req, next, caller)
	}
}

// serveNamed is for a request that names a session of its caller's.
func (s *sessions) serveNamed(w http.ResponseWriter, req *http.Request, next http.Handler, caller *resource.Caller, id string) {
	if req.Method != http.MethodDelete {
		next.ServeHTTP(w, req)
		return
	}
	// A server may decline (MCP: 405), and then the session goes on.
	sw := &sessionWriter{ResponseWriter: w}
	next.ServeHTTP(sw, req)
	if sw.begin(http.StatusOK); sw.status/100 == 2 {
		s.table.forget(id, caller.ID())
	}
}

// serveNew is for a request that names no session: its answer may open one.
func (s *sessions) serveNew(w http.ResponseWriter, req *http.Request, next http.Handler, caller *resource.Caller) {
	sw := &sessionWriter{ResponseWriter: w}
	bind := func(id string) bool {
		if s.table.bind(id, caller.ID()) {
			return true
		}
		s.log(req, slog.LevelError, "the server gave it to two callers")
		return false
	}
	sw.opened = func(h http.Header) {
		for _, id := range h.Values(sessionHeader) {
			if id != "" && !bind(id) {
				h.Del(sessionHeader) // the second caller does not get it
				return
			}
		}
	}
	if req.Method == http.MethodGet {
		ctx, cancel := context.WithCancelCause(req.Context())
		defer cancel(nil)
		req = req.WithContext(ctx)
		var streams []string // sessions that end with this answer
		defer func() {
			for _, id := range streams {
				s.table.forget(id, caller.ID())
			}
		}()
		sw.endpoint = func(address string) bool {
			id, ok := sessionInURL(address)
			if !ok {
				s.log(req, slog.LevelError, "the SSE endpoint names none, or several")
			}
			if !ok || !bind(id) {
				cancel(errEndpoint) // a stream whose session can't be kept is no good
				return false
			}
			streams = append(streams, id)
			return true
		}
	}
	next.ServeHTTP(sw, req)
	sw.begin(http.StatusOK) // as net/http does for a handler that wrote nothing
}

func (s *sessions) refuse(w http.ResponseWriter, req *http.Request, status int, body string, level slog.Level, why string) {
	s.log(req, level, why)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// log says whose request it was and never which session.
func (s *sessions) log(req *http.Request, level slog.Level, why string) {
	logger := s.logger
	if logger == nil {
		logger = slog.Default()
	}
	attrs := []slog.Attr{slog.String("why", why), slog.String("resource", s.resource)}
	if caller, ok := resource.FromContext(req.Context()); ok {
		attrs = append(attrs, slog.Any("caller", caller))
	}
	logger.LogAttrs(req.Context(), level, "session refused", attrs...)
}
