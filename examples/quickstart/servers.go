package main

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/warder-go/warder/examples/internal/mcpserver"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	user       = "alice"
	basicScope = "mcp:tools" // required by every request
)

// options are the flags that change the demo.
type options struct {
	opaque bool // the issuer's tokens are opaque
	dpop   bool // the MCP server accepts only tokens that are bound to a key (RFC 9449)

	onBehalf bool // a tool calls another server on behalf of the user (RFC 8693)
}

// servers is the authorization server and the MCP server of the demo.
type servers struct {
	options
	issuer *resourcetest.Issuer
	origin string // of the MCP server
	url    string // of the MCP endpoint, exactly as clients must write it

	calendar *calendar // nil without onBehalf

	stop   context.CancelFunc
	served chan error // receives the result of Serve
}

func newServers(o options) (*servers, error) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{
		Subject:         user,
		ScopesSupported: []string{basicScope, mcpserver.AdminScope, calendarScope},
		OpaqueTokens:    o.opaque,
	})
	if err != nil {
		return nil, err
	}
	if err := issuer.Listen(); err != nil {
		return nil, err
	}
	s := &servers{options: o, issuer: issuer, served: make(chan error, 1)}
	if err := s.serveMCP(); err != nil {
		issuer.Close()
		return nil, err
	}
	return s, nil
}

// serveMCP starts the MCP server on a free port. It listens first, because the port is
// part of the resource identifier.
func (s *servers) serveMCP() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	s.origin = "http://" + listener.Addr().String()
	s.url = s.origin + "/mcp"
	res, err := s.protect()
	if err != nil {
		listener.Close()
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	err = s.addCalendar(ctx)
	var handler http.Handler
	if err == nil {
		handler, err = mcpserver.HandlerWith(ctx, res, s.calendar.addTool)
	}
	if err != nil {
		cancel()
		s.calendar.wait()
		listener.Close()
		return err
	}
	s.stop = cancel
	go func() { s.served <- mcpserver.Serve(ctx, listener, handler) }()
	return nil
}

// protect contains the whole configuration of warder.
func (s *servers) protect() (*resource.Resource, error) {
	config := resource.Config{
		Identifier:   s.url,
		Scopes:       []string{basicScope},
		Operations:   mcpserver.Rules(),
		ScopeOptions: resource.ScopeOptions{Implies: map[string][]string{mcpserver.AdminScope: {basicScope}}},
	}
	if s.dpop {
		config.Credentials.DPoP.Tokens = resource.BindingRequired
	}
	config.Credentials.HoldTokens = s.onBehalf
	if err := s.addVerifier(&config); err != nil {
		return nil, err
	}
	return resource.New(config)
}

// wait returns nil when ctx is done, or the error if the MCP server stops earlier.
func (s *servers) wait(ctx context.Context) error {
	select {
	case err := <-s.served:
		s.served <- err // for close
		return err
	case <-ctx.Done():
		return nil
	}
}

func (s *servers) close() {
	s.stop()
	<-s.served
	s.calendar.wait()
	s.issuer.Close()
}
