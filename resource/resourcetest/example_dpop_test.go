package resourcetest_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/warder-go/warder/resource/resourcetest"
)

// A DPoP client needs three lines. They make a key and a token that is bound to it, and add the
// token and a proof to the request.
func ExampleProofKey() {
	t := &testingT{}
	issuer := resourcetest.Start(t)
	request := httptest.NewRequest("POST", "https://mcp.example.com/mcp", nil)

	key := resourcetest.NewProofKey("")
	token := issuer.Token(resourcetest.Token{Audience: "https://mcp.example.com/mcp", ProofKey: key})
	key.SetProof(request, token)

	fmt.Println(request.Header.Get("Authorization") == "DPoP "+token)
	claims, _ := base64.RawURLEncoding.DecodeString(strings.Split(request.Header.Get("DPoP"), ".")[1])
	for part := range strings.SplitSeq(strings.Trim(string(claims), "{}"), ",") {
		if strings.HasPrefix(part, `"ht`) {
			fmt.Println(part)
		}
	}
	for _, cleanup := range t.cleanups {
		cleanup()
	}
	// Output:
	// true
	// "htm":"POST"
	// "htu":"https://mcp.example.com/mcp"
}

// A client gets a DPoP-bound token from a token endpoint that requires a nonce. The first
// request is repeated with the nonce.
func ExampleProofKey_Transport() {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{DPoPNonce: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer issuer.Close()
	key := resourcetest.NewProofKey("")
	client := &http.Client{Transport: key.Transport(issuer.Transport(), nil)}

	response, err := client.PostForm(issuer.URL(resourcetest.TokenEndpoint), url.Values{
		"grant_type": {"client_credentials"}, "client_id": {resourcetest.DefaultClientID}, "client_secret": {resourcetest.DefaultClientSecret},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(response.StatusCode, "after", issuer.Count(resourcetest.TokenEndpoint), "requests")
	// Output:
	// 200 after 2 requests
}
