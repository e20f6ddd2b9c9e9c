package gate_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// A proxyRow is a request through a proxy.
type proxyRow struct {
	name      string
	method    string
	uri       string
	lines     string // TOKEN, FOREIGN and NARROW stand for an Authorization field
	body      string
	challenge string // of 401 and 403
	statuses  [4]int // with nginx, Traefik, Caddy and Envoy; 0: not sent through this proxy
	cleaned   string // uri as Traefik passes it on; "": unchanged
}

const (
	challengeParameters = `Bearer resource_metadata="https://mcp.example.test/.well-known/oauth-protected-resource/mcp", scope="mcp:run`
	withoutToken        = challengeParameters + `"`
	withInvalidToken    = challengeParameters + `", error="invalid_token", error_description="The access token is invalid"`
	withoutScope        = challengeParameters + `", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`
	withoutToolScope    = challengeParameters + ` mcp:admin", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`

	proxiedDocument = "/.well-known/oauth-protected-resource/mcp"
	sized           = "Content-Type: application/json\r\nContent-Length: 91\r\n" // of call and allowedCall
	chunked         = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
	forgedAs        = "X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /mcp\r\nX-Original-Method: GET\r\nX-Original-Uri: /mcp\r\nX-Envoy-Original-Path: /mcp\r\n"
)

// allowedCall is a message like call, for a tool that needs no further scope. It is as long.
const allowedCall = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"othr","arguments":{"a":1}}}`

// proxyRows need no rules that read a body. nginx turns rejections other than 401 and 403 into 500.
var proxyRows = []proxyRow{
	{name: "accepted", method: "GET", uri: "/mcp", lines: "TOKEN", statuses: [4]int{200, 200, 200, 200}},
	{name: "encoded characters in the query", method: "GET", uri: "/mcp/a?b=%2F%20c&d=%26e%3d&f=a+b", lines: "TOKEN", statuses: [4]int{200, 200, 200, 200}},
	{name: "no token", method: "GET", uri: "/mcp", challenge: withoutToken, statuses: [4]int{401, 401, 401, 401}},
	{name: "a token for another server", method: "GET", uri: "/mcp", lines: "FOREIGN", challenge: withInvalidToken, statuses: [4]int{401, 401, 401, 401}},
	{name: "too few scopes", method: "GET", uri: "/mcp", lines: "NARROW", challenge: withoutScope, statuses: [4]int{403, 403, 403, 403}},
	{name: "two tokens", method: "GET", uri: "/mcp", lines: "TOKENFOREIGN", statuses: [4]int{400, 400, 400, 400}},
	{name: "a token in the query", method: "GET", uri: "/mcp?access_token=x", lines: "TOKEN", statuses: [4]int{500, 400, 400, 400}},
	{name: "another method", method: "PUT", uri: "/mcp", lines: "TOKEN", statuses: [4]int{500, 405, 405, 405}},
	{name: "another path", method: "GET", uri: "/other", lines: "TOKEN", statuses: [4]int{500, 404, 404, 404}},
	{name: "the endpoint", method: "GET", uri: "/_warder/auth", lines: "TOKEN", statuses: [4]int{404, 404, 404, 404}},
	{name: "an encoded slash", method: "GET", uri: "/mcp%2Fa", lines: "TOKEN", statuses: [4]int{500, 404, 404, 404}},
	{name: "encoded dot segments", method: "GET", uri: "/mcp/%2e%2e/other", lines: "TOKEN", statuses: [4]int{500, 404, 404, 404}},
	{name: "dot segments", method: "GET", uri: "/x/../mcp", lines: "TOKEN", statuses: [4]int{500, 200, 404, 404}, cleaned: "/mcp"},
	{name: "two slashes", method: "GET", uri: "//mcp", lines: "TOKEN", statuses: [4]int{500, 200, 404, 404}, cleaned: "/mcp"},
	{name: "an encoded letter", method: "GET", uri: "/%6dcp", lines: "TOKEN", statuses: [4]int{500, 200, 404, 404}, cleaned: "/mcp"},
	{name: "dot segments after the path of the metadata", method: "GET", uri: proxiedDocument + "/../../../mcp", statuses: [4]int{500, 401, 404, 404}, challenge: withoutToken},

	{name: "a forged request", method: "PUT", uri: "/other", lines: "TOKEN" + forgedAs, statuses: [4]int{500, 405, 405, 405}},
	{name: "a forged path", method: "GET", uri: "/other", lines: "TOKEN" + forgedAs, statuses: [4]int{500, 404, 404, 404}},
	{name: "a forged request with underscores", method: "PUT", uri: "/other", lines: "TOKENX_Forwarded_Method: GET\r\nX_Forwarded_Uri: /mcp\r\nX_Original_Method: GET\r\nX_Original_Uri: /mcp\r\n", statuses: [4]int{500, 405, 405, 405}},
	{name: "a forged request that Connection names", method: "PUT", uri: "/other", lines: "TOKENConnection: X-Forwarded-Method, X-Forwarded-Uri, X-Original-Method, X-Original-Uri\r\n" + forgedAs, statuses: [4]int{500, 405, 405, 405}},
	{name: "a forged request that would be rejected", method: "GET", uri: "/mcp", lines: "TOKEN" + strings.NewReplacer("GET", "PUT", "/mcp", "/other").Replace(forgedAs), statuses: [4]int{200, 200, 200, 200}},
	{name: "a forged host", method: "GET", uri: "/mcp", lines: "TOKENX-Forwarded-Host: second.example.test\r\nForwarded: host=second.example.test\r\n", statuses: [4]int{200, 200, 200, 200}},
	{name: "a forged address", method: "GET", uri: "/mcp", lines: "X-Forwarded-For: 127.0.0.1\r\nX-Real-Ip: 127.0.0.1\r\n", challenge: withoutToken, statuses: [4]int{401, 401, 401, 401}},

	{name: "a forged identity", method: "GET", uri: "/mcp", lines: "TOKENWarder-Identity: forged\r\n", statuses: [4]int{500, 400, 400, 400}},
	{name: "a forged user", method: "GET", uri: "/mcp", lines: "TOKENX-USER: forged\r\n", statuses: [4]int{500, 400, 400, 400}},
	{name: "a forged user with an underscore", method: "GET", uri: "/mcp", lines: "TOKENx_user: forged\r\n", statuses: [4]int{200, 400, 200, 400}},
	{name: "a forged identity with an underscore", method: "GET", uri: "/mcp", lines: "TOKENWARDER_IDENTITY: forged\r\n", statuses: [4]int{200, 400, 200, 400}},
	{name: "a forged user with a dot", method: "GET", uri: "/mcp", lines: "TOKENx.user: forged\r\n", statuses: [4]int{200, 400, 200, 400}},
	{name: "an identity that Connection names", method: "GET", uri: "/mcp", lines: "TOKENConnection: X-User, Warder-Identity\r\n", statuses: [4]int{200, 200, 200, 200}},
	{name: "a forged user that Connection names", method: "GET", uri: "/mcp", lines: "TOKENConnection: X-User\r\nX-User: forged\r\n", statuses: [4]int{500, 200, 400, 200}},
	{name: "a forged user with an underscore that Connection names", method: "GET", uri: "/mcp", lines: "TOKENConnection: x_user\r\nx_user: forged\r\n", statuses: [4]int{200, 200, 200, 200}},
	{name: "a forged user with a dot that Connection names", method: "GET", uri: "/mcp", lines: "TOKENConnection: x.user\r\nx.user: forged\r\n", statuses: [4]int{200, 200, 200, 200}},
	{name: "websocket", method: "GET", uri: "/mcp", lines: "TOKENConnection: Upgrade\r\nUpgrade: websocket\r\n", statuses: [4]int{200, 200, 200, 403}},
	{name: "HTTP/2 without TLS", method: "GET", uri: "/mcp", lines: "TOKENConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n", statuses: [4]int{200, 200, 200, 200}},

	{name: "a call", method: "POST", uri: "/mcp", lines: "TOKEN" + sized, body: allowedCall, statuses: [4]int{200, 200, 200, 200}},
	{name: "a call in chunks", method: "POST", uri: "/mcp", lines: "TOKEN" + chunked, body: allowedCall, statuses: [4]int{200, 200, 200, 200}},
	{name: "a forged user in the trailers", method: "POST", uri: "/mcp", lines: "TOKENTrailer: X-User\r\nConnection: Trailer\r\n" + chunked, body: allowedCall, statuses: [4]int{200, 200, 200, 200}},
	{name: "a call without a token", method: "POST", uri: "/mcp", lines: sized, body: allowedCall, challenge: withoutToken, statuses: [4]int{401, 401, 401, 401}},
	{name: "a tool without the scope", method: "POST", uri: "/mcp", lines: "TOKEN" + sized, body: call, challenge: withoutToolScope, statuses: [4]int{0, 403, 0, 403}},
	{name: "a tool without the scope, in chunks", method: "POST", uri: "/mcp", lines: "TOKEN" + chunked, body: call, challenge: withoutToolScope, statuses: [4]int{0, 403, 0, 403}},
	{name: "a public operation", method: "POST", uri: "/mcp", lines: chunked, body: list, statuses: [4]int{0, 200, 0, 200}},
	{name: "a public operation with a forged user that Connection names", method: "POST", uri: "/mcp", lines: "Connection: X-User, Warder-Identity\r\nX-User: forged\r\nWarder-Identity: forged\r\n" + chunked, body: list, statuses: [4]int{0, 200, 0, 200}},
	{name: "GET with a body", method: "GET", uri: "/mcp", lines: "TOKEN" + sized, body: call, statuses: [4]int{200, 400, 200, 400}},
	{name: "a body that is too large", method: "POST", uri: "/mcp", lines: "TOKEN" + chunked, body: strings.Repeat(" ", 4<<20) + allowedCall, statuses: [4]int{0, 413, 0, 413}},
}

// proxyTest is a proxy in front of a server that records its requests.
type proxyTest struct {
	*fixture
	program *proxyProgram
	up      *recorder
	connect func() net.Conn
	read    chan struct{} // closed when checkStream has read the event
}

// Proxies with the configurations of docs/gate.md pass on what the gate accepts, with the identity and
// without the token. What it rejects does not reach the server, and neither does anything without the gate.
func TestProxies(t *testing.T) {
	for n, p := range proxyPrograms {
		t.Run(p.name, func(t *testing.T) {
			text := p.documented(t)
			if os.Getenv(p.variable) == "" {
				t.Skipf("Skipped: %s is not set. .ci/interop sets it to the path of %s.", p.variable, p.name)
			}
			x := startProxy(t, &p, text)
			for _, row := range proxyRows {
				if row.statuses[n] != 0 {
					x.check(row, row.statuses[n])
				}
			}
			x.checkStream()
			x.stop()
			x.stopped <- <-x.stopped
			if got := x.send(proxyRows[0]); got.status != [4]int{500, 500, 502, 403}[n] || len(x.up.take()) > 0 {
				t.Errorf("without the gate: got %+v", got)
			}
		})
	}
}

// Envoy can be configured to send the beginning of a body. The gate rejects it, also if the client says that
// it is the whole one.
func TestProxiesPartialBody(t *testing.T) {
	p := &proxyPrograms[3]
	text := strings.Replace(p.documented(t), "{max_request_bytes: 4194304, allow_partial_message: false}", "{max_request_bytes: 16, allow_partial_message: true}", 1)
	if os.Getenv(p.variable) == "" {
		t.Skipf("Skipped: %s is not set. .ci/interop sets it to the path of Envoy.", p.variable)
	}
	x := startProxy(t, p, text)
	for _, lines := range []string{sized, chunked, sized + "X-Envoy-Auth-Partial-Body: false\r\n"} {
		x.check(proxyRow{name: "a partial body, " + lines, method: "POST", uri: "/mcp", lines: "TOKEN" + lines, body: allowedCall}, 413)
	}
}

func startProxy(t *testing.T, p *proxyProgram, text string) *proxyTest {
	t.Helper()
	keys, rules := "", ""
	if p.body {
		keys, rules = ", body: true", "    tool_scopes: {echo: [mcp:admin], othr: []}\n    public_operations: [tools/list]\n"
	}
	o := external(p.style, keys, rules)
	o.upstreams += "- name: second\n  authorization:\n    issuer_url: https://auth.example.test\n    resource_server_url: https://second.example.test/mcp\n"
	x := &proxyTest{fixture: startExternal(t, o), program: p, up: new(recorder), read: make(chan struct{})}
	x.up.respond = x.respond
	x.connect = p.start(t, text, x.public, strings.TrimPrefix(serve(t, x.up), "http://"))
	for end := time.Now().Add(patience); ; { // Traefik answers 404 until it has read its configuration
		got := x.send(proxyRow{method: "GET", uri: proxiedDocument})
		if got.status == 200 && strings.Contains(got.body, identifier) {
			return x
		}
		if time.Now().After(end) {
			t.Fatalf("%s: got %+v", proxiedDocument, got)
		}
		timer := time.NewTimer(20 * time.Millisecond)
		<-timer.C
	}
}

// send sends a request through the proxy.
func (x *proxyTest) send(row proxyRow) answer {
	x.t.Helper()
	authorization := func(audience, scope string) string {
		return "Authorization: Bearer " + x.issuer.Token(resourcetest.Token{Audience: audience, Scope: scope}) + "\r\n"
	}
	lines := strings.NewReplacer("TOKEN", authorization(identifier, "mcp:run"), "NARROW", authorization(identifier, "other"),
		"FOREIGN", authorization("https://other.example.test/mcp", "mcp:run")).Replace(row.lines)
	body := row.body
	if strings.Contains(lines, "chunked") {
		trailers := ""
		if strings.Contains(lines, "Trailer: X-User") {
			trailers = "X-User: forged\r\n"
		}
		body = fmt.Sprintf("%x\r\n%s\r\n0\r\n%s\r\n", len(body), body, trailers)
	}
	res := x.exchange(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: mcp.example.test\r\n%s\r\n%s", row.method, row.uri, lines, body))
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		x.t.Fatalf("%s: %v", row.name, err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// exchange sends text on a connection of its own, and returns the response. The connection is closed when the test ends.
func (x *proxyTest) exchange(text string) *http.Response {
	x.t.Helper()
	conn := x.connect()
	x.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		x.t.Fatal(err)
	}
	_, writeErr := io.WriteString(conn, text) // an error is possible if the proxy responds before it has read everything
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		x.t.Fatalf("%v, %v", writeErr, err)
	}
	return res
}

const event = "data: 1\n\n"

// respond is the MCP server. It keeps a stream open until the client has read its event.
func (x *proxyTest) respond(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("Accept") != "text/event-stream" {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, event)
	_ = http.NewResponseController(w).Flush()
	select {
	case <-x.read:
	case <-req.Context().Done(): // the test has failed, and the proxy ends
	}
}

// checkStream reads an event of a response that is not yet complete.
func (x *proxyTest) checkStream() {
	x.t.Helper()
	res := x.exchange("GET /mcp HTTP/1.1\r\nHost: mcp.example.test\r\nAccept: text/event-stream\r\nAuthorization: Bearer " + x.token() + "\r\n\r\n")
	defer res.Body.Close() // reads the rest
	defer close(x.read)
	got := make([]byte, len(event))
	if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != event {
		x.t.Errorf("a stream: got %d %q, %v", res.StatusCode, got, err)
	}
	x.up.take()
}

// check sends a request, and compares the response and what the server gets.
func (x *proxyTest) check(row proxyRow, status int) {
	x.t.Helper()
	got, sent := x.send(row), x.up.take()
	if got.status != status {
		x.t.Errorf("%s: got %+v, want %d", row.name, got, status)
	}
	if challenges := got.header["Www-Authenticate"]; (got.status == 401 || got.status == 403 && row.challenge != "") && !reflect.DeepEqual(challenges, []string{row.challenge}) {
		x.t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.challenge, challenges)
	}
	if got.status != 200 {
		if len(sent) > 0 {
			x.t.Errorf("%s: the server got %+v", row.name, sent)
		}
		return
	}
	if len(sent) != 1 {
		x.t.Errorf("%s: the server got %d requests", row.name, len(sent))
		return
	}
	x.checkSent(row, sent[0])
}

// checkSent checks that the server got the request that the client sent, without the token.
func (x *proxyTest) checkSent(row proxyRow, got recorded) {
	x.t.Helper()
	uri := row.uri
	if row.cleaned != "" && x.program.style == "traefik" {
		uri = row.cleaned
	}
	if got.method != row.method || got.uri != uri || got.body != row.body || got.header["Authorization"] != nil || got.header["Upgrade"] != nil {
		x.t.Errorf("%s: the server got %+v", row.name, got)
	}
	for name, values := range got.trailer { // Traefik and Caddy announce them, and send no values
		if len(values) > 0 {
			x.t.Errorf("%s: the server got the trailer %s: %q", row.name, name, values)
		}
	}
	x.checkIdentity(row, got.header)
}

// checkIdentity checks that the server got the identity of the gate once, and no field that it could take
// for one.
func (x *proxyTest) checkIdentity(row proxyRow, got http.Header) {
	x.t.Helper()
	for name, values := range got {
		switch strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name)) {
		case "x-user", "warder-identity":
			if name != http.CanonicalHeaderKey(name) || strings.ContainsAny(name, "_.") || len(values) != 1 {
				x.t.Errorf("%s: the server got %s: %q", row.name, name, values)
			}
		}
	}
	user, identity := got.Get("X-User"), got.Get("Warder-Identity")
	if row.body == list { // a public operation without a token
		if user != "" || identity != "" {
			x.t.Errorf("%s: the server got %v", row.name, got)
		}
		return
	}
	if claims := x.verify(identity); user != "alice" || claims["token_sub"] != "alice" || claims["aud"] != identifier {
		x.t.Errorf("%s: the server got %v with %v", row.name, got, claims)
	}
}
