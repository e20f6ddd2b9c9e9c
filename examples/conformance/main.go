// Conformance is the server for the announced scenario sep-2350-server-scope-challenge
// of the MCP conformance suite. It has one operation of each kind, each of which requires
// two scopes, and two fixed tokens: one has none of these scopes, the other has all.
//
//	go run ./examples/conformance
//	npx @modelcontextprotocol/conformance server --url http://127.0.0.1:3000/mcp --scenario sep-2350-server-scope-challenge
//
// The tokens are public. Use this server with the suite only.
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
	"github.com/warder-go/warder/nethttp/mcpsdk"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 on success, 1 if serving fails, 2 for invalid flags.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(errs)
	address := flags.String("listen", "127.0.0.1:3000", "loopback `address` to listen on; port 0 picks one")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if err := serve(ctx, *address, out); err != nil {
		fmt.Fprintf(errs, "conformance: %v\n", err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, address string, out io.Writer) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("-listen: %w", err)
	}
	defer listener.Close()
	url := "http://" + listener.Addr().String() + "/mcp"
	res, err := protect(url)
	if err != nil {
		return err
	}
	server, err := newServer(ctx, res)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "URL for the suite:\n\n  %s\n\n", url)
	return mcpserver.Serve(ctx, listener, mcpsdk.Handler(res, server))
}
