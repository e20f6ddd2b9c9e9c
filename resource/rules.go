package resource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/scopeset"
	"github.com/warder-go/warder/internal/strictjson"
	"github.com/warder-go/warder/internal/uripattern"
)

// rules is the compiled form of Operations.
type rules struct {
	Operations
	resources    *uripattern.Set
	allResources []string // scopes of all resource rules together
	allTools     []string // scopes of all tool rules together
}

// setRules checks and compiles Config.Operations. Without rules there is nothing to set.
func (b *builder) setRules() {
	o := b.config.Operations
	if o.IsZero() {
		return
	}
	b.checkRuleMap("Methods", o.Methods)
	b.checkRuleMap("Tools", o.Tools)
	b.checkRuleMap("Prompts", o.Prompts)
	if o.Undeclared != AllowUndeclared && o.Undeclared != DenyUndeclared {
		b.mistakes.Addf("Operations.Undeclared: %d is neither AllowUndeclared nor DenyUndeclared", o.Undeclared)
	}
	r := &rules{Operations: o, resources: uripattern.NewSet()}
	for n, rule := range o.Resources {
		where := fmt.Sprintf("Operations.Resources[%d]", n)
		b.checkScopes(where, rule.Scopes)
		b.mistakes.AddAt(where, r.resources.Add(rule.pattern()))
		r.allResources = scopeset.Union(r.allResources, rule.Scopes)
	}
	for _, tool := range slices.Sorted(maps.Keys(o.Tools)) {
		r.allTools = scopeset.Union(r.allTools, o.Tools[tool])
	}
	b.checkPublicMethods(o)
	b.checkPublicNames(r)
	b.policy.rules = r
}

func (b *builder) checkPublicMethods(o Operations) {
	for _, method := range o.Public {
		switch {
		case !mcpmsg.CanBePublic(method):
			b.mistakes.Addf("Operations.Public: %q cannot be public; only these can: %q", method, mcpmsg.PublicMethods())
		case method == mcpmsg.Initialize && !o.Stateless:
			b.mistakes.Addf("Operations.Public: initialize needs Stateless: a session that was opened without a token could be used with any token")
		}
	}
	for _, method := range slices.Sorted(maps.Keys(o.Methods)) {
		if len(o.Methods[method]) > 0 && o.isPublicMethod(method) {
			b.mistakes.Addf("Operations.Public: %q has scopes in Methods; a method cannot have scopes and be public", method)
		}
	}
}

// checkPublicNames rejects a public tool, prompt or resource that has scopes in a rule.
func (b *builder) checkPublicNames(r *rules) {
	check := func(field, method string, names []string) {
		for n, name := range names {
			where := fmt.Sprintf("Operations.%s[%d]", field, n)
			m, err := mcpmsg.ForOperation(method, name, "", nil)
			if err != nil {
				b.mistakes.Addf("%s: empty name", where)
				continue
			}
			if slices.Contains(names[:n], name) {
				b.mistakes.Addf("%s: duplicate name %q", where, name)
			}
			if method == mcpmsg.ResourcesRead && !uripattern.IsPlain(name) {
				b.mistakes.Addf("%s: %q is not a plain URI", where, name)
				continue
			}
			var needed requirements
			if r.collect(m, &needed); len(needed.scopes.List()) > 0 {
				b.mistakes.Addf("%s: %q needs the scopes %q by other rules; an operation cannot have scopes and be public", where, name, needed.scopes.List())
			}
		}
	}
	check("PublicTools", mcpmsg.ToolsCall, r.PublicTools)
	check("PublicPrompts", mcpmsg.PromptsGet, r.PublicPrompts)
	check("PublicResources", mcpmsg.ResourcesRead, r.PublicResources)
}

func (b *builder) checkRuleMap(where string, rules map[string][]string) {
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if name == "" {
			b.mistakes.Addf("Operations.%s: empty name", where)
		}
		b.checkScopes(fmt.Sprintf("Operations.%s[%q]", where, name), rules[name])
	}
}

// requirements collects what the messages of one request need.
type requirements struct {
	scopes scopeset.Set
	work   int // bytes compared with templates; see uripattern.MaxWork
}

// needs adds the scopes that the messages of one request need to those of the resource.
func (r *rules) needs(ctx context.Context, messages []*mcpmsg.Message, c *Caller, scopes []string) ([]string, *fault) {
	all := &requirements{scopes: scopeset.NewSet(scopes)}
	for _, m := range messages {
		if m.Method == "" { // a response
			continue
		}
		if f := r.needsOf(ctx, m, c, all); f != nil {
			if len(messages) == 1 {
				f.id = m.ID
			}
			return nil, f
		}
	}
	return all.scopes.List(), nil
}

func (r *rules) needsOf(ctx context.Context, m *mcpmsg.Message, c *Caller, all *requirements) *fault {
	declared := r.collect(m, all)
	if all.work > uripattern.MaxWork { // collect has not compared everything
		return newFault(ReasonBodyMalformed, "comparing the URIs with the templates takes too long")
	}
	if r.Undeclared == DenyUndeclared && !declared {
		return newFault(ReasonOperationUndeclared, "no rule names %q of %q", m.Name, m.Method)
	}
	if r.Rule == nil {
		return nil
	}
	// The function may use any JSON reader, also one that ignores case.
	if m.Arguments != nil {
		if err := strictjson.ValidIgnoringCase(m.Arguments); err != nil {
			return &fault{reason: ReasonBodyMalformed, err: fmt.Errorf("arguments: %w", err)}
		}
	}
	for _, name := range m.Subjects() {
		scopes, f := r.callRule(ctx, Operation{Method: m.Method, Name: name, Ref: m.Ref, Arguments: m.Arguments}, c)
		if f != nil {
			return f
		}
		all.scopes.Add(scopes)
	}
	return nil
}

// callRule calls Operations.Rule. FromContext finds the caller in its context, whichever
// context the decision was made with.
func (r *rules) callRule(ctx context.Context, o Operation, c *Caller) ([]string, *fault) {
	scopes, err := r.Rule(acceptance{caller: c}.in(ctx), o, c)
	if err != nil {
		return nil, newFault(ReasonInternalError, "Operations.Rule: %w", err)
	}
	for _, scope := range scopes {
		if !grammar.IsScopeToken(scope) {
			return nil, &fault{reason: ReasonInternalError, err: errors.New("Operations.Rule returned a malformed scope")}
		}
	}
	return scopes, nil
}

// collect adds the scopes of all rules that apply to a message, except Operations.Rule. It
// returns whether a rule names the message.
func (r *rules) collect(m *mcpmsg.Message, all *requirements) (declared bool) {
	scopes, hasMethodRule := r.Methods[m.Method]
	all.scopes.Add(scopes)
	declared = hasMethodRule && !m.IsSpecific() || mcpmsg.IsLifecycle(m.Method) || r.isPublic(m)
	if m.Tool != "" {
		scopes, ok := r.Tools[m.Tool]
		all.scopes.Add(scopes)
		declared = declared || ok
	}
	if m.Prompt != "" {
		scopes, ok := r.Prompts[m.Prompt]
		all.scopes.Add(scopes)
		declared = declared || ok
	}
	if mcpmsg.IsTask(m.Method) && !hasMethodRule {
		all.scopes.Add(r.allTools) // the task can belong to any of them
	}
	return r.collectSubscribed(m, all) || declared
}

// collectSubscribed adds the scopes for the resources and the tasks that a message names. It
// returns whether there are any and rules name all of them.
func (r *rules) collectSubscribed(m *mcpmsg.Message, all *requirements) (declared bool) {
	declared = len(m.Resources)+len(m.Tasks) > 0
	if len(m.Tasks) > 0 { // a stream reports what tasks/get returns
		scopes, ok := r.Methods[mcpmsg.TasksGet]
		if !ok {
			scopes = r.allTools
		}
		all.scopes.Add(scopes)
		declared = declared && ok
	}
	for _, uri := range m.Resources {
		match := r.match(m, uri, &all.work)
		if match.Any {
			all.scopes.Add(r.allResources)
		}
		for _, rule := range match.Patterns {
			all.scopes.Add(r.Resources[rule].Scopes)
		}
		declared = declared && match.Named
	}
	return declared
}

// match returns the rules for a URI that a message names. A completion can name a template
// instead of a URI (MCP, "ResourceTemplateReference").
func (r *rules) match(m *mcpmsg.Message, uri string, work *int) uripattern.Result {
	if m.Ref != "" && strings.Contains(uri, "{") {
		return r.resources.MatchTemplate(uri, work)
	}
	return r.resources.Match(uri, work)
}

// namedFirst moves the operations that a rule names to the front. It keeps the order of each
// part, and stops comparing URIs with templates beyond uripattern.MaxWork.
func (r *rules) namedFirst(all []Operation) []Operation {
	var named, others []Operation
	work := 0
	for _, o := range all {
		m, err := o.message()
		if err == nil && r.ruleFor(m, &work) != otherOperation {
			named = append(named, o)
		} else {
			others = append(others, o)
		}
	}
	return append(named, others...)
}

// otherOperation is the label of operations that no rule names.
const otherOperation = "other"

// labels returns all labels but otherOperation.
func (r *rules) labels() (all []string) {
	if r == nil {
		return nil
	}
	for method := range r.Methods {
		all = append(all, "method "+method)
	}
	for tool := range r.Tools {
		all = append(all, "tool "+tool)
	}
	for prompt := range r.Prompts {
		all = append(all, "prompt "+prompt)
	}
	for _, rule := range r.Resources {
		all = append(all, rule.label())
	}
	return all
}

func (rule ResourceRule) label() string { return "resource " + rule.URI + rule.Prefix + rule.Template }

// label returns the rule that names what a request is about, as the metrics show it: in the
// words of the configuration, never in those of the request. A batch has no label of its
// own.
func (r *rules) label(messages []*mcpmsg.Message) string {
	if r == nil || len(messages) != 1 {
		return otherOperation
	}
	return r.ruleFor(messages[0], new(int))
}

// ruleFor returns the label of the rule that names a message.
func (r *rules) ruleFor(m *mcpmsg.Message, work *int) string {
	if r == nil {
		return otherOperation
	}
	if _, ok := r.Tools[m.Tool]; ok && m.Tool != "" {
		return "tool " + m.Tool
	}
	if _, ok := r.Prompts[m.Prompt]; ok && m.Prompt != "" {
		return "prompt " + m.Prompt
	}
	for _, uri := range m.Resources {
		if match := r.match(m, uri, work); len(match.Patterns) > 0 {
			return r.Resources[match.Patterns[0]].label()
		}
	}
	if _, ok := r.Methods[m.Method]; ok {
		return "method " + m.Method
	}
	return otherOperation
}
