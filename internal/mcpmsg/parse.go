package mcpmsg

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// maxIDBytes is the longest id that an error repeats.
const maxIDBytes = 256

var (
	messageNames = strictjson.NewNames("jsonrpc", "id", "method", "params", "result", "error").
			WithNested("params", "name", "arguments", "uri", "ref", "notifications", "taskId", "task")
	refNames    = strictjson.NewNames("type", "name", "uri")
	listenNames = strictjson.NewNames("resourceSubscriptions", "taskIds")
)

// envelope is a message as it was read. What its params mean depends on the method, which
// can follow them in the body.
type envelope struct {
	version                                           string
	isResponse, hasMethod                             bool
	params, name, arguments, uri, ref, filter, taskID jsontext.Value // nil: absent
}

// parseBatch reads an array of messages. Only protocol versions before 2025-06-18 have
// batches.
func parseBatch(header http.Header, body []byte) (messages []*Message, err error) {
	for _, version := range header.Values("Mcp-Protocol-Version") {
		if version != "2025-03-26" && version != "2024-11-05" {
			return nil, errors.New("a batch in a protocol version without batches")
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

// parseMessage reads one message. It interprets what authorization rules need, and applies
// the strict rules of package strictjson to that. Other values, above all the arguments,
// belong to the server.
func parseMessage(body []byte) (*Message, error) {
	m, e := new(Message), envelope{}
	err := strictjson.Envelope(body, messageNames, func(name string, value jsontext.Value) error { return e.read(m, name, value) })
	switch {
	case err != nil:
		return nil, err
	case e.version != "2.0":
		return nil, errors.New("jsonrpc is not 2.0")
	case e.hasMethod == e.isResponse, e.hasMethod && m.Method == "":
		return nil, errors.New("neither a request nor a response, or both")
	case e.isResponse:
		return m, nil
	case e.params != nil && e.params.Kind() != '{' && e.params.Kind() != 'n':
		return nil, errors.New("params are not an object")
	}
	p, err := e.readParams(traitsOf(m.Method).subject)
	if err != nil {
		return nil, err
	}
	return m, m.setParams(p)
}

// IsResponse reports whether a message of a server is a JSON-RPC response.
func IsResponse(message []byte) bool {
	answers := len(strictjson.LenientMembers(message, "result")) + len(strictjson.LenientMembers(message, "error"))
	return answers > 0 && len(strictjson.LenientMembers(message, "method")) == 0
}

// read takes one member of the message.
func (e *envelope) read(m *Message, name string, value jsontext.Value) (err error) {
	switch name {
	case "jsonrpc":
		e.version, err = strictjson.String(value)
	case "id":
		m.ID, err = readID(value)
	case "method":
		e.hasMethod = true
		m.Method, err = strictjson.String(value)
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
	case "params.task":
		m.AsTask = true
	case "params.taskId":
		e.taskID = value
	default:
		e.isResponse = true
	}
	return err
}

// readID reads the id of a message: a string or a number (MCP, "Requests"). Null is tolerated.
func readID(value jsontext.Value) ([]byte, error) {
	switch value.Kind() {
	case '"', '0', 'n':
		return usableID(value), strictjson.Valid(value)
	}
	return nil, errors.New("is neither a string nor a number")
}

// usableID returns an id that an error can repeat, and nil for another one.
func usableID(value jsontext.Value) []byte {
	if k := value.Kind(); (k == '"' || k == '0') && len(value) <= maxIDBytes && strictjson.Valid(value) == nil {
		return value
	}
	return nil
}

// idOf returns the id of a message that parseMessage has rejected, if it has exactly one.
func idOf(body []byte) []byte {
	if ids := strictjson.LenientMembers(body, "id"); len(ids) == 1 {
		return usableID(ids[0])
	}
	return nil
}

// readParams reads the members of params that count for a method with this subject. The
// others can have any type.
func (e *envelope) readParams(of subject) (p Params, err error) {
	p.Arguments = e.arguments
	switch of {
	case aTool, aPrompt:
		p.Name, err = optionalString("name", e.name)
	case aResource:
		p.URI, err = optionalString("uri", e.uri)
	case aTask:
		p.TaskID, err = optionalString("taskId", e.taskID)
	case aReference:
		err = optionalObject("ref", e.ref, refNames, p.readRef)
	case subscriptions:
		err = optionalObject("notifications", e.filter, listenNames, p.readSubscriptions)
	}
	return p, err
}

// optionalObject reads a member of params that is an object, unless it is absent.
func optionalObject(name string, value jsontext.Value, known *strictjson.Names, member func(string, jsontext.Value) error) error {
	if value == nil {
		return nil
	}
	return inParams(name, strictjson.Object(value, known, member))
}

// inParams adds the name of a member of params to its error.
func inParams(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("member %q: %w", "params."+name, err)
}

func (p *Params) readRef(name string, value jsontext.Value) (err error) {
	switch name {
	case "type":
		p.RefType, err = strictjson.String(value)
	case "name":
		p.RefName, err = strictjson.String(value)
	case "uri":
		p.RefURI, err = strictjson.String(value)
	}
	return err
}

func (p *Params) readSubscriptions(name string, value jsontext.Value) (err error) {
	if name == "taskIds" {
		p.Tasks, err = readNames(value)
	} else {
		p.Resources, err = readNames(value)
	}
	return err
}

// readNames stops as soon as there are more names than a message can have.
func readNames(value jsontext.Value) (names []string, err error) {
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

// optionalString reads a member of params that is a string. It returns "" for an absent value.
func optionalString(name string, value jsontext.Value) (string, error) {
	if value == nil {
		return "", nil
	}
	text, err := strictjson.String(value)
	return text, inParams(name, err)
}
