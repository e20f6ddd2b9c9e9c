package metadata_test

import (
	"fmt"
	"net/http/httptest"

	"github.com/warder-go/warder/metadata"
)

func ExampleNewHandler() {
	h, err := metadata.NewHandler(metadata.Document{
		Resource:             "https://mcp.example.com/mcp",
		AuthorizationServers: []string{"https://auth.example.com"},
		ScopesSupported:      []string{"files:read"},
	})
	if err != nil {
		panic(err)
	}
	// In a program: mux.Handle("/.well-known/oauth-protected-resource/", h)
	for _, path := range []string{"/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource/other"} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		fmt.Println(rec.Code, rec.Header().Get("Content-Type"))
		fmt.Println(rec.Body)
	}
	// Output:
	// 200 application/json
	// {"resource":"https://mcp.example.com/mcp","authorization_servers":["https://auth.example.com"],"scopes_supported":["files:read"]}
	// 404 text/plain; charset=utf-8
	// not found
}

func ExampleDocument() {
	d := metadata.Document{
		Resource:             "https://mcp.example.com/public/mcp",
		AuthorizationServers: []string{"https://auth.example.com"},
		ResourceName:         "Files",
		Extra:                map[string]any{"resource_name#de": "Dateien"},
	}
	body, err := d.MarshalJSON()
	if err != nil {
		panic(err)
	}
	fmt.Println(string(body))
	fmt.Println(metadata.WellKnownURL(d.Resource))

	// Validate lists every mistake with its fix.
	d.Resource, d.AuthorizationServers = "http://mcp.example.com", nil
	fmt.Println(d.Validate())
	// Output:
	// {"resource":"https://mcp.example.com/public/mcp","authorization_servers":["https://auth.example.com"],"resource_name":"Files","resource_name#de":"Dateien"}
	// https://mcp.example.com/.well-known/oauth-protected-resource/public/mcp <nil>
	// metadata: resource identifier "http://mcp.example.com": must begin with https://: http is for loopback hosts, or with AllowHTTP
	// metadata: authorization_servers is empty: name at least one issuer
}
