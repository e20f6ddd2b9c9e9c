// Package adaptertest tests the behavior that every adapter must have. Each test runs on
// net/http and on Echo, and on Echo with the middleware in every position that Echo
// offers. Tests of one adapter alone are in the package of that adapter.
package adaptertest_test

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// adapter is one way to protect a handler, expressed with net/http types.
type adapter struct {
	name string

	// handler serves the metadata of res. It passes all other requests to next if res
	// accepts them.
	handler func(res *resource.Resource, next http.Handler) http.Handler

	// routes serves routes by path, and the metadata of the given resources.
	routes func(metadata []*resource.Resource, routes map[string]route) http.Handler
}

// route is a handler with its guards. The first guard is the outermost.
type route struct {
	guards []guard
	next   http.Handler
}

// guard is Middleware of a resource, or Require if scopes is not nil.
type guard struct {
	res    *resource.Resource
	scopes []string
}

var adapters = []adapter{
	{"net/http", nethttp.Handler, netHTTPRoutes},
	{"Echo, routes", echoRoute, echoRoutes},
	{"Echo, groups", echoGroup, echoGroups},
	{"Echo, Use", echoUse, echoRoutes},
	{"Echo, Pre", echoPre, echoRoutes},
}

// onEachAdapter runs a subtest for every adapter.
func onEachAdapter(t *testing.T, test func(*testing.T, adapter)) {
	t.Helper()
	for _, a := range adapters {
		t.Run(a.name, func(t *testing.T) { test(t, a) })
	}
}

func netHTTPRoutes(metadata []*resource.Resource, routes map[string]route) http.Handler {
	mux := http.NewServeMux()
	for path, r := range routes {
		h := r.next
		for i := len(r.guards) - 1; i >= 0; i-- {
			if g := r.guards[i]; g.scopes == nil {
				h = nethttp.Middleware(g.res)(h)
			} else {
				h = nethttp.Require(g.res, g.scopes...)(h)
			}
		}
		mux.Handle(path, h)
	}
	if len(metadata) > 0 {
		mux.Handle(wellKnown, nethttp.Metadata(metadata...))
		mux.Handle(wellKnown+"/", nethttp.Metadata(metadata...))
	}
	return mux
}

func echoRoute(res *resource.Resource, next http.Handler) http.Handler {
	e := echo.New()
	e.Any("/*", echo.WrapHandler(next), echoadapter.Middleware(res))
	echoadapter.MountMetadata(e, res)
	return e
}

func echoGroup(res *resource.Resource, next http.Handler) http.Handler {
	e := echo.New()
	echoadapter.MountMetadata(e, res)
	g := e.Group("", echoadapter.Middleware(res))
	g.Any("", echo.WrapHandler(next)) // "/*" does not match it: the group would answer 404
	g.Any("/*", echo.WrapHandler(next))
	return e
}

func echoUse(res *resource.Resource, next http.Handler) http.Handler {
	e := echo.New()
	e.Any("/*", echo.WrapHandler(next))
	echoadapter.MountMetadata(e, res)
	e.Use(echoadapter.Middleware(res))
	return e
}

func echoPre(res *resource.Resource, next http.Handler) http.Handler {
	e := echo.New()
	e.Pre(echoadapter.Middleware(res))
	echoadapter.MountMetadata(e, res)
	e.Any("/*", echo.WrapHandler(next))
	return e
}

func echoGuards(guards []guard) (all []echo.MiddlewareFunc) {
	for _, g := range guards {
		if g.scopes == nil {
			all = append(all, echoadapter.Middleware(g.res))
		} else {
			all = append(all, echoadapter.Require(g.res, g.scopes...))
		}
	}
	return all
}

func echoRoutes(metadata []*resource.Resource, routes map[string]route) http.Handler {
	e := echo.New()
	if len(metadata) > 0 {
		echoadapter.MountMetadata(e, metadata...)
	}
	for path, r := range routes {
		e.Any(path, echo.WrapHandler(r.next), echoGuards(r.guards)...)
	}
	return e
}

func echoGroups(metadata []*resource.Resource, routes map[string]route) http.Handler {
	e := echo.New()
	for path, r := range routes {
		e.Group(path, echoGuards(r.guards)...).Any("", echo.WrapHandler(r.next))
	}
	if len(metadata) > 0 {
		echoadapter.MountMetadata(e, metadata...)
	}
	return e
}
