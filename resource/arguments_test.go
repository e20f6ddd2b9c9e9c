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
		{"a raw line break", "{\"text\":\"\n\"}", "malformed JSON: control character in a string at byte 84"},
		{"a comma too many", `{"a":1,}`, "malformed JSON at byte 82"},
	} {
		want := accepted
		if row.fault != "" {
			want = badBody // without an id, because there is no message in it
		}
		if strings.Contains(row.fault, "UTF-8") {
			want = badMessage("1")
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
