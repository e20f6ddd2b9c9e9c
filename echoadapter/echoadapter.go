// Package echoadapter protects the routes of an Echo v4 program with a
// [resource.Resource]. The resource decides about requests; this package writes the
// responses.
//
// Echo's own error handler renders refusals, so that they look like the other errors of the
// program. The status and the header fields that clients depend on (challenge, Retry-After,
// no-store) cannot be changed by it. See [Error].
package echoadapter

import (
	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/resource"
)

// CallerKey is the key of the [*resource.Caller] in Echo's context.
const CallerKey = "github.com/warder-go/warder/resource.Caller"

// Middleware passes accepted requests to next and responds to all others. Use it on a
// route, on a group, in Echo.Use or in Echo.Pre. It serves the resource's own metadata
// without authentication, at the path-inserted location and those of the copies (see
// metadata.NewHandler), and HTTPOptions.ServerMetadata if it is set. It protects every other
// path and every method, so CORS preflights must be answered outside of it. The CORS
// middleware there must skip the metadata, whose preflights are answered for every origin. It
// does not redirect.
//
// On a route or a group it protects what is registered there. Echo's own 404, 405 and
// OPTIONS responses may bypass it, and middleware of Echo.Use runs before it: a
// middleware.Static there serves its files without authentication.
//
// Inside, Echo's context contains the caller (see [Caller]). So does the context of the
// request (see [resource.FromContext]), which has no Authorization header unless the
// Resource keeps it. The original request is not modified. Echo's Response is not modified
// either, so that streaming works, unless Operations.LateChallenges or
// HTTPOptions.HandlerChallenges is set: then its writer holds the header until the first byte.
//
// Middleware calls Echo's error handler for a refusal at once and returns nil. So no
// middleware outside can lose the refusal, not even one that drops or replaces errors, or
// whose writer is closed before Echo handles them. The outcome is in Response().Status, and
// in the log and the metrics of the Resource.
func Middleware(res *resource.Resource) echo.MiddlewareFunc {
	document := ownMetadata(res)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if document.Owns(c.Request()) {
				document.ServeHTTP(c.Response(), c.Request())
				return nil
			}
			if servers := res.ServerMetadata(); servers.Owns(c.Request()) {
				servers.ServeHTTP(c.Response(), c.Request())
				return nil
			}
			decision, refusal := res.Authenticate(c.Request())
			if refusal != nil {
				return writeRefusal(c, refusal)
			}
			defer decision.Done()
			decision.SetHeader(c.Response().Header())
			c.SetRequest(decision.Request)
			if decision.Caller != nil {
				c.Set(CallerKey, decision.Caller)
			} else { // public operation: hide the caller of an outer resource
				c.Set(CallerKey, nil)
			}
			return serveAccepted(next, c, decision)
		}
	}
}

// Require requires further scopes for a part of what [Middleware] protects, such as one
// route. A caller without them gets 403 with one challenge that names the resource's own
// scopes and these. A scope can be a list of alternatives, as in resource.Config.Scopes.
// Without Middleware of the same resource, the response is 401.
//
// Put it inside Middleware: later in the same list, or on a route of the group that has
// Middleware. Require panics if a scope is malformed.
func Require(res *resource.Resource, scopes ...string) echo.MiddlewareFunc {
	requirement, err := res.Requirement(scopes...)
	if err != nil {
		panic(err)
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if refusal := requirement.Check(c.Request()); refusal != nil {
				return writeRefusal(c, refusal)
			}
			return next(c)
		}
	}
}

// Caller returns the caller of the request. It returns false if there is none. In a handler
// inside [Middleware] there is a caller, except for a public operation without credentials.
// In a middleware outside there is one after next has returned.
//
// An http.Handler in echo.WrapHandler uses [resource.FromContext] instead.
func Caller(c echo.Context) (*resource.Caller, bool) {
	return resource.FromContext(c.Request().Context())
}
