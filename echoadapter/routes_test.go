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

// RFC 9728 §3.1: the well-known paths, whatever they look like to Echo's router, and
// nothing near them.
func TestMetadataOfOddIdentifiers(t *testing.T) {
	for _, row := range []struct {
		name, identifier string
		there, not       []string // below the well-known path
	}{
		{"no path: the root alone", "https://mcp.example.test", []string{""}, []string{"/", "/mcp"}},
		{"a path, and the root copy", "https://mcp.example.test/mcp", []string{"/mcp", ""}, []string{"/mcp/", "/mc", "/mcp2", "/mcp/x", "/MCP", "%2Fmcp"}},
		{"terminal slash, and a copy without it", "https://mcp.example.test/mcp/", []string{"/mcp/", "/mcp", ""}, []string{"/mcp//", "/mcp/x"}},
		{"deeper", "https://mcp.example.test/a/b/mcp", []string{"/a/b/mcp"}, []string{"/a/b", "/a", "/a/b/mcp/x", "/a/./b/mcp"}},
		{"colon, which begins a parameter", "https://mcp.example.test/a:b/:mcp", []string{"/a:b/:mcp"}, []string{"/ax/y", "/a:b/mcp", "/a/:mcp", `/a\:b/\:mcp`}},
		{"star, which is a wildcard", "https://mcp.example.test/a*b", []string{"/a*b"}, []string{"/a", "/axb", "/a*", "/a%2Ab", "/a*b/c"}},
		{"encoded star", "https://mcp.example.test/a%2Ab", []string{"/a%2Ab"}, []string{"/a*b", "/axb", "/a"}},
		{"encoded slash", "https://mcp.example.test/a%2Fb", []string{"/a%2Fb"}, []string{"/a/b", "/a%2fb", "/a%252Fb"}},
		{"encoded colon and backslash", "https://mcp.example.test/a%5C:b", []string{"/a%5C:b"}, []string{"/a:b", "/a%5Cx"}},
		{"letters beyond ASCII", "https://mcp.example.test/caf%C3%A9", []string{"/caf%C3%A9"}, []string{"/cafe", "/caf%c3%a9", "/caf%25C3%25A9"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			res := newResource(t, row.identifier, nil)
			e := echo.New()
			echoadapter.MountMetadata(e, res)
			url := serve(t, e) + wellKnown
			for _, path := range row.there {
				response, body := ask(t, "GET", url+path, "")
				if response.StatusCode != 200 || !strings.HasPrefix(body, `{"resource":"`+row.identifier+`",`) {
					t.Errorf("%q: got %d %s", path, response.StatusCode, body)
				}
			}
			for _, path := range row.not {
				if response, body := ask(t, "GET", url+path, ""); response.StatusCode != 404 || body != notFound {
					t.Errorf("%q: got %d %s, want Echo's own 404", path, response.StatusCode, body)
				}
			}
		})
	}
}

// Neither routes for everything nor the order of registration come between.
func TestMetadataBesideOtherRoutes(t *testing.T) {
	a, b := newResource(t, "https://mcp.example.test/a", nil), newResource(t, "https://mcp.example.test/b", nil)
	catchAll := func(c echo.Context) error { return c.String(http.StatusTeapot, "everything else") }
	programs := map[string]func(e *echo.Echo){
		"routes for everything, before": func(e *echo.Echo) {
			e.Any("/*", catchAll)
			e.RouteNotFound("/*", catchAll)
			echoadapter.MountMetadata(e, a, b)
		},
		"routes for everything, after": func(e *echo.Echo) {
			echoadapter.MountMetadata(e, a, b)
			e.Any("/*", catchAll)
			e.Any("/:one/:two/*", catchAll)
			e.RouteNotFound("/*", catchAll)
		},
		"groups": func(e *echo.Echo) {
			e.Group("/a", echoadapter.Middleware(a)).Any("", whoami)
			e.Group("/.well-known").Any("/*", catchAll)
			echoadapter.MountMetadata(e, a, b)
			e.Group("/b", echoadapter.Middleware(b)).Any("", whoami)
			e.Any("/*", catchAll)
			e.RouteNotFound("/*", catchAll)
		},
	}
	for name, program := range programs {
		e := echo.New()
		program(e)
		url := serve(t, e) + wellKnown
		for _, row := range []struct {
			name, method, path string
			status             int
		}{
			{"the one", "GET", "/a", 200},
			{"the other", "GET", "/b", 200},
			{"HEAD", "HEAD", "/b", 200},
			{"preflight", "OPTIONS", "/b", 204},
			{"POST", "POST", "/b", 405},
			{"no root copy of two", "GET", "", http.StatusTeapot},
			{"below", "GET", "/a/x", http.StatusTeapot},
		} {
			response, _ := ask(t, row.method, url+row.path, "")
			if response.StatusCode != row.status {
				t.Errorf("%s: %s: got %d, want %d", name, row.name, response.StatusCode, row.status)
			}
			if got := response.Header.Get("Allow"); row.status == 405 && got != "GET, HEAD, OPTIONS" {
				t.Errorf("%s: %s: got Allow %q", name, row.name, got)
			}
		}
	}
}

func TestPlaces(t *testing.T) {
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
	for _, place := range []struct {
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
			{"the route beside it", "GET", "/public", "", 200, "public"},
			{"another method: Echo's own 405, and nothing runs", "POST", "/mcp", "", 405, `{"message":"Method Not Allowed"}` + "\n"},
			{"OPTIONS: Echo's own answer, and nothing runs", "OPTIONS", "/mcp", "", 204, ""},
			{"another path", "GET", "/mcp/", "", 404, notFound},
		}},
		{"groups with a resource each, and one in a group", func(e *echo.Echo) {
			ga := e.Group("/a", echoadapter.Middleware(a))
			ga.Any("/x", whoami)
			ga.Group("/admin", echoadapter.Require(a, "admin")).GET("/x", whoami)
			gb := e.Group("/b")
			gb.GET("/early", whoami) // before the group has its middleware: Echo gives it none
			gb.Use(echoadapter.Middleware(b))
			gb.GET("/x", whoami)
			gb.Static("/files", ".")
			gb.StaticFS("/embedded", files)
			e.GET("/public", public)
		}, []row{
			{"protected", "GET", "/a/x", "", 401, missing},
			{"accepted", "GET", "/a/x", "alice", 200, "alice"},
			{"any method", "PUT", "/a/x", "", 401, missing},
			{"no such path", "GET", "/a/y", "", 401, missing},
			{"no such path, accepted", "GET", "/a/y", "alice", 404, notFound},
			{"the group in it, without the scope", "GET", "/a/admin/x", "alice", 403, `{"error":"insufficient_scope","error_description":"The access token lacks a scope that this request needs"}` + "\n"},
			{"the group in it, with the scope", "GET", "/a/admin/x", "alice.admin", 200, "alice"},
			{"the other group", "GET", "/b/x", "", 401, missing},
			{"the other group, accepted", "GET", "/b/x", "bob", 200, "bob"},
			{"a route made before the group's middleware is open, and knows nobody", "GET", "/b/early", "bob", 200, "nobodyBearer bob"},
			{"files", "GET", "/b/files/routes_test.go", "", 401, missing},
			{"files of a file system", "GET", "/b/embedded/page.txt", "", 401, missing},
			{"files of a file system, accepted", "GET", "/b/embedded/page.txt", "bob", 200, "a page"},
			{"outside of the groups", "GET", "/public", "", 200, "public"},
		}},
		{"Use, whenever it is called", func(e *echo.Echo) {
			e.GET("/x", whoami)
			e.StaticFS("/files", files)
			e.Use(echoadapter.Middleware(a))
			e.GET("/y", whoami)
		}, []row{
			{"a route before", "GET", "/x", "", 401, missing},
			{"a route after", "GET", "/y", "", 401, missing},
			{"no route", "GET", "/z", "", 401, missing},
			{"no route for the method", "POST", "/x", "", 401, missing},
			{"OPTIONS", "OPTIONS", "/x", "", 401, missing},
			{"files", "GET", "/files/page.txt", "", 401, missing},
			{"accepted", "GET", "/x", "alice", 200, "alice"},
			{"accepted, no route", "GET", "/z", "alice", 404, notFound},
			{"its metadata, not mounted", "GET", wellKnown + "/a", "", 200, `{"resource":"https://mcp.example.test/a","authorization_servers":["https://auth.example.test"],"bearer_methods_supported":["header"]}`},
		}},
		{"Pre, before and behind what rewrites", func(e *echo.Echo) {
			e.Pre(echoadapter.Middleware(a), rewrite)
			e.GET("/x", whoami)
		}, []row{
			{"protected", "GET", "/v1/x", "", 401, missing},
			{"accepted, the path rewritten", "GET", "/v1/x", "alice", 200, "alice"},
			{"no route", "GET", "/z", "", 401, missing},
		}},
		{"Pre, and Require on a route", func(e *echo.Echo) {
			e.Pre(rewrite, echoadapter.Middleware(a))
			e.GET("/x", whoami, echoadapter.Require(a, "admin"))
			e.GET("/y", whoami, echoadapter.Require(b, "admin"))
		}, []row{
			{"protected", "GET", "/x", "", 401, missing},
			{"accepted", "GET", "/v1/x", "alice.admin", 200, "alice"},
			{"Require of another resource", "GET", "/y", "alice.admin", 401, missing},
		}},
		{"Use and the route: the same one twice", func(e *echo.Echo) {
			e.Use(echoadapter.Middleware(a))
			e.GET("/x", whoami, echoadapter.Middleware(a))
		}, []row{
			{"protected", "GET", "/x", "", 401, missing},
			{"accepted", "GET", "/x", "alice", 200, "alice"},
		}},
		{"Use and the route: two resources, which nobody can satisfy", func(e *echo.Echo) {
			e.Use(echoadapter.Middleware(a))
			e.GET("/x", whoami, echoadapter.Middleware(b))
		}, []row{
			{"refused by the outer", "GET", "/x", "", 401, missing},
			{"refused by the inner, since the outer took the token off", "GET", "/x", "alice", 401, missing},
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
		t.Run(place.name, func(t *testing.T) {
			e := echo.New()
			place.program(e)
			url := serve(t, e)
			for _, row := range place.rows {
				response, body := ask(t, row.method, url+row.path, row.token)
				if response.StatusCode != row.status || body != row.body {
					t.Errorf("%s:\n got %d %q\nwant %d %q", row.name, response.StatusCode, body, row.status, row.body)
				}
			}
		})
	}
}

// Echo.Host makes a router that the routes of Echo itself are not in.
func TestHosts(t *testing.T) {
	a := newResource(t, "https://mcp.example.test/a", nil)
	e := echo.New()
	echoadapter.MountMetadata(e, newResource(t, "https://other.example.test/b", nil))
	e.Host("mcp.example.test", echoadapter.Middleware(a)).GET("/a", whoami)
	url := serve(t, e)
	for _, row := range []struct {
		name, path, token string
		status            int
		body              string
	}{
		{"protected", "/a", "", 401, missing},
		{"accepted", "/a", "alice", 200, "alice"},
		{"metadata", wellKnown + "/a", "", 200, `{"resource":"https://mcp.example.test/a","authorization_servers":["https://auth.example.test"],"bearer_methods_supported":["header"]}`},
		{"metadata of another host", wellKnown + "/b", "", 401, missing},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", url+row.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "mcp.example.test"
		if response, body := send(t, req, row.token); response.StatusCode != row.status || body != row.body {
			t.Errorf("%s:\n got %d %q\nwant %d %q", row.name, response.StatusCode, body, row.status, row.body)
		}
	}
}

func TestMistakesPanicAtStart(t *testing.T) {
	res := newResource(t, identifier, nil)
	for _, row := range []struct {
		name string
		make func()
	}{
		{"a malformed scope", func() { echoadapter.Require(res, "two words") }},
		{"Require of no resource", func() { echoadapter.Require(nil, "a") }},
		{"two resources with one path", func() {
			echoadapter.MountMetadata(echo.New(), res, newResource(t, "https://other.example.test/mcp", nil))
		}},
		{"metadata of nothing", func() { echoadapter.MountMetadata(echo.New()) }},
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

func TestResourceNotMadeByNewRefuses(t *testing.T) { // bad-inputs 275
	const want = `{"error_description":"The request could not be authorized"}` + "\n"
	for name, res := range map[string]*resource.Resource{"zero": new(resource.Resource), "nil": nil} {
		e := echo.New()
		e.Use(echoadapter.Middleware(res))
		e.Any("/*", whoami)
		url := serve(t, e)
		for _, path := range []string{"/mcp", wellKnown} {
			if response, body := ask(t, "GET", url+path, "alice"); response.StatusCode != 500 || body != want {
				t.Errorf("%s: %s: got %d %q, want 500 %q", name, path, response.StatusCode, body, want)
			}
		}
	}
}
