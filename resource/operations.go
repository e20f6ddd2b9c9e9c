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

// Operations says which scopes an MCP operation needs besides Config.Scopes. Rules
// add up: a request needs the scopes of every rule that binds it, and is refused
// with 403 and one challenge that names them all, before the MCP server sees it.
//
// With the zero value bodies are not read at all. Otherwise the body of every POST, also
// of one that no rule will bind, is read strictly, held in memory once, up to
// Config.MaxBodyBytes, and handed on byte for byte; what two
// JSON readers could understand differently is refused with 400 (MCP 2026-07-28:
// the headers Mcp-Method and Mcp-Name are never the ground for granting).
//
// A task is some tool's, but its id does not say whose. So the methods tasks/*, and a
// subscriptions/listen with taskIds (as tasks/get), need the scopes of all of Tools
// together, unless Methods names them.
//
// Responses, notifications, GET, HEAD and DELETE need what Methods says of them, if
// anything, and Config.Scopes.
type Operations struct {
	Methods map[string][]string // by JSON-RPC method, such as "tools/list"
	Tools   map[string][]string // by name; binds tools/call, and tasks, see above
	Prompts map[string][]string // by name; binds prompts/get and completion/complete

	// Resources binds resources/read, resources/subscribe and unsubscribe,
	// subscriptions/listen and completion/complete. URIs of more than
	// [MaxURIBytes] are refused with 400.
	Resources []ResourceRule

	// Rule is asked for every request and notification, after the maps, and
	// returns what it needs besides; for each resource and task of a
	// subscriptions/listen. An error, a panic and a malformed scope refuse with
	// 500. It must be quick, and must not change what it is given.
	//
	// It gets what the client wrote. A URI may be spelled in many ways (case,
	// encoding, dot segments): grant by URIs that are known, never by what a URI
	// is not, or leave URIs to Resources. Arguments in which two names of an
	// object differ only in case are refused with 400 before it is asked, but one
	// name alone may still be spelled otherwise ("Path" for "path"): encoding/json
	// takes it for the same, a tool perhaps not, or the other way round. So treat
	// a name that the tool does not have as one that it has.
	Rule func(context.Context, Operation, *Caller) (Need, error)

	// Undeclared says what becomes of tools, prompts, resources and methods that
	// no rule names. Not in question are initialize, ping, server/discover and
	// notifications.
	Undeclared Undeclared

	// Public operations are open to requests without credentials. Only these may
	// be named: initialize, ping, server/discover, tools/list, prompts/list,
	// resources/list, resources/templates/list. A public request is one POST of
	// one message of at most 64 KiB; initialize also needs Stateless.
	Public []string

	// Stateless is the program's word that the MCP server keeps no sessions. A
	// session that somebody opened without a token could be used by anybody's.
	Stateless bool

	// LateChallenges lets handlers ask for a 403 themselves, see [Challenge]. The
	// header of an answer is then held back until its first byte is written.
	LateChallenges bool
}

// IsZero reports whether there is nothing to be decided by operation: then bodies are
// not read.
func (o Operations) IsZero() bool {
	return o.Methods == nil && o.Tools == nil && o.Prompts == nil && o.Resources == nil && o.Rule == nil &&
		o.Undeclared == AllowUndeclared && o.Public == nil && !o.LateChallenges
}

// ResourceRule is a rule for MCP resources. Exactly one of URI, Prefix and Template
// is given. No other spelling of a URI avoids a rule: letters are compared without
// case, encoding and Unicode form, and a URI that readers could resolve in different
// ways (dot segments, empty segments, encoded delimiters, a host in a file URI and the
// like) needs the scopes of all resource rules, unless one of them has it as its text.
type ResourceRule struct {
	URI      string // exact
	Prefix   string // of the URI
	Template string // RFC 6570, matched as the MCP SDKs do
	Scopes   []string
}

// Undeclared is what becomes of an operation that no rule names.
type Undeclared int

const (
	AllowUndeclared Undeclared = iota // it needs Config.Scopes
	DenyUndeclared                    // it is refused with 403, whatever the caller's scopes
)

// Operation is one JSON-RPC request or notification, as the MCP server will run it.
type Operation struct {
	Method    string
	Name      string // tool, prompt, resource URI or task; "" if the method has none
	Ref       string // of completion/complete: "ref/prompt" or "ref/resource"
	Arguments []byte // params.arguments as JSON; nil if absent; not to be changed
}

// Need is what an operation needs besides what the maps say.
type Need struct {
	Scopes []string
}

// publicMethods are those that may be public: they tell what there is, and run
// nothing.
var publicMethods = []string{"initialize", "ping", "server/discover", "tools/list",
	"prompts/list", "resources/list", "resources/templates/list"}

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

// needs adds what one message needs to the scopes collected so far.
func (r *rules) needs(ctx context.Context, m *message, c *Caller, scopes []string) ([]string, *fault) {
	if m.method == "" { // a response
		return scopes, nil
	}
	bound, declared := r.bound(m)
	if r.Undeclared == DenyUndeclared && !declared {
		return nil, newFault(ReasonOperationUndeclared, "no rule names %q of %q", m.name, m.method)
	}
	scopes = union(scopes, bound)
	if r.Rule == nil {
		return scopes, nil
	}
	// Whatever reader the function has, it must not take a name for another.
	if m.arguments != nil {
		if err := strictjson.Unmistakable(m.arguments); err != nil {
			return nil, &fault{reason: ReasonBodyMalformed, err: fmt.Errorf("arguments: %w", err)}
		}
	}
	// One question for each thing that the message is about.
	for _, name := range m.about() {
		more, f := r.ask(ctx, Operation{Method: m.method, Name: name, Ref: m.refType, Arguments: m.arguments}, c)
		if f != nil {
			return nil, f
		}
		scopes = union(scopes, more)
	}
	return scopes, nil
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
	need, err := r.Rule(withCaller(ctx, c), o, c)
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

// bound returns the scopes of the rules that bind a message, and whether one of them
// names it.
func (r *rules) bound(m *message) (scopes []string, declared bool) {
	declared = isPlumbing(m.method) || slices.Contains(r.Public, m.method)
	add := func(more []string, named bool) {
		scopes = union(scopes, more)
		declared = declared || named
	}
	ofMethod, ok := r.Methods[m.method]
	add(ofMethod, ok && !m.isNamed())
	if m.tool != "" {
		ofTool, ok := r.Tools[m.tool]
		add(ofTool, ok)
	}
	if m.prompt != "" {
		ofPrompt, ok := r.Prompts[m.prompt]
		add(ofPrompt, ok)
	}
	// A task is some tool's, but its id does not say whose: unless the method has
	// a rule of its own, it needs what any of them might.
	if strings.HasPrefix(m.method, "tasks/") && !ok {
		add(r.allTools, false)
	}
	allNamed := m.isNamed()
	if len(m.tasks) > 0 { // who listens to a task learns what tasks/get tells
		ofTask, ok := r.Methods["tasks/get"]
		if !ok {
			ofTask = r.allTools
		}
		add(ofTask, false)
		allNamed = allNamed && ok
	}
	for _, uri := range m.resources {
		ofResource, named := r.resources.of(uri)
		add(ofResource, false)
		allNamed = allNamed && named
	}
	add(nil, allNamed && len(m.resources)+len(m.tasks) > 0)
	return scopes, declared
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
