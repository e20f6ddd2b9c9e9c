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

// MCP 2026-07-28, Streamable HTTP, "Security & Endpoint" 1: an Origin that is there and
// not valid is 403. What is asked here of the decision is asked of every adapter in
// internal/doortest.
func TestOrigins(t *testing.T) {
	for _, row := range []struct {
		name       string
		identifier string
		allowed    []string
		sent       []string
		ok         bool
	}{
		{"none: no page, or one of the same origin", "https://mcp.example.test/mcp", nil, nil, true},
		{"its own", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test"}, true},
		{"its own, port 443 written out", "https://mcp.example.test:443/mcp", nil, []string{"https://mcp.example.test"}, true},
		{"its own, with zeros in front of the port", "https://mcp.example.test:0443/mcp", nil, []string{"https://mcp.example.test"}, true},
		{"its own, another port", "https://mcp.example.test:8443/mcp", nil, []string{"https://mcp.example.test:8443"}, true},
		{"its own, loopback", "http://127.0.0.1:8080/mcp", nil, []string{"http://127.0.0.1:8080"}, true},
		{"its own, IPv6 at length", "http://[0:0:0:0:0:0:0:1]:8080/mcp", nil, []string{"http://[::1]:8080"}, true},
		{"a configured one", "https://mcp.example.test/mcp", []string{"https://app.example.test"}, []string{"https://app.example.test"}, true},
		{"a browser extension", "https://mcp.example.test/mcp", []string{"chrome-extension://abcdefghijklmnop"}, []string{"chrome-extension://abcdefghijklmnop"}, true},

		{"another one, and nothing is configured", "https://mcp.example.test/mcp", nil, []string{"https://app.example.test"}, false},
		{"another one", "https://mcp.example.test/mcp", []string{"https://app.example.test"}, []string{"https://evil.example"}, false},
		{"a name that was rebound to this address", "http://127.0.0.1:8080/mcp", nil, []string{"http://evil.example:8080"}, false},
		{"localhost, for a loopback address", "http://127.0.0.1:8080/mcp", nil, []string{"http://localhost:8080"}, true},
		{"localhost, for another address", "https://mcp.example.test/mcp", nil, []string{"http://localhost:8080"}, false},
		{"a scheme other than Bearer", "https://mcp.example.test/mcp", nil, []string{"http://mcp.example.test"}, false},
		{"another port", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test:8443"}, false},
		{"the default port, which no browser writes", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test:443"}, false},
		{"a domain below", "https://mcp.example.test/mcp", nil, []string{"https://a.mcp.example.test"}, false},
		{"the domain above", "https://mcp.example.test/mcp", nil, []string{"https://example.test"}, false},
		{"the same end", "https://mcp.example.test/mcp", nil, []string{"https://evilmcp.example.test"}, false},
		{"the same beginning", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test.evil.example"}, false},
		{"a dot at the end", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test."}, false},
		{"a slash at the end", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test/"}, false},
		{"a path", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test/mcp"}, false},
		{"another case", "https://mcp.example.test/mcp", nil, []string{"https://MCP.example.test"}, false},
		{"a space", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test "}, false},
		{"a user", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test@evil.example"}, false},
		{"a list, as RFC 6454 has it", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test https://mcp.example.test"}, false},
		{"two lines", "https://mcp.example.test/mcp", nil, []string{"https://mcp.example.test", "https://mcp.example.test"}, false},
		{"null", "https://mcp.example.test/mcp", nil, []string{"null"}, false},
		{"empty", "https://mcp.example.test/mcp", nil, []string{""}, false},
		{"no value on the line", "https://mcp.example.test/mcp", nil, []string{}, false},
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

// A page can't have what is open to programs either, and the log says who it was.
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
		t.Errorf("a public operation from a page that may: got %v", refusal.Err)
	}
	logged.Reset()
	refusal := send("https://evil.example\n")
	if refusal == nil || refusal.Status != 403 || refusal.Challenges != nil ||
		string(refusal.Body) != `{"error_description":"Requests of pages of this Origin are not accepted"}`+"\n" {
		t.Errorf("from another: got %+v", refusal)
	}
	const want = `level=INFO msg="request refused" reason=origin status=403 resource=https://mcp.example.test/mcp ` +
		`got=https://evil.example? want="https://app.example.test https://mcp.example.test"` + "\n"
	if _, got, _ := strings.Cut(logged.String(), " "); got != want {
		t.Errorf("log:\n got %s\nwant %s", got, want)
	}
}

// AllowsOrigin is for the CORS library in front, so it agrees with what requests get.
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
		{"a listed one", identifier, resource.HTTPOptions{Origins: []string{other}}, other, true},
		{"another one", identifier, resource.HTTPOptions{}, other, false},
		{"loopback, and a public server", identifier, resource.HTTPOptions{}, "http://localhost:6274", false},
		{"loopback, and a loopback server", local, resource.HTTPOptions{}, "http://localhost:6274", true},
		{"another loopback port", local, resource.HTTPOptions{}, "http://127.0.0.1:1", true},
		{"https on loopback", local, resource.HTTPOptions{}, "https://[::1]:8443", true},
		{"a name that begins like localhost", local, resource.HTTPOptions{}, "http://localhost.evil.test", false},
		{"null", local, resource.HTTPOptions{}, "null", false},
		{"a public page, and a loopback server", local, resource.HTTPOptions{}, other, false},
		{"loopback turned off", local, resource.HTTPOptions{DenyLoopbackOrigins: true}, "http://localhost:6274", false},
		{"loopback turned off, the server's own", local, resource.HTTPOptions{DenyLoopbackOrigins: true}, "http://127.0.0.1:8080", true},
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
			t.Errorf("%s: a request gets %s", row.name, refusal.Reason)
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
		{"a name in its xn-- form", []string{"https://xn--bcher-kva.example"}, ""},
		{"an application's own scheme", []string{"tauri://localhost"}, ""},
		{"null", []string{"null"}, "anyone can make"},
		{"any", []string{"*"}, "name each"},
		{"any below", []string{"https://*.example.test"}, "name each"},
		{"empty", []string{""}, "is not an origin"},
		{"a name alone", []string{"app.example.test"}, "is not an origin"},
		{"a scheme alone", []string{"https://"}, "is not an origin"},
		{"a slash at the end", []string{"https://app.example.test/"}, `write "https://app.example.test"`},
		{"a path", []string{"https://app.example.test/chat"}, `write "https://app.example.test"`},
		{"a query", []string{"https://app.example.test?a"}, `write "https://app.example.test"`},
		{"a fragment", []string{"https://app.example.test#a"}, "fragment"},
		{"a user", []string{"https://me@app.example.test"}, "user name"},
		{"the port that https has anyway", []string{"https://app.example.test:443"}, `write "https://app.example.test"`},
		{"the port that http has anyway", []string{"http://localhost:80"}, `write "http://localhost"`},
		{"a port with a zero in front", []string{"https://app.example.test:08443"}, `write "https://app.example.test:8443"`},
		{"the usual port with a zero in front", []string{"https://app.example.test:0443"}, `write "https://app.example.test"`},
		{"another case", []string{"https://App.example.test"}, `write "https://app.example.test"`},
		{"another case of the scheme", []string{"HTTPS://app.example.test"}, "not an origin"},
		{"IPv6 at length", []string{"http://[0:0:0:0:0:0:0:1]:6274"}, `write "http://[::1]:6274"`},
		{"letters that no host has", []string{"https://bücher.example"}, "xn--"},
		{"http", []string{"http://app.example.test"}, "must begin with https://"},
		{"an extension with a path", []string{"chrome-extension://abc/page.html"}, "without a path"},
		{"two in one", []string{"https://a.example.test,https://b.example.test"}, "Origins[0]"},
		{"twice", []string{"https://a.example.test", "https://a.example.test"}, "Origins[1]: duplicate origin \"https://a.example.test\""},
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
		t.Errorf("http, by an explicit word: got %v", err)
	}
}
