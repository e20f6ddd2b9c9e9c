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

// checkFileFlags returns an error if a flag is set that the file of -config replaces.
// Otherwise it would be unclear which of the two applies.
func checkFileFlags(flags *flag.FlagSet) (err error) {
	flags.Visit(func(f *flag.Flag) {
		if !slices.Contains([]string{"config", "secrets", "listen"}, f.Name) {
			err = fmt.Errorf("-%s cannot be combined with -config; set it in the file", f.Name)
		}
	})
	return err
}

// complete adds to the configuration of the file what is true of this server, whatever the
// file says.
func complete(c *resource.Config) {
	c.Operations.Stateless = true
	mcpserver.AddRules(&c.Operations)
}

// loadFile loads the configuration file and reloads it on changes and on SIGHUP until
// ctx is done. A file with `enabled: false` is an error: this server cannot run without
// protection.
func (o options) loadFile(ctx context.Context) (*config.Live, error) {
	live, err := config.New(config.Config{
		File:        o.config,
		SecretsFile: o.secrets,
		Complete:    complete,
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
				_ = live.Reload(ctx) // Reload logs its result
			}
		}
	}()
	return live, nil
}
