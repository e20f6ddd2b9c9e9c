package nethttp

import (
	"net/http"
	"net/url"
)

// sessionNamed returns the session that a request names, "" for none. It is not ok
// if there is more than one mention, be it the same: an MCP client makes one.
func sessionNamed(req *http.Request) (id string, ok bool) {
	mentions := req.Header.Values(sessionHeader)
	if req.URL.RawQuery != "" {
		query, err := url.ParseQuery(req.URL.RawQuery)
		if err != nil { // readers differ in what they make of it
			return "", false
		}
		for _, name := range sessionParameters {
			mentions = append(mentions[:len(mentions):len(mentions)], query[name]...)
		}
	}
	switch len(mentions) {
	case 0:
		return "", true
	case 1:
		return mentions[0], true
	}
	return "", false
}

// sessionParameters are the spellings in use: mcp-go's, the official SDK's, and that
// of servers in Python.
var sessionParameters = []string{"sessionId", "sessionid", "session_id"}

// sessionInURL returns the one session that an SSE transport's endpoint names.
func sessionInURL(address string) (id string, ok bool) {
	u, err := url.Parse(address)
	if err != nil {
		return "", false
	}
	id, ok = sessionNamed(&http.Request{URL: u})
	return id, ok && id != ""
}
