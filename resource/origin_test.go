package resource_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
)

// MCP 2026-07-28, Streamable HTTP, "Security & Endpoint" 1: a request with an invalid Origin is
// answered with 403. Package internal/adaptertest tests the same for every adapter.
func TestOrigins(t *testing.T) {
	for _, row := range []struct {
		name       string
		identifier string
		allowed    []string
		sent       []string
		ok         bool
	}{
		{"no Origin: not a page, or a page of the same origin", "https://mcp.example.test/mcp", nil, nil, true},
		{"the server's own", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test"}, true},
		{"the server's own, another port", "https://mcp.example.test:8443/mcp", nil, []string{"https://mcp.example.test:8443"}, true},
		{"the server's own, loopback", "http://127.0.0.1:8080/mcp", nil, []string{"http://127.0.0.1:8080"}, true},
		{"a configured origin", "https://mcp.example.test/mcp", []string{"https://app.example.test"}, []string{"https://app.example.test"}, true},
		{"a browser extension", "https://mcp.example.test/mcp", []string{"chrome-extension://abcdefghijklmnop"}, []string{"chrome-extension://abcdefghijklmnop"}, true},

		{"another origin, none configured", "https://mcp.example.test/mcp", nil, []string{"https://app.example.test"}, false},
		{"another origin", "https://mcp.example.test/mcp", []string{"https://app.example.test"}, []string{"https://evil.example"}, false},
		{"a name rebound to this address", "http://127.0.0.1:8080/mcp", nil, []string{"http://evil.example:8080"}, false},
		{"localhost, for a loopback address", "http://127.0.0.1:8080/mcp", nil, []string{"http://localhost:8080"}, true},
		{"localhost, for another address", "https://mcp.example.test/mcp", nil, []string{"http://localhost:8080"}, false},
		{"another scheme", "https://mcp.example.test/mcp", nil, []string{"http://mcp.example.test"}, false},
		{"another port", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test:8443"}, false},
		{"the default port, which browsers omit", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test:443"}, false},
		{"a subdomain", "https://mcp.example.test/mcp", nil, []string{"https://a.mcp.example.test"}, false},
		{"the parent domain", "https://mcp.example.test/mcp", nil, []string{"https://example.test"}, false},
		{"a host with the same suffix", "https://mcp.example.test/mcp", nil, []string{"https://evilmcp.example.test"}, false},
		{"a host with the same prefix", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test.evil.example"}, false},
		{"a trailing dot", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test."}, false},
		{"a trailing slash", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test/"}, false},
		{"a path", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test/mcp"}, false},
		{"different case", "https://mcp.example.test/mcp", nil, []string{"https://MCP.example.test"}, false},
		{"a trailing space", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test "}, false},
		{"user information", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test@evil.example"}, false},
		{"a list (RFC 6454)", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test https://mcp.example.test"}, false},
		{"two header lines", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test", "https://mcp.example.test"}, false},
		{"null", "https://mcp.example.test/mcp", nil, []string{"null"}, false},
		{"empty", "https://mcp.example.test/mcp", nil, []string{""}, false},
		{"no value", "https://mcp.example.test/mcp", nil, []string{}, false},
	} {
		res := newWithOrigins(t, slog.New(slog.DiscardHandler), row.identifier, row.allowed...)
		for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "OPTIONS"} {
			req := httptest.NewRequest(method, row.identifier, nil)
			if row.sent != nil {
				req.Header["Origin"] = row.sent
			}
			_, refusal := res.Authenticate(req)
			want := resource.ReasonOrigin
			if row.ok {
				want = resource.ReasonMissingCredentials
			}
			if refusal == nil || refusal.Reason != want {
				t.Errorf("%s, %s: got %+v, want %s", row.name, method, refusal, want)
			}
		}
	}
}

// newWithOrigins returns a resource with allowed origins.
func newWithOrigins(t *testing.T, logger *slog.Logger, identifier string, origins ...string) *resource.Resource {
	t.Helper()
	res, err := resource.New(resource.Config{
		Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier(t)}}, HTTP: resource.HTTPOptions{Origins: origins}, Logger: logger,
		Operations: resource.Operations{Public: []string{"tools/list"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// Origin is checked for public operations too, and the log has the rejected origin.
func TestOriginCheckedFirst(t *testing.T) {
	var logged bytes.Buffer
	res := newWithOrigins(t, slog.New(slog.NewTextHandler(&logged, nil)), identifier, "https://app.example.test")
	send := func(origin string) *resource.Refusal {
		req := httptest.NewRequest("POST", identifier, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		req.Header = http.Header{"Content-Type": {"application/json"}, "Origin": {origin}}
		_, refusal := res.Authenticate(req)
		return refusal
	}
	if refusal := send("https://app.example.test"); refusal != nil {
		t.Errorf("public operation from an allowed origin: got %v", refusal.Err)
	}
	logged.Reset()
	refusal := send("https://evil.example\n")
	if refusal == nil || refusal.Status != 403 || refusal.Challenges != nil ||
		string(refusal.Body) != `{"jsonrpc":"2.0","id":null,"error":{"code":403,"message":"Requests from pages of this origin are not accepted. `+
			`Ask the operator of this server to allow the origin","data":{"error_description":"Requests from pages of this origin are not accepted"}}}`+"\n" {
		t.Errorf("public operation from another origin: got %+v", refusal)
	}
	const want = `level=INFO msg="request rejected" reason=origin status=403 resource=https://mcp.example.test/mcp ` +
		`got=https://evil.example? want="https://app.example.test https://mcp.example.test"` + "\n"
	if _, got, _ := strings.Cut(logged.String(), " "); got != want {
		t.Errorf("log:\n got %s\nwant %s", got, want)
	}
}

// AllowsOrigin, which CORS libraries use, agrees with the decision about requests.
func TestAllowsOrigin(t *testing.T) {
	const own, other, local = "https://mcp.example.test", "https://app.example.test", "http://127.0.0.1:8080/mcp"
	for _, row := range []struct {
		name       string
		identifier string
		http       resource.HTTPOptions
		origin     string
		want       bool
	}{
		{"the server's own", identifier, resource.HTTPOptions{}, own, true},
		{"a configured origin", identifier, resource.HTTPOptions{Origins: []string{other}}, other, true},
		{"another origin", identifier, resource.HTTPOptions{}, other, false},
		{"loopback, public server", identifier, resource.HTTPOptions{}, "http://localhost:6274", false},
		{"loopback, loopback server", local, resource.HTTPOptions{}, "http://localhost:6274", true},
		{"another loopback port", local, resource.HTTPOptions{}, "http://127.0.0.1:1", true},
		{"https on loopback", local, resource.HTTPOptions{}, "https://[::1]:8443", true},
		{"a host that begins with localhost", local, resource.HTTPOptions{}, "http://localhost.evil.test", false},
		{"null", local, resource.HTTPOptions{}, "null", false},
		{"another loopback address", local, resource.HTTPOptions{}, "http://127.0.0.2:6274", false},
		{"localhost with a dot at the end", local, resource.HTTPOptions{}, "http://localhost.:6274", false},
		{"upper case", local, resource.HTTPOptions{}, "http://LOCALHOST:6274", false},
		{"user information", local, resource.HTTPOptions{}, "http://localhost@evil.test", false},
		{"a path", local, resource.HTTPOptions{}, "http://localhost:6274/", false},
		{"loopback, another loopback address as identifier", "http://127.0.0.2:8080/mcp", resource.HTTPOptions{}, "http://localhost:6274", false},
		{"a public page, loopback server", local, resource.HTTPOptions{}, other, false},
		{"DenyLoopbackOrigins", local, resource.HTTPOptions{DenyLoopbackOrigins: true}, "http://localhost:6274", false},
		{"DenyLoopbackOrigins, the server's own", local, resource.HTTPOptions{DenyLoopbackOrigins: true}, "http://127.0.0.1:8080", true},
	} {
		res, err := resource.New(resource.Config{Identifier: row.identifier, HTTP: row.http, Logger: slog.New(slog.DiscardHandler),
			Opaque: &resource.Issuer{Verifier: verifierFunc{issuer: "https://auth.example.test"}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := res.AllowsOrigin(row.origin); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
		req := httptest.NewRequest(http.MethodPost, row.identifier, nil)
		req.Header.Set("Origin", row.origin)
		if _, refusal := res.Authenticate(req); (refusal.Reason != resource.ReasonOrigin) != row.want {
			t.Errorf("%s: a request is rejected with %s", row.name, refusal.Reason)
		}
	}
}

func TestOriginMistakes(t *testing.T) {
	for _, row := range []struct {
		name    string
		origins []string
		want    string // "" for none
	}{
		{"https", []string{"https://app.example.test"}, ""},
		{"a port", []string{"https://app.example.test:8443"}, ""},
		{"http on loopback", []string{"http://localhost:6274", "http://127.0.0.1:6274", "http://[::1]:6274"}, ""},
		{"a Punycode host", []string{"https://xn--bcher-kva.example"}, ""},
		{"an application's own scheme", []string{"tauri://localhost"}, ""},
		{"null", []string{"null"}, "anyone can make"},
		{"any origin", []string{"*"}, "name each"},
		{"any subdomain", []string{"https://*.example.test"}, "name each"},
		{"empty", []string{""}, "is not an origin"},
		{"a host only", []string{"app.example.test"}, "is not an origin"},
		{"a scheme only", []string{"https://"}, "is not an origin"},
		{"a trailing slash", []string{"https://app.example.test/"}, `write "https://app.example.test"`},
		{"a path", []string{"https://app.example.test/chat"}, `write "https://app.example.test"`},
		{"a query", []string{"https://app.example.test?a"}, `write "https://app.example.test"`},
		{"a fragment", []string{"https://app.example.test#a"}, "fragment"},
		{"user information", []string{"https://me@app.example.test"}, "user name"},
		{"the default port of https", []string{"https://app.example.test:443"}, `write "https://app.example.test"`},
		{"the default port of http", []string{"http://localhost:80"}, `write "http://localhost"`},
		{"a port with a leading zero", []string{"https://app.example.test:08443"}, `write "https://app.example.test:8443"`},
		{"the default port with a leading zero", []string{"https://app.example.test:0443"}, `write "https://app.example.test"`},
		{"different case", []string{"https://App.example.test"}, `write "https://app.example.test"`},
		{"the scheme in different case", []string{"HTTPS://app.example.test"}, "not an origin"},
		{"uncompressed IPv6", []string{"http://[0:0:0:0:0:0:0:1]:6274"}, `write "http://[::1]:6274"`},
		{"an IPv4 address of two numbers", []string{"http://127.1:6274"}, "must begin with https://"},
		{"an IPv4 address in hexadecimal", []string{"https://0x7f.0.0.1"}, `write "https://127.0.0.1"`},
		{"a host that ends in a number", []string{"https://app.1"}, "not an IPv4 address"},
		{"a host with letters outside ASCII", []string{"https://bücher.example"}, "xn--"},
		{"http", []string{"http://app.example.test"}, "must begin with https://"},
		{"an extension with a path", []string{"chrome-extension://abc/page.html"}, "without a path"},
		{"two origins in one string", []string{"https://a.example.test,https://b.example.test"}, "Origins[0]"},
		{"duplicate origin", []string{"https://a.example.test", "https://a.example.test"}, "Origins[1]: duplicate origin \"https://a.example.test\""},
	} {
		_, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier(t)}}, HTTP: resource.HTTPOptions{Origins: row.origins}})
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: got %v, want %q", row.name, err, row.want)
		}
	}
	_, err := resource.New(resource.Config{
		Identifier: "http://mcp.example.test/mcp", HTTP: resource.HTTPOptions{AllowHTTP: true, Origins: []string{"http://app.example.test"}}, Issuers: []resource.Issuer{{Verifier: verifier(t)}},
	})
	if err != nil {
		t.Errorf("http with AllowHTTP: got %v", err)
	}
}
