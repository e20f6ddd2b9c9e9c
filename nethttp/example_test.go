package nethttp_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// mcpServer stands for any MCP server's handler.
var mcpServer = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
	caller, _ := resource.FromContext(req.Context())
	fmt.Fprintln(w, "hello", caller.Subject())
})

// The whole of it: keys of an authorization server, the resource that clients know
// by its URL, and a handler around the MCP server.
func Example() {
	keys, err := jwks.New(jwks.Config{Issuer: "https://auth.example.com"})
	if err != nil {
		log.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Issuers:    []resource.Issuer{{Verifier: keys}},
		Scopes:     []string{"mcp:read"},
	})
	if err != nil {
		log.Fatal(err)
	}
	protected := nethttp.Handler(res, mcpServer) // http.ListenAndServe(":8080", protected)

	answer := httptest.NewRecorder()
	protected.ServeHTTP(answer, httptest.NewRequest("POST", "/mcp", nil))
	fmt.Println(answer.Code)
	fmt.Println(answer.Header().Get("WWW-Authenticate"))
	// Output:
	// 401
	// Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope="mcp:read"
}

// Two MCP servers in one process, each with its own metadata, and one route that
// needs a further scope.
func ExampleMiddleware() {
	keys, err := jwks.New(jwks.Config{Issuer: "https://auth.example.com"})
	if err != nil {
		log.Fatal(err)
	}
	issuers := []resource.Issuer{{Verifier: keys}}
	files, err := resource.New(resource.Config{Identifier: "https://mcp.example.com/files", Issuers: issuers})
	if err != nil {
		log.Fatal(err)
	}
	mail, err := resource.New(resource.Config{Identifier: "https://mcp.example.com/mail", Issuers: issuers})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/files", nethttp.Middleware(files)(mcpServer))
	mux.Handle("/mail", nethttp.Middleware(mail)(mcpServer))
	mux.Handle("/mail/export", nethttp.Middleware(mail)(nethttp.Require(mail, "mail:export")(mcpServer)))
	mux.Handle("/.well-known/oauth-protected-resource/", nethttp.Metadata(files, mail))

	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest("GET", "/.well-known/oauth-protected-resource/mail", nil))
	fmt.Println(answer.Body)
	// Output:
	// {"resource":"https://mcp.example.com/mail","authorization_servers":["https://auth.example.com"],"bearer_methods_supported":["header"]}
}
