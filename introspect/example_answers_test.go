package introspect_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// table shares answers through a database. Here it is a map with a mutex. Each method says what
// the statement for a real database must guarantee.
type table struct {
	mu         sync.Mutex
	rows       map[introspect.AnswerKey]row
	generation int64
}

type row struct {
	value   []byte
	expires time.Time
}

// Get returns no row that has expired. Nil means that the row does not exist.
func (t *table) Get(_ context.Context, key introspect.AnswerKey) ([]byte, int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r, ok := t.rows[key]; ok && time.Now().Before(r.expires) {
		return r.value, t.generation, nil
	}
	return nil, t.generation, nil
}

// Put inserts or replaces a row: INSERT ... ON CONFLICT DO UPDATE. A ttl of 0 means DELETE.
func (t *table) Put(_ context.Context, key introspect.AnswerKey, value []byte, ttl time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ttl <= 0 {
		delete(t.rows, key)
		return nil
	}
	t.rows[key] = row{value, time.Now().Add(ttl)} // a job removes the rows that have expired
	return nil
}

// PutNew must be one atomic statement, so that only one process gets true: INSERT ... ON CONFLICT
// DO UPDATE ... WHERE expires < now().
func (t *table) PutNew(_ context.Context, key introspect.AnswerKey, value []byte, ttl time.Duration) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r, ok := t.rows[key]; ok && time.Now().Before(r.expires) {
		return false, nil
	}
	t.rows[key] = row{value, time.Now().Add(ttl)}
	return true, nil
}

// Purge must be atomic too, and never lower the number: UPDATE ... SET generation =
// greatest(generation, $1).
func (t *table) Purge(_ context.Context, generation int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.generation = max(t.generation, generation)
	return nil
}

// Three processes share their calls through a store of the program.
func ExampleAnswers() {
	server, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	shared := &table{rows: map[introspect.AnswerKey]row{}}
	key := []byte("32 random bytes from a secret file, the same in all processes")

	process := func() *resource.Resource {
		verifier, err := introspect.New(introspect.Config{
			Issuer:     server.Identifier(),
			Auth:       introspect.ClientAuth{ClientID: "test-client", ClientSecret: "test-secret"},
			Transport:  server.Transport(), // only for this example: a server without a socket
			Answers:    shared,
			AnswerKeys: [][]byte{key},
			AnswerTTL:  time.Minute,
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
		return res
	}
	request := func(name string, res *resource.Resource, token string) {
		req := httptest.NewRequest(http.MethodPost, "/mcp", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		response := httptest.NewRecorder()
		nethttp.Handler(res, http.NotFoundHandler()).ServeHTTP(response, req)
		fmt.Println(name, response.Code != http.StatusUnauthorized, server.Count(resourcetest.Introspection))
	}

	first, second, third := process(), process(), process()
	token := server.OpaqueToken(resourcetest.Token{Subject: "alice"})
	fmt.Println("process, accepted, calls until now")
	request("first", first, token)
	request("second", second, token)
	server.Revoke(token)
	first.Forget(token) // the next request to this process purges the store
	request("first", first, token)
	request("third", third, token)
	// Output:
	// process, accepted, calls until now
	// first true 1
	// second true 1
	// first false 2
	// third false 2
}
