package scoperules_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/scoperules"
)

// argumentRules has rules for two arguments of one tool, and one that rejects other values.
func argumentRules() *scoperules.Rules {
	r := scoperules.New(nil, map[string][]string{"deploy": {"deploy"}}, nil)
	r.AddArgument(scoperules.Argument{Tool: "deploy", Name: "env", Values: map[string][]string{"dev": nil, "prod": {"prod"}, "é": {"accent"}}})
	r.AddArgument(scoperules.Argument{Tool: "deploy", Name: "region_name", Values: map[string][]string{"eu": {"eu"}, "us": {"us"}}})
	r.AddArgument(scoperules.Argument{Tool: "strict", Name: "env", Values: map[string][]string{"dev": {"dev"}}, RejectOthers: true})
	return r
}

func TestArguments(t *testing.T) {
	const dev, all = "[deploy eu]", "[deploy prod accent eu]" // with region_name "eu"
	for _, row := range []struct{ name, arguments, want string }{
		{"a listed value without scopes", `{"env":"dev","region_name":"eu"}`, dev},
		{"a listed value with scopes", `{"env":"prod","region_name":"eu"}`, "[deploy prod eu]"},
		{"both rules apply", `{"env":"dev","region_name":"us"}`, "[deploy us]"},
		{"escapes in the name", `{"\u0065nv":"dev","region_name":"eu"}`, dev},
		{"escapes in the value", `{"env":"\u0064ev","region_name":"eu"}`, dev},
		{"a value outside of ASCII", `{"env":"\u00e9","region_name":"eu"}`, "[deploy accent eu]"},
		{"further arguments", `{"x":{"env":"prod","ENV":"prod"},"env":"dev","region_name":"eu","list":[{"env":"prod"}]}`, dev},
		{"duplicate and deep names inside another argument", `{"x":{"a":1,"a":2,"b":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `},"env":"dev","region_name":"eu"}`, dev},
		{"a lone surrogate in another argument", `{"x":"\ud800","env":"dev","region_name":"eu"}`, dev},

		{"another value", `{"env":"staging","region_name":"eu"}`, all},
		{"another case of a value", `{"env":"Dev","region_name":"eu"}`, all},
		{"white space in a value", `{"env":"dev ","region_name":"eu"}`, all},
		{"the same letter, decomposed", `{"env":"e\u0301","region_name":"eu"}`, all},
		{"an empty value", `{"env":"","region_name":"eu"}`, all},
		{"null", `{"env":null,"region_name":"eu"}`, all},
		{"a number", `{"env":1,"region_name":"eu"}`, all},
		{"a boolean", `{"env":true,"region_name":"eu"}`, all},
		{"an array with a listed value", `{"env":["dev"],"region_name":"eu"}`, all},
		{"an object", `{"env":{"env":"dev"},"region_name":"eu"}`, all},
		{"a lone surrogate in the value", `{"env":"dev\ud800","region_name":"eu"}`, all},
		{"absent", `{"region_name":"eu"}`, all},
		{"another case of the name", `{"Env":"dev","region_name":"eu"}`, all},
		{"a second name in another case", `{"env":"dev","ENV":"prod","region_name":"eu"}`, all},
		{"a second name first", `{"eNv":"prod","env":"dev","region_name":"eu"}`, all},
		{"a second name with NUL", `{"env":"dev","region_name":"eu","e\u006ev\u0000":"prod"}`, all},
		{"a second name with spaces", `{"env":"dev"," env ":"prod","region_name":"eu"}`, all},
		{"a second name with hyphens", `{"env":"dev","e-n-v":"prod","region_name":"eu"}`, all},
		{"a second name with a zero-width space", `{"env":"dev","en\u200bv":"prod","region_name":"eu"}`, "[deploy prod accent eu us]"},
		{"camel case for an underscore", `{"env":"dev","region_name":"eu","regionName":"us"}`, "[deploy eu us]"},
		{"only camel case", `{"env":"dev","regionName":"eu"}`, "[deploy eu us]"},

		{"a duplicate", `{"env":"dev","env":"prod","region_name":"eu"}`, "[deploy prod accent eu us]"},
		{"a duplicate with escapes", `{"env":"dev","\u0065nv":"dev","region_name":"eu"}`, "[deploy prod accent eu us]"},
		{"a duplicate of another argument", `{"env":"dev","region_name":"eu","x":1,"x":1}`, "[deploy prod accent eu us]"},
		{"a name that cannot be decoded", `{"env":"dev","region_name":"eu","\ud800":1}`, "[deploy prod accent eu us]"},
		{"an array", `["env","dev"]`, "[deploy prod accent eu us]"},
		{"a string", `"env"`, "[deploy prod accent eu us]"},
		{"null for all", `null`, "[deploy prod accent eu us]"},
		{"no arguments", ``, "[deploy prod accent eu us]"},
		{"not JSON", `{"env":"dev","region_name":"eu"`, "[deploy prod accent eu us]"},
		{"data behind", `{"env":"dev","region_name":"eu"}{}`, "[deploy prod accent eu us]"},
		{"too many names", `{"env":"dev","region_name":"eu"` + manyNames() + `}`, "[deploy prod accent eu us]"},
	} {
		var arguments []byte
		if row.arguments != "" {
			arguments = []byte(row.arguments)
		}
		m, err := mcpmsg.ForOperation("tools/call", "deploy", "", arguments)
		if err != nil {
			t.Fatal(err)
		}
		var needs scoperules.Needs
		named := argumentRules().Collect(m, &needs)
		if got := fmt.Sprint(needs.Scopes.List()); got != row.want || !named || needs.Unlisted != "" {
			t.Errorf("%s: got %s, %v, %q, want %s", row.name, got, named, needs.Unlisted, row.want)
		}
	}
}

func manyNames() string {
	var b strings.Builder
	for n := range 20_000 {
		fmt.Fprintf(&b, `,"x%d":0`, n)
	}
	return b.String()
}

// A rule can reject values that it does not list. What is not a call needs all scopes, or is
// offered if one value is permitted.
func TestArgumentsOfOtherMessages(t *testing.T) {
	has := func(own ...string) func([]string) bool {
		return func(scopes []string) bool {
			return !slices.ContainsFunc(scopes, func(scope string) bool { return !slices.Contains(own, scope) })
		}
	}
	for _, row := range []struct {
		name, method, tool, arguments string
		has                           func([]string) bool
		want, unlisted                string
	}{
		{"a listed value", "tools/call", "strict", `{"env":"dev"}`, nil, "[dev]", ""},
		{"another value", "tools/call", "strict", `{"env":"prod"}`, nil, "[]", "env"},
		{"no arguments", "tools/call", "strict", ``, nil, "[]", "env"},
		{"an offer", "tools/call", "strict", ``, has(), "[dev]", ""},
		{"an offer with arguments", "tools/call", "strict", `{}`, has("dev"), "[]", "env"},
		{"an offer to a caller without scopes: a value needs none, the other needs all", "tools/call", "deploy", ``, has(), "[deploy eu us]", ""},
		{"an offer to a caller with the scopes of one value", "tools/call", "deploy", ``, has("us"), "[deploy us]", ""},
		{"a task", "tasks/get", "1", ``, nil, "[deploy prod accent eu us dev]", ""},
		{"an offer of a task", "tasks/get", "1", ``, has("us"), "[deploy prod accent eu us dev]", ""},
		{"another tool", "tools/call", "other", `{"env":"prod"}`, nil, "[]", ""},
		{"a prompt with the name of the tool", "prompts/get", "deploy", `{"env":"prod"}`, nil, "[]", ""},
	} {
		var arguments []byte
		if row.arguments != "" {
			arguments = []byte(row.arguments)
		}
		m, err := mcpmsg.ForOperation(row.method, row.tool, "", arguments)
		if err != nil {
			t.Fatal(err)
		}
		needs := scoperules.Needs{Has: row.has}
		argumentRules().Collect(m, &needs)
		if got := fmt.Sprint(needs.Scopes.List()); got != row.want || needs.Unlisted != row.unlisted {
			t.Errorf("%s: got %s, %q, want %s, %q", row.name, got, needs.Unlisted, row.want, row.unlisted)
		}
	}
}

func TestLabelsOfArguments(t *testing.T) {
	r := argumentRules()
	m, err := mcpmsg.ForOperation("tools/call", "strict", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	labels := r.Labels()
	slices.Sort(labels)
	if got, want := r.Label(m, new(int)), "tool strict"; got != want || !slices.Equal(labels, []string{"other", "tool deploy", "tool strict"}) {
		t.Errorf("got label %q of %q", got, labels)
	}
}
