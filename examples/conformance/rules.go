package main

import (
	"context"
	"errors"

	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// What the suite knows of the server, from its issue 480.
const (
	lowToken  = "mcp-conformance-scope-low"  // has baseline alone
	fullToken = "mcp-conformance-scope-full" // has all that the rules ask for, too

	baseline = "mcp:conformance:baseline"
)

// rules are the announced table. What is read by the template is closed to everybody,
// but for the one resource that is in it.
func rules() resource.Operations {
	return resource.Operations{
		Methods: map[string][]string{
			"tools/call":     {"mcp:conformance:tools:call"},
			"resources/read": {"mcp:conformance:resources:read"},
			"prompts/get":    {"mcp:conformance:prompts:get"},

			"tools/list": {}, "resources/list": {}, "resources/templates/list": {}, "prompts/list": {},
		},
		Tools:   map[string][]string{"test_simple_text": {"mcp:conformance:tools:test_simple_text"}},
		Prompts: map[string][]string{"test_simple_prompt": {"mcp:conformance:prompts:test_simple_prompt"}},
		Resources: []resource.ResourceRule{
			{URI: "test://static-text", Scopes: []string{"mcp:conformance:resources:static"}},
			{URI: "test://template/123/data", Scopes: []string{"mcp:conformance:resources:template:123"}},
		},
		Undeclared: resource.DenyUndeclared,
	}
}

// scopes collects all that the rules ask for.
func scopes(o resource.Operations) (all []string) {
	for _, rules := range []map[string][]string{o.Methods, o.Tools, o.Prompts} {
		for _, scopes := range rules {
			all = append(all, scopes...)
		}
	}
	for _, rule := range o.Resources {
		all = append(all, rule.Scopes...)
	}
	return all
}

func protect(url string) (*resource.Resource, error) {
	o := rules()
	return resource.New(resource.Config{
		Identifier:   url,
		Opaque:       &resource.Issuer{Verifier: tokens{url: url, full: append(scopes(o), baseline)}},
		ScopeOptions: resource.ScopeOptions{Challenge: []string{baseline}},
		Metadata:     metadata.Document{ScopesSupported: []string{baseline}},
		Operations:   o,
	})
}

// tokens vouches for the suite's two tokens.
type tokens struct {
	url  string
	full []string
}

// Issuer is nobody's: the suite asks no authorization server.
func (tokens) Issuer() string { return "https://auth.invalid" }

// Verify implements [resource.Verifier].
func (t tokens) Verify(_ context.Context, token *resource.Token) (*resource.Claims, error) {
	claims := resource.Claims{Issuer: t.Issuer(), Audience: []string{t.url}, Subject: "conformance", Introspected: true}
	switch token.Raw() {
	case lowToken:
		claims.Scopes = []string{baseline}
	case fullToken:
		claims.Scopes = t.full
	default:
		return nil, &resource.Error{Reason: resource.ReasonInactive, Err: errors.New("neither of the suite's tokens")}
	}
	return &claims, nil
}
