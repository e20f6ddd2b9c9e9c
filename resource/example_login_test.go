package resource_test

import (
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A tool for payments needs a second factor and a login of the last five minutes. The challenge
// tells the client what to send in its authorization request (RFC 9470).
func ExampleAuthentication() {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Audience: "https://mcp.example.com/mcp"})
	if err != nil {
		log.Fatal(err)
	}
	defer issuer.Close()
	keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		log.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Issuers:    []resource.Issuer{{Verifier: keys}},
		Operations: resource.Operations{Authentication: resource.OperationAuthentication{
			Tools: map[string]resource.Authentication{"pay": {ACRValues: []string{"mfa"}, MaxAge: 5 * time.Minute}},
		}},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	call := func(login map[string]any) {
		req := httptest.NewRequest(http.MethodPost, "https://mcp.example.com/mcp",
			strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay"}}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+issuer.Token(resourcetest.Token{Claims: login}))
		decision, refusal := res.Authenticate(req)
		if refusal != nil {
			fmt.Println(refusal.Status, strings.ReplaceAll(refusal.Challenges[0], ", ", ",\n    "))
			return
		}
		defer decision.Done()
		fmt.Println("accepted")
	}
	call(map[string]any{"acr": "pwd", "auth_time": time.Now().Unix()})
	call(map[string]any{"acr": "mfa", "auth_time": time.Now().Unix()})
	// Output:
	// 401 Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
	//     error="insufficient_user_authentication",
	//     error_description="The login of the user is not strong or recent enough for this request",
	//     acr_values="mfa",
	//     max_age="300"
	// accepted
}
