package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// options are the flags.
type options struct {
	listen    string
	resource  string
	issuer    string
	jwks      string
	scopes    []string
	audiences []string
}

func parse(args []string, errs io.Writer) (options, error) {
	var o options
	var scopes, audiences string
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` to listen on; port 0 picks one")
	flags.StringVar(&o.resource, "resource", "", "`URL` that clients use for this server, and audience of its tokens\n(default: http://ADDRESS/mcp, if the address is a loopback one)")
	flags.StringVar(&o.issuer, "issuer", "", "issuer identifier of the authorization server, a `URL`; required")
	flags.StringVar(&o.jwks, "jwks", "", "`URL or file` of the issuer's keys (default: as its metadata says)")
	flags.StringVar(&scopes, "scopes", "", "`scopes` that every request needs, separated by commas or spaces")
	flags.StringVar(&audiences, "audience", "", "`audiences` accepted besides -resource, separated by commas or spaces")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.scopes, o.audiences = split(scopes), split(audiences)
	var mistake error
	switch {
	case flags.NArg() > 0:
		mistake = fmt.Errorf("unexpected argument %q: there are only flags", flags.Arg(0))
	case o.issuer == "":
		mistake = errors.New("-issuer is missing: the URL of your authorization server, as in the iss of its tokens")
	}
	if mistake != nil {
		fmt.Fprintf(errs, "server: %v\n", mistake)
		flags.Usage()
	}
	return o, mistake
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// protect makes the resource. The address is what -listen came to.
func (o options) protect(address net.Addr) (*resource.Resource, error) {
	identifier := o.resource
	if identifier == "" {
		if tcp, ok := address.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
			return nil, fmt.Errorf("-resource is missing: %s is no loopback address, so say which URL clients use, such as https://mcp.example.com/mcp", address)
		}
		identifier = "http://" + address.String() + "/mcp"
	}
	keys := jwks.Config{Issuer: o.issuer}
	if strings.Contains(o.jwks, "://") {
		keys.URL = o.jwks
	} else {
		keys.File = o.jwks
	}
	verifier, err := jwks.New(keys)
	if err != nil {
		return nil, fmt.Errorf("-issuer, -jwks: %w", err)
	}
	res, err := resource.New(resource.Config{
		Identifier: identifier,
		Issuers:    []resource.Issuer{{Verifier: verifier, Audiences: o.audiences}},
		Scopes:     o.scopes,
	})
	if err != nil {
		return nil, fmt.Errorf("-resource, -scopes, -audience: %w", err)
	}
	return res, nil
}
