package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/warder-go/warder/examples/internal/mcpserver"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
)

// onlyFile refuses flags that a file takes the place of: which of two counts must not be
// a guess.
func onlyFile(flags *flag.FlagSet) (mistake error) {
	flags.Visit(func(f *flag.Flag) {
		if !slices.Contains([]string{"config", "secrets", "listen"}, f.Name) {
			mistake = fmt.Errorf("-%s: not with -config, whose file says everything", f.Name)
		}
	})
	return mistake
}

// follow makes the resource of a file, and has it follow the file's changes until ctx is
// done. A file with `enabled: false` is an error like others: there is no way to have
// this server without protection.
func (o options) follow(ctx context.Context) (*config.Live, error) {
	live, err := config.New(config.Config{
		File:        o.config,
		SecretsFile: o.secrets,
		Complete:    func(c *resource.Config) { c.Operations.Stateless = true }, // see mcpserver
		Check:       func(res *resource.Resource) error { return mcpserver.Check(ctx, res) },
	})
	if err != nil {
		return nil, err
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	go live.Run(ctx)
	go func() {
		defer signal.Stop(hangup)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				_ = live.Reload(ctx) // it tells in the log what became of it
			}
		}
	}()
	return live, nil
}
