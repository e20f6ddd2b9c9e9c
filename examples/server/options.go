package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/examples/internal/mcpserver"
	"github.com/warder-go/warder/resource"
)

// options holds the values of the flags.
type options struct {
	listen    string
	config    string // configuration file; excludes all flags but secrets and listen
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
	flags.StringVar(&o.config, "config", "", "configuration `file` (docs/configuration.md), instead of the other flags; reloaded when it changes, and on SIGHUP.\nWith security_events in it, the server receives the events of the issuer at "+eventsPath)
	flags.StringVar(&o.secrets, "secrets", "", "second configuration `file`, which overrides that of -config, such as mcp_agent.secrets.yaml")
	flags.StringVar(&o.resource, "resource", "", "`URL` that clients use for this server, and audience of its tokens\n(default: http://ADDRESS/mcp, if the address is a loopback address)")
	flags.StringVar(&scopes, "scopes", "", "`scopes` that every request requires, separated by commas or spaces")
	flags.StringVar(&audiences, "audience", "", "`audiences` accepted in addition to -resource, separated by commas or spaces")
	flags.StringVar(&origins, "allow-origin", "", "web `origins` allowed in addition to that of -resource, such as https://app.example.com,\nseparated by commas or spaces; loopback origins are allowed if -resource is a loopback URL")
	flags.StringVar(&tools, "tool-scopes", "", "additional scopes of tools as `TOOL=SCOPE`, separated by commas or spaces; TOOL= for none\n(default for delete_everything: "+mcpserver.AdminScope+")")
	o.define(flags)
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.scopes, o.audiences, o.origins = split(scopes), split(audiences), split(origins)
	var err error
	if o.tools, err = toolScopes(tools); err != nil {
		err = fmt.Errorf("-tool-scopes: %w", err)
	}
	switch {
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q: only flags are accepted", flags.Arg(0))
	case o.config != "":
		err = checkFileFlags(flags)
	case o.secrets != "":
		err = errors.New("-secrets requires -config")
	default:
		err = o.validate()
	}
	if err != nil {
		fmt.Fprintf(errs, "server: %v\n", err)
		flags.Usage()
	}
	return o, err
}

// toolScopes parses TOOL=SCOPE pairs. A tool may have several scopes, or none with TOOL=.
func toolScopes(list string) (map[string][]string, error) {
	tools := map[string][]string{}
	for _, pair := range split(list) {
		tool, scope, ok := strings.Cut(pair, "=")
		if !ok || tool == "" {
			return nil, fmt.Errorf("%q is not of the form TOOL=SCOPE", pair)
		}
		tools[tool] = append(tools[tool], split(scope)...)
	}
	return tools, nil
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// served is what the file or the flags describe.
type served struct {
	resource *resource.Resource
	metrics  []prometheus.Collector // that are not part of the resource's own
	events   http.Handler           // nil: the server receives no security events
	close    func()                 // closes what the resource uses
}

func (o options) newServed(ctx context.Context, address net.Addr) (served, error) {
	if o.config == "" {
		res, err := o.protect(ctx, address)
		return served{resource: res, close: func() {}}, err
	}
	live, err := o.loadFile(ctx)
	if err != nil {
		return served{}, err
	}
	return served{live.Resource(), []prometheus.Collector{live}, live.SecurityEvents(), live.Close}, nil
}

// protect returns the resource that the flags describe. address is the address that the
// server listens on.
func (o options) protect(ctx context.Context, address net.Addr) (*resource.Resource, error) {
	identifier := o.resource
	if identifier == "" {
		if tcp, ok := address.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
			return nil, fmt.Errorf("-resource is missing: %s is not a loopback address; set the URL that clients use, such as https://mcp.example.com/mcp", address)
		}
		identifier = "http://" + strings.TrimSuffix(address.String(), ":80") + "/mcp" // clients omit :80
	}
	config := resource.Config{
		Identifier: identifier,
		HTTP:       resource.HTTPOptions{Origins: o.origins},
		Scopes:     o.scopes,
		Operations: resource.Operations{Tools: o.tools},
	}
	mcpserver.AddRules(&config.Operations)
	if err := o.addVerifiers(ctx, &config, o.audiences); err != nil {
		return nil, err
	}
	res, err := resource.New(config)
	if err != nil {
		return nil, fmt.Errorf("-resource, -scopes, -tool-scopes, -audience, -allow-origin: %w", err)
	}
	return res, nil
}
