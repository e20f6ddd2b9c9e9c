package mcpserver

import (
	"net/http"

	"github.com/rs/cors"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// withCORS wraps the endpoint in CORS middleware. It must be outside warder: it answers
// preflight requests, which never carry a token, and lets pages read rejections as well
// as results. It does not restrict anything. warder itself enforces Origins; the
// middleware only sends the same list to browsers. The metadata stays outside of it,
// because pages of every origin may read it.
func withCORS(res *resource.Resource, endpoint http.Handler) http.Handler {
	document := nethttp.Metadata(res) // answers its own preflights
	protected := cors.New(cors.Options{
		// A function, because Resource.Replace can change the list.
		AllowOriginFunc: res.AllowsOrigin,
		AllowedMethods:  []string{"POST", "GET", "DELETE"},
		AllowedHeaders: []string{
			"Authorization", "DPoP", "Content-Type", "Accept",
			"MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", // and each Mcp-Param-... that a tool requires
			"Mcp-Session-Id", "Last-Event-ID", // protocol versions up to 2025-11-25
		},
		ExposedHeaders: []string{"WWW-Authenticate", "DPoP-Nonce", "Mcp-Session-Id", "Retry-After"},
		MaxAge:         600, // seconds
		// AllowCredentials is not set: it is for cookies, and access tokens are not cookies.
	}).Handler(nethttp.Middleware(res)(endpoint))
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if document.Owns(req) {
			document.ServeHTTP(w, req)
			return
		}
		protected.ServeHTTP(w, req)
	})
}
