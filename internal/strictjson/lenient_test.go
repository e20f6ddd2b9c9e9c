package strictjson_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/strictjson"
)

func TestLenientMembers(t *testing.T) {
	for _, row := range []struct{ name, document, want string }{
		{"a valid document", `{"a":1,"b":2}`, "[1]"},
		{"a duplicate of the name", `{"a":1,"b":2,"a":[3]}`, "[1 [3]]"},
		{"a name with an escape", `{"\u0061":1}`, "[1]"},
		{"a duplicate of another name", `{"b":1,"a":2,"b":3}`, "[2]"},
		{"a lone surrogate in another member", `{"b":"\ud800","a":2}`, "[2]"},
		{"invalid UTF-8 in another member", "{\"b\":\"\xff\",\"a\":2}", "[2]"},
		{"deep nesting in another member", `{"b":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `,"a":2}`, "[2]"},
		{"an unknown escape in another member", `{"b":"\x","a":2}`, "[2]"},
		{"a short escape at the end of another member", `{"b":"\u12","a":2}`, "[2]"},
		{"an escape that the end of the string cuts off", `{"b":"\u","a":2}`, "[2]"},
		{"a broken escape in a name", `{"\q":1,"a":2}`, "[2]"},
		{"a backslash at the end of the document", `{"a":2,"b":"\`, "[]"},
		{"a control character in another member", "{\"b\":\"\n\",\"a\":2}", "[]"},
		{"any depth in another member", `{"b":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `,"a":2}`, "[2]"},
		{"white space around the document", " \n{\"a\":1}\r\n", "[1]"},
		{"a name in another case", `{"A":1}`, "[]"},
		{"a nested member", `{"b":{"a":1}}`, "[]"},
		{"no such member", `{}`, "[]"},
		{"a truncated document", `{"a":1`, "[]"},
		{"a missing value", `{"a":1,"b":`, "[]"},
		{"two documents", `{"a":1}{"a":1}`, "[]"},
		{"trailing data", `{"a":1}}`, "[]"},
		{"an array", `[{"a":1}]`, "[]"},
		{"a string", `"a"`, "[]"},
		{"an empty document", ``, "[]"},
		{"a byte order mark", "\ufeff{\"a\":1}", "[]"},
		{"a name without a value", `{"a"}`, "[]"},
		{"deep nesting that is not closed", `{"a":1,"b":` + strings.Repeat("[", 20_000), "[]"},
	} {
		if got := fmt.Sprint(strictjson.LenientMembers([]byte(row.document), "a")); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}
