package gate_test

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// Requests that no MCP client sends are rejected before the Resource decides, with a body that says
// why. A POST of JSON gets a JSON-RPC error.
func TestRefusals(t *testing.T) {
	up := new(recorder)
	f := start(t, options{}, up)
	object := func(text string) string { return `{"error_description":"` + text + `"}` + "\n" }
	for _, row := range []struct {
		name, method, lines string
		status              int
		body, allow         string
	}{
		{"websocket", "GET", "Connection: Upgrade\r\nUpgrade: websocket", 501, object("WebSocket and other upgrades are not supported"), ""},
		{"a list of protocols", "GET", "Upgrade: h2c, websocket", 501, object("WebSocket and other upgrades are not supported"), ""},
		{"PUT", "PUT", "X-A: 1", 405, object("The method is not supported"), "GET, POST, DELETE"},
		{"HEAD", "HEAD", "X-A: 1", 405, "", "GET, POST, DELETE"},
		{"a preflight without cors", "OPTIONS", "Origin: https://mcp.example.test\r\nAccess-Control-Request-Method: POST", 405, object("The method is not supported"), "GET, POST, DELETE"},
		{"a POST of JSON", "POST", "Content-Type: application/json\r\nConnection: Mcp-Name", 400, gateError(400, "The Connection field names a field that is for all recipients"), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := f.raw(row.method + " /mcp HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + f.token() + "\r\n" + row.lines + "\r\n\r\n" + "GET /x HTTP/1.0\r\n\r\n")[0]
			if row.method == "HEAD" {
				got.body = "" // the client of the test does not know the method
			}
			if got.status != row.status || got.body != row.body || got.header.Get("Allow") != row.allow {
				t.Errorf("got %+v", got)
			}
			if all := up.take(); len(all) > 0 {
				t.Errorf("the upstream got %+v", all)
			}
		})
	}
}

// In HTTP/2, a header field Host must agree with :authority.
func TestAuthorityAndHost(t *testing.T) {
	up := new(recorder)
	f := start(t, options{}, up)
	for host, status := range map[string]int{"mcp.example.test": 200, "other.example": 400} {
		req := f.post(call)
		req.Host = "mcp.example.test"
		rec := newResponse()
		req.RequestURI, req.URL.Scheme, req.URL.Host, req.RemoteAddr = "/mcp", "", "", "127.0.0.1:1"
		req.Proto, req.ProtoMajor, req.ProtoMinor = "HTTP/2.0", 2, 0
		req.Header.Set("Host", host)
		f.gate.ServeHTTP(rec, req)
		if rec.status != status {
			t.Errorf("%s: got %d", host, rec.status)
		}
		for _, got := range up.take() {
			if got.header["Host"] != nil || strings.Contains(got.host, "example") {
				t.Errorf("the upstream got %+v", got)
			}
		}
	}
}

// response records the status of a response.
type response struct {
	header http.Header
	status int
}

func newResponse() *response { return &response{header: http.Header{}} }

func (r *response) Header() http.Header { return r.header }

func (r *response) WriteHeader(status int) { r.status = status }

func (r *response) Write(p []byte) (int, error) { return len(p), nil }

// With cors, the gate answers preflights, and the fields of the upstream have no effect.
func TestCORS(t *testing.T) {
	up := &recorder{respond: func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("Vary", "Accept")
	}}
	f := start(t, options{upstream: "  cors: true\n", authorization: "    allowed_origins: [https://app.example.com]\n"}, up)
	preflight := func(origin, fields string) answer {
		req := f.get(t.Context())
		req.Method = http.MethodOptions
		req.Header = http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {fields}}
		return f.do(req)
	}
	got := preflight("https://app.example.com", "content-type, Mcp-Param-City, x-evil, mcp-param-<script>")
	want := http.Header{"Access-Control-Allow-Origin": {"https://app.example.com"}, "Access-Control-Allow-Methods": {"GET, POST, DELETE"}, "Access-Control-Max-Age": {"600"}, "Vary": {"Origin"},
		"Access-Control-Allow-Headers": {"authorization, dpop, content-type, accept, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, last-event-id, mcp-param-city"}, "Date": got.header["Date"]}
	if got.status != 204 || !reflect.DeepEqual(got.header, want) {
		t.Errorf("got %+v, want %v", got, want)
	}
	if got := preflight("https://evil.example", ""); got.status != 204 || got.header["Access-Control-Allow-Origin"] != nil || got.header["Access-Control-Allow-Methods"] != nil {
		t.Errorf("another origin: got %+v", got)
	}
	for origin, status := range map[string]int{"https://app.example.com": 200, "https://evil.example": 403} {
		req := f.post(call)
		req.Header.Set("Origin", origin)
		got := f.do(req)
		var allowed []string
		if status == 200 {
			allowed = []string{origin}
		}
		if got.status != status || !reflect.DeepEqual(got.header["Access-Control-Allow-Origin"], allowed) || got.header["Access-Control-Allow-Credentials"] != nil {
			t.Errorf("%s: got %+v", origin, got)
		}
	}
	if all := up.take(); len(all) != 1 || all[0].header["Origin"] != nil {
		t.Errorf("the upstream got %+v", all)
	}
}

// X-Forwarded-For of a listed proxy is continued, and that of others is replaced.
func TestForwardedFor(t *testing.T) {
	for top, want := range map[string]string{"": "127.0.0.1", "trusted_proxies: [192.0.2.0/24]\n": "127.0.0.1", "trusted_proxies: [127.0.0.1]\n": "203.0.113.9, 127.0.0.1"} {
		up := new(recorder)
		f := start(t, options{top: top}, up)
		req := f.post(call)
		req.Header.Set("X-Forwarded-For", "203.0.113.9")
		f.do(req)
		if got := up.one(t).header["X-Forwarded-For"]; !reflect.DeepEqual(got, []string{want}) {
			t.Errorf("%q: got %q, want %q", top, got, want)
		}
	}
}

// A redirect within the upstream is one within the gate. net/http follows no redirect here.
func TestRedirect(t *testing.T) {
	location := ""
	f := start(t, options{upstream: "  extra_paths: [/messages]\n"}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Location", strings.Replace(location, "SELF", "http://"+req.Host, 1))
		w.WriteHeader(307)
	}))
	for _, row := range []struct{ from, want string }{
		{"/mcp/", "/mcp/"}, {"SELF/mcp/", "/mcp/"}, {"SELF/mcp/a?b=c", "/mcp/a?b=c"}, {"?x", "/mcp?x"}, {"/messages/1", "/messages/1"},
		{"/other", ""}, {"/mcpx", ""}, {"//evil.example/mcp", ""}, {"https://evil.example/mcp", ""}, {"SELF@evil.example/mcp", ""}, {"/mcp/%2e%2e/x", ""}, {"/mcp/../x", ""}, {"javascript:x", ""},
	} {
		location = row.from
		got := f.do(f.post(call))
		if row.want == "" && got.status != 502 || row.want != "" && (got.status != 307 || got.header.Get("Location") != row.want) {
			t.Errorf("%s: got %+v, want %q", row.from, got, row.want)
		}
	}
}

// With bind_sessions, a session can be used only by the caller who opened it.
func TestBindSessions(t *testing.T) {
	up := &recorder{respond: func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if req.Header.Get("Mcp-Session-Id") == "" {
			w.Header().Set("Mcp-Session-Id", "s1")
		}
		_, _ = io.WriteString(w, "{}")
	}}
	f := start(t, options{upstream: "  bind_sessions: true\n"}, up)
	open := f.post(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`)
	if got := f.do(open); got.status != 200 || got.header.Get("Mcp-Session-Id") != "s1" {
		t.Fatalf("got %+v", got)
	}
	for subject, status := range map[string]int{"alice": 200, "bob": 404} {
		req := f.post(call)
		req.Header.Set("Mcp-Session-Id", "s1")
		req.Header.Set("Authorization", "Bearer "+f.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "mcp:run", Subject: subject}))
		if got := f.do(req); got.status != status {
			t.Errorf("%s: got %+v", subject, got)
		}
	}
}

// A change of an authorization block is applied. Every other change needs a restart, and a file with
// a mistake changes nothing.
func TestReload(t *testing.T) {
	up := new(recorder)
	text := options{}.text(serve(t, up) + "/mcp")
	f := newFixture(t, text)
	f.run()
	status := func() int { return f.do(f.post(call)).status }
	if got := status(); got != 200 {
		t.Fatalf("got %d", got)
	}
	f.write("gate.yaml", strings.Replace(text, "mcp:run", "mcp:admin", 1))
	if err := f.gate.Reload(t.Context()); err != nil || status() != 403 {
		t.Errorf("a changed rule: got %v, %d", err, status())
	}
	f.write("gate.yaml", text+"    oops: 1\n")
	if err := f.gate.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "oops: unknown key") || status() != 403 {
		t.Errorf("a mistake: got %v, %d", err, status())
	}
	f.write("gate.yaml", strings.Replace(text, "name: main", "name: other", 1))
	const restart = "gate: the file has changes outside of the authorization blocks; they need a restart"
	if err := f.gate.Reload(t.Context()); err == nil || err.Error() != restart || status() != 200 {
		t.Errorf("another name: got %v, %d", err, status())
	}
	f.write("gate.yaml", strings.Replace(text, "mcp.example.test/mcp", "mcp.example.test/other", 1))
	if err := f.gate.Reload(t.Context()); err == nil || status() != 200 {
		t.Errorf("another identifier: got %v, %d", err, status())
	}
}

// A stream ends regularly when its token expires or is revoked, so that the client opens another one.
func TestStreamEndsWithToken(t *testing.T) {
	t.Parallel() // it waits
	f := start(t, options{authorization: "    leeway_seconds: 0\n"}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	}))
	req := f.get(t.Context())
	req.Header.Set("Authorization", "Bearer "+f.issuer.Token(resourcetest.Token{Audience: identifier, Lifetime: 2e9}))
	if got := f.do(req); got.status != 200 || got.body != "data: 1\n\n" {
		t.Errorf("got %+v", got)
	}
}
