package main

import (
	"context"
	"errors"

	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// The suite uses these values; see issue 480 of modelcontextprotocol/conformance.
const (
	lowToken  = "mcp-conformance-scope-low"  // grants baseline only
	fullToken = "mcp-conformance-scope-full" // grants baseline and all scopes of the rules

	baseline = "mcp:conformance:baseline"
)

// rules returns the rules of issue 480. All other operations are denied, including other
// resources of the template.
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

// scopes returns all scopes of the rules.
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

// tokens is a [resource.Verifier] for the suite's two tokens.
type tokens struct {
	url  string
	full []string
}

// Issuer returns an issuer that does not exist: the suite uses no authorization server.
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
		return nil, &resource.Error{Reason: resource.ReasonInactive, Err: errors.New("unknown token")}
	}
	return &claims, nil
}
