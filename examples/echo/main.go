// Echo is an Echo program with an MCP server protected by warder, for use with your own
// authorization server:
//
//	go run ./examples/echo -issuer https://auth.example.com/realms/demo
//
// /mcp is the MCP server, made with the official Go SDK. /admin/calls is an ordinary Echo
// route that requires the scope mcp:admin. /healthz requires no token.
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
	"strings"
	"syscall"

	"github.com/warder-go/warder/examples/internal/mcpserver"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 on success, 1 if serving fails, 2 for invalid flags.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("echo", flag.ContinueOnError)
	flags.SetOutput(errs)
	address := flags.String("listen", "127.0.0.1:8080", "`address` to listen on; port 0 picks one")
	identifier := flags.String("resource", "", "`URL` that clients use for /mcp, and audience of its tokens\n(default: http://ADDRESS/mcp)")
	issuer := flags.String("issuer", "", "issuer identifier of the authorization server, a `URL`; required")
	origins := flags.String("allow-origin", "", "web `origins` allowed in addition to that of -resource, separated by commas")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2 // package flag has printed the error
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		fmt.Fprintf(errs, "echo: -listen: %v\n", err)
		return 1
	}
	defer listener.Close()
	if *identifier == "" {
		*identifier = "http://" + strings.TrimSuffix(listener.Addr().String(), ":80") + "/mcp" // clients omit :80
	}
	res, err := protect(*identifier, *issuer, *origins)
	if err != nil {
		fmt.Fprintf(errs, "echo: -resource, -issuer, -allow-origin: %v\n", err)
		return 2
	}
	fmt.Fprintf(out, "Paste exactly this URL into your client:\n\n  %s\n\n", *identifier)
	if err := mcpserver.Serve(ctx, listener, newEcho(res)); err != nil {
		fmt.Fprintf(errs, "echo: %v\n", err)
		return 1
	}
	return 0
}

func protect(identifier, issuer, origins string) (*resource.Resource, error) {
	keys, err := jwks.New(jwks.Config{Issuer: issuer})
	if err != nil {
		return nil, err
	}
	return resource.New(resource.Config{
		Identifier: identifier,
		HTTP:       resource.HTTPOptions{Origins: strings.FieldsFunc(origins, func(r rune) bool { return r == ',' })},
		Issuers:    []resource.Issuer{{Verifier: keys}},
		Metadata:   metadata.Document{ScopesSupported: []string{adminScope}},
	})
}
