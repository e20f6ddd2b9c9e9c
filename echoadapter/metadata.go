package echoadapter

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// MountMetadata adds the routes that publish the metadata of the resources, each at
// its own well-known path (RFC 9728 §3.1), with the copies of [metadata.NewHandler]. They
// answer GET, HEAD and OPTIONS, and other methods with 405. Paths that are none of
// these stay with Echo. Two resources with one path panic.
//
// The order of MountMetadata and Middleware does not matter. Routers made by Echo.Host
// have routes of their own: give [Middleware] to Echo.Host itself there, and it
// answers for the metadata too.
func MountMetadata(e *echo.Echo, resources ...*resource.Resource) {
	var documents []func() metadata.Document
	for _, res := range resources {
		documents = append(documents, res.Metadata)
	}
	h, err := metadata.NewLiveHandler(documents...)
	if err != nil {
		panic(err)
	}
	serve := func(c echo.Context) error {
		// Exactly its locations, whatever the router matched: to it a star in a
		// path is a wildcard.
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

// routePath spells an escaped path as the router wants it, which matches the path
// unescaped, unless that could be escaped in several ways.
func routePath(escaped string) string {
	u, err := url.Parse(escaped)
	if err != nil {
		panic(err) // it is a path of ours with the path of a checked URL
	}
	path := echo.GetPath(&http.Request{URL: u})
	return strings.ReplaceAll(path, ":", `\:`) // a bare colon begins a parameter
}

// ownMetadata publishes the document of one resource. A Resource that was not made by
// New has none, and Authenticate refuses everything for it.
func ownMetadata(res *resource.Resource) *metadata.Handler {
	if res == nil {
		return new(metadata.Handler)
	}
	h, err := metadata.NewLiveHandler(res.Metadata)
	if err != nil {
		return new(metadata.Handler) // which owns no location
	}
	return h
}
