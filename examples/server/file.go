package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/warder-go/warder/examples/internal/mcpserver"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/valkey"
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

// startTime limits the wait at start for the revocations of a store. Until they have been read, warder
// rejects requests with 503.
const startTime = time.Second

// loadFile loads the configuration file and reloads it on changes and on SIGHUP until
// ctx is done. A file with `enabled: false` is an error: this server cannot run without
// protection. The file can have the block shared_state for a store in Valkey or Redis.
func (o options) loadFile(ctx context.Context) (*config.Live, error) {
	live, err := config.New(config.Config{
		File:        o.config,
		SecretsFile: o.secrets,
		Complete:    complete,
		Check:       func(res *resource.Resource) error { return mcpserver.Check(ctx, res) },
		OpenStore:   valkey.OpenStore,
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
	awaitRevocations(ctx, live.Revocations())
	return live, nil
}

// awaitRevocations waits until the list can be used, or for startTime.
func awaitRevocations(ctx context.Context, list *revocation.List) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for list != nil && list.Ready(ctx) != nil {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
