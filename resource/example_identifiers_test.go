package resource_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// One Resource serves a family of identifiers. A token for one member is rejected at the others.
func ExampleConfig_identifiers() {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer issuer.Close()
	keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		log.Fatal(err)
	}
	const all = "https://mcp.example.test/mcp"
	var members []string
	for _, toolset := range []string{"issues", "repos"} {
		members = append(members, all+"/x/"+toolset)
	}
	res, err := resource.New(resource.Config{Identifier: all, Identifiers: members, Issuers: []resource.Issuer{{Verifier: keys}}})
	if err != nil {
		log.Fatal(err)
	}
	handler := nethttp.Handler(res, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		_, _ = io.WriteString(w, caller.Subject()+" uses "+caller.Resource())
	}))
	token := issuer.Token(resourcetest.Token{Audience: members[1]})
	for _, url := range []string{members[1], members[0], all, all + "/x/other"} {
		w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, url, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		handler.ServeHTTP(w, req)
		if w.Code == http.StatusOK {
			fmt.Println(w.Body)
			continue
		}
		fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// alice uses https://mcp.example.test/mcp/x/repos
	// 401 Bearer resource_metadata="https://mcp.example.test/.well-known/oauth-protected-resource/mcp/x/issues", error="invalid_token", error_description="The access token is invalid"
	// 401 Bearer resource_metadata="https://mcp.example.test/.well-known/oauth-protected-resource/mcp", error="invalid_token", error_description="The access token is invalid"
	// 404
}
