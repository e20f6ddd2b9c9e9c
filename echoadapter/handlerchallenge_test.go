package echoadapter_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/resource"
)

// TestHandlerChallengesOfEchoHandlers checks handlers that return an error, from which Echo makes
// the response after the middleware has returned.
func TestHandlerChallengesOfEchoHandlers(t *testing.T) {
	const replaced = `{"error_description":"The server behind this one asked for other credentials"}` + "\n"
	res := newResource(t, identifier, func(c *resource.Config) { c.HTTP.HandlerChallenges = resource.ReplaceHandlerChallenges })
	fails := func(err error) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Header().Set("WWW-Authenticate", "Basic")
			return err
		}
	}
	basic := func(echo.HandlerFunc) echo.HandlerFunc { // as BasicAuth of Echo
		return func(c echo.Context) error {
			c.Response().Header().Set("WWW-Authenticate", `basic realm=Restricted`)
			return echo.ErrUnauthorized
		}
	}
	for _, row := range []struct {
		name    string
		handler echo.HandlerFunc
		status  int
		body    string
	}{
		{"401", fails(echo.ErrUnauthorized), 502, replaced},
		{"401 inside another error", fails(echo.NewHTTPError(500, "x").SetInternal(echo.ErrUnauthorized)), 502, replaced},
		{"401 without a challenge", func(echo.Context) error { return echo.ErrUnauthorized }, 502, replaced},
		{"403 with a challenge", fails(echo.ErrForbidden), 502, replaced},
		{"403 without a challenge", func(echo.Context) error { return echo.ErrForbidden }, 403, `{"message":"Forbidden"}` + "\n"},
		{"400 with a challenge", fails(echo.ErrBadRequest), 400, `{"message":"Bad Request"}` + "\n"},
		{"another error, with a challenge", fails(errors.New("x")), 500, `{"message":"Internal Server Error"}` + "\n"},
		{"BasicAuth inside", basic(func(c echo.Context) error { return c.NoContent(200) }), 502, replaced},
		{"a 401 that is rendered", func(c echo.Context) error { c.Error(fails(echo.ErrUnauthorized)(c)); return nil }, 502, replaced},
		{"an unauthorized response", func(c echo.Context) error { return c.JSON(401, "x") }, 502, replaced},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := echo.New()
			e.GET("/", row.handler, echoadapter.Middleware(res))
			req, err := http.NewRequestWithContext(t.Context(), "GET", serve(t, e), nil)
			if err != nil {
				t.Fatal(err)
			}
			response, body := sendRequest(t, req, "alice")
			if response.StatusCode != row.status || body != row.body || len(response.Header["Www-Authenticate"]) > 0 {
				t.Errorf("\n got %d %q %v\nwant %d %q without a challenge", response.StatusCode, body, response.Header, row.status, row.body)
			}
		})
	}
}
