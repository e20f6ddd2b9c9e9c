package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v3"

	"github.com/warder-go/warder/internal/gate"
)

// serveCommand returns the command serve. docs/gate.md describes it.
func serveCommand(s streams) *cli.Command {
	return command("serve", "protect MCP servers as a reverse proxy", serve(s),
		&cli.StringFlag{Name: "config", Usage: "`FILE` with the listeners and the upstreams", Required: true})
}

// serve returns the action of the command serve. It serves until the program gets an interrupt or
// SIGTERM. SIGHUP reads the files again. It writes its log to the error stream.
func serve(s streams) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) error {
		logger := slog.New(slog.NewTextHandler(s.errs, nil))
		slog.SetLogLoggerLevel(slog.LevelDebug) // net/http writes text of upstreams to package log
		slog.SetDefault(logger)
		g, err := gate.New(gate.Config{
			File: c.String("config"), Logger: logger,
			Started: func(public, admin net.Addr) {
				attrs := []any{"listen", public.String()}
				if admin != nil {
					attrs = append(attrs, "admin", admin.String())
				}
				logger.Info("serving", attrs...)
			},
		})
		if err != nil {
			return &exitError{exitUsage, err}
		}
		defer onHangup(ctx, g, logger)()
		if err := g.Serve(ctx); err != nil {
			return &exitError{exitFault, fmt.Errorf("serve: %w", err)}
		}
		return nil
	}
}

// onHangup reads the files again at each SIGHUP. The result ends that.
func onHangup(ctx context.Context, g *gate.Gate, logger *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				if err := g.Reload(ctx); err != nil {
					logger.Error("not all files are applied", "error", err)
				}
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		cancel()
		<-ended
	}
}
