package revocation_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
)

// A program that learns of logouts revokes the tokens of the user.
func Example() {
	revoked, err := revocation.New(revocation.Config{})
	if err != nil {
		log.Fatal(err)
	}
	config := resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Hooks:      resource.Hooks{Revocations: revoked},
		// and Issuers
	}
	fmt.Println(config.Hooks.Revocations != nil)

	// Later, when the authorization server reports a logout:
	err = revoked.Add(context.Background(), revocation.Entry{
		Issuer:   "https://auth.example.com",
		Subject:  "alice",
		IssuedBy: time.Now(),                    // tokens of a new login stay valid
		Until:    time.Now().Add(8 * time.Hour), // when the last of the tokens expires
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(revoked.Len())
	// Output:
	// true
	// 1
}
