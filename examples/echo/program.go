package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

const adminScope = "mcp:admin"

// newEcho returns an Echo instance with three kinds of routes: routes without a token,
// routes that require a token, and a route that requires an additional scope. Echo's own
// middleware can be used around them.
func newEcho(res *resource.Resource) *echo.Echo {
	e := echo.New()
	e.Use(middleware.Recover(), withCORS(res))
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	echoadapter.MountMetadata(e, res)

	var calls atomic.Int64
	protected := echoadapter.Middleware(res)
	// Bridge passes the caller to the SDK, whose tools do not receive the request's context.
	e.Any("/mcp", echo.WrapHandler(mcpsdk.Bridge(res)(newMCP(&calls))), protected)
	e.GET("/admin/calls", func(c echo.Context) error {
		caller, ok := echoadapter.Caller(c)
		if !ok {
			return errNoCaller
		}
		return c.JSON(http.StatusOK, map[string]any{"whoami": calls.Load(), "for": caller.Subject()})
	}, protected, echoadapter.Require(res, adminScope))
	return e
}

// withCORS returns CORS middleware. It must be outside warder, so it is added by Use and
// not to a route: it answers preflight requests, which never carry a token, and lets
// pages read rejections as well as results. It does not restrict anything. warder itself
// enforces Origins; the middleware only sends the same list to browsers. It skips the
// metadata, which pages of every origin may read and which answers its own preflights.
func withCORS(res *resource.Resource) echo.MiddlewareFunc {
	return middleware.CORSWithConfig(middleware.CORSConfig{
		Skipper: func(c echo.Context) bool {
			return strings.HasPrefix(c.Request().URL.Path, "/.well-known/oauth-protected-resource")
		},
		// A function, because Resource.Replace can change the list.
		AllowOriginFunc: func(origin string) (bool, error) { return res.AllowsOrigin(origin), nil },
		AllowMethods:    []string{"POST", "GET", "DELETE"},
		AllowHeaders: []string{
			"Authorization", "DPoP", "Content-Type", "Accept",
			"MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", // and each Mcp-Param-... that a tool requires
			"Mcp-Session-Id", "Last-Event-ID", // protocol versions up to 2025-11-25
		},
		ExposeHeaders: []string{"WWW-Authenticate", "DPoP-Nonce", "Mcp-Session-Id", "Retry-After"},
		MaxAge:        600, // seconds
	})
}

// errNoCaller cannot occur behind warder, which rejects requests without a verified
// caller. A handler that acts on behalf of the caller checks nevertheless, and fails
// closed.
var errNoCaller = errors.New("no authenticated caller")

// newMCP returns an MCP server with one tool, which counts its calls.
func newMCP(calls *atomic.Int64) http.Handler {
	server := mcp.NewServer(&mcp.Implementation{Name: "warder-echo-example", Version: "0.1.0"}, nil)
	mcp.AddTool(server, &mcp.Tool{
		Name:        "whoami",
		Description: "Returns the identity of the caller, as stated in the access token.",
	}, func(_ context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		calls.Add(1)
		caller, ok := mcpsdk.CallerFrom(req.Extra)
		if !ok {
			return nil, nil, errNoCaller
		}
		text := fmt.Sprintf("You are %s of %s.", caller.Subject(), caller.Issuer())
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
	})
	return mcp.NewStreamableHTTPHandler(
		func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: true},
	)
}
