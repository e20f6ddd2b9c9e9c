package mcpsdk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/resource"
)

// Check compares the rules of a Resource with what a server has, for use at start, when
// everything is registered. A rule that names a tool, prompt or resource which the
// server does not have is an error: a typo leaves open what it was meant for. So is a
// method that MCP does not have, if it is close to one that it has or in its name
// space; others may be the program's own. With DenyUndeclared, a tool, prompt, resource
// or template that no rule names is an error too: nobody could use it. The error names
// every mistake at once.
//
// Check asks the server itself, through a session of the SDK's in memory, which lists
// all pages of everything. [Lock] lets that session see all, in whichever order the two
// stand; a middleware of the program's own that hides or refuses must be added later.
// What is registered after Check is not checked: it is under the rules all the same.
func Check(ctx context.Context, res *resource.Resource, server *mcp.Server) error {
	have, err := take(ctx, server)
	if err != nil {
		return fmt.Errorf("mcpsdk: check: %w", err)
	}
	c := check{res: res, rules: res.Operations(), have: have}
	c.methods()
	c.names("Tools", "tool", c.rules.Tools, have.tools)
	c.names("Prompts", "prompt", c.rules.Prompts, have.prompts)
	c.resources()
	if c.rules.Undeclared == resource.DenyUndeclared {
		c.undeclared()
	}
	if err := errors.Join(c.mistakes...); err != nil {
		return fmt.Errorf("mcpsdk: check: %w", err)
	}
	return nil
}

// check collects what is wrong.
type check struct {
	res      *resource.Resource
	rules    resource.Operations
	have     inventory
	mistakes []error
}

func (c *check) mistake(format string, args ...any) {
	c.mistakes = append(c.mistakes, fmt.Errorf(format, args...))
}

// names checks rules by name, of tools or prompts.
func (c *check) names(field, kind string, rules map[string][]string, have []string) {
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if !slices.Contains(have, name) {
			c.mistake("Operations.%s[%q]: the server has no such %s%s", field, name, kind, didYouMean(name, have))
		}
	}
}

// methods can't ask the server, which does not tell what methods it has.
func (c *check) methods() {
	mcpMethods := mcpmsg.Methods()
	for _, method := range slices.Sorted(maps.Keys(c.rules.Methods)) {
		if slices.Contains(mcpMethods, method) {
			continue
		}
		space, _, _ := strings.Cut(method, "/")
		reserved := slices.ContainsFunc(mcpMethods, func(m string) bool { return strings.HasPrefix(m, space+"/") })
		if meant := didYouMean(method, mcpMethods); reserved || meant != "" {
			c.mistake("Operations.Methods[%q]: MCP has no such method%s", method, meant)
		}
	}
}

func (c *check) resources() {
	for n, rule := range c.rules.Resources {
		if slices.ContainsFunc(c.have.resources, rule.Applies) ||
			slices.ContainsFunc(c.have.templates, func(t string) bool { return bindsTemplate(rule, t) }) {
			continue
		}
		field, text := "URI", rule.URI
		switch {
		case rule.Prefix != "":
			field, text = "Prefix", rule.Prefix
		case rule.Template != "":
			field, text = "Template", rule.Template
		}
		c.mistake("Operations.Resources[%d]: the server has no resource and no template that %s %q binds%s",
			n, field, text, didYouMean(text, slices.Concat(c.have.resources, c.have.templates)))
	}
}

// undeclared finds what is registered and closed to everybody, as no rule names it.
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
				c.mistake("%s %q: no rule names it, so nobody may use it; give it one, if need be without scopes", kind.word, name)
			}
		}
	}
	for _, template := range c.have.templates {
		// Rules for some of its URIs will do: the others are meant to be closed then.
		named := func(rule resource.ResourceRule) bool { return bindsTemplate(rule, template) }
		if !slices.ContainsFunc(c.rules.Resources, named) {
			c.mistake("resource template %q: no rule names it, so nobody may use it; give it one, if need be without scopes", template)
		}
	}
}
