package strictjson_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// kinds are values of every kind. Each function rejects all but its own, null included.
var kinds = []string{`null`, `true`, `false`, `0`, `-1.5`, `""`, `"a"`, `[]`, `["a"]`, `{}`, `{"a":"a"}`}

func TestString(t *testing.T) {
	for _, row := range []struct{ value, want string }{
		{`""`, ""}, {`"a"`, "a"}, {`"\u0061\n\u0000"`, "a\n\x00"}, {`"\ud83d\ude00"`, "\U0001F600"}, {"\"\uFFFD\"", "\uFFFD"},
	} {
		got, err := strictjson.String(jsontext.Value(row.value))
		if err != nil || got != row.want {
			t.Errorf("%s: got %q, error %v, want %q", row.value, got, err, row.want)
		}
	}
	for _, value := range kinds {
		if got, err := strictjson.String(jsontext.Value(value)); (err == nil) != (value[0] == '"') {
			t.Errorf("%s: got %q, error %v", value, got, err)
		}
	}
}

func TestBool(t *testing.T) {
	for _, value := range kinds {
		got, err := strictjson.Bool(jsontext.Value(value))
		if want := value == "true"; got != want {
			t.Errorf("%s: got %v, want %v", value, got, want)
		}
		if want := value == "true" || value == "false"; (err == nil) != want {
			t.Errorf("%s: error %v", value, err)
		}
	}
}

func TestStrings(t *testing.T) {
	for _, row := range []struct {
		name, value string
		want        []string
	}{
		{"no element", `[]`, nil},
		{"one element", `["a"]`, []string{"a"}},
		{"several elements, with escapes and white space", "[ \"a\" ,\n\"\\u0062\", \"\" ]", []string{"a", "b", ""}},
		{"equal elements", `["a","a"]`, []string{"a", "a"}},
	} {
		got, err := strictjson.Strings(jsontext.Value(row.value))
		if err != nil || !slices.Equal(got, row.want) {
			t.Errorf("%s (-want +got)\n- %q\n+ %q, error %v", row.name, row.want, got, err)
		}
	}
	for _, value := range append([]string{`["a",1]`, `[null]`, `["a",null]`, `[["a"]]`, `[{}]`, `[true]`}, kinds...) {
		if value == `[]` || value == `["a"]` {
			continue
		}
		if got, err := strictjson.Strings(jsontext.Value(value)); err == nil || got != nil {
			t.Errorf("%s: got %q, error %v", value, got, err)
		}
	}
}

func TestElements(t *testing.T) {
	var got []string
	err := strictjson.Elements(jsontext.Value(`[1,"a",{"b":[2]},[],null]`), func(v jsontext.Value) error {
		got = append(got, string(v))
		return nil
	})
	if want := []string{"1", `"a"`, `{"b":[2]}`, "[]", "null"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("(-want +got)\n- %q\n+ %q, error %v", want, got, err)
	}
	calls, cause := 0, errors.New("no")
	if err := strictjson.Elements(jsontext.Value(`[1,2]`), func(jsontext.Value) error { calls++; return cause }); !errors.Is(err, cause) || calls != 1 {
		t.Errorf("after an error of element: got %v and %d calls, want 1", err, calls)
	}
	for _, value := range kinds {
		called := false
		err := strictjson.Elements(jsontext.Value(value), func(jsontext.Value) error { called = true; return nil })
		if isArray := value[0] == '['; (err == nil) != isArray || called && !isArray {
			t.Errorf("%s: error %v, element called: %v", value, err, called)
		}
	}
}

func TestValid(t *testing.T) {
	for _, row := range []struct {
		name, data string
		want       error
	}{
		{"an object", `{"a":1}`, nil},
		{"an array", ` [1] `, nil},
		{"a string", `"a"`, nil},
		{"null", `null`, nil},
		{"a number", `-0`, nil},
		{"nesting of 64", strings.Repeat("[", 64) + strings.Repeat("]", 64), nil},
		{"nesting of 65", strings.Repeat("[", 65) + strings.Repeat("]", 65), strictjson.ErrDepth},
		{"two values", `1 2`, strictjson.ErrTrailing},
		{"a duplicate", `[{"a":1,"a":2}]`, strictjson.ErrDuplicate},
		{"invalid UTF-8", "\"\xff\"", strictjson.ErrSyntax},
		{"a byte order mark", "\uFEFF1", strictjson.ErrSyntax},
		{"no value", ``, strictjson.ErrSyntax},
	} {
		if err := strictjson.Valid([]byte(row.data)); !errors.Is(err, row.want) {
			t.Errorf("%s (-want +got)\n- %v\n+ %v", row.name, row.want, err)
		}
	}
}

func TestNewNamesPanicsOnCaseVariants(t *testing.T) {
	for _, names := range [][]string{{"kid", "KID"}, {"kid", "\u212Aid"}, {"sub", "sub"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q: no panic", names)
				}
			}()
			strictjson.NewNames(names...)
		}()
	}
}

func TestWithPrivatePanicsOnCaseVariants(t *testing.T) {
	for _, names := range [][]string{{"kid"}, {"KID"}, {"a", "A"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q: no panic", names)
				}
			}()
			strictjson.NewNames("kid").WithPrivate(names...)
		}()
	}
}

// A name that differs from a private name only in case is another name. The other rules apply to
// private names too.
func TestPrivateNames(t *testing.T) {
	names := strictjson.NewNames("sub").WithPrivate("cid", "appId")
	for _, row := range []struct {
		name, data string
		want       []string
		err        error
	}{
		{"the exact name", `{"cid":1,"appId":2,"sub":3}`, []string{"cid 1", "appId 2", "sub 3"}, nil},
		{"only a variant", `{"CID":1,"appid":2}`, nil, nil},
		{"the exact name and variants", `{"CID":1,"cid":2,"Cid":3,"appid":4,"appId":5,"APPID":6}`, []string{"cid 2", "appId 5"}, nil},
		{"a variant of another name", `{"CID":1,"Sub":2}`, nil, strictjson.ErrCase},
		{"a duplicate", `{"cid":1,"\u0063id":2}`, nil, strictjson.ErrDuplicate},
		{"a duplicate variant", `{"CID":1,"CID":2}`, nil, strictjson.ErrDuplicate},
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

// Skipping a member must not cost memory, because a token or a document can have many. The
// set of the names of an object grows by doubling.
func TestUnknownMembersAllocations(t *testing.T) {
	cost := func(members int) float64 {
		data := []byte(`{"sub":"a"`)
		for i := range members {
			data = fmt.Appendf(data, `,"name%d":{"a":[1,"text",null],"b":{}}`, i)
		}
		data = append(data, '}')
		return testing.AllocsPerRun(50, func() {
			if err := strictjson.Object(data, known, func(string, jsontext.Value) error { return nil }); err != nil {
				t.Fatal(err)
			}
		})
	}
	none := cost(0)
	for _, row := range []struct {
		members int
		limit   float64 // allocations per member must be below it
	}{
		{15, 0}, {60, 0.1}, {2000, 0.01},
	} {
		if got := (cost(row.members) - none) / float64(row.members); got > row.limit {
			t.Errorf("%d unknown members: %.2f allocations each, want below %.1f", row.members, got, row.limit)
		}
	}
}

// A call must not see the data of another one, also when they are nested.
func TestConcurrentUse(t *testing.T) {
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 200 {
				want := fmt.Sprintf(`{"kid":"%d-%d"}`, n, i)
				data := []byte(`{"x":[{}],"sub":` + want + `,"exp":[` + want + `]}`)
				if i%3 == 0 {
					_, _ = read(`{"a":"\ud800`)
				}
				err := strictjson.Object(data, known, func(name string, value jsontext.Value) error {
					if name == "exp" {
						return strictjson.Elements(value, func(v jsontext.Value) error { return same(string(v), want) })
					}
					return strictjson.Object(value, known, func(_ string, inner jsontext.Value) error {
						return same(`{"kid":`+string(inner)+`}`, want)
					})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func same(got, want string) error {
	if got != want {
		return fmt.Errorf("got %s, want %s", got, want)
	}
	return nil
}
