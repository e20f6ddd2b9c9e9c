package resource

import (
	"context"
	"maps"
	"slices"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/uripattern"
)

// Operations says which scopes an MCP operation needs besides Config.Scopes. Rules add up: a
// request needs the scopes of every rule that applies to it. A request without them is
// rejected before the MCP server sees it, with 403 and one challenge that names them all.
// Alternatives are possible, see [ScopeOptions].
//
// With the zero value bodies are not read. Otherwise the body of every request whose method
// is not GET, HEAD, DELETE or OPTIONS is read, whether a rule applies to it or not. It is
// held in memory once, up to Limits.MaxBodyBytes, and handed on byte for byte. A body that
// two JSON readers could take for different operations is rejected with 400: the names in
// the message and in its params, and everything that rules read, have one meaning. Other
// values, the arguments included, belong to the server. They only have to be JSON (RFC
// 8259) in valid UTF-8, with at most 10,000 nested objects and arrays. The headers
// Mcp-Method and Mcp-Name never grant anything (MCP 2026-07-28).
//
// A task belongs to a tool, but its id does not tell which one. So the methods tasks/*, and
// a subscriptions/listen with taskIds (like tasks/get), need the scopes of all Tools and
// Arguments together, unless Methods names them.
//
// Responses, notifications, GET, HEAD, DELETE and OPTIONS need Config.Scopes, and
// notifications also what Methods says about them.
type Operations struct {
	Methods map[string][]string // by JSON-RPC method, such as "tools/list"
	Tools   map[string][]string // by name; applies to tools/call, and to tasks as above
	Prompts map[string][]string // by name; applies to prompts/get and completion/complete

	// Resources applies to resources/read, resources/subscribe and unsubscribe,
	// subscriptions/listen and completion/complete. A request is rejected with 400 if its
	// URIs have more than 64 KiB together, or if comparing them with templates that begin
	// alike takes too long (512 KiB of text).
	Resources []ResourceRule

	// Arguments applies to tools/call: which scopes a call needs because of the value of an
	// argument.
	Arguments []ArgumentRule

	// Conditions are conditions on the claims of the caller, by operation. They are checked
	// before the scopes.
	Conditions OperationConditions

	// Authentication says how and when the user must have logged in, by operation.
	Authentication OperationAuthentication

	// Bound are operations that need a bound token.
	Bound BoundOperations

	// Rule returns further scopes that an operation needs. It is called after the maps
	// were applied, for every request and notification, and for each resource and task of
	// a subscriptions/listen. An error, a panic and a malformed scope reject the request
	// with 500. It must be quick and must not change its arguments.
	//
	// It gets what the client sent. A URI can be written in many ways (case, encoding,
	// dot segments): grant access by URIs that are known, never by what a URI is not, or
	// use Resources. If Rule is set, arguments with duplicate member names, names that
	// differ only in case, lone surrogates or more than 64 nested objects and arrays are
	// rejected with 400 before the call. A single name can still have another case
	// ("Path" for "path"): encoding/json takes it for the same name, and a tool may or
	// may not. So handle a name that the tool does not have like one that it has.
	Rule func(context.Context, Operation, *Caller) (scopes []string, err error)

	// Undeclared selects what happens to tools, prompts, resources and methods that no
	// rule names. It does not apply to initialize, ping, server/discover and
	// notifications.
	Undeclared Undeclared

	// Public are methods that are open to requests without credentials. Only these can
	// be public: initialize, ping, server/discover, tools/list, prompts/list,
	// resources/list, resources/templates/list. A public request is one POST of one
	// message of at most 64 KiB, names no session and creates no task. Initialize also needs
	// Stateless. If it is public, so are notifications/initialized, ping and
	// server/discover, with which newer clients begin, and a GET or DELETE without
	// credentials and without a session gets 405, so that a conversation without a token
	// starts no login.
	//
	// PublicTools, PublicPrompts and PublicResources are single tools (tools/call),
	// prompts (prompts/get) and resources (resources/read, by exact and plain URI) that
	// are open in the same way. What is public cannot have scopes, conditions,
	// Authentication or rules for arguments above, and cannot be in Bound. Rule is not
	// called for requests without credentials.
	Public          []string
	PublicTools     []string
	PublicPrompts   []string
	PublicResources []string

	// Stateless declares that the MCP server keeps no sessions. A session that was opened
	// without a token could be used with any token.
	Stateless bool

	// LateChallenges lets handlers request a 403 themselves, see [Challenge]. The header
	// of an answer is then held back until its first byte is written.
	LateChallenges bool
}

// IsZero reports whether there are no rules, so that bodies are not read.
func (o Operations) IsZero() bool {
	return o.Methods == nil && o.Tools == nil && o.Prompts == nil && o.Resources == nil && o.Arguments == nil && o.Rule == nil &&
		o.Conditions.isZero() && o.Authentication.isZero() && o.Bound.isZero() && o.Undeclared == AllowUndeclared && !o.LateChallenges && !o.hasPublic()
}

func (o *Operations) hasPublic() bool {
	return len(o.Public)+len(o.PublicTools)+len(o.PublicPrompts)+len(o.PublicResources) > 0
}

// isPublic reports whether a message is open to requests without credentials.
func (o *Operations) isPublic(m *mcpmsg.Message) bool {
	switch m.Method {
	case mcpmsg.ToolsCall:
		return slices.Contains(o.PublicTools, m.Tool)
	case mcpmsg.PromptsGet:
		return slices.Contains(o.PublicPrompts, m.Prompt)
	case mcpmsg.ResourcesRead:
		return slices.Contains(o.PublicResources, m.Name)
	}
	return o.isPublicMethod(m.Method)
}

// isPublicMethod reports whether a method is in Public, or belongs to a conversation that
// begins with a public initialize.
func (o *Operations) isPublicMethod(method string) bool {
	switch method {
	case mcpmsg.Initialized, mcpmsg.Ping, mcpmsg.ServerDiscover:
		return slices.Contains(o.Public, method) || slices.Contains(o.Public, mcpmsg.Initialize)
	}
	return slices.Contains(o.Public, method)
}

// ResourceRule is a rule for MCP resources. Exactly one of URI, Prefix and Template is set.
//
// Rules apply to plain URIs: a lower-case scheme, "://", a lower-case host (none for file) and
// segments of ASCII letters, digits, "-", "_", "." between them and percent-encoded printable
// characters that have no other form, without port, query, fragment, empty segment and slash at
// the end. A plain URI needs the scopes of every rule that matches it, with ASCII letters compared without
// case. Every other URI needs the scopes of all resource rules, unless the URI or the Template
// of a rule is exactly its text. With DenyUndeclared a rule must match the very spelling that
// was sent. New rejects a rule that is not plain itself and names the spelling to use; only a
// URI may also have a port, a query or an empty host, or lack "//", and then no other spelling
// matches it.
type ResourceRule struct {
	URI      string // exact
	Prefix   string // of the URI
	Template string // RFC 6570, matched as the MCP SDKs do
	Scopes   []string
}

// Undeclared selects what happens to an operation that no rule names.
type Undeclared int

const (
	AllowUndeclared Undeclared = iota // it needs Config.Scopes
	DenyUndeclared                    // it is rejected with 403, whatever the caller's scopes
)

// Operation is one JSON-RPC request or notification, as the MCP server will run it.
type Operation struct {
	Method    string
	Name      string // tool, prompt, resource URI or task; "" if the method names none
	Ref       string // of completion/complete: "ref/prompt" or "ref/resource"
	Arguments []byte // params.arguments as JSON; nil if absent; must not be changed
}

// message returns the operation as if it had been read from a body.
func (o Operation) message() (*mcpmsg.Message, error) {
	return mcpmsg.ForOperation(o.Method, o.Name, o.Ref, o.Arguments)
}

// Operations returns Config.Operations, for programs that compare the rules with what their
// server has. Do not change slices in it.
func (r *Resource) Operations() Operations {
	p := r.policy()
	if p.rules == nil {
		return Operations{}
	}
	o := p.rules.Operations
	o.Methods, o.Tools, o.Prompts = maps.Clone(o.Methods), maps.Clone(o.Tools), maps.Clone(o.Prompts)
	o.Resources, o.Public = slices.Clone(o.Resources), slices.Clone(o.Public)
	o.Arguments = slices.Clone(o.Arguments)
	o.Conditions, o.Authentication, o.Bound = o.Conditions.clone(), o.Authentication.clone(), o.Bound.clone()
	o.PublicTools, o.PublicPrompts, o.PublicResources = slices.Clone(o.PublicTools), slices.Clone(o.PublicPrompts), slices.Clone(o.PublicResources)
	return o
}

// Declares reports whether a rule names the operation, so that Undeclared does not apply to
// it. It does not call Operations.Rule, which names nothing.
func (r *Resource) Declares(op Operation) bool {
	p := r.policy()
	m, err := op.message()
	if err != nil || p.rules == nil {
		return false
	}
	return p.rules.collect(m, new(collected))
}

// Applies reports whether the rule applies to the URI, in this or another spelling. It is
// for programs that compare the rules with what their server has. It does not consider that
// a URI which is not plain needs the scopes of all rules. A rule that New
// would reject applies to nothing.
func (rule ResourceRule) Applies(uri string) bool { return rule.pattern().Applies(uri) }

func (rule ResourceRule) pattern() uripattern.Pattern {
	return uripattern.Pattern{URI: rule.URI, Prefix: rule.Prefix, Template: rule.Template}
}
