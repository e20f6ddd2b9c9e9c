package gate

import (
	"net/http"
	"slices"
	"strings"

	"github.com/warder-go/warder/resource"
)

const (
	corsMethods = "GET, POST, DELETE"
	corsExposed = "WWW-Authenticate, DPoP-Nonce, Mcp-Session-Id, Retry-After"
	corsMaxAge  = "600" // seconds
)

// corsFields are folded names of the header fields that pages may send.
var corsFields = []string{"authorization", "dpop", "content-type", "accept", "mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id", "last-event-id"}

// serveCORS answers a preflight, and allows the page of another request to read the response. It
// reports whether it has written a response. A page of an origin that is not allowed gets no
// permission; the Resource rejects its other requests.
func serveCORS(w http.ResponseWriter, req *http.Request, res *resource.Resource) bool {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := req.Header["Origin"]
	allowed := len(origin) == 1 && res.AllowsOrigin(origin[0])
	if allowed {
		h["Access-Control-Allow-Origin"] = []string{origin[0]} // equal to a configured or a loopback origin
	}
	method := req.Header["Access-Control-Request-Method"]
	if req.Method != http.MethodOptions || len(origin) == 0 || len(method) == 0 {
		if allowed {
			h["Access-Control-Expose-Headers"] = []string{corsExposed}
		}
		return false
	}
	if allowed {
		h.Set("Access-Control-Allow-Methods", corsMethods)
		h.Set("Access-Control-Allow-Headers", allowedFields(req.Header["Access-Control-Request-Headers"]))
		h.Set("Access-Control-Max-Age", corsMaxAge)
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}

// allowedFields returns the fields that a page may send: those of MCP, and of the requested ones
// those that repeat arguments of a tool (Mcp-Param-*).
func allowedFields(requested []string) string {
	all := slices.Clone(corsFields)
	for _, value := range requested {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.ToLower(strings.Trim(name, " \t"))
			if len(all) < maxPreflight && len(name) <= maxPreflightName && isPlainName(name) && strings.HasPrefix(name, "mcp-param-") && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return strings.Join(all, ", ")
}
