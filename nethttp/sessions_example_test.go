package nethttp_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// An MCP server that does not bind its sessions to callers.
func ExampleBindSessions() {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{}) // represents your authorization server
	if err != nil {
		log.Fatal(err)
	}
	defer issuer.Close()
	keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		log.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.test/mcp",
		Issuers:    []resource.Issuer{{Verifier: keys}},
	})
	if err != nil {
		log.Fatal(err)
	}
	server := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { // for example that of mcp-go
		if req.Header.Get("Mcp-Session-Id") == "" {
			w.Header().Set("Mcp-Session-Id", "1868a90c")
		}
		fmt.Fprint(w, "served")
	})
	bind := nethttp.BindSessions(res, nethttp.SessionConfig{})
	protected := nethttp.Handler(res, bind(server))

	send := func(subject, session string) string {
		req := httptest.NewRequest("POST", "/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize"}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+issuer.Token(resourcetest.Token{Subject: subject}))
		if session != "" {
			req.Header.Set("Mcp-Session-Id", session)
		}
		response := httptest.NewRecorder()
		protected.ServeHTTP(response, req)
		fmt.Println(subject, response.Code, strings.TrimSpace(response.Body.String()))
		return response.Header().Get("Mcp-Session-Id")
	}
	session := send("alice", "")
	send("alice", session) // with another token, as after a refresh
	send("mallory", session)
	// Output:
	// alice 200 served
	// alice 200 served
	// mallory 404 {"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}
}
