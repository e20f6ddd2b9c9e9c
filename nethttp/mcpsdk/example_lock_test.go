package mcpsdk_test

import (
	"context"
	"fmt"
	"log"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

// At start, Check compares the rules with the server. Lock enforces them again inside the server.
func Example_rules() {
	server := mcp.NewServer(&mcp.Implementation{Name: "example", Version: "1.0.0"}, nil)
	for _, name := range []string{"list_files", "delete_files"} {
		mcp.AddTool(server, &mcp.Tool{Name: name}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			return nil, nil, nil
		})
	}
	keys, err := jwks.New(jwks.Config{Issuer: "https://auth.example.com"})
	if err != nil {
		log.Fatal(err)
	}
	for _, tool := range []string{"delete_file", "delete_files"} {
		res, err := resource.New(resource.Config{
			Identifier: "https://mcp.example.com/mcp",
			Issuers:    []resource.Issuer{{Verifier: keys}},
			Operations: resource.Operations{Tools: map[string][]string{tool: {"files:delete"}}},
		})
		if err != nil {
			log.Fatal(err)
		}
		if err := mcpsdk.Check(context.Background(), res, server); err != nil {
			fmt.Println(err)
			continue
		}
		server.AddReceivingMiddleware(mcpsdk.Lock(res))
		fmt.Println("ready")
	}

	// Output:
	// mcpsdk: check: Operations.Tools["delete_file"]: the server has no such tool; did you mean "delete_files"?
	// ready
}
