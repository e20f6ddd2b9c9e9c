package gate

import (
	"fmt"
	"net/http"
	"net/textproto"
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

// passed are the fields of a client that every upstream gets, besides those of MCP. All other fields
// are removed: what a server believes in a field that the gate does not know is not known here.
var passed = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Content-Encoding": true, "Content-Type": true,
	"Last-Event-Id": true, "Traceparent": true, "Tracestate": true, "User-Agent": true,
}

// removeFields removes the fields that the upstream does not get, and all that contain a token.
func (u *upstream) removeFields(h http.Header, tokens []string) {
	for name, values := range h {
		isSent := passed[name] || strings.HasPrefix(name, "Mcp-") && isPlainName(name) || u.requested[name]
		if !isSent || slices.ContainsFunc(values, func(v string) bool { return containsAny(v, tokens) }) {
			delete(h, name)
		}
	}
}

// requestHeaders checks request_headers of an upstream.
func (b *builder) requestHeaders(u *upstream) {
	u.requested = map[string]bool{}
	for n, name := range u.settings.RequestHeaders {
		key := fmt.Sprintf("%s.request_headers[%d]", u.key, n)
		folded, canonical := fold(name), textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case !isPlainName(name) || len(name) > maxFieldName:
			b.decoder.at(key, "must be the name of a header field: at most %d letters, digits and -", maxFieldName)
		case passed[canonical] || strings.HasPrefix(folded, "mcp-"):
			b.decoder.at(key, "the server gets %s anyway; remove it", canonical)
		case hasMeaning(folded) || strings.HasPrefix(folded, "warder-") || slices.Contains(neverPassed, folded):
			b.decoder.at(key, "the gate decides about %s; remove it", canonical)
		case u.requested[canonical]:
			b.decoder.at(key, "duplicate field %s", canonical)
		case b.gate.owned[folded]:
			b.decoder.at(key, "%s is an identity field; remove it", canonical)
		}
		u.requested[canonical] = true
	}
}

// neverPassed are folded names of further fields that neither request_headers nor identity fields
// can have. With the last two, net/http would send a POST without a body again.
var neverPassed = []string{"keep-alive", "proxy-connection", "http2-settings", "via", "idempotency-key", "x-idempotency-key"}

// presentedTokens returns the credentials of a request, without those that are not worth a search: a
// short text could be a part of other values.
func (u *upstream) presentedTokens(h http.Header) (all []string) {
	add := func(values []string, hasScheme bool) {
		if len(values) != 1 { // the Resource rejects several
			return
		}
		token := values[0]
		if hasScheme {
			_, token, _ = strings.Cut(token, " ")
		}
		if token = strings.Trim(token, " \t"); len(token) >= minSearchedTokenBytes {
			all = append(all, token)
		}
	}
	add(h["Authorization"], true)
	for _, name := range u.applied.Load().credentials {
		add(h[name], false)
	}
	return all
}

// containsAny reports whether text contains one of the tokens.
func containsAny(text string, tokens []string) bool {
	return slices.ContainsFunc(tokens, func(token string) bool { return strings.Contains(text, token) })
}
