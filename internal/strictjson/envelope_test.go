package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

var envelopeNames = strictjson.NewNames("method", "params").WithNested("params", "name", "arguments")

func envelope(data string) (members []string, err error) {
	err = strictjson.Envelope([]byte(data), envelopeNames, func(name string, value jsontext.Value) error {
		members = append(members, name+" "+string(value))
		return nil
	})
	return members, err
}

// inArguments returns an envelope with a value that is not interpreted.
func inArguments(value string) string { return `{"params":{"arguments":` + value + `},"method":"m"}` }

func TestEnvelopeHandsOnValues(t *testing.T) {
	for _, row := range []struct{ name, value string }{
		{"a lone high surrogate (RFC 8259 §8.2)", `"cut \ud83d"`},
		{"a lone low surrogate in a name", `{"\udc00":1}`},
		{"surrogates in the wrong order", `"\udc00\ud800"`},
		{"duplicate names (RFC 8259 §4)", `{"a":1,"a":2}`},
		{"names that differ only in case", `{"a":{"Name":1,"name":2}}`},
		{"nesting of 9,998 inside two objects", strings.Repeat("[", 9998) + strings.Repeat("]", 9998)},
		{"nested objects", strings.Repeat(`{"a":`, 9998) + "1" + strings.Repeat("}", 9998)},
		{"alternating objects and arrays, with neighbors", strings.Repeat(`[0,{"b":"","a":`, 4000) + "[]" + strings.Repeat(`,"c":[{},1]},2]`, 4000)},
		{"more names than an object that is interpreted can have", members(strictjson.MaxNames + 1)},
		{"white space between all tokens", "{ \"a\" :\t[ 1 ,\r\n{ } , [ ] ] , \"b\" : null }"},
		{"a number of a thousand digits", strings.Repeat("1", 1000)},
		{"every escape", `"\"\\\/\b\f\n\r\t\u0000\uFFFF"`},
		{"characters of all lengths", "\"a\u00e9\u20ac\U0001F600\""},
	} {
		want := []string{"params.arguments " + row.value, `params {"arguments":` + row.value + "}", `method "m"`}
		if got, err := envelope(inArguments(row.value)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: error %v, or another value than the one sent", row.name, err)
		}
		if got, err := envelope(`{"other":` + row.value + `,"method":1}`); err != nil || !slices.Equal(got, []string{"method 1"}) {
			t.Errorf("%s, in an unknown member: %v, error %v", row.name, got, err)
		}
	}
}

func TestEnvelopeRejects(t *testing.T) {
	for _, row := range []struct{ name, data, want string }{
		{"invalid UTF-8 in a value", inArguments("\"\xff\""), "malformed JSON: invalid UTF-8 at byte 24"},
		{"a surrogate in UTF-8", inArguments("\"\xed\xa0\x80\""), "malformed JSON: invalid UTF-8 at byte 24"},
		{"an unknown escape", inArguments(`"\x"`), "malformed JSON: invalid escape sequence at byte 24"},
		{"a short escape", inArguments(`"\u12"`), "malformed JSON: invalid escape sequence at byte 24"},
		{"a control character", inArguments("\"\n\""), "malformed JSON: control character in a string at byte 24"},
		{"nesting of 9,999 inside two objects", inArguments(strings.Repeat("[", 9999) + strings.Repeat("]", 9999)), "nested deeper than 10000 at byte 10021"},
		{"a million brackets", strings.Repeat("[", 1_000_000), "nested deeper than 10000 at byte 10000"},
		{"a duplicate name", `{"method":1,"method":2}`, "duplicate member name at byte 12"},
		{"a duplicate of an unknown name", `{"a":1,"a":2}`, "duplicate member name at byte 7"},
		{"a duplicate of a name with escapes", `{"a":1,"\u0061":2}`, "duplicate member name at byte 7"},
		{"a duplicate name in the nested object", `{"params":{"x":1,"x":2}}`, "duplicate member name at byte 17"},
		{"a case variant", `{"Method":1}`, `member name differs only in case from "method" at byte 1`},
		{"a case variant in the nested object", `{"params":{"Name":1}}`, `member name differs only in case from "name" at byte 11`},
		{"a lone surrogate in a name", `{"\ud800":1}`, "malformed JSON: lone surrogate at byte 1"},
		{"too many names", members(strictjson.MaxNames + 1), fmt.Sprintf("more than %d members in an object and its enclosing objects at byte", strictjson.MaxNames)},
		{"a wrong closing bracket", inArguments(`[}`), "malformed JSON at byte 24"},
		{"a wrong closing bracket of an object", inArguments(`{"a":1]`), "malformed JSON at byte 29"},
		{"a missing comma", inArguments(`[1 2]`), "malformed JSON at byte 26"},
		{"a missing colon", inArguments(`{"a" 1}`), "malformed JSON at byte 28"},
		{"a comma at the end", inArguments(`[1,]`), "malformed JSON at byte 26"},
		{"a comma at the end of an object", inArguments(`{"a":1,}`), "malformed JSON at byte 30"},
		{"a name that is not a string", inArguments(`{1:1}`), "malformed JSON at byte 24"},
		{"a truncated value", `{"params":{"arguments":[{"a":"`, "malformed JSON: unexpected end at byte 30"},
		{"a truncated escape", `{"a":"\`, "malformed JSON: unexpected end at byte 7"},
		{"two documents", `{}{}`, "data after the JSON value at byte 2"},
		{"an array", `[{}]`, "not a JSON object"},
		{"nothing", ``, "malformed JSON: unexpected end at byte 0"},
	} {
		if _, err := envelope(row.data); err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s (-want +got)\n- %s\n+ %v", row.name, row.want, err)
		}
	}
}

// A value of an envelope costs no memory but one byte for each open bracket.
func TestEnvelopeAllocations(t *testing.T) {
	for _, row := range []struct {
		name, value string
		limit       float64 // allocations above those for null
	}{
		{"many values", `[` + strings.Repeat(`{"a":1,"b":"text"},`, 1000) + `1]`, 1},
		{"deep nesting", strings.Repeat("[", 9998) + strings.Repeat("]", 9998), 16},
	} {
		cost := func(value string) float64 {
			data := []byte(inArguments(value))
			return testing.AllocsPerRun(20, func() {
				if err := strictjson.Envelope(data, envelopeNames, func(string, jsontext.Value) error { return nil }); err != nil {
					t.Fatal(err)
				}
			})
		}
		if got := cost(row.value) - cost("null"); got > row.limit {
			t.Errorf("%s: %v allocations, want at most %v", row.name, got, row.limit)
		}
	}
}

// FuzzEnvelope compares the values of an envelope with the standard library.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,{"a":1,"a":-0.5e+3}]}`, `"\ud800"`, `[[],{}]`, `[1,]`, `{"a":}`, `[}`, "\"\xff\"", `01`, `-`, `1.e`, ` null `, `tru`, "{\"\\u0000\":\"\x00\"}", `"\u12`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		want := utf8.ValidString(value) && json.Valid([]byte(value)) && !strings.Contains(value, strings.Repeat("[", 5000))
		if strings.Contains(value, strings.Repeat("[", 5000)) {
			return // the two count the enclosing objects differently
		}
		var got string
		err := strictjson.Elements([]byte("["+value+"]"), func(element jsontext.Value) error {
			if got != "" {
				return errors.New("more than one element")
			}
			got = string(element)
			return nil
		})
		if err == nil && got == "" {
			return // an empty array
		}
		if (err == nil) != want {
			t.Fatalf("%q: error %v, the standard library accepts: %v", value, err, want)
		}
		if err == nil && got != strings.Trim(value, " \t\r\n") {
			t.Fatalf("%q was handed on as %q", value, got)
		}
	})
}

func TestMembers(t *testing.T) {
	for _, row := range []struct{ name, data, want string }{
		{"every member, with decoded names", `{"a":1,"\u0062":[{"c":1,"c":2}],"A":"x"}`, "a=1 b=[{\"c\":1,\"c\":2}] A=\"x\" <nil>"},
		{"a duplicate", `{"a":1,"\u0061":2}`, "a=1 duplicate member name at byte 7"},
		{"not an object", `[1]`, "not a JSON object"},
		{"data behind the object", `{"a":1} 2`, "a=1 data after the JSON value at byte 8"},
	} {
		got := ""
		err := strictjson.Members([]byte(row.data), func(name string, value jsontext.Value) error {
			got += name + "=" + string(value) + " "
			return nil
		})
		if got += fmt.Sprint(err); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}
