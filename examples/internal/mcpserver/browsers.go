package mcpserver

import (
	"net/http"

	"github.com/rs/cors"

	"github.com/warder-go/warder/resource"
)

// forBrowsers stands outside of warder: it answers preflights, which never carry a
// token, and lets pages read answers and refusals alike. Which pages may call is for
// warder to say and to enforce; this only tells browsers of it.
func forBrowsers(res *resource.Resource, protected http.Handler) http.Handler {
	return cors.New(cors.Options{
		// Asked each time: the list is another one after Resource.Replace.
		AllowOriginFunc: res.AllowsOrigin,
		AllowedMethods:  []string{"POST", "GET", "DELETE"},
		AllowedHeaders: []string{
			"Authorization", "Content-Type", "Accept",
			"MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", // and each Mcp-Param-... that a tool asks for
			"Mcp-Session-Id", "Last-Event-ID", // up to 2025-11-25
		},
		ExposedHeaders: []string{"WWW-Authenticate", "Mcp-Session-Id", "Retry-After"},
		MaxAge:         600, // seconds
		// No AllowCredentials: that is about cookies, and tokens are none.
	}).Handler(protected)
}
