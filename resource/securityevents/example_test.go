package securityevents_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/securityevents"
)

// The authorization server pushes an event when the user logs out. The access token of the user is then
// rejected.
func Example() {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{}) // stands for the authorization server
	if err != nil {
		log.Fatal(err)
	}
	keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		log.Fatal(err)
	}
	revoked, err := revocation.New(revocation.Config{})
	if err != nil {
		log.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Issuers:    []resource.Issuer{{Verifier: keys}},
		Hooks:      resource.Hooks{Revocations: revoked},
	})
	if err != nil {
		log.Fatal(err)
	}
	receiver, err := securityevents.New(securityevents.Config{
		Keys:          keys,
		Audience:      []string{"mcp-server/stream-1"}, // as in the stream at the authorization server
		Authorization: "Bearer 5f2b8a1c",               // the authorization_header of the stream; better in a file
		Revocations:   revoked,
	})
	if err != nil {
		log.Fatal(err)
	}
	mcpServer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "Hello") })
	mux := http.NewServeMux()
	mux.Handle("/", nethttp.Handler(res, mcpServer))
	mux.Handle("/security-events", receiver) // the endpoint_url of the stream

	send := func(req *http.Request) int {
		response := httptest.NewRecorder()
		mux.ServeHTTP(response, req)
		return response.Code
	}
	token := issuer.Token(resourcetest.Token{Audience: "https://mcp.example.com/mcp", Subject: "alice"})
	call := httptest.NewRequest(http.MethodPost, "https://mcp.example.com/mcp", nil)
	call.Header.Set("Authorization", "Bearer "+token)
	fmt.Println("before the event:", send(call))

	event := issuer.SecurityEvent(resourcetest.SecurityEvent{Audience: "mcp-server/stream-1", Subject: issuer.SubjectID("alice")})
	push := resourcetest.PushRequest(context.Background(), "https://mcp.example.com/security-events", event, "Bearer 5f2b8a1c")
	fmt.Println("the event:", send(push))
	fmt.Println("after the event:", send(call))
	// Output:
	// before the event: 200
	// the event: 202
	// after the event: 401
}
