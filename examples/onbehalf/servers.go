package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/examples/internal/mcpserver"
	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Scopes of the two servers.
const (
	toolsScope    = "mcp:tools"     // of the MCP server, for every request
	calendarScope = "mcp:calendar"  // of the MCP server: requested again if the user must consent
	readScope     = "calendar.read" // of the calendar
)

// consentURL is the page of the authorization server at which users give consent. It does not exist here.
const consentURL = "https://auth.example.com/consent?client_id=mcp-server"

// servers are the authorization server, the calendar and the MCP server.
type servers struct {
	issuer              *resourcetest.Issuer
	calendarURL, mcpURL string
	stop                context.CancelFunc
	served              []chan error
}

func newServers(ctx context.Context) (*servers, error) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	s := &servers{issuer: issuer, stop: stop}
	if err = issuer.Listen(); err == nil {
		s.calendarURL, err = s.serve(ctx, "/api", s.calendar)
	}
	if err == nil {
		s.mcpURL, err = s.serve(ctx, "/mcp", s.mcpServer)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// serve starts a server on a free port. It listens first, because the port is a part of the URL.
func (s *servers) serve(ctx context.Context, path string, handler func(url string) (http.Handler, error)) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	url := "http://" + listener.Addr().String() + path
	h, err := handler(url)
	if err != nil {
		listener.Close()
		return "", err
	}
	served := make(chan error, 1)
	go func() { served <- mcpserver.Serve(ctx, listener, h) }()
	s.served = append(s.served, served)
	return url, nil
}

func (s *servers) close() {
	s.stop()
	for _, served := range s.served {
		<-served
	}
	s.issuer.Close()
}

// calendar returns the other server. It accepts only tokens that are issued for it.
func (s *servers) calendar(url string) (http.Handler, error) {
	keys, err := jwks.New(jwks.Config{Issuer: s.issuer.Identifier()})
	if err != nil {
		return nil, err
	}
	res, err := resource.New(resource.Config{
		Identifier: url, Issuers: []resource.Issuer{{Verifier: keys}}, Scopes: []string{readScope}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	return nethttp.Handler(res, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		fmt.Fprintf(w, "Calendar of %s, with a token of the scopes %s: lunch at noon.", caller.Subject(), strings.Join(caller.Scopes(), " "))
	})), nil
}

// mcpServer returns the MCP server. It holds the tokens of its callers, and exchanges them.
func (s *servers) mcpServer(url string) (http.Handler, error) {
	logger := slog.New(slog.DiscardHandler) // a real server logs
	keys, err := jwks.New(jwks.Config{Issuer: s.issuer.Identifier()})
	if err != nil {
		return nil, err
	}
	res, err := resource.New(resource.Config{
		Identifier:  url,
		Issuers:     []resource.Issuer{{Verifier: keys}},
		Scopes:      []string{toolsScope},
		Credentials: resource.Credentials{HoldTokens: true},
		Operations:  resource.Operations{LateChallenges: true}, // so that the tool can send a challenge
		Logger:      logger,
	})
	if err != nil {
		return nil, err
	}
	exchanger, err := onbehalf.New(onbehalf.Config{
		Issuer: s.issuer.Identifier(),
		Auth:   introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret},
		Targets: []onbehalf.Target{{
			Name: "calendar", Resources: []string{s.calendarURL}, Scopes: []string{readScope},
			ChallengeScopes: []string{calendarScope}, InteractionURL: consentURL,
		}},
		Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "onbehalf", Version: "1"}, nil)
	tool := calendarTool{s.calendarURL, &http.Client{Transport: exchanger.Transport("calendar", nil)}}
	mcp.AddTool(server, &mcp.Tool{Name: "events", Description: "Returns the events in the user's calendar."}, tool.events)
	return mcpsdk.Handler(res, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)), nil
}
