package echoadapter_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/resource"
)

// TestPositions tests Middleware and Require in each position that Echo offers.
func TestPositions(t *testing.T) {
	a, b := newResource(t, "https://mcp.example.test/a", nil), newResource(t, "https://mcp.example.test/b", nil)
	files := fstest.MapFS{"page.txt": {Data: []byte("a page")}}
	public := func(c echo.Context) error { return c.String(200, "public") }
	rewrite := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Request().URL.Path = strings.TrimPrefix(c.Request().URL.Path, "/v1")
			return next(c)
		}
	}
	type row struct {
		name, method, path, token string
		status                    int
		body                      string
	}
	for _, position := range []struct {
		name    string
		program func(*echo.Echo)
		rows    []row
	}{
		{"a route", func(e *echo.Echo) {
			e.GET("/mcp", whoami, echoadapter.Middleware(a))
			e.GET("/public", public)
		}, []row{
			{"protected", "GET", "/mcp", "", 401, missing},
			{"accepted", "GET", "/mcp", "alice", 200, "alice"},
			{"another route", "GET", "/public", "", 200, "public"},
			{"another method: Echo's own 405", "POST", "/mcp", "", 405, `{"message":"Method Not Allowed"}` + "\n"},
			{"OPTIONS: Echo's own response", "OPTIONS", "/mcp", "", 204, ""},
			{"another path", "GET", "/mcp/", "", 404, notFound},
		}},
		{"two groups with different resources, and a nested group", func(e *echo.Echo) {
			ga := e.Group("/a", echoadapter.Middleware(a))
			ga.Any("/x", whoami)
			ga.Group("/admin", echoadapter.Require(a, "admin")).GET("/x", whoami)
			gb := e.Group("/b")
			gb.GET("/early", whoami) // registered before the middleware of the group, so Echo does not apply it
			gb.Use(echoadapter.Middleware(b))
			gb.GET("/x", whoami)
			gb.Static("/files", ".")
			gb.StaticFS("/embedded", files)
			e.GET("/public", public)
		}, []row{
			{"protected", "GET", "/a/x", "", 401, missing},
			{"accepted", "GET", "/a/x", "alice", 200, "alice"},
			{"another method", "PUT", "/a/x", "", 401, missing},
			{"no such path", "GET", "/a/y", "", 401, missing},
			{"no such path, accepted", "GET", "/a/y", "alice", 404, notFound},
			{"the nested group, without the scope", "GET", "/a/admin/x", "alice", 403, `{"error":"insufficient_scope","error_description":"The access token lacks a scope that this request needs"}` + "\n"},
			{"the nested group, with the scope", "GET", "/a/admin/x", "alice.admin", 200, "alice"},
			{"the other group", "GET", "/b/x", "", 401, missing},
			{"the other group, accepted", "GET", "/b/x", "bob", 200, "bob"},
			{"a route registered before the middleware of the group is not protected and has no caller", "GET", "/b/early", "bob", 200, "anonymousBearer bob"},
			{"files", "GET", "/b/files/routes_test.go", "", 401, missing},
			{"files of an fs.FS", "GET", "/b/embedded/page.txt", "", 401, missing},
			{"files of an fs.FS, accepted", "GET", "/b/embedded/page.txt", "bob", 200, "a page"},
			{"outside the groups", "GET", "/public", "", 200, "public"},
		}},
		{"Use, called between route registrations", func(e *echo.Echo) {
			e.GET("/x", whoami)
			e.StaticFS("/files", files)
			e.Use(echoadapter.Middleware(a))
			e.GET("/y", whoami)
		}, []row{
			{"a route registered before", "GET", "/x", "", 401, missing},
			{"a route registered after", "GET", "/y", "", 401, missing},
			{"no route", "GET", "/z", "", 401, missing},
			{"no route for the method", "POST", "/x", "", 401, missing},
			{"OPTIONS", "OPTIONS", "/x", "", 401, missing},
			{"files", "GET", "/files/page.txt", "", 401, missing},
			{"accepted", "GET", "/x", "alice", 200, "alice"},
			{"accepted, no route", "GET", "/z", "alice", 404, notFound},
			{"the metadata, without MountMetadata", "GET", wellKnown + "/a", "", 200, `{"resource":"https://mcp.example.test/a","authorization_servers":["https://auth.example.test"],"bearer_methods_supported":["header"]}`},
		}},
		{"Pre, before a middleware that rewrites the path", func(e *echo.Echo) {
			e.Pre(echoadapter.Middleware(a), rewrite)
			e.GET("/x", whoami)
		}, []row{
			{"protected", "GET", "/v1/x", "", 401, missing},
			{"accepted, with a rewritten path", "GET", "/v1/x", "alice", 200, "alice"},
			{"no route", "GET", "/z", "", 401, missing},
		}},
		{"Pre after a middleware that rewrites the path, and Require on a route", func(e *echo.Echo) {
			e.Pre(rewrite, echoadapter.Middleware(a))
			e.GET("/x", whoami, echoadapter.Require(a, "admin"))
			e.GET("/y", whoami, echoadapter.Require(b, "admin"))
		}, []row{
			{"protected", "GET", "/x", "", 401, missing},
			{"accepted", "GET", "/v1/x", "alice.admin", 200, "alice"},
			{"Require of another resource", "GET", "/y", "alice.admin", 401, missing},
		}},
		{"Use and a route with the same resource", func(e *echo.Echo) {
			e.Use(echoadapter.Middleware(a))
			e.GET("/x", whoami, echoadapter.Middleware(a))
		}, []row{
			{"protected", "GET", "/x", "", 401, missing},
			{"accepted", "GET", "/x", "alice", 200, "alice"},
		}},
		{"Use and a route with different resources, which no request can satisfy", func(e *echo.Echo) {
			e.Use(echoadapter.Middleware(a))
			e.GET("/x", whoami, echoadapter.Middleware(b))
		}, []row{
			{"rejected by the outer resource", "GET", "/x", "", 401, missing},
			{"rejected by the inner resource, because the outer one removes the token", "GET", "/x", "alice", 401, missing},
		}},
		{"a net/http handler", func(e *echo.Echo) {
			e.Any("/mcp", echo.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				caller, _ := resource.FromContext(req.Context())
				_, _ = w.Write([]byte("hello " + caller.Subject()))
			})), echoadapter.Middleware(a))
		}, []row{
			{"protected", "POST", "/mcp", "", 401, missing},
			{"accepted", "POST", "/mcp", "alice", 200, "hello alice"},
		}},
	} {
		t.Run(position.name, func(t *testing.T) {
			e := echo.New()
			position.program(e)
			url := serve(t, e)
			for _, row := range position.rows {
				response, body := send(t, row.method, url+row.path, row.token)
				if response.StatusCode != row.status || body != row.body {
					t.Errorf("%s:\n got %d %q\nwant %d %q", row.name, response.StatusCode, body, row.status, row.body)
				}
			}
		})
	}
}

func TestConfigurationMistakesPanic(t *testing.T) {
	res := newResource(t, identifier, nil)
	for _, row := range []struct {
		name string
		make func()
	}{
		{"a malformed scope", func() { echoadapter.Require(res, "two words") }},
		{"Require of a nil resource", func() { echoadapter.Require(nil, "a") }},
		{"two resources with one path and host", func() {
			echoadapter.MountMetadata(echo.New(), res, newResource(t, identifier, nil))
		}},
		{"metadata of no resource", func() { echoadapter.MountMetadata(echo.New()) }},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", row.name)
				}
			}()
			row.make()
		}()
	}
}

func TestResourceNotCreatedByNew(t *testing.T) {
	const want = `{"error_description":"The request could not be authorized"}` + "\n"
	for name, res := range map[string]*resource.Resource{"zero": new(resource.Resource), "nil": nil} {
		e := echo.New()
		e.Use(echoadapter.Middleware(res))
		e.Any("/*", whoami)
		url := serve(t, e)
		for _, path := range []string{"/mcp", wellKnown} {
			if response, body := send(t, "GET", url+path, "alice"); response.StatusCode != 500 || body != want {
				t.Errorf("%s: %s: got %d %q, want 500 %q", name, path, response.StatusCode, body, want)
			}
		}
	}
}
