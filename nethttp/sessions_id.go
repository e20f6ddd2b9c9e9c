package nethttp

import (
	"net/http"
	"net/url"
)

// sessionParameters are the query parameters that name a session: of mcp-go, of the official
// Go SDK, and of servers in Python.
var sessionParameters = []string{"sessionId", "sessionid", "session_id"}

// sessionID returns the id of the session that a request names, or "" if it names none. It
// returns false if the request names a session more than once, even with the same id,
// because an MCP client names it once.
func sessionID(req *http.Request) (id string, ok bool) {
	ids := req.Header.Values(sessionHeader)
	if req.URL.RawQuery != "" {
		query, err := url.ParseQuery(req.URL.RawQuery)
		if err != nil { // other parsers could find a session in a malformed query
			return "", false
		}
		for _, name := range sessionParameters {
			ids = append(ids[:len(ids):len(ids)], query[name]...) // a copy: ids belongs to the header
		}
	}
	switch len(ids) {
	case 0:
		return "", true
	case 1:
		return ids[0], true
	}
	return "", false
}

// sessionInURL returns the id of the session in the URL of an SSE endpoint event. It returns
// false unless the URL names exactly one session.
func sessionInURL(address string) (id string, ok bool) {
	u, err := url.Parse(address)
	if err != nil {
		return "", false
	}
	id, ok = sessionID(&http.Request{URL: u})
	return id, ok && id != ""
}
