package sdktest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// protocolVersion is a version of MCP.
type protocolVersion struct {
	version string
	modern  bool // from 2026-07-28 on: metadata in every request, repeated in headers
}

var protocolVersions = []protocolVersion{{"2025-06-18", false}, {"2025-11-25", false}, {"2026-07-28", true}}

func (s *testServer) supports(v protocolVersion) bool {
	return s.modern || !v.modern
}

// call returns a request in the format of the version.
func (v protocolVersion) call(method, name, params string) clientRequest {
	cr := clientRequest{headers: []string{"Mcp-Protocol-Version", v.version}}
	if v.modern {
		meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + v.version + `","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"raw","version":"1"}}`
		params = strings.TrimSuffix(params, "}") + "," + meta + "}"
		params = strings.Replace(params, "{,", "{", 1)
		cr.headers = append(cr.headers, "Mcp-Method", method)
		if name != "" {
			cr.headers = append(cr.headers, "Mcp-Name", name)
		}
	}
	cr.body = fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params)
	return cr
}

// Rules apply with both SDKs and with every transport, kind of session, kind of response and protocol
// version. Allowed operations are executed. Others are rejected with 403 and one challenge that
// contains all required scopes (MCP 2026-07-28, "Authorization", step-up).
func TestRules(t *testing.T) {
	for _, s := range testServers(t, rules) {
		for _, v := range protocolVersions {
			if s.supports(v) {
				t.Run(s.name+", "+v.version, func(t *testing.T) { testRules(t, s, v) })
			}
		}
	}
}

func testRules(t *testing.T, s *testServer, v protocolVersion) {
	for _, row := range []struct{ description, method, name, params, executes, needs string }{
		{"a tool without a rule", "tools/call", "echo", `{"name":"echo","arguments":{"a":1}}`, "tool echo", ""},
		{"a tool whose name differs in case from that of a rule", "tools/call", "DELETE_USER", `{"name":"DELETE_USER","arguments":{}}`, "tool DELETE_USER", ""},
		{"a tool whose name is a prefix of that of a rule", "tools/call", "delete", `{"name":"delete","arguments":{}}`, "tool delete", ""},
		{"a tool with a rule", "tools/call", "delete_user", `{"name":"delete_user","arguments":{}}`, "tool delete_user", "base call delete"},
		{"a prompt without a rule", "prompts/get", "greet", `{"name":"greet"}`, "prompt greet", ""},
		{"a prompt with a rule", "prompts/get", "secret", `{"name":"secret"}`, "prompt secret", "base prompt secret"},
		{"a resource without a rule", "resources/read", "file:///open", `{"uri":"file:///open"}`, "resource file:///open", ""},
		{"a resource with a rule", "resources/read", "file:///secret", `{"uri":"file:///secret"}`, "resource file:///secret", "base read secret"},
		{"a resource below a prefix", "resources/read", "file:///private/a/b", `{"uri":"file:///private/a/b"}`, "resource file:///private/{+path}", "base read private"},
		{"a resource of a template without a rule", "resources/read", "note://7", `{"uri":"note://7"}`, "resource note://{id}", ""},
		{"a resource of a template with a rule", "resources/read", "db://users/7", `{"uri":"db://users/7"}`, "resource db://{table}/{id}", "base read db"},
		{"completion of a prompt without a rule", "completion/complete", "", `{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"a","value":"b"}}`, "complete greet", ""},
		{"completion of a prompt with a rule", "completion/complete", "", `{"ref":{"type":"ref/prompt","name":"secret"},"argument":{"name":"a","value":"b"}}`, "complete secret", "base secret"},
		{"completion of a template with a rule", "completion/complete", "", `{"ref":{"type":"ref/resource","uri":"db://{table}/{id}"},"argument":{"name":"id","value":"b"}}`, "complete db://{table}/{id}", "base db"},
	} {
		cr := v.call(row.method, row.name, row.params)
		cr.token = "all"
		s.expectExecution(t, row.description+", with all scopes", cr, row.executes)
		cr.token = "some"
		if row.needs == "" {
			s.expectExecution(t, row.description, cr, row.executes)
		} else {
			s.expectRefusal(t, row.description, cr, insufficient(row.needs))
		}
	}
	s.expectSubscriptions(t, v)
}

// expectSubscriptions tests subscriptions, whose method depends on the protocol version.
func (s *testServer) expectSubscriptions(t *testing.T, v protocolVersion) {
	t.Helper()
	listen := `{"notifications":{"resourceSubscriptions":["file:///open","file:///secret"]}}`
	if !v.modern {
		s.expectExecution(t, "subscription", v.call("resources/subscribe", "", `{"uri":"file:///open"}`), "subscribe file:///open")
		s.expectRefusal(t, "subscription with a rule", v.call("resources/subscribe", "", `{"uri":"file:///secret"}`), insufficient("base secret"))
		return
	}
	s.expectExecution(t, "listening", v.call("subscriptions/listen", "", `{"notifications":{"resourceSubscriptions":["file:///open"]}}`), "subscribe file:///open")
	s.expectRefusal(t, "listening with a rule", v.call("subscriptions/listen", "", listen), insufficient("base secret"))
}

// expectExecution checks that a request is accepted and that exactly these operations are executed.
func (s *testServer) expectExecution(t *testing.T, description string, cr clientRequest, operations ...string) {
	t.Helper()
	r := s.send(t, cr)
	slices.Sort(operations)
	if !r.accepted || r.status/100 != 2 || !slices.Equal(r.executed, operations) || len(r.faults) > 0 {
		t.Errorf("%s: %s: got status %d %s\n\texecuted %q, want %q\n\tfaults %q", s.name, description, r.status, r.body, r.executed, operations, r.faults)
	}
}

// expectRefusal checks that a request is rejected.
func (s *testServer) expectRefusal(t *testing.T, description string, cr clientRequest, want refusal) {
	t.Helper()
	r := s.send(t, cr)
	if r.accepted || r.refusal != want || len(r.executed) > 0 || len(r.faults) > 0 {
		t.Errorf("%s: %s: accepted %v, executed %q, faults %q\n got %+v\nwant %+v", s.name, description, r.accepted, r.executed, r.faults, r.refusal, want)
	}
}

// A batch, which protocol version 2025-03-26 supports, is decided on as a whole. If one member is not
// allowed, none is executed, and the challenge contains the scopes of all.
func TestBatches(t *testing.T) {
	tool := func(id int, name string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":{}}}`, id, name)
	}
	for _, s := range testServers(t, rules) {
		batches := strings.HasPrefix(s.name, "go-sdk") && !s.sse // the others do not support batches
		for _, row := range []struct {
			description, version string
			members              []string
			want                 *refusal
			executes             []string
		}{
			{"allowed", "2025-03-26", []string{tool(1, "echo"), tool(2, "delete")}, nil, []string{"tool delete", "tool echo"}},
			{"allowed, without a version", "", []string{tool(1, "echo")}, nil, []string{"tool echo"}},
			{"one forbidden, last", "2025-03-26", []string{tool(1, "echo"), tool(2, "delete_all")}, new(insufficient("base call delete")), nil},
			{"one forbidden, first", "", []string{tool(1, "delete_all"), tool(2, "echo")}, new(insufficient("base call delete")), nil},
			{"two forbidden, one challenge", "2024-11-05", []string{tool(1, "delete_all"), `{"jsonrpc":"2.0","id":2,"method":"prompts/get","params":{"name":"secret"}}`}, new(insufficient("base call delete prompt secret")), nil},
			{"one ambiguous", "", []string{tool(1, "echo"), `{"jsonrpc":"2.0","id":2,"method":"ping","Method":"tools/call"}`}, new(ambiguous("null")), nil},
			{"in a version without batches", "2025-06-18", []string{tool(1, "echo")}, new(ambiguous("null")), nil},
			{"in the newest version", "2026-07-28", []string{tool(1, "echo")}, new(ambiguous("null")), nil},
		} {
			cr := clientRequest{body: "[" + strings.Join(row.members, ",") + "]"}
			if row.version != "" {
				cr.headers = []string{"Mcp-Protocol-Version", row.version}
			}
			switch {
			case row.want != nil:
				s.expectRefusal(t, row.description, cr, *row.want)
			case batches:
				s.expectExecution(t, row.description, cr, row.executes...)
			}
		}
	}
}

// Requests that end sessions or open streams require only the base scopes, because they contain no
// operation.
func TestMethodsWithoutOperations(t *testing.T) {
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_user","arguments":{}}}`
	for _, s := range testServers(t, rules) {
		for _, method := range []string{http.MethodHead, http.MethodOptions, http.MethodDelete} {
			r := s.send(t, clientRequest{method: method, body: body, headers: []string{"X-Http-Method-Override", "POST", "X-Method-Override", "POST"}})
			if len(r.executed) > 0 || len(r.faults) > 0 {
				t.Errorf("%s: %s: executed %q, faults %q", s.name, method, r.executed, r.faults)
			}
		}
		for _, method := range []string{"PUT", "PATCH", "post", "TRACE"} {
			want := insufficient("base call delete")
			want.body = `{"error":"insufficient_scope","error_description":"The access token lacks a scope that this request needs"}` + "\n" // not a POST
			s.expectRefusal(t, method, clientRequest{method: method, body: body}, want)
		}
	}
}
