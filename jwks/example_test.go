package jwks_test

import (
	"context"
	"fmt"
	"log"

	"github.com/warder-go/warder/jwks"
)

// Keys given inline, for a machine that reaches no authorization server, and one
// algorithm only.
func Example() {
	verifier, err := jwks.New(jwks.Config{
		Issuer: "https://auth.example.com",
		Keys: []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-11","alg":"EdDSA",
			"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`),
		Algorithms: []string{"EdDSA"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(verifier.Issuer(), verifier.Ready(context.Background()))
	// Output:
	// https://auth.example.com <nil>
}

// A configuration that can't work says so at start, every mistake at once.
func ExampleNew_mistakes() {
	_, err := jwks.New(jwks.Config{
		Issuer:     "https://auth.example.com",
		URL:        "http://auth.example.com/keys",
		File:       "keys.json",
		Algorithms: []string{"RS256", "HS256"},
	})
	fmt.Println(err)
	// Output:
	// jwks: configuration: URL, File, Keys, KeysFunc: more than one is set; keep one, or none for discovery
	// metadata: URL "http://auth.example.com/keys": must begin with https://: http is for loopback hosts, or with AllowHTTP
	// Algorithms: algorithm "HS256" is not one of ["RS256" "RS384" "RS512" "PS256" "PS384" "PS512" "ES256" "ES384" "ES512" "EdDSA" "Ed25519"]
}
