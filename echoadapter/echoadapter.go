// Package echoadapter puts a [resource.Resource] in front of the routes of an Echo v4
// program. It renders decisions; it takes none.
//
// Echo's own error handler writes the refusals, so that they look like the program's
// other errors; what makes them work (status, challenge, Retry-After, no-store) is
// kept whatever that handler does. See [Error].
package echoadapter

import (
	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/resource"
)

// CallerKey is the key of the [*resource.Caller] in Echo's context.
const CallerKey = "github.com/warder-go/warder/resource.Caller"

// Middleware lets accepted requests through to next and answers the others. It may
// stand on a route, on a group, and in Echo.Use or Echo.Pre. Requests for the
// resource's own metadata it answers itself, to everybody, at the path-inserted
// location and those of the copies (see metadata.NewHandler). Everything else is
// protected alike, whatever the method: put what answers CORS preflights outside of
// it. It never redirects.
//
// On a route or a group it protects what is registered there. Echo's own 404, 405 and
// answers to OPTIONS may come without it, and what Echo.Use adds runs before it: a
// middleware.Static there serves its files to everybody.
//
// From here on Echo's context has the caller (see [Caller]) and carries a request
// that has it too (see [resource.FromContext]), without the Authorization header
// unless the Resource keeps it. The request that came in stays as it was, and so does
// Echo's Response, for streams; where Operations.LateChallenges is set, that gets a
// writer which waits with the header for the first byte.
//
// A refusal is rendered at once, by Echo's error handler, and Middleware returns nil.
// So no middleware outside can lose it: one that drops errors, or makes others of
// them, or whose writer is closed by the time Echo looks at them. What became of the
// request is in Response().Status, and in the Resource's log and metrics.
func Middleware(res *resource.Resource) echo.MiddlewareFunc {
	document := ownMetadata(res)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if document.Owns(c.Request()) {
				document.ServeHTTP(c.Response(), c.Request())
				return nil
			}
			decision, refusal := res.Authenticate(c.Request())
			if refusal != nil {
				return refuse(c, refusal)
			}
			defer decision.Done()
			c.SetRequest(decision.Request)
			if decision.Caller != nil {
				c.Set(CallerKey, decision.Caller)
			} else { // public operation: hide the caller of an outer resource
				c.Set(CallerKey, nil)
			}
			return serve(next, c, decision)
		}
	}
}

// Require asks for further scopes on a part of what [Middleware] protects, such as
// one route. A caller without them gets 403 with one challenge that names the
// resource's own scopes and these. Where Middleware of the same resource did not
// accept the request, the answer is 401: forgetting it opens nothing.
//
// It stands behind Middleware: later in the same list, or on a route of the group
// that has Middleware. A malformed scope panics when the middleware is made.
func Require(res *resource.Resource, scopes ...string) echo.MiddlewareFunc {
	requirement, err := res.Requirement(scopes...)
	if err != nil {
		panic(err)
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if refusal := requirement.Check(c.Request()); refusal != nil {
				return refuse(c, refusal)
			}
			return next(c)
		}
	}
}

// Caller returns who sent the request, and whether that is known. In a handler behind
// [Middleware] it always is, except for a public operation without credentials; a
// middleware outside knows it once next has returned.
//
// An http.Handler behind echo.WrapHandler asks [resource.FromContext] instead.
func Caller(c echo.Context) (*resource.Caller, bool) {
	return resource.FromContext(c.Request().Context())
}
