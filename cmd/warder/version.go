package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"

	"github.com/urfave/cli/v3"
)

// printVersion returns the action of the command version.
func printVersion(s streams) cli.ActionFunc {
	return func(context.Context, *cli.Command) error {
		_, err := fmt.Fprintln(s.out, "warder", version())
		return err
	}
}

// version returns the version that the go command has recorded, the commit if it is known, and the
// version of Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := cmp.Or(info.Main.Version, "unknown")
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			text += " " + s.Value
		}
	}
	return text + " " + info.GoVersion
}
