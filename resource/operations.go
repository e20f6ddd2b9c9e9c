package resource

import "context"

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
	// [MaxURIBytes] are refused with 400, and so are those that templates which
	// begin alike have to be compared with beyond [MaxTemplateBytes].
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
// case, encoding and Unicode form, file names also as NTFS and HFS+ take them (streams,
// characters without width), and a URI that readers could resolve in different ways (dot
// segments, empty segments, encoded delimiters, a host or a short name of Windows in a
// file URI and the like) needs the scopes of all resource rules, unless one of them has
// it as its text.
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
