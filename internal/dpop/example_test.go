package dpop_test

import (
	"fmt"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/dpop"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/resource/resourcetest"
)

func Example() {
	checker, err := dpop.NewChecker(nil)
	if err != nil {
		panic(err)
	}
	key := resourcetest.NewProofKey("ES256")
	thumbprint, _ := jose.ParseThumbprint(key.Thumbprint()) // usually cnf.jkt of the token
	url, _ := dpop.Normalize("https://MCP.example.test:443/mcp?session=1")
	want := dpop.Expected{Method: "POST", URL: url, Now: time.Now(), Window: time.Minute, Token: digest.Of("token"), Thumbprint: thumbprint}

	_, e := checker.Check(key.Proof(resourcetest.Proof{Method: "POST", URL: url, Token: "token"}), want)
	fmt.Println(url, e == nil)
	_, e = checker.Check(key.Proof(resourcetest.Proof{Method: "GET", URL: url, Token: "token"}), want)
	fmt.Println(e.Kind == dpop.Method, e.Got, e.Want)
	// Output:
	// https://mcp.example.test/mcp true
	// true GET POST
}
