package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

const adminScope = "mcp:admin"

// program has three kinds of routes: open ones, those for everybody with a token, and
// one that needs a further scope. Middleware of Echo's own may stand around them.
func program(res *resource.Resource) *echo.Echo {
	e := echo.New()
	e.Use(middleware.Recover(), forBrowsers(res))
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	echoadapter.MountMetadata(e, res)

	var calls atomic.Int64
	protected := echoadapter.Middleware(res)
	// Bridge hands the caller to the SDK, whose tools don't see the request's context.
	e.Any("/mcp", echo.WrapHandler(mcpsdk.Bridge(res)(newMCP(&calls))), protected)
	e.GET("/admin/calls", func(c echo.Context) error {
		caller, ok := echoadapter.Caller(c)
		if !ok {
			return errNobody
		}
		return c.JSON(http.StatusOK, map[string]any{"whoami": calls.Load(), "for": caller.Subject()})
	}, protected, echoadapter.Require(res, adminScope))
	return e
}

// forBrowsers stands outside of warder, by Use rather than on a route: it answers
// preflights, which never carry a token, and lets pages read answers and refusals alike.
// Which pages may call is for warder to say and to enforce; this only tells browsers of
// it.
func forBrowsers(res *resource.Resource) echo.MiddlewareFunc {
	return middleware.CORSWithConfig(middleware.CORSConfig{
		// Asked each time: the list is another one after Resource.Replace.
		AllowOriginFunc: func(origin string) (bool, error) { return res.AllowsOrigin(origin), nil },
		AllowMethods:    []string{"POST", "GET", "DELETE"},
		AllowHeaders: []string{
			"Authorization", "Content-Type", "Accept",
			"MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", // and each Mcp-Param-... that a tool asks for
			"Mcp-Session-Id", "Last-Event-ID", // up to 2025-11-25
		},
		ExposeHeaders: []string{"WWW-Authenticate", "Mcp-Session-Id", "Retry-After"},
		MaxAge:        600, // seconds
	})
}

// errNobody is for the case that cannot be: warder lets nobody in whom it does not
// know. Who acts for somebody asks all the same, and refuses.
var errNobody = errors.New("nobody is known to have sent this")

// newMCP returns a server with one tool, which counts its calls.
func newMCP(calls *atomic.Int64) http.Handler {
	server := mcp.NewServer(&mcp.Implementation{Name: "warder-echo-example", Version: "0.1.0"}, nil)
	mcp.AddTool(server, &mcp.Tool{
		Name:        "whoami",
		Description: "Tells who you are, as your access token says.",
	}, func(_ context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		calls.Add(1)
		caller, ok := mcpsdk.CallerFrom(req.Extra)
		if !ok {
			return nil, nil, errNobody
		}
		text := fmt.Sprintf("You are %s of %s.", caller.Subject(), caller.Issuer())
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
	})
	return mcp.NewStreamableHTTPHandler(
		func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: true},
	)
}
