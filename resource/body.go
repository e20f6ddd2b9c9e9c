package resource

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// Limits of bodies that are read because of Config.Operations.
const (
	DefaultMaxBodyBytes = 4 << 20   // Config.MaxBodyBytes
	MaxPublicBytes      = 64 << 10  // of a request to a public operation
	MaxBatch            = 100       // messages in a batch
	MaxSubscriptions    = 1000      // resources and tasks that the messages of a body listen to
	MaxTemplateBytes    = 512 << 10 // URIs that the expressions of Operations.Resources are matched with for one request, in each of their spellings
	MaxURIBytes         = 64 << 10  // URIs of resources that the messages of a body name, together
)

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

var errTooManySubscriptions = fmt.Errorf("more than %d subscriptions", MaxSubscriptions)

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
		return errTooManySubscriptions
	case bytes > MaxURIBytes:
		return fmt.Errorf("URIs of more than %d bytes", MaxURIBytes)
	}
	return nil
}

// readBody reads at most one byte more than the limit.
func readBody(req *http.Request, limit int) ([]byte, error) {
	size := 0
	if n := req.ContentLength; n > 0 && n <= int64(limit) {
		size = int(n) + bytes.MinRead
	}
	buffer := bytes.NewBuffer(make([]byte, 0, size))
	_, err := buffer.ReadFrom(io.LimitReader(req.Body, int64(limit)+1))
	return buffer.Bytes(), err
}

// checkContentType admits JSON in UTF-8 that is not compressed: what the MCP server
// might unpack or convert, we would not have read.
func checkContentType(header http.Header) error {
	for _, coding := range header["Content-Encoding"] {
		if !strings.EqualFold(coding, "identity") {
			return errors.New("Content-Encoding is not identity")
		}
	}
	types := header["Content-Type"]
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

// checkMirror compares the headers that repeat the body (MCP 2026-07-28, "Standard
// Headers") with it, where they are present. They never grant anything.
func checkMirror(header http.Header, messages []*message) *fault {
	methods, names := header["Mcp-Method"], header["Mcp-Name"]
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
