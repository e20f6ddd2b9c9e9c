package sdktest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// An era is how one protocol version wants its requests.
type era struct {
	version string
	modern  bool // 2026-07-28: metadata in every request, mirrored in headers
}

var eras = []era{{"2025-06-18", false}, {"2025-11-25", false}, {"2026-07-28", true}}

func (s *site) speaks(e era) bool {
	return s.modern || !e.modern
}

// call makes a letter with one request.
func (e era) call(method, name, params string) letter {
	l := letter{headers: []string{"Mcp-Protocol-Version", e.version}}
	if e.modern {
		meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + e.version + `","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"raw","version":"1"}}`
		params = strings.TrimSuffix(params, "}") + "," + meta + "}"
		params = strings.Replace(params, "{,", "{", 1)
		l.headers = append(l.headers, "Mcp-Method", method)
		if name != "" {
			l.headers = append(l.headers, "Mcp-Name", name)
		}
	}
	l.body = fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params)
	return l
}

// Rules hold on both SDKs, whatever the transport, its sessions and its answers, in
// both protocol eras: what is allowed runs, what is not is refused with 403 and one
// challenge that names everything (design decisions 5 and 12; MCP 2026-07-28,
// "Authorization", step-up).
func TestRules(t *testing.T) {
	for _, s := range sites(t, rules) {
		for _, e := range eras {
			if s.speaks(e) {
				t.Run(s.name+", "+e.version, func(t *testing.T) { testRules(t, s, e) })
			}
		}
	}
}

func testRules(t *testing.T, s *site, e era) {
	for _, row := range []struct{ what, method, name, params, runs, needs string }{
		{"a tool without a rule", "tools/call", "echo", `{"name":"echo","arguments":{"a":1}}`, "tool echo", ""},
		{"a tool whose name differs in case from that of a rule", "tools/call", "DELETE_USER", `{"name":"DELETE_USER","arguments":{}}`, "tool DELETE_USER", ""},
		{"a tool whose name begins like that of a rule", "tools/call", "delete", `{"name":"delete","arguments":{}}`, "tool delete", ""},
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
		letter := e.call(row.method, row.name, row.params)
		letter.token = "all"
		s.expectRun(t, row.what+", with all scopes", letter, row.runs)
		letter.token = "some"
		if row.needs == "" {
			s.expectRun(t, row.what, letter, row.runs)
		} else {
			s.expectRefusal(t, row.what, letter, insufficient(row.needs))
		}
	}
	s.expectSubscriptions(t, e)
}

// expectSubscriptions is about the one operation whose method changed with the eras.
func (s *site) expectSubscriptions(t *testing.T, e era) {
	t.Helper()
	listen := `{"notifications":{"resourceSubscriptions":["file:///open","file:///secret"]}}`
	if !e.modern {
		s.expectRun(t, "subscription", e.call("resources/subscribe", "", `{"uri":"file:///open"}`), "subscribe file:///open")
		s.expectRefusal(t, "subscription with a rule", e.call("resources/subscribe", "", `{"uri":"file:///secret"}`), insufficient("base secret"))
		return
	}
	s.expectRun(t, "listening", e.call("subscriptions/listen", "", `{"notifications":{"resourceSubscriptions":["file:///open"]}}`), "subscribe file:///open")
	s.expectRefusal(t, "listening with a rule", e.call("subscriptions/listen", "", listen), insufficient("base secret"))
}

// expectRun sends a letter that must get through, and must run exactly this.
func (s *site) expectRun(t *testing.T, what string, l letter, runs ...string) {
	t.Helper()
	r := s.send(t, l)
	slices.Sort(runs)
	if !r.passed || r.status/100 != 2 || !slices.Equal(r.ran, runs) || len(r.faults) > 0 {
		t.Errorf("%s: %s: got status %d %s\n\tran %q, want %q\n\tfaults %q", s.name, what, r.status, r.body, r.ran, runs, r.faults)
	}
}

// expectRefusal sends a letter that must not get through.
func (s *site) expectRefusal(t *testing.T, what string, l letter, want refusal) {
	t.Helper()
	r := s.send(t, l)
	if r.passed || r.refusal != want || len(r.ran) > 0 || len(r.faults) > 0 {
		t.Errorf("%s: %s: passed %v, ran %q, faults %q\n got %+v\nwant %+v", s.name, what, r.passed, r.ran, r.faults, r.refusal, want)
	}
}

// A batch, which protocol 2025-03-26 had, is decided on as a whole: one challenge with
// the union, and nothing of it runs if one member may not (design decision 12).
func TestBatches(t *testing.T) {
	tool := func(id int, name string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":{}}}`, id, name)
	}
	for _, s := range sites(t, rules) {
		batches := strings.HasPrefix(s.name, "go-sdk") && !s.sse // the others take none
		for _, row := range []struct {
			what, version string
			members       []string
			want          *refusal
			runs          []string
		}{
			{"allowed", "2025-03-26", []string{tool(1, "echo"), tool(2, "delete")}, nil, []string{"tool delete", "tool echo"}},
			{"allowed, in no version", "", []string{tool(1, "echo")}, nil, []string{"tool echo"}},
			{"one forbidden, last", "2025-03-26", []string{tool(1, "echo"), tool(2, "delete_all")}, new(insufficient("base call delete")), nil},
			{"one forbidden, first", "", []string{tool(1, "delete_all"), tool(2, "echo")}, new(insufficient("base call delete")), nil},
			{"two forbidden: the union", "2024-11-05", []string{tool(1, "delete_all"), `{"jsonrpc":"2.0","id":2,"method":"prompts/get","params":{"name":"secret"}}`}, new(insufficient("base call delete prompt secret")), nil},
			{"one not readable", "", []string{tool(1, "echo"), `{"jsonrpc":"2.0","id":2,"method":"ping","Method":"tools/call"}`}, &ambiguous, nil},
			{"in a version without batches", "2025-06-18", []string{tool(1, "echo")}, &ambiguous, nil},
			{"in the newest version", "2026-07-28", []string{tool(1, "echo")}, &ambiguous, nil},
		} {
			l := letter{body: "[" + strings.Join(row.members, ",") + "]"}
			if row.version != "" {
				l.headers = []string{"Mcp-Protocol-Version", row.version}
			}
			switch {
			case row.want != nil:
				s.expectRefusal(t, row.what, l, *row.want)
			case batches:
				s.expectRun(t, row.what, l, row.runs...)
			}
		}
	}
}

// Sessions are opened and closed, and streams resumed, with the base scopes; none of
// that carries an operation (design decision 12).
func TestMethodsWithoutOperations(t *testing.T) {
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_user","arguments":{}}}`
	for _, s := range sites(t, rules) {
		for _, method := range []string{http.MethodHead, http.MethodOptions, http.MethodDelete} {
			r := s.send(t, letter{method: method, body: body, headers: []string{"X-Http-Method-Override", "POST", "X-Method-Override", "POST"}})
			if len(r.ran) > 0 || len(r.faults) > 0 {
				t.Errorf("%s: %s: ran %q, faults %q", s.name, method, r.ran, r.faults)
			}
		}
		for _, method := range []string{"PUT", "PATCH", "post", "TRACE"} {
			s.expectRefusal(t, method, letter{method: method, body: body}, insufficient("base call delete"))
		}
	}
}
