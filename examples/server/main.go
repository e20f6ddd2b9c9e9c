// Server is an MCP server protected by warder, for use with your own authorization
// server:
//
//	go run ./examples/server -issuer https://auth.example.com/realms/demo
//
// It has two tools, whoami and delete_everything. The second requires the scope
// mcp:admin, unless -tool-scopes or tool_scopes in the file of -config names other scopes
// for it. The server also serves /metrics, /healthz and /readyz.
//
// With a configuration file, which is reloaded when it changes:
//
//	go run ./examples/server -config authorization.yaml
//
// If the file has the block security_events, the issuer can push security events to
// /security-events.
//
// With opaque tokens and API keys:
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

// run returns the exit status: 0 on success, 1 if serving fails, 2 for invalid flags.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2 // parse has printed the error
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
	background, end := context.WithCancel(context.WithoutCancel(ctx)) // ends after the last request
	defer end()
	s, err := o.newServed(background, listener.Addr())
	if err != nil {
		fmt.Fprintf(errs, "server: %v\n", err)
		return 2
	}
	defer func() {
		end()
		s.close()
	}()
	handler, err := mcpserver.Handler(ctx, s.resource, s.metrics...)
	if err != nil {
		fmt.Fprintf(errs, "server: -tool-scopes, -config: %v\n", err)
		return 2
	}
	// Fetch the keys now rather than on the first request. If that fails, the server
	// starts anyway and responds with 503 until the keys can be fetched.
	if err := s.resource.Ready(ctx); err != nil {
		fmt.Fprintf(errs, "server: warning: tokens cannot be verified yet: %v\n", err)
	}
	identifier := s.resource.Metadata().Resource
	fmt.Fprintf(out, "Paste exactly this URL into your client:\n\n  %s\n\n", identifier)
	if s.events != nil {
		handler = withEvents(handler, s.events)
		fmt.Fprintf(out, "The issuer can push security events to http://%s%s\n", listener.Addr(), eventsPath)
	}
	fmt.Fprintf(out, "Metrics, health and readiness: http://%s/metrics /healthz /readyz\n", listener.Addr())
	if err := mcpserver.Serve(ctx, listener, handler); err != nil {
		fmt.Fprintf(errs, "server: %v\n", err)
		return 1
	}
	return 0
}
