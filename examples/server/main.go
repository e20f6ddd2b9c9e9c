// Server is an MCP server behind warder, to point at your own authorization server:
//
//	go run ./examples/server -issuer https://auth.example.com/realms/demo
//
// It has two tools, whoami and delete_everything; the second needs the scope
// mcp:admin, unless -tool-scopes says otherwise. Beside the MCP endpoint it serves
// /metrics, /healthz and /readyz.
//
// With a file for everything, which is followed when it changes:
//
//	go run ./examples/server -config authorization.yaml
//
// Opaque tokens, and API keys beside them:
//
//	go run ./examples/server -issuer https://auth.example.com/realms/demo \
//		-introspect opaque -client-id mcp -client-secret-file secret.txt -api-keys keys.json
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/warder-go/warder/examples/internal/mcpserver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 2 for wrong flags, 1 if serving fails.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2 // package flag has said why
	}
	if o.newKey != "" {
		if err := o.printKey(out, o.scopes); err != nil {
			fmt.Fprintf(errs, "server: %v\n", err)
			return 2
		}
		return 0
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		fmt.Fprintf(errs, "server: -listen: %v\n", err)
		return 1
	}
	defer listener.Close()
	res, series, err := o.resourceOf(ctx, listener.Addr())
	if err != nil {
		fmt.Fprintf(errs, "server: %v\n", err)
		return 2
	}
	handler, err := mcpserver.Handler(ctx, res, series...)
	if err != nil {
		fmt.Fprintf(errs, "server: -tool-scopes: %v\n", err)
		return 2
	}
	// Fetch the keys now, not with the first request. If they can't be had the server
	// starts all the same: it answers 503 until they can.
	if err := res.Ready(ctx); err != nil {
		fmt.Fprintf(errs, "server: warning: tokens cannot be checked yet: %v\n", err)
	}
	identifier := res.Metadata().Resource
	fmt.Fprintf(out, "Paste exactly this URL into your client:\n\n  %s\n\n", identifier)
	fmt.Fprintf(out, "Metrics, health and readiness: http://%s/metrics /healthz /readyz\n", listener.Addr())
	if err := mcpserver.Serve(ctx, listener, handler); err != nil {
		fmt.Fprintf(errs, "server: %v\n", err)
		return 1
	}
	return 0
}
