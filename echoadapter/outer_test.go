package echoadapter_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/echoadapter"
)

// TestOuterMiddleware checks that middleware outside can neither lose the response nor cause
// a second one. The middleware of Echo itself is tested in examples/echo.
func TestOuterMiddleware(t *testing.T) {
	unchecked := func(err error, c echo.Context) { _ = c.JSON(500, "once") } // does not check Committed
	outside := func(f func(c echo.Context, next func() error) error) echo.MiddlewareFunc {
		return func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error { return f(c, func() error { return next(c) }) }
		}
	}
	for _, row := range []struct {
		name   string
		middle echo.MiddlewareFunc
	}{
		{"none", outside(func(_ echo.Context, next func() error) error { return next() })},
		{"drops errors", outside(func(_ echo.Context, next func() error) error { _ = next(); return nil })},
		{"replaces errors", outside(func(_ echo.Context, next func() error) error {
			if err := next(); err != nil {
				return echo.ErrTeapot
			}
			return nil
		})},
		{"wraps errors", outside(func(_ echo.Context, next func() error) error {
			if err := next(); err != nil {
				return fmt.Errorf("wrapped: %w", err)
			}
			return nil
		})},
		{"calls the error handler itself, as loggers do", outside(func(c echo.Context, next func() error) error {
			err := next()
			if err != nil {
				c.Error(err)
			}
			return err
		})},
		{"writes a response after an error", outside(func(c echo.Context, next func() error) error {
			if err := next(); err != nil {
				return c.String(200, "accepted")
			}
			return nil
		})},
		{"has a hook that changes the status", outside(func(c echo.Context, next func() error) error {
			c.Response().Before(func() { c.Response().Status = 200 })
			return next()
		})},
		{"has a hook that removes the challenge", outside(func(c echo.Context, next func() error) error {
			c.Response().Before(func() { c.Response().Header().Del("WWW-Authenticate") })
			return next()
		})},
		{"sets the header fields of another body", outside(func(c echo.Context, next func() error) error {
			c.Response().Header().Set("Content-Type", "text/html")
			c.Response().Header().Set("Content-Length", "3")
			return next()
		})},
		{"is http.TimeoutHandler", echo.WrapMiddleware(func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Hour, "late") })},
		{"writes after the handler", echo.WrapMiddleware(func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				h.ServeHTTP(w, req)
				_, _ = w.Write(nil) // an implicit 200, if nothing was written
			})
		})},
		{"is Middleware itself", echoadapter.Middleware(newResource(t, identifier, nil))},
	} {
		for name, handler := range map[string]echo.HTTPErrorHandler{"Echo's own": nil, "unchecked": unchecked} {
			t.Run(row.name+", error handler: "+name, func(t *testing.T) {
				e, reached := echo.New(), false
				want := missing
				if handler != nil {
					e.HTTPErrorHandler, want = handler, `"once"`+"\n"
				}
				e.Use(row.middle, echoadapter.Middleware(newResource(t, identifier, nil)))
				e.GET("/mcp", func(echo.Context) error { reached = true; return nil })
				response, body := send(t, "GET", serve(t, e)+"/mcp", "")
				fields := map[string]string{"Www-Authenticate": pointer, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": jsonType}
				if got := refusalFields(response.Header); response.StatusCode != 401 || body != want || !maps.Equal(got, fields) || reached {
					t.Errorf("handler reached: %v\n got %d %q %q\nwant 401 %q %q", reached, response.StatusCode, body, got, want, fields)
				}
			})
		}
	}
}

// TestOtherChallenges checks that the challenge of the refusal precedes the challenges of
// middleware outside and of the error handler, because clients use the first one.
func TestOtherChallenges(t *testing.T) {
	for _, row := range []struct {
		name    string
		handler func(http.Header) // called by the error handler
		want    []string
	}{
		{"the error handler sets none", func(http.Header) {}, []string{pointer, "Negotiate"}},
		{"the error handler adds one", func(h http.Header) { h.Add("WWW-Authenticate", "Basic") }, []string{pointer, "Negotiate", "Basic"}},
		{"the error handler replaces all", func(h http.Header) { h.Set("WWW-Authenticate", "Basic") }, []string{pointer, "Basic"}},
		{"the error handler puts one in front", func(h http.Header) {
			h["Www-Authenticate"] = append([]string{"Basic"}, h["Www-Authenticate"]...)
		}, []string{pointer, "Basic", "Negotiate"}},
		{"the error handler uses another spelling of the name", func(h http.Header) { h["WWW-Authenticate"] = []string{"Basic"} }, []string{pointer, "Negotiate", "Basic"}},
		{"the error handler removes all", func(h http.Header) { h.Del("WWW-Authenticate") }, []string{pointer}},
	} {
		e := echo.New()
		e.HTTPErrorHandler = func(err error, c echo.Context) {
			row.handler(c.Response().Header())
			e.DefaultHTTPErrorHandler(err, c)
		}
		e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.Response().Header().Add("WWW-Authenticate", `Negotiate`)
				return next(c)
			}
		}, echoadapter.Middleware(newResource(t, identifier, nil)))
		response, _ := send(t, "GET", serve(t, e), "")
		if got := response.Header.Values("WWW-Authenticate"); !slices.Equal(got, row.want) {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// TestErrorHandlerUsesInnerWriter checks that the status and the fields of a refusal are also
// sent if the error handler removes them and writes to the writer inside Echo's Response.
func TestErrorHandlerUsesInnerWriter(t *testing.T) {
	for _, row := range []struct {
		name  string
		write func(w http.ResponseWriter)
		body  string
	}{
		{"a status and a body", func(w http.ResponseWriter) { w.WriteHeader(200); _, _ = io.WriteString(w, "own") }, "own"},
		{"a body", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "own") }, "own"},
		{"an informational status and a body", func(w http.ResponseWriter) { w.WriteHeader(103); _, _ = io.WriteString(w, "own") }, "own"},
		{"a flush and a body", func(w http.ResponseWriter) { w.(http.Flusher).Flush(); _, _ = io.WriteString(w, "own") }, "own"},
		{"a flush by a ResponseController", func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }, ""},
		{"nothing", func(http.ResponseWriter) {}, missing},
	} {
		e := echo.New()
		e.HTTPErrorHandler = func(_ error, c echo.Context) {
			w := c.Response().Writer
			clear(w.Header())
			w.Header().Set("WWW-Authenticate", "Basic")
			row.write(w)
		}
		e.Use(echoadapter.Middleware(newResource(t, identifier, nil)))
		response, body := send(t, "GET", serve(t, e), "")
		challenges := response.Header.Values("WWW-Authenticate")
		if response.StatusCode != 401 || !slices.Equal(challenges, []string{pointer, "Basic"}) || response.Header.Get("Cache-Control") != "no-store" || body != row.body {
			t.Errorf("%s: got %d %q %q %q", row.name, response.StatusCode, challenges, response.Header.Get("Cache-Control"), body)
		}
	}
}

// TestResponseBeforeMiddleware checks that Middleware only stops a request that has a
// response already.
func TestResponseBeforeMiddleware(t *testing.T) {
	e, reached := echo.New(), false
	var seen error
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			_ = c.String(http.StatusAccepted, "early")
			seen = next(c)
			return seen
		}
	}, echoadapter.Middleware(newResource(t, identifier, nil)))
	e.GET("/mcp", func(echo.Context) error { reached = true; return nil })
	response, body := send(t, "GET", serve(t, e)+"/mcp", "")
	var rejected *echoadapter.Error
	if response.StatusCode != 202 || body != "early" || reached || !errors.As(seen, &rejected) || rejected.Refusal.Status != 401 {
		t.Errorf("got %d %q, handler reached: %v, error %v", response.StatusCode, body, reached, seen)
	}
}

// TestPanics checks that no request is accepted because the handler or the error handler
// panics, and that the next refusal is complete.
func TestPanics(t *testing.T) {
	recoverer := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			defer func() {
				if recover() != nil {
					c.Error(errors.New("recovered"))
				}
			}()
			return next(c)
		}
	}
	e := echo.New()
	broken := true
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if broken {
			broken = false
			panic("in the error handler")
		}
		e.DefaultHTTPErrorHandler(err, c)
	}
	e.Use(recoverer, echoadapter.Middleware(newResource(t, identifier, nil)))
	e.GET("/mcp", func(c echo.Context) error { panic("in the handler") })
	url := serve(t, e) + "/mcp"
	for _, row := range []struct {
		name, token string
		status      int
		challenge   string
		body        string
	}{
		{"the error handler panics: the status does not change", "", 401, pointer, `{"message":"Internal Server Error"}` + "\n"},
		{"the handler panics", "alice", 500, "", `{"message":"Internal Server Error"}` + "\n"},
		{"the next refusal", "", 401, pointer, missing},
	} {
		response, body := send(t, "GET", url, row.token)
		if got := response.Header.Get("WWW-Authenticate"); response.StatusCode != row.status || got != row.challenge || body != row.body {
			t.Errorf("%s:\n got %d %s %q\nwant %d %s %q", row.name, response.StatusCode, got, body, row.status, row.challenge, row.body)
		}
	}
}
