package strictjson_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/strictjson"
)

func TestGlimpse(t *testing.T) {
	for _, row := range []struct{ what, document, want string }{
		{"a good document", `{"a":1,"b":2}`, "[1]"},
		{"twice", `{"a":1,"b":2,"a":[3]}`, "[1 [3]]"},
		{"spelled with an escape", `{"\u0061":1}`, "[1]"},
		{"beside a duplicate", `{"b":1,"a":2,"b":3}`, "[2]"},
		{"beside a lone surrogate", `{"b":"\ud800","a":2}`, "[2]"},
		{"beside invalid UTF-8", "{\"b\":\"\xff\",\"a\":2}", "[2]"},
		{"beside deep nesting", `{"b":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `,"a":2}`, "[2]"},
		{"white space round it", " \n{\"a\":1}\r\n", "[1]"},
		{"in another case", `{"A":1}`, "[]"},
		{"inside of another", `{"b":{"a":1}}`, "[]"},
		{"absent", `{}`, "[]"},
		{"half a document", `{"a":1`, "[]"},
		{"half a value", `{"a":1,"b":`, "[]"},
		{"two documents", `{"a":1}{"a":1}`, "[]"},
		{"garbage behind", `{"a":1}}`, "[]"},
		{"an array", `[{"a":1}]`, "[]"},
		{"a string", `"a"`, "[]"},
		{"nothing", ``, "[]"},
		{"a byte order mark", "\ufeff{\"a\":1}", "[]"},
		{"a member without a value", `{"a"}`, "[]"},
		{"nested beyond all", `{"a":1,"b":` + strings.Repeat("[", 20_000), "[]"},
	} {
		if got := fmt.Sprint(strictjson.Glimpse([]byte(row.document), "a")); got != row.want {
			t.Errorf("%s: got %s, want %s", row.what, got, row.want)
		}
	}
}
