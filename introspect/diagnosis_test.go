package introspect_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The log record of a failed call names the URL, the status, the content type and the setting
// that fixes it. URL is the address of the endpoint.
func TestFailedCallIsExplained(t *testing.T) {
	reply := func(status int, contentType, body string) resourcetest.Failure {
		return resourcetest.Failure{Status: status, Body: []byte(body), Header: http.Header{"Content-Type": {contentType}}}
	}
	const check = "check introspection_endpoint (in Go: Endpoint)"
	for _, row := range []struct {
		name    string
		failure resourcetest.Failure
		want    string
	}{
		{"HTML", reply(200, "text/html; charset=utf-8", "<html>"), `POST URL: status 200, content type "text/html": want "application/json": ` + check},
		{"another content type, which is not quoted", reply(200, "text/secret-of-somebody", "<html>"), `POST URL: status 200, another content type: want "application/json": ` + check},
		{"no content type", resourcetest.Failure{Status: 200, Body: []byte("x"), Header: http.Header{"Content-Type": {""}}}, `POST URL: status 200, no content type: want "application/json": ` + check},
		{"malformed", reply(200, "application/json", "{"), `POST URL: status 200, content type "application/json": answer: malformed JSON`},
		{"404", reply(404, "text/plain", ""), `POST URL: status 404, content type "text/plain": ` + check},
		{"405", reply(405, "text/plain", ""), `POST URL: status 405, content type "text/plain": ` + check},
		{"500", reply(500, "application/problem+json", ""), `POST URL: status 500, content type "application/problem+json"`},
		{"400 with an unknown code", reply(400, "application/json", `{"error":"x"}`), `POST URL: status 400, content type "application/json", with an unknown error code`},
		{"403, as from a firewall", reply(403, "text/html", "<html>"), `POST URL: status 403, content type "text/html", without a readable error code`},
		{"302", resourcetest.Failure{Redirect: "https://auth.example.test/login"}, `outbound: redirect: POST "URL": status 302: redirects are not followed, configure the final URL: ` + check},
		{"304", reply(304, "", ""), `outbound: not modified: POST "URL": status 304: the request had no condition, so a cache between this program and the server is faulty`},
		{"refused", resourcetest.Failure{Refuse: true}, `outbound: connect: POST "URL": dial tcp: connection refused: ` + check},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, nil, func(fx *fixture) {
				fx.endpointFails(row.failure)
				fx.request("some-opaque-token")
				if got := fx.loggedError(); !strings.HasPrefix(got, row.want) {
					fx.Errorf("(-want +got)\n- %s\n+ %s", row.want, got)
				}
			})
		})
	}
}

// The log record of rejected credentials names the URL, the method of authentication and the
// setting, and white space in the secret, which is often the line break at the end of a file.
func TestRejectedCredentialsAreExplained(t *testing.T) {
	const check = "the endpoint rejects our credentials: check client_id and client_secret (in Go: Auth)"
	const request = `: POST URL: status 401, content type "application/json", error invalid_client`
	function := func(text string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return text, nil }
	}
	for _, row := range []struct {
		name string
		auth introspect.ClientAuth
		want string
	}{
		{"Basic", introspect.ClientAuth{ClientID: "c", ClientSecret: "wrong"}, check + ", method client_secret_basic" + request},
		{"Basic, a character that is encoded", introspect.ClientAuth{ClientID: "admin@t.example", ClientSecret: "wrong"}, check + "; a server that does not decode Basic needs method client_secret_basic_raw, method client_secret_basic" + request},
		{"Basic without encoding", introspect.ClientAuth{Method: introspect.ClientSecretBasicRaw, ClientID: "admin@t.example", ClientSecret: "wrong"}, check + ", method client_secret_basic_raw" + request},
		{"Basic, a line break at the end", introspect.ClientAuth{ClientID: "c", ClientSecretFunc: function("wrong\n")}, check + "; the secret ends in white space, method client_secret_basic" + request},
		{"Basic, a space at the beginning", introspect.ClientAuth{ClientID: "c", ClientSecret: " wrong"}, check + "; the secret begins with white space, method client_secret_basic" + request},
		{"the form, a tab at the end, from a function", introspect.ClientAuth{Method: introspect.ClientSecretPost, ClientID: "c", ClientSecretFunc: function("wrong\t")}, check + "; the secret ends in white space, method client_secret_post" + request},
		{"a client ID with a line break", introspect.ClientAuth{ClientID: "c\n", ClientSecret: "wrong"}, check + "; the client ID ends in white space, method client_secret_basic" + request},
		{"a bearer token", introspect.ClientAuth{Method: introspect.Bearer, BearerToken: "wrong"}, "the endpoint rejects our credentials: check introspection_bearer_token (in Go: Auth), method bearer" + request},
		{"a bearer token with a line break", introspect.ClientAuth{Method: introspect.Bearer, BearerTokenFunc: function("wrong\n")}, "our credentials are not available: bearer token is not a b64token (RFC 6750 §2.1); it ends in white space"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(_ *resource.Config, c *introspect.Config) { c.Auth = row.auth }, func(fx *fixture) {
				fx.endpointFails(resourcetest.Failure{Status: 401, Body: []byte(`{"error":"invalid_client"}`), Header: http.Header{"Content-Type": {"application/json"}}})
				fx.request("some-opaque-token")
				if got := fx.loggedError(); got != row.want {
					fx.Errorf("(-want +got)\n- %s\n+ %s", row.want, got)
				}
				what, _, _ := strings.Cut(row.want, ", method ")
				if _, rejection, _ := strings.Cut(fx.log.String(), `"msg":"request rejected"`); !strings.Contains(rejection, what) {
					fx.Errorf("got the record %s of the rejection, want %s in it, although it is cut", rejection, what)
				}
				if strings.Contains(fx.log.String(), "wrong") {
					fx.Errorf("the secret is in the log: %s", fx.log)
				}
			})
		})
	}
}

// loggedError returns the error in the first log record of the verifier, with URL instead of the
// address of the endpoint.
func (fx *fixture) loggedError() string {
	line, _, _ := strings.Cut(fx.log.String(), "\n")
	var record struct{ Msg, Error string }
	if err := json.Unmarshal([]byte(line), &record); err != nil || !strings.HasPrefix(record.Msg, "introspection failed") {
		fx.Errorf("the first record is %s", line)
	}
	return strings.ReplaceAll(record.Error, fx.issuer.URL(resourcetest.Introspection), "URL")
}

// Without metadata, the error names the setting that makes discovery unnecessary.
func TestFailedDiscoveryIsExplained(t *testing.T) {
	for name, row := range map[string]struct {
		change func(fx *fixture)
		want   string
	}{
		"no metadata": {func(fx *fixture) { fx.issuer.Fail(resourcetest.Metadata, resourcetest.Failure{Status: 404}) }, "; if the issuer publishes no metadata, set introspection_endpoint (in Go: Endpoint)"},
		"no endpoint": {func(fx *fixture) { fx.issuer.SetMetadata(map[string]any{"introspection_endpoint": nil}) },
			`metadata of issuer "https://auth.example.test" at "https://auth.example.test/.well-known/oauth-authorization-server" has no introspection_endpoint: set introspection_endpoint (in Go: Endpoint)`},
	} {
		inBubble(t, withDiscovery, func(fx *fixture) {
			row.change(fx)
			fx.request("some-opaque-token")
			if got := fx.loggedError(); !strings.HasSuffix(got, row.want) {
				fx.Errorf("%s (-want +got)\n- %s\n+ %s", name, row.want, got)
			}
			if err := fx.verifier.Ready(fx.Context()); err == nil || !strings.HasSuffix(err.Error(), row.want) {
				fx.Errorf("%s: Ready returned %v", name, err)
			}
		})
	}
}
