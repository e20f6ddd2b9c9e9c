package resource

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// message is one JSON-RPC message, as far as rules look at it.
type message struct {
	method    string // "" for a response
	id        []byte // as JSON, for an error about it; nil if there is none to repeat
	name      string // what Mcp-Name repeats
	tool      string
	prompt    string
	resources []string
	tasks     []string // that a stream is to tell about
	refType   string   // of a completion
	arguments []byte
}

// resourceMethods are those whose params.uri names a resource.
var resourceMethods = []string{"resources/read", "resources/subscribe", "resources/unsubscribe"}

// isNamed reports whether it is one tool, prompt or resource that the message is
// about: then naming its method alone does not declare it.
func (m *message) isNamed() bool {
	switch m.method {
	case "tools/call", "prompts/get", "resources/read", "resources/subscribe", "resources/unsubscribe", "completion/complete":
		return true
	}
	return len(m.resources)+len(m.tasks) > 0
}

// parseBatch reads an array of messages, which only the protocol versions before
// 2025-06-18 had.
func parseBatch(header http.Header, body []byte) (messages []*message, err error) {
	for _, version := range header.Values("Mcp-Protocol-Version") {
		if version != "2025-03-26" && version != "2024-11-05" {
			return nil, errors.New("a batch in a protocol version that has none")
		}
	}
	err = strictjson.Elements(body, func(element jsontext.Value) error {
		if len(messages) == MaxBatch {
			return fmt.Errorf("a batch of more than %d messages", MaxBatch)
		}
		m, err := parseMessage(element)
		messages = append(messages, m)
		return err
	})
	if err == nil && len(messages) == 0 {
		err = errors.New("an empty batch")
	}
	return messages, err
}

var (
	messageNames = strictjson.NewNames("jsonrpc", "id", "method", "params", "result", "error").
			Within("params", "name", "arguments", "uri", "ref", "notifications", "taskId")
	refNames    = strictjson.NewNames("type", "name", "uri")
	listenNames = strictjson.NewNames("resourceSubscriptions", "taskIds")
)

// envelope is a message as it was read: what its params mean depends on its method,
// which may come after them.
type envelope struct {
	version                                           string
	isResponse, hasMethod                             bool
	params, name, arguments, uri, ref, filter, taskID jsontext.Value // nil: absent
}

func parseMessage(body []byte) (*message, error) {
	m, e := new(message), envelope{}
	err := strictjson.Object(body, messageNames, func(name string, value jsontext.Value) (err error) {
		switch name {
		case "jsonrpc":
			e.version, err = strictjson.String(value)
		case "id":
			if k := value.Kind(); (k == '"' || k == '0') && len(value) <= 256 {
				m.id = value
			}
		case "method":
			e.hasMethod = true
			m.method, err = strictjson.String(value)
		case "params":
			e.params = value
		case "params.name":
			e.name = value
		case "params.arguments":
			e.arguments = value
		case "params.uri":
			e.uri = value
		case "params.ref":
			e.ref = value
		case "params.notifications":
			e.filter = value
		case "params.taskId":
			e.taskID = value
		default:
			e.isResponse = true
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case e.version != "2.0":
		return nil, errors.New("jsonrpc is not 2.0")
	case e.hasMethod == e.isResponse, e.hasMethod && m.method == "":
		return nil, errors.New("neither a request nor a response, or both")
	case e.isResponse:
		return m, nil
	case e.params != nil && e.params.Kind() != '{' && e.params.Kind() != 'n':
		return nil, errors.New("params are no object")
	}
	if err := m.open(&e); err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	return m, m.complete()
}

// open takes from params what the method gives a meaning.
func (m *message) open(e *envelope) (err error) {
	m.arguments = e.arguments
	switch {
	case m.method == "tools/call":
		m.tool, err = text(e.name)
		m.name = m.tool
	case m.method == "prompts/get":
		m.prompt, err = text(e.name)
		m.name = m.prompt
	case slices.Contains(resourceMethods, m.method):
		m.name, err = text(e.uri)
		m.resources = []string{m.name}
	case strings.HasPrefix(m.method, "tasks/"):
		m.name, err = text(e.taskID)
	case m.method == "completion/complete" && e.ref != nil:
		err = strictjson.Object(e.ref, refNames, m.ref)
	case m.method == listenMethod && e.filter != nil:
		err = strictjson.Object(e.filter, listenNames, func(name string, value jsontext.Value) (err error) {
			if name == "taskIds" {
				m.tasks, err = subscriptions(value)
			} else {
				m.resources, err = subscriptions(value)
			}
			return err
		})
	}
	return err
}

// subscriptions reads no further than to what is too much.
func subscriptions(value jsontext.Value) (names []string, err error) {
	err = strictjson.Elements(value, func(element jsontext.Value) error {
		if len(names) == MaxSubscriptions {
			return errTooManySubscriptions
		}
		name, err := strictjson.String(element)
		names = append(names, name)
		return err
	})
	return names, err
}

// text is "" for what is absent.
func text(value jsontext.Value) (string, error) {
	if value == nil {
		return "", nil
	}
	return strictjson.String(value)
}

// ref takes what a completion is about.
func (m *message) ref(name string, value jsontext.Value) (err error) {
	switch name {
	case "type":
		m.refType, err = strictjson.String(value)
	case "name":
		m.prompt, err = strictjson.String(value)
		m.name = m.prompt
	case "uri":
		var uri string
		uri, err = strictjson.String(value)
		m.name, m.resources = uri, []string{uri}
	}
	return err
}

// complete refuses a message that does not say what it is about: no rule could tell
// whether it binds.
//
// A subscription of the older protocols to nothing goes on, at the price of all
// resource rules: the empty URI is not plain. A server of 2026-07-28, which has these
// methods no more, has to say so itself, whatever their params (SEP-2575: 404).
func (m *message) complete() error {
	missing := false
	switch m.method {
	case "tools/call", "prompts/get", "resources/read":
		missing = m.name == ""
	case "resources/subscribe", "resources/unsubscribe":
		if m.name == "" {
			m.resources = []string{""}
		}
	case "completion/complete":
		// One of the two, and the one that its type says: a reader may go by either.
		isPrompt, isResource := m.prompt != "", len(m.resources) > 0
		missing = m.name == "" || isPrompt != (m.refType == "ref/prompt") || isResource != (m.refType == "ref/resource")
	}
	if missing {
		return errors.New("params do not name what the method is about")
	}
	return nil
}
