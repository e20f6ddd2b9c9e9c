package resource_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// TestArguments tests that warder does not judge the arguments of a tool if no rule reads them. They
// follow RFC 8259, which permits lone surrogates (section 8.2) and duplicate names (section
// 4), and reach the server unchanged.
func TestArguments(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Tools = map[string][]string{"delete": {"admin"}}
	})
	token := f.token(resourcetest.Token{})
	for _, row := range []struct {
		name, value string
		fault       string // in the log; "" if the request is accepted
	}{
		{"an emoji that was cut in two", `{"text":"cut \ud83d"}`, ""},
		{"a lone surrogate in a name", `{"\udc00":1}`, ""},
		{"duplicate names", `{"a":1,"a":2,"A":3}`, ""},
		{"the names of the message", `{"method":"ping","Method":"x","params":{"name":"delete","name":""}}`, ""},
		{"nesting of 9,997", strings.Repeat("[", 9997) + strings.Repeat("]", 9997), ""},
		{"nesting of 10,000", strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), "nested deeper than 10000 at byte 10073"},
		{"invalid UTF-8", "{\"text\":\"cut \xf0\x9f\"}", "malformed JSON: invalid UTF-8 at byte 88"},
		{"an unknown escape", `{"text":"\x"}`, "malformed JSON: invalid escape sequence at byte 84"},
		{"a short escape", `{"text":"\u12"}`, "malformed JSON: invalid escape sequence at byte 84"},
		{"a raw line break", "{\"text\":\"\n\"}", "malformed JSON: control character in a string at byte 84"},
		{"a comma too many", `{"a":1,}`, "malformed JSON at byte 82"},
	} {
		want := accepted
		if row.fault != "" {
			want = badBody // without an id, because the message has no clear structure
		}
		for _, tolerated := range []string{"UTF-8", "escape", "nested"} { // the structure of the message is clear
			if strings.Contains(row.fault, tolerated) {
				want = badMessage("1")
			}
		}
		body := func(member string) string {
			return fmt.Sprintf(`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo",%s%s},"id":1}`, member, row.value)
		}
		f.log.take()
		f.expect(row.name, f.post(token, body(`"arguments":`)), want)
		if log := f.log.take(); row.fault != "" && !strings.Contains(log, `"error":"`+row.fault) {
			t.Errorf("%s: the log does not say %q: %s", row.name, row.fault, log)
		}
		f.expect(row.name+", in the metadata", f.post(token, body(`"_meta":`)), want)
		f.expect(row.name+", in an unknown member", f.post(token, `{"other":`+row.value+`,"jsonrpc":"2.0","id":1,"method":"ping"}`), want)
		f.expect(row.name+", in a result", f.post(token, `{"jsonrpc":"2.0","id":1,"result":`+row.value+`}`), want)
		inBatch := want
		if row.fault != "" {
			inBatch = badBody
		}
		f.expect(row.name+", in a batch", f.post(token, "["+body(`"arguments":`)+"]"), inBatch)
	}
}

// The log says which member of a message cannot be read, and why.
func TestFaultsOfNames(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Tools = map[string][]string{"delete": {"admin"}}
	})
	token := f.token(resourcetest.Token{})
	for _, row := range []struct{ name, method, params, fault string }{
		{"a lone surrogate", "tools/call", `{"name":"a\ud800"}`, `member \"params.name\": malformed JSON: lone surrogate`},
		{"a number", "prompts/get", `{"name":1}`, `member \"params.name\": is not a string`},
		{"a surrogate in a URI", "resources/read", `{"uri":"a:\udc00"}`, `member \"params.uri\": malformed JSON: lone surrogate`},
		{"a task", "tasks/get", `{"taskId":null}`, `member \"params.taskId\": is not a string`},
		{"a reference", "completion/complete", `{"ref":{"type":"ref/prompt","name":"\udc00"}}`, `member \"params.ref\": malformed JSON: lone surrogate at byte 29`},
		{"a reference that is a string", "completion/complete", `{"ref":"a"}`, `member \"params.ref\": not a JSON object`},
		{"a subscription", "subscriptions/listen", `{"notifications":{"taskIds":[1]}}`, `member \"params.notifications\": member \"taskIds\": is not a string`},
	} {
		f.log.take()
		f.expect(row.name, f.post(token, rpcCall(row.method, row.params)), badMessage("1"))
		if log := f.log.take(); !strings.Contains(log, `"error":"`+row.fault+`"`) {
			t.Errorf("%s: the log does not say %s: %s", row.name, row.fault, log)
		}
	}
}

// The id of a request is a string or an integer (MCP, "Requests").
func TestIDsOfMessages(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Tools = map[string][]string{"delete": {"admin"}}
	})
	token := f.token(resourcetest.Token{})
	for id, want := range map[string]answer{
		`1`: accepted, `"a"`: accepted, `""`: accepted, `-1`: accepted, `1.5`: accepted, `null`: accepted,
		`true`: badBody, `false`: badBody, `{}`: badBody, `[]`: badBody, `[1]`: badBody, `{"a":1}`: badBody,
	} {
		f.expect(id, f.post(token, `{"jsonrpc":"2.0","id":`+id+`,"method":"ping"}`), want)
		f.expect(id+" in a response", f.post(token, `{"jsonrpc":"2.0","id":`+id+`,"result":{}}`), want)
	}
}
