package mcpsdk

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/resource"
)

// Check compares the rules of a Resource, conditions and rules for arguments included, with what
// a server has. Call it at start, when everything is registered. A rule that names a tool,
// prompt or resource which the server does not have is an error, because a typo leaves open
// what the rule was meant for. A public tool, prompt or resource that the server does not have
// is an error too, and so is a method that MCP does not have, if it is similar to one that it
// has or in its namespace; others can be the program's own. A rule for an argument is an error if
// the tool's schema has properties and the argument is not one of them. With DenyUndeclared, a
// tool, prompt, resource or template that no rule names is an error too, because no one could
// use it. The error lists every mistake.
//
// Check queries the server through an in-memory session of the SDK, which lists all pages of
// everything. [Lock] does not restrict that session, whichever of the two is called first. A
// middleware of the program that hides or rejects something must be added later. What is
// registered after Check is not checked, but the rules apply to it all the same.
func Check(ctx context.Context, res *resource.Resource, server *mcp.Server) error {
	have, err := takeInventory(ctx, server)
	if err != nil {
		return fmt.Errorf("mcpsdk: check: %w", err)
	}
	c := check{res: res, rules: res.Operations(), have: have}
	c.methods()
	names(&c, "Tools", "tool", c.rules.Tools, have.tools)
	names(&c, "Prompts", "prompt", c.rules.Prompts, have.prompts)
	names(&c, "Conditions.Tools", "tool", c.rules.Conditions.Tools, have.tools)
	names(&c, "Conditions.Prompts", "prompt", c.rules.Conditions.Prompts, have.prompts)
	names(&c, "Authentication.Tools", "tool", c.rules.Authentication.Tools, have.tools)
	names(&c, "Authentication.Prompts", "prompt", c.rules.Authentication.Prompts, have.prompts)
	listed(&c, "Bound.Tools", "tool", c.rules.Bound.Tools, have.tools)
	listed(&c, "Bound.Prompts", "prompt", c.rules.Bound.Prompts, have.prompts)
	c.arguments()
	c.resources()
	c.public()
	if c.rules.Undeclared == resource.DenyUndeclared {
		c.undeclared()
	}
	return c.mistakes.Err("mcpsdk: check")
}

// check collects the mistakes.
type check struct {
	res      *resource.Resource
	rules    resource.Operations
	have     inventory
	mistakes configerr.List
}

// names checks the rules for tools or prompts.
func names[T any](c *check, field, kind string, rules map[string]T, have []string) {
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if !slices.Contains(have, name) {
			c.mistakes.Addf("Operations.%s[%q]: the server has no such %s%s", field, name, kind, didYouMean(name, have))
		}
	}
}

// listed checks a list of tools or prompts.
func listed(c *check, field, kind string, rules, have []string) {
	for n, name := range rules {
		if !slices.Contains(have, name) {
			c.mistakes.Addf("Operations.%s[%d]: the server has no such %s%s", field, n, kind, didYouMean(name, have))
		}
	}
}

// arguments checks the tools of the rules for arguments, and the arguments if the tool's schema
// lists any.
func (c *check) arguments() {
	for n, rule := range c.rules.Arguments {
		have := c.have.arguments[rule.Tool]
		switch {
		case !slices.Contains(c.have.tools, rule.Tool):
			c.mistakes.Addf("Operations.Arguments[%d]: the server has no tool %q%s", n, rule.Tool, didYouMean(rule.Tool, c.have.tools))
		case len(have) > 0 && !slices.Contains(have, rule.Argument):
			c.mistakes.Addf("Operations.Arguments[%d]: the schema of the tool %q has no argument %q%s", n, rule.Tool, rule.Argument, didYouMean(rule.Argument, have))
		}
	}
}

// public checks the public tools, prompts and resources.
func (c *check) public() {
	listed(c, "PublicTools", "tool", c.rules.PublicTools, c.have.tools)
	listed(c, "PublicPrompts", "prompt", c.rules.PublicPrompts, c.have.prompts)
	for n, uri := range c.rules.PublicResources {
		if !c.hasResource(resource.ResourceRule{URI: uri}) {
			c.mistakes.Addf("Operations.PublicResources[%d]: the server has no such resource and no template for it%s", n, didYouMean(uri, c.have.resources))
		}
	}
}

// methods checks the rules for methods. A server cannot list its methods.
func (c *check) methods() {
	for _, method := range slices.Sorted(maps.Keys(c.rules.Methods)) {
		c.method("Methods", method)
	}
	for _, method := range slices.Sorted(maps.Keys(c.rules.Conditions.Methods)) {
		c.method("Conditions.Methods", method)
	}
	for _, method := range slices.Sorted(maps.Keys(c.rules.Authentication.Methods)) {
		c.method("Authentication.Methods", method)
	}
	for _, method := range c.rules.Bound.Methods {
		c.method("Bound.Methods", method)
	}
}

func (c *check) method(field, method string) {
	mcpMethods := mcpmsg.Methods()
	if slices.Contains(mcpMethods, method) {
		return
	}
	space, _, _ := strings.Cut(method, "/")
	reserved := slices.ContainsFunc(mcpMethods, func(m string) bool { return strings.HasPrefix(m, space+"/") })
	if meant := didYouMean(method, mcpMethods); reserved || meant != "" {
		c.mistakes.Addf("Operations.%s[%q]: MCP has no such method%s", field, method, meant)
	}
}

// hasResource reports whether the server has a resource or a template that the rule applies to.
func (c *check) hasResource(rule resource.ResourceRule) bool {
	return slices.ContainsFunc(c.have.resources, rule.Applies) ||
		slices.ContainsFunc(c.have.templates, func(t string) bool { return appliesToTemplate(rule, t) })
}

func (c *check) resources() {
	for n, rule := range c.rules.Resources {
		c.resource(fmt.Sprintf("Resources[%d]", n), rule)
	}
	for n, rule := range c.conditioned() {
		c.resource(fmt.Sprintf("Conditions.Resources[%d]", n), rule)
	}
	for n, rule := range c.withLogin() {
		c.resource(fmt.Sprintf("Authentication.Resources[%d]", n), rule)
	}
	for n, rule := range c.bound() {
		c.resource(fmt.Sprintf("Bound.Resources[%d]", n), rule)
	}
}

// conditioned returns the rules for the resources that have conditions.
func (c *check) conditioned() (rules []resource.ResourceRule) {
	for _, rule := range c.rules.Conditions.Resources {
		rules = append(rules, resource.ResourceRule{URI: rule.URI, Prefix: rule.Prefix, Template: rule.Template})
	}
	return rules
}

// bound returns the rules for the resources that need a bound token.
func (c *check) bound() (rules []resource.ResourceRule) {
	for _, pattern := range c.rules.Bound.Resources {
		rules = append(rules, resource.ResourceRule{URI: pattern.URI, Prefix: pattern.Prefix, Template: pattern.Template})
	}
	return rules
}

// withLogin returns the rules for the resources that need a login.
func (c *check) withLogin() (rules []resource.ResourceRule) {
	for _, rule := range c.rules.Authentication.Resources {
		rules = append(rules, resource.ResourceRule{URI: rule.URI, Prefix: rule.Prefix, Template: rule.Template})
	}
	return rules
}

func (c *check) resource(where string, rule resource.ResourceRule) {
	if c.hasResource(rule) {
		return
	}
	field, text := "URI", rule.URI
	switch {
	case rule.Prefix != "":
		field, text = "Prefix", rule.Prefix
	case rule.Template != "":
		field, text = "Template", rule.Template
	}
	c.mistakes.Addf("Operations.%s: the server has no resource and no template that %s %q applies to%s",
		where, field, text, didYouMean(text, slices.Concat(c.have.resources, c.have.templates)))
}

// undeclared finds what is registered but cannot be used, because no rule names it.
func (c *check) undeclared() {
	for _, kind := range []struct {
		word, method string
		have         []string
	}{
		{"tool", mcpmsg.ToolsCall, c.have.tools},
		{"prompt", mcpmsg.PromptsGet, c.have.prompts},
		{"resource", mcpmsg.ResourcesRead, c.have.resources},
	} {
		for _, name := range kind.have {
			if !c.res.Declares(resource.Operation{Method: kind.method, Name: name}) {
				c.mistakes.Addf("%s %q: no rule names it, so no one may use it; add one, without scopes if it needs none", kind.word, name)
			}
		}
	}
	for _, template := range c.have.templates {
		// Rules for some of its URIs are enough: the others are then denied on purpose.
		named := func(rule resource.ResourceRule) bool { return appliesToTemplate(rule, template) }
		if !slices.ContainsFunc(slices.Concat(c.rules.Resources, c.conditioned(), c.withLogin(), c.bound()), named) {
			c.mistakes.Addf("resource template %q: no rule names it, so no one may use it; add one, without scopes if it needs none", template)
		}
	}
}
