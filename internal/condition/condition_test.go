package condition_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/claimpath"
	"github.com/warder-go/warder/internal/condition"
)

const here = "https://mcp.example.test/mcp"

func findIn(object string) condition.Claims {
	return condition.Claims{
		Find:   func(path claimpath.Path) (jsontext.Value, error) { return path.Find([]byte(object)) },
		IsHere: func(location string) bool { return location == here },
	}
}

func newCondition(t *testing.T, s condition.Spec) *condition.Condition {
	t.Helper()
	c, err := condition.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestHolds(t *testing.T) {
	acme := condition.Spec{Claim: "owner", Equals: "acme"}
	one := condition.Spec{Claim: "n", Equals: 1}
	large := condition.Spec{Claim: "n", Equals: int64(9007199254740993)} // not a float64
	yes := condition.Spec{Claim: "ok", Equals: true}
	oneOf := condition.Spec{Claim: "/kubernetes.io/namespace", OneOf: []any{"prod", "staging"}}
	ops := condition.Spec{Claim: "groups", Contains: "ops"}
	mixed := condition.Spec{Claim: "groups", ContainsOneOf: []any{"ops", 7, false}}
	path := condition.Spec{Claim: "project", PathPrefix: "acme/platform"}
	spiffe := condition.Spec{Claim: "sub", PathPrefix: "spiffe://example.org/ns/prod"}
	for _, row := range []struct {
		name   string
		spec   condition.Spec
		object string
		want   bool
	}{
		{"an equal string", acme, `{"owner":"acme"}`, true},
		{"an equal string with escapes", acme, `{"owner":"\u0061cme"}`, true},
		{"a name with escapes", acme, `{"\u006fwner":"acme"}`, true},
		{"a longer string", acme, `{"owner":"acme-evil"}`, false},
		{"a shorter string", acme, `{"owner":"acm"}`, false},
		{"another case", acme, `{"owner":"Acme"}`, false},
		{"white space", acme, `{"owner":"acme "}`, false},
		{"NUL", acme, `{"owner":"acme\u0000"}`, false},
		{"a Cyrillic letter", acme, `{"owner":"аcme"}`, false},
		{"full-width letters", acme, `{"owner":"ａｃｍｅ"}`, false},
		{"a combining character", acme, `{"owner":"acme\u0301"}`, false},
		{"a zero-width space", acme, `{"owner":"acme\u200b"}`, false},
		{"an array with the string", acme, `{"owner":["acme"]}`, false},
		{"an object with the string", acme, `{"owner":{"owner":"acme"}}`, false},
		{"an absent claim", acme, `{}`, false},
		{"null", acme, `{"owner":null}`, false},
		{"an empty string", acme, `{"owner":""}`, false},
		{"a name in another case", acme, `{"Owner":"acme"}`, false},
		{"another claim whose name differs in case", acme, `{"owner":"acme","OWNER":"evil"}`, true},
		{"a second name in another case, of a registered claim", condition.Spec{Claim: "sub", Equals: "acme"}, `{"sub":"acme","SUB":"acme"}`, false},
		{"a duplicate name", acme, `{"owner":"acme","owner":"acme"}`, false},
		{"an object that cannot be read", acme, `[`, false},
		{"no object", acme, ``, false},

		{"an equal number", one, `{"n": 1 }`, true},
		{"a string for a number", one, `{"n":"1"}`, false},
		{"a boolean for a number", one, `{"n":true}`, false},
		{"a number with a fraction", one, `{"n":1.0}`, false},
		{"a number with an exponent", one, `{"n":1e0}`, false},
		{"a longer number", one, `{"n":10}`, false},
		{"a negative number", condition.Spec{Claim: "n", Equals: -1}, `{"n":-1}`, true},
		{"zero", condition.Spec{Claim: "n", Equals: 0}, `{"n":0}`, true},
		{"zero, and the claim is absent", condition.Spec{Claim: "n", Equals: 0}, `{}`, false},
		{"a number for a string", condition.Spec{Claim: "n", Equals: "1"}, `{"n":1}`, false},
		{"a large number", large, `{"n":9007199254740993}`, true},
		{"its neighbour, equal as a float64", large, `{"n":9007199254740992}`, false},

		{"true", yes, `{"ok":true}`, true},
		{"false", yes, `{"ok":false}`, false},
		{"a string for true", yes, `{"ok":"true"}`, false},
		{"1 for true", yes, `{"ok":1}`, false},
		{"true for a string", condition.Spec{Claim: "ok", Equals: "true"}, `{"ok":true}`, false},
		{"false, and the claim is absent", condition.Spec{Claim: "ok", Equals: false}, `{}`, false},

		{"a nested claim", oneOf, `{"kubernetes.io":{"namespace":"staging"}}`, true},
		{"another value of a nested claim", oneOf, `{"kubernetes.io":{"namespace":"prod2"}}`, false},
		{"the name at the top", oneOf, `{"namespace":"prod"}`, false},
		{"the pointer as a name", oneOf, `{"/kubernetes.io/namespace":"prod"}`, false},
		{"an array on the path", oneOf, `{"kubernetes.io":[{"namespace":"prod"}]}`, false},
		{"a string on the path", oneOf, `{"kubernetes.io":"prod"}`, false},

		{"an array with the value", ops, `{"groups":["dev", "ops"]}`, true},
		{"an array of one", ops, `{"groups":["\u006fps"]}`, true},
		{"an array without the value", ops, `{"groups":["dev","ops2","OPS"]}`, false},
		{"an empty array", ops, `{"groups":[]}`, false},
		{"a string for an array", ops, `{"groups":"ops"}`, false},
		{"a string with the value between spaces", ops, `{"groups":"dev ops"}`, false},
		{"an object for an array", ops, `{"groups":{"ops":"ops"}}`, false},
		{"a nested array", ops, `{"groups":[["ops"]]}`, false},
		{"an object in the array", ops, `{"groups":[{"ops":"ops"}]}`, false},
		{"other types in the array", ops, `{"groups":[1,null,true,"ops"]}`, true},
		{"a number in the array", mixed, `{"groups":[7]}`, true},
		{"a boolean in the array", mixed, `{"groups":[false]}`, true},
		{"the number as a string", mixed, `{"groups":["7","false"]}`, false},

		{"the path itself", path, `{"project":"acme/platform"}`, true},
		{"a path below", path, `{"project":"acme/platform/tools/x"}`, true},
		{"the path above", path, `{"project":"acme"}`, false},
		{"a longer segment", path, `{"project":"acme/platform-evil"}`, false},
		{"a longer first segment", path, `{"project":"xacme/platform"}`, false},
		{"another case of the path", path, `{"project":"acme/Platform"}`, false},
		{"a dot segment", path, `{"project":"acme/platform/../evil"}`, false},
		{"a single dot", path, `{"project":"acme/platform/./x"}`, false},
		{"dots at the end", path, `{"project":"acme/platform/.."}`, false},
		{"an encoded dot segment", path, `{"project":"acme/platform/%2e%2e/evil"}`, false},
		{"a backslash", path, `{"project":"acme/platform/..\\..\\evil"}`, false},
		{"an empty segment", path, `{"project":"acme/platform//x"}`, false},
		{"a slash at the end", path, `{"project":"acme/platform/"}`, false},
		{"a control character below", path, `{"project":"acme/platform/a\u0000"}`, false},
		{"a full-width slash", path, `{"project":"acme/platform／x"}`, false},
		{"three dots are a name", path, `{"project":"acme/platform/...x"}`, true},
		{"an array of paths", path, `{"project":["acme/platform"]}`, false},
		{"a SPIFFE ID below", spiffe, `{"sub":"spiffe://example.org/ns/prod/sa/deployer"}`, true},
		{"a SPIFFE ID of another trust domain", spiffe, `{"sub":"spiffe://example.org.evil.test/ns/prod/sa/deployer"}`, false},
		{"a SPIFFE ID of a similar namespace", spiffe, `{"sub":"spiffe://example.org/ns/production/sa/deployer"}`, false},
	} {
		if got := newCondition(t, row.spec).Holds(findIn(row.object)); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}

// A long array is searched to its end, and its description for a log is short.
func TestLongArray(t *testing.T) {
	groups := `{"groups":["` + strings.Repeat(`group","`, 9_999) + `ops"]}`
	if !newCondition(t, condition.Spec{Claim: "groups", Contains: "ops"}).Holds(findIn(groups)) {
		t.Error("the last of 10,000 values was not found")
	}
	c := newCondition(t, condition.Spec{Claim: "groups", Contains: "other"})
	if c.Holds(findIn(groups)) {
		t.Error("a value that is absent was found")
	}
	if got := c.Got(findIn(groups)); len(got) > 203 || !strings.HasPrefix(got, `groups ["group","group",`) || !strings.HasSuffix(got, "...") {
		t.Errorf("got %d bytes: %s", len(got), got)
	}
}

// A pointer can be as deep as claims can be. One step more leads nowhere.
func TestDeepPointer(t *testing.T) {
	const depth = 63 // of strictjson.MaxDepth, with the outermost object
	object := strings.Repeat(`{"a":`, depth) + `"acme"` + strings.Repeat("}", depth)
	for steps, want := range map[int]bool{depth: true, depth - 1: false, depth + 1: false} {
		c := newCondition(t, condition.Spec{Claim: strings.Repeat("/a", steps), Equals: "acme"})
		if got := c.Holds(findIn(object)); got != want {
			t.Errorf("%d steps: got %v, want %v", steps, got, want)
		}
	}
}

func TestDescriptions(t *testing.T) {
	many := make([]any, 12)
	for i := range many {
		many[i] = i
	}
	for _, row := range []struct {
		spec      condition.Spec
		object    string
		got, want string
	}{
		{condition.Spec{Claim: "owner", Equals: "a\"b"}, `{"owner":"evil\n"}`, `owner "evil\n"`, `owner equals "a\"b"`},
		{condition.Spec{Claim: "owner", OneOf: []any{"a", 1, true}}, `{}`, "no owner", `owner is one of "a", 1, true`},
		{condition.Spec{Claim: "n", OneOf: many}, `[1]`, "n cannot be read", `n is one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2 more`},
		{condition.Spec{Claim: "/a/b", Contains: "x"}, `{"a":{"b":[1]}}`, "/a/b [1]", `/a/b contains "x"`},
		{condition.Spec{Claim: "a", ContainsOneOf: []any{"x", "y"}}, `{"a":"x"}`, `a "x"`, `a contains one of "x", "y"`},
		{condition.Spec{Claim: "p", PathPrefix: "a/b"}, `{"p":"a"}`, `p "a"`, `p is "a/b" or a path below`},
	} {
		c := newCondition(t, row.spec)
		if got, want := c.Got(findIn(row.object)), c.Want(); got != row.got || want != row.want {
			t.Errorf("got %s and %s\nwant %s and %s", got, want, row.got, row.want)
		}
	}
	long := newCondition(t, condition.Spec{Claim: "a", Equals: strings.Repeat("x", 1000)})
	if got := len(long.Want()); got != 203 {
		t.Errorf("got a description of %d bytes", got)
	}
}

func TestMistakes(t *testing.T) {
	const tests = "set exactly one of Equals, OneOf, Contains, ContainsOneOf, ContainsDetail and PathPrefix"
	for _, row := range []struct {
		name string
		spec condition.Spec
		want string
	}{
		{"no claim", condition.Spec{Equals: "a"}, "Claim: empty; name the claim"},
		{"a pointer of one step", condition.Spec{Claim: "/a", Equals: "a"}, `Claim: "/a" is one claim: write "a"`},
		{"an empty step", condition.Spec{Claim: "/a//b", Equals: "a"}, `Claim: "/a//b" has an empty step`},
		{"jti", condition.Spec{Claim: "jti", Equals: "a"}, "Claim: jti differs in each token; name another claim"},
		{"no test", condition.Spec{Claim: "a"}, tests},
		{"two tests", condition.Spec{Claim: "a", Equals: "a", PathPrefix: "b"}, tests},
		{"two lists", condition.Spec{Claim: "a", OneOf: []any{}, ContainsOneOf: []any{}}, tests},
		{"an empty list", condition.Spec{Claim: "a", OneOf: []any{}}, "OneOf: empty; name at least one value"},
		{"an empty string", condition.Spec{Claim: "a", Equals: ""}, "Equals: an empty string counts as an absent claim, which never passes"},
		{"a float", condition.Spec{Claim: "a", Equals: 1.5}, "Equals: 1.5 is of type float64; use a string, a bool, an int or an int64"},
		{"null", condition.Spec{Claim: "a", OneOf: []any{nil}}, "OneOf: <nil> is of type <nil>; use a string, a bool, an int or an int64"},
		{"a list as a value", condition.Spec{Claim: "a", Contains: []any{"x"}}, "Contains: [x] is of type []interface {}; use a string, a bool, an int or an int64"},
		{"a duplicate", condition.Spec{Claim: "a", ContainsOneOf: []any{"x", 1, "x"}}, `ContainsOneOf: duplicate value "x"`},
		{"equal numbers of two types", condition.Spec{Claim: "a", OneOf: []any{1, int64(1)}}, "OneOf: duplicate value 1"},
		{"a slash at the end", condition.Spec{Claim: "a", PathPrefix: "a/"}, `PathPrefix: "a/" ends with a slash; write it without: the prefix matches whole segments`},
		{"only a slash", condition.Spec{Claim: "a", PathPrefix: "/"}, `PathPrefix: "/" ends with a slash; write it without: the prefix matches whole segments`},
		{"a dot segment", condition.Spec{Claim: "a", PathPrefix: "a/../b"}, `PathPrefix: "a/../b" has an empty segment, a dot segment, a backslash, a percent sign or a control character`},
		{"an empty segment", condition.Spec{Claim: "a", PathPrefix: "a//b"}, `PathPrefix: "a//b" has an empty segment, a dot segment, a backslash, a percent sign or a control character`},
		{"a pattern", condition.Spec{Claim: "a", PathPrefix: "a/*"}, `PathPrefix: "a/*" has an asterisk; write it without: paths below the prefix match too`},
		{"a scheme without a host", condition.Spec{Claim: "a", PathPrefix: "spiffe:///a"}, `PathPrefix: "spiffe:///a" has an empty segment, a dot segment, a backslash, a percent sign or a control character`},
	} {
		if _, err := condition.New(row.spec); fmt.Sprint(err) != row.want {
			t.Errorf("%s:\n got %v\nwant %s", row.name, err, row.want)
		}
	}
	for _, prefix := range []string{"a", "/a/b", "repo:octo-org", "spiffe://example.org", "https://example.org/a"} {
		if _, err := condition.New(condition.Spec{Claim: "a", PathPrefix: prefix}); err != nil {
			t.Errorf("%s: %v", prefix, err)
		}
	}
}

// Checking a claim allocates nothing but what reading JSON does, and nothing per value.
func TestAllocations(t *testing.T) {
	c := newCondition(t, condition.Spec{Claim: "owner", OneOf: []any{true, 1, 2, 3}})
	find := findIn(`{"sub":"alice","owner":3}`)
	if got := testing.AllocsPerRun(100, func() { c.Holds(find) }); got > 3 {
		t.Errorf("got %v allocations", got)
	}
}
