package main

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/resource/resourcetest"
)

// With each of Echo's own middleware outside warder, a rejection is sent exactly once and
// accepted requests reach the tool. It is tested with Echo's error handler and with a
// faulty one.
func TestEchoMiddlewareOutside(t *testing.T) {
	const (
		identifier = "https://mcp.example/mcp"
		challenge  = `Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"`
	)
	issuer := resourcetest.Start(t)
	token := issuer.Token(resourcetest.Token{Audience: identifier})
	res, err := protect(identifier, issuer.Identifier(), "")
	if err != nil {
		t.Fatal(err)
	}
	faulty := func(_ error, c echo.Context) { _ = c.JSON(500, "wrong") } // ignores Committed too
	for _, row := range []struct {
		name     string
		middle   echo.MiddlewareFunc
		buffered bool // breaks streams, with or without warder
	}{
		{"Recover", middleware.Recover(), false},
		{"Logger", middleware.LoggerWithConfig(middleware.LoggerConfig{Output: io.Discard}), false}, //nolint:staticcheck // deprecated but in use
		{"RequestLogger", middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
			HandleError: true, LogError: true, LogStatus: true,
			LogValuesFunc: func(_ echo.Context, v middleware.RequestLoggerValues) error {
				if v.Error != nil || v.Status != 401 && v.Status != 200 {
					t.Errorf("logged %d, %v", v.Status, v.Error)
				}
				return nil
			},
		}), false},
		{"Gzip", middleware.Gzip(), false},
		{"Gzip of long responses only", middleware.GzipWithConfig(middleware.GzipConfig{MinLength: 1 << 20}), false},
		{"Decompress", middleware.Decompress(), false},
		{"BodyDump", middleware.BodyDump(func(echo.Context, []byte, []byte) {}), false},
		{"BodyLimit", middleware.BodyLimit("1M"), false},
		{"ContextTimeout", middleware.ContextTimeout(time.Minute), false},
		{"Timeout", middleware.TimeoutWithConfig(middleware.TimeoutConfig{Timeout: time.Minute}), true}, //nolint:staticcheck // deprecated but in use
		{"RequestID", middleware.RequestID(), false},
		{"Secure", middleware.Secure(), false},
		{"CORS", middleware.CORS(), false},
	} {
		for name, handler := range map[string]echo.HTTPErrorHandler{"Echo's": nil, "faulty": faulty} {
			t.Run(row.name+", error handler: "+name, func(t *testing.T) {
				e, want := newEcho(res), `{"jsonrpc":"2.0","id":null,"error":{"code":401,"message":"Authorization is required. Log in, or configure the client with an access token for this server","data":{"error_description":"Authorization is required"}}}`+"\n"
				if handler != nil {
					e.HTTPErrorHandler, want = handler, `"wrong"`+"\n"
				}
				e.Pre(row.middle)
				web := httptest.NewServer(e)
				defer web.Close()
				response, body := whoami(t, web.URL, "")
				if got := response.Header.Values("WWW-Authenticate"); response.StatusCode != 401 || body != want ||
					strings.Join(got, "\n") != challenge || response.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("got %d %q %v, want 401 %q and the challenge", response.StatusCode, body, response.Header, want)
				}
				if row.buffered {
					return
				}
				if response, body = whoami(t, web.URL, token); response.StatusCode != 200 || !strings.Contains(body, "You are alice of ") {
					t.Errorf("accepted: got %d %q", response.StatusCode, body)
				}
			})
		}
	}
}

// If a handler panics, Recover sends its response, and later rejections are complete.
func TestPanicUnderRecover(t *testing.T) {
	issuer := resourcetest.Start(t)
	res, err := protect("https://mcp.example/mcp", issuer.Identifier(), "")
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true}))
	e.Any("/mcp", func(echo.Context) error { panic("in the handler") }, echoadapter.Middleware(res))
	web := httptest.NewServer(e)
	defer web.Close()
	for token, want := range map[string]int{issuer.Token(resourcetest.Token{Audience: "https://mcp.example/mcp"}): 500, "": 401, "x": 401} {
		if response, _ := whoami(t, web.URL, token); response.StatusCode != want {
			t.Errorf("got %d, want %d", response.StatusCode, want)
		}
	}
}

// whoami calls the tool and returns the response with its decompressed body.
func whoami(t *testing.T, origin, token string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", origin+"/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}, "Accept-Encoding": {"gzip"}}
	response, err := bearer(token).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	reader := io.Reader(response.Body)
	if response.Header.Get("Content-Encoding") == "gzip" {
		if reader, err = gzip.NewReader(reader); err != nil {
			t.Fatal(err)
		}
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}
