package echoadapter_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// An MCP server at /mcp, a route for administrators, and the metadata that clients use to
// find the authorization server. Other routes are not protected.
func Example() {
	keys, err := jwks.New(jwks.Config{Issuer: "https://auth.example.com"})
	if err != nil {
		log.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Issuers:    []resource.Issuer{{Verifier: keys}},
		Scopes:     []string{"mcp:read"},
	})
	if err != nil {
		log.Fatal(err)
	}
	mcpServer := http.NotFoundHandler() // any http.Handler; it gets the caller from resource.FromContext

	e := echo.New()
	echoadapter.MountMetadata(e, res)
	protected := e.Group("", echoadapter.Middleware(res))
	protected.Any("/mcp", echo.WrapHandler(mcpServer))
	protected.GET("/admin", func(c echo.Context) error {
		caller, _ := echoadapter.Caller(c)
		return c.String(http.StatusOK, "hello "+caller.Subject())
	}, echoadapter.Require(res, "mcp:admin"))

	for _, path := range []string{"/mcp", "/.well-known/oauth-protected-resource/mcp"} {
		response := httptest.NewRecorder()
		e.ServeHTTP(response, httptest.NewRequest("GET", path, nil))
		fmt.Println(response.Code, response.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// 401 Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope="mcp:read"
	// 200
}

// An error handler that distinguishes refusals from other errors. It writes only the body; it
// cannot change the status and the challenge.
func ExampleError() {
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		if rejected, ok := errors.AsType[*echoadapter.Error](err); ok {
			_ = c.JSON(rejected.Refusal.Status, map[string]string{"error": "please log in"})
			return
		}
		e.DefaultHTTPErrorHandler(err, c)
	}
	keys, err := jwks.New(jwks.Config{Issuer: "https://auth.example.com"})
	if err != nil {
		log.Fatal(err)
	}
	res, err := resource.New(resource.Config{Identifier: "https://mcp.example.com/mcp", Issuers: []resource.Issuer{{Verifier: keys}}})
	if err != nil {
		log.Fatal(err)
	}
	e.Any("/mcp", echo.NotFoundHandler, echoadapter.Middleware(res))

	response := httptest.NewRecorder()
	e.ServeHTTP(response, httptest.NewRequest("POST", "/mcp", nil))
	fmt.Print(response.Code, " ", response.Header().Get("WWW-Authenticate"), "\n", response.Body)
	// Output:
	// 401 Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"
	// {"error":"please log in"}
}
