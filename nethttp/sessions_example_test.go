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

// An MCP server with sessions that does not ask whose they are.
func ExampleBindSessions() {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{}) // in place of your authorization server
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
	server := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { // mcp-go's, for example
		if req.Header.Get("Mcp-Session-Id") == "" {
			w.Header().Set("Mcp-Session-Id", "1868a90c")
		}
		fmt.Fprint(w, "served")
	})
	bind := nethttp.BindSessions(res, nethttp.SessionConfig{})
	protected := nethttp.Handler(res, bind(server))

	ask := func(who, session string) string {
		req := httptest.NewRequest("POST", "/mcp", strings.NewReader("{}"))
		req.Header.Set("Authorization", "Bearer "+issuer.Token(resourcetest.Token{Subject: who}))
		if session != "" {
			req.Header.Set("Mcp-Session-Id", session)
		}
		answer := httptest.NewRecorder()
		protected.ServeHTTP(answer, req)
		fmt.Println(who, answer.Code, strings.TrimSpace(answer.Body.String()))
		return answer.Header().Get("Mcp-Session-Id")
	}
	session := ask("alice", "")
	ask("alice", session) // another token: the first was refreshed
	ask("mallory", session)
	// Output:
	// alice 200 served
	// alice 200 served
	// mallory 404 {"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}
}
