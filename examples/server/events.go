package main

import "net/http"

// eventsPath is where the issuer pushes security events, if the file of -config has the block
// security_events.
const eventsPath = "/security-events"

// withEvents serves the receiver of security events besides the MCP server. The issuer has no
// access token, so the receiver is not behind warder. It authenticates each event by itself.
func withEvents(next, events http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == eventsPath {
			events.ServeHTTP(w, req)
			return
		}
		next.ServeHTTP(w, req)
	})
}
