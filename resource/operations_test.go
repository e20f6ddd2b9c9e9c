package resource_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// post sends a JSON-RPC body with a token and further headers, given as name and value.
func (f *fixture) post(token, body string, headers ...string) answer {
	f.t.Helper()
	req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	f.inner = func(w http.ResponseWriter, req *http.Request) {
		if got, err := io.ReadAll(req.Body); err != nil || string(got) != body {
			f.t.Errorf("the inner handler read %q, error %v; want %q", got, err, body)
		}
		w.WriteHeader(http.StatusOK)
	}
	return f.send(req)
}

// rpcError is a response with a JSON-RPC error and without a challenge.
func rpcError(status, code int, id, message string) answer {
	return answer{status, "", fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"%s"}}`, id, code, message) + "\n"}
}

var (
	badBody = badMessage("null")
	// badOperation is what Permit returns for an operation that could not be in a body.
	badOperation = answer{400, "", `{"error_description":"The body is not a JSON-RPC message with a single meaning"}` + "\n"}

	tooLarge   = rpcError(413, -32600, "null", "The body is too large")
	notJSON    = answer{415, "", `{"error_description":"The body must be application/json without encoding"}` + "\n"}
	badType    = rpcError(415, -32600, "null", "The body must be application/json without encoding")
	undeclared = answer{403, "", `{"error_description":"No rule permits the operation"}` + "\n"}
)

// badMessage is the response to a body that has no single meaning, with the id of its message.
func badMessage(id string) answer {
	return rpcError(400, -32600, id, "The body is not a JSON-RPC message with a single meaning")
}

// headerMismatch is the response to a header that contradicts the body.
func headerMismatch(id string) answer {
	return rpcError(400, -32020, id, "Mcp-Method or Mcp-Name differs from the body")
}

// rpcCall returns a JSON-RPC request with the params.
func rpcCall(method, params string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`
}

var testRules = resource.Operations{
	Methods: map[string][]string{"tools/call": {"call"}, "tools/list": {"list"}, "notifications/cancelled": {"cancel"}},
	Tools:   map[string][]string{"delete": {"admin", "call"}, "echo": {}},
	Prompts: map[string][]string{"greet": {"prompt"}},
	Resources: []resource.ResourceRule{
		{URI: "file:///secret", Scopes: []string{"secret"}},
		{Prefix: "file:///private/", Scopes: []string{"private"}},
		{Template: "db://{table}/{id}", Scopes: []string{"db"}},
	},
}

func TestOperationRules(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Scopes, c.Operations = []string{"base"}, testRules })
	base := f.token(resourcetest.Token{Scope: "base"})
	for _, row := range []struct{ name, body, needs string }{
		{"method with a rule", rpcCall("tools/list", `{}`), "base list"},
		{"method without params", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "base list"},
		{"method without a rule", rpcCall("prompts/list", `{}`), ""},
		{"tool with a rule", rpcCall("tools/call", `{"name":"delete"}`), "base call admin"},
		{"tool, different order of members", `{"params":{"arguments":{},"name":"delete"},"method":"tools/call","id":"x","jsonrpc":"2.0"}`, "base call admin"},
		{"tool, with escapes in JSON", `{"jsonrpc":"2.0","id":1,"m\u0065thod":"tools\/c\u0061ll","params":{"n\u0061me":"d\u0065lete"}}`, "base call admin"},
		{"tool called by a notification", `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"delete"}}`, "base call admin"},
		{"tool without a rule", rpcCall("tools/call", `{"name":"other"}`), "base call"},
		{"tool in different case", rpcCall("tools/call", `{"name":"Delete"}`), "base call"},
		{"prompt", rpcCall("prompts/get", `{"name":"greet"}`), "base prompt"},
		{"completion of a prompt", rpcCall("completion/complete", `{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"a","value":"b"}}`), "base prompt"},
		{"completion of a resource", rpcCall("completion/complete", `{"ref":{"type":"ref/resource","uri":"file:///secret"}}`), "base secret"},
		{"completion of a template, by its text", rpcCall("completion/complete", `{"ref":{"type":"ref/resource","uri":"db://{table}/{id}"}}`), "base db"},
		{"task, which may be of any tool", rpcCall("tasks/get", `{"taskId":"7"}`), "base admin call"},
		{"notification", `{"jsonrpc":"2.0","method":"notifications/cancelled"}`, "base cancel"},
		{"notification without a rule", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, ""},
		{"response", `{"jsonrpc":"2.0","id":1,"result":{"method":"tools/call","params":{"name":"delete"}}}`, ""},
		{"resource", rpcCall("resources/read", `{"uri":"file:///secret"}`), "base secret"},
		{"subscription, legacy", rpcCall("resources/subscribe", `{"uri":"file:///secret"}`), "base secret"},
		{"subscription, legacy, without a URI: all rules apply", rpcCall("resources/subscribe", `{}`), "base secret private db"},
		{"subscription, legacy, without params: all rules apply", `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe"}`, "base secret private db"},
		{"end of a subscription, empty URI: all rules apply", rpcCall("resources/unsubscribe", `{"uri":""}`), "base secret private db"},
		{"subscription", rpcCall("subscriptions/listen", `{"notifications":{"resourceSubscriptions":["file:///a","file:///secret","db://x/1"]}}`), "base secret db"},
		{"batch: the union", `[` + rpcCall("tools/list", `{}`) + `,` + rpcCall("tools/call", `{"name":"delete"}`) + `]`, "base list call admin"},
		{"batch of one", ` [` + rpcCall("tools/list", `{}`) + `] `, "base list"},
	} {
		want := accepted
		if row.needs != "" {
			want = insufficient(row.needs)
		}
		f.expect(row.name, f.post(base, row.body), want)
		f.expect(row.name+", with the scopes", f.post(f.token(resourcetest.Token{Scope: "base " + row.needs}), row.body), accepted)
	}
}

// No spelling of a URI avoids a rule. A URI that is not plain needs the scopes of every rule.
func TestResourceRulesMatchEquivalentURIs(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = testRules })
	token := f.token(resourcetest.Token{})
	const anyRule = "secret private db" // servers could interpret the URI as any of them
	for _, row := range []struct{ uri, needs string }{
		{"file:///secret", "secret"},
		{"file:///s%65cret", anyRule},
		{"file:///s%2565cret", anyRule},
		{"file:///SECRET", "secret"},
		{"FILE:///secret", anyRule},
		{"file:///./secret", anyRule},
		{"file:///x/../secret", anyRule},
		{"file:///x/%2e%2e/secret", anyRule},
		{"file:///x%2f..%2fsecret", anyRule},
		{"file:////secret", anyRule},
		{`file:///x\\..\\secret`, anyRule},
		{"file:///secret?x", anyRule},
		{"file:///secret#x", anyRule},
		{"file:///secret%00.txt", anyRule},
		{"file:///\u017fecret", anyRule},
		{"file:///secret2", ""},
		{"file:///secre", ""},
		{"file:///private/a", "private"},
		{"file:///private/", anyRule},
		{"file:///private/.", anyRule},
		{"file:///private", "private"},
		{"file:///public/../private/a", anyRule},
		{"file:///Private/a", "private"},
		{"file:///privateer", ""},
		{"file:///private/../public", anyRule},
		{"db://users/1", "db"},
		{"DB://users/1", anyRule},
		{"db://users/%31", anyRule},
		{"db://users/x/../1", anyRule},
		{"db://users", ""},
		{"urn:x", anyRule},
		{"file:/secret", anyRule},
		{"file://localhost/secret", anyRule},
		{"file:secret", anyRule},
		{"file:///secret/", anyRule},
		{"file:///secret.", anyRule},
		{"file:///secre\u0074\u0301", anyRule},
		{"file:///x?/../secret", anyRule},
		{"file:///x?y=z", anyRule},
		{"file:///x%3F", anyRule},
		{"file:///secret%3Fx", anyRule},
		{"file:///%C3%A9", anyRule},
		{"file:///x//y", anyRule},
		{"%", anyRule},
	} {
		want := accepted
		if row.needs != "" {
			want = insufficient(row.needs)
		}
		f.expect(row.uri, f.post(token, rpcCall("resources/read", `{"uri":"`+row.uri+`"}`)), want)
	}
}

// TestAmbiguousBodies tests bodies that two JSON readers could take for different operations.
// The response repeats the id where the body has exactly one (JSON-RPC 2.0, section 5).
func TestAmbiguousBodies(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = testRules })
	token := f.token(resourcetest.Token{Scope: "call admin list secret private db prompt"})
	valid := rpcCall("tools/call", `{"name":"delete"}`)
	deep := func(n int) string {
		return rpcCall("tools/call", `{"name":"delete","arguments":`+strings.Repeat("[", n)+strings.Repeat("]", n)+`}`)
	}
	batch := func(n int) string { return `[` + strings.Repeat(valid+`,`, n-1) + valid + `]` }
	for _, row := range []struct {
		name, body string
		want       answer
	}{
		{"valid", valid, accepted},
		{"white space before and after", "\r\n\t " + valid + " \n", accepted},
		{"two values", valid + valid, badBody},
		{"two values on two lines", valid + "\n" + valid, badBody},
		{"empty", "", badBody},
		{"not JSON", "x", badBody},
		{"null", "null", badBody},
		{"string", `"x"`, badBody},
		{"byte order mark", "\ufeff" + valid, badBody},
		{"UTF-16", "\x00{", badBody},
		{"truncated", valid[:len(valid)-1], badBody},
		{"invalid UTF-8", rpcCall("tools/call", "{\"name\":\"delete\xff\"}"), badMessage("1")},
		{"lone surrogate", rpcCall("tools/call", `{"name":"delete\ud800"}`), badMessage("1")},
		{"duplicate method", `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"delete"}}`, badMessage("1")},
		{"duplicate method, one with escapes", `{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call"}`, badMessage("1")},
		{"both method and Method", `{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}`, badMessage("1")},
		{"METHOD instead of method", `{"jsonrpc":"2.0","id":1,"METHOD":"tools/call"}`, badMessage("1")},
		{"long s in params", `{"jsonrpc":"2.0","id":1,"method":"tools/call","param\u017f":{"name":"delete"}}`, badMessage("1")},
		{"duplicate name", rpcCall("tools/call", `{"name":"echo","name":"delete"}`), badMessage("1")},
		{"both name and Name", rpcCall("tools/call", `{"name":"echo","Name":"delete"}`), badMessage("1")},
		{"both uri and URI", rpcCall("resources/read", `{"uri":"file:///a","URI":"file:///secret"}`), badMessage("1")},
		{"a duplicate id", `{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}`, badBody},
		{"a lone surrogate in the id", `{"jsonrpc":"2.0","id":"\ud800","method":"ping"}`, badBody},
		{"a duplicate name in the id", `{"jsonrpc":"2.0","id":{"a":1,"a":2},"method":"ping"}`, badBody},
		{"a lone surrogate in an unknown name", `{"jsonrpc":"2.0","id":1,"\ud800":1,"method":"ping"}`, badMessage("1")},
		{"a duplicate of an unknown name in params", rpcCall("tools/call", `{"name":"echo","_meta":{},"_meta":{}}`), badMessage("1")},
		{"a duplicate name in the reference of a completion", rpcCall("completion/complete", `{"ref":{"type":"ref/prompt","name":"greet","name":"x"}}`), badMessage("1")},
		{"no name", rpcCall("tools/call", `{}`), badMessage("1")},
		{"name is null", rpcCall("tools/call", `{"name":null}`), badMessage("1")},
		{"name is empty", rpcCall("tools/call", `{"name":""}`), badMessage("1")},
		{"name is a number", rpcCall("tools/call", `{"name":1}`), badMessage("1")},
		{"no params", `{"jsonrpc":"2.0","id":1,"method":"tools/call"}`, badMessage("1")},
		{"params is an array", rpcCall("tools/call", `["delete"]`), badMessage("1")},
		{"params is a string", rpcCall("tools/list", `"x"`), badMessage("1")},
		{"method is null", `{"jsonrpc":"2.0","id":1,"method":null}`, badMessage("1")},
		{"method is empty", `{"jsonrpc":"2.0","id":1,"method":""}`, badMessage("1")},
		{"method is a number", `{"jsonrpc":"2.0","id":1,"method":1}`, badMessage("1")},
		{"neither method nor result", `{"jsonrpc":"2.0","id":1}`, badMessage("1")},
		{"both method and result", `{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}`, badMessage("1")},
		{"no version", `{"id":1,"method":"ping"}`, badMessage("1")},
		{"version 1", `{"jsonrpc":"1.0","id":1,"method":"ping"}`, badMessage("1")},
		{"completion without a name", rpcCall("completion/complete", `{"ref":{"type":"ref/prompt"}}`), badMessage("1")},
		{"completion of a prompt, with a uri", rpcCall("completion/complete", `{"ref":{"type":"ref/prompt","uri":"file:///secret"}}`), badMessage("1")},
		{"completion without a type", rpcCall("completion/complete", `{"ref":{"name":"greet"}}`), badMessage("1")},
		{"completion of another type", rpcCall("completion/complete", `{"ref":{"type":"ref/tool","name":"greet"}}`), badMessage("1")},
		{"completion with both name and uri", rpcCall("completion/complete", `{"ref":{"type":"ref/prompt","name":"greet","uri":"file:///a"}}`), badMessage("1")},
		{"depth 10,000", deep(9_998), accepted},
		{"depth 10,001", deep(9_999), badMessage("1")},
		{"empty batch", `[]`, badBody},
		{"batch that contains a number", `[1]`, badBody},
		{"batch in a batch", `[[` + valid + `]]`, badBody},
		{"batch of 100", batch(100), accepted},
		{"batch of 101", batch(101), badBody},
	} {
		f.expect(row.name, f.post(token, row.body), row.want)
	}
}

func TestBodyHeaders(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = testRules })
	token := f.token(resourcetest.Token{Scope: "call admin list"})
	valid, batch := rpcCall("tools/call", `{"name":"delete"}`), `[`+rpcCall("tools/list", `{}`)+`]`
	named := func(name string) string { return rpcCall("tools/call", `{"name":"`+name+`"}`) }
	for _, row := range []struct {
		name, body string
		headers    []string
		want       answer
	}{
		{"no headers", valid, nil, accepted},
		{"both correct", valid, []string{"Mcp-Method", "tools/call", "Mcp-Name", "delete"}, accepted},
		{"name in base64", named("l\u00f6schen"), []string{"Mcp-Name", "=?base64?bMO2c2NoZW4=?="}, accepted},
		{"name in invalid base64", valid, []string{"Mcp-Name", "=?base64?bMO2c2NoZW4?="}, headerMismatch("1")},
		{"another method", valid, []string{"Mcp-Method", "ping"}, headerMismatch("1")},
		{"method in different case", valid, []string{"Mcp-Method", "Tools/Call"}, headerMismatch("1")},
		{"another name", valid, []string{"Mcp-Name", "echo"}, headerMismatch("1")},
		{"method repeated", valid, []string{"Mcp-Method", "tools/call", "Mcp-Method", "tools/call"}, headerMismatch("1")},
		{"name repeated", valid, []string{"Mcp-Name", "delete", "Mcp-Name", "delete"}, headerMismatch("1")},
		{"the answer contains the id", `{"jsonrpc":"2.0","id":"a\"b","method":"tools/list"}`, []string{"Mcp-Method", "x"}, headerMismatch(`"a\"b"`)},
		{"the answer does not contain a long id", `{"jsonrpc":"2.0","id":"` + strings.Repeat("x", 300) + `","method":"tools/list"}`, []string{"Mcp-Method", "x"}, headerMismatch("null")},
		{"name for a method without names", rpcCall("tools/list", `{}`), []string{"Mcp-Name", "x"}, accepted},
		{"batch, in a version with batches", batch, []string{"Mcp-Protocol-Version", "2025-03-26"}, accepted},
		{"batch, in a later version", batch, []string{"Mcp-Protocol-Version", "2025-06-18"}, badBody},
		{"batch, two versions", batch, []string{"Mcp-Protocol-Version", "2025-03-26", "Mcp-Protocol-Version", "2025-06-18"}, badBody},
		{"gzip", valid, []string{"Content-Encoding", "gzip"}, badType},
		{"identity", valid, []string{"Content-Encoding", "identity"}, accepted},
		{"two content types", valid, []string{"Content-Type", "application/json"}, notJSON},
	} {
		f.expect(row.name, f.post(token, row.body, row.headers...), row.want)
	}
	for _, row := range []struct {
		media string
		want  answer
	}{
		{"application/json; charset=utf-8", accepted},
		{"Application/JSON", accepted},
		{"application/json; charset=utf-16", badType},
		{"text/plain", notJSON},
		{"application/json-rpc", notJSON},
		{"", notJSON},
	} {
		req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(valid))
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", row.media)
		f.inner = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
		f.expect(row.media, f.send(req), row.want)
	}
}

func TestBodySizeLimit(t *testing.T) {
	for _, row := range []struct {
		name        string
		limit, size int
		want        answer
	}{
		{"default: 4 MiB", 0, 4 << 20, accepted},
		{"default: one byte more", 0, 4<<20 + 1, tooLarge},
		{"configured limit", 1000, 1000, accepted},
		{"configured limit: one byte more", 1000, 1001, tooLarge},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations, c.Limits.MaxBodyBytes = testRules, row.limit })
		body := rpcCall("ping", `{}`)
		body += strings.Repeat(" ", row.size-len(body))
		f.expect(row.name, f.post(f.token(resourcetest.Token{}), body), row.want)
	}
}

// The body is not read without rules, without a caller, or for GET and DELETE.
func TestUnreadBodies(t *testing.T) {
	for _, row := range []struct {
		name, method, token string
		rules               resource.Operations
	}{
		{"no rules", http.MethodPost, "valid", resource.Operations{}},
		{"no token", http.MethodPost, "", testRules},
		{"invalid token", http.MethodPost, "bad", testRules},
		{"GET", http.MethodGet, "valid", testRules},
		{"DELETE", http.MethodDelete, "valid", testRules},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = row.rules })
		req := httptest.NewRequest(row.method, identifier, unreadableBody{t, row.name})
		req.Header.Set("Content-Type", "application/json")
		if row.token == "valid" {
			row.token = f.token(resourcetest.Token{})
		}
		if row.token != "" {
			req.Header.Set("Authorization", "Bearer "+row.token)
		}
		f.res.Authenticate(req)
	}
}

// unreadableBody is a request body that must not be read.
type unreadableBody struct {
	t    *testing.T
	name string
}

func (u unreadableBody) Read([]byte) (int, error) {
	u.t.Errorf("%s: the body was read", u.name)
	return 0, io.EOF
}

func TestRuleFunction(t *testing.T) {
	var rule func(resource.Operation, *resource.Caller) ([]string, error)
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations = resource.Operations{
			Tools: map[string][]string{"delete": {"admin"}},
			Rule: func(_ context.Context, o resource.Operation, c *resource.Caller) ([]string, error) {
				return rule(o, c)
			},
		}
	})
	token := f.token(resourcetest.Token{Subject: "alice", Scope: "admin"})
	body := rpcCall("tools/call", `{"name":"delete","arguments":{"id": 7}}`)
	for _, row := range []struct {
		name string
		rule func(resource.Operation, *resource.Caller) ([]string, error)
		want answer
	}{
		{"no further scopes", func(resource.Operation, *resource.Caller) ([]string, error) { return nil, nil }, accepted},
		{"arguments of the rule", func(o resource.Operation, c *resource.Caller) ([]string, error) {
			if o.Method != "tools/call" || o.Name != "delete" || string(o.Arguments) != `{"id": 7}` || c.Subject() != "alice" {
				t.Errorf("got %+v %v", o, c)
			}
			return nil, nil
		}, accepted},
		{"further scopes", func(resource.Operation, *resource.Caller) ([]string, error) {
			return []string{"admin", "row:7"}, nil
		}, insufficient("admin row:7")},
		{"error", func(resource.Operation, *resource.Caller) ([]string, error) {
			return nil, errors.New("no")
		}, failed},
		{"panic", func(resource.Operation, *resource.Caller) ([]string, error) { panic("x") }, failed},
		{"malformed scope", func(resource.Operation, *resource.Caller) ([]string, error) {
			return []string{`a", x="b`}, nil
		}, failed},
	} {
		rule = row.rule
		f.expect(row.name, f.post(token, body), row.want)
	}
}

func TestUndeclaredOperations(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations = testRules
		c.Operations.Undeclared = resource.DenyUndeclared
	})
	token := f.token(resourcetest.Token{Scope: "call admin list secret private db prompt"})
	for _, row := range []struct {
		name, body string
		want       answer
	}{
		{"tool", rpcCall("tools/call", `{"name":"delete"}`), accepted},
		{"tool that needs no scope", rpcCall("tools/call", `{"name":"echo"}`), accepted},
		{"another tool", rpcCall("tools/call", `{"name":"other"}`), undeclared},
		{"prompt", rpcCall("prompts/get", `{"name":"greet"}`), accepted},
		{"another prompt", rpcCall("prompts/get", `{"name":"other"}`), undeclared},
		{"method", rpcCall("tools/list", `{}`), accepted},
		{"another method", rpcCall("prompts/list", `{}`), undeclared},
		{"resource", rpcCall("resources/read", `{"uri":"file:///secret"}`), accepted},
		{"the resource in different case", rpcCall("resources/read", `{"uri":"file:///SECRET"}`), undeclared},
		{"another resource", rpcCall("resources/read", `{"uri":"file:///x"}`), undeclared},
		{"resource by prefix", rpcCall("resources/read", `{"uri":"file:///private/x"}`), accepted},
		{"resource by template", rpcCall("resources/read", `{"uri":"db://a/b"}`), accepted},
		{"one of two subscriptions declared", rpcCall("subscriptions/listen", `{"notifications":{"resourceSubscriptions":["file:///secret","file:///x"]}}`), undeclared},
		{"both subscriptions declared", rpcCall("subscriptions/listen", `{"notifications":{"resourceSubscriptions":["file:///secret","db://a/b"]}}`), accepted},
		{"subscription to list changes", rpcCall("subscriptions/listen", `{"notifications":{"toolsListChanged":true}}`), undeclared},
		{"task", rpcCall("tasks/get", `{"taskId":"1"}`), undeclared},
		{"initialize", rpcCall("initialize", `{}`), accepted},
		{"ping", rpcCall("ping", `{}`), accepted},
		{"notification", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, accepted},
		{"response", `{"jsonrpc":"2.0","id":1,"result":{}}`, accepted},
		{"one request of a batch declared", `[` + rpcCall("tools/list", `{}`) + `,` + rpcCall("prompts/list", `{}`) + `]`, undeclared},
	} {
		f.expect(row.name, f.post(token, row.body), row.want)
	}
}

func TestPublicOperations(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Scopes = []string{"base"}
		c.Operations = resource.Operations{Public: []string{"initialize", "tools/list"}, PublicTools: []string{"search"}, Stateless: true}
	})
	challenged := noCredentials
	challenged.challenge = scoped("base")
	list := rpcCall("tools/list", `{}`)
	for _, row := range []struct {
		name, body string
		headers    []string
		want       answer
	}{
		{"public", list, nil, accepted},
		{"initialize, stateless server", rpcCall("initialize", `{}`), nil, accepted},
		{"notifications/initialized", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, nil, accepted},
		{"ping", rpcCall("ping", `{}`), nil, accepted},
		{"server/discover", rpcCall("server/discover", `{}`), nil, accepted},
		{"a session", list, []string{"Mcp-Session-Id", "s"}, challenged},
		{"an empty session", list, []string{"Mcp-Session-Id", ""}, challenged},
		{"a session in initialize", rpcCall("initialize", `{}`), []string{"Mcp-Session-Id", "s"}, challenged},
		{"a public tool", rpcCall("tools/call", `{"name":"search"}`), nil, accepted},
		{"a public tool as a task", rpcCall("tools/call", `{"name":"search","task":{"ttl":60000}}`), nil, challenged},
		{"a public tool with a null task", rpcCall("tools/call", `{"task":null,"name":"search"}`), nil, challenged},
		{"a task in the arguments", rpcCall("tools/call", `{"name":"search","arguments":{"task":{}}}`), nil, accepted},
		{"a list as a task", rpcCall("tools/list", `{"task":{}}`), nil, challenged},
		{"another notification", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, nil, challenged},
		{"a response", `{"jsonrpc":"2.0","id":1,"result":{}}`, nil, challenged},
		{"not public", rpcCall("tools/call", `{"name":"x"}`), nil, challenged},
		{"batch", `[` + list + `,` + list + `]`, nil, challenged},
		{"batch of one", `[` + list + `]`, nil, accepted},
		{"malformed", list + "x", nil, challenged},
		{"ambiguous", `{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call"}`, nil, challenged},
		{"a header that contradicts the body", list, []string{"Mcp-Method", "tools/call"}, challenged},
		{"another content type", list, []string{"Content-Type", "text/plain"}, challenged},
		{"64 KiB", list + strings.Repeat(" ", 64<<10-len(list)), nil, accepted},
		{"over 64 KiB", list + strings.Repeat(" ", 64<<10-len(list)+1), nil, challenged},
		{"credentials of another scheme", list, []string{"Authorization", "Basic dXNlcjpw"}, challenged},
		{"empty Authorization header", list, []string{"Authorization", ""}, accepted},
	} {
		f.expect(row.name, f.post("", row.body, row.headers...), row.want)
	}
	invalidScoped := invalid
	invalidScoped.challenge = strings.Replace(invalid.challenge, `", error`, `", scope="base", error`, 1)
	f.expect("invalid token", f.post("x", list), invalidScoped)
	f.expect("a token without a required scope", f.post(f.token(resourcetest.Token{}), list), insufficient("base"))
	for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPut} {
		req := httptest.NewRequest(method, identifier, strings.NewReader(list))
		req.Header.Set("Content-Type", "application/json")
		want := challenged
		if method != http.MethodPut {
			want = answer{405, "", `{"error_description":"Without a session only POST is allowed"}` + "\n"}
		}
		f.expect(method, f.send(req), want)
	}
	req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(list))
	req.Header.Set("Content-Type", "application/json")
	decision, refusal := f.res.Authenticate(req)
	if refusal != nil || decision.Caller != nil {
		t.Fatalf("got %v %v", decision.Caller, refusal)
	}
	if caller, ok := resource.FromContext(decision.Request.Context()); ok || caller != nil {
		t.Error("a public request has a caller")
	}
}

func TestStepUp(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Scopes, c.ScopeOptions.StepUp, c.Operations = []string{"base"}, resource.StepUpKeepGranted, testRules
	})
	token := f.token(resourcetest.Token{Scope: `prompt unheard-of base list x"y`})
	f.expect("the challenge names granted scopes that the configuration mentions",
		f.post(token, rpcCall("tools/call", `{"name":"delete"}`)), insufficient("base call admin prompt list"))
}

func TestOperationMistakes(t *testing.T) {
	for _, row := range []struct {
		name string
		o    resource.Operations
		want string
	}{
		{"malformed scope of a tool", resource.Operations{Tools: map[string][]string{"x": {"a b"}}}, `Operations.Tools["x"]`},
		{"empty name", resource.Operations{Prompts: map[string][]string{"": nil}}, "empty name"},
		{"resource rule without a pattern", resource.Operations{Resources: []resource.ResourceRule{{}}}, "exactly one of"},
		{"resource rule with two patterns", resource.Operations{Resources: []resource.ResourceRule{{URI: "a", Prefix: "b"}}}, "exactly one of"},
		{"invalid template", resource.Operations{Resources: []resource.ResourceRule{{Template: "a{"}}}, "RFC 6570"},
		{"public method that is not allowed", resource.Operations{Public: []string{"tools/call"}}, "cannot be public"},
		{"public method with scopes", resource.Operations{Public: []string{"tools/list"}, Methods: map[string][]string{"tools/list": {"a"}}}, "cannot have scopes and be public"},
		{"public initialize, and ping with scopes", resource.Operations{Public: []string{"initialize"}, Stateless: true, Methods: map[string][]string{"ping": {"a"}}}, `Operations.Public: "ping" needs the scopes`},
		{"public initialize, and server/discover with scopes", resource.Operations{Public: []string{"initialize"}, Stateless: true, Methods: map[string][]string{"server/discover": {"a"}}}, `Operations.Public: "server/discover" needs the scopes`},
		{"public initialize, and its notification with scopes", resource.Operations{Public: []string{"initialize"}, Stateless: true, Methods: map[string][]string{"notifications/initialized": {"a"}}}, `Operations.Public: "notifications/initialized" needs the scopes`},
		{"public initialize, stateful server", resource.Operations{Public: []string{"initialize"}}, "Stateless"},
		{"unknown value of Undeclared", resource.Operations{Undeclared: 7}, "Undeclared"},
	} {
		_, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier(t)}}, Operations: row.o})
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want an error that contains %q", row.name, err, row.want)
		}
	}
}

// Public operations count as declared: a client with a token may call them too.
func TestPublicOperationsAreDeclared(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations = resource.Operations{Public: []string{"tools/list"}, Undeclared: resource.DenyUndeclared}
	})
	list := rpcCall("tools/list", `{}`)
	f.expect("without a token", f.post("", list), accepted)
	f.expect("with a token", f.post(f.token(resourcetest.Token{}), list), accepted)
	f.expect("another method", f.post(f.token(resourcetest.Token{}), rpcCall("prompts/list", `{}`)), undeclared)
}
