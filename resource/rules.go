package resource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/strictjson"
)

// rules are Operations made ready.
type rules struct {
	Operations
	resources *resourceRules
	allTools  []string // what all tools together need
}

// operations checks Config.Operations and makes them ready; nil if there are none.
func (b *builder) operations() *rules {
	o := b.config.Operations
	if o.IsZero() {
		return nil
	}
	b.checkRuleMap("Methods", o.Methods)
	b.checkRuleMap("Tools", o.Tools)
	b.checkRuleMap("Prompts", o.Prompts)
	if o.Undeclared != AllowUndeclared && o.Undeclared != DenyUndeclared {
		b.mistake("Operations.Undeclared: %d is neither AllowUndeclared nor DenyUndeclared", o.Undeclared)
	}
	for _, method := range o.Public {
		switch {
		case !slices.Contains(publicMethods, method):
			b.mistake("Operations.Public: %q can't be public; only these can: %q", method, publicMethods)
		case len(o.Methods[method]) > 0:
			b.mistake("Operations.Public: %q has scopes in Methods; it can't be both", method)
		case method == "initialize" && !o.Stateless:
			b.mistake("Operations.Public: initialize needs Stateless: a session opened without a token could be used with any")
		}
	}
	r := &rules{Operations: o, resources: newResourceRules()}
	for n, rule := range o.Resources {
		where := fmt.Sprintf("Operations.Resources[%d]", n)
		b.checkScopes(where, rule.Scopes)
		pattern, err := newResourcePattern(rule)
		if err != nil {
			b.mistake("%s: %w", where, err)
			continue
		}
		r.resources.add(pattern)
	}
	for _, tool := range slices.Sorted(maps.Keys(o.Tools)) {
		r.allTools = union(r.allTools, o.Tools[tool])
	}
	return r
}

func (b *builder) checkRuleMap(where string, rules map[string][]string) {
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if name == "" {
			b.mistake("Operations.%s: empty name", where)
		}
		b.checkScopes(fmt.Sprintf("Operations.%s[%q]", where, name), rules[name])
	}
}

// needs adds what the messages of one request need to its scopes.
func (r *rules) needs(ctx context.Context, messages []*message, c *Caller, scopes []string) ([]string, *fault) {
	all := &needed{scopes: slices.Clip(scopes)}
	for _, m := range messages {
		if m.method == "" { // a response
			continue
		}
		if f := r.needsOf(ctx, m, c, all); f != nil {
			return nil, f
		}
	}
	return all.scopes, nil
}

func (r *rules) needsOf(ctx context.Context, m *message, c *Caller, all *needed) *fault {
	declared := r.bound(m, all)
	if all.work > MaxTemplateBytes { // what bound said is not all
		return newFault(ReasonBodyMalformed, "URIs that take too long to compare with the templates")
	}
	if r.Undeclared == DenyUndeclared && !declared {
		return newFault(ReasonOperationUndeclared, "no rule names %q of %q", m.name, m.method)
	}
	if r.Rule == nil {
		return nil
	}
	// Whatever reader the function has, it must not take a name for another.
	if m.arguments != nil {
		if err := strictjson.Unmistakable(m.arguments); err != nil {
			return &fault{reason: ReasonBodyMalformed, err: fmt.Errorf("arguments: %w", err)}
		}
	}
	// One question for each thing that the message is about.
	for _, name := range m.about() {
		more, f := r.ask(ctx, Operation{Method: m.method, Name: name, Ref: m.refType, Arguments: m.arguments}, c)
		if f != nil {
			return f
		}
		all.add(more)
	}
	return nil
}

// about lists what the message names; a subscription may name many resources and tasks.
func (m *message) about() []string {
	if m.name == "" && len(m.resources)+len(m.tasks) > 0 {
		return slices.Concat(m.resources, m.tasks)
	}
	return []string{m.name}
}

// ask calls Operations.Rule.
func (r *rules) ask(ctx context.Context, o Operation, c *Caller) ([]string, *fault) {
	// Whatever ctx is of, FromContext in it finds the caller who is decided about.
	need, err := r.Rule(acceptance{caller: c}.in(ctx), o, c)
	if err != nil {
		return nil, newFault(ReasonInternalError, "Operations.Rule: %w", err)
	}
	for _, scope := range need.Scopes {
		if !isScope(scope) {
			return nil, &fault{reason: ReasonInternalError, err: errors.New("Operations.Rule returned a malformed scope")}
		}
	}
	return need.Scopes, nil
}

// bound adds the scopes of the rules that bind a message, and returns whether one of
// them names it.
func (r *rules) bound(m *message, all *needed) (declared bool) {
	ofMethod, ok := r.Methods[m.method]
	all.add(ofMethod)
	declared = ok && !m.isNamed() || isPlumbing(m.method) || slices.Contains(r.Public, m.method)
	if m.tool != "" {
		ofTool, named := r.Tools[m.tool]
		all.add(ofTool)
		declared = declared || named
	}
	if m.prompt != "" {
		ofPrompt, named := r.Prompts[m.prompt]
		all.add(ofPrompt)
		declared = declared || named
	}
	// A task is some tool's, but its id does not say whose: unless the method has
	// a rule of its own, it needs what any of them might.
	if strings.HasPrefix(m.method, "tasks/") && !ok {
		all.add(r.allTools)
	}
	allNamed := len(m.resources)+len(m.tasks) > 0
	if len(m.tasks) > 0 { // who listens to a task learns what tasks/get tells
		ofTask, ok := r.Methods["tasks/get"]
		if !ok {
			ofTask = r.allTools
		}
		all.add(ofTask)
		allNamed = allNamed && ok
	}
	for _, uri := range m.resources {
		named := r.resources.of(uri, all)
		allNamed = allNamed && named
	}
	return declared || allNamed
}

// needed collects what the messages of one request need.
type needed struct {
	scopes []string
	known  map[string]bool // these, where they are many
	work   int             // see MaxTemplateBytes
}

// add costs the same whatever is there: a thousand URIs may each need a thousand scopes.
func (n *needed) add(scopes []string) {
	const few = 16
	if len(n.scopes)+len(scopes) <= few {
		n.scopes = union(n.scopes, scopes)
		return
	}
	if n.known == nil {
		n.known = map[string]bool{}
		for _, scope := range n.scopes {
			n.known[scope] = true
		}
	}
	for _, scope := range scopes {
		if !n.known[scope] {
			n.known[scope] = true
			n.scopes = append(n.scopes, scope)
		}
	}
}

// isPlumbing tells the methods that make a connection work and reach nothing.
func isPlumbing(method string) bool {
	return method == "initialize" || method == "ping" || method == "server/discover" || strings.HasPrefix(method, "notifications/")
}

// union appends to have what of more is not in it.
func union(have, more []string) []string {
	for _, scope := range more {
		if !slices.Contains(have, scope) {
			have = append(have[:len(have):len(have)], scope)
		}
	}
	return have
}
