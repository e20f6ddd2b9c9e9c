package gate

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// checkTarget rejects requests whose target can be read in several ways. The target must be a path
// with an optional query (RFC 9112 §3.2.1), of characters that need no percent-encoding, in HTTP/1.1
// or HTTP/2.
func checkTarget(req *http.Request) *refusal {
	host, hasHost := req.Header["Host"] // HTTP/2 with both :authority and host
	switch {
	case req.Proto != "HTTP/1.1" && req.Proto != "HTTP/2.0":
		return refusedVersion
	case !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete, http.MethodOptions}, req.Method):
		return refusedMethod
	case !strings.HasPrefix(req.RequestURI, "/") || strings.Contains(req.RequestURI, "#") || req.URL.Scheme != "" || req.URL.Host != "":
		return refusedTarget
	case hasHost && (len(host) != 1 || host[0] != req.Host):
		return refusedTarget
	case req.Host == "":
		return refusedTarget
	case req.URL.RawPath != "" || req.URL.EscapedPath() != req.URL.Path:
		return refusedPath
	}
	return nil
}

// checkRequest rejects requests to an upstream that could be read in several ways, or that an MCP
// client does not send.
func checkRequest(req *http.Request, u *upstream) *refusal {
	h := req.Header
	switch {
	case req.Method != http.MethodGet && req.Method != http.MethodPost && req.Method != http.MethodDelete:
		return refusedMethod
	case isUpgrade(h):
		return refusedUpgrade
	case !isPlainConnection(h["Connection"]):
		return refusedConnection
	case req.Method != http.MethodPost && req.ContentLength != 0:
		return refusedContent
	case req.ContentLength > u.applied.Load().maxBody:
		return refusedTooLarge
	case len(req.TransferEncoding) > 1:
		return refusedContent
	case hasRepeated(h):
		return refusedRepeated
	case hasTokenParameter(req.URL.RawQuery):
		return refusedQuery
	}
	return nil
}

// isUpgrade reports whether a client asks for another protocol, such as websocket. HTTP/2 without
// TLS (h2c) is an offer that a server can ignore, and Java clients make it in every request.
func isUpgrade(h http.Header) bool {
	return slices.ContainsFunc(h["Upgrade"], func(value string) bool { return !strings.EqualFold(value, "h2c") })
}

// isPlainConnection reports whether the Connection field names no field that decisions or upstreams
// depend on (RFC 9110 §7.6.1: a field for all recipients is never named there).
func isPlainConnection(values []string) bool {
	count := 0
	for _, value := range values {
		for option := range strings.SplitSeq(value, ",") {
			name := fold(strings.Trim(option, " \t"))
			count++
			if count > maxConnectFields || strings.HasPrefix(name, "mcp-") || strings.HasPrefix(name, "content-") || slices.Contains(endToEnd, name) {
				return false
			}
		}
	}
	return true
}

// endToEnd are folded names of fields that no client may name in the Connection field.
var endToEnd = []string{"host", "accept", "authorization", "dpop", "last-event-id", "origin", "transfer-encoding", "trailer", "expect"}

// single are fields that a request has at most once.
var single = []string{"Content-Type", "Content-Encoding", "Content-Length", "Last-Event-Id", "Origin"}

// hasRepeated reports whether a field that must be unique is repeated. Every field of MCP is one.
func hasRepeated(h http.Header) bool {
	for name, values := range h {
		if len(values) > 1 && (strings.HasPrefix(name, "Mcp-") || slices.Contains(single, name)) {
			return true
		}
	}
	return false
}

// hasTokenParameter reports whether a query has an access token (RFC 6750 §2.3), or cannot be read.
// MCP forbids tokens in the query, and an upstream must not get one.
func hasTokenParameter(query string) bool {
	if query == "" {
		return false
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return true
	}
	for name := range values {
		if isTokenName(name) {
			return true
		}
	}
	return false
}

// isTokenName reports whether a server could read the name of a parameter as access_token. Some ignore
// blanks, brackets and case.
func isTokenName(name string) bool {
	name, _, _ = strings.Cut(name, "[")
	letters := strings.Map(func(c rune) rune {
		switch {
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			return c
		}
		return -1
	}, name)
	return letters == "accesstoken"
}

// hasToken reports whether the path or the query has one of the tokens of the request.
func hasToken(u *url.URL, tokens []string) bool {
	if len(tokens) > 0 && u.RawQuery != "" {
		for name, values := range u.Query() { // well-formed: see checkRequest
			if containsAny(name, tokens) || slices.ContainsFunc(values, func(v string) bool { return containsAny(v, tokens) }) {
				return true
			}
		}
	}
	return containsAny(u.Path, tokens)
}
