//go:build conformance_everything

// Everythingtest is the conformance server of the official Go SDK behind each of warder's
// doors. The server itself is not here: the test lays the SDK's own source beside this
// file, by go build -overlay, and takes it from the module cache. Its main never runs.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

// init runs before the SDK's main, and does not come back. The arguments are a door
// and "stateful" or "stateless".
func init() {
	if err := run(os.Args[1], os.Args[2] == "stateless"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(door string, stateless bool) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	url := "http://" + listener.Addr().String() + "/mcp"
	server := newServer()
	go watchedResourceUpdater(context.Background(), server)
	next := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: stateless})
	handler, err := behind(door, url, server, next)
	if err != nil {
		return err
	}
	fmt.Println(url)
	return http.Serve(listener, handler)
}

// newServer is what the SDK's main makes.
func newServer() *mcp.Server {
	server := mcp.NewServer(
		&mcp.Implementation{Name: "mcp-conformance-test-server", Version: "1.0.0"},
		&mcp.ServerOptions{CompletionHandler: completionHandler, SubscribeHandler: subscribeHandler, UnsubscribeHandler: unsubscribeHandler},
	)
	registerTools(server)
	registerResources(server)
	registerPrompts(server)
	return server
}

func behind(door, url string, server *mcp.Server, next http.Handler) (http.Handler, error) {
	if door == "bare" {
		return next, nil
	}
	o := resource.Operations{}
	switch {
	case strings.HasSuffix(door, "late challenges"):
		o.LateChallenges = true
	case strings.Contains(door, "rules"):
		o.Methods = map[string][]string{"tools/call": {"mcp:use"}, "subscriptions/listen": {"mcp:use"}}
		o.Rule = func(context.Context, resource.Operation, *resource.Caller) (resource.Need, error) {
			return resource.Need{Scopes: []string{"mcp:use"}}, nil
		}
	}
	res, err := protect(url, o)
	if err != nil {
		return nil, err
	}
	switch door {
	case "nethttp, sessions":
		return inject(nethttp.Middleware(res)(nethttp.BindSessions(res, nethttp.SessionConfig{})(next))), nil
	case "nethttp, rules", "nethttp, late challenges":
		return inject(nethttp.Handler(res, next)), nil
	case "mcpsdk, rules and lock":
		server.AddReceivingMiddleware(mcpsdk.Lock(res))
		return inject(mcpsdk.Handler(res, next)), nil
	case "echoadapter, rules":
		e := echo.New()
		e.Any("/mcp", echo.WrapHandler(next), echoadapter.Middleware(res))
		return inject(e), nil
	}
	return nil, fmt.Errorf("no door %q", door)
}

func protect(url string, o resource.Operations) (*resource.Resource, error) {
	return resource.New(resource.Config{
		Identifier: url,
		Opaque:     &resource.Issuer{Verifier: oneToken{url}},
		Scopes:     []string{"mcp:use"},
		Operations: o,
		Logger:     slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
}

// token is what the suite lacks: it knows of no authorization.
const token = "conformance"

// inject gives each request the token, and refuses those that have one: then this
// would hide something.
func inject(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header["Authorization"] != nil {
			http.Error(w, "the suite has a token of its own", http.StatusTeapot)
			return
		}
		req.Header.Set("Authorization", "Bearer "+token)
		next.ServeHTTP(w, req)
	})
}

type oneToken struct{ url string }

func (oneToken) Issuer() string { return "https://auth.invalid" }

func (o oneToken) Verify(_ context.Context, t *resource.Token) (*resource.Claims, error) {
	if t.Raw() != token {
		return nil, &resource.Error{Reason: resource.ReasonInactive, Err: errors.New("not the token")}
	}
	return &resource.Claims{
		Issuer: o.Issuer(), Audience: []string{o.url}, Subject: "suite", Scopes: []string{"mcp:use"}, Introspected: true,
	}, nil
}
