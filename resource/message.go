package resource

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// Limits of bodies that are read because of Config.Operations.
const (
	DefaultMaxBodyBytes = 4 << 20  // Config.MaxBodyBytes
	MaxPublicBytes      = 64 << 10 // of a request to a public operation
	MaxBatch            = 100      // messages in a batch
	MaxSubscriptions    = 1000     // resources and tasks that the messages of a body listen to
	MaxURIBytes         = 64 << 10 // URIs of resources that the messages of a body name, together
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

// readMessages reads the body of a request and returns its bytes with the messages
// in it. It refuses whatever another reader could understand differently.
func readMessages(req *http.Request, limit int) (body []byte, messages []*message, f *fault) {
	if err := checkContentType(req.Header); err != nil {
		return nil, nil, &fault{reason: ReasonBodyType, err: err}
	}
	if req.Body == nil {
		return nil, nil, newFault(ReasonBodyMalformed, "no body")
	}
	body, err := readBody(req, limit)
	_, cut := errors.AsType[*http.MaxBytesError](err) // by a middleware outside
	switch {
	case cut, err == nil && len(body) > limit:
		return nil, nil, newFault(ReasonBodyTooLarge, "body over its limit")
	case err != nil && req.Context().Err() != nil:
		return nil, nil, newFault(ReasonRequestCanceled, "reading the body: %w", err)
	case err != nil:
		return nil, nil, newFault(ReasonBodyMalformed, "reading the body: %w", err)
	}
	if first := bytes.TrimLeft(body, " \t\r\n"); len(first) > 0 && first[0] == '[' {
		messages, err = parseBatch(req.Header, body)
	} else {
		var m *message
		m, err = parseMessage(body)
		messages = []*message{m}
	}
	if err == nil {
		err = checkAmount(messages)
	}
	if err != nil {
		return nil, nil, &fault{reason: ReasonBodyMalformed, err: err}
	}
	return body, messages, checkMirror(req.Header, messages)
}

// checkAmount keeps one request from asking the rules without end.
func checkAmount(messages []*message) error {
	subscriptions, bytes := 0, 0
	for _, m := range messages {
		if m.method == listenMethod {
			subscriptions += len(m.resources) + len(m.tasks)
		}
		for _, uri := range m.resources {
			bytes += len(uri)
		}
	}
	switch {
	case subscriptions > MaxSubscriptions:
		return fmt.Errorf("more than %d subscriptions", MaxSubscriptions)
	case bytes > MaxURIBytes:
		return fmt.Errorf("URIs of more than %d bytes", MaxURIBytes)
	}
	return nil
}

// readBody reads at most one byte more than the limit.
func readBody(req *http.Request, limit int) ([]byte, error) {
	var buffer bytes.Buffer
	if n := req.ContentLength; n > 0 && n <= int64(limit) {
		buffer.Grow(int(n) + bytes.MinRead)
	}
	_, err := buffer.ReadFrom(io.LimitReader(req.Body, int64(limit)+1))
	return buffer.Bytes(), err
}

// checkContentType admits JSON in UTF-8 that is not compressed: what the MCP server
// might unpack or convert, we would not have read.
func checkContentType(header http.Header) error {
	for _, coding := range header.Values("Content-Encoding") {
		if !strings.EqualFold(coding, "identity") {
			return errors.New("Content-Encoding is not identity")
		}
	}
	types := header.Values("Content-Type")
	if len(types) != 1 {
		return errors.New("not exactly one Content-Type")
	}
	if types[0] == "application/json" { // the usual case, without allocations
		return nil
	}
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil || media != "application/json" {
		return errors.New("Content-Type is not application/json")
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return errors.New("charset is not utf-8")
	}
	return nil
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
				m.tasks, err = strictjson.Strings(value)
			} else {
				m.resources, err = strictjson.Strings(value)
			}
			return err
		})
	}
	return err
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

// checkMirror compares the headers that repeat the body (MCP 2026-07-28, "Standard
// Headers") with it, where they are present. They never grant anything.
func checkMirror(header http.Header, messages []*message) *fault {
	methods, names := header.Values("Mcp-Method"), header.Values("Mcp-Name")
	if len(methods) == 0 && len(names) == 0 {
		return nil
	}
	m := messages[0]
	mismatch := func(what string) *fault {
		return &fault{reason: ReasonHeaderMismatch, err: errors.New(what), id: m.id}
	}
	switch {
	case len(methods) > 1 || len(names) > 1:
		return mismatch("Mcp-Method or Mcp-Name is repeated")
	case len(messages) > 1:
		return mismatch("Mcp-Method or Mcp-Name on a batch")
	case m.method == "":
		return nil // a response has neither
	case len(methods) == 1 && methods[0] != m.method:
		return mismatch("Mcp-Method is not the body's method")
	case len(names) == 1 && m.name != "" && decodeName(names[0]) != m.name:
		return mismatch("Mcp-Name is not what the body names")
	}
	return nil
}

// decodeName undoes the form in which names that are no header values are sent.
func decodeName(value string) string {
	encoded, ok := strings.CutPrefix(value, "=?base64?")
	if encoded, end := strings.CutSuffix(encoded, "?="); ok && end {
		if name, err := base64.StdEncoding.Strict().DecodeString(encoded); err == nil {
			return string(name)
		}
	}
	return value
}
