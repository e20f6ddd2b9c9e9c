package echoadapter_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/resource"
)

// kept returns the fields that no error handler can lose, and Content-Type.
func kept(header http.Header) map[string]string {
	all := map[string]string{}
	for _, name := range []string{"Www-Authenticate", "Retry-After", "Cache-Control", "X-Content-Type-Options", "Content-Type"} {
		if values := header.Values(name); len(values) > 0 {
			all[name] = strings.Join(values, "\n")
		}
	}
	return all
}

const (
	jsonType = "application/json"
	lacking  = pointer + `, scope="base admin", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`
	cannot   = `{"error_description":"The access token cannot be checked at the moment"}` + "\n"
)

// Whatever error handler a program has, a refusal keeps its status and its fields.
func TestErrorHandlers(t *testing.T) {
	var refused *echoadapter.Error
	for _, row := range []struct {
		name    string
		handler echo.HTTPErrorHandler // nil: Echo's own
		media   string
		body    string // for a request without credentials
	}{
		{"Echo's own", nil, jsonType, missing},
		{"JSON of its own, with the code", func(err error, c echo.Context) {
			var he *echo.HTTPError
			if errors.As(err, &he) {
				_ = c.JSON(he.Code, map[string]any{"code": he.Code, "said": he.Message})
			}
		}, jsonType, `{"code":401,"said":{"error_description":"Authorization is required"}}` + "\n"},
		{"everything is 500 to it", func(_ error, c echo.Context) { _ = c.JSON(500, map[string]string{"error": "oops"}) }, jsonType, `{"error":"oops"}` + "\n"},
		{"everything is fine to it", func(_ error, c echo.Context) { _ = c.String(200, "fine") }, "text/plain; charset=UTF-8", "fine"},
		{"a page", func(_ error, c echo.Context) { _ = c.HTML(401, "<h1>Log in</h1>") }, "text/html; charset=UTF-8", "<h1>Log in</h1>"},
		{"no body", func(_ error, c echo.Context) { _ = c.NoContent(404) }, "", ""},
		{"a redirect to a login page", func(_ error, c echo.Context) { _ = c.Redirect(302, "/login") }, "", ""},
		{"net/http's", func(err error, c echo.Context) { http.Error(c.Response(), "no", 400) }, "text/plain; charset=utf-8", "no\n"},
		{"it clears the header", func(_ error, c echo.Context) {
			clear(c.Response().Header())
			_ = c.String(401, "cleared")
		}, "text/plain; charset=UTF-8", "cleared"},
		{"it sets the fields to its liking", func(_ error, c echo.Context) {
			for _, name := range []string{"WWW-Authenticate", "Retry-After", "Cache-Control", "X-Content-Type-Options"} {
				c.Response().Header().Del(name)
			}
			c.Response().Header().Set("Cache-Control", "public")
			_ = c.String(401, "set")
		}, "text/plain; charset=UTF-8", "set"},
		{"it writes nothing", func(error, echo.Context) {}, jsonType, missing},
		{"it sends the text of the error", func(err error, c echo.Context) { _ = c.String(400, err.Error()) }, "text/plain; charset=UTF-8",
			`code=401, message={"error_description":"Authorization is required"}, internal=echoadapter: refused with status 401`},
		{"it knows us", func(err error, c echo.Context) {
			if errors.As(err, &refused) {
				_ = c.Blob(refused.Refusal.Status, "text/x-own", refused.Refusal.Body)
			}
		}, "text/x-own", missing},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := echo.New()
			if row.handler != nil {
				e.HTTPErrorHandler = row.handler
			}
			res := newResource(t, identifier, nil)
			e.GET("/mcp", whoami, echoadapter.Middleware(res))
			response, body := ask(t, "GET", serve(t, e)+"/mcp", "")
			want := map[string]string{"Www-Authenticate": pointer, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
			if row.media != "" {
				want["Content-Type"] = row.media
			}
			if got := kept(response.Header); response.StatusCode != 401 || body != row.body || !maps.Equal(got, want) {
				t.Errorf("\n got %d %q %q\nwant 401 %q %q", response.StatusCode, body, got, row.body, want)
			}
		})
	}
}

// One handler that gets everything wrong, and each kind of refusal.
func TestEachRefusalIsKept(t *testing.T) {
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) {
		clear(c.Response().Header())
		_ = c.JSON(200, "mine")
	}
	res := newResource(t, identifier, func(c *resource.Config) { c.Scopes = []string{"base"} })
	g := e.Group("/mcp", echoadapter.Middleware(res))
	g.GET("", whoami)
	g.GET("/admin", whoami, echoadapter.Require(res, "admin"))
	g.HEAD("", whoami)
	url := serve(t, e) + "/mcp"
	for _, row := range []struct {
		name, method, path, token string
		status                    int
		want                      map[string]string
		body                      string
	}{
		{"no credentials", "GET", "", "", 401, map[string]string{"Www-Authenticate": pointer + `, scope="base"`}, `"mine"` + "\n"},
		{"no credentials, HEAD", "HEAD", "", "", 401, map[string]string{"Www-Authenticate": pointer + `, scope="base"`}, ""},
		{"no such path in the group", "GET", "/other", "", 401, map[string]string{"Www-Authenticate": pointer + `, scope="base"`}, `"mine"` + "\n"},
		{"malformed", "GET", "", "a b", 400, map[string]string{"Www-Authenticate": pointer + `, error="invalid_request", error_description="The credentials are malformed, or more than one"`}, `"mine"` + "\n"},
		{"not enough", "GET", "/admin", "alice.base", 403, map[string]string{"Www-Authenticate": lacking}, `"mine"` + "\n"},
		{"can't tell", "GET", "", "down", 503, map[string]string{"Retry-After": "7"}, `"mine"` + "\n"},
	} {
		response, body := ask(t, row.method, url+row.path, row.token)
		maps.Copy(row.want, map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": jsonType})
		if got := kept(response.Header); response.StatusCode != row.status || body != row.body || !maps.Equal(got, row.want) {
			t.Errorf("%s:\n got %d %q %q\nwant %d %q %q", row.name, response.StatusCode, body, got, row.status, row.body, row.want)
		}
	}
}

// Middleware outside of ours can't lose the answer, nor make two of it. Echo's own is
// tried in examples/echo.
func TestMiddlewareOutside(t *testing.T) {
	twice := func(err error, c echo.Context) { _ = c.JSON(500, "once") } // looks at nothing
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
		{"reports errors at once, as loggers do", outside(func(c echo.Context, next func() error) error {
			err := next()
			if err != nil {
				c.Error(err)
			}
			return err
		})},
		{"answers after errors itself", outside(func(c echo.Context, next func() error) error {
			if err := next(); err != nil {
				return c.String(200, "open after all")
			}
			return nil
		})},
		{"has a hook that changes the status", outside(func(c echo.Context, next func() error) error {
			c.Response().Before(func() { c.Response().Status = 200 })
			return next()
		})},
		{"has a hook that takes the challenge off", outside(func(c echo.Context, next func() error) error {
			c.Response().Before(func() { c.Response().Header().Del("WWW-Authenticate") })
			return next()
		})},
		{"declares a body of its own", outside(func(c echo.Context, next func() error) error {
			c.Response().Header().Set("Content-Type", "text/html")
			c.Response().Header().Set("Content-Length", "3")
			return next()
		})},
		{"is net/http's TimeoutHandler", echo.WrapMiddleware(func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Hour, "late") })},
		{"answers when the request is over", echo.WrapMiddleware(func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				h.ServeHTTP(w, req)
				_, _ = w.Write(nil) // an implicit 200, if nothing was written
			})
		})},
		{"is our own, once more", echoadapter.Middleware(newResource(t, identifier, nil))},
	} {
		for name, handler := range map[string]echo.HTTPErrorHandler{"Echo's own": nil, "another": twice} {
			t.Run(row.name+", error handler: "+name, func(t *testing.T) {
				e, reached := echo.New(), false
				want := missing
				if handler != nil {
					e.HTTPErrorHandler, want = handler, `"once"`+"\n"
				}
				e.Use(row.middle, echoadapter.Middleware(newResource(t, identifier, nil)))
				e.GET("/mcp", func(echo.Context) error { reached = true; return nil })
				response, body := ask(t, "GET", serve(t, e)+"/mcp", "")
				fields := map[string]string{"Www-Authenticate": pointer, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": jsonType}
				if got := kept(response.Header); response.StatusCode != 401 || body != want || !maps.Equal(got, fields) || reached {
					t.Errorf("handler reached: %v\n got %d %q %q\nwant 401 %q %q", reached, response.StatusCode, body, got, want, fields)
				}
			})
		}
	}
}

// Challenges of another scheme, by somebody outside, stay behind ours: clients take
// the first.
func TestChallengeOfAnotherScheme(t *testing.T) { // bad-inputs 261
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Header().Add("WWW-Authenticate", `Negotiate`)
			return next(c)
		}
	}, echoadapter.Middleware(newResource(t, identifier, nil)))
	response, _ := ask(t, "GET", serve(t, e), "")
	if got := strings.Join(response.Header.Values("WWW-Authenticate"), "\n"); got != pointer+"\nNegotiate" {
		t.Errorf("got %s", got)
	}
}

// Once somebody outside has answered, all that is left is not to go on.
func TestAnswerBeforeTheMiddleware(t *testing.T) {
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
	response, body := ask(t, "GET", serve(t, e)+"/mcp", "")
	var refused *echoadapter.Error
	if response.StatusCode != 202 || body != "early" || reached || !errors.As(seen, &refused) || refused.Refusal.Status != 401 {
		t.Errorf("got %d %q, handler reached: %v, error %v", response.StatusCode, body, reached, seen)
	}
}

// A panic of the handler, and one of the error handler, with a Recover outside and
// without: nothing is let through, and the next refusal is whole (bad-inputs 257).
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
		{"the error handler panics at first: the status is kept all the same", "", 401, pointer, `{"message":"Internal Server Error"}` + "\n"},
		{"the handler panics", "alice", 500, "", `{"message":"Internal Server Error"}` + "\n"},
		{"the next refusal", "", 401, pointer, missing},
	} {
		response, body := ask(t, "GET", url, row.token)
		if got := response.Header.Get("WWW-Authenticate"); response.StatusCode != row.status || got != row.challenge || body != row.body {
			t.Errorf("%s:\n got %d %s %q\nwant %d %s %q", row.name, response.StatusCode, got, body, row.status, row.challenge, row.body)
		}
	}
}

// What an error handler sends of the error is no secret: neither the reason nor what
// was wrong upstream (design decision 4).
func TestErrorTellsNothing(t *testing.T) {
	e := echo.New()
	var got string
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		got = fmt.Sprint(err, errors.Unwrap(err), errors.Unwrap(errors.Unwrap(err)))
		e.DefaultHTTPErrorHandler(err, c)
	}
	e.Debug = true // where Echo sends more of an error
	e.GET("/", whoami, echoadapter.Middleware(newResource(t, identifier, nil)))
	_, body := ask(t, "GET", serve(t, e), "down")
	want := `code=503, message=` + strings.TrimSpace(cannot) + `, internal=echoadapter: refused with status 503 echoadapter: refused with status 503 <nil>`
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if body = strings.Join(strings.Fields(body), " "); body != `{ "error_description": "The access token cannot be checked at the moment" }` {
		t.Errorf("with Debug: got %s", body)
	}
}

// Echo's own handler writes JSON in its own way: indented if the query has "pretty",
// and with escapes for what HTML could misread. It stays whole and says the same.
func TestJSONInEchosWay(t *testing.T) {
	e := echo.New()
	e.Any("/", whoami, echoadapter.Middleware(newResource(t, identifier, func(c *resource.Config) {
		c.Operations.Tools = map[string][]string{"x": nil}
	})))
	url := serve(t, e)
	response, body := ask(t, "GET", url+"/?pretty", "")
	const want = "{\n  \"error_description\": \"Authorization is required\"\n}\n"
	if response.StatusCode != 401 || body != want || response.Header.Get("WWW-Authenticate") != pointer {
		t.Errorf("got %d %q, want 401 %q", response.StatusCode, body, want)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(`{"jsonrpc":"2.0","id":"<\u003e&","method":"ping"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {jsonType}, "Mcp-Method": {"other"}}
	const wantID = `{"jsonrpc":"2.0","id":"\u003c\u003e\u0026","error":{"code":-32020,"message":"Mcp-Method or Mcp-Name is not what the body says"}}` + "\n"
	if response, body := send(t, req, "alice"); response.StatusCode != 400 || body != wantID {
		t.Errorf("got %d %q, want 400 %q", response.StatusCode, body, wantID)
	}
}

// RFC 9110 §8.6: what HEAD says of a body is that of the body that GET would get.
func TestHeadOfAnotherBody(t *testing.T) {
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) { _ = c.String(401, "no") }
	e.Any("/", whoami, echoadapter.Middleware(newResource(t, identifier, nil)))
	url := serve(t, e)
	for _, method := range []string{"GET", "HEAD"} {
		response, _ := ask(t, method, url, "")
		if got := response.Header.Get("Content-Type") + " " + response.Header.Get("Content-Length"); got != "text/plain; charset=UTF-8 2" {
			t.Errorf("%s: got %s", method, got)
		}
	}
}

// An error handler that goes past Echo's Response, with its hooks, finds the fields
// there already.
func TestErrorHandlerPastEchosResponse(t *testing.T) {
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) { c.Response().Writer.WriteHeader(401) }
	e.Any("/", whoami, echoadapter.Middleware(newResource(t, identifier, nil)))
	recorder := httptest.NewRecorder()
	e.ServeHTTP(recorder, httptest.NewRequest("GET", "/", nil))
	want := map[string]string{"Www-Authenticate": pointer, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
	if got := kept(recorder.Result().Header); recorder.Code != 401 || !maps.Equal(got, want) {
		t.Errorf("got %d %q, want 401 %q", recorder.Code, got, want)
	}
}
