package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/warder-go/warder/internal/regularfile"
	"github.com/warder-go/warder/resource/check"
	"github.com/warder-go/warder/resource/config"
)

const maxCAFile = 1 << 20 // bytes of the file of -public-ca

// checkCommand returns the command check. docs/check.md describes it.
func checkCommand(s streams) *cli.Command {
	return command("check", "look for mistakes in the configuration file, at the issuers and at the public URL", runCheck(s),
		&cli.StringFlag{Name: "config", Usage: "read the configuration from `FILE`", Required: true},
		&cli.StringFlag{Name: "secrets", Usage: "read further settings, which override those of -config, from `FILE`"},
		&cli.BoolFlag{Name: "public", Usage: "also send requests to resource_server_url, as clients do"},
		&cli.StringFlag{Name: "public-ca", Usage: "trust the certificates in `FILE` (PEM) for -public, and no others"},
		&cli.StringFlag{Name: "token", Usage: "read an access token for the server from `FILE`, or from standard input for -"},
		&cli.DurationFlag{Name: "timeout", Usage: "end after this time", Value: check.DefaultTimeout},
		&cli.BoolFlag{Name: "strict", Usage: "the exit status is 1 for a warning too"},
		&cli.BoolFlag{Name: "json", Usage: "print the report as JSON"},
	)
}

// runCheck returns the action of the command check.
func runCheck(s streams) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) error {
		checked, err := checkConfig(s, c)
		if err != nil {
			return fmt.Errorf("check: %w", err)
		}
		report, err := check.Run(ctx, checked)
		if err != nil {
			return &exitError{exitUsage, err}
		}
		err = printReport(s.out, c.Bool("json"), func(p palette) string { return checkText(report, p) }, report.MarshalJSON)
		if err != nil {
			return &exitError{exitFault, fmt.Errorf("check: %w", err)}
		}
		if status := checkStatus(report, c.Bool("strict")); status != exitOK {
			return &exitError{status, nil}
		}
		return nil
	}
}

// checkStatus returns the exit status for a report.
func checkStatus(report check.Report, strict bool) int {
	switch {
	case report.Has(check.IDInvalidConfig):
		return exitUsage
	case report.Count(check.SeverityError) > 0, strict && report.Count(check.SeverityWarning) > 0:
		return exitFault
	}
	return exitOK
}

// checkConfig returns what the arguments describe.
func checkConfig(s streams, c *cli.Command) (checked check.Config, err error) {
	checked = check.Config{
		Config: config.Config{File: c.String("config"), SecretsFile: c.String("secrets")},
		Public: c.Bool("public"), Timeout: c.Duration("timeout"),
	}
	if checked.Timeout <= 0 {
		return checked, errors.New("-timeout: must be positive")
	}
	if file := c.String("public-ca"); file != "" {
		if checked.TLS, err = readCA(file); err != nil {
			return checked, err
		}
	}
	if checked.Token, err = readToken(s.in, c.String("token")); err != nil {
		return checked, err
	}
	return checked, nil
}

// readCA returns a TLS configuration that trusts the certificates in a file.
func readCA(file string) (*tls.Config, error) {
	body, err := regularfile.Read(file, maxCAFile)
	if err != nil {
		return nil, fmt.Errorf("-public-ca: file %q: %w", file, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(body) {
		return nil, fmt.Errorf("-public-ca: file %q: has no certificate in PEM", file)
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}
