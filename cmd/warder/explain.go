package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/urfave/cli/v3"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
)

// explainCommand returns the command explain. docs/explain.md describes it.
func explainCommand(s streams) *cli.Command {
	return command("explain", "show how the server decides about the token on standard input, with every check", runExplain(s),
		&cli.StringFlag{Name: "config", Usage: "read the configuration from `FILE`", Required: true},
		&cli.StringFlag{Name: "secrets", Usage: "read further settings, which override those of -config, from `FILE`"},
		&cli.StringFlag{Name: "keys", Usage: "verify with the keys (JWKS) of the issuer in `FILE`, and send no request to any server"},
		&cli.StringFlag{Name: "resource", Usage: "explain for this identifier (`URL`) of the server; the default is resource_server_url"},
		&cli.StringFlag{Name: "request", Usage: "explain for the HTTP request in `FILE`: request line, header fields, an empty line and the body"},
		&cli.StringFlag{Name: "remote-addr", Usage: "the request of -request comes from `ADDRESS` with port, for example from a proxy"},
		&cli.BoolFlag{Name: "json", Usage: "print the explanation as JSON"},
	)
}

// runExplain returns the action of the command explain.
func runExplain(s streams) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) error {
		e, err := explain(ctx, s, c)
		if err != nil {
			return fmt.Errorf("explain: %w", err)
		}
		err = printReport(s.out, c.Bool("json"), func(p palette) string { return explanationText(e, p) },
			func() ([]byte, error) { return json.Marshal(e, jsontext.WithIndent("  ")) })
		if err != nil {
			return &exitError{exitFault, fmt.Errorf("explain: %w", err)}
		}
		if !e.Accepted {
			return &exitError{exitFault, nil}
		}
		return nil
	}
}

// explain reads the configuration and the token or the request.
func explain(ctx context.Context, s streams, c *cli.Command) (*resource.Explanation, error) {
	req, err := requestOf(ctx, c)
	if err != nil {
		return nil, err
	}
	token, err := tokenFor(req, s.in)
	if err != nil {
		return nil, err
	}
	if err := checkKeys(ctx, c.String("keys")); err != nil {
		return nil, fmt.Errorf("-keys: %w", err)
	}
	live, err := config.New(explainConfig(c))
	if err != nil {
		return nil, err
	}
	defer live.Close()
	if req == nil {
		return explainToken(ctx, live.Resource(), c.String("resource"), token)
	}
	if token != "" {
		setToken(req, token)
	}
	return live.Resource().Explain(req), nil
}

// tokenFor reads the token from standard input. A request can have its own, or none if the input is
// empty.
func tokenFor(req *http.Request, in io.Reader) (string, error) {
	if req != nil {
		if req.Header["Authorization"] != nil {
			return "", nil
		}
		buffered := bufio.NewReader(in)
		if _, err := buffered.Peek(1); errors.Is(err, io.EOF) {
			return "", nil
		}
		in = buffered
	}
	return readInput(in)
}

// explainToken explains for one of the identifiers of the server.
func explainToken(ctx context.Context, r *resource.Resource, identifier, token string) (*resource.Explanation, error) {
	if identifier != "" && !slices.Contains(r.Identifiers(), identifier) {
		return nil, errors.New("-resource: is not an identifier of the server; write resource_server_url, or one of additional_resource_server_urls")
	}
	return r.ExplainToken(ctx, identifier, token), nil
}

// checkKeys reads the file of -keys, if there is one. Package config reports a mistake in it at the line
// of an issuer.
func checkKeys(ctx context.Context, file string) error {
	if file == "" {
		return nil
	}
	v, err := jwks.New(jwks.Config{Issuer: "https://any.example", File: file, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return v.Ready(ctx)
}

// explainConfig returns where the configuration is. With -keys, nothing is sent to any server.
func explainConfig(c *cli.Command) config.Config {
	given := config.Config{
		File: c.String("config"), SecretsFile: c.String("secrets"), WithoutStore: true,
		KeysFile: c.String("keys"), Logger: slog.New(slog.DiscardHandler),
	}
	if given.KeysFile != "" {
		given.Transport = offline{}
	}
	return given
}

// offline is a transport that sends nothing.
type offline struct{}

func (offline) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("nothing is sent, because -keys is set")
}

// explanationText returns the decision, then the checks that failed, then the others.
func explanationText(e *resource.Explanation, p palette) string {
	var b strings.Builder
	if e.Accepted {
		fmt.Fprintf(&b, "%s\n", p.in(green, "accepted"))
	} else {
		fmt.Fprintf(&b, "%s with %d: %s\n", p.in(red, "rejected"), e.Status, e.Reason)
	}
	for _, line := range []struct{ name, text string }{{"resource", e.Resource}, {"issuer", e.Issuer}, {"credential", e.Credential}, {"challenge", strings.Join(e.Challenges, "\n              ")}} {
		if line.text != "" {
			fmt.Fprintf(&b, "  %-11s %s\n", line.name, line.text)
		}
	}
	for _, outcome := range []resource.CheckOutcome{resource.CheckFailed, resource.CheckPassed, resource.CheckSkipped} {
		if outcome == resource.CheckPassed {
			b.WriteByte('\n')
		}
		for _, c := range e.Checks {
			if c.Outcome == outcome {
				writeCheck(&b, c, p)
			}
		}
	}
	return b.String()
}

// outcomeColors are the colors of the outcomes on a terminal.
var outcomeColors = map[resource.CheckOutcome]string{resource.CheckFailed: red, resource.CheckPassed: green, resource.CheckSkipped: grey}

// writeCheck writes one check: in a block if it has failed, otherwise in one line.
func writeCheck(b *strings.Builder, c resource.ExplainedCheck, p palette) {
	outcome := p.in(outcomeColors[c.Outcome], string(c.Outcome))
	unverified := ""
	if c.Unverified {
		unverified = " (unverified)"
	}
	if c.Outcome != resource.CheckFailed {
		text := c.Got
		if c.Outcome == resource.CheckSkipped {
			text = c.Detail
		}
		if text != "" {
			text = ": " + text
		}
		fmt.Fprintf(b, "%s %s%s%s\n", outcome, c.Name, text, unverified)
		return
	}
	fmt.Fprintf(b, "\n%s %s: %s%s\n", outcome, c.Name, c.Reason, unverified)
	for _, line := range []struct{ name, text string }{{"got", c.Got}, {"want", c.Want}, {"why", c.Detail}, {"source", c.Source}} {
		if line.text != "" {
			fmt.Fprintf(b, "    %-7s %s\n", line.name, line.text)
		}
	}
}
