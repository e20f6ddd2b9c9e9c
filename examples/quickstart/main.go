// Quickstart demonstrates warder. It starts a test authorization server and an MCP
// server protected by warder, both on loopback addresses, and runs the official SDK's
// client through the whole OAuth flow, from "401 Unauthorized" to a tool result. It
// prints every request and response. Afterwards both servers keep running, for you to
// try.
//
//	go run ./examples/quickstart         # run the demo, then serve until Ctrl-C
//	go run ./examples/quickstart -once   # run the demo only; exit status 1 on failure
//	go run ./examples/quickstart -opaque # the same with opaque tokens and introspection
//	go run ./examples/quickstart -dpop   # the same with tokens that are bound to a key of the client (DPoP)
//	go run ./examples/quickstart -onbehalf # the same with a tool that calls another server on behalf of the user
//
// The flags can be combined.
//
// Do not use the authorization server in production: it approves every request.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const demoTimeout = 30 * time.Second // the demo takes a fraction of a second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, func(*servers) {}))
}

// run returns the exit status: 0 on success, 1 if a step of the demo or serving fails,
// 2 for invalid flags. It calls prepare before the demo starts; tests use it to inject
// failures.
func run(ctx context.Context, args []string, out, errs io.Writer, prepare func(*servers)) int {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(errs)
	once := flags.Bool("once", false, "exit after the demo, with exit status 1 if a step fails")
	opaque := flags.Bool("opaque", false, "issue opaque tokens, which warder verifies by introspection")
	dpop := flags.Bool("dpop", false, "require tokens that are bound to a key of the client (DPoP), and show what a stolen one is worth")
	onBehalf := flags.Bool("onbehalf", false, "add a tool that calls another server on behalf of the user (token exchange)")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(errs, "quickstart: unexpected argument %q: only flags are accepted\n", flags.Arg(0))
		return 2
	}
	s, err := newServers(options{opaque: *opaque, dpop: *dpop, onBehalf: *onBehalf})
	if err != nil {
		fmt.Fprintf(errs, "quickstart: %v\n", err)
		return 1
	}
	defer s.close()
	prepare(s)
	if err := runDemo(ctx, s, out); err != nil {
		fmt.Fprintf(errs, "\nquickstart: the demo failed: %v\n", err)
		return 1
	}
	if *once {
		return 0
	}
	s.printInstructions(out)
	if err := s.wait(ctx); err != nil {
		fmt.Fprintf(errs, "quickstart: %v\n", err)
		return 1
	}
	return 0
}

// runDemo runs all steps once, with a new client.
func runDemo(ctx context.Context, s *servers, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	c, err := newClient(s.url, s.dpop)
	if err != nil {
		return err
	}
	defer c.close()
	fmt.Fprintf(out, `MCP server, protected by warder:  %s
Authorization server:             %s

The client starts with the URL of the MCP server and nothing else. ">" marks requests,
"<" marks responses. Tokens and codes are shortened.
`, s.url, s.issuer.Identifier())
	return runSteps(ctx, out, &c.traffic, demoSteps(s, c))
}
