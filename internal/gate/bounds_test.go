package gate_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/gate"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A file over 1 MiB, and one with more than 100 upstreams, are mistakes.
func TestFileLimits(t *testing.T) {
	if got := mistakesOf(t, minimal("", "", "")+"#"+strings.Repeat("x", 1<<20)); got != "gate: FILE: is larger than 1048576 bytes" {
		t.Error(got)
	}
	text := "listen: 127.0.0.1:0\nupstreams:\n"
	for n := range 101 {
		text += fmt.Sprintf("- {name: n%d, url: \"http://127.0.0.1:1\", authorization: {issuer_url: \"https://auth.example.com\", resource_server_url: \"https://mcp.example.com/%d\"}}\n", n, n)
	}
	if got := mistakesOf(t, text); got != "gate: FILE:2: upstreams: has 101 items; 1 to 100 are possible" {
		t.Error(got)
	}
	lines := strings.SplitAfter(text, "\n")
	if got := mistakesOf(t, strings.Join(lines[:102], "")); got != "" {
		t.Error(got)
	}
}

// The interval between two checks of the files has a minimum.
func TestIntervalLimit(t *testing.T) {
	f := newFixture(t, minimal("", "", ""))
	c := f.config()
	c.Interval = 999 * time.Millisecond
	if _, err := gate.New(c); err == nil || err.Error() != "gate: Interval: must be at least 1s" {
		t.Errorf("got %v", err)
	}
}

// An identity JWT over 16 KiB is an error of the gate, and the upstream gets nothing.
func TestIdentityLimit(t *testing.T) {
	up := new(recorder)
	f := start(t, options{top: "limits: {max_header_bytes: 131072}\n", authorization: "    max_token_bytes: 100000\n"}, up)
	for size, status := range map[int]int{8 << 10: 200, 16 << 10: 500} {
		req := f.post(call)
		req.Header.Set("Authorization", "Bearer "+f.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "mcp:run " + strings.Repeat("x", size)}))
		got := f.do(req)
		if got.status != status || (len(up.take()) == 1) != (status == 200) || status == 500 && got.body != gateError(500, "Internal error") {
			t.Errorf("%d bytes: got %+v", size, got)
		}
	}
}

// The JWKS has the key and the last three that it replaced.
func TestRetiredKeysLimit(t *testing.T) {
	f := newFixture(t, options{top: "identity: {issuer: a, key_file: identity.pem, further_key_files: [next.pem]}\n"}.text("http://127.0.0.1:1"))
	next := newKey(t)
	f.write("next.pem", next)
	f.run()
	count := func() int {
		var set struct{ Keys []json.RawMessage }
		if err := json.Unmarshal([]byte(f.fetch("/.well-known/jwks.json").body), &set); err != nil {
			t.Fatal(err)
		}
		return len(set.Keys)
	}
	if got := count(); got != 2 {
		t.Errorf("got %d keys", got)
	}
	f.write("identity.pem", next)                  // a key that is published already
	for n, want := range []int{2, 3, 4, 4, 5, 5} { // the third replacement retires the first key, and the fourth the further one
		if err := f.gate.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := count(); got != want {
			t.Errorf("after %d replacements: got %d keys, want %d", n, got, want)
		}
		f.write("identity.pem", newKey(t))
	}
}

// A connection without requests is closed after idle_seconds.
func TestIdleLimit(t *testing.T) {
	t.Parallel() // it waits
	f := start(t, options{top: "limits: {idle_seconds: 1}\n"}, new(recorder))
	got := f.raw("GET /other HTTP/1.1\r\nHost: h\r\n\r\n") // returns when the gate closes the connection
	if len(got) != 1 || got[0].status != 404 || got[0].header.Get("Connection") == "close" {
		t.Errorf("got %+v", got)
	}
}

// A request waits for a connection to the upstream if max_connections are in use.
func TestConnectionLimit(t *testing.T) {
	entered, leave := make(chan struct{}, 2), make(chan struct{})
	f := start(t, options{upstream: "  max_connections: 1\n"}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-leave
	}))
	results := make(chan int, 2)
	for range 2 {
		go func() { results <- f.do(f.post(call)).status }()
	}
	<-entered
	for !strings.Contains(f.fetch("/metrics").body, "\nwarder_gate_requests_in_flight 2\n") {
		if t.Context().Err() != nil {
			t.Fatal("the test was stopped")
		}
	}
	if len(entered) > 0 {
		t.Error("the upstream has two requests at one time")
	}
	close(leave)
	if a, b := <-results, <-results; a != 200 || b != 200 {
		t.Errorf("got %d and %d", a, b)
	}
}

// An upstream with https needs a certificate that is trusted.
func TestUpstreamTLS(t *testing.T) {
	up := new(recorder)
	server := httptest.NewUnstartedServer(up)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // about the gate that does not trust it
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	for _, row := range []struct {
		name, keys string
		status     int
	}{{"with ca_file", "  ca_file: ca.pem\n", 200}, {"without it", "", 502}} {
		f := newFixture(t, options{upstream: row.keys}.text(server.URL+"/mcp"))
		f.write("ca.pem", ca)
		f.run()
		if got := f.do(f.post(call)); got.status != row.status || (len(up.take()) == 1) != (row.status == 200) {
			t.Errorf("%s: got %+v", row.name, got)
		}
	}
	if got := mistakesOf(t, strings.Replace(minimal("  ca_file: ca.pem\n", "", ""), "http:", "https:", 1), "ca.pem", "none"); got != "gate: FILE:5: upstreams[0].ca_file: file \"DIR/ca.pem\": has no certificate in PEM" {
		t.Error(got)
	}
}

// The gate applies changes of its files by itself.
func TestRun(t *testing.T) {
	up := new(recorder)
	text := options{top: "tls: {cert_file: cert.pem, key_file: key.pem}\n"}.text(serve(t, up) + "/mcp")
	f := newFixture(t, text)
	cert, key := newCertificate(t, 1)
	f.write("cert.pem", cert)
	f.write("key.pem", key)
	f.interval = time.Second
	f.run()
	cert, key = newCertificate(t, 2)
	f.write("cert.pem", cert)
	f.write("key.pem", key)
	before := f.fetch("/.well-known/jwks.json").body
	f.write("identity.pem", newKey(t))
	f.write("gate.yaml", strings.Replace(text, "mcp:run", "mcp:admin", 1))
	for end := time.Now().Add(patience); ; {
		text := f.log.String()
		if strings.Contains(text, `msg="file applied" what="TLS certificate"`) && strings.Contains(text, `msg="file applied" what="identity keys"`) && strings.Contains(text, `msg="configuration applied"`) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the log is %s", text)
		}
		timer := time.NewTimer(50 * time.Millisecond)
		<-timer.C
	}
	var old, now struct{ Keys []json.RawMessage }
	if json.Unmarshal([]byte(before), &old) != nil || json.Unmarshal([]byte(f.fetch("/.well-known/jwks.json").body), &now) != nil || len(old.Keys) != 1 || len(now.Keys) != 2 {
		t.Errorf("the JWKS had %d keys and has %d", len(old.Keys), len(now.Keys))
	}
}

// The receiver of security events is at its own path, and not behind the token check.
func TestSecurityEvents(t *testing.T) {
	up := new(recorder)
	f := start(t, options{upstream: "  security_events_path: /events\n", authorization: "    security_events: {audience: [\"https://mcp.example.test\"], authorization: \"Bearer 0123456789abcdef\"}\n"}, up)
	req := f.post("x")
	req.URL.Path = "/events"
	req.Header.Set("Content-Type", "application/secevent+jwt")
	if got := f.do(req); got.status != 401 || len(got.header["Www-Authenticate"]) > 0 && strings.Contains(got.header.Get("Www-Authenticate"), "resource_metadata") {
		t.Errorf("another authorization: got %+v", got)
	}
	req = f.post("x")
	req.URL.Path = "/events"
	req.Header.Set("Content-Type", "application/secevent+jwt")
	req.Header.Set("Authorization", "Bearer 0123456789abcdef")
	if got := f.do(req); got.status != 400 || !strings.Contains(got.body, `"err"`) { // RFC 8935 §2.3
		t.Errorf("a malformed event: got %+v", got)
	}
	if all := up.take(); len(all) > 0 {
		t.Errorf("the upstream got %+v", all)
	}
}

// A connection to an upstream that is not used for idle_seconds is closed, and a server that does not
// answer a TLS handshake within connect_seconds results in 504.
func TestUpstreamTimes(t *testing.T) {
	t.Parallel() // it waits
	closed := make(chan struct{}, 10)
	server := httptest.NewUnstartedServer(new(recorder))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	f := newFixture(t, options{upstream: "  idle_seconds: 1\n"}.text(server.URL+"/mcp"))
	f.run()
	if got := f.do(f.post(call)); got.status != 200 {
		t.Fatalf("got %+v", got)
	}
	<-closed // the server itself keeps connections
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	f = newFixture(t, options{upstream: "  connect_seconds: 1\n"}.text("https://"+silent.Addr().String()))
	f.run()
	if got := f.do(f.post(call)); got.status != 504 || got.body != gateError(504, "The MCP server did not respond in time") {
		t.Errorf("got %+v", got)
	}
}

// The response to a preflight has at most 64 names, of at most 64 characters.
func TestPreflightLimit(t *testing.T) {
	f := start(t, options{upstream: "  cors: true\n"}, new(recorder))
	names := []string{"mcp-param-" + strings.Repeat("x", 55), "mcp-param-" + strings.Repeat("y", 54)}
	for n := range 100 {
		names = append(names, fmt.Sprintf("mcp-param-%d", n))
	}
	req := f.get(t.Context())
	req.Method = http.MethodOptions
	req.Header = http.Header{"Origin": {"https://mcp.example.test"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {strings.Join(names, ",")}}
	got := strings.Split(f.do(req).header.Get("Access-Control-Allow-Headers"), ", ")
	if len(got) != 64 || got[9] != names[1] {
		t.Errorf("got %d names: %q", len(got), got)
	}
}
