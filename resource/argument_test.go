package resource_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

var deployEnv = resource.ArgumentRule{Tool: "deploy", Argument: "env", Values: map[string][]string{"dev": {}, "prod": {"deploy:prod"}}}

// The scopes of a listed value count, those of all values for every other call. The message can be
// written in several ways, be a task, be in a batch, or reach Permit.
func TestArgumentRules(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Scopes = []string{"base"}
		c.Operations = resource.Operations{Tools: map[string][]string{"deploy": {"deploy"}}, Arguments: []resource.ArgumentRule{deployEnv,
			{Tool: "strict", Argument: "env", Values: map[string][]string{"dev": {}}, Others: resource.RejectOtherValues}}}
	})
	token := f.token(resourcetest.Token{Scope: "base deploy"})
	caller := f.caller(resourcetest.Token{Scope: "base deploy"})
	prod := insufficient("base deploy deploy:prod")
	for _, row := range []struct {
		name, tool, arguments string
		want                  answer
	}{
		{"a value without scopes", "deploy", `{"env":"dev"}`, accepted},
		{"a value with scopes", "deploy", `{"env":"prod"}`, prod},
		{"another value", "deploy", `{"env":"PROD"}`, prod},
		{"another type", "deploy", `{"env":["dev"]}`, prod},
		{"absent", "deploy", `{}`, prod},
		{"escapes", "deploy", `{"\u0065nv":"d\u0065v"}`, accepted},
		{"a duplicate", "deploy", `{"env":"dev","\u0065nv":"prod"}`, prod},
		{"a name in another case", "deploy", `{"env":"dev","Env":"prod"}`, prod},
		{"a similar name", "deploy", `{"env":"dev","e-n v":"prod"}`, prod},
		{"a full-width name", "deploy", `{"env":"dev","\uff45\uff4e\uff56":"prod"}`, prod},
		{"a name in circles", "deploy", `{"env":"dev","\u24d4nv":"prod"}`, prod},
		{"a zero-width space in the name", "deploy", `{"env":"dev","e\u200bnv":"prod"}`, prod},
		{"a name that begins with it", "deploy", `{"env":"dev","environment":"prod"}`, accepted},
		{"an array of arguments", "deploy", `["dev"]`, prod},
		{"null arguments", "deploy", `null`, prod},
		{"a value in a nested object", "deploy", `{"env":"dev","options":{"env":"prod"}}`, accepted},
		{"rejected: another value", "strict", `{"env":"prod"}`, undeclared},
		{"rejected: absent", "strict", `{}`, undeclared},
		{"rejected: not this one", "strict", `{"env":"dev"}`, accepted},
		{"another tool", "Deploy", `{"env":"prod"}`, accepted},
	} {
		call := rpcCall("tools/call", `{"name":"`+row.tool+`","arguments":`+row.arguments+`}`)
		f.expect(row.name, f.post(token, call), row.want)
		f.expect(row.name+", arguments first", f.post(token, rpcCall("tools/call", `{"arguments":`+row.arguments+`,"name":"`+row.tool+`"}`)), row.want)
		f.expect(row.name+", as a task", f.post(token, rpcCall("tools/call", `{"task":{},"name":"`+row.tool+`","arguments":`+row.arguments+`}`)), row.want)
		f.expect(row.name+", in a batch", f.post(token, "["+rpcCall("ping", `{}`)+","+call+"]"), row.want)
		op := resource.Operation{Method: "tools/call", Name: row.tool, Arguments: []byte(row.arguments)}
		f.expect(row.name+", Permit", answerOfRefusal(f.res.Permit(t.Context(), caller, op)), row.want)
		if f.res.Offers(t.Context(), caller, op) != (row.want == accepted) {
			t.Errorf("%s: Offers differs from Permit", row.name)
		}
	}
	f.expect("no arguments", f.post(token, rpcCall("tools/call", `{"name":"deploy"}`)), prod)
	f.expect("no arguments, Permit", answerOfRefusal(f.res.Permit(t.Context(), caller, resource.Operation{Method: "tools/call", Name: "deploy"})), prod)
	f.expect("a task can have any value", f.post(token, rpcCall("tasks/result", `{"taskId":"1"}`)), prod)
	f.expect("two arguments members", f.post(token, rpcCall("tools/call", `{"name":"deploy","arguments":{"env":"dev"},"arguments":{"env":"prod"}}`)), badMessage("1"))
	f.expect("arguments in another case", f.post(token, rpcCall("tools/call", `{"name":"deploy","arguments":{"env":"dev"},"Arguments":{"env":"prod"}}`)), badMessage("1"))
}

// Each rule of a tool counts for its own argument.
func TestSeveralArgumentRules(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Arguments = []resource.ArgumentRule{deployEnv,
			{Tool: "deploy", Argument: "größe", Values: map[string][]string{"S": {}, "L": {"deploy:large"}}},
			{Tool: "deploy", Argument: "region", Values: map[string][]string{"eu": {}, "us": {"deploy:us"}}}}
	})
	for arguments, want := range map[string]answer{
		`{"env":"dev","region":"eu"}`:                          insufficient("deploy:large"),
		`{"region":"us","env":"dev"}`:                          insufficient("deploy:large deploy:us"),
		`{"env":"eu","region":"dev"}`:                          insufficient("deploy:prod deploy:large deploy:us"),
		`{"größe":"S","env":"dev","region":"eu"}`:              insufficient("deploy:prod deploy:us"), // größe is similar to each ASCII name
		`{"größe":"S","GRÖSSE":"L","env":"dev","region":"eu"}`: insufficient("deploy:prod deploy:us"),
		`{"größe":"S","GRÖßE":"L","env":"dev","region":"eu"}`:  insufficient("deploy:prod deploy:large deploy:us"),
		`{"gr\u00f6\u00dfe":"L","env":"dev","region":"eu"}`:    insufficient("deploy:prod deploy:large deploy:us"),
	} {
		f.expect(arguments, f.post(f.token(resourcetest.Token{}), rpcCall("tools/call", `{"name":"deploy","arguments":`+arguments+`}`)), want)
	}
}

// Offers is true if a call with one of the listed values would be permitted.
func TestOffersWithArgumentRules(t *testing.T) {
	rule := resource.ArgumentRule{Tool: "deploy", Argument: "env", Values: map[string][]string{"staging": {"deploy:staging"}, "prod": {"deploy:prod"}}}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.ScopeOptions.Implies = map[string][]string{"deploy:all": {"deploy:staging", "deploy:prod"}}
		c.Operations = resource.Operations{Tools: map[string][]string{"deploy": {"deploy"}}, Arguments: []resource.ArgumentRule{rule}}
	})
	for scope, want := range map[string]bool{
		"": false, "deploy": false, "deploy:prod": false, "deploy deploy:prod": true, "deploy deploy:staging": true, "deploy deploy:all": true,
	} {
		if got := f.res.Offers(t.Context(), f.caller(resourcetest.Token{Scope: scope}), resource.Operation{Method: "tools/call", Name: "deploy"}); got != want {
			t.Errorf("%q: got %v, want %v", scope, got, want)
		}
	}
}

// The scopes of a value can be alternatives. The union of all values has the entries of each.
func TestAlternativesInArgumentRules(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Arguments = []resource.ArgumentRule{{Tool: "deploy", Argument: "env", Values: map[string][]string{
			"prod": {"deploy:prod | admin"}, "test": {"deploy:test | admin"}}}}
	})
	for scope, want := range map[string]map[string]answer{
		"admin":       {"prod": accepted, "test": accepted, "other": accepted},
		"deploy:prod": {"prod": accepted, "test": insufficient("deploy:test"), "other": insufficient("deploy:prod deploy:test")},
	} {
		token, caller := f.token(resourcetest.Token{Scope: scope}), f.caller(resourcetest.Token{Scope: scope})
		for value, answer := range want {
			f.expect(scope+", "+value, f.post(token, rpcCall("tools/call", `{"name":"deploy","arguments":{"env":"`+value+`"}}`)), answer)
		}
		if !f.res.Offers(t.Context(), caller, resource.Operation{Method: "tools/call", Name: "deploy"}) {
			t.Errorf("%s: deploy is not offered", scope)
		}
	}
}

// Operations.Rule adds to an argument rule, and StepUpKeepGranted knows the scopes of the latter.
func TestArgumentRulesWithOtherSettings(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.ScopeOptions.StepUp = resource.StepUpKeepGranted
		rule := deployEnv
		rule.Values = map[string][]string{"dev": {"deploy:dev"}, "prod": {"deploy:prod"}}
		c.Operations.Arguments = []resource.ArgumentRule{rule}
		c.Operations.Rule = func(_ context.Context, o resource.Operation, _ *resource.Caller) ([]string, error) {
			if !strings.Contains(string(o.Arguments), "env") {
				return nil, errors.New("no env")
			}
			return []string{"rule"}, nil
		}
	})
	token := f.token(resourcetest.Token{Scope: "deploy:dev other"})
	f.expect("both", f.post(token, rpcCall("tools/call", `{"name":"deploy","arguments":{"env":"prod"}}`)), insufficient("deploy:prod rule deploy:dev"))
	f.expect("strict reading for the function", f.post(token, rpcCall("tools/call", `{"name":"deploy","arguments":{"env":"prod","Env":"dev"}}`)), badMessage("1"))
}

// A scope that only an argument rule has can be required by a prefix of the issuer.
func TestScopePrefixOfArgumentRule(t *testing.T) {
	newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers[0].ScopePrefix = "api:"
		c.Operations.Arguments = []resource.ArgumentRule{{Tool: "deploy", Argument: "env", Values: map[string][]string{"prod": {"api:prod"}}}}
	})
}

func TestArgumentMistakes(t *testing.T) {
	with := func(change func(*resource.ArgumentRule)) resource.Operations {
		rule := deployEnv
		change(&rule)
		return resource.Operations{Arguments: []resource.ArgumentRule{rule}}
	}
	for _, row := range []struct {
		operations resource.Operations
		want       string
	}{
		{with(func(r *resource.ArgumentRule) { r.Tool = "" }), "no tool"},
		{with(func(r *resource.ArgumentRule) { r.Argument = "" }), `argument "" has neither letters nor digits`},
		{with(func(r *resource.ArgumentRule) { r.Values = nil }), "no values; list at least one"},
		{with(func(r *resource.ArgumentRule) { r.Values = map[string][]string{"dev": {}} }), "no value has scopes, so the rule has no effect; add scopes, or reject other values"},
		{with(func(r *resource.ArgumentRule) { r.Others = 2 }), "others: 2 is neither OtherValuesNeedAll nor RejectOtherValues"},
	} {
		config := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: keywordVerifier{issuer: "https://as.example.test"}}}, Operations: row.operations}
		if _, err := resource.New(config); err == nil || err.Error() != "resource: configuration: Operations.Arguments[0]: "+row.want {
			t.Errorf("\n got %v\nwant %s", err, row.want)
		}
	}
}

// Arguments of tools without a rule cost nothing, and a rule reads them without copying them.
func TestArgumentRulesCost(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations.Arguments = []resource.ArgumentRule{deployEnv} })
	token := f.token(resourcetest.Token{})
	cost := func(tool string, size int) float64 {
		body := rpcCall("tools/call", `{"name":"`+tool+`","arguments":{"env":"dev","text":"`+strings.Repeat("x", size)+`"}}`)
		return testing.AllocsPerRun(20, func() {
			req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+token)
			if _, refusal := f.res.Authenticate(req); refusal != nil {
				t.Fatal(refusal.Err)
			}
		})
	}
	if short, long := cost("deploy", 10), cost("deploy", 30_000); long > short+2 {
		t.Errorf("%v allocations for short arguments, %v for long ones", short, long)
	}
	if without, with := cost("other", 10), cost("deploy", 10); with > without+8 {
		t.Errorf("%v allocations without a rule, %v with one", without, with)
	}
}
