package resource_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/warder-go/warder/resource"
)

// testKeys is a custom Verifier with the static keys of a test system. It maps each key to a
// user. Resource checks the returned claims as it does for every other verifier.
type testKeys map[string]string

func (testKeys) Issuer() string { return "https://test-keys.example.com" }

func (k testKeys) Verify(_ context.Context, token *resource.Token) (*resource.Claims, error) {
	user, ok := k[token.Raw()]
	if !ok {
		return nil, &resource.Error{Reason: resource.ReasonInactive}
	}
	return &resource.Claims{
		Issuer: k.Issuer(), Subject: user,
		Audience: []string{"https://mcp.example.com/mcp"}, Scopes: []string{"mcp:read"},
		Expiry: time.Now().Add(time.Hour),
	}, nil
}

func Example() {
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Opaque:     &resource.Issuer{Verifier: testKeys{"test-key-1": "alice"}},
		Scopes:     []string{"mcp:read"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, token := range []string{"test-key-1", "unknown-key"} {
		req := httptest.NewRequest(http.MethodPost, "/mcp", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		decision, refusal := res.Authenticate(req)
		if refusal != nil {
			fmt.Println(refusal.Status, refusal.Reason)
			continue
		}
		fmt.Println("accepted:", decision.Caller.Subject(), decision.Caller.Scopes())
	}
	// Output:
	// accepted: alice [mcp:read]
	// 401 inactive
}

// An adapter calls Done when the handler has returned. A handler that waits for its
// context, such as that of a stream, returns when the token expires.
func ExampleDecision_Done() {
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Opaque:     &resource.Issuer{Verifier: testKeys{"test-key-1": "alice"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	adapter := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			decision, refusal := res.Authenticate(req)
			if refusal != nil {
				refusal.SetHeader(w.Header())
				w.WriteHeader(refusal.Status)
				_, _ = w.Write(refusal.Body)
				return
			}
			defer decision.Done()
			next.ServeHTTP(w, decision.Request)
		})
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	req := httptest.NewRequest(http.MethodGet, "/mcp", nil)
	req.Header.Set("Authorization", "Bearer test-key-1")
	answer := httptest.NewRecorder()
	adapter(hello).ServeHTTP(answer, req)
	fmt.Print(answer.Code, " ", answer.Body)
	// Output:
	// 200 hello
}
