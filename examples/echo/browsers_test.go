package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/examples/internal/mcpserver"
	"github.com/warder-go/warder/resource/resourcetest"
)

// TestCORS checks what browsers require, with Echo and with net/http. docs/browsers.md
// explains it; .ci/interop repeats it with a real browser.
func TestCORS(t *testing.T) {
	const app, evil = "https://app.example", "https://evil.example"
	const root = "/.well-known/oauth-protected-resource"
	const metadata = root + "/mcp"
	const challenge = `Bearer resource_metadata="https://mcp.example` + metadata + `"`
	const exposed = "DPoP-Nonce,Mcp-Session-Id,Retry-After,WWW-Authenticate"
	// As browsers send it: lower case, sorted, without spaces.
	const allFields = "accept,authorization,content-type,dpop,last-event-id,mcp-method,mcp-name,mcp-protocol-version,mcp-session-id"
	issuer := resourcetest.Start(t)
	res, err := protect("https://mcp.example/mcp", issuer.Identifier(), app)
	if err != nil {
		t.Fatal(err)
	}
	netHTTP, err := mcpserver.Handler(t.Context(), res)
	if err != nil {
		t.Fatal(err)
	}
	token := issuer.Token(resourcetest.Token{Audience: "https://mcp.example/mcp"})
	type headers map[string]string
	openPreflight := headers{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET", "Access-Control-Allow-Headers": "mcp-method,mcp-name,mcp-protocol-version", "Vary": ""}
	preflight := func(method, names string) headers {
		return headers{"Access-Control-Request-Method": method, "Access-Control-Request-Headers": names}
	}
	for adapter, handler := range map[string]http.Handler{"Echo": newEcho(res), "net/http": netHTTP} {
		web := httptest.NewServer(handler)
		defer web.Close()
		for _, row := range []struct {
			name, method, path, origin string
			sent                       headers
			status                     int
			want                       headers // "": the header must be absent
		}{
			{"preflight of POST", "OPTIONS", "/mcp", app, preflight("POST", allFields), 204, headers{"Access-Control-Allow-Origin": app, "Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": allFields, "Access-Control-Allow-Credentials": "", "Www-Authenticate": ""}},
			{"preflight of GET", "OPTIONS", "/mcp", app, preflight("GET", "authorization"), 204, headers{"Access-Control-Allow-Origin": app, "Access-Control-Allow-Methods": "GET"}},
			{"preflight of DELETE", "OPTIONS", "/mcp", app, preflight("DELETE", "authorization"), 204, headers{"Access-Control-Allow-Origin": app, "Access-Control-Allow-Methods": "DELETE"}},
			{"preflight for the metadata", "OPTIONS", metadata, app, preflight("GET", "mcp-method,mcp-name,mcp-protocol-version"), 204, openPreflight},
			{"preflight for the metadata, from another origin", "OPTIONS", metadata, evil, preflight("GET", "mcp-method,mcp-name,mcp-protocol-version"), 204, openPreflight},
			{"preflight for the metadata, with Origin null", "OPTIONS", metadata, "null", preflight("GET", "mcp-method,mcp-name,mcp-protocol-version"), 204, openPreflight},
			{"preflight for the metadata at the root, from another origin", "OPTIONS", root, evil, preflight("GET", "mcp-protocol-version"), 204, openPreflight},
			{"preflight from another origin", "OPTIONS", "/mcp", evil, preflight("POST", allFields), 204, headers{"Access-Control-Allow-Origin": "", "Access-Control-Allow-Headers": ""}},
			{"preflight with Origin null", "OPTIONS", "/mcp", "null", preflight("POST", allFields), 204, headers{"Access-Control-Allow-Origin": "", "Access-Control-Allow-Headers": ""}},
			{"without a token", "POST", "/mcp", app, nil, 401, headers{"Access-Control-Allow-Origin": app, "Access-Control-Expose-Headers": exposed, "Www-Authenticate": challenge, "Vary": "Origin"}},
			{"with a token", "POST", "/mcp", app, headers{"Authorization": "Bearer " + token}, 200, headers{"Access-Control-Allow-Origin": app, "Access-Control-Expose-Headers": exposed, "Www-Authenticate": ""}},
			{"with a token, from another origin", "POST", "/mcp", evil, headers{"Authorization": "Bearer " + token}, 403, headers{"Access-Control-Allow-Origin": "", "Www-Authenticate": "", "Vary": "Origin"}},
			{"with a token, without Origin", "POST", "/mcp", "", headers{"Authorization": "Bearer " + token}, 200, headers{"Access-Control-Allow-Origin": ""}},
			{"metadata", "GET", metadata, app, nil, 200, headers{"Access-Control-Allow-Origin": "*"}},
			{"metadata, from another origin", "GET", metadata, evil, nil, 200, headers{"Access-Control-Allow-Origin": "*", "Vary": ""}},
			{"metadata at the root, from another origin", "GET", root, evil, nil, 200, headers{"Access-Control-Allow-Origin": "*"}},
		} {
			t.Run(adapter+", "+row.name, func(t *testing.T) {
				var body io.Reader // browsers send none with a preflight
				if row.method == "POST" {
					body = strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}`)
				}
				req, err := http.NewRequestWithContext(t.Context(), row.method, web.URL+row.path, body)
				if err != nil {
					t.Fatal(err)
				}
				if row.method == "POST" {
					req.Header.Set("Content-Type", "application/json")
					req.Header.Set("Accept", "application/json, text/event-stream")
				}
				for name, value := range row.sent {
					req.Header.Set(name, value)
				}
				if row.origin != "" {
					req.Header.Set("Origin", row.origin)
				}
				response, err := http.DefaultTransport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				if response.StatusCode != row.status {
					t.Errorf("got status %d, want %d", response.StatusCode, row.status)
				}
				for name, want := range row.want {
					if got := strings.Join(response.Header[name], "\n"); !matches(name, got, want) {
						t.Errorf("%s: got %q, want %q", name, got, want)
					}
				}
			})
		}
	}
}

// After Resource.Replace, the CORS middleware uses the origins of the new configuration.
func TestCORSAfterReplace(t *testing.T) {
	const before, after = "https://before.example", "https://after.example"
	issuer := resourcetest.Start(t)
	for _, adapter := range []string{"Echo", "net/http"} {
		res, err := protect("https://mcp.example/mcp", issuer.Identifier(), before)
		if err != nil {
			t.Fatal(err)
		}
		var handler http.Handler = newEcho(res)
		if adapter != "Echo" {
			if handler, err = mcpserver.Handler(t.Context(), res); err != nil {
				t.Fatal(err)
			}
		}
		next, err := protect("https://mcp.example/mcp", issuer.Identifier(), after)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Replace(next); err != nil {
			t.Fatal(err)
		}
		for origin, want := range map[string]string{before: "", after: after} {
			req := httptest.NewRequestWithContext(t.Context(), "OPTIONS", "/mcp", nil)
			req.Header = http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization"}}
			response := httptest.NewRecorder()
			handler.ServeHTTP(response, req)
			if got := response.Header().Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s, preflight from %s: got %q, want %q", adapter, origin, got, want)
			}
		}
	}
}

// Pages of loopback origins may call a server at a loopback address without configuration, as
// MCP Inspector does.
func TestCORSOnLoopback(t *testing.T) {
	issuer := resourcetest.Start(t)
	res, err := protect("http://127.0.0.1:8080/mcp", issuer.Identifier(), "")
	if err != nil {
		t.Fatal(err)
	}
	netHTTP, err := mcpserver.Handler(t.Context(), res)
	if err != nil {
		t.Fatal(err)
	}
	for adapter, handler := range map[string]http.Handler{"Echo": newEcho(res), "net/http": netHTTP} {
		web := httptest.NewServer(handler)
		defer web.Close()
		for origin, allowed := range map[string]bool{
			"http://localhost:6274": true, "https://127.0.0.1:1": true, "http://[::1]:8080": true,
			"null": false, "http://localhost.evil.example": false, "http://127.0.0.2:8080": false, "http://localhost.:6274": false, "http://LOCALHOST:6274": false,
		} {
			req, err := http.NewRequestWithContext(t.Context(), "OPTIONS", web.URL+"/mcp", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization"}}
			response, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if got := response.Header.Get("Access-Control-Allow-Origin"); got != map[bool]string{true: origin}[allowed] {
				t.Errorf("%s, preflight from %s: got %q, want allowed: %t", adapter, origin, got, allowed)
			}
		}
	}
}

// matches reports whether a header field has the wanted value. The CORS lists of methods
// and headers may contain more, in any order and in any case.
func matches(name, got, want string) bool {
	if want == "" || !strings.HasSuffix(name, "-Methods") && !strings.HasSuffix(name, "-Headers") {
		return got == want
	}
	named := strings.Split(strings.ReplaceAll(strings.ToLower(got), " ", ""), ",")
	for _, one := range strings.Split(strings.ToLower(want), ",") {
		if !slices.Contains(named, one) {
			return false
		}
	}
	return true
}
