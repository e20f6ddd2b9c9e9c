package echoadapter_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/echoadapter"
)

// RFC 9728 §3.1: exactly the well-known paths are served, including paths with characters that
// are special for Echo's router.
func TestMetadataPaths(t *testing.T) {
	for _, row := range []struct {
		name, identifier string
		served, notFound []string // below the well-known path
	}{
		{"no path: only the root", "https://mcp.example.test", []string{""}, []string{"/", "/mcp"}},
		{"a path, and the copy at the root", "https://mcp.example.test/mcp", []string{"/mcp", ""}, []string{"/mcp/", "/mc", "/mcp2", "/mcp/x", "/MCP", "%2Fmcp"}},
		{"a trailing slash, and a copy without it", "https://mcp.example.test/mcp/", []string{"/mcp/", "/mcp", ""}, []string{"/mcp//", "/mcp/x"}},
		{"a deeper path", "https://mcp.example.test/a/b/mcp", []string{"/a/b/mcp"}, []string{"/a/b", "/a", "/a/b/mcp/x", "/a/./b/mcp"}},
		{"a colon, which begins a parameter", "https://mcp.example.test/a:b/:mcp", []string{"/a:b/:mcp"}, []string{"/ax/y", "/a:b/mcp", "/a/:mcp", `/a\:b/\:mcp`}},
		{"a star, which is a wildcard", "https://mcp.example.test/a*b", []string{"/a*b"}, []string{"/a", "/axb", "/a*", "/a%2Ab", "/a*b/c"}},
		{"an encoded star", "https://mcp.example.test/a%2Ab", []string{"/a%2Ab"}, []string{"/a*b", "/axb", "/a"}},
		{"an encoded slash", "https://mcp.example.test/a%2Fb", []string{"/a%2Fb"}, []string{"/a/b", "/a%2fb", "/a%252Fb"}},
		{"a colon and an encoded backslash", "https://mcp.example.test/a%5C:b", []string{"/a%5C:b"}, []string{"/a:b", "/a%5Cx"}},
		{"non-ASCII letters", "https://mcp.example.test/caf%C3%A9", []string{"/caf%C3%A9"}, []string{"/cafe", "/caf%c3%a9", "/caf%25C3%25A9"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			res := newResource(t, row.identifier, nil)
			e := echo.New()
			echoadapter.MountMetadata(e, res)
			url := serve(t, e) + wellKnown
			for _, path := range row.served {
				response, body := send(t, "GET", url+path, "")
				if response.StatusCode != 200 || !strings.HasPrefix(body, `{"resource":"`+row.identifier+`",`) {
					t.Errorf("%q: got %d %s", path, response.StatusCode, body)
				}
			}
			for _, path := range row.notFound {
				if response, body := send(t, "GET", url+path, ""); response.StatusCode != 404 || body != notFound {
					t.Errorf("%q: got %d %s, want Echo's own 404", path, response.StatusCode, body)
				}
			}
		})
	}
}

// TestMetadataWithOtherRoutes checks that catch-all routes and the order of registration do
// not change which paths are served.
func TestMetadataWithOtherRoutes(t *testing.T) {
	a, b := newResource(t, "https://mcp.example.test/a", nil), newResource(t, "https://mcp.example.test/b", nil)
	catchAll := func(c echo.Context) error { return c.String(http.StatusTeapot, "catch-all") }
	programs := map[string]func(e *echo.Echo){
		"catch-all routes, registered before": func(e *echo.Echo) {
			e.Any("/*", catchAll)
			e.RouteNotFound("/*", catchAll)
			echoadapter.MountMetadata(e, a, b)
		},
		"catch-all routes, registered after": func(e *echo.Echo) {
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
			{"the first resource", "GET", "/a", 200},
			{"the second resource", "GET", "/b", 200},
			{"HEAD", "HEAD", "/b", 200},
			{"preflight", "OPTIONS", "/b", 204},
			{"POST", "POST", "/b", 405},
			{"no copy at the root for two resources", "GET", "", http.StatusTeapot},
			{"below a resource", "GET", "/a/x", http.StatusTeapot},
		} {
			response, _ := send(t, row.method, url+row.path, "")
			if response.StatusCode != row.status {
				t.Errorf("%s: %s: got %d, want %d", name, row.name, response.StatusCode, row.status)
			}
			if got := response.Header.Get("Allow"); row.status == 405 && got != "GET, HEAD, OPTIONS" {
				t.Errorf("%s: %s: got Allow %q", name, row.name, got)
			}
		}
	}
}

// Echo.Host creates a router without the routes of Echo itself.
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
		if response, body := sendRequest(t, req, row.token); response.StatusCode != row.status || body != row.body {
			t.Errorf("%s:\n got %d %q\nwant %d %q", row.name, response.StatusCode, body, row.status, row.body)
		}
	}
}
