package resourcetest_test

import (
	"fmt"
	"net/http"

	"github.com/warder-go/warder/resource/resourcetest"
)

// An outage of the JWKS endpoint, without sockets.
func ExampleIssuer_Fail() {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://auth.example.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer issuer.Close()
	client := &http.Client{Transport: issuer.Transport()}

	issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Status: 503, Header: http.Header{"Retry-After": {"7"}}, Next: 1})
	for range 2 {
		response, err := client.Get(issuer.URL(resourcetest.JWKS))
		if err != nil {
			fmt.Println(err)
			return
		}
		response.Body.Close()
		fmt.Printf("%d %q\n", response.StatusCode, response.Header.Get("Retry-After"))
	}
	fmt.Println(issuer.Count(resourcetest.JWKS), "requests")
	// Output:
	// 503 "7"
	// 200 ""
	// 2 requests
}
