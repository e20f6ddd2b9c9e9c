package resource_test

import (
	"context"
	"fmt"
	"log"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A token that was issued for another server, and whose scope is not enough.
func ExampleResource_ExplainToken() {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
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
		Scopes:     []string{"mcp:write"},
	})
	if err != nil {
		log.Fatal(err)
	}
	token := issuer.Token(resourcetest.Token{Audience: "https://other.example.com", Scope: "mcp:read"})
	e := res.ExplainToken(context.Background(), "", token)
	fmt.Println("accepted:", e.Accepted, e.Status, e.Reason)
	for _, c := range e.Checks {
		if c.Outcome == resource.CheckFailed {
			fmt.Printf("%s (%s): got %q, want %q\n", c.Name, c.Source, c.Got, c.Want)
		}
	}
	// Output:
	// accepted: false 401 audience
	// aud (RFC 9068 §4, RFC 8707 §2): got "https://other.example.com", want "https://mcp.example.com/mcp"
	// scopes (RFC 6750 §3.1): got "mcp:read", want "mcp:write"
}
