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

// A Verifier of one's own: whatever can vouch for a token. The rest of the rules is
// the same for all verifiers.
type testKeys struct{}

func (testKeys) Issuer() string { return "https://house.example.com" }

func (testKeys) Verify(_ context.Context, token *resource.Token) (*resource.Claims, error) {
	if token.Raw() != "the-key-under-the-mat" {
		return nil, &resource.Error{Reason: resource.ReasonInactive}
	}
	return &resource.Claims{
		Issuer: "https://house.example.com", Subject: "alice",
		Audience: []string{"https://mcp.example.com/mcp"}, Scopes: []string{"door:open"},
		Expiry: time.Now().Add(time.Hour),
	}, nil
}

func Example() {
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Opaque:     &resource.Issuer{Verifier: testKeys{}},
		Scopes:     []string{"door:open"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, token := range []string{"the-key-under-the-mat", "a-picklock"} {
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
	// accepted: alice [door:open]
	// 401 inactive
}

// An adapter calls Done when the handler has returned. A handler that waits for its
// context, such as that of a stream, returns when the token expires.
func ExampleDecision_Done() {
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Opaque:     &resource.Issuer{Verifier: testKeys{}},
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
	req.Header.Set("Authorization", "Bearer the-key-under-the-mat")
	answer := httptest.NewRecorder()
	adapter(hello).ServeHTTP(answer, req)
	fmt.Print(answer.Code, " ", answer.Body)
	// Output:
	// 200 hello
}
