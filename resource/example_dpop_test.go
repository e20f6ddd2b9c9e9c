package resource_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The server also accepts tokens that are bound to a key. Their clients send a new proof with each
// request. A stolen token is useless without the key, and so is a copy of a whole request.
func ExampleDPoP() {
	issuer, keys := exampleIssuer("https://auth.example.com")
	defer issuer.Close()
	res, err := resource.New(resource.Config{
		Identifier:  "https://mcp.example.com/mcp",
		Issuers:     []resource.Issuer{{Verifier: keys}},
		Credentials: resource.Credentials{DPoP: resource.DPoP{Tokens: resource.BindingAccepted}},
		Logger:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	network := exampleNetwork(nethttp.Handler(res, exampleTool))

	// The client has a key. Its issuer binds the token to it.
	key := resourcetest.NewProofKey("ES256")
	token := issuer.Token(resourcetest.Token{ProofKey: key})
	client := key.Transport(network, func() string { return token })
	send(client, exampleRequest(""))
	send(client, exampleRequest(""))

	// A thief has a copy of the token.
	send(network, exampleRequest("Bearer "+token))

	// A thief has a copy of a whole request, which the client has sent already.
	request := exampleRequest("")
	key.SetProof(request, token)
	send(network, request)
	send(network, request.Clone(request.Context()))
	// Output:
	// 200 hello alice
	// 200 hello alice
	// 401 The access token needs another authorization scheme
	// 200 hello alice
	// 401 The DPoP proof is missing or invalid
}

// A migration: all clients of one issuer have a key already, and those of the other need not.
func ExampleDPoP_migration() {
	issuer, keys := exampleIssuer("https://auth.example.com")
	defer issuer.Close()
	partner, partnerKeys := exampleIssuer("https://auth.partner.example")
	defer partner.Close()
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Issuers: []resource.Issuer{
			{Verifier: keys, DPoP: resource.BindingRequired},
			{Verifier: partnerKeys}, // BindingAccepted, from Credentials
		},
		Credentials: resource.Credentials{DPoP: resource.DPoP{Tokens: resource.BindingAccepted}},
		Logger:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	network := exampleNetwork(nethttp.Handler(res, exampleTool))
	for _, from := range []*resourcetest.Issuer{issuer, partner} {
		send(network, exampleRequest("Bearer "+from.Token(resourcetest.Token{})))
	}
	// Output:
	// 401 The access token is not bound to its client, as this request requires
	// 200 hello alice
}

// sharedReplays stores proofs in a database that several processes share.
type sharedReplays struct{ database *fakeDatabase }

func (s sharedReplays) Once(ctx context.Context, proof resource.ProofID, until time.Time) error {
	name := "dpop:" + hex.EncodeToString(proof.Proof[:])
	added, err := s.database.SetIfAbsent(ctx, name, time.Until(until)+10*time.Second) // see Replays
	switch {
	case err != nil:
		return err // the request gets 503
	case !added:
		return resource.ErrReplayed
	}
	return nil
}

// Two processes behind a load balancer. They accept each other's nonces, and a proof only once
// between them.
func ExampleReplays() {
	issuer, keys := exampleIssuer("https://auth.example.com")
	defer issuer.Close()
	database := new(fakeDatabase)
	nonceKey := []byte("32 random bytes, from a secret store") // the same in all processes
	newProcess := func() http.RoundTripper {
		res, err := resource.New(resource.Config{
			Identifier: "https://mcp.example.com/mcp",
			Issuers:    []resource.Issuer{{Verifier: keys}},
			Credentials: resource.Credentials{DPoP: resource.DPoP{
				Tokens:       resource.BindingRequired,
				RequireNonce: true,
				NonceKeys:    [][]byte{nonceKey},
				Replays:      sharedReplays{database},
			}},
			Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			log.Fatal(err)
		}
		return exampleNetwork(nethttp.Handler(res, exampleTool))
	}
	first, second := newProcess(), newProcess()

	key := resourcetest.NewProofKey("ES256")
	token := issuer.Token(resourcetest.Token{ProofKey: key})
	request := exampleRequest("")
	key.SetProof(request, token) // without a nonce
	nonce := send(first, request).Get("DPoP-Nonce")
	request.Header.Set("DPoP", key.Proof(resourcetest.Proof{URL: "https://mcp.example.com/mcp", Token: token, Nonce: nonce}))
	send(second, request)
	send(first, request)
	// Output:
	// 401 The DPoP proof must have a nonce of this server
	// 200 hello alice
	// 401 The DPoP proof is missing or invalid
}

// exampleIssuer makes an issuer, whose tokens are for the server of the examples.
func exampleIssuer(identifier string) (*resourcetest.Issuer, *jwks.Verifier) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: identifier, Audience: "https://mcp.example.com/mcp"})
	if err != nil {
		log.Fatal(err)
	}
	keys, err := jwks.New(jwks.Config{Issuer: identifier, Transport: issuer.Transport()})
	if err != nil {
		log.Fatal(err)
	}
	return issuer, keys
}

// exampleTool is the handler of the examples.
var exampleTool = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
	caller, _ := resource.FromContext(req.Context())
	fmt.Fprint(w, "hello ", caller.Subject())
})

// exampleNetwork returns a RoundTripper that sends requests to a handler.
func exampleNetwork(handler http.Handler) http.RoundTripper {
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, req)
		return recorder.Result(), nil
	})
}

func exampleRequest(authorization string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "https://mcp.example.com/mcp", nil)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return req
}

// send sends a request, prints the response and returns its header.
func send(network http.RoundTripper, req *http.Request) http.Header {
	response, err := network.RoundTrip(req)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	text := strings.TrimSpace(string(body))
	if _, description, ok := strings.Cut(text, `"error_description":"`); ok {
		text = strings.TrimSuffix(description, `"}`)
	}
	fmt.Println(response.StatusCode, text)
	return response.Header
}

// fakeDatabase stands for a database with entries that expire.
type fakeDatabase struct{ entries sync.Map }

// SetIfAbsent adds an entry. It reports false if the entry exists.
func (d *fakeDatabase) SetIfAbsent(_ context.Context, name string, _ time.Duration) (added bool, err error) {
	_, exists := d.entries.LoadOrStore(name, true)
	return !exists, nil
}
