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

func TestCheckReportsUnusedRules(t *testing.T) {
	scopes := []string{"x"}
	one := func(name string) map[string][]string { return map[string][]string{name: scopes} }
	uri := func(r resource.ResourceRule) resource.Operations {
		r.Scopes = scopes
		return resource.Operations{Resources: []resource.ResourceRule{r}}
	}
	unused := func(rule string) string {
		return "Operations.Resources[0]: the server has no resource and no template that " + rule
	}
	tests := []struct {
		name  string
		rules resource.Operations
		want  string // without the prefix; "": no error
	}{
		{"no rules", resource.Operations{}, ""},
		{"rules for registered features", testRules, ""},
		{"a tool with a typo", resource.Operations{Tools: one("delte")}, `Operations.Tools["delte"]: the server has no such tool; did you mean "delete"?`},
		{"a tool of another case", resource.Operations{Tools: one("DELETE")}, `Operations.Tools["DELETE"]: the server has no such tool; did you mean "delete"?`},
		{"a tool whose name is not similar to another", resource.Operations{Tools: one("archive")}, `Operations.Tools["archive"]: the server has no such tool`},
		{"a tool on the last page", resource.Operations{Tools: one("panics")}, ""},
		{"a prompt with a typo", resource.Operations{Prompts: one("secrets")}, `Operations.Prompts["secrets"]: the server has no such prompt; did you mean "secret"?`},
		{"a prompt in the rules for tools", resource.Operations{Tools: one("greet")}, `Operations.Tools["greet"]: the server has no such tool`},
		{"a public tool with a typo", resource.Operations{PublicTools: []string{"echo", "delte"}}, `Operations.PublicTools[1]: the server has no such tool; did you mean "delete"?`},
		{"a public prompt with a typo", resource.Operations{PublicPrompts: []string{"gret"}}, `Operations.PublicPrompts[0]: the server has no such prompt; did you mean "greet"?`},
		{"a public resource with a typo", resource.Operations{PublicResources: []string{"file:///secrte"}}, `Operations.PublicResources[0]: the server has no such resource and no template for it; did you mean "file:///secret"?`},
		{"public features", resource.Operations{PublicTools: []string{"echo"}, PublicPrompts: []string{"greet"}, PublicResources: []string{"file:///a", "db://users/1"}}, ""},
		{"a URI with a typo", uri(resource.ResourceRule{URI: "file:///secrte"}), unused(`URI "file:///secrte" applies to; did you mean "file:///secret"?`)},
		{"a URI in another spelling", uri(resource.ResourceRule{URI: "file:///SECRET"}), ""},
		{"a URI of a template", uri(resource.ResourceRule{URI: "db://users/1"}), ""},
		{"a URI that does not match a template", uri(resource.ResourceRule{URI: "db://users/1/2"}), unused(`URI "db://users/1/2" applies to`)},
		{"a prefix of a resource", uri(resource.ResourceRule{Prefix: "file:///s"}), ""},
		{"a prefix of URIs of a template", uri(resource.ResourceRule{Prefix: "db://users/"}), ""},
		{"a prefix without resources", uri(resource.ResourceRule{Prefix: "mail://inbox/"}), unused(`Prefix "mail://inbox/" applies to`)},
		{"a template", uri(resource.ResourceRule{Template: "file:///logs/{day}"}), ""},
		{"a template with other variable names", uri(resource.ResourceRule{Template: "file:///logs/{d}"}), ""},
		{"a template that matches a resource", uri(resource.ResourceRule{Template: "file:///{one}"}), ""},
		{"a template without resources", uri(resource.ResourceRule{Template: "file:///log/{day}/all"}), unused(`Template "file:///log/{day}/all" applies to`)},
		{"a method with a typo", resource.Operations{Methods: one("tools/cal")}, `Operations.Methods["tools/cal"]: MCP has no such method; did you mean "tools/call"?`},
		{"a method with a typo in its namespace", resource.Operations{Methods: one("tool/call")}, `Operations.Methods["tool/call"]: MCP has no such method; did you mean "tools/call"?`},
		{"an unknown method in a namespace of MCP", resource.Operations{Methods: one("tools/describe")}, `Operations.Methods["tools/describe"]: MCP has no such method`},
		{"a custom method", resource.Operations{Methods: one("acme/open")}, ""},
		{"several mistakes", resource.Operations{Tools: map[string][]string{"b": scopes, "a": scopes}, Prompts: one("c"), Methods: one("tools/x")},
			`Operations.Methods["tools/x"]: MCP has no such method` + "\n" + `Operations.Tools["a"]: the server has no such tool` + "\n" +
				`Operations.Tools["b"]: the server has no such tool` + "\n" + `Operations.Prompts["c"]: the server has no such prompt`},
	}
	for _, tt := range tests {
		h := newTestServer(t, tt.rules)
		checkError(t, tt.name, mcpsdk.Check(t.Context(), h.res, h.server), tt.want)
	}
}

func checkError(t *testing.T, name string, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "mcpsdk: check: ")
	}
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
}

// With DenyUndeclared, clients cannot use features that no rule names.
func TestCheckReportsUndeclaredFeatures(t *testing.T) {
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
	const undeclared = ": no rule names it, so no one may use it; add one, without scopes if it needs none"
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
	otherVariables := without("", "", 0, 1, 2, 5)
	otherVariables.Resources = append(otherVariables.Resources, resource.ResourceRule{Template: "db://{t}/{i}"})
	tests := []struct {
		name  string
		rules resource.Operations
		want  string
	}{
		{"rules for everything", full, ""},
		{"rules for all but a tool", without("open", "", 0, 1, 2, 3, 4, 5), `tool "open"` + undeclared},
		{"rules for all but a prompt", without("", "other", 0, 1, 2, 3, 4, 5), `prompt "other"` + undeclared},
		{"rules for all but a resource", without("", "", 1, 2, 3, 4, 5), `resource "file:///a"` + undeclared},
		{"rules for all but a template", without("", "", 0, 1, 2, 4, 5), `resource template "db://{table}/{id}"` + undeclared},
		{"all but a template, with a rule for one URI of another", without("", "", 0, 1, 2, 3, 4), `resource template "file:///logs/{day}/{hour}"` + undeclared},
		{"a template with other variable names", otherVariables, ""},
		{"without DenyUndeclared", resource.Operations{Tools: map[string][]string{"delete": {"x"}}}, ""},
	}
	for _, tt := range tests {
		h := newTestServer(t, tt.rules)
		checkError(t, tt.name, mcpsdk.Check(t.Context(), h.res, h.server), tt.want)
	}
}

// Lock does not restrict the session of Check, in whichever order they are called, but it
// restricts all other sessions.
func TestCheckBypassesLock(t *testing.T) {
	const want = `Operations.Tools["delte"]: the server has no such tool; did you mean "delete"?`
	rules := testRules
	rules.Tools = map[string][]string{"delte": {"admin"}, "panics": {"admin"}}
	h := newTestServer(t, rules)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	checkError(t, "behind one Lock", mcpsdk.Check(t.Context(), h.res, h.server), want)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res), mcpsdk.Lock(h.res))
	checkError(t, "behind three Locks", mcpsdk.Check(t.Context(), h.res, h.server), want)
	if n := len(h.takeExecuted()); n != 0 {
		t.Errorf("Check executed %d operations", n)
	}
	for range h.server.Sessions() {
		t.Error("Check left a session open")
	}
	if _, err := h.connect(t, modes()[0], h.withoutRules, "none"); rpcErrorText(err) != noCaller {
		t.Errorf("without a token: got %v, want %q", err, noCaller)
	}
}

// Check returns an error if it cannot list the features.
func TestCheckReportsListingErrors(t *testing.T) {
	h := newTestServer(t, testRules)
	h.server.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			if strings.HasPrefix(method, "prompts/") {
				return nil, errors.New("not available")
			}
			return next(ctx, method, req)
		}
	})
	checkError(t, "a middleware that rejects the list", mcpsdk.Check(t.Context(), h.res, h.server), `listing: calling "prompts/list": not available`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := mcpsdk.Check(ctx, h.res, h.server); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled context: got %v, want context.Canceled", err)
	}
}
