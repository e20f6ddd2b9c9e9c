package tenant_test

import (
	"fmt"

	"github.com/warder-go/warder/internal/tenant"
)

func Example() {
	const pattern = "https://login.example.com/{tenantid}/v2.0"
	for _, issuer := range []string{
		"https://login.example.com/contoso/v2.0",
		"https://login.example.com/contoso/v2.0/",
		"https://login.example.com/a/b/v2.0",
		"https://login.example.com/../v2.0",
		"https://login.example.com//v2.0",
		"https://login.example.com/%63ontoso/v2.0",
		"https://login.example.com.evil.example/contoso/v2.0",
		"https://login.example.com/{tenantid}/v2.0",
	} {
		fmt.Println(tenant.Match(pattern, issuer))
	}
	// Output:
	// contoso true
	//  false
	//  false
	//  false
	//  false
	//  false
	//  false
	//  false
}
