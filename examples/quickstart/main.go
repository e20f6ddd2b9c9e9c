// Quickstart shows warder at work. It starts a test authorization server and an MCP
// server behind warder, both on this machine alone, and lets the official SDK's client
// find its way from "401 Unauthorized" to a tool's answer. Then it keeps serving, for
// you to try.
//
//	go run ./examples/quickstart         # the story, then serve until Ctrl-C
//	go run ./examples/quickstart -once   # the story; exit status 1 if it went otherwise
//	go run ./examples/quickstart -opaque # the same with opaque tokens, by introspection
//
// Don't take the authorization server into production: it lets everybody in.
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

const storyTimeout = 30 * time.Second // it takes a fraction of a second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, func(*stage) {}))
}

// run returns the exit status: 1 if a step of the story went otherwise than told, 2
// for wrong flags. Tests spoil the stage before the story begins.
func run(ctx context.Context, args []string, out, errs io.Writer, spoil func(*stage)) int {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(errs)
	once := flags.Bool("once", false, "end after the story, with exit status 1 if it went otherwise than told")
	opaque := flags.Bool("opaque", false, "the authorization server issues opaque tokens, and warder asks it about them")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(errs, "quickstart: unexpected argument %q: there are only flags\n", flags.Arg(0))
		return 2
	}
	s, err := newStage(*opaque)
	if err != nil {
		fmt.Fprintf(errs, "quickstart: %v\n", err)
		return 1
	}
	defer s.close()
	spoil(s)
	if err := perform(ctx, s, out); err != nil {
		fmt.Fprintf(errs, "\nquickstart: the story went otherwise than told: %v\n", err)
		return 1
	}
	if *once {
		return 0
	}
	s.invite(out)
	if err := s.wait(ctx); err != nil {
		fmt.Fprintf(errs, "quickstart: %v\n", err)
		return 1
	}
	return 0
}

// perform plays the story once, with a client of its own.
func perform(ctx context.Context, s *stage, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, storyTimeout)
	defer cancel()
	c, err := newClient(s.url)
	if err != nil {
		return err
	}
	defer c.close()
	fmt.Fprintf(out, `An MCP server behind warder:  %s
An authorization server:      %s
A client that knows nothing but the first of these. What it sends is marked ">", what
it gets "<"; tokens and codes are cut short.
`, s.url, s.issuer.Identifier())
	return tell(ctx, out, &c.wire, story(s, c))
}
