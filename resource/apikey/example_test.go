package apikey_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/apikey"
)

// People call with OAuth access tokens, the build machine calls with a key.
func Example() {
	key, digest := apikey.Generate("mcp_") // once; give the key to its user

	keys, err := apikey.New(apikey.Config{
		Resource: "https://mcp.example.com/mcp",
		Keys:     []apikey.Key{{ID: "ci", SHA256: digest, Subject: "ci-bot", Scopes: []string{"mcp:read"}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := introspect.New(introspect.Config{
		Issuer: "https://auth.example.com",
		Auth:   introspect.ClientAuth{ClientID: "mcp", ClientSecret: "from a vault"},
	})
	if err != nil {
		log.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier:  "https://mcp.example.com/mcp",
		Opaque:      &resource.Issuer{Verifier: tokens},
		Credentials: resource.Credentials{Headers: map[string]resource.HeaderVerifier{"X-API-Key": keys}, Prefixed: map[string]resource.Issuer{"mcp_": {Verifier: keys}}}, // as Bearer tokens too
	})
	if err != nil {
		log.Fatal(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		fmt.Fprintln(w, "hello", caller.Subject(), "by", caller.Credential())
	})
	send := func(field, value string) {
		req := httptest.NewRequest(http.MethodPost, "/mcp", nil)
		req.Header.Set(field, value)
		response := httptest.NewRecorder()
		nethttp.Handler(res, hello).ServeHTTP(response, req)
		fmt.Print(response.Code, " ", response.Body)
	}
	send("X-API-Key", key)
	send("Authorization", "Bearer "+key)
	send("X-API-Key", "mcp_guess")
	// Output:
	// 200 hello ci-bot by X-Api-Key
	// 200 hello ci-bot by opaque
	// 401 {"error":"invalid_token","error_description":"The API key is invalid"}
}
