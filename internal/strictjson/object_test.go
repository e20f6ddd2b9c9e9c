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

// known has an ASCII "k" and an ASCII "s", which Unicode folds with the Kelvin sign
// and the long s, and one name in camel case.
var known = strictjson.NewNames("kid", "sub", "exp", "expiresIn")

// read returns the known members in order, as name and JSON text.
func read(data string) (members []string, err error) {
	err = strictjson.Object([]byte(data), known, func(name string, value jsontext.Value) error {
		members = append(members, name+" "+string(value))
		return nil
	})
	return members, err
}

func TestObjectReads(t *testing.T) {
	for _, row := range []struct {
		what, data string
		want       []string
	}{
		{"an empty object", `{}`, nil},
		{"white space around everything", " \t\r\n{ \"sub\" :\n\"a\" }\r\n\t ", []string{`sub "a"`}},
		{"known members in the order of the document", `{"sub":1,"kid":2}`, []string{"sub 1", "kid 2"}},
		{"unknown members skipped", `{"a":{"b":[1,2,{"c":null}]},"sub":1,"z":"}"}`, []string{"sub 1"}},
		{"values of every kind handed over as they stand", `{"kid":null,"sub":[ 1 ],"exp":1.50e1,"expiresIn":{"a": true}}`, []string{"kid null", "sub [ 1 ]", "exp 1.50e1", `expiresIn {"a": true}`}},
		{"a name spelled with escapes is that name (RFC 8259 §8.3)", `{"\u0065\u0078p":1}`, []string{"exp 1"}},
		{"a name with capitals as it is known", `{"expiresIn":1}`, []string{"expiresIn 1"}},
		{"the same name at different depths", `{"sub":{"sub":{"sub":1}},"a":[{"sub":1},{"sub":2}]}`, []string{`sub {"sub":{"sub":1}}`}},
		{"case variants of unknown names", `{"foo":1,"FOO":2,"Foo":3}`, nil},
		{"case variants of a known name further down", `{"a":{"KID":1,"kid":2}}`, nil},
		{"names that only begin like a known one", `{"kid2":1,"ki":2,"":3}`, nil},
		{"dotless i, which folds with nothing (bad-inputs 56)", `{"kıd":1,"kİd":2}`, nil},
		{"sharp s, whose folding is more than one letter", `{"ßub":1}`, nil},
		{"NUL in a name, escaped", `{"kid\u0000":1}`, nil},
		{"a surrogate pair", `{"sub":"\ud83d\ude00","\ud83d\ude00":1}`, []string{`sub "\ud83d\ude00"`}},
		{"a replacement character that was sent", "{\"sub\":\"\uFFFD\"}", []string{"sub \"\uFFFD\""}},
		{"brackets and quotes inside strings", `{"sub":"[{\"\\","kid":"]}"}`, []string{`sub "[{\"\\"`, `kid "]}"`}},
		{"nesting of exactly 64", nested(64), []string{"kid " + strings.Repeat("[", 63) + strings.Repeat("]", 63)}},
		{"nesting of exactly 64 in a skipped member", strings.Replace(nested(64), "kid", "foo", 1), nil},
		{"many brackets side by side", `{"a":[` + strings.Repeat("[],", 1000) + `[]]}`, nil},
		{"as many members as may be", members(strictjson.MaxNames), nil},
		{"as many, and more in objects side by side", `{"a":[` + members(strictjson.MaxNames-1) + "," + members(strictjson.MaxNames-1) + `]}`, nil},
		{"many colons inside a string", `{"a":"` + strings.Repeat(":", 2*strictjson.MaxNames) + `"}`, nil},
		{"many brackets inside a string", `{"a":"` + strings.Repeat("[{", 1000) + `"}`, nil},
	} {
		before := strings.Clone(row.data)
		got, err := read(row.data)
		if err != nil || !slices.Equal(got, row.want) {
			t.Errorf("%s (-want +got)\n- %q\n+ %q, error %v", row.what, row.want, got, err)
		}
		if row.data != before {
			t.Errorf("%s: data was changed to %q", row.what, row.data)
		}
	}
}

// nested is an object with arrays in it, so many levels deep altogether.
func nested(depth int) string {
	return `{"kid":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}"
}

// members is an object with so many different members.
func members(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, `,"%d":0`, i)
	}
	return "{" + out.String()[1:] + "}"
}

// The numbers are those of the list of bad inputs.
func TestObjectRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65)
	for _, row := range []struct {
		what, data string
		want       error
	}{
		{"55 a known member twice", `{"kid":1,"kid":2}`, strictjson.ErrDuplicate},
		{"55 an unknown member twice", `{"a":1,"a":2}`, strictjson.ErrDuplicate},
		{"67 a name twice, once with an escape", `{"exp":1,"\u0065xp":2}`, strictjson.ErrDuplicate},
		{"67 a name twice, both with escapes of different case", `{"\u006bid":1,"\u006Bid":2}`, strictjson.ErrDuplicate},
		{"67 an unknown name twice, once with an escape", `{"a\/b":1,"a/b":2}`, strictjson.ErrDuplicate},
		{"63 a member twice in a known value", `{"sub":{"a":1,"a":2}}`, strictjson.ErrDuplicate},
		{"63 a member twice in a skipped value", `{"x":{"a":1,"a":2}}`, strictjson.ErrDuplicate},
		{"63 a member twice in an array of a skipped value", `{"x":[[{"a":1,"\u0061":2}]]}`, strictjson.ErrDuplicate},
		{"63 the empty name twice", `{"":1,"":2}`, strictjson.ErrDuplicate},
		{"56 capitals", `{"KID":1}`, strictjson.ErrCase},
		{"56 one capital beside the right name", `{"kid":1,"Kid":2}`, strictjson.ErrCase},
		{"56 one capital before the right name", `{"eXp":1,"exp":2}`, strictjson.ErrCase},
		{"56 small letters where capitals belong", `{"expiresin":1}`, strictjson.ErrCase},
		{"56 the Kelvin sign for k", "{\"\u212Aid\":1}", strictjson.ErrCase},
		{"56 the Kelvin sign for k, escaped", `{"\u212aid":1}`, strictjson.ErrCase},
		{"56 the long s for s", "{\"\u017Fub\":1}", strictjson.ErrCase},
		{"56 the long s in camel case", "{\"expire\u017FIn\":1}", strictjson.ErrCase},
		{"56 a capital written as an escape", `{"\u004bid":1}`, strictjson.ErrCase},
		{"60 nesting of 65", nested(65), strictjson.ErrDepth},
		{"60 nesting of 65 objects in a skipped member", deep, strictjson.ErrDepth},
		{"60 nesting of 65 behind an escaped quote", `{"a":"\"","b":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + "}", strictjson.ErrDepth},
		{"60 nesting of 65 behind a string that ends in a backslash", `{"a":"\\","b":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + "}", strictjson.ErrDepth},
		{"60 a million brackets", strings.Repeat("[", 1_000_000), strictjson.ErrDepth},
		{"one member too many", members(strictjson.MaxNames + 1), strictjson.ErrNames},
		{"one member too many with the object around", `{"a":` + members(strictjson.MaxNames) + `}`, strictjson.ErrNames},
		{"one member too many behind an object", `{"a":[` + members(9) + "," + members(strictjson.MaxNames) + `]}`, strictjson.ErrNames},
		{"53 a byte order mark", "\uFEFF{}", strictjson.ErrSyntax},
		{"65 UTF-16", "\xFF\xFE{\x00}\x00", strictjson.ErrSyntax},
		{"54 a second object", `{}{}`, strictjson.ErrTrailing},
		{"54 a second value on a line of its own", "{}\nnull", strictjson.ErrTrailing},
		{"62 a letter behind", `{"sub":"u"}x`, strictjson.ErrTrailing},
		{"62 a comma behind", `{},`, strictjson.ErrTrailing},
		{"62 a bracket behind", `{}}`, strictjson.ErrTrailing},
		{"62 NUL behind", "{}\x00", strictjson.ErrTrailing},
		{"62 a form feed behind", "{}\f", strictjson.ErrTrailing},
		{"62 a byte order mark behind", "{}\uFEFF", strictjson.ErrTrailing},
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
		{"66 nothing", ``, strictjson.ErrSyntax},
		{"66 only white space", " \n", strictjson.ErrSyntax},
		{"52 half an object", `{"sub":`, strictjson.ErrSyntax},
		{"52 an object without its end", `{"sub":1`, strictjson.ErrSyntax},
		{"52 a string without its end", `{"sub":"a}`, strictjson.ErrSyntax},
		{"52 a comma before the end", `{"sub":1,}`, strictjson.ErrSyntax},
		{"52 a comma at the beginning", `{,"sub":1}`, strictjson.ErrSyntax},
		{"52 no comma", `{"sub":1 "kid":2}`, strictjson.ErrSyntax},
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
		{"84 a number without digits behind the point", `{"a":1.}`, strictjson.ErrSyntax},
	} {
		if _, err := read(row.data); !errors.Is(err, row.want) {
			t.Errorf("%s (-want +got)\n- %v\n+ %v", row.what, row.want, err)
		}
	}
}

// An error may reach a log: nothing of the document may be in it, save a name that
// the program knows anyway.
func TestErrorsRepeatNothing(t *testing.T) {
	const secret = "hunter2"
	for _, data := range []string{
		`{"hunter2":1,"hunter2":2}`, `{"a":hunter2}`, `{}hunter2`, `hunter2`, `"hunter2"`,
		"{\"hunter2\xff\":1}", `{"a":"hunter2\ud800"}`, `{"sub":"hunter2","SUB":1}`, `{"a":{"hunter2":1,"hunter2":2}}`,
	} {
		_, err := read(data)
		if err == nil {
			t.Errorf("%q was read", data)
			continue
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), secret) {
				t.Errorf("error about %q repeats it: %v", data, e)
			}
		}
	}
}

func TestMembersErrorEndsTheReading(t *testing.T) {
	wanted, calls := errors.New("no"), 0
	err := strictjson.Object([]byte(`{"sub":1,"kid":2,`), known, func(string, jsontext.Value) error {
		calls++
		return wanted
	})
	if !errors.Is(err, wanted) || err.Error() != `member "sub": no` || calls != 1 {
		t.Errorf("got %d calls and error %v, want 1 call and %q", calls, err, `member "sub": no`)
	}
}
