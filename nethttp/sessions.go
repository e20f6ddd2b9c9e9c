package nethttp

import (
	"cmp"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/resource"
)

// Defaults of SessionConfig.
const (
	DefaultMaxSessions  = 100_000
	DefaultMaxPerCaller = 10_000
	DefaultMaxBodyBytes = 4 << 20
	DefaultResultGrace  = 30 * time.Second
)

// MaxResultGrace is the longest SessionConfig.ResultGrace.
const MaxResultGrace = 5 * time.Minute

// SessionConfig configures [BindSessions]. The zero value suits a server in one process.
type SessionConfig struct {
	// MaxSessions is the maximum number of sessions; 0: 100,000. Each needs up to 500 bytes.
	// At the limit a new session removes the one that was used least recently. Its client
	// gets 404 for its next request and opens a new session.
	MaxSessions int

	// MaxPerCaller is the maximum number of sessions of one caller; 0: 10,000. It prevents
	// one caller from removing the sessions of all others by opening many. Tokens that identify
	// no one share the limit if they have the same issuer and client, because each of them is a
	// caller of its own (see [resource.Caller.ID]).
	MaxPerCaller int

	// AdoptUnknown binds an unknown session to the first caller that names it. It is for
	// servers whose sessions outlive this process or are shared by several replicas, without
	// routing each session to one replica. A CALLER THAT LEARNS THE ID OF ANOTHER CALLER'S
	// SESSION CAN THEN TAKE IT OVER: on a replica that has not seen it, after a restart, or
	// after it was removed at a limit. Do not set it for a server that ignores
	// Mcp-Session-Id, such as one without sessions, because every id is then accepted. A session
	// in a query is never adopted, because it ends with its stream.
	AdoptUnknown bool

	// AllowedWithoutSession lists methods that are allowed in requests without a session
	// although they refer to an earlier request or create something for a later one, such as
	// "tasks/get". Use it only for methods whose handles the server itself binds to the
	// caller, for instance with [handles.Binder], and does not keep by session, because each
	// request without one has its own. BEHIND ANOTHER SERVER EVERY CALLER CAN THEN
	// USE THEM ON WHAT OTHERS CREATED.
	//
	// [handles.Binder]: https://pkg.go.dev/github.com/warder-go/warder/resource/handles#Binder
	AllowedWithoutSession []string

	// MaxBodyBytes is the maximum size of the body of a request without a session; 0: 4 MiB.
	// It should not be less than resource.Limits.MaxBodyBytes.
	MaxBodyBytes int

	// ResultGrace is for the SSE transport of MCP 2024-11-05, which sends results on the
	// stream of the session. After the token of the stream has expired, the stream passes on
	// the results of calls that were accepted before, and nothing else, for this time. Then
	// it ends. 0: 30 seconds; negative: none; at most 5 minutes. If the token was revoked or
	// its key was withdrawn before it expired, the stream ends at once. The token is not
	// checked again within this time.
	ResultGrace time.Duration

	Logger *slog.Logger // gets one record for each rejected request; nil: slog.Default()
}

// BindSessions rejects requests for sessions that another caller has opened. A session is
// bound to [resource.Caller.Owner], which identifies the principal and not the token, so the
// session survives a token refresh (MCP 2026-07-28, security best practices, "Session
// Hijacking"). Use it for servers that do not check this themselves: mcp-go, and the SSE
// transports of the SDKs. The streamable transport of the official Go SDK checks it if the
// server is protected by nethttp/mcpsdk.
//
// Put it inside [Middleware] of the same resource; without that every response is 401. It
// serves all of resource.Config.Identifiers: a session can continue at another host, with a
// token for that identifier, but not at another path.
//
// Create it once for all routes of a server, because the routes of one SSE transport share
// their sessions:
//
//	protect := func(h http.Handler) http.Handler { return nethttp.Middleware(res)(bind(h)) }
//
// BindSessions learns a session from the response header Mcp-Session-Id, or from the first
// event of an SSE stream if that is "endpoint": its URL has the session in the parameter
// sessionId, sessionid or session_id. The session exists only in the place where it was
// learned: in the header, or in the query of a POST to the path of that URL. A proxy may remove
// the first segments of the path. BindSessions removes the session when a DELETE of it succeeds,
// when its SSE stream ends, and at the limits of [SessionConfig].
//
// A request for another caller's session or for an unknown session is not passed to the
// server. The response is 404, which MCP specifies for an expired session, with JSON-RPC error
// -32001: clients then open a new one, while some clients treat 403 as a failed login. The
// response is the same in both cases, so that it does not reveal which sessions exist. A
// request that names a session more than once gets 400. The body is a JSON-RPC error only for a
// POST of JSON; see [resource.Refusal].
//
// Unknown sessions are rejected because these servers keep their sessions in the memory of
// the process. A session that the process has not seen has expired, or was opened without
// this middleware, so its owner cannot be determined. For other servers see
// SessionConfig.AdoptUnknown.
//
// Servers also keep things for requests without a session: which of them are running, their
// streams and their tasks. These belong to the empty session, which every caller could use. So
// BindSessions gives each request without a session, except initialize, a random
// Mcp-Session-Id, which the client does not get. A server that goes by the session, such as a
// stateless one of mcp-go, then keeps nothing for two callers. Other servers, and protocol
// 2026-07-28, ignore it. So a request without a session is also passed on only if its messages refer to nothing that an earlier request
// created: lists, initialize, notifications/initialized, ping, server/discover,
// completion/complete, subscriptions/listen without tasks, and calls of tools, prompts and
// resources that do not create a task. All others get 400 with JSON-RPC error -32600, such as
// notifications/cancelled, tasks/* and responses, and so does a body that is not a JSON-RPC
// message with a single meaning. In protocol 2026-07-28, which has no sessions, this holds for
// every request. There the response is 404 with error -32601, as for a method that does not
// exist, and a client cancels a request by closing its connection.
// SessionConfig.AllowedWithoutSession has the exceptions.
//
// Clients of the SSE transport wait on the stream of their session for the response to each
// call. Some of them, such as the Python SDK, ignore the status of the POST. If a call is
// rejected because the caller lacks a permission, they wait in vain. So BindSessions also
// writes the JSON-RPC error to the stream of the session, if the session belongs to the
// caller. It does not do so for 401, for a batch, and for a body that was not read completely:
// because it is over a limit, or because no rule needed it and it has more than 64 KiB.
//
// A GET request without a session is served only if its response opens one, or is an error.
// Otherwise its stream could have the messages of other callers. BindSessions holds the response
// until the first event, ten seconds at most, and then responds with 405, which MCP specifies for
// a server without such a stream. If the request has Mcp-Protocol-Version, the response is 405 at
// once: only the streamable transport sends it. So clients without a session get no messages of a
// stateless server outside of the responses to their requests. Put BindSessions only around the
// routes of the MCP server.
//
// A public operation without credentials cannot use a session: it gets 404. It cannot open
// one either: Mcp-Session-Id is removed from its response.
//
// BindSessions wraps the ResponseWriter only for DELETE and for a request that names no
// session. The wrapper flushes, hijacks and works with [http.ResponseController] like the
// original. Compression must be outside, because BindSessions reads the event stream.
//
// BindSessions panics if a limit is negative, if an allowed method is empty or if res was not created by resource.New.
func BindSessions(res *resource.Resource, c SessionConfig) func(next http.Handler) http.Handler {
	accepted, err := res.Requirement() // requires no scope, only that res has accepted the request
	if err != nil {
		panic(err)
	}
	if err := c.setDefaults(); err != nil {
		panic(err)
	}
	b := &sessionBinder{accepted: accepted, logger: c.Logger, resource: res.Identifier(),
		allowed: slices.Clone(c.AllowedWithoutSession), maxBody: c.MaxBodyBytes, grace: c.ResultGrace,
		table: newSessionTable(c.MaxSessions, c.MaxPerCaller, c.AdoptUnknown)}
	res.OnRejection(b.reportRejection)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { b.serve(w, req, next) })
	}
}

// setDefaults checks the limits and replaces zero values.
func (c *SessionConfig) setDefaults() error {
	var mistakes configerr.List
	for _, limit := range []struct {
		name     string
		value    *int
		fallback int
	}{
		{"MaxSessions", &c.MaxSessions, DefaultMaxSessions},
		{"MaxPerCaller", &c.MaxPerCaller, DefaultMaxPerCaller},
		{"MaxBodyBytes", &c.MaxBodyBytes, DefaultMaxBodyBytes},
	} {
		switch {
		case *limit.value < 0:
			mistakes.Addf("%s is %d; want 0 for the default of %d, or a positive number", limit.name, *limit.value, limit.fallback)
		case *limit.value == 0:
			*limit.value = limit.fallback
		}
	}
	if c.ResultGrace > MaxResultGrace {
		mistakes.Addf("ResultGrace is %s; want at most %s", c.ResultGrace, MaxResultGrace)
	}
	c.ResultGrace = cmp.Or(c.ResultGrace, DefaultResultGrace)
	if slices.Contains(c.AllowedWithoutSession, "") {
		mistakes.Addf("AllowedWithoutSession has an empty method; responses of clients cannot be allowed")
	}
	return mistakes.Err("nethttp: SessionConfig")
}
