// Warder checks the deployment of a protected MCP server, explains decisions about its tokens, and
// protects MCP servers in any language as a reverse proxy:
//
//	go run ./cmd/warder help
//
// The commands read the same configuration file as package resource/config.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v3"
)

// Exit statuses.
const (
	exitOK    = 0
	exitFault = 1 // what was looked at has a fault, or serving failed
	exitUsage = 2 // a mistake in the arguments or in the configuration file
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args, streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are the standard streams of the program.
type streams struct {
	in        io.Reader
	out, errs io.Writer
}

// run runs the program with its arguments, of which the first is its name. It returns the exit status.
func run(ctx context.Context, args []string, s streams) int {
	err := newCommand(s).Run(ctx, args)
	if err == nil {
		return exitOK
	}
	status := exitUsage // an error of the library is about the arguments
	if exit, ok := errors.AsType[*exitError](err); ok {
		status, err = exit.status, exit.err
	}
	if err != nil {
		_, _ = fmt.Fprintf(s.errs, "warder: %s\n", hideTokens(err.Error()))
	}
	return status
}

// exitError is an error that has an exit status. err is nil if the command has printed it.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return fmt.Sprint(e.err) }

// newCommand returns the program with its commands.
func newCommand(s streams) *cli.Command {
	return &cli.Command{
		Name:                  "warder",
		Usage:                 "OAuth 2.1 protection for MCP servers",
		Reader:                s.in,
		Writer:                s.out,
		ErrWriter:             s.errs,
		EnableShellCompletion: true,
		HideVersion:           true,
		OnUsageError:          onUsageError,
		ExitErrHandler:        func(context.Context, *cli.Command, error) {}, // run handles errors
		Action:                onNoCommand,
		Commands: []*cli.Command{
			checkCommand(s),
			explainCommand(s),
			probeCommand(s),
			serveCommand(s),
			command("version", "print the version of the program and of Go", printVersion(s)),
		},
	}
}

// command returns a command that takes flags, but no arguments.
func command(name, usage string, action cli.ActionFunc, flags ...cli.Flag) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, Flags: flags, HideHelpCommand: true, OnUsageError: onUsageError,
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return fmt.Errorf("%s: unexpected argument %s", name, shown(c.Args().First()))
			}
			return action(ctx, c)
		},
	}
}

// onUsageError returns the error without printing the whole help.
func onUsageError(_ context.Context, _ *cli.Command, err error, _ bool) error {
	return errors.New(longQuoted.ReplaceAllString(err.Error(), `"..."`))
}

// onNoCommand is called if the arguments name no command.
func onNoCommand(_ context.Context, c *cli.Command) error {
	if c.Args().Present() {
		return fmt.Errorf("unknown command %s; see \"warder help\"", shown(c.Args().First()))
	}
	return cli.ShowRootCommandHelp(c)
}
