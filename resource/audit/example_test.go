package audit_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/audit"
)

func Example() {
	// A program uses a separate file. This example omits the time because it changes.
	handler := slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	log, err := audit.New(audit.Config{Handler: handler})
	if err != nil {
		fmt.Println(err)
		return
	}
	keys, err := jwks.New(jwks.Config{Issuer: "https://auth.example.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Issuers:    []resource.Issuer{{Verifier: keys}},
		Hooks:      resource.Hooks{Observers: []resource.Observer{log}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx, cancel := context.WithCancel(context.Background())
	written := make(chan error)
	go func() { written <- log.Run(ctx) }()
	_, _ = res.Authenticate(httptest.NewRequest("POST", "https://mcp.example.com/mcp", nil)) // as the middleware does
	cancel()                                                                                 // after the server has stopped
	if err := <-written; err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"level":"INFO","msg":"decision","schema":"warder.audit.v1","sequence":1,"resource":"https://mcp.example.com/mcp","decision":"denied","reason":"missing_credentials","status":401}
}
