package mcpserver

import (
	"net/http"

	"github.com/rs/cors"

	"github.com/warder-go/warder/resource"
)

// withCORS wraps protected in CORS middleware. It must be outside warder: it answers
// preflight requests, which never carry a token, and lets pages read rejections as well
// as results. It does not restrict anything. warder itself enforces Origins; the
// middleware only sends the same list to browsers.
func withCORS(res *resource.Resource, protected http.Handler) http.Handler {
	return cors.New(cors.Options{
		// A function, because Resource.Replace can change the list.
		AllowOriginFunc: res.AllowsOrigin,
		AllowedMethods:  []string{"POST", "GET", "DELETE"},
		AllowedHeaders: []string{
			"Authorization", "Content-Type", "Accept",
			"MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", // and each Mcp-Param-... that a tool requires
			"Mcp-Session-Id", "Last-Event-ID", // protocol versions up to 2025-11-25
		},
		ExposedHeaders: []string{"WWW-Authenticate", "Mcp-Session-Id", "Retry-After"},
		MaxAge:         600, // seconds
		// AllowCredentials is not set: it is for cookies, and access tokens are not cookies.
	}).Handler(protected)
}
