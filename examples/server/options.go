package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/examples/internal/mcpserver"
	"github.com/warder-go/warder/resource"
)

// options are the flags.
type options struct {
	listen    string
	config    string // file, in the place of all that follows
	secrets   string
	resource  string
	scopes    []string
	audiences []string
	origins   []string
	tools     map[string][]string
	credentials
}

func parse(args []string, errs io.Writer) (options, error) {
	var o options
	var scopes, audiences, origins, tools string
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` to listen on; port 0 picks one")
	flags.StringVar(&o.config, "config", "", "`file` with everything else (docs/configuration.md), instead of the other flags; followed when it changes, and on SIGHUP")
	flags.StringVar(&o.secrets, "secrets", "", "second `file`, which counts over that of -config, such as mcp_agent.secrets.yaml")
	flags.StringVar(&o.resource, "resource", "", "`URL` that clients use for this server, and audience of its tokens\n(default: http://ADDRESS/mcp, if the address is a loopback one)")
	flags.StringVar(&scopes, "scopes", "", "`scopes` that every request needs, separated by commas or spaces")
	flags.StringVar(&audiences, "audience", "", "`audiences` accepted besides -resource, separated by commas or spaces")
	flags.StringVar(&origins, "allow-origin", "", "web `origins` whose pages may call, besides that of -resource, such as http://localhost:6274 for MCP Inspector,\nseparated by commas or spaces")
	flags.StringVar(&tools, "tool-scopes", "delete_everything="+mcpserver.AdminScope, "`TOOL=SCOPE` that a tool needs besides, separated by commas or spaces")
	o.define(flags)
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.scopes, o.audiences, o.origins = split(scopes), split(audiences), split(origins)
	var mistake error
	if o.tools, mistake = toolScopes(tools); mistake != nil {
		mistake = fmt.Errorf("-tool-scopes: %w", mistake)
	}
	switch {
	case mistake != nil:
	case flags.NArg() > 0:
		mistake = fmt.Errorf("unexpected argument %q: there are only flags", flags.Arg(0))
	case o.config != "":
		mistake = onlyFile(flags)
	case o.secrets != "":
		mistake = errors.New("-config is missing: -secrets is for it")
	default:
		mistake = o.mistake()
	}
	if mistake != nil {
		fmt.Fprintf(errs, "server: %v\n", mistake)
		flags.Usage()
	}
	return o, mistake
}

// toolScopes reads TOOL=SCOPE pairs. A tool may have several.
func toolScopes(list string) (map[string][]string, error) {
	tools := map[string][]string{}
	for _, pair := range split(list) {
		tool, scope, ok := strings.Cut(pair, "=")
		if !ok || tool == "" || scope == "" {
			return nil, fmt.Errorf("%q is not of the form TOOL=SCOPE", pair)
		}
		tools[tool] = append(tools[tool], scope)
	}
	return tools, nil
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// resourceOf makes the resource of a file or of flags, and tells the series that there
// are beside its own.
func (o options) resourceOf(ctx context.Context, address net.Addr) (*resource.Resource, []prometheus.Collector, error) {
	if o.config == "" {
		res, err := o.protect(ctx, address)
		return res, nil, err
	}
	live, err := o.follow(ctx)
	if err != nil {
		return nil, nil, err
	}
	return live.Resource(), []prometheus.Collector{live}, nil
}

// protect makes the resource. The address is what -listen came to.
func (o options) protect(ctx context.Context, address net.Addr) (*resource.Resource, error) {
	identifier := o.resource
	if identifier == "" {
		if tcp, ok := address.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
			return nil, fmt.Errorf("-resource is missing: %s is no loopback address, so say which URL clients use, such as https://mcp.example.com/mcp", address)
		}
		identifier = "http://" + address.String() + "/mcp"
	}
	config := resource.Config{
		Identifier: identifier,
		HTTP:       resource.HTTPOptions{Origins: o.origins},
		Scopes:     o.scopes,
		Operations: resource.Operations{Tools: o.tools},
	}
	if err := o.verifiers(ctx, &config, o.audiences); err != nil {
		return nil, err
	}
	res, err := resource.New(config)
	if err != nil {
		return nil, fmt.Errorf("-resource, -scopes, -tool-scopes, -audience, -allow-origin: %w", err)
	}
	return res, nil
}
