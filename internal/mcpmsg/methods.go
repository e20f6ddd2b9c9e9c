// Package mcpmsg reads the JSON-RPC messages of an MCP request. It is strict: it rejects
// a body that two JSON readers could take for different operations.
//
// The package is the only place that knows the methods of MCP: what each one names, which
// ones can be public and which one opens a stream. It does not know tokens, callers and
// scopes.
package mcpmsg

import (
	"maps"
	"slices"
	"strings"
)

// Methods that other packages need by name.
const (
	Initialize          = "initialize"
	Initialized         = "notifications/initialized"
	Ping                = "ping"
	ServerDiscover      = "server/discover"
	ToolsCall           = "tools/call"
	PromptsGet          = "prompts/get"
	ResourcesRead       = "resources/read"
	SubscriptionsListen = "subscriptions/listen"
	TasksGet            = "tasks/get"
)

// subject is the kind of thing that the params of a method name.
type subject int

const (
	noSubject     subject = iota
	aTool                 // params.name
	aPrompt               // params.name
	aResource             // params.uri
	aTask                 // params.taskId
	aReference            // params.ref: a prompt or a resource
	subscriptions         // params.notifications: resources and tasks
)

// traits describes a method of MCP.
type traits struct {
	subject   subject
	lifecycle bool // serves the connection: no rule of a resource applies
	public    bool // can be open to requests without credentials: it lists and runs nothing
	optional  bool // the subject can be absent

	// selfContained methods refer to nothing that an earlier request created. The others
	// refer to a running request, a task, a subscription or a setting, which a server finds
	// by the session.
	selfContained bool
}

// methods are the requests and notifications that clients send, the tasks extension
// included. To support another method, add it here.
var methods = map[string]traits{
	Initialize:     {lifecycle: true, public: true, selfContained: true},
	Ping:           {lifecycle: true, public: true, selfContained: true},
	ServerDiscover: {lifecycle: true, public: true, selfContained: true},

	"tools/list":               {public: true, selfContained: true},
	"prompts/list":             {public: true, selfContained: true},
	"resources/list":           {public: true, selfContained: true},
	"resources/templates/list": {public: true, selfContained: true},

	ToolsCall:             {subject: aTool, selfContained: true},
	PromptsGet:            {subject: aPrompt, selfContained: true},
	ResourcesRead:         {subject: aResource, selfContained: true},
	"completion/complete": {subject: aReference, selfContained: true},
	SubscriptionsListen:   {subject: subscriptions, optional: true, selfContained: true},
	"logging/setLevel":    {},

	// A subscription of the older protocols without a URI passes, but it needs the scopes
	// of all resource rules, because the empty URI is not plain. Protocol 2026-07-28 does
	// not have these methods: a server answers 404 whatever their params (SEP-2575).
	"resources/subscribe":   {subject: aResource, optional: true},
	"resources/unsubscribe": {subject: aResource, optional: true},

	"tasks/list":   {subject: aTask, optional: true},
	TasksGet:       {subject: aTask, optional: true},
	"tasks/result": {subject: aTask, optional: true},
	"tasks/update": {subject: aTask, optional: true},
	"tasks/cancel": {subject: aTask, optional: true},

	Initialized:                        {lifecycle: true, selfContained: true},
	"notifications/cancelled":          {lifecycle: true},
	"notifications/progress":           {lifecycle: true},
	"notifications/roots/list_changed": {lifecycle: true},
}

// traitsOf returns the traits of a method. Methods that MCP does not define have those of
// their namespace: tasks/* names a task, notifications/* serves the connection.
func traitsOf(method string) traits {
	t, ok := methods[method]
	switch {
	case ok:
		return t
	case IsTask(method):
		return traits{subject: aTask, optional: true}
	case strings.HasPrefix(method, "notifications/"):
		return traits{lifecycle: true}
	}
	return traits{}
}

// Methods returns the names of all methods that MCP defines, sorted.
func Methods() []string { return slices.Sorted(maps.Keys(methods)) }

// PublicMethods returns the methods that can be open to requests without credentials,
// sorted. They list what the server has and run nothing.
func PublicMethods() []string {
	return slices.DeleteFunc(Methods(), func(method string) bool { return !methods[method].public })
}

// CanBePublic reports whether a method is one of [PublicMethods].
func CanBePublic(method string) bool { return methods[method].public }

// IsLifecycle reports whether a method only serves the connection: initialize, ping,
// server/discover and notifications.
func IsLifecycle(method string) bool { return traitsOf(method).lifecycle }

// IsTask reports whether a method is about a task. The id of a task does not tell which
// tool it belongs to.
func IsTask(method string) bool { return strings.HasPrefix(method, "tasks/") }
