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

// mcpServer represents the handler of any MCP server.
var mcpServer = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
	caller, _ := resource.FromContext(req.Context())
	fmt.Fprintln(w, "hello", caller.Subject())
})

// A complete setup: the keys of an authorization server, the resource with the URL that
// clients use, and a handler around the MCP server.
func Example() {
	keys, err := jwks.New(jwks.Config{Issuer: "https://auth.example.com"})
	if err != nil {
		log.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Issuers:    []resource.Issuer{{Verifier: keys}},
		Scopes:     []string{"mcp:tools"},
	})
	if err != nil {
		log.Fatal(err)
	}
	protected := nethttp.Handler(res, mcpServer)

	response := httptest.NewRecorder()
	protected.ServeHTTP(response, httptest.NewRequest("POST", "/mcp", nil))
	fmt.Println(response.Code)
	fmt.Println(response.Header().Get("WWW-Authenticate"))
	// Output:
	// 401
	// Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope="mcp:tools"
}

// Two MCP servers in one process, each with its own metadata, and one route that requires a
// further scope.
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

	response := httptest.NewRecorder()
	mux.ServeHTTP(response, httptest.NewRequest("GET", "/.well-known/oauth-protected-resource/mail", nil))
	fmt.Println(response.Body)
	// Output:
	// {"resource":"https://mcp.example.com/mail","authorization_servers":["https://auth.example.com"],"bearer_methods_supported":["header"]}
}
