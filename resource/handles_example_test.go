package resource_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/warder-go/warder/resource"
)

// A server with long tasks. Their ids go to clients as texts that only the same
// principal can bring back, be it with another token.
func ExampleHandles() {
	key := make([]byte, resource.MinHandleKeyBytes) // from your secret store
	_, _ = rand.Read(key)
	tasks, err := resource.NewHandles(resource.HandlesConfig{Purpose: "task", Keys: [][]byte{key}})
	if err != nil {
		log.Fatal(err)
	}
	begin := func(ctx context.Context) (string, error) { // a tool
		caller, _ := resource.FromContext(ctx)
		return tasks.Bind(caller, "task-42")
	}
	result := func(ctx context.Context, id string) (string, error) { // another one
		caller, _ := resource.FromContext(ctx)
		task, err := tasks.Open(caller, id)
		if errors.Is(err, resource.ErrHandle) {
			return "", errors.New("no such task") // as for any id that was made up
		}
		return "the result of " + task, err
	}

	res, err := resource.New(resource.Config{
		Identifier: identifier,
		Opaque:     &resource.Issuer{Verifier: issuerOf("https://auth.example.com")}, // takes tokens for names
	})
	if err != nil {
		log.Fatal(err)
	}
	as := func(token string) context.Context { // what the middleware does
		req := httptest.NewRequest(http.MethodPost, "/mcp", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		decision, refusal := res.Authenticate(req)
		if refusal != nil {
			log.Fatal(refusal.Reason)
		}
		return decision.Request.Context()
	}
	id, err := begin(as("alice"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result(as("alice~refreshed"), id))
	fmt.Println(result(as("bob"), id))
	// Output:
	// the result of task-42 <nil>
	//  no such task
}

// An adapter of one's own calls Done when the handler has returned. A handler that
// waits on its context, as those of streams do, returns when the token is over.
func ExampleDecision_Done() {
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Opaque:     &resource.Issuer{Verifier: house{}},
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
