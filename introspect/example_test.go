package introspect_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A resource that introspects opaque tokens.
func Example() {
	server, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	verifier, err := introspect.New(introspect.Config{
		Issuer:    server.Identifier(),
		Auth:      introspect.ClientAuth{ClientID: "test-client", ClientSecret: "test-secret"},
		Transport: server.Transport(), // only for this example: a server without a socket
	})
	if err != nil {
		log.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.test/mcp",
		Opaque:     &resource.Issuer{Verifier: verifier},
	})
	if err != nil {
		log.Fatal(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		fmt.Fprintln(w, "hello", caller.Subject())
	})
	request := func(token string) {
		req := httptest.NewRequest(http.MethodPost, "/mcp", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		response := httptest.NewRecorder()
		nethttp.Handler(res, hello).ServeHTTP(response, req)
		fmt.Print(response.Code, " ", response.Body)
	}

	token := server.OpaqueToken(resourcetest.Token{Subject: "alice"})
	request(token)
	server.Revoke(token)
	request(token) // still cached, for resource.Limits.CacheTTL at most
	res.Forget(token)
	request(token)
	// Output:
	// 200 hello alice
	// 200 hello alice
	// 401 {"error":"invalid_token","error_description":"The access token is invalid"}
}

// New reports all mistakes in a configuration at once.
func ExampleNew_mistakes() {
	_, err := introspect.New(introspect.Config{
		Issuer:  "https://auth.example.com",
		Timeout: time.Hour,
		Auth:    introspect.ClientAuth{Method: introspect.PrivateKeyJWT, ClientID: "mcp", ClientSecret: "never printed"},
	})
	fmt.Println(err)
	// Output:
	// introspect: configuration: Auth.Signer: is missing; method "private_key_jwt" requires it or PrivateKeyFile
	// Auth.ClientSecret: is not used by method "private_key_jwt"; remove it or set another Method
	// Timeout: 1h0m0s is not between 100ms and 30s
}
