package adaptertest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// unavailableVerifier verifies opaque tokens of an issuer that cannot be reached.
type unavailableVerifier struct{}

func (unavailableVerifier) Issuer() string { return "https://down.example.test" }

func (unavailableVerifier) Verify(context.Context, *resource.Token) (*resource.Claims, error) {
	return nil, &resource.Error{Reason: resource.ReasonVerifierUnavailable, RetryAfter: 1500 * time.Millisecond}
}

// allOutcomes sets a configuration that can produce every kind of response.
func allOutcomes(c *resource.Config) {
	c.Scopes, c.Limits.MaxBodyBytes, c.Opaque = []string{"base"}, 1000, &resource.Issuer{Verifier: unavailableVerifier{}}
	c.Operations = resource.Operations{
		Methods: map[string][]string{"tools/list": {"list"}},
		Tools:   map[string][]string{"echo": {}, "delete": {"admin"}, "erase": {"admin"}, "fail": {}},
		Authentication: resource.OperationAuthentication{Tools: map[string]resource.Authentication{
			"erase": {ACRValues: []string{"gold"}}, "pay": {ACRValues: []string{"gold", "a<b"}, MaxAge: 5 * time.Minute}, "vote": {ACRValues: []string{"id"}}, "sign": {MaxAge: time.Minute},
		}},
		Undeclared: resource.DenyUndeclared,
		Public:     []string{"prompts/list"},
		Rule: func(_ context.Context, o resource.Operation, _ *resource.Caller) ([]string, error) {
			if o.Name == "fail" {
				return nil, errors.New("not for clients")
			}
			return nil, nil
		},
	}
}

func call(tool string) string {
	return `{"jsonrpc":"2.0", "id":"x", "method":"tools/call","params":{"name":"` + tool + `"}}`
}

// rpcError returns a JSON-RPC error with its data; "" for none.
func rpcError(id string, code int, message, data string) string {
	if data != "" {
		data = `,"data":` + data
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"%s"%s}}`, id, code, message, data) + "\n"
}

// TestResponses compares whole responses: the status, every header field and the body,
// byte for byte.
func TestResponses(t *testing.T) {
	const (
		scoped       = pointer + `, scope="base"`
		invalid      = `"invalid_token", error_description="The access token is invalid"`
		insufficient = `"insufficient_scope", error_description="The access token lacks a scope that this request needs"`
	)
	type headers map[string]string
	oauthError := func(code, description string) string {
		return `{"error":"` + code + `","error_description":"` + description + `"}` + "\n"
	}
	// rejected returns the JSON-RPC error of a rejected POST. scopes are those of the challenge.
	rejected := func(id string, status int, code, description, advice, scopes string) string {
		data := strings.TrimSuffix(`{"error":"`+code+`",`, `"error":"",`) + `"error_description":"` + description + `"`
		if scopes != "" {
			data += `,"scope":"` + scopes + `"`
		}
		return rpcError(id, status, description+". "+advice, data+"}")
	}
	const (
		login, operator = "Log in again", "Ask the operator of this server, whose log has the cause"
		lacking         = "The access token lacks a scope that this request needs"
		weak            = "The login of the user is not strong or recent enough for this request"
		weakly          = `"insufficient_user_authentication", error_description="` + weak + `"` // RFC 9470 §3
	)
	// needsLogin returns the JSON-RPC error for a login. with are further members of the data.
	needsLogin := func(id, advice, with string) string {
		return rpcError(id, 401, weak+". "+advice, `{"error":"insufficient_user_authentication","error_description":"`+weak+`"`+with+"}")
	}
	missingPublic := rejected(`"x"`, 401, "", "Authorization is required", "Log in, or configure the client with an access token for this server", "base") // the rule for public operations needed the body
	missingPost := rejected("null", 401, "", "Authorization is required", "Log in, or configure the client with an access token for this server", "base")
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		reached := false
		url := serve(t, a.handler(newResource(t, issuer, allOutcomes), http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			reached = true
			_, _ = io.Copy(w, req.Body) // must be the body that the client sent
		})))
		bearer := func(token resourcetest.Token) headers {
			token.Audience = identifier
			return headers{"Authorization": "Bearer " + issuer.Token(token)}
		}
		expired, base := bearer(resourcetest.Token{Lifetime: -time.Hour}), bearer(resourcetest.Token{Scope: "base", Claims: map[string]any{"acr": "gold"}})
		plain, admin := bearer(resourcetest.Token{Scope: "base"}), bearer(resourcetest.Token{Scope: "base admin"})
		with := func(name, value string) headers {
			all := maps.Clone(base)
			all[name] = value
			return all
		}
		for _, row := range []struct {
			name, method, body string
			sent               headers
			status             int
			want               headers
			wantBody           string
		}{
			{"accepted, with an unchanged body", "POST", " " + call("echo"), base, 200, nil, " " + call("echo")},
			{"accepted, public and without credentials", "POST", `{"jsonrpc":"2.0","id":1,"method":"prompts/list"}`, nil, 200, nil, `{"jsonrpc":"2.0","id":1,"method":"prompts/list"}`},
			{"accepted, GET with a body that the middleware does not read", "GET", "anything", base, 200, nil, "anything"},
			{"no credentials", "POST", call("echo"), nil, 401, headers{"Www-Authenticate": scoped}, missingPublic},
			{"no credentials, GET", "GET", "", nil, 401, headers{"Www-Authenticate": scoped}, missing},
			{"no credentials, HEAD", "HEAD", "", nil, 401, headers{"Www-Authenticate": scoped, "Content-Length": "50"}, ""},
			{"no credentials, a WebDAV method", "PROPFIND", "", nil, 401, headers{"Www-Authenticate": scoped}, missing},
			{"another scheme", "POST", call("echo"), headers{"Authorization": "Basic dTpw"}, 401, headers{"Www-Authenticate": scoped}, missingPost},
			{"a malformed header", "POST", call("echo"), headers{"Authorization": "Bearer a b"}, 400, headers{"Www-Authenticate": pointer + `, error="invalid_request", error_description="The credentials are malformed, or more than one"`}, rejected("null", 400, "invalid_request", "The credentials are malformed, or more than one", "Send exactly one credential, without spaces in it", "")},
			{"a malformed token", "POST", call("echo"), headers{"Authorization": "Bearer eyJ9.e30.x"}, 401, headers{"Www-Authenticate": scoped + `, error=` + invalid}, rejected("null", 401, "invalid_token", "The access token is invalid", login, "base")},
			{"an expired token", "POST", call("echo"), expired, 401, headers{"Www-Authenticate": scoped + `, error="invalid_token", error_description="The access token expired"`}, rejected("null", 401, "invalid_token", "The access token expired", "Refresh it, or log in again", "base")},
			{"no credentials, in a form", "POST", call("echo"), headers{"Content-Type": "application/x-www-form-urlencoded"}, 401, headers{"Www-Authenticate": scoped}, missing},
			{"no credentials, JSON with a charset", "POST", call("echo"), headers{"Content-Type": "Application/JSON ; charset=x"}, 401, headers{"Www-Authenticate": scoped}, missingPost},
			{"an expired token, PUT", "PUT", call("echo"), expired, 401, headers{"Www-Authenticate": scoped + `, error="invalid_token", error_description="The access token expired"`}, oauthError("invalid_token", "The access token expired")},
			{"a tool without a rule, PUT", "PUT", call("other"), base, 403, nil, `{"error_description":"No rule permits the operation"}` + "\n"},
			{"a tool without a rule, by a notification", "POST", `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"other"}}`, base, 403, nil, rejected("null", 403, "", "No rule permits the operation", "Ask the operator of this server to permit it", "")},
			{"a base scope is missing", "GET", "", bearer(resourcetest.Token{}), 403, headers{"Www-Authenticate": scoped + `, error=` + insufficient}, oauthError("insufficient_scope", "The access token lacks a scope that this request needs")},
			{"a scope of the tool is missing: the challenge names all scopes", "POST", call("delete"), base, 403, headers{"Www-Authenticate": pointer + `, scope="base admin", error=` + insufficient}, rejected(`"x"`, 403, "insufficient_scope", lacking, "Log in again and grant all of these scopes: base admin", "base admin")},
			{"scopes of a batch are missing: the challenge names all scopes", "POST", `[` + call("delete") + `,{"jsonrpc":"2.0","id":1,"method":"tools/list"}]`, base, 403, headers{"Www-Authenticate": pointer + `, scope="base admin list", error=` + insufficient}, rejected("null", 403, "insufficient_scope", lacking, "Log in again and grant all of these scopes: base admin list", "base admin list")},
			{"a login is too old: no scope is missing, so the challenge names none", "POST", call("pay"), base, 401, headers{"Www-Authenticate": pointer + `, error=` + weakly + `, acr_values="gold a<b", max_age="300"`}, needsLogin(`"x"`, `Log in again with acr_values=gold a\u003cb and max_age=300`, `,"acr_values":"gold a\u003cb","max_age":300`)},
			{"a login is too old, PUT", "PUT", call("pay"), base, 401, headers{"Www-Authenticate": pointer + `, error=` + weakly + `, acr_values="gold a<b", max_age="300"`}, `{"error":"insufficient_user_authentication","error_description":"` + weak + `","acr_values":"gold a\u003cb","max_age":300}` + "\n"},
			{"only the age of a login is limited", "POST", call("sign"), plain, 401, headers{"Www-Authenticate": pointer + `, error=` + weakly + `, max_age="60"`}, needsLogin(`"x"`, `Log in again with max_age=60`, `,"max_age":60`)},
			{"a login is too weak and a scope is missing: one challenge names both", "POST", call("erase"), plain, 401, headers{"Www-Authenticate": pointer + `, scope="base admin", error=` + weakly + `, acr_values="gold"`}, needsLogin(`"x"`, `Log in again with acr_values=gold, and grant all of these scopes: base admin`, `,"scope":"base admin","acr_values":"gold"`)},
			{"a login is too weak and the scope is granted", "POST", call("erase"), admin, 401, headers{"Www-Authenticate": pointer + `, error=` + weakly + `, acr_values="gold"`}, needsLogin(`"x"`, `Log in again with acr_values=gold`, `,"acr_values":"gold"`)},
			{"logins of a batch: one challenge for both", "POST", `[` + call("pay") + `,` + call("erase") + `]`, admin, 401, headers{"Www-Authenticate": pointer + `, error=` + weakly + `, acr_values="gold", max_age="300"`}, needsLogin("null", `Log in again with acr_values=gold and max_age=300`, `,"acr_values":"gold","max_age":300`)},
			{"logins of a batch that no login meets", "POST", `[` + call("vote") + `,` + call("pay") + `]`, base, 403, nil, rejected("null", 403, "", "The request needs a login that this access token cannot have", operator, "")},
			{"a tool without a rule", "POST", call("other"), base, 403, nil, rejected(`"x"`, 403, "", "No rule permits the operation", "Ask the operator of this server to permit it", "")},
			{"an ambiguous body", "POST", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Name":"delete"}}`, base, 400, nil, rpcError("1", -32600, "The body is not a JSON-RPC message with a single meaning", "")},
			{"a header that contradicts the body", "POST", call("echo"), with("Mcp-Name", "delete"), 400, nil, rpcError(`"x"`, -32020, "Mcp-Method or Mcp-Name differs from the body", "")},
			{"a body that is too large", "POST", call("echo") + strings.Repeat(" ", 1000), base, 413, nil, rpcError("null", -32600, "The body is too large", "")},
			{"an encoded body", "POST", call("echo"), with("Content-Encoding", "gzip"), 415, nil, rpcError("null", -32600, "The body must be application/json without encoding", "")},
			{"a rule that fails", "POST", call("fail"), base, 500, nil, rejected(`"x"`, 500, "", "The request could not be authorized", operator, "")},
			{"an issuer that cannot be reached", "POST", call("echo"), headers{"Authorization": "Bearer opaque"}, 503, headers{"Retry-After": "2"}, rejected("null", 503, "", "The access token cannot be checked at the moment", "Try again later", "")},
		} {
			t.Run(row.name, func(t *testing.T) {
				reached = false
				req := request(t, row.method, url+"/mcp", "", strings.NewReader(row.body))
				req.Header.Set("Content-Type", "application/json")
				for name, value := range row.sent {
					req.Header.Set(name, value)
				}
				response, body := do(t, req)
				if response.StatusCode != row.status || body != row.wantBody || reached != (row.status == 200) {
					t.Errorf("\n got %d %q, handler reached: %v\nwant %d %q", response.StatusCode, body, reached, row.status, row.wantBody)
				}
				want := headers{
					"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
					"Content-Type": "application/json", "Content-Length": fmt.Sprint(len(row.wantBody)),
				}
				maps.Copy(want, row.want)
				if got := joinHeader(response.Header); row.status != 200 && !maps.Equal(got, map[string]string(want)) {
					t.Errorf("header:\n got %q\nwant %q", got, want)
				}
			})
		}
	})
}

// TestIDOfRequire checks the id in a JSON-RPC error of Require: that of the only request, if the
// rules of the resource needed the body. Without rules no body is read.
func TestIDOfRequire(t *testing.T) {
	const lacking = "The access token lacks a scope that this request needs"
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		for _, row := range []struct {
			name  string
			rules resource.Operations
			body  string
			id    string
		}{
			{"rules", resource.Operations{Tools: map[string][]string{"x": {}}}, call("echo"), `"x"`},
			{"rules, a batch", resource.Operations{Tools: map[string][]string{"x": {}}}, "[" + call("echo") + "," + call("echo") + "]", "null"},
			{"rules, a response of the client", resource.Operations{Tools: map[string][]string{"x": {}}}, `{"jsonrpc":"2.0","id":1,"result":{}}`, "null"},
			{"no rules", resource.Operations{}, call("echo"), "null"},
		} {
			res := newResource(t, issuer, func(c *resource.Config) { c.Operations = row.rules })
			url := serve(t, a.routes(nil, map[string]route{"/mcp": {[]guard{{res: res}, {res, []string{"extra"}}}, http.HandlerFunc(whoami)}}))
			req := request(t, "POST", url+"/mcp", issuer.Token(resourcetest.Token{Audience: identifier}), strings.NewReader(row.body))
			req.Header.Set("Content-Type", "application/json")
			_, body := do(t, req)
			want := rpcError(row.id, 403, lacking+". Log in again and grant all of these scopes: extra", `{"error":"insufficient_scope","error_description":"`+lacking+`","scope":"extra"}`)
			if body != want {
				t.Errorf("%s:\n got %s\nwant %s", row.name, body, want)
			}
		}
	})
}

// TestRejectionReadsNoBody checks that no body is read for the sake of a rejection.
func TestRejectionReadsNoBody(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		h := a.handler(newResource(t, issuer, func(c *resource.Config) { c.Scopes = []string{"base"} }), http.HandlerFunc(whoami))
		for token, status := range map[string]int{"": 401, "x": 401, "a b": 400, issuer.Token(resourcetest.Token{Audience: identifier}): 403} {
			body := &unreadBody{}
			req := request(t, "POST", identifier, token, body)
			req.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, req); w.Code != status || body.read || !strings.HasPrefix(w.Body.String(), `{"jsonrpc":"2.0","id":null,"error":{"code":`+fmt.Sprint(status)) {
				t.Errorf("got %d %s, body read: %v; want %d", w.Code, w.Body, body.read, status)
			}
		}
	})
}

// unreadBody records whether it was read.
type unreadBody struct{ read bool }

func (b *unreadBody) Read([]byte) (int, error) {
	b.read = true
	return 0, io.EOF
}

// joinHeader returns the fields of a header without Date. It joins several lines of one
// field with a newline.
func joinHeader(header http.Header) map[string]string {
	all := map[string]string{}
	for name, values := range header {
		if name != "Date" {
			all[name] = strings.Join(values, "\n")
		}
	}
	return all
}
