package mcpsdk_test

import (
	"context"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

// conditionRules has conditions that resourcetest's tokens, whose subject is alice, meet or not,
// and a rule for an argument.
func conditionRules() resource.Operations {
	never := []resource.Condition{{Claim: "groups", Contains: "ops"}}
	always := []resource.Condition{{Claim: "sub", Equals: "alice"}}
	return resource.Operations{
		Conditions: resource.OperationConditions{
			Methods:   map[string][]resource.Condition{"acme/secret": never},
			Tools:     map[string][]resource.Condition{"delete": never, "echo": always},
			Prompts:   map[string][]resource.Condition{"secret": never, "greet": always},
			Resources: []resource.ResourceConditions{{URI: "file:///secret", Conditions: never}, {Template: "db://{table}/{id}", Conditions: never}},
		},
		Arguments: []resource.ArgumentRule{{Tool: "open", Argument: "env", Values: map[string][]string{"dev": {}, "prod": {"prod"}}}},
	}
}

// Lock checks conditions and arguments for requests of a route that does not, and hides what the
// caller cannot use.
func TestLockChecksConditionsAndArguments(t *testing.T) {
	const unmet = "403 not authorized: the claims of the access token do not permit this request"
	inEveryMode(t, func(t *testing.T, m mode) {
		h := newTestServer(t, conditionRules())
		h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
		s, err := h.connect(t, m, h.withoutRules, h.token("base"))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			name string
			call clientCall
			want string
		}{
			{"a tool", tool("delete", nil), unmet},
			{"a tool whose condition is met", tool("echo", nil), ""},
			{"a prompt", prompt("secret", nil), unmet},
			{"a resource", read("file:///secret"), unmet},
			{"a resource of a template", read("db://users/1"), unmet},
			{"a custom method", custom("acme/secret", nil), unmet},
			{"an argument without a scope", tool("open", map[string]any{"env": "dev"}), ""},
			{"an argument with a scope", tool("open", map[string]any{"env": "prod"}), lacksScope},
			{"another case of the argument", tool("open", map[string]any{"env": "dev", "ENV": "prod"}), lacksScope},
			{"no argument", tool("open", nil), lacksScope},
		} {
			got := ""
			if err := row.call(t.Context(), s); err != nil {
				got = rpcErrorText(err)
			}
			if executed := len(h.takeExecuted()) > 0; got != row.want || executed != (row.want == "") {
				t.Errorf("%s: got %q, executed %v; want %q", row.name, got, executed, row.want)
			}
		}
		equal(t, "tools", names(t, s.Tools(t.Context(), nil), toolName), []string{"broken", "echo", "open", "panics"})
		equal(t, "prompts", names(t, s.Prompts(t.Context(), nil), promptName), []string{"greet", "other"})
		equal(t, "resources", names(t, s.Resources(t.Context(), nil), resourceURI), []string{"file:///a", "file:///b"})
		equal(t, "templates", names(t, s.ResourceTemplates(t.Context(), nil), templateText), []string{"file:///logs/{day}", "file:///logs/{day}/{hour}"})
	})
}

// Check compares conditions and arguments with the server, as it does rules for scopes.
func TestCheckReportsUnusedConditions(t *testing.T) {
	rules := conditionRules()
	h := newTestServer(t, rules)
	checkError(t, "registered features", mcpsdk.Check(t.Context(), h.res, h.server), "")
	rules.Conditions.Methods = map[string][]resource.Condition{"tools/lst": nil}
	rules.Conditions.Tools = map[string][]resource.Condition{"delte": nil}
	rules.Conditions.Prompts = map[string][]resource.Condition{"secrets": nil}
	rules.Conditions.Resources = []resource.ResourceConditions{{URI: "file:///a"}, {Prefix: "mail://inbox/"}}
	rules.Arguments[0].Tool = "opne"
	h = newTestServer(t, rules)
	checkError(t, "typos", mcpsdk.Check(t.Context(), h.res, h.server),
		`Operations.Conditions.Methods["tools/lst"]: MCP has no such method; did you mean "tools/list"?`+"\n"+
			`Operations.Conditions.Tools["delte"]: the server has no such tool; did you mean "delete"?`+"\n"+
			`Operations.Conditions.Prompts["secrets"]: the server has no such prompt; did you mean "secret"?`+"\n"+
			`Operations.Arguments[0]: the server has no tool "opne"; did you mean "open"?`+"\n"+
			`Operations.Conditions.Resources[1]: the server has no resource and no template that Prefix "mail://inbox/" applies to`)
}

// Check compares rules for arguments with the schema of the tool, if it lists properties.
func TestCheckReportsUnknownArguments(t *testing.T) {
	server := mcp.NewServer(&mcp.Implementation{Name: "check", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "deploy"}, func(context.Context, *mcp.CallToolRequest, struct {
		Env    string `json:"env"`
		Region string `json:"region"`
	}) (*mcp.CallToolResult, any, error) {
		return nil, nil, nil
	})
	server.AddTool(&mcp.Tool{Name: "free", InputSchema: map[string]any{"type": "object"}}, nil)
	rule := func(tool, argument string) resource.ArgumentRule {
		return resource.ArgumentRule{Tool: tool, Argument: argument, Values: map[string][]string{"dev": {}, "prod": {"prod"}}}
	}
	for name, row := range map[string]struct {
		rule resource.ArgumentRule
		want string
	}{
		"an argument in the schema":     {rule("deploy", "region"), ""},
		"a schema without properties":   {rule("free", "env"), ""},
		"a typo":                        {rule("deploy", "rgion"), `Operations.Arguments[0]: the schema of the tool "deploy" has no argument "rgion"; did you mean "region"?`},
		"in another case":               {rule("deploy", "Env"), `Operations.Arguments[0]: the schema of the tool "deploy" has no argument "Env"; did you mean "env"?`},
		"an argument unlike the others": {rule("deploy", "tenant"), `Operations.Arguments[0]: the schema of the tool "deploy" has no argument "tenant"`},
	} {
		h := newTestServer(t, resource.Operations{Arguments: []resource.ArgumentRule{row.rule}})
		checkError(t, name, mcpsdk.Check(t.Context(), h.res, server), row.want)
	}
}
