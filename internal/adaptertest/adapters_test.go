// Package adaptertest holds the tests that every adapter passes: each runs on net/http
// and on Echo, there with the middleware in every place where it can stand. What only
// one of them has is tested beside it.
package adaptertest_test

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// A door is a way into a program, in the terms of net/http.
type door struct {
	name string

	// handler serves the metadata of res, and everything else by next behind res.
	handler func(res *resource.Resource, next http.Handler) http.Handler

	// site serves routes by path, and the metadata of these resources.
	site func(metadata []*resource.Resource, routes map[string]route) http.Handler
}

// A route is a handler behind its guards, the outer first.
type route struct {
	guards []guard
	next   http.Handler
}

// A guard is Middleware of a resource or, with scopes, Require.
type guard struct {
	res    *resource.Resource
	scopes []string
}

var doors = []door{
	{"net/http", nethttp.Handler, netHTTPSite},
	{"Echo, routes", echoRoute, echoRoutes},
	{"Echo, groups", echoGroup, echoGroups},
	{"Echo, Use", echoUse, echoRoutes},
	{"Echo, Pre", echoPre, echoRoutes},
}

// atEachDoor runs a test at every door.
func atEachDoor(t *testing.T, test func(*testing.T, door)) {
	t.Helper()
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) { test(t, d) })
	}
}

func netHTTPSite(metadata []*resource.Resource, routes map[string]route) http.Handler {
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
	g.Any("", echo.WrapHandler(next)) // the group's own 404 would come before "/*"
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
