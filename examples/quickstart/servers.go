package main

import (
	"context"
	"fmt"
	"net"

	"github.com/warder-go/warder/examples/internal/mcpserver"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	user       = "alice"
	basicScope = "mcp:tools"             // every request needs it
	inspector  = "http://localhost:6274" // where MCP Inspector's page is, unless it was told otherwise
)

// stage is the two servers of the story.
type stage struct {
	issuer *resourcetest.Issuer
	opaque bool   // its tokens are
	origin string // of the MCP server
	url    string // of its endpoint, exactly as clients must write it

	end   context.CancelFunc
	ended chan error // what Serve returned
}

func newStage(opaque bool) (*stage, error) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{
		Subject:         user,
		ScopesSupported: []string{basicScope, mcpserver.AdminScope},
		OpaqueTokens:    opaque,
	})
	if err != nil {
		return nil, err
	}
	if err := issuer.Listen(); err != nil {
		return nil, err
	}
	s := &stage{issuer: issuer, opaque: opaque, ended: make(chan error, 1)}
	if err := s.serveMCP(); err != nil {
		issuer.Close()
		return nil, err
	}
	return s, nil
}

// serveMCP starts the MCP server on a free port. The port comes first: it is part of
// the URL that the server is known by.
func (s *stage) serveMCP() error {
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
	handler, err := mcpserver.Handler(ctx, res)
	if err != nil {
		cancel()
		listener.Close()
		return err
	}
	s.end = cancel
	go func() { s.ended <- mcpserver.Serve(ctx, listener, handler) }()
	return nil
}

// protect is all that there is to say to warder.
func (s *stage) protect() (*resource.Resource, error) {
	config := resource.Config{
		Identifier:   s.url,
		HTTP:         resource.HTTPOptions{Origins: []string{inspector}},
		Scopes:       []string{basicScope},
		Operations:   mcpserver.Rules(),
		ScopeOptions: resource.ScopeOptions{Implies: map[string][]string{mcpserver.AdminScope: {basicScope}}},
	}
	if err := s.vouch(&config); err != nil {
		return nil, err
	}
	return resource.New(config)
}

// wait returns when ctx is done, or earlier with the reason why the server ended.
func (s *stage) wait(ctx context.Context) error {
	select {
	case err := <-s.ended:
		s.ended <- err // for close
		return err
	case <-ctx.Done():
		return nil
	}
}

func (s *stage) close() {
	s.end()
	<-s.ended
	s.issuer.Close()
}
