package gate_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// external is an upstream that another proxy serves.
func external(style, keys, rules string) options {
	return options{
		top: "forward_auth: {style: " + style + ", proxies: [127.0.0.1]" + keys + "}\n",
		upstreams: "- name: main\n  identity_headers: {X-User: subject}\n  authorization:\n    issuer_url: https://auth.example.test\n    resource_server_url: " + identifier +
			"\n    required_scopes: [mcp:run]\n" + rules,
	}
}

func startExternal(t *testing.T, o options) *fixture {
	t.Helper()
	f := newFixture(t, o.text(""))
	f.run()
	return f
}

// ask sends the request of a proxy, with TOKEN for a credential line.
func (f *fixture) ask(request string) answer {
	f.t.Helper()
	return f.raw(strings.ReplaceAll(request, "TOKEN", "Authorization: Bearer "+f.token()+"\r\n"))[0]
}

const asNginx = "GET /_warder/auth HTTP/1.1\r\nHost: mcp.example.test\r\nX-Original-Method: %s\r\nX-Original-URI: %s\r\n%sConnection: close\r\n\r\n"

const asTraefik = "GET /_warder/auth HTTP/1.1\r\nHost: gate\r\nX-Forwarded-Method: %s\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: mcp.example.test\r\nX-Forwarded-Uri: %s\r\n%sConnection: close\r\n\r\n"

const asEnvoy = "%s /_warder/auth%s HTTP/1.1\r\nHost: mcp.example.test\r\n%sConnection: close\r\n\r\n"

// Every style decides about the original request. The response to an accepted one has the identity,
// and that to a rejected one has the challenge.
func TestForwardAuth(t *testing.T) {
	for style, request := range map[string]string{"nginx": asNginx, "traefik": asTraefik, "caddy": asTraefik, "envoy": asEnvoy} {
		f := startExternal(t, external(style, "", ""))
		for _, row := range []struct {
			name, method, uri, lines string
			status                   int
		}{
			{"accepted", "POST", "/mcp", "TOKEN", 200},
			{"accepted, below the path and with a query", "GET", "/mcp/a?b=c", "TOKEN", 200},
			{"no token", "POST", "/mcp", "", 401},
			{"another path", "POST", "/other", "TOKEN", 404},
			{"a path that servers read in several ways", "POST", "/mcp//a", "TOKEN", 404},
			{"dot segments", "POST", "/x/../mcp", "TOKEN", 404},
			{"an encoded path", "POST", "/mcp/%2e%2e/x", "TOKEN", 404},
			{"another method", "PUT", "/mcp", "TOKEN", 405},
			{"a token in the query", "POST", "/mcp?access_token=x", "TOKEN", 400},
			{"websocket", "GET", "/mcp", "TOKENUpgrade: websocket\r\n", 501},
			{"HTTP/2 without TLS", "GET", "/mcp", "TOKENUpgrade: h2c\r\n", 501},
			{"a forged identity", "POST", "/mcp", "TOKENWarder-Identity: forged\r\n", 400},
			{"a forged identity with an underscore", "POST", "/mcp", "TOKENX_User: forged\r\n", 400},
			{"a page of another origin", "POST", "/mcp", "TOKENOrigin: https://evil.example\r\n", 403},
		} {
			got := f.ask(fmt.Sprintf(request, row.method, row.uri, row.lines))
			if got.status != row.status || (len(got.header["Www-Authenticate"]) == 1) != (row.status == 401) {
				t.Errorf("%s, %s: got %+v, want %d", style, row.name, got, row.status)
			}
			if row.status != 200 {
				if got.header["Warder-Identity"] != nil {
					t.Errorf("%s, %s: got %v", style, row.name, got.header)
				}
				continue
			}
			if claims := f.verify(got.header.Get("Warder-Identity")); claims["token_sub"] != "alice" || claims["aud"] != identifier || !reflect.DeepEqual(got.header["X-User"], []string{"alice"}) {
				t.Errorf("%s, %s: got %+v and %v", style, row.name, got, claims)
			}
		}
	}
}

// Fields about the original request must be there once, and are believed only from listed proxies.
func TestForwardAuthFields(t *testing.T) {
	nginx, traefik := startExternal(t, external("nginx", "", "")), startExternal(t, external("traefik", "", ""))
	for _, row := range []struct {
		name, lines string
		f           *fixture
		status      int
	}{
		{"nginx without a method", "X-Original-URI: /mcp", nginx, 400},
		{"nginx without a URI", "X-Original-Method: GET", nginx, 400},
		{"two methods", "X-Original-Method: GET\r\nX-Original-Method: POST\r\nX-Original-URI: /mcp", nginx, 400},
		{"two URIs", "X-Original-Method: GET\r\nX-Original-URI: /mcp\r\nX-Original-URI: /mcp", nginx, 400},
		{"an absolute URI", "X-Original-Method: GET\r\nX-Original-URI: https://mcp.example.test/mcp", nginx, 400},
		{"a malformed URI", "X-Original-Method: GET\r\nX-Original-URI: /mcp%zz", nginx, 400},
		{"the fields of traefik at nginx", "X-Forwarded-Method: GET\r\nX-Forwarded-Host: mcp.example.test\r\nX-Forwarded-Uri: /mcp", nginx, 400},
		{"the fields of nginx at traefik", "X-Original-Method: GET\r\nX-Original-URI: /mcp", traefik, 400},
		{"traefik without a host", "X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /mcp", traefik, 400},
		{"HTTP/1.0, the default of nginx", "X-Original-Method: GET\r\nX-Original-URI: /mcp", nginx, 200},
	} {
		proto := "HTTP/1.1"
		if row.status == 200 {
			proto = "HTTP/1.0"
		}
		if got := row.f.ask("GET /_warder/auth " + proto + "\r\nHost: mcp.example.test\r\nTOKEN" + row.lines + "\r\nConnection: close\r\n\r\n"); got.status != row.status {
			t.Errorf("%s: got %+v, want %d", row.name, got, row.status)
		}
	}
	o := external("nginx", "", "")
	o.top = strings.Replace(o.top, "127.0.0.1", "192.0.2.0/24", 1)
	if got := startExternal(t, o).ask(fmt.Sprintf(asNginx, "POST", "/mcp", "TOKEN")); got.status != 403 || got.header["Warder-Identity"] != nil {
		t.Errorf("another address: got %+v", got)
	}
}

// With the whole body, the rules for operations apply. A partial body is rejected.
func TestForwardAuthBody(t *testing.T) {
	const rules = "    tool_scopes: {echo: [mcp:admin], other: []}\n    public_operations: [tools/list]\n"
	f := startExternal(t, external("envoy", ", body: true", rules))
	allowed := strings.Replace(call, "echo", "other", 1)
	for _, row := range []struct {
		name, lines, body string
		status            int
	}{
		{"a call without the scope", "TOKENX-Envoy-Auth-Partial-Body: false\r\n", call, 403},
		{"a call with the scopes", "TOKENX-Envoy-Auth-Partial-Body: false\r\n", allowed, 200},
		{"a partial body", "TOKENX-Envoy-Auth-Partial-Body: true\r\n", allowed, 413},
		{"a body without the field", "TOKEN", allowed, 413},
		{"the field twice", "TOKENX-Envoy-Auth-Partial-Body: false\r\nX-Envoy-Auth-Partial-Body: false\r\n", allowed, 413},
		{"no body", "TOKENX-Envoy-Auth-Partial-Body: false\r\n", "", 400},
		{"a public operation", "X-Envoy-Auth-Partial-Body: false\r\n", list, 200},
	} {
		got := f.ask(fmt.Sprintf(asEnvoy, "POST", "/mcp", fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n%s", len(row.body), row.lines)) + row.body)
		if got.status != row.status {
			t.Errorf("%s: got %+v, want %d", row.name, got, row.status)
		}
		if identity, ok := got.header["Warder-Identity"]; row.body == list && (!ok || identity[0] != "") { // so that the proxy overwrites a copy of the client
			t.Errorf("%s: got %+v", row.name, got)
		}
	}
	if got := f.ask(fmt.Sprintf(asEnvoy, "GET", "/mcp", "TOKENContent-Length: 2\r\n") + "{}"); got.status != 400 {
		t.Errorf("GET with a body: got %+v", got)
	}
}

// The gate cannot remove anything here. It rejects a token in the URL, and Mcp-Method and Mcp-Name that
// repeat nothing in the body.
func TestForwardAuthRejectsWhatItCannotRemove(t *testing.T) {
	f := startExternal(t, external("envoy", ", body: true", "    tool_scopes: {echo: [mcp:run]}\n"))
	token := f.token()
	const answer = `{"jsonrpc":"2.0","id":1,"result":{}}`
	for _, row := range []struct {
		name, uri, lines, body string
		status                 int
	}{
		{"a call", "/mcp", "Mcp-Method: tools/call\r\nMcp-Name: echo\r\n", call, 200},
		{"the token in the query", "/mcp?x=" + token, "", call, 400},
		{"a part of the query with the token", "/mcp?" + token + "x", "", call, 400},
		{"the token in the path", "/mcp/" + token, "", call, 400},
		{"a name with a method that has none", "/mcp", "Mcp-Method: tools/list\r\nMcp-Name: echo\r\n", list, 400},
		{"a method with a response", "/mcp", "Mcp-Method: tools/call\r\n", answer, 400},
		{"a name with a response", "/mcp", "Mcp-Name: echo\r\n", answer, 400},
		{"a response", "/mcp", "", answer, 200},
		{"a list", "/mcp", "Mcp-Method: tools/list\r\n", list, 200},
	} {
		lines := fmt.Sprintf("Authorization: Bearer %s\r\nContent-Type: application/json\r\nX-Envoy-Auth-Partial-Body: false\r\nContent-Length: %d\r\n%s", token, len(row.body), row.lines)
		got := f.ask(fmt.Sprintf(asEnvoy, "POST", row.uri, lines) + row.body)
		if got.status != row.status || (got.header["Warder-Identity"] != nil) != (row.status == 200) {
			t.Errorf("%s: got %+v, want %d", row.name, got, row.status)
		}
	}
}

func TestForwardAuthMistakes(t *testing.T) {
	const unused = "http://127.0.0.1:1"
	for _, row := range []struct {
		name string
		text string
		want string
	}{
		{"rules without a body", external("traefik", "", "    tool_scopes: {echo: [a]}\n").text(unused), "upstream \"main\": FILE:9: rules for operations need the body of a request, and forward_auth.body is not set; remove the rules, or let the gate be the proxy (url)"},
		{"only public operations", external("traefik", "", "    public_operations: [tools/list]\n").text(unused), "upstream \"main\": FILE:9: rules for operations need the body of a request, and forward_auth.body is not set; remove the rules, or let the gate be the proxy (url)"},
		{"a style without bodies", external("nginx", ", body: true", "").text(unused), "FILE:5: forward_auth.body: this style sends no body; remove the key"},
		{"the path of an identifier", external("nginx", ", path: /mcp", "").text(unused), "FILE:5: forward_auth.path: \"/mcp\" is also a path of upstream \"main\""},
		{"a path below the endpoint", strings.Replace(external("envoy", ", path: /a", "").text(""), identifier, "https://mcp.example.test/a/mcp", 1), "FILE:5: forward_auth.path: \"/a/mcp\" is also a path of upstream \"main\""},
		{"keys of a proxy", strings.Replace(external("nginx", "", "").text(""), "- name: main\n", "- name: main\n  request_headers: [X-A]\n", 1), "FILE:8: upstreams[0].request_headers: has no effect without url; remove the key"},
		{"an unknown style", external("apache", "", "").text(unused), "FILE:5: forward_auth.style: must be one of nginx, traefik, caddy, envoy"},
		{"a path that is not plain", external("nginx", ", path: /a/", "").text(unused), "FILE:5: forward_auth.path: must begin with /, end without it, and have segments of letters, digits, \"-\", \".\", \"_\" and \"~\""},
		{"no upstream of another proxy", options{top: external("nginx", "", "").top}.text(unused), "FILE:5: forward_auth: all upstreams have a url, so the gate itself is their proxy; remove the url of those that another proxy serves"},
		{"no forward_auth", options{upstreams: external("nginx", "", "").upstreams}.text(unused), "FILE:6: upstreams[0].url: is missing"},
	} {
		if got := strings.TrimPrefix(mistakesOf(t, row.text), "gate: "); got != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.want, got)
		}
	}
}
