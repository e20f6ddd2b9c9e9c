package config_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource/apikey"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A request that shows the effect of a key.
type effect struct {
	name    string
	lines   []string // of the file
	headers map[string]string
	body    string
	want    int
}

// Each limit of the file decides about requests, on both of its sides.
func TestLimitsTakeEffect(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	bearer := func(token resourcetest.Token) map[string]string {
		token.Audience = identifier
		return map[string]string{"Authorization": "Bearer " + issuer.Token(token)}
	}
	with := func(headers map[string]string, name, value string) map[string]string {
		headers[name] = value
		return headers
	}
	call := func(bytes int) string {
		const start, end = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"a":"`, `"}}}`
		return start + strings.Repeat("a", bytes-len(start)-len(end)) + end
	}
	long := bearer(resourcetest.Token{Claims: map[string]any{"filler": strings.Repeat("a", 1200)}})
	tenant := func(id string) map[string]string {
		return bearer(resourcetest.Token{Claims: map[string]any{"tid": id}})
	}
	key, digest := apikey.Generate("key_")
	keys := map[string]string{"keys.json": fmt.Sprintf(`{"keys": [{"id": "ci", "sha256": %q, "subject": "ci", "scopes": []}]}`, digest)}
	claims := []string{"  header_claims:", "    - {header: X-Tenant-Id, claim: tid}", "    - {header: X-Other, claim: other, required: false}"}
	for _, row := range []effect{
		{"a body of the default limit", []string{"  tool_scopes: {y: [a]}"}, bearer(resourcetest.Token{}), call(4 << 20), 200},
		{"a body over the default limit", []string{"  tool_scopes: {y: [a]}"}, bearer(resourcetest.Token{}), call(4<<20 + 1), 413},
		{"a body of 5 MiB, with a higher limit", []string{"  tool_scopes: {y: [a]}", "  max_body_bytes: 5242880"}, bearer(resourcetest.Token{}), call(5 << 20), 200},
		{"a body over a lower limit", []string{"  tool_scopes: {y: [a]}", "  max_body_bytes: 1024"}, bearer(resourcetest.Token{}), call(1025), 413},
		{"a body of the lower limit", []string{"  tool_scopes: {y: [a]}", "  max_body_bytes: 1024"}, bearer(resourcetest.Token{}), call(1024), 200},
		{"a token below the limit", nil, long, "", 200},
		{"a token over a lower limit", []string{"  max_token_bytes: 1024"}, long, "", 401},
		{"a short lifetime", []string{"  max_token_lifetime_seconds: 300"}, bearer(resourcetest.Token{Lifetime: 5 * time.Minute}), "", 200},
		{"a longer lifetime", []string{"  max_token_lifetime_seconds: 300"}, bearer(resourcetest.Token{Lifetime: 301 * time.Second}), "", 401},
		{"a header field that agrees", claims, with(tenant("a"), "X-Tenant-Id", "a"), "", 200},
		{"a header field that disagrees", claims, with(tenant("a"), "X-Tenant-Id", "b"), "", 403},
		{"without the header field", claims, tenant("a"), "", 200},
		{"without a required header field", []string{"  header_claims: [{header: X-Tenant-Id, claim: tid, required: true}]"}, tenant("a"), "", 403},
		{"an API key as a bearer token", []string{"  api_keys_file: keys.json"}, map[string]string{"Authorization": "Bearer " + key}, "", 401},
		{"an API key as a bearer token, with its prefix", []string{"  api_keys_file: keys.json", "  api_key_prefix: key_"}, map[string]string{"Authorization": "Bearer " + key}, "", 200},
		{"an API key in its header field, with the prefix", []string{"  api_keys_file: keys.json", "  api_key_prefix: key_"}, map[string]string{"X-API-Key": key}, "", 200},
	} {
		s := newTestServer(t, issuer, keys, row.lines...)
		req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(row.body))
		if row.body == "" {
			req = httptest.NewRequest(http.MethodGet, identifier, nil)
		}
		req.Header.Set("Content-Type", "application/json")
		for name, value := range row.headers {
			req.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		if s.handler.ServeHTTP(w, req); w.Code != row.want {
			t.Errorf("%s: got %d, want %d; log: %s", row.name, w.Code, row.want, s.log)
		}
	}
}

// The number of cached tokens and their memory are limited: of two tokens, one or none stays.
func TestCacheLimits(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	large := strings.Repeat("a", 6000)
	for line, want := range map[string]struct{ least, most int }{
		"": {300, 300}, "  token_cache_entries: 100": {90, 100}, "  token_cache_bytes: 1048576": {100, 174},
	} {
		s := newTestServer(t, issuer, nil, line)
		var tokens []string
		for n := range 300 {
			tokens = append(tokens, issuer.Token(resourcetest.Token{Audience: identifier, Subject: fmt.Sprint(n), Claims: map[string]any{"filler": large}}))
		}
		for _, token := range tokens {
			s.send(token)
		}
		for n := range tokens { // from the newest, so that misses do not displace what follows
			s.send(tokens[len(tokens)-1-n])
		}
		if got := s.hits(); got < want.least || got > want.most {
			t.Errorf("%q: got %d hits, want %d to %d", line, got, want.least, want.most)
		}
	}
}

func TestLogRecordsPerSecond(t *testing.T) {
	for line, want := range map[string]int{"": 10, "  log_records_per_second: 3": 3} {
		synctest.Test(t, func(t *testing.T) { // the clock stands still
			var log bytes.Buffer
			c := textConfig(block(line))
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
			live, err := config.New(c)
			if err != nil {
				t.Fatal(err)
			}
			req := httptest.NewRequest(http.MethodGet, identifier, nil)
			req.Header.Set("Authorization", "Bearer opaque")
			for range 20 {
				live.Resource().Authenticate(req)
			}
			if got := strings.Count(log.String(), "reason=opaque_unsupported"); got != want {
				t.Errorf("%q: got %d records, want %d: %s", line, got, want, log.String())
			}
		})
	}
}

func TestKeepAuthorization(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	value := "Bearer " + issuer.Token(resourcetest.Token{Audience: identifier})
	for line, want := range map[string]string{"": "", "  keep_authorization: true": value} {
		s := newTestServer(t, issuer, nil, line)
		got := "not called"
		handler := nethttp.Handler(s.live.Resource(), http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			got = req.Header.Get("Authorization")
		}))
		req := httptest.NewRequest(http.MethodGet, identifier, nil)
		req.Header.Set("Authorization", value)
		if handler.ServeHTTP(httptest.NewRecorder(), req); got != want {
			t.Errorf("%q: got %d bytes, want %d", line, len(got), len(want))
		}
	}
}

// Plain http is a mistake, for this server and for an issuer, unless the file allows it for the
// one that has it.
func TestAllowHTTP(t *testing.T) {
	const server, issuer = "allow_http: true", "allow_http_issuer: true"
	for _, row := range []struct{ issuer, resource, lines, want string }{
		{"https://as.example", "http://mcp.example/mcp", "", `text:3: resource_server_url: metadata: resource identifier "http://mcp.example/mcp": must begin with https://: http is for loopback hosts`},
		{"https://as.example", "http://mcp.example/mcp", server, ""},
		{"https://as.example", "http://mcp.example/mcp", issuer, `text:3: resource_server_url: metadata: resource identifier "http://mcp.example/mcp": must begin with https://: http is for loopback hosts`},
		{"http://as.example", "https://mcp.example/mcp", "", `text:2: issuer_url: issuer "http://as.example": must begin with https://: http is for loopback hosts; if it is only the name of the issuer, set jwks_uri (in Go: URL), jwks_file (File) or metadata_url (MetadataURL)`},
		{"http://as.example", "https://mcp.example/mcp", issuer, `text:2: authorization_servers: not set, and the name of an issuer cannot be published; name the servers where clients log in: metadata: issuer "http://as.example": must begin with https://: http is for loopback hosts`},
		{"http://as.example", "http://mcp.example/mcp", server + "\n  " + issuer, ""},
	} {
		text := "authorization:\n  issuer_url: " + row.issuer + "\n  resource_server_url: " + row.resource + "\n  " + row.lines + "\n"
		if got := mistakesOf(t, textConfig(text)); got != row.want {
			t.Errorf("%s\n got %s\nwant %s", text, got, row.want)
		}
	}
}

// The issuer is called through the proxy. A password of the proxy is in no mistake.
func TestProxyURL(t *testing.T) {
	called := make(chan string, 8)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		called <- req.Method + " " + req.RequestURI + " " + req.Header.Get("Proxy-Authorization")
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	address := strings.TrimPrefix(proxy.URL, "http://")
	live, err := config.New(textConfig(block("  proxy_url: http://user:S3cr3t@" + address)))
	if err != nil {
		t.Fatal(err)
	}
	if err := live.Resource().Ready(t.Context()); err == nil || strings.Contains(err.Error(), "S3cr3t") {
		t.Errorf("got error %v, want one without the password", err)
	}
	if got, want := <-called, "CONNECT auth.example.com:443 Basic dXNlcjpTM2NyM3Q="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	const hint = "is not the URL of a proxy; write http://host:port or https://host:port"
	for value, want := range map[string]string{
		"proxy.example:3128":             "proxy_url: (not shown, it may contain a password): " + hint,
		"socks5://proxy.example":         "proxy_url: socks5://proxy.example: " + hint,
		"http://u:S3cr3t@":               "proxy_url: http://(not shown, it may contain a password): " + hint,
		"http://u:S3cr3t%@p.example":     "proxy_url: http://(not shown, it may contain a password): " + hint,
		"http://proxy.example/path":      "proxy_url: http://proxy.example/path: has a path, a query or a fragment; write only scheme, host and port",
		"https://proxy.example?k=S3cr3t": "proxy_url: https://proxy.example?...: has a path, a query or a fragment; write only scheme, host and port",
	} {
		if got := mistakesOf(t, textConfig(block("  proxy_url: "+value))); got != "text:4: "+want {
			t.Errorf("%s\n got %s\nwant text:4: %s", value, got, want)
		}
	}
}

// A new password of the proxy makes a new verifier, although the password is never formatted.
func TestProxyPasswordIsNoticed(t *testing.T) {
	withServer(t, nil, []string{"  proxy_url: http://user:first@proxy.example"}, func(t *testing.T, s *testServer) {
		s.send(s.issuer.Token(resourcetest.Token{Audience: identifier}))
		before := s.issuer.Count(resourcetest.JWKS)
		s.write("a.yaml", s.settings("  proxy_url: http://user:second@proxy.example"))
		s.waitForReload(2)
		s.send(s.issuer.Token(resourcetest.Token{Audience: identifier}))
		if got := s.issuer.Count(resourcetest.JWKS) - before; got != 1 {
			t.Errorf("got %d fetches after the reload, want 1 of the new verifier", got)
		}
	})
}

func TestMistakesOfLimits(t *testing.T) {
	for _, row := range []struct{ lines, want string }{
		{"  max_token_bytes: 262145", "text:4: max_token_bytes: must be a whole number from 1024 to 262144"},
		{"  max_token_bytes: 1023", "text:4: max_token_bytes: must be a whole number from 1024 to 262144"},
		{"  max_body_bytes: 0", "text:4: max_body_bytes: must be a whole number from 1024 to 1073741824"},
		{"  max_body_bytes: 5MiB", "text:4: max_body_bytes: must be a whole number from 1024 to 1073741824"},
		{"  token_cache_entries: 0", "text:4: token_cache_entries: must be a whole number from 1 to 100000000"},
		{"  token_cache_bytes: 1048575", "text:4: token_cache_bytes: must be a whole number from 1048576 to 1099511627776"},
		{"  max_token_lifetime_seconds: 0", "text:4: max_token_lifetime_seconds: must be a whole number from 1 to 31622400"},
		{"  log_records_per_second: 0", "text:4: log_records_per_second: must be a whole number from 1 to 1000000"},
		{"  api_key_prefix: k_", "text:4: api_key_prefix: requires api_keys_file"},
		{"  header_claims: [{header: X-A}]", "text:4: header_claims[0].claim: is missing"},
		{"  header_claims: [{header: Cookie, claim: a}]", `text:4: header_claims["Cookie"]: Cookie has a standard meaning`},
		{"  header_claims: [{header: X-A, claim: a}, {header: X-A, claim: b}]", "text:4: header_claims[1].header: duplicate field X-A"},
		{"  header_claims: [{header: X-A, claim: a}, {header: x-a, claim: b}]", `text:4: header_claims["x-a"]: duplicate field X-A; field names are the same in upper and lower case`},
		{"  policy_url: x", `text:4: policy_url: "x" must be the absolute URL of a page, such as https://example.com/docs`},
	} {
		if got := mistakesOf(t, textConfig(block(row.lines))); got != row.want {
			t.Errorf("%s\n got %s\nwant %s", row.lines, got, row.want)
		}
	}
}
