package mcpmsg

import (
	"errors"
	"fmt"
	"slices"
)

// Message is one JSON-RPC message, reduced to what authorization rules need.
type Message struct {
	Method    string   // "" for a response
	ID        []byte   // as JSON, to be repeated in an error; nil if there is no usable id
	Name      string   // what the header Mcp-Name repeats
	Tool      string   // "" if the message does not name a tool
	Prompt    string   // "" if the message does not name a prompt
	Resources []string // URIs that the message names
	Tasks     []string // ids of tasks that a stream reports on
	Ref       string   // of a completion: "ref/prompt" or "ref/resource"
	Arguments []byte   // params.arguments as JSON; nil if absent
	AsTask    bool     // params.task is present: the result becomes a task
}

// Params are the members of a message's params that name something. Which of them count
// depends on the method.
type Params struct {
	Name      string   // params.name
	URI       string   // params.uri
	TaskID    string   // params.taskId
	RefType   string   // params.ref.type
	RefName   string   // params.ref.name
	RefURI    string   // params.ref.uri
	Resources []string // params.notifications.resourceSubscriptions
	Tasks     []string // params.notifications.taskIds
	Arguments []byte   // params.arguments as JSON
}

var (
	// ErrUnnamed is the error for params that do not name what the method is about. No
	// rule could be found for such a message.
	ErrUnnamed = errors.New("params do not name what the method is about")

	errNoMethod             = errors.New("no method")
	errTooManySubscriptions = fmt.Errorf("more than %d subscriptions", MaxSubscriptions)
)

// New returns the message of a method with these params, as if it had been read from a
// body.
func New(method string, p Params) (*Message, error) {
	if method == "" {
		return nil, errNoMethod
	}
	m := &Message{Method: method}
	if err := m.setParams(p); err != nil {
		return nil, err
	}
	return m, checkLimits([]*Message{m})
}

// ForOperation returns the message of a method that is about one thing: name is a tool, a
// prompt, a URI or the id of a task, whichever the method names. ref is for a completion.
func ForOperation(method, name, ref string, arguments []byte) (*Message, error) {
	p := Params{Arguments: arguments}
	switch traitsOf(method).subject {
	case aTool, aPrompt:
		p.Name = name
	case aResource:
		p.URI = name
	case aTask:
		p.TaskID = name
	case aReference:
		p.RefType = ref
		if ref == "ref/prompt" {
			p.RefName = name
		} else {
			p.RefURI = name
		}
	case subscriptions:
		if name != "" {
			p.Resources = []string{name}
		}
	default:
		m, err := New(method, p)
		if err == nil {
			m.Name = name // of a method that MCP does not define
		}
		return m, err
	}
	return New(method, p)
}

// setParams takes from p what the method names. It rejects a message that does not name
// what its method is about.
func (m *Message) setParams(p Params) error {
	m.Arguments = p.Arguments
	method := traitsOf(m.Method)
	switch method.subject {
	case aTool:
		m.Name, m.Tool = p.Name, p.Name
	case aPrompt:
		m.Name, m.Prompt = p.Name, p.Name
	case aResource:
		m.Name, m.Resources = p.URI, []string{p.URI}
	case aTask:
		m.Name = p.TaskID
	case aReference:
		return m.setReference(p)
	case subscriptions:
		m.Resources, m.Tasks = p.Resources, p.Tasks
	case noSubject:
		return nil
	}
	if m.Name == "" && !method.optional {
		return ErrUnnamed
	}
	return nil
}

// setReference takes what a completion is about: a prompt or a resource, and the one that
// the type of the reference says. A server may go by either.
func (m *Message) setReference(p Params) error {
	isPrompt, isResource := p.RefName != "", p.RefURI != ""
	if isPrompt == isResource || isPrompt != (p.RefType == "ref/prompt") || isResource != (p.RefType == "ref/resource") {
		return ErrUnnamed
	}
	m.Ref, m.Prompt, m.Name = p.RefType, p.RefName, p.RefName
	if isResource {
		m.Name, m.Resources = p.RefURI, []string{p.RefURI}
	}
	return nil
}

// IsSpecific reports whether the message is about a particular tool, prompt, resource or
// task subscription. A rule for its method alone does not declare such a message.
func (m *Message) IsSpecific() bool {
	switch traitsOf(m.Method).subject {
	case aTool, aPrompt, aResource, aReference:
		return true
	}
	return len(m.Resources)+len(m.Tasks) > 0
}

// IsSelfContained reports whether the message refers to nothing that an earlier request
// created, and creates nothing for a later one. Only such a message needs no session.
func (m *Message) IsSelfContained() bool {
	return traitsOf(m.Method).selfContained && len(m.Tasks) == 0 && !m.AsTask
}

// Subjects returns the names of everything that the message is about. Only a subscription
// has more than one. The result of a message that names nothing is one empty name.
func (m *Message) Subjects() []string {
	if m.Name == "" && len(m.Resources)+len(m.Tasks) > 0 {
		return slices.Concat(m.Resources, m.Tasks)
	}
	return []string{m.Name}
}

// checkLimits bounds the number of rule look-ups that one request can cause.
func checkLimits(messages []*Message) error {
	subscribed, bytes := 0, 0
	for _, m := range messages {
		if m.Method == SubscriptionsListen {
			subscribed += len(m.Resources) + len(m.Tasks)
		}
		for _, uri := range m.Resources {
			bytes += len(uri)
		}
	}
	switch {
	case subscribed > MaxSubscriptions:
		return errTooManySubscriptions
	case bytes > MaxURIBytes:
		return fmt.Errorf("URIs of more than %d bytes", MaxURIBytes)
	}
	return nil
}
