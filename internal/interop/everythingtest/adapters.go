//go:build conformance_everything

// Everythingtest runs the conformance server of the official Go SDK behind each of
// warder's adapters. The server itself is not in this folder: the test adds the SDK's
// source from the module cache with go build -overlay. The SDK's main function never runs.
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

// init runs before the SDK's main and does not return. The arguments are the name of an
// adapter, and "stateful" or "stateless".
func init() {
	if err := run(os.Args[1], os.Args[2] == "stateless"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(adapter string, stateless bool) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	url := "http://" + listener.Addr().String() + "/mcp"
	server := newServer()
	go watchedResourceUpdater(context.Background(), server)
	next := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: stateless})
	handler, err := protect(adapter, url, server, next)
	if err != nil {
		return err
	}
	fmt.Println(url)
	return http.Serve(listener, handler)
}

// newServer returns the same server that the SDK's main function creates.
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

// protect returns next behind the adapter, or next itself for the adapter "none".
func protect(adapter, url string, server *mcp.Server, next http.Handler) (http.Handler, error) {
	if adapter == "none" {
		return next, nil
	}
	o := resource.Operations{}
	switch {
	case strings.HasSuffix(adapter, "late challenges"):
		o.LateChallenges = true
	case strings.Contains(adapter, "rules"):
		o.Methods = map[string][]string{"tools/call": {"mcp:use"}, "subscriptions/listen": {"mcp:use"}}
		o.Rule = func(context.Context, resource.Operation, *resource.Caller) ([]string, error) {
			return []string{"mcp:use"}, nil
		}
	}
	res, err := newResource(url, o)
	if err != nil {
		return nil, err
	}
	switch adapter {
	case "nethttp, sessions":
		// The Go SDK ignores the parameter task of a call, and the suite tests that.
		allowed := nethttp.SessionConfig{AllowedWithoutSession: []string{"tools/call"}}
		return addToken(nethttp.Middleware(res)(nethttp.BindSessions(res, allowed)(next))), nil
	case "nethttp, rules", "nethttp, late challenges":
		return addToken(nethttp.Handler(res, next)), nil
	case "mcpsdk, rules and lock":
		server.AddReceivingMiddleware(mcpsdk.Lock(res))
		return addToken(mcpsdk.Handler(res, next)), nil
	case "echoadapter, rules":
		e := echo.New()
		e.Any("/mcp", echo.WrapHandler(next), echoadapter.Middleware(res))
		return addToken(e), nil
	}
	return nil, fmt.Errorf("unknown adapter %q", adapter)
}

func newResource(url string, o resource.Operations) (*resource.Resource, error) {
	return resource.New(resource.Config{
		Identifier: url,
		Opaque:     &resource.Issuer{Verifier: singleToken{url}},
		Scopes:     []string{"mcp:use"},
		Operations: o,
		Logger:     slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
}

// token is added to the requests of the suite, which does not support authorization.
const token = "conformance"

// addToken adds the token to each request. It rejects requests that have an Authorization
// header, since replacing that header could hide a failure.
func addToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header["Authorization"] != nil {
			http.Error(w, "unexpected Authorization header in a request of the suite", http.StatusTeapot)
			return
		}
		req.Header.Set("Authorization", "Bearer "+token)
		next.ServeHTTP(w, req)
	})
}

// singleToken is a Verifier that accepts only token, for the resource at url.
type singleToken struct{ url string }

func (singleToken) Issuer() string { return "https://auth.invalid" }

func (v singleToken) Verify(_ context.Context, t *resource.Token) (*resource.Claims, error) {
	if t.Raw() != token {
		return nil, &resource.Error{Reason: resource.ReasonInactive, Err: errors.New("unknown token")}
	}
	return &resource.Claims{
		Issuer: v.Issuer(), Audience: []string{v.url}, Subject: "suite", Scopes: []string{"mcp:use"}, Introspected: true,
	}, nil
}
