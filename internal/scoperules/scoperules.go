// Package scoperules finds the rules that apply to an MCP message, and the scopes that they
// need. It does not know who sent the message, or whether the message may be sent without
// scopes.
package scoperules

import (
	"maps"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/scopeset"
	"github.com/warder-go/warder/internal/uripattern"
)

// Rules are scopes by method, tool, prompt and resource. They are safe for concurrent use once
// all resources are added.
type Rules struct {
	methods, tools, prompts map[string][]string
	arguments               map[string][]argument            // by tool
	argumentNames           map[string][]mcpmsg.ArgumentName // of arguments, in the same order
	resources               []resource
	patterns                *uripattern.Set // of resources, in the same order
	allResources            []string        // scopes of all resource rules together
	allTools                []string        // scopes of all tool rules together, and of those for arguments
}

type resource struct {
	label  string
	scopes []string
}

// New returns rules without resources. The maps must not be changed.
func New(methods, tools, prompts map[string][]string) *Rules {
	r := &Rules{methods: methods, tools: tools, prompts: prompts, arguments: map[string][]argument{}, argumentNames: map[string][]mcpmsg.ArgumentName{}, patterns: uripattern.NewSet()}
	for _, tool := range slices.Sorted(maps.Keys(tools)) {
		r.allTools = scopeset.Union(r.allTools, tools[tool])
	}
	return r
}

// AddResource adds a rule for the resources that p matches.
func (r *Rules) AddResource(p uripattern.Pattern, scopes []string) error {
	r.resources = append(r.resources, resource{"resource " + p.URI + p.Prefix + p.Template, scopes})
	r.allResources = scopeset.Union(r.allResources, scopes)
	return r.patterns.Add(p)
}

// Needs collects what the messages of one request need.
type Needs struct {
	Scopes scopeset.Set

	// Unlisted is an argument with a value that its rule does not list and rejects. The
	// request must then be rejected. Otherwise it is empty.
	Unlisted string

	// Has is set for an offer, which can be without arguments. It reports whether the caller
	// has scopes. A tool is then offered if a call with a listed value would be permitted.
	Has func(scopes []string) bool

	work int // bytes compared with templates
}

// Incomplete reports whether Collect has not compared everything, because that takes too long
// (uripattern.MaxWork). The request must then be rejected.
func (n *Needs) Incomplete() bool { return n.work > uripattern.MaxWork }

// Collect adds the scopes of all rules that apply to a message. It returns whether a rule names
// the message, or the protocol requires the method from every server.
func (r *Rules) Collect(m *mcpmsg.Message, all *Needs) (named bool) {
	scopes, hasMethodRule := r.methods[m.Method]
	all.Scopes.Add(scopes)
	named = hasMethodRule && !m.IsSpecific() || mcpmsg.IsLifecycle(m.Method)
	if m.Tool != "" {
		scopes, ok := r.tools[m.Tool]
		all.Scopes.Add(scopes)
		named = r.collectArguments(m, all) || named || ok
	}
	if m.Prompt != "" {
		scopes, ok := r.prompts[m.Prompt]
		all.Scopes.Add(scopes)
		named = named || ok
	}
	if mcpmsg.IsTask(m.Method) && !hasMethodRule {
		all.Scopes.Add(r.allTools) // the task can belong to any of them
	}
	return r.collectSubscribed(m, all) || named
}

// collectSubscribed adds the scopes for the resources and the tasks that a message names. It
// returns whether there are any and rules name all of them.
func (r *Rules) collectSubscribed(m *mcpmsg.Message, all *Needs) (named bool) {
	named = len(m.Resources)+len(m.Tasks) > 0
	if len(m.Tasks) > 0 { // a stream reports what tasks/get returns
		scopes, ok := r.methods[mcpmsg.TasksGet]
		if !ok {
			scopes = r.allTools
		}
		all.Scopes.Add(scopes)
		named = named && ok
	}
	for _, uri := range m.Resources {
		match := r.match(m, uri, &all.work)
		if match.Any {
			all.Scopes.Add(r.allResources)
		}
		for _, rule := range match.Patterns {
			all.Scopes.Add(r.resources[rule].scopes)
		}
		named = named && match.Named
	}
	return named
}

// match returns the rules for a URI that a message names. A completion can name a template
// instead of a URI (MCP, "ResourceTemplateReference").
func (r *Rules) match(m *mcpmsg.Message, uri string, work *int) uripattern.Result {
	if m.Ref != "" && strings.Contains(uri, "{") {
		return r.patterns.MatchTemplate(uri, work)
	}
	return r.patterns.Match(uri, work)
}

// Other is the label of messages that no rule names.
const Other = "other"

// Labels returns every result of Label. r may be nil.
func (r *Rules) Labels() (all []string) {
	if r == nil {
		return []string{Other}
	}
	for method := range r.methods {
		all = append(all, "method "+method)
	}
	for tool := range r.tools {
		all = append(all, "tool "+tool)
	}
	for tool := range r.arguments {
		if _, ok := r.tools[tool]; !ok {
			all = append(all, "tool "+tool)
		}
	}
	for prompt := range r.prompts {
		all = append(all, "prompt "+prompt)
	}
	for _, rule := range r.resources {
		all = append(all, rule.label)
	}
	return append(all, Other)
}

// Label returns the rule that names a message, in the words of the configuration, never in those
// of the message. It adds to work, and compares no URI with templates beyond uripattern.MaxWork.
// r may be nil.
func (r *Rules) Label(m *mcpmsg.Message, work *int) string {
	if r == nil {
		return Other
	}
	if _, ok := r.tools[m.Tool]; m.Tool != "" && (ok || r.arguments[m.Tool] != nil) {
		return "tool " + m.Tool
	}
	if _, ok := r.prompts[m.Prompt]; ok && m.Prompt != "" {
		return "prompt " + m.Prompt
	}
	for _, uri := range m.Resources {
		if match := r.match(m, uri, work); len(match.Patterns) > 0 {
			return r.resources[match.Patterns[0]].label
		}
	}
	if _, ok := r.methods[m.Method]; ok {
		return "method " + m.Method
	}
	return Other
}

// LabelOf returns the label of what a request is about. A batch has no label of its own. r may be
// nil.
func (r *Rules) LabelOf(messages []*mcpmsg.Message) string {
	if len(messages) != 1 {
		return Other
	}
	return r.Label(messages[0], new(int))
}
