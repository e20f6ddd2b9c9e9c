// Mcp-go is an MCP server made with github.com/mark3labs/mcp-go and protected by warder,
// for use with your own authorization server:
//
//	go run ./examples/mcp-go -issuer https://auth.example.com/realms/demo
//
// It has two tools, whoami and delete_everything. The second requires the scope
// mcp:admin.
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
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 on success, 1 if serving fails, 2 for invalid flags.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("mcp-go", flag.ContinueOnError)
	flags.SetOutput(errs)
	address := flags.String("listen", "127.0.0.1:8080", "`address` to listen on; port 0 picks one")
	identifier := flags.String("resource", "", "`URL` that clients use, and audience of its tokens\n(default: http://ADDRESS/mcp)")
	issuer := flags.String("issuer", "", "issuer identifier of the authorization server, a `URL`; required")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2 // package flag has printed the error
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		fmt.Fprintf(errs, "mcp-go: -listen: %v\n", err)
		return 1
	}
	defer listener.Close()
	if *identifier == "" {
		*identifier = "http://" + listener.Addr().String() + "/mcp"
	}
	res, err := protect(*identifier, *issuer)
	if err != nil {
		fmt.Fprintf(errs, "mcp-go: -resource, -issuer: %v\n", err)
		return 2
	}
	// mcp-go accepts a session ID from any client. bind restricts it to the session's owner.
	// Requests without a session, such as all of protocol 2026-07-28, share one empty session
	// in mcp-go. So bind rejects those that refer to another request or to a task. It gives the
	// others a random session each, so that mcp-go does not send the notifications of one caller
	// to another. A stateless server needs bind for the same reasons.
	bind := nethttp.BindSessions(res, nethttp.SessionConfig{})
	fmt.Fprintf(out, "Paste exactly this URL into your client:\n\n  %s\n\n", *identifier)
	if err := mcpserver.Serve(ctx, listener, nethttp.Handler(res, bind(newMCP(res)))); err != nil {
		fmt.Fprintf(errs, "mcp-go: %v\n", err)
		return 1
	}
	return 0
}

func protect(identifier, issuer string) (*resource.Resource, error) {
	keys, err := jwks.New(jwks.Config{Issuer: issuer})
	if err != nil {
		return nil, err
	}
	return resource.New(resource.Config{
		Identifier: identifier,
		Issuers:    []resource.Issuer{{Verifier: keys}},
		Operations: mcpserver.Rules(),
		Metadata:   metadata.Document{ScopesSupported: []string{mcpserver.AdminScope}},
	})
}
