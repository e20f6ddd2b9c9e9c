package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/warder-go/warder/internal/privatekey"
	"github.com/warder-go/warder/internal/probe"
	"github.com/warder-go/warder/internal/secretfile"
)

// probeCommand returns the command that looks at a server from outside. Its exit status is 1 if a
// rule with the level MUST is violated or the server cannot be reached.
func probeCommand(s streams) *cli.Command {
	return &cli.Command{
		Name: "probe", Usage: "look at a protected MCP server from outside, as clients do", ArgsUsage: "URL",
		Description: "Only probe servers that you operate or may test: the requests contain invalid tokens.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "token", Usage: "`FILE` with a valid access token; - is standard input"},
			&cli.StringFlag{Name: "issuer-key", Usage: "`FILE` with the private key, JWK or PEM, of a test issuer that the server trusts"},
			&cli.StringFlag{Name: "issuer", Usage: "`URL` that is the identifier of the test issuer"},
			&cli.StringFlag{Name: "audience", Usage: "`AUDIENCE` of the tokens of the test issuer (default: the member resource of the metadata)"},
			&cli.StringFlag{Name: "scope", Usage: "`SCOPES` of the tokens of the test issuer, separated by spaces (default: those that the server names)"},
			&cli.StringFlag{Name: "origin", Usage: "`ORIGIN` of a web page that may use the server (default: that of the server, or a local one)"},
			&cli.StringSliceFlag{Name: "allow-host", Usage: "`HOST` of an authorization server that may have a private address; can be repeated"},
			&cli.BoolFlag{Name: "allow-http", Usage: "allow http for hosts other than loopback hosts, which sends tokens unencrypted"},
			&cli.BoolFlag{Name: "json", Usage: "print the report as JSON"},
		},
		HideHelpCommand: true, OnUsageError: onUsageError, Action: runProbe(s),
	}
}

func runProbe(s streams) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) error {
		if c.Args().Len() != 1 {
			return errors.New("probe: need exactly one URL")
		}
		cfg, err := probeConfig(s, c)
		if err != nil {
			return fmt.Errorf("probe: %w", err)
		}
		p, err := probe.New(cfg)
		if err != nil {
			return fmt.Errorf("probe: %w", err)
		}
		report, err := p.Run(ctx)
		if err != nil {
			return &exitError{exitFault, fmt.Errorf("probe: %w", err)}
		}
		err = printReport(s.out, c.Bool("json"), func(p palette) string { return probeText(report, p) }, report.JSON)
		if err != nil {
			return &exitError{exitFault, fmt.Errorf("probe: %w", err)}
		}
		if len(report.IDs(probe.Fail)) > 0 {
			return &exitError{status: exitFault}
		}
		return nil
	}
}

// probeConfig reads the flags and the files that they name.
func probeConfig(s streams, c *cli.Command) (cfg probe.Config, err error) {
	cfg = probe.Config{
		URL: c.Args().First(), Issuer: c.String("issuer"), Audience: c.String("audience"), Scope: c.String("scope"),
		Origin: c.String("origin"), AllowHTTP: c.Bool("allow-http"), AllowHosts: c.StringSlice("allow-host"),
	}
	if cfg.Token, err = readToken(s.in, c.String("token")); err != nil {
		return cfg, err
	}
	if path := c.String("issuer-key"); path != "" {
		content, err := secretfile.New(path).ReadAll()
		if err != nil {
			return cfg, err
		}
		if cfg.Key, err = privatekey.Parse(content); err != nil {
			return cfg, fmt.Errorf("-issuer-key: file %q: %w", path, err)
		}
	} else if cfg.Issuer != "" {
		return cfg, errors.New("-issuer needs -issuer-key")
	}
	return cfg, nil
}

// probeText returns the report for people, grouped by section in the order of the first check of
// each.
func probeText(report *probe.Report, p palette) string {
	var b strings.Builder
	count := map[probe.Outcome]int{}
	var sections []string
	bySection := map[string][]probe.Result{}
	for _, r := range report.Results {
		count[r.Outcome]++
		if bySection[r.Section] == nil {
			sections = append(sections, r.Section)
		}
		bySection[r.Section] = append(bySection[r.Section], r)
	}
	fmt.Fprintf(&b, "%s\n", report.Target)
	for _, section := range sections {
		fmt.Fprintf(&b, "\n%s\n", p.in(bold, section))
		for _, r := range bySection[section] {
			writeResult(&b, r, p)
		}
	}
	b.WriteByte('\n')
	if failed := report.IDs(probe.Fail); len(failed) > 0 {
		writeWrapped(&b, p.in(red, "FAIL")+" ", 5, strings.Join(failed, ", "))
	}
	if warned := report.IDs(probe.Warn); len(warned) > 0 {
		writeWrapped(&b, p.in(yellow, "warn")+" ", 5, strings.Join(warned, ", "))
	}
	fmt.Fprintf(&b, "%d passed, %d failed, %d warnings, %d not applicable, %d not checked; %d requests\n",
		count[probe.Pass], count[probe.Fail], count[probe.Warn], count[probe.NotApplicable], count[probe.NotChecked], report.Requests)
	return b.String()
}

// writeResult writes one line, and for a violated rule a second one with what was seen.
func writeResult(b *strings.Builder, r probe.Result, p palette) {
	word, color := map[probe.Outcome]string{probe.Pass: "ok", probe.Fail: "FAIL", probe.Warn: "warn", probe.NotChecked: "?"}[r.Outcome], grey
	switch r.Outcome {
	case probe.Pass:
		color = green
	case probe.Fail:
		color = red
	case probe.Warn:
		color = yellow
	}
	if r.Outcome == probe.NotApplicable {
		fmt.Fprintf(b, "  %s %-28s %s\n", p.in(grey, "n/a "), r.ID, r.Seen)
		return
	}
	fmt.Fprintf(b, "  %s %-28s %s: %s\n", p.in(color, fmt.Sprintf("%-4s", word)), r.ID, r.Level, r.Wanted)
	switch r.Outcome {
	case probe.Fail, probe.Warn:
		fmt.Fprintf(b, "       %-28s seen: %s\n", "", r.Seen)
	case probe.NotChecked:
		fmt.Fprintf(b, "       %-28s not checked: %s\n", "", r.Seen)
	}
}
