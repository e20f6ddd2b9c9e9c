package nethttp

import (
	"log/slog"
	"net/http"
	"slices"

	"github.com/warder-go/warder/internal/errorresponse"
	"github.com/warder-go/warder/internal/mcpmsg"
)

// sessionVersions are the protocol versions that have sessions. In later ones servers ignore
// Mcp-Session-Id (MCP 2026-07-28, SEP-2567). Every version since 2025-06-18 requires the
// header with the version after initialize.
var sessionVersions = []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}

const protocolHeader = "Mcp-Protocol-Version"

// ignoresSession reports whether a server can ignore the session that a request names.
func ignoresSession(h http.Header) bool {
	versions := h.Values(protocolHeader)
	return len(versions) > 1 || len(versions) == 1 && !slices.Contains(sessionVersions, versions[0])
}

// withoutSession checks a request that uses no session, and returns the request for the server.
// It rejects messages that refer to an earlier request or create something for a later one.
// Servers such as mcp-go keep these under the empty session, which is every caller's.
func (b *sessionBinder) withoutSession(req *http.Request) (*http.Request, *sessionRejection) {
	if req.Method == http.MethodDelete {
		return nil, needsSession(req, nil, false)
	}
	if !mcpmsg.MayCarryMessage(req) {
		return isolate(req, nil), nil
	}
	body, messages, e := mcpmsg.Read(req, b.maxBody)
	if e != nil {
		return nil, unreadableBody(e)
	}
	for _, m := range messages {
		if !m.IsSelfContained() && !(m.Method != "" && slices.Contains(b.allowed, m.Method)) {
			return nil, needsSession(req, mcpmsg.RequestID(messages), m.Method != "")
		}
	}
	inner := isolate(req.WithContext(req.Context()), messages)
	inner.Body = mcpmsg.Reread(body, req.Body)
	return inner, nil
}

// needsSession returns the rejection of a message with this id, which is nil if it has none. In
// a protocol version without sessions, a method that needs one does not exist (MCP 2026-07-28,
// SEP-2575).
func needsSession(req *http.Request, id []byte, isMethod bool) *sessionRejection {
	const why = "the message needs a session, and the request uses none"
	if isMethod && ignoresSession(req.Header) {
		return rpcRejection(http.StatusNotFound, id, rpcMethodNotFound, "Method not found", why)
	}
	return rpcRejection(http.StatusBadRequest, id, rpcInvalidRequest, "The message needs a session", why)
}

// unreadableBody returns the rejection of a body that a server could understand differently.
func unreadableBody(e *mcpmsg.Error) *sessionRejection {
	const why = "the body of a request without a session cannot be checked"
	switch e.Kind {
	case mcpmsg.TooLarge:
		return rpcRejection(http.StatusRequestEntityTooLarge, e.ID, rpcInvalidRequest, "The body is too large", why)
	case mcpmsg.WrongType:
		return rpcRejection(http.StatusUnsupportedMediaType, e.ID, rpcInvalidRequest, "The body is not application/json", why)
	case mcpmsg.HeaderMismatch:
		return rpcRejection(http.StatusBadRequest, e.ID, rpcHeaderMismatch, "Mcp-Method or Mcp-Name differs from the body", why)
	}
	return rpcRejection(http.StatusBadRequest, e.ID, rpcInvalidRequest, "The body is not a JSON-RPC message with a single meaning", why)
}

// Error codes of JSON-RPC 2.0, section 5.1, and of MCP.
const (
	rpcInvalidRequest  = -32600
	rpcMethodNotFound  = -32601
	rpcHeaderMismatch  = -32020 // MCP 2026-07-28, "Standard Headers"
	rpcSessionNotFound = -32001 // of the TypeScript SDK; some clients look for it in a 404
)

var sessionNotFound = rpcText(rpcSessionNotFound, "Session not found")

func rpcText(code int, message string) errorresponse.Text {
	return errorresponse.Text{Description: message, RPC: code}
}

func rpcRejection(status int, id []byte, code int, message, why string) *sessionRejection {
	return &sessionRejection{status, rpcText(code, message), id, slog.LevelInfo, why}
}
