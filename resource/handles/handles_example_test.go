package handles_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/handles"
)

// A server with long tasks. Clients get each task ID as a handle, which only the same principal
// can use, also with another token.
func ExampleBinder() {
	key := make([]byte, 32) // from your secret store
	_, _ = rand.Read(key)
	tasks, err := handles.New(handles.Config{Purpose: "task", Keys: [][]byte{key}})
	if err != nil {
		log.Fatal(err)
	}
	begin := func(ctx context.Context) (string, error) { // the first tool
		caller, _ := resource.FromContext(ctx)
		return tasks.Bind(caller, "task-42")
	}
	result := func(ctx context.Context, id string) (string, error) { // the second tool
		caller, _ := resource.FromContext(ctx)
		task, err := tasks.Open(caller, id)
		if errors.Is(err, handles.ErrInvalid) {
			return "", errors.New("no such task") // the same for every invalid ID
		}
		return "the result of " + task, err
	}

	res, err := resource.New(resource.Config{
		Identifier: identifier,
		Opaque:     &resource.Issuer{Verifier: issuerOf("https://auth.example.com")}, // the token is the subject
	})
	if err != nil {
		log.Fatal(err)
	}
	as := func(token string) context.Context { // the work of the middleware
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
