package valkey_test

import (
	"fmt"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/valkey"
)

// One store for used proofs, revocations and introspection answers. All processes have the same
// configuration. Open and New do no I/O, so the server can be down when the program starts.
func Example() {
	keys := [][]byte{[]byte("32 or more random bytes from a file")}
	store, err := valkey.Open(valkey.Config{
		Addresses:    []string{"valkey.internal:6379"},
		Username:     "warder",
		PasswordFile: "/run/secrets/valkey-password",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	revoked, err := revocation.New(revocation.Config{Store: store.Revocations(), Keys: keys})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := introspect.New(introspect.Config{
		Issuer:     "https://auth.example.com",
		Auth:       introspect.ClientAuth{ClientID: "mcp", ClientSecret: "from a file"},
		Answers:    store.Answers(),
		AnswerKeys: keys,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := resource.New(resource.Config{
		Identifier:  "https://mcp.example.com/mcp",
		Issuers:     []resource.Issuer{{Verifier: verifier}},
		Scopes:      []string{"mcp:tools"},
		Credentials: resource.Credentials{DPoP: resource.DPoP{Tokens: resource.BindingAccepted, Replays: store.Replays()}},
		Hooks:       resource.Hooks{Revocations: revoked},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// A program then calls revoked.Run in a goroutine, and registers res.Metrics(), which has the
	// series of revoked too, and store.
	fmt.Println("serving", res.Identifier())
	// Output: serving https://mcp.example.com/mcp
}
