package echoadapter

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// MountMetadata adds routes that publish the metadata of the resources, each at its own
// well-known path (RFC 9728 §3.1), with the copies of [metadata.NewHandler]. The routes
// serve GET, HEAD and OPTIONS, and respond to other methods with 405. MountMetadata adds no
// routes for HTTPOptions.ServerMetadata: mount that http.Handler at its own Locations.
// MountMetadata panics if two resources have the same host and path.
//
// The order of MountMetadata and Middleware does not matter. A router of Echo.Host does not
// use these routes. Pass [Middleware] to Echo.Host there; it serves the metadata too.
func MountMetadata(e *echo.Echo, resources ...*resource.Resource) {
	var documents []func() metadata.Document
	for _, res := range resources {
		documents = append(documents, res.Documents()...)
	}
	h, err := metadata.NewLiveHandler(documents...)
	if err != nil {
		panic(err)
	}
	serve := func(c echo.Context) error {
		// The router may match more than the locations, because a star in a path is a
		// wildcard for it.
		if !h.Owns(c.Request()) {
			return echo.ErrNotFound
		}
		h.ServeHTTP(c.Response(), c.Request())
		return nil
	}
	for _, location := range h.Locations() {
		path := routePath(location)
		e.Any(path, serve)
		e.RouteNotFound(path, serve) // methods that Any has no route for
	}
}

// routePath converts an escaped path to a path for the router. The router matches unescaped
// paths, except those that could be escaped in several ways.
func routePath(escaped string) string {
	u, err := url.Parse(escaped)
	if err != nil {
		panic(err) // cannot happen: the path consists of a constant and the path of a valid URL
	}
	path := echo.GetPath(&http.Request{URL: u})
	return strings.ReplaceAll(path, ":", `\:`) // a colon without a backslash begins a parameter
}

// ownMetadata returns the handler for the metadata of res. If res was not created by
// resource.New, the handler owns no location, and Authenticate rejects every request.
func ownMetadata(res *resource.Resource) *metadata.Handler {
	if res == nil {
		return new(metadata.Handler)
	}
	h, err := metadata.NewLiveHandler(res.Documents()...)
	if err != nil {
		return new(metadata.Handler)
	}
	return h
}
