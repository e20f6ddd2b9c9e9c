package echoadapter_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/resource"
)

// TestCallersOfConcurrentRequests checks that the caller of one request is not in the context
// of another, although Echo reuses its contexts.
func TestCallersOfConcurrentRequests(t *testing.T) {
	e := echo.New()
	e.GET("/open", whoami)
	e.GET("/mcp", whoami, echoadapter.Middleware(newResource(t, identifier, nil)))
	url := serve(t, e)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			name := fmt.Sprintf("user%d", i)
			for _, row := range []struct {
				path, token string
				status      int
				body        string
			}{
				{"/mcp", name, 200, name},
				{"/open", "", 200, "anonymous"},
				{"/mcp", "", 401, missing},
				{"/open", "", 200, "anonymous"},
			} {
				if response, body := send(t, "GET", url+row.path, row.token); response.StatusCode != row.status || body != row.body {
					t.Errorf("%s as %q: got %d %q, want %d %q", row.path, row.token, response.StatusCode, body, row.status, row.body)
				}
			}
		})
	}
	all.Wait()
}

// TestCallerInOuterMiddleware checks that middleware outside gets the caller after next has
// returned, and none for a refusal.
func TestCallerInOuterMiddleware(t *testing.T) {
	e := echo.New()
	var seen string
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			caller, ok := echoadapter.Caller(c)
			seen = fmt.Sprint(caller, ok, c.Response().Status)
			return err
		}
	}, echoadapter.Middleware(newResource(t, identifier, nil)))
	e.GET("/", whoami)
	url := serve(t, e)
	for _, row := range []struct{ token, want string }{
		{"alice", "25:https://auth.example.test sub:alice true 200"},
		{"", "<nil> false 401"},
	} {
		if send(t, "GET", url, row.token); seen != row.want {
			t.Errorf("as %q: got %s, want %s", row.token, seen, row.want)
		}
	}
}

// TestCallerOfPublicOperation checks that a public operation has no caller, not even that of
// another resource outside.
func TestCallerOfPublicOperation(t *testing.T) {
	inner := newResource(t, identifier, func(c *resource.Config) { c.Operations.Public = []string{"tools/list"} })
	for _, row := range []struct{ name, outer string }{
		{"without credentials", ""},
		{"with credentials of the resource outside", "alice"},
	} {
		e := echo.New()
		if row.outer != "" {
			e.Use(echoadapter.Middleware(newResource(t, "https://mcp.example.test/outer", nil)))
		}
		e.POST("/", whoami, echoadapter.Middleware(inner))
		req, err := http.NewRequestWithContext(t.Context(), "POST", serve(t, e), strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if response, body := sendRequest(t, req, row.outer); response.StatusCode != 200 || body != "anonymous" {
			t.Errorf("%s: got %d %q, want 200 anonymous", row.name, response.StatusCode, body)
		}
	}
}

// TestLateChallengesOfEchoHandlers tests late challenges of handlers that end in the ways that
// only Echo has.
func TestLateChallengesOfEchoHandlers(t *testing.T) {
	res := newResource(t, identifier, func(c *resource.Config) { c.Operations.LateChallenges = true })
	const denied = `{"jsonrpc":"2.0","id":1,"error":{"code":403,"message":"The access token lacks a scope that this request needs. Log in again and grant all of these scopes: admin",` +
		`"data":{"error":"insufficient_scope","error_description":"The access token lacks a scope that this request needs","scope":"admin"}}}` + "\n"
	const challenge = pointer + `, scope="admin", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`
	requestChallenge := func(c echo.Context) {
		if !resource.Challenge(c.Request().Context(), "admin") {
			t.Error("Challenge: got false")
		}
	}
	for _, row := range []struct {
		name      string
		handler   echo.HandlerFunc
		status    int
		challenge string
		body      string
	}{
		{"challenges and returns an error", func(c echo.Context) error { requestChallenge(c); return echo.ErrTeapot }, 403, challenge, denied},
		{"challenges and responds", func(c echo.Context) error {
			requestChallenge(c)
			c.Response().Header().Set("X-Discarded", "yes")
			return c.HTML(200, "discarded")
		}, 403, challenge, denied},
		{"challenges, responds and returns an error", func(c echo.Context) error { requestChallenge(c); return errors.Join(c.NoContent(204), echo.ErrTeapot) }, 403, challenge, denied},
		{"challenges, responds and panics", func(c echo.Context) error {
			requestChallenge(c)
			c.Response().Header().Set("X-Discarded", "yes")
			_ = c.HTML(200, "discarded")
			panic("late")
		}, 403, challenge, denied},
		{"challenges and panics before it responds", func(c echo.Context) error { requestChallenge(c); panic("early") }, 500, "", `{"message":"Internal Server Error"}` + "\n"},
		{"challenges inside net/http middleware that wraps the writer", echo.WrapMiddleware(func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.ServeHTTP(struct{ http.ResponseWriter }{w}, req) })
		})(func(c echo.Context) error { requestChallenge(c); return c.HTML(200, "discarded") }), 403, challenge, denied},
		{"does not challenge and returns an error", func(echo.Context) error { return echo.ErrTeapot }, 418, "", `{"message":"I'm a teapot"}` + "\n"},
		{"does not challenge and responds", func(c echo.Context) error { return c.String(201, "made") }, 201, "", "made"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := echo.New()
			e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					defer func() {
						if recover() != nil {
							c.Error(errors.New("recovered"))
						}
					}()
					return next(c)
				}
			}, echoadapter.Middleware(res))
			e.POST("/", row.handler)
			req, err := http.NewRequestWithContext(t.Context(), "POST", serve(t, e), strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			response, body := sendRequest(t, req, "alice")
			if got := response.Header.Get("WWW-Authenticate"); response.StatusCode != row.status || got != row.challenge || body != row.body {
				t.Errorf("\n got %d %s %q\nwant %d %s %q", response.StatusCode, got, body, row.status, row.challenge, row.body)
			}
			if got := response.Header.Get("X-Discarded"); got != "" {
				t.Errorf("got X-Discarded %q", got)
			}
		})
	}
}
