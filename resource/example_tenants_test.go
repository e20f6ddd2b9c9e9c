package resource_test

import (
	"fmt"
	"log"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// One authorization server with many tenants and one key set.
func ExampleTenants() {
	keys, err := jwks.New(jwks.Config{
		Issuer: "https://login.microsoftonline.com/{tenantid}/v2.0",
		URL:    "https://login.microsoftonline.com/organizations/discovery/v2.0/keys",
	})
	if err != nil {
		log.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Issuers: []resource.Issuer{{
			Verifier:  keys,
			Audiences: []string{"11112222-bbbb-3333-cccc-4444dddd5555"},
			Tenants:   &resource.Tenants{Allow: []string{"aaaabbbb-0000-cccc-1111-dddd2222eeee"}},
		}},
		Metadata: metadata.Document{AuthorizationServers: []string{"https://login.microsoftonline.com/organizations/v2.0"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Metadata().AuthorizationServers)
	// Output:
	// [https://login.microsoftonline.com/organizations/v2.0]
}

// Issuers that are not in the configuration, each with separate keys. The verifiers are made
// once and reused, because they hold the keys.
func ExampleConfig_resolveIssuer() {
	realms := map[string]*resource.Issuer{}
	for _, realm := range []string{"acme", "contoso"} {
		issuer := "https://sso.example.com/realms/" + realm
		keys, err := jwks.New(jwks.Config{Issuer: issuer})
		if err != nil {
			log.Fatal(err)
		}
		realms[issuer] = &resource.Issuer{Verifier: keys}
	}
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Hooks: resource.Hooks{ResolveIssuer: func(iss string) (*resource.Issuer, bool) {
			realm, ok := realms[iss]
			return realm, ok
		}},
		Metadata: metadata.Document{AuthorizationServers: []string{"https://sso.example.com/realms/acme", "https://sso.example.com/realms/contoso"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Metadata().AuthorizationServers)
	// Output:
	// [https://sso.example.com/realms/acme https://sso.example.com/realms/contoso]
}
