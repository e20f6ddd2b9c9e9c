package strictjson_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// known has names with "k" and "s", which Unicode folds with the Kelvin sign and the long
// s, and one name in camel case.
var known = strictjson.NewNames("kid", "sub", "exp", "expiresIn")

// read returns the known members in document order, each as name and JSON text.
func read(data string) (members []string, err error) {
	err = strictjson.Object([]byte(data), known, func(name string, value jsontext.Value) error {
		members = append(members, name+" "+string(value))
		return nil
	})
	return members, err
}

func TestObject(t *testing.T) {
	for _, row := range []struct {
		name, data string
		want       []string
	}{
		{"an empty object", `{}`, nil},
		{"white space around every token", " \t\r\n{ \"sub\" :\n\"a\" }\r\n\t ", []string{`sub "a"`}},
		{"known members in document order", `{"sub":1,"kid":2}`, []string{"sub 1", "kid 2"}},
		{"unknown members, skipped", `{"a":{"b":[1,2,{"c":null}]},"sub":1,"z":"}"}`, []string{"sub 1"}},
		{"values of every kind, reported unchanged", `{"kid":null,"sub":[ 1 ],"exp":1.50e1,"expiresIn":{"a": true}}`, []string{"kid null", "sub [ 1 ]", "exp 1.50e1", `expiresIn {"a": true}`}},
		{"a known name with escapes (RFC 8259 §8.3)", `{"\u0065\u0078p":1}`, []string{"exp 1"}},
		{"a known name with a capital", `{"expiresIn":1}`, []string{"expiresIn 1"}},
		{"the same name at different depths", `{"sub":{"sub":{"sub":1}},"a":[{"sub":1},{"sub":2}]}`, []string{`sub {"sub":{"sub":1}}`}},
		{"case variants of unknown names", `{"foo":1,"FOO":2,"Foo":3}`, nil},
		{"case variants of a known name in a nested object", `{"a":{"KID":1,"kid":2}}`, nil},
		{"prefixes and extensions of a known name", `{"kid2":1,"ki":2,"":3}`, nil},
		{"dotless i, which has no case variant", `{"kıd":1,"kİd":2}`, nil},
		{"sharp s, which folds to two letters", `{"ßub":1}`, nil},
		{"an escaped NUL in a name", `{"kid\u0000":1}`, nil},
		{"a surrogate pair", `{"sub":"\ud83d\ude00","\ud83d\ude00":1}`, []string{`sub "\ud83d\ude00"`}},
		{"a literal replacement character", "{\"sub\":\"\uFFFD\"}", []string{"sub \"\uFFFD\""}},
		{"brackets and quotes inside strings", `{"sub":"[{\"\\","kid":"]}"}`, []string{`sub "[{\"\\"`, `kid "]}"`}},
		{"nesting of exactly 64", nested(64), []string{"kid " + strings.Repeat("[", 63) + strings.Repeat("]", 63)}},
		{"nesting of exactly 64 in a skipped member", strings.Replace(nested(64), "kid", "foo", 1), nil},
		{"many brackets side by side", `{"a":[` + strings.Repeat("[],", 1000) + `[]]}`, nil},
		{"MaxNames members", members(strictjson.MaxNames), nil},
		{"MaxNames members in each of two sibling objects", `{"a":[` + members(strictjson.MaxNames-1) + "," + members(strictjson.MaxNames-1) + `]}`, nil},
		{"many colons inside a string", `{"a":"` + strings.Repeat(":", 2*strictjson.MaxNames) + `"}`, nil},
		{"many brackets inside a string", `{"a":"` + strings.Repeat("[{", 1000) + `"}`, nil},
	} {
		before := strings.Clone(row.data)
		got, err := read(row.data)
		if err != nil || !slices.Equal(got, row.want) {
			t.Errorf("%s (-want +got)\n- %q\n+ %q, error %v", row.name, row.want, got, err)
		}
		if row.data != before {
			t.Errorf("%s: data was changed to %q", row.name, row.data)
		}
	}
}

// nested returns an object with arrays in it, with the given total depth.
func nested(depth int) string {
	return `{"kid":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}"
}

// members returns an object with n different members.
func members(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, `,"%d":0`, i)
	}
	return "{" + out.String()[1:] + "}"
}

// The number at the beginning of a name is that of the input in the project's list of bad
// inputs. TestHostile of package resource uses the same numbers.
func TestObjectRejects(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65)
	for _, row := range []struct {
		name, data string
		want       error
	}{
		{"55 a duplicate known member", `{"kid":1,"kid":2}`, strictjson.ErrDuplicate},
		{"55 a duplicate unknown member", `{"a":1,"a":2}`, strictjson.ErrDuplicate},
		{"67 a duplicate name, once with an escape", `{"exp":1,"\u0065xp":2}`, strictjson.ErrDuplicate},
		{"67 a duplicate name, with escapes in different case", `{"\u006bid":1,"\u006Bid":2}`, strictjson.ErrDuplicate},
		{"67 a duplicate unknown name, once with an escape", `{"a\/b":1,"a/b":2}`, strictjson.ErrDuplicate},
		{"63 a duplicate in a known value", `{"sub":{"a":1,"a":2}}`, strictjson.ErrDuplicate},
		{"63 a duplicate in a skipped value", `{"x":{"a":1,"a":2}}`, strictjson.ErrDuplicate},
		{"63 a duplicate in an array of a skipped value", `{"x":[[{"a":1,"\u0061":2}]]}`, strictjson.ErrDuplicate},
		{"63 a duplicate empty name", `{"":1,"":2}`, strictjson.ErrDuplicate},
		{"56 capitals", `{"KID":1}`, strictjson.ErrCase},
		{"56 one capital beside the right name", `{"kid":1,"Kid":2}`, strictjson.ErrCase},
		{"56 one capital before the right name", `{"eXp":1,"exp":2}`, strictjson.ErrCase},
		{"56 a lower-case letter instead of a capital", `{"expiresin":1}`, strictjson.ErrCase},
		{"56 the Kelvin sign for k", "{\"\u212Aid\":1}", strictjson.ErrCase},
		{"56 the Kelvin sign for k, escaped", `{"\u212aid":1}`, strictjson.ErrCase},
		{"56 the long s for s", "{\"\u017Fub\":1}", strictjson.ErrCase},
		{"56 the long s in camel case", "{\"expire\u017FIn\":1}", strictjson.ErrCase},
		{"56 a capital written as an escape", `{"\u004bid":1}`, strictjson.ErrCase},
		{"60 nesting of 65", nested(65), strictjson.ErrDepth},
		{"60 nesting of 65 objects in a skipped member", deep, strictjson.ErrDepth},
		{"60 nesting of 65 after an escaped quote", `{"a":"\"","b":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + "}", strictjson.ErrDepth},
		{"60 nesting of 65 after a string that ends in a backslash", `{"a":"\\","b":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + "}", strictjson.ErrDepth},
		{"60 a million brackets", strings.Repeat("[", 1_000_000), strictjson.ErrDepth},
		{"one member too many", members(strictjson.MaxNames + 1), strictjson.ErrNames},
		{"one member too many, counting the enclosing object", `{"a":` + members(strictjson.MaxNames) + `}`, strictjson.ErrNames},
		{"one member too many after a sibling object", `{"a":[` + members(9) + "," + members(strictjson.MaxNames) + `]}`, strictjson.ErrNames},
		{"53 a byte order mark", "\uFEFF{}", strictjson.ErrSyntax},
		{"65 UTF-16", "\xFF\xFE{\x00}\x00", strictjson.ErrSyntax},
		{"54 a second object", `{}{}`, strictjson.ErrTrailing},
		{"54 a second value on a separate line", "{}\nnull", strictjson.ErrTrailing},
		{"62 a letter after it", `{"sub":"u"}x`, strictjson.ErrTrailing},
		{"62 a comma after it", `{},`, strictjson.ErrTrailing},
		{"62 a bracket after it", `{}}`, strictjson.ErrTrailing},
		{"62 NUL after it", "{}\x00", strictjson.ErrTrailing},
		{"62 a form feed after it", "{}\f", strictjson.ErrTrailing},
		{"62 a byte order mark after it", "{}\uFEFF", strictjson.ErrTrailing},
		{"57 invalid UTF-8 in a known value", "{\"sub\":\"\xff\"}", strictjson.ErrSyntax},
		{"57 invalid UTF-8 in a skipped value", "{\"a\":[\"\xc3\x28\"]}", strictjson.ErrSyntax},
		{"57 invalid UTF-8 in a name", "{\"\xff\":1}", strictjson.ErrSyntax},
		{"57 an overlong slash", "{\"a\":\"\xc0\xaf\"}", strictjson.ErrSyntax},
		{"57 a surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}", strictjson.ErrSyntax},
		{"58 a lone high surrogate", `{"sub":"\ud800"}`, strictjson.ErrSyntax},
		{"58 a lone low surrogate in a skipped value", `{"a":"\udc00"}`, strictjson.ErrSyntax},
		{"58 surrogates in the wrong order", `{"a":"\udc00\ud800"}`, strictjson.ErrSyntax},
		{"58 a lone surrogate in a name", `{"\ud800":1}`, strictjson.ErrSyntax},
		{"61 an array", `[{"sub":1}]`, strictjson.ErrNotObject},
		{"61 a string", `"sub"`, strictjson.ErrNotObject},
		{"61 null", `null`, strictjson.ErrNotObject},
		{"61 true", `true`, strictjson.ErrNotObject},
		{"61 a number", `1`, strictjson.ErrNotObject},
		{"66 an empty document", ``, strictjson.ErrSyntax},
		{"66 only white space", " \n", strictjson.ErrSyntax},
		{"52 a truncated object", `{"sub":`, strictjson.ErrSyntax},
		{"52 an object without a closing brace", `{"sub":1`, strictjson.ErrSyntax},
		{"52 a string without a closing quote", `{"sub":"a}`, strictjson.ErrSyntax},
		{"52 a comma after the last member", `{"sub":1,}`, strictjson.ErrSyntax},
		{"52 a comma before the first member", `{,"sub":1}`, strictjson.ErrSyntax},
		{"52 a missing comma", `{"sub":1 "kid":2}`, strictjson.ErrSyntax},
		{"52 a name without quotes", `{sub:1}`, strictjson.ErrSyntax},
		{"52 single quotes", `{'sub':1}`, strictjson.ErrSyntax},
		{"52 a number for a name", `{1:1}`, strictjson.ErrSyntax},
		{"52 a comment", `{/**/}`, strictjson.ErrSyntax},
		{"52 a raw line break in a string", "{\"sub\":\"a\nb\"}", strictjson.ErrSyntax},
		{"52 raw NUL in a string", "{\"sub\":\"\x00\"}", strictjson.ErrSyntax},
		{"52 an unknown escape", `{"sub":"\x41"}`, strictjson.ErrSyntax},
		{"80 NaN", `{"exp":NaN}`, strictjson.ErrSyntax},
		{"80 Infinity in a skipped value", `{"a":[-Infinity]}`, strictjson.ErrSyntax},
		{"84 a leading zero", `{"exp":01}`, strictjson.ErrSyntax},
		{"84 a plus sign", `{"exp":+1}`, strictjson.ErrSyntax},
		{"84 hexadecimal", `{"exp":0x1}`, strictjson.ErrSyntax},
		{"84 a number without digits before the point", `{"exp":.5}`, strictjson.ErrSyntax},
		{"84 a number without digits after the point", `{"a":1.}`, strictjson.ErrSyntax},
	} {
		if _, err := read(row.data); !errors.Is(err, row.want) {
			t.Errorf("%s (-want +got)\n- %v\n+ %v", row.name, row.want, err)
		}
	}
}

// Errors may be logged. They must not quote the document, except a known name.
func TestErrorsDoNotQuoteInput(t *testing.T) {
	const secret = "hunter2"
	for _, data := range []string{
		`{"hunter2":1,"hunter2":2}`, `{"a":hunter2}`, `{}hunter2`, `hunter2`, `"hunter2"`,
		"{\"hunter2\xff\":1}", `{"a":"hunter2\ud800"}`, `{"sub":"hunter2","SUB":1}`, `{"a":{"hunter2":1,"hunter2":2}}`,
	} {
		_, err := read(data)
		if err == nil {
			t.Errorf("%q was accepted", data)
			continue
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), secret) {
				t.Errorf("error about %q quotes it: %v", data, e)
			}
		}
	}
}

func TestObjectStopsAtErrorOfMember(t *testing.T) {
	cause, calls := errors.New("no"), 0
	err := strictjson.Object([]byte(`{"sub":1,"kid":2,`), known, func(string, jsontext.Value) error {
		calls++
		return cause
	})
	if !errors.Is(err, cause) || err.Error() != `member "sub": no` || calls != 1 {
		t.Errorf("got %d calls and error %v, want 1 call and %q", calls, err, `member "sub": no`)
	}
}
