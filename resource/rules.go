package resource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/scoperules"
	"github.com/warder-go/warder/internal/scopeset"
	"github.com/warder-go/warder/internal/strictjson"
	"github.com/warder-go/warder/internal/uripattern"
)

// rules is the compiled form of Operations.
type rules struct {
	Operations
	scopes         *scoperules.Rules
	conditions     *operationConditions     // nil: none
	authentication *operationAuthentication // nil: none
	bound          *boundOperations         // nil: none
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
	r := &rules{o, scoperules.New(o.Methods, o.Tools, o.Prompts), b.operationConditions(o.Conditions), b.operationAuthentication(o.Authentication), b.boundOperations(o.Bound)}
	for n, rule := range o.Resources {
		where := fmt.Sprintf("Operations.Resources[%d]", n)
		b.checkNeeds(where, rule.Scopes)
		b.mistakes.AddAt(where, r.scopes.AddResource(rule.pattern(), rule.Scopes))
	}
	b.setArguments(r)
	b.checkPublicMethods(r)
	b.checkPublicNames(r)
	b.policy.rules = r
}

// checkPublicMethods rejects public methods that must not be public, or that need something by
// other rules.
func (b *builder) checkPublicMethods(r *rules) {
	const where = "Operations.Public"
	for _, method := range r.Public {
		switch {
		case !mcpmsg.CanBePublic(method):
			b.mistakes.Addf("%s: %q cannot be public; only these can: %q", where, method, mcpmsg.PublicMethods())
		case method == mcpmsg.Initialize && !r.Stateless:
			b.mistakes.Addf("%s: initialize needs Stateless: a session that was opened without a token could be used with any token", where)
		}
	}
	for _, method := range append(mcpmsg.PublicMethods(), mcpmsg.Initialized) {
		if r.isPublicMethod(method) {
			b.checkPublicMessage(where, method, r, &mcpmsg.Message{Method: method})
		}
	}
}

// checkPublicNames rejects public tools, prompts and resources that need something by other rules.
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
			if err := uripattern.Check(name); err != nil && method == mcpmsg.ResourcesRead {
				b.mistakes.AddAt(where, err)
				continue
			}
			b.checkPublicMessage(where, name, r, m)
		}
	}
	check("PublicTools", mcpmsg.ToolsCall, r.PublicTools)
	check("PublicPrompts", mcpmsg.PromptsGet, r.PublicPrompts)
	check("PublicResources", mcpmsg.ResourcesRead, r.PublicResources)
}

// checkPublicMessage rejects a public operation for which rules need what a request without
// credentials cannot have.
func (b *builder) checkPublicMessage(where, name string, r *rules, m *mcpmsg.Message) {
	var all collected
	r.collect(m, &all)
	if needed := all.scopes.Scopes.List(); len(needed) > 0 {
		b.mistakes.Addf("%s: %q needs the scopes %q by other rules; an operation cannot have scopes and be public", where, name, needed)
	}
	for _, other := range []struct {
		needs *scoperules.Needs
		text  string
	}{
		{&all.conditions, "has conditions; an operation cannot have conditions and be public"},
		{&all.authentication, "needs a login of a user; an operation cannot need a login and be public"},
		{&all.bound, "needs a bound token; an operation cannot need one and be public"},
	} {
		if len(other.needs.Scopes.List()) > 0 {
			b.mistakes.Addf("%s: %q %s", where, name, other.text)
		}
	}
}

func (b *builder) checkRuleMap(where string, rules map[string][]string) {
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if name == "" {
			b.mistakes.Addf("Operations.%s: empty name", where)
		}
		b.checkNeeds(fmt.Sprintf("Operations.%s[%q]", where, name), rules[name])
	}
}

// needs returns what the messages of one request need: conditions, logins, a bound token, and
// scopes. scopes are those of the resource, which precede those of the operations. has is for offers, see [scoperules.Needs].
func (r *rules) needs(ctx context.Context, messages []*mcpmsg.Message, c *Caller, scopes []string, has func([]string) bool) (requirements, *fault) {
	all := &collected{scopes: scoperules.Needs{Scopes: scopeset.NewSet(scopes), Has: has}}
	for _, m := range messages {
		if m.Method == "" { // a response
			continue
		}
		if f := r.needsOf(ctx, m, c, all); f != nil {
			return requirements{}, f
		}
	}
	return requirements{all.scopes.Scopes.List(), r.conditions.Of(&all.conditions), r.authentication.Of(&all.authentication), len(all.bound.Scopes.List()) > 0}, nil
}

// collected collects what the messages of one request need.
type collected struct{ scopes, conditions, authentication, bound scoperules.Needs }

func (r *rules) needsOf(ctx context.Context, m *mcpmsg.Message, c *Caller, all *collected) *fault {
	declared := r.collect(m, all)
	if all.scopes.Incomplete() || all.conditions.Incomplete() || all.authentication.Incomplete() || all.bound.Incomplete() {
		return newFault(ReasonBodyMalformed, "comparing the URIs with the templates takes too long")
	}
	if argument := all.scopes.Unlisted; argument != "" {
		return newFault(ReasonOperationUndeclared, "no rule names the value of the argument %q of the tool %q", argument, m.Tool)
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
		all.scopes.Scopes.Add(scopes)
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
		if scopeset.CheckEntry(scope) != nil {
			return nil, &fault{reason: ReasonInternalError, err: errors.New("Operations.Rule returned a malformed scope")}
		}
	}
	return scopes, nil
}

// collect adds what all rules that apply to a message need, except Operations.Rule. It returns
// whether a rule names the message.
func (r *rules) collect(m *mcpmsg.Message, all *collected) (declared bool) {
	declared = r.scopes.Collect(m, &all.scopes)
	declared = r.conditions.Collect(m, &all.conditions) || declared
	declared = r.bound.Collect(m, &all.bound) || declared
	return r.authentication.Collect(m, &all.authentication) || declared || r.isPublic(m)
}

// compiled returns the rules that know messages only; nil if r is nil.
func (r *rules) compiled() *scoperules.Rules {
	if r == nil {
		return nil
	}
	return r.scopes
}
