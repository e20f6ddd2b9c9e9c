package mcpsdk_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

func TestCheckRulesThatNameNothing(t *testing.T) {
	scopes := []string{"x"}
	one := func(name string) map[string][]string { return map[string][]string{name: scopes} }
	uri := func(r resource.ResourceRule) resource.Operations {
		r.Scopes = scopes
		return resource.Operations{Resources: []resource.ResourceRule{r}}
	}
	noBinding := func(what string) string {
		return "Operations.Resources[0]: the server has no resource and no template that " + what
	}
	tests := []struct {
		name  string
		rules resource.Operations
		want  string // without its beginning; "": none
	}{
		{"no rules", resource.Operations{}, ""},
		{"rules that fit", hallRules, ""},
		{"a tool with a typo", resource.Operations{Tools: one("delte")}, `Operations.Tools["delte"]: the server has no such tool; did you mean "delete"?`},
		{"a tool of another case", resource.Operations{Tools: one("DELETE")}, `Operations.Tools["DELETE"]: the server has no such tool; did you mean "delete"?`},
		{"a tool like no other", resource.Operations{Tools: one("archive")}, `Operations.Tools["archive"]: the server has no such tool`},
		{"a tool on the last page", resource.Operations{Tools: one("panics")}, ""},
		{"a prompt with a typo", resource.Operations{Prompts: one("secrets")}, `Operations.Prompts["secrets"]: the server has no such prompt; did you mean "secret"?`},
		{"a prompt where a tool is meant", resource.Operations{Tools: one("greet")}, `Operations.Tools["greet"]: the server has no such tool`},
		{"a URI with a typo", uri(resource.ResourceRule{URI: "file:///secrte"}), noBinding(`URI "file:///secrte" applies to; did you mean "file:///secret"?`)},
		{"a URI in another spelling", uri(resource.ResourceRule{URI: "file:///SECRET"}), ""},
		{"a URI of a template", uri(resource.ResourceRule{URI: "db://users/1"}), ""},
		{"a URI of no template", uri(resource.ResourceRule{URI: "db://users/1/2"}), noBinding(`URI "db://users/1/2" applies to`)},
		{"a prefix of a resource", uri(resource.ResourceRule{Prefix: "file:///s"}), ""},
		{"a prefix of what a template makes", uri(resource.ResourceRule{Prefix: "db://users/"}), ""},
		{"a prefix of nothing", uri(resource.ResourceRule{Prefix: "mail://inbox/"}), noBinding(`Prefix "mail://inbox/" applies to`)},
		{"a template", uri(resource.ResourceRule{Template: "file:///logs/{day}"}), ""},
		{"a template that names its variables otherwise", uri(resource.ResourceRule{Template: "file:///logs/{d}"}), ""},
		{"a template of a resource", uri(resource.ResourceRule{Template: "file:///{one}"}), ""},
		{"a template of nothing", uri(resource.ResourceRule{Template: "file:///log/{day}/all"}), noBinding(`Template "file:///log/{day}/all" applies to`)},
		{"a method with a typo", resource.Operations{Methods: one("tools/cal")}, `Operations.Methods["tools/cal"]: MCP has no such method; did you mean "tools/call"?`},
		{"a method with a typo in its space", resource.Operations{Methods: one("tool/call")}, `Operations.Methods["tool/call"]: MCP has no such method; did you mean "tools/call"?`},
		{"a method that MCP might have", resource.Operations{Methods: one("tools/describe")}, `Operations.Methods["tools/describe"]: MCP has no such method`},
		{"a method of the program's own", resource.Operations{Methods: one("acme/open")}, ""},
		{"everything at once", resource.Operations{Tools: map[string][]string{"b": scopes, "a": scopes}, Prompts: one("c"), Methods: one("tools/x")},
			`Operations.Methods["tools/x"]: MCP has no such method` + "\n" + `Operations.Tools["a"]: the server has no such tool` + "\n" +
				`Operations.Tools["b"]: the server has no such tool` + "\n" + `Operations.Prompts["c"]: the server has no such prompt`},
	}
	for _, tt := range tests {
		h := newHall(t, tt.rules)
		checked(t, tt.name, mcpsdk.Check(t.Context(), h.res, h.server), tt.want)
	}
}

func checked(t *testing.T, name string, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "mcpsdk: check: ")
	}
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
}

// Under DenyUndeclared what is registered and named by no rule serves nobody.
func TestCheckWhatNoRuleNames(t *testing.T) {
	full := resource.Operations{
		Undeclared: resource.DenyUndeclared,
		Methods:    map[string][]string{"tools/list": {}},
		Tools:      map[string][]string{"delete": {"x"}, "echo": {}, "open": nil, "broken": {}, "panics": {}},
		Prompts:    map[string][]string{"greet": {}, "other": {}, "secret": {"x"}},
		Resources: []resource.ResourceRule{
			{URI: "file:///a"}, {Prefix: "file:///b"}, {URI: "file:///secret"},
			{Template: "db://{table}/{id}"}, {URI: "file:///logs/today"}, {Prefix: "file:///logs/"},
		},
	}
	const closed = ": no rule names it, so no one may use it; add one, without scopes if it needs none"
	without := func(tool, prompt string, resources ...int) resource.Operations {
		o := full
		o.Tools, o.Prompts, o.Resources = map[string][]string{}, map[string][]string{}, nil
		for name, scopes := range full.Tools {
			if name != tool {
				o.Tools[name] = scopes
			}
		}
		for name, scopes := range full.Prompts {
			if name != prompt {
				o.Prompts[name] = scopes
			}
		}
		for _, n := range resources {
			o.Resources = append(o.Resources, full.Resources[n])
		}
		return o
	}
	otherwise := without("", "", 0, 1, 2, 5)
	otherwise.Resources = append(otherwise.Resources, resource.ResourceRule{Template: "db://{t}/{i}"})
	tests := []struct {
		name  string
		rules resource.Operations
		want  string
	}{
		{"all are named", full, ""},
		{"all but a tool", without("open", "", 0, 1, 2, 3, 4, 5), `tool "open"` + closed},
		{"all but a prompt", without("", "other", 0, 1, 2, 3, 4, 5), `prompt "other"` + closed},
		{"all but a resource", without("", "", 1, 2, 3, 4, 5), `resource "file:///a"` + closed},
		{"all but a template", without("", "", 0, 1, 2, 4, 5), `resource template "db://{table}/{id}"` + closed},
		{"of a template one URI alone", without("", "", 0, 1, 2, 3, 4), `resource template "file:///logs/{day}/{hour}"` + closed},
		{"a template written otherwise", otherwise, ""},
		{"allowed, so that nothing need be named", resource.Operations{Tools: map[string][]string{"delete": {"x"}}}, ""},
	}
	for _, tt := range tests {
		h := newHall(t, tt.rules)
		checked(t, tt.name, mcpsdk.Check(t.Context(), h.res, h.server), tt.want)
	}
}

// The lock hides nothing from Check, in whichever order, and only from Check.
func TestCheckSeesThroughTheLock(t *testing.T) {
	const want = `Operations.Tools["delte"]: the server has no such tool; did you mean "delete"?`
	rules := hallRules
	rules.Tools = map[string][]string{"delte": {"admin"}, "panics": {"admin"}}
	h := newHall(t, rules)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	checked(t, "behind the lock", mcpsdk.Check(t.Context(), h.res, h.server), want)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res), mcpsdk.Lock(h.res))
	checked(t, "behind three of them", mcpsdk.Check(t.Context(), h.res, h.server), want)
	if n := len(h.taken()); n != 0 {
		t.Errorf("Check ran %d things", n)
	}
	for range h.server.Sessions() {
		t.Error("a session of Check's is left")
	}
	if _, err := h.connect(t, modes()[0], h.round, "none"); refusedWith(err) != nobody {
		t.Errorf("somebody without a token: got %v, want %q", err, nobody)
	}
}

// What can't be listed can't be checked: that is an error, too.
func TestCheckCannotList(t *testing.T) {
	h := newHall(t, hallRules)
	h.server.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			if strings.HasPrefix(method, "prompts/") {
				return nil, errors.New("closed today")
			}
			return next(ctx, method, req)
		}
	})
	checked(t, "a middleware that refuses", mcpsdk.Check(t.Context(), h.res, h.server), `listing: calling "prompts/list": closed today`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := mcpsdk.Check(ctx, h.res, h.server); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is over: got %v, want context.Canceled", err)
	}
}
