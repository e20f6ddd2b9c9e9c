package scoperules_test

import (
	"fmt"
	"testing"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/scoperules"
	"github.com/warder-go/warder/internal/uripattern"
)

func TestKeyed(t *testing.T) {
	var mistakes configerr.List
	var compiled []string
	rules := scoperules.Compile("Numbers", scoperules.Given[[]int]{
		Methods: map[string][]int{"tools/call": {1}},
		Tools:   map[string][]int{"read": {2, 3}, "none": nil},
		Prompts: map[string][]int{"": {4}},
		Resources: []scoperules.GivenResource[[]int]{
			{Pattern: uripattern.Pattern{URI: "doc://one"}, Value: []int{5}},
			{Pattern: uripattern.Pattern{}, Field: ".Value", Value: []int{6}},
		},
	}, &mistakes, func(where string, values []int) []int {
		compiled = append(compiled, where)
		return values
	})
	const wantCompiled = `[Numbers.Methods["tools/call"] Numbers.Tools["none"] Numbers.Tools["read"] Numbers.Prompts[""] Numbers.Resources[0] Numbers.Resources[1].Value]`
	if got := fmt.Sprint(compiled); got != wantCompiled {
		t.Errorf("compiled %s, want %s", got, wantCompiled)
	}
	const wantMistakes = "[Numbers.Prompts: empty name Numbers.Resources[1]: set exactly one of URI, Prefix and Template]"
	if got := fmt.Sprint(mistakes.All()); got != wantMistakes {
		t.Errorf("mistakes %s, want %s", got, wantMistakes)
	}
	for _, row := range []struct {
		name         string
		rules        *scoperules.Keyed[int]
		method, what string
		values       string
		named        bool
	}{
		{"a tool adds to its method", rules, "tools/call", "read", "[1 2 3]", true},
		{"a tool without values", rules, "tools/call", "none", "[1]", true},
		{"a tool without a rule", rules, "tools/call", "other", "[1]", false},
		{"a resource", rules, "resources/read", "doc://one", "[5]", true},
		{"no rules", nil, "tools/call", "read", "[]", false},
	} {
		m, err := mcpmsg.ForOperation(row.method, row.what, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		var all scoperules.Needs
		named := row.rules.Collect(m, &all)
		if got := fmt.Sprint(row.rules.Of(&all)); got != row.values || named != row.named {
			t.Errorf("%s: got %s, %t; want %s, %t", row.name, got, named, row.values, row.named)
		}
	}
}
