package echoadapter_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/resource"
)

// refusalFields returns the header fields that an error handler cannot change, and
// Content-Type.
func refusalFields(header http.Header) map[string]string {
	all := map[string]string{}
	for _, name := range []string{"Www-Authenticate", "Retry-After", "Cache-Control", "X-Content-Type-Options", "Content-Type"} {
		if values := header.Values(name); len(values) > 0 {
			all[name] = strings.Join(values, "\n")
		}
	}
	return all
}

const (
	jsonType     = "application/json"
	insufficient = pointer + `, scope="base admin", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`
	unavailable  = `{"error_description":"The access token cannot be checked at the moment"}` + "\n"
)

// TestErrorHandlers checks that no error handler of a program can change the status and the
// header fields of a refusal.
func TestErrorHandlers(t *testing.T) {
	var rejected *echoadapter.Error
	for _, row := range []struct {
		name    string
		handler echo.HTTPErrorHandler // nil: Echo's own
		media   string
		body    string // for a request without credentials
	}{
		{"Echo's own", nil, jsonType, missing},
		{"custom JSON with the code", func(err error, c echo.Context) {
			var he *echo.HTTPError
			if errors.As(err, &he) {
				_ = c.JSON(he.Code, map[string]any{"code": he.Code, "said": he.Message})
			}
		}, jsonType, `{"code":401,"said":{"error_description":"Authorization is required"}}` + "\n"},
		{"always 500", func(_ error, c echo.Context) { _ = c.JSON(500, map[string]string{"error": "oops"}) }, jsonType, `{"error":"oops"}` + "\n"},
		{"always 200", func(_ error, c echo.Context) { _ = c.String(200, "fine") }, "text/plain; charset=UTF-8", "fine"},
		{"an HTML page", func(_ error, c echo.Context) { _ = c.HTML(401, "<h1>Log in</h1>") }, "text/html; charset=UTF-8", "<h1>Log in</h1>"},
		{"no body", func(_ error, c echo.Context) { _ = c.NoContent(404) }, "", ""},
		{"a redirect to a login page", func(_ error, c echo.Context) { _ = c.Redirect(302, "/login") }, "", ""},
		{"http.Error", func(err error, c echo.Context) { http.Error(c.Response(), "no", 400) }, "text/plain; charset=utf-8", "no\n"},
		{"clears the header", func(_ error, c echo.Context) {
			clear(c.Response().Header())
			_ = c.String(401, "cleared")
		}, "text/plain; charset=UTF-8", "cleared"},
		{"deletes and overwrites the fields", func(_ error, c echo.Context) {
			for _, name := range []string{"WWW-Authenticate", "Retry-After", "Cache-Control", "X-Content-Type-Options"} {
				c.Response().Header().Del(name)
			}
			c.Response().Header().Set("Cache-Control", "public")
			_ = c.String(401, "set")
		}, "text/plain; charset=UTF-8", "set"},
		{"writes nothing", func(error, echo.Context) {}, jsonType, missing},
		{"sends the text of the error", func(err error, c echo.Context) { _ = c.String(400, err.Error()) }, "text/plain; charset=UTF-8",
			`code=401, message={"error_description":"Authorization is required"}, internal=echoadapter: request rejected with status 401`},
		{"recognizes Error", func(err error, c echo.Context) {
			if errors.As(err, &rejected) {
				_ = c.Blob(rejected.Refusal.Status, "text/x-custom", rejected.Refusal.Body)
			}
		}, "text/x-custom", missing},
		{"modifies the refusal", func(err error, c echo.Context) {
			if errors.As(err, &rejected) {
				rejected.Refusal.Status, rejected.Refusal.Challenges[0] = 200, "Basic"
				_ = c.String(200, "modified")
			}
		}, "text/plain; charset=UTF-8", "modified"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := echo.New()
			if row.handler != nil {
				e.HTTPErrorHandler = row.handler
			}
			res := newResource(t, identifier, nil)
			e.GET("/mcp", whoami, echoadapter.Middleware(res))
			response, body := send(t, "GET", serve(t, e)+"/mcp", "")
			want := map[string]string{"Www-Authenticate": pointer, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
			if row.media != "" {
				want["Content-Type"] = row.media
			}
			if got := refusalFields(response.Header); response.StatusCode != 401 || body != row.body || !maps.Equal(got, want) {
				t.Errorf("\n got %d %q %q\nwant 401 %q %q", response.StatusCode, body, got, row.body, want)
			}
		})
	}
}

// TestKindsOfRefusals tests each kind of refusal with an error handler that clears the header
// and writes 200.
func TestKindsOfRefusals(t *testing.T) {
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) {
		clear(c.Response().Header())
		_ = c.JSON(200, "custom")
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
		{"no credentials", "GET", "", "", 401, map[string]string{"Www-Authenticate": pointer + `, scope="base"`}, `"custom"` + "\n"},
		{"no credentials, HEAD", "HEAD", "", "", 401, map[string]string{"Www-Authenticate": pointer + `, scope="base"`}, ""},
		{"no such path in the group", "GET", "/other", "", 401, map[string]string{"Www-Authenticate": pointer + `, scope="base"`}, `"custom"` + "\n"},
		{"malformed", "GET", "", "a b", 400, map[string]string{"Www-Authenticate": pointer + `, error="invalid_request", error_description="The credentials are malformed, or more than one"`}, `"custom"` + "\n"},
		{"a scope is missing", "GET", "/admin", "alice.base", 403, map[string]string{"Www-Authenticate": insufficient}, `"custom"` + "\n"},
		{"the issuer is unavailable", "GET", "", "down", 503, map[string]string{"Retry-After": "7"}, `"custom"` + "\n"},
	} {
		response, body := send(t, row.method, url+row.path, row.token)
		maps.Copy(row.want, map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": jsonType})
		if got := refusalFields(response.Header); response.StatusCode != row.status || body != row.body || !maps.Equal(got, row.want) {
			t.Errorf("%s:\n got %d %q %q\nwant %d %q %q", row.name, response.StatusCode, body, got, row.status, row.body, row.want)
		}
	}
}

// TestErrorText checks that the texts of the error contain neither the reason nor the failure
// of the issuer, because error handlers send them to clients.
func TestErrorText(t *testing.T) {
	e := echo.New()
	var got string
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		got = fmt.Sprint(err, errors.Unwrap(err), errors.Unwrap(errors.Unwrap(err)))
		e.DefaultHTTPErrorHandler(err, c)
	}
	e.Debug = true // Echo sends more details of an error then
	e.GET("/", whoami, echoadapter.Middleware(newResource(t, identifier, nil)))
	_, body := send(t, "GET", serve(t, e), "down")
	want := `code=503, message=` + strings.TrimSpace(unavailable) + `, internal=echoadapter: request rejected with status 503 echoadapter: request rejected with status 503 <nil>`
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if body = strings.Join(strings.Fields(body), " "); body != `{ "error_description": "The access token cannot be checked at the moment" }` {
		t.Errorf("with Debug: got %s", body)
	}
}

// TestJSONFormats checks the JSON that Echo's own error handler writes: indented if the query
// has "pretty", and with characters escaped that are special in HTML. The content is the
// same.
func TestJSONFormats(t *testing.T) {
	e := echo.New()
	e.Any("/", whoami, echoadapter.Middleware(newResource(t, identifier, func(c *resource.Config) {
		c.Operations.Tools = map[string][]string{"x": nil}
	})))
	url := serve(t, e)
	response, body := send(t, "GET", url+"/?pretty", "")
	const want = "{\n  \"error_description\": \"Authorization is required\"\n}\n"
	if response.StatusCode != 401 || body != want || response.Header.Get("WWW-Authenticate") != pointer {
		t.Errorf("got %d %q, want 401 %q", response.StatusCode, body, want)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(`{"jsonrpc":"2.0","id":"<\u003e&","method":"ping"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {jsonType}, "Mcp-Method": {"other"}}
	const wantID = `{"jsonrpc":"2.0","id":"\u003c\u003e\u0026","error":{"code":-32020,"message":"Mcp-Method or Mcp-Name differs from the body"}}` + "\n"
	if response, body := sendRequest(t, req, "alice"); response.StatusCode != 400 || body != wantID {
		t.Errorf("got %d %q, want 400 %q", response.StatusCode, body, wantID)
	}
}

// RFC 9110 §8.6: the fields that describe the body are the same for HEAD as for GET.
func TestHeadOfCustomBody(t *testing.T) {
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) { _ = c.String(401, "no") }
	e.Any("/", whoami, echoadapter.Middleware(newResource(t, identifier, nil)))
	url := serve(t, e)
	for _, method := range []string{"GET", "HEAD"} {
		response, _ := send(t, method, url, "")
		if got := response.Header.Get("Content-Type") + " " + response.Header.Get("Content-Length"); got != "text/plain; charset=UTF-8 2" {
			t.Errorf("%s: got %s", method, got)
		}
	}
}

// TestErrorHandlerBypassesResponse uses an error handler that bypasses Echo's Response and its
// hooks. The fields are set before it runs.
func TestErrorHandlerBypassesResponse(t *testing.T) {
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) { c.Response().Writer.WriteHeader(401) }
	e.Any("/", whoami, echoadapter.Middleware(newResource(t, identifier, nil)))
	recorder := httptest.NewRecorder()
	e.ServeHTTP(recorder, httptest.NewRequest("GET", "/", nil))
	want := map[string]string{"Www-Authenticate": pointer, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
	if got := refusalFields(recorder.Result().Header); recorder.Code != 401 || !maps.Equal(got, want) {
		t.Errorf("got %d %q, want 401 %q", recorder.Code, got, want)
	}
}
