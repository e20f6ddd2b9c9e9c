package gate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/gate"
)

// mistakesOf returns the mistakes of a gate.yaml, with FILE for its path.
func mistakesOf(t *testing.T, text string, files ...string) string {
	t.Helper()
	f := newFixture(t, text)
	for n := 0; n < len(files); n += 2 {
		f.write(files[n], files[n+1])
	}
	g, err := gate.New(f.config())
	if err == nil {
		g.Close()
		return ""
	}
	return strings.NewReplacer(f.file, "FILE", f.dir, "DIR").Replace(err.Error())
}

// minimal is a valid file of eight lines, with a place for other keys at its end and in the upstream.
func minimal(upstream, block, top string) string {
	return "listen: 127.0.0.1:0\nupstreams:\n- name: a\n  url: http://127.0.0.1:1/mcp\n" + upstream +
		"  authorization:\n    issuer_url: https://auth.example.com\n    resource_server_url: https://mcp.example.com/mcp\n" + block + top
}

func TestMistakes(t *testing.T) {
	const auth = "  authorization: {issuer_url: \"https://auth.example.com\", resource_server_url: \"https://mcp.example.com/"
	two := func(first, second string) string {
		return "listen: 127.0.0.1:0\nupstreams:\n- name: a\n  url: http://127.0.0.1:1/mcp\n" + auth + first + "\"}\n- name: b\n  url: http://127.0.0.1:1/mcp\n" + auth + second + "\"}\n"
	}
	long := strings.Repeat("n", 65)
	for _, row := range []struct{ name, text, want string }{
		{"none", minimal("", "", ""), ""},
		{"an empty file", "", "FILE: is not one valid YAML document"},
		{"not YAML", "listen: [", "FILE:2: is not one valid YAML document"},
		{"two documents", "listen: a\n---\nlisten: b\n", "FILE: is not one valid YAML document"},
		{"not a mapping", "- a\n", "FILE:1: : is not a mapping of keys\nFILE:1: listen: is missing\nFILE:1: upstreams: is missing"},
		{"missing keys", "tls: {}\n", "FILE:1: tls.cert_file: is missing\nFILE:1: tls.key_file: is missing\nFILE:1: listen: is missing\nFILE:1: upstreams: is missing"},
		{"no upstream", "listen: 127.0.0.1:0\nupstreams: []\n", "FILE:2: upstreams: has 0 items; 1 to 100 are possible"},
		{"a misspelled key", minimal("", "", "admon: 127.0.0.1:1\n"), "FILE:8: admon: unknown key; did you mean admin?"},
		{"an unknown key of an upstream", minimal("  zzz: 1\n", "", ""), "FILE:5: upstreams[0].zzz: unknown key"},
		{"an unknown key that may be a secret", minimal("", "", "\"a secret, with spaces\": 1\n"), "FILE:8: (key of 21 bytes): unknown key"},
		{"a duplicate key", minimal("", "", "listen: 127.0.0.1:1\n"), "FILE:8: listen: duplicate key"},
		{"an alias", minimal("", "", "trusted_proxies: &a [10.0.0.1]\nadmin: *a\n"), "FILE:9: admin: aliases are not supported here; write the value out"},
		{"a number as text", minimal("", "", "limits: {idle_seconds: \"5\"}\n"), "FILE:8: limits.idle_seconds: must be a whole number from 1 to 3600"},
		{"a number outside of its limits", minimal("", "", "limits: {idle_seconds: 0, max_requests: 1000001}\n"), "FILE:8: limits.idle_seconds: must be a whole number from 1 to 3600\nFILE:8: limits.max_requests: must be a whole number from 1 to 1000000"},
		{"a boolean as text", minimal("", "", "access_log: \"true\"\n"), "FILE:8: access_log: must be true or false, without quotes"},
		{"a number for a text", minimal("", "", "admin: 1\n"), "FILE:8: admin: is not a string; put it in quotes"},
		{"an empty value", minimal("", "", "admin:\n"), "FILE:8: admin: has no value, or one of another kind; set a value or remove the key"},
		{"an address without a port", minimal("", "", "admin: 127.0.0.1\n"), "FILE:8: admin: is not host:port with a port number"},
		{"a proxy that is not an address", minimal("", "", "trusted_proxies: [proxy, 10.0.0.1/8, 0.0.0.0/0]\n"),
			"FILE:8: trusted_proxies[0]: is not an IP address, such as 192.0.2.7, or a network, such as 10.0.0.0/8\nFILE:8: trusted_proxies[1]: has bits after its length; write 10.0.0.0/8\nFILE:8: trusted_proxies[2]: is every address"},
		{"h2c with TLS", minimal("", "", "http2_cleartext: true\ntls: {cert_file: c, key_file: k}\n"), "FILE:8: http2_cleartext: the listener uses TLS, which has HTTP/2 anyway; remove the key\nFILE:9: tls: file \"DIR/c\": no such file or directory"},
		{"no identity key", minimal("", "", "identity: {issuer: a, key_file: k}\n"), "FILE:8: identity: secret file \"DIR/k\": no such file or directory"},
		{"a taken field for the JWT", minimal("", "", "identity: {issuer: a, key_file: identity.pem, header: Mcp-Identity}\n"), "FILE:8: identity.header: is a header field with another meaning; choose another name, such as Warder-User"},
		{"further fields", minimal("  request_headers: [X-Ok, Accept, mcp-name, Cookie, X_A, x-ok, Idempotency-Key, X-Forwarded-User, Warder-User, X-Id]\n  identity_headers: {X-Id: subject}\n", "", ""),
			"FILE:5: upstreams[0].request_headers[1]: the server gets Accept anyway; remove it\n" +
				"FILE:5: upstreams[0].request_headers[2]: the server gets Mcp-Name anyway; remove it\n" +
				"FILE:5: upstreams[0].request_headers[3]: the gate decides about Cookie; remove it\n" +
				"FILE:5: upstreams[0].request_headers[4]: must be the name of a header field: at most 64 letters, digits and -\n" +
				"FILE:5: upstreams[0].request_headers[5]: duplicate field X-Ok\n" +
				"FILE:5: upstreams[0].request_headers[6]: the gate decides about Idempotency-Key; remove it\n" +
				"FILE:5: upstreams[0].request_headers[7]: the gate decides about X-Forwarded-User; remove it\n" +
				"FILE:5: upstreams[0].request_headers[8]: the gate decides about Warder-User; remove it\n" +
				"FILE:5: upstreams[0].request_headers[9]: X-Id is an identity field; remove it"},
		{"named fields", minimal("  identity_headers: {X_User: subject, Authorization: subject, X-A: id, x-a: id, X-B: name}\n", "", ""),
			"FILE:5: upstreams[0].identity_headers[X-B]: must be one of id, subject, issuer, client_id, scopes, resource"},
		{"a long name", minimal("", "", "")[:len("listen: 127.0.0.1:0\nupstreams:\n- name: ")] + long + minimal("", "", "")[len("listen: 127.0.0.1:0\nupstreams:\n- name: a"):],
			"FILE:3: upstreams[0].name: has other characters than letters, digits, - and _, or more than 64 of them"},
		{"two upstreams with one identifier", two("mcp", "mcp"), "FILE:6: upstreams[1]: requests for \"/mcp\" at the host of \"https://mcp.example.com/mcp\" cannot be distinguished from those for upstream \"a\""},
		{"two upstreams with one name", strings.Replace(two("a", "b"), "name: b", "name: a", 1), "FILE:6: upstreams[1].name: is the name of another upstream"},
		{"extra paths that are not plain", minimal("  extra_paths: [messages, /a/, /a/../b]\n", "", ""), strings.TrimSuffix(strings.Repeat("FILE:5: upstreams[0].extra_paths[N]: must begin with /, end without it, and have segments of letters, digits, \"-\", \".\", \"_\" and \"~\"\n", 3), "\n")},
		{"an extra path of the identifier", minimal("  extra_paths: [/mcp]\n", "", ""), "FILE:3: upstreams[0]: requests for \"/mcp\" at the host of \"https://mcp.example.com/mcp\" cannot be distinguished from those for upstream \"a\""},
		{"an extra path besides identifiers with several paths", minimal("  extra_paths: [/messages]\n", "    additional_resource_server_urls: [\"https://mcp.example.com/two\"]\n", ""),
			"FILE:5: upstreams[0].extra_paths: the identifiers of the block have different paths, so requests for other paths are for none of them; make them different upstreams"},
		{"an extra path besides identifiers with one path", minimal("  extra_paths: [/messages]\n", "    additional_resource_server_urls: [\"https://mcp2.example.com/mcp\"]\n", ""), ""},
		{"events at the path of the identifier", minimal("  security_events_path: /mcp\n", "    security_events: {audience: [\"https://mcp.example.com\"], authorization: \"Bearer 0123456789abcdef\"}\n", ""),
			"FILE:5: upstreams[0].security_events_path: \"/mcp\" is also a path of upstream \"a\""},
		{"named fields that HTTP gives a meaning", minimal("  identity_headers: {Keep-Alive: id, Via: id, X-Idempotency-Key: id}\n", "", ""),
			"FILE:5: upstreams[0].identity_headers[Keep-Alive]: is a header field with another meaning; choose another name, such as Warder-User\n" +
				"FILE:5: upstreams[0].identity_headers[Via]: is a header field with another meaning; choose another name, such as Warder-User\n" +
				"FILE:5: upstreams[0].identity_headers[X-Idempotency-Key]: is a header field with another meaning; choose another name, such as Warder-User"},
		{"a CA without https", minimal("  ca_file: ca.pem\n", "", ""), "FILE:5: upstreams[0].ca_file: url is not https; remove the key\nFILE:5: upstreams[0].ca_file: file \"DIR/ca.pem\": no such file or directory"},
		{"no authorization", "listen: 127.0.0.1:0\nupstreams:\n- {name: a, url: \"http://127.0.0.1:1\"}\n", "FILE:3: upstreams[0]: set exactly one of authorization and authorization_file"},
		{"a mistake in the block", minimal("", "    tool_scopse: {}\n", ""), "upstream \"a\": FILE:8: tool_scopse: unknown key; did you mean tool_scopes?"},
		{"two mistakes in the block", minimal("", "    leeway_seconds: x\n    oops: 1\n", ""), "upstream \"a\": FILE:8: leeway_seconds: must be a whole number from 0 to 300\nupstream \"a\": FILE:9: oops: unknown key"},
		{"a block that is off", minimal("", "    enabled: false\n", ""), "upstream \"a\": authorization is disabled (enabled: false)"},
		{"a block that keeps the token", minimal("", "    keep_authorization: true\n", ""), "upstream \"a\": FILE:8: keep_authorization: the gate never passes a token on; remove the key"},
		{"a store", minimal("", "    shared_state: {addresses: [\"127.0.0.1:1\"], keys: [\"0123456789abcdef0123456789abcdef\"]}\n", ""),
			"upstream \"a\": FILE:8: shared_state: the program warder does not contain a store: remove the block, or protect the server with a Go program that sets config.Config.OpenStore to OpenStore of package resource/valkey"},
		{"tokens for other servers", minimal("", "    on_behalf_of: {client_id: a, client_secret: b, targets: {calendar: {scopes: [a]}}}\n", ""),
			"upstream \"a\": FILE:8: on_behalf_of: a server behind the gate cannot exchange tokens, because it never gets the exchanger; remove the block, or protect the server with a Go program that uses config.Live.OnBehalf"},
		{"a path for events without events", minimal("  security_events_path: /events\n", "", ""), "FILE:5: upstreams[0].security_events_path: is needed with security_events in the authorization block, and only then"},
		{"a named field twice", minimal("  identity_headers: {X_User: subject, Authorization: subject, X-A: id, x-a: id}\n", "", ""),
			"FILE:5: upstreams[0].identity_headers[Authorization]: is a header field with another meaning; choose another name, such as Warder-User\nFILE:5: upstreams[0].identity_headers[X_User]: must be the name of a header field: at most 64 letters, digits and -\nFILE:5: upstreams[0].identity_headers: has X-A twice, in different spellings"},
		{"the field of the JWT as a named field", minimal("  identity_headers: {warder-identity: id}\n", "", "identity: {issuer: a, key_file: identity.pem}\n"), "FILE:9: identity.header: is also one of identity_headers of upstream \"a\""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := strings.TrimPrefix(mistakesOf(t, row.text), "gate: ")
			want := row.want
			for n := range 3 {
				want = strings.Replace(want, "[N]", fmt.Sprintf("[%d]", n), 1)
			}
			if got != want {
				t.Errorf("(-want +got)\n- %s\n+ %s", want, got)
			}
		})
	}
}

func TestURLs(t *testing.T) {
	for _, row := range []struct{ url, want string }{
		{"http://127.0.0.1:8000", ""}, {"https://server.internal/a/mcp/", ""}, {"http://[::1]:1/mcp", ""},
		{"127.0.0.1:8000", "is not an absolute URL with http or https"}, {"ftp://a", "is not an absolute URL with http or https"}, {"http://", "is not an absolute URL with http or https"},
		{"http:a", "is not an absolute URL with http or https"}, {"http://u@a/mcp", "must not have user information, a query or a fragment"}, {"http://a/?b", "must not have user information, a query or a fragment"},
		{"http://a/?", "must not have user information, a query or a fragment"}, {"http://a/#b", "must not have user information, a query or a fragment"},
		{"http://a/%61", "the path has a segment of other characters than letters, digits, \"-\", \".\", \"_\" and \"~\", or of dots only"},
		{"http://a/../b", "the path has a segment of other characters than letters, digits, \"-\", \".\", \"_\" and \"~\", or of dots only"},
	} {
		want := row.want
		if want != "" {
			want = "gate: FILE:4: upstreams[0].url: " + want
		}
		if got := mistakesOf(t, strings.Replace(minimal("", "", ""), "http://127.0.0.1:1/mcp", fmt.Sprintf("%q", row.url), 1)); got != want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.url, want, got)
		}
	}
}

// Variables in authorization blocks are expanded, and those that override every block are mistakes.
func TestEnvironment(t *testing.T) {
	f := newFixture(t, strings.Replace(minimal("", "", ""), "https://auth.example.com", "${ISSUER}", 1))
	c := f.config()
	c.Environ = []string{"ISSUER=https://auth.example.com"}
	if _, err := gate.New(c); err != nil {
		t.Error(err)
	}
	c.Environ = append(c.Environ, "AUTHORIZATION__REQUIRED_SCOPES=a", "authorization__x=secret")
	want := "gate: environment variable AUTHORIZATION__REQUIRED_SCOPES: does not say for which upstream it is; write ${NAME} in the block of the upstream instead\n" +
		"environment variable authorization__x: does not say for which upstream it is; write ${NAME} in the block of the upstream instead"
	if _, err := gate.New(c); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// An authorization block can be a file of its own, as for other programs.
func TestAuthorizationFile(t *testing.T) {
	text := "listen: 127.0.0.1:0\nupstreams:\n- {name: a, url: \"http://127.0.0.1:1\", authorization_file: a.yaml}\n"
	if got := mistakesOf(t, text, "a.yaml", "authorization: {issuer_url: \"https://auth.example.com\", resource_server_url: \"https://mcp.example.com/mcp\"}\n"); got != "" {
		t.Error(got)
	}
	if got := mistakesOf(t, text, "a.yaml", "authorization:\n  oops: 1\n"); got != "gate: upstream \"a\": DIR/a.yaml:2: oops: unknown key" {
		t.Error(got)
	}
}
