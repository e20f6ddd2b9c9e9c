package scoperules_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/scoperules"
	"github.com/warder-go/warder/internal/uripattern"
)

func newRules(t *testing.T) *scoperules.Rules {
	r := scoperules.New(
		map[string][]string{"tools/call": {"call"}, "tools/list": nil},
		map[string][]string{"read": {"r"}, "write": {"w"}},
		map[string][]string{"greet": {"p"}})
	for _, rule := range []struct {
		pattern uripattern.Pattern
		scopes  []string
	}{
		{uripattern.Pattern{URI: "doc://one"}, []string{"one"}},
		{uripattern.Pattern{Template: "doc://{name}"}, []string{"any"}},
	} {
		if err := r.AddResource(rule.pattern, rule.scopes); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestRulesOfMessages(t *testing.T) {
	r := newRules(t)
	for _, row := range []struct {
		sentence, method, name, ref string
		scopes                      string
		named                       bool
		label                       string
	}{
		{"a tool adds to its method", "tools/call", "read", "", "[call r]", true, "tool read"},
		{"a tool without a rule is not named by its method", "tools/call", "other", "", "[call]", false, "method tools/call"},
		{"a method with a rule and no scopes", "tools/list", "", "", "[]", true, "method tools/list"},
		{"a method without a rule", "prompts/list", "", "", "[]", false, "other"},
		{"a method that each server has", "ping", "", "", "[]", true, "other"},
		{"a prompt", "prompts/get", "greet", "", "[p]", true, "prompt greet"},
		{"a prompt in a completion", "completion/complete", "greet", "ref/prompt", "[p]", true, "prompt greet"},
		{"a resource with two rules", "resources/read", "doc://one", "", "[one any]", true, "resource doc://one"},
		{"a resource of a template", "resources/read", "doc://two", "", "[any]", true, "resource doc://{name}"},
		{"a resource without a rule", "resources/read", "other://x", "", "[]", false, "other"},
		{"a template in a completion", "completion/complete", "doc://{name}", "ref/resource", "[any]", true, "resource doc://{name}"},
		{"a task can belong to any tool", "tasks/get", "1", "", "[r w]", false, "other"},
	} {
		m, err := mcpmsg.ForOperation(row.method, row.name, row.ref, nil)
		if err != nil {
			t.Fatalf("%s: %v", row.sentence, err)
		}
		var needs scoperules.Needs
		named := r.Collect(m, &needs)
		if got := fmt.Sprint(needs.Scopes.List()); got != row.scopes || named != row.named || needs.Incomplete() {
			t.Errorf("%s: got %s, %v, want %s, %v", row.sentence, got, named, row.scopes, row.named)
		}
		if got := r.Label(m, new(int)); got != row.label {
			t.Errorf("%s: got label %q, want %q", row.sentence, got, row.label)
		}
		if !slices.Contains(r.Labels(), row.label) {
			t.Errorf("%s: Labels has no %q", row.sentence, row.label)
		}
		if got := r.LabelOf([]*mcpmsg.Message{m}); got != row.label {
			t.Errorf("%s: got label %q of one message, want %q", row.sentence, got, row.label)
		}
		if got := r.LabelOf([]*mcpmsg.Message{m, m}); got != scoperules.Other {
			t.Errorf("%s: got label %q of a batch", row.sentence, got)
		}
	}
}

func TestNilRulesNameNothing(t *testing.T) {
	var r *scoperules.Rules
	m, err := mcpmsg.ForOperation("ping", "", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.LabelOf([]*mcpmsg.Message{m}); got != scoperules.Other || !slices.Equal(r.Labels(), []string{scoperules.Other}) {
		t.Errorf("got %q and %q", got, r.Labels())
	}
}

// Comparing many URIs with templates that begin alike is cut short, and reported.
func TestWorkIsLimited(t *testing.T) {
	r := scoperules.New(nil, nil, nil)
	for n := range 200 {
		if err := r.AddResource(uripattern.Pattern{Template: fmt.Sprintf("doc://{name}/%d", n)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	m, err := mcpmsg.ForOperation("resources/read", "doc://"+strings.Repeat("a", 10_000), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var needs scoperules.Needs
	if r.Collect(m, &needs); !needs.Incomplete() {
		t.Error("got a complete result")
	}
}

// A URI is not read if no rule is about resources: its length and its spelling cost nothing.
func TestURIsWithoutResourceRules(t *testing.T) {
	r := scoperules.New(nil, map[string][]string{"read": {"r"}}, nil)
	for _, ref := range []string{"", "ref/resource"} {
		method := map[string]string{"": "resources/read", "ref/resource": "completion/complete"}[ref]
		cost := func(uri string) float64 {
			m, err := mcpmsg.ForOperation(method, uri, ref, nil)
			if err != nil {
				t.Fatal(err)
			}
			return testing.AllocsPerRun(100, func() { r.Collect(m, new(scoperules.Needs)) })
		}
		if short, long := cost("x:/"), cost("X://{a}"+strings.Repeat("/A", 10_000)); long > short {
			t.Errorf("%s: %v allocations for a long URI, %v for a short one", method, long, short)
		}
	}
}
