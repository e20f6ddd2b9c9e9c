package nethttp

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/mcpmsg"
)

// sessionParameters are the query parameters that name a session: of mcp-go, of the official
// Go SDK, and of servers in Python.
var sessionParameters = []string{"sessionId", "sessionid", "session_id"}

// sessionName is the name of a session, and the place where it was learned or named. A server
// looks for it in one place only. In the other one it is not the name of that session.
type sessionName struct {
	id      string
	inQuery bool   // in the URL of an SSE endpoint; otherwise in Mcp-Session-Id
	path    string // of that URL
}

// key identifies the session in one place. It does not depend on the path, see servedAt.
func (s sessionName) key() digest.Digest {
	if s.inQuery {
		return digest.Of("query " + s.id)
	}
	return digest.Of("header " + s.id)
}

// servedAt reports whether a request to a path is one to the endpoint. A proxy or
// [http.StripPrefix] can have removed the first segments.
func servedAt(endpoint, path string) bool {
	return path == endpoint || len(path) > 1 && path[0] == '/' && strings.HasSuffix(endpoint, path)
}

// sessionOf returns the session that a request names; its id is "" if it names none. It
// returns false if the request names a session more than once, even with the same id,
// because an MCP client names it once.
func sessionOf(req *http.Request) (s sessionName, ok bool) {
	ids := req.Header.Values(sessionHeader)
	inQuery := false
	if req.URL.RawQuery != "" {
		query, err := url.ParseQuery(req.URL.RawQuery)
		if err != nil { // other parsers could find a session in a malformed query
			return sessionName{}, false
		}
		for _, name := range sessionParameters {
			ids = append(ids[:len(ids):len(ids)], query[name]...) // a copy: ids belongs to the header
			inQuery = inQuery || len(query[name]) > 0
		}
	}
	switch {
	case len(ids) > 1:
		return sessionName{}, false
	case len(ids) == 0 || ids[0] == "":
		return sessionName{}, true
	case inQuery:
		return sessionName{id: ids[0], inQuery: true, path: req.URL.Path}, true
	}
	return sessionName{id: ids[0]}, true
}

// sessionInURL returns the session in the URL of an SSE endpoint event. A relative URL refers
// to that of the stream. It returns false unless the URL names exactly one session.
func sessionInURL(stream *url.URL, address string) (s sessionName, ok bool) {
	u, err := stream.Parse(address)
	if err != nil {
		return sessionName{}, false
	}
	s, ok = sessionOf(&http.Request{URL: u})
	return s, ok && s.id != ""
}

// isolate gives a request that uses no session in Mcp-Session-Id a random one. Servers such as
// a stateless one of mcp-go keep running calls and streams by the session. For requests without
// one this is the empty session, and there they send the notifications of one caller to
// another. The client does not get the id, see bindHeader. A single initialize gets none,
// because its response opens a session.
func isolate(req *http.Request, messages []*mcpmsg.Message) *http.Request {
	if len(messages) == 1 && messages[0].Method == mcpmsg.Initialize {
		return req
	}
	inner := req.WithContext(req.Context())
	inner.Header = req.Header.Clone()
	inner.Header.Set(sessionHeader, rand.Text())
	return inner
}
