package gate

import (
	"net/http"
	"strconv"

	"github.com/warder-go/warder/internal/errorresponse"
	"github.com/warder-go/warder/internal/mcpmsg"
)

// refusal is a response of the gate itself. Nothing in it comes from a request.
type refusal struct {
	status int
	reason string // for metrics and logs
	text   string // for clients
}

// Refusals of requests, before the Resource decides.
var (
	refusedBusy       = &refusal{http.StatusServiceUnavailable, "busy", "Too many requests at one time; retry later"}
	refusedVersion    = &refusal{http.StatusHTTPVersionNotSupported, "version", "HTTP/1.1 or HTTP/2 is required"}
	refusedTarget     = &refusal{http.StatusBadRequest, "target", "The request target must be a path, and the host must be unambiguous"}
	refusedPath       = &refusal{http.StatusNotFound, "path", "Not found"}
	refusedMethod     = &refusal{http.StatusMethodNotAllowed, "method", "The method is not supported"}
	refusedUpgrade    = &refusal{http.StatusNotImplemented, "upgrade", "WebSocket and other upgrades are not supported"}
	refusedConnection = &refusal{http.StatusBadRequest, "connection", "The Connection field names a field that is for all recipients"}
	refusedContent    = &refusal{http.StatusBadRequest, "content", "Only POST requests can have content, with one transfer coding"}
	refusedTooLarge   = &refusal{http.StatusRequestEntityTooLarge, "too_large", "The body is too large"}
	refusedRepeated   = &refusal{http.StatusBadRequest, "repeated", "A header field that must be unique is repeated"}
	refusedQuery      = &refusal{http.StatusBadRequest, "query", "The query must be well-formed, and the URL must not contain an access token"}
	refusedProxy      = &refusal{http.StatusForbidden, "proxy", "The address is not one of forward_auth.proxies"}
	refusedOriginal   = &refusal{http.StatusBadRequest, "original", "The fields about the original request are missing or ambiguous"}
	refusedPartial    = &refusal{http.StatusRequestEntityTooLarge, "partial", "The proxy did not send the whole body"}
	refusedIdentity   = &refusal{http.StatusBadRequest, "identity", "The request has a header field that only the gate can set"}
	refusedMirrors    = &refusal{http.StatusBadRequest, "mirrors", "Mcp-Method or Mcp-Name repeats nothing in the body"}
	refusedInternal   = &refusal{http.StatusInternalServerError, "internal", "Internal error"}
)

// Results of upstreams that clients do not get.
var (
	refusedChallenge   = &refusal{http.StatusBadGateway, "challenge", "The MCP server rejected the gate"}
	refusedResponse    = &refusal{http.StatusBadGateway, "response", "The MCP server sent an invalid response"}
	refusedUnreachable = &refusal{http.StatusBadGateway, "unreachable", "The MCP server cannot be reached"}
	refusedTimeout     = &refusal{http.StatusGatewayTimeout, "timeout", "The MCP server did not respond in time"}
)

// refuse responds with a refusal and counts it.
func (g *Gate) refuse(w http.ResponseWriter, req *http.Request, r *refusal) {
	g.metrics.countRefused(r)
	writeRefusal(w, req, r)
}

// writeRefusal responds with a refusal: with a JSON-RPC error to a POST of JSON, otherwise with an
// OAuth error object, as the Resource does.
func writeRefusal(w http.ResponseWriter, req *http.Request, r *refusal) {
	text := errorresponse.Text{Description: r.text, RPC: r.status}
	body := text.Object()
	if mcpmsg.IsJSONPost(req) {
		body = text.RPCError(nil, nil)
	}
	h := w.Header()
	if r.status == http.StatusMethodNotAllowed {
		h.Set("Allow", "GET, POST, DELETE")
	}
	if r.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(r.status)
	_, _ = w.Write(body) // the client may be gone
}
