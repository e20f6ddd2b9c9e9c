package strictjson_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

func TestNestedNames(t *testing.T) {
	names := strictjson.NewNames("method", "params", "params2").WithNested("params", "name", "method")
	for _, row := range []struct {
		name, data string
		want       []string
		err        error
	}{
		{"a nested object", `{"params":{"name":1,"x":{"name":2},"method":3},"method":4}`, []string{"params.name 1", "params.method 3", `params {"name":1,"x":{"name":2},"method":3}`, "method 4"}, nil},
		{"a value that is not an object", `{"params":[{"name":1}]}`, []string{`params [{"name":1}]`}, nil},
		{"a member with a dot in its name", `{"params.name":1,"params":{"params.name":2}}`, []string{`params {"params.name":2}`}, nil},
		{"a nested name in other objects", `{"name":1,"params2":{"name":1,"NAME":2}}`, []string{`params2 {"name":1,"NAME":2}`}, nil},
		{"a case variant of a nested name", `{"params":{"Name":1}}`, nil, strictjson.ErrCase},
		{"a duplicate in the nested object", `{"params":{"x":1,"x":1}}`, nil, strictjson.ErrDuplicate},
		{"nesting of 65 in the nested object", `{"params":{"name":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}}`, nil, strictjson.ErrDepth},
	} {
		var got []string
		err := strictjson.Object([]byte(row.data), names, func(name string, value jsontext.Value) error {
			got = append(got, name+" "+string(value))
			return nil
		})
		if !errors.Is(err, row.err) || err == nil && !slices.Equal(got, row.want) {
			t.Errorf("%s (-want +got)\n- %q %v\n+ %q %v", row.name, row.want, row.err, got, err)
		}
	}
}

func TestValidIgnoringCase(t *testing.T) {
	many := `"a1":1,"a2":1,"a3":1,"a4":1,"a5":1,"a6":1,"a7":1,"a8":1,"a9":1,"b1":1,"b2":1,"b3":1,"b4":1,"b5":1,"b6":1,"b7":1`
	for _, row := range []struct {
		data string
		want error
	}{
		{`{"a":1,"A":2}`, strictjson.ErrDuplicate},
		{`{"x":[{"a":1,"\u0041":2}]}`, strictjson.ErrDuplicate},
		{`{"k":1,"` + "\u212a" + `":2}`, strictjson.ErrDuplicate},
		{`{` + many + `,"B7":2}`, strictjson.ErrDuplicate},
		{`{` + many + `,"b8":2}`, nil},
		{`{"a":{"A":1},"b":[{"A":1},{"a":1}]}`, nil},
		{`"aA"`, nil},
		{`{"a":1}x`, strictjson.ErrTrailing},
		{``, strictjson.ErrSyntax},
	} {
		if err := strictjson.ValidIgnoringCase([]byte(row.data)); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.data, err, row.want)
		}
	}
}

func TestElementsRejects(t *testing.T) {
	for _, data := range []string{`[1]2`, `[1`, `[1,]`, `[1 2]`, `{}`, ``, `[{"a":1,}]`, "[\"\xff\"]"} {
		if err := strictjson.Elements([]byte(data), func(jsontext.Value) error { return nil }); err == nil {
			t.Errorf("%s was accepted", data)
		}
	}
}
