package gate

import (
	"net/http"
	"slices"
	"strings"
)

// fold returns a name in the form in which names are compared: servers that pass header fields in
// variables, as CGI and WSGI do, read "X_User" and "X-User" as one name.
func fold(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '_' || c == '.' || c == ' ':
			return '-'
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		}
		return c
	}, name)
}

// isPlainName reports whether all servers read the name of a field in the same way.
func isPlainName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return name != ""
}

// notSent are folded names of fields that no upstream gets from a client.
var notSent = map[string]bool{
	// Credentials. The Resource removes those that it reads; the others are not for upstreams.
	"authorization": true, "proxy-authorization": true, "dpop": true, "x-api-key": true, "api-key": true, "apikey": true,
	"x-auth-token": true, "x-access-token": true, "client-cert": true, "client-cert-chain": true,
	// Identities that proxies set and upstreams believe.
	"remote-user": true, "remote-groups": true, "remote-name": true, "remote-email": true, "x-remote-user": true, "x-remote-groups": true,
	"x-remote-addr": true, "x-real-ip": true, "x-client-ip": true, "x-cluster-client-ip": true, "true-client-ip": true, "x-user": true,
	"x-user-id": true, "x-authenticated-user": true, "x-authenticated-userid": true, "x-webauth-user": true, "x-identity": true,
	// Another method or another path than the one that was decided on.
	"x-http-method-override": true, "x-http-method": true, "x-method-override": true, "x-original-url": true, "x-original-uri": true,
	"x-original-method": true, "x-rewrite-url": true,
	// About the connection to the gate, or decided by the gate.
	"forwarded": true, "via": true, "expect": true, "host": true, "http2-settings": true, "origin": true, "upgrade": true, "connection": true,
	"proxy-connection": true, "keep-alive": true, "trailer": true, "transfer-encoding": true, "content-length": true,
	"access-control-request-method": true, "access-control-request-headers": true,
}

// notSentPrefixes are beginnings of folded names of such fields.
var notSentPrefixes = []string{"warder-", "x-forwarded-", "x-auth-request-", "x-ssl-", "ssl-client-", "x-client-cert", "x-goog-authenticated-", "x-goog-iap-", "x-amzn-oidc-", "cf-access-", "x-ms-client-principal", "sec-websocket-"}

// usual are fields of most requests.
var usual = map[string]bool{"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Cache-Control": true, "Content-Type": true, "Content-Encoding": true,
	"Last-Event-Id": true, "Mcp-Method": true, "Mcp-Name": true, "Mcp-Protocol-Version": true, "Mcp-Session-Id": true, "Traceparent": true, "Tracestate": true, "User-Agent": true}

// isSent reports whether a field of a client is sent to an upstream. owned are the folded names of
// identity fields.
func isSent(name string, owned map[string]bool) bool {
	if usual[name] {
		return true // without a look at lists; no identity field has such a name
	}
	if !isPlainName(name) {
		return false
	}
	folded := fold(name)
	return !owned[folded] && !notSent[folded] &&
		!slices.ContainsFunc(notSentPrefixes, func(prefix string) bool { return strings.HasPrefix(folded, prefix) })
}

// removeFields removes the fields that an upstream does not get, and all that contain the token.
func removeFields(h http.Header, owned map[string]bool, token string) {
	for name, values := range h {
		if !isSent(name, owned) || token != "" && slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, token) }) {
			delete(h, name)
		}
	}
}

// presentedToken returns the token of a request; "" if it has none that is worth a search. A short
// text could be a part of other values.
func presentedToken(h http.Header) string {
	values := h["Authorization"]
	if len(values) != 1 {
		return ""
	}
	_, token, _ := strings.Cut(values[0], " ")
	if token = strings.Trim(token, " \t"); len(token) < minSearchedTokenBytes {
		return ""
	}
	return token
}
