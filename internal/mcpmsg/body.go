package mcpmsg

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
)

// Limits of one request.
const (
	MaxBatch         = 100      // messages in a batch
	MaxSubscriptions = 1000     // resources and tasks that the messages of a body subscribe to
	MaxURIBytes      = 64 << 10 // URIs of resources that the messages of a body name, together
)

// Kind classifies the reasons for which a body is rejected.
type Kind int

const (
	Malformed      Kind = iota // not a JSON-RPC message with a single meaning
	TooLarge                   // over the limit
	WrongType                  // not JSON, or compressed
	HeaderMismatch             // Mcp-Method or Mcp-Name disagrees with the body
	Canceled                   // the client disconnected
)

// Error describes why a body was rejected. Its text does not contain any part of the
// body.
type Error struct {
	Kind Kind
	ID   []byte // of the message, as JSON; nil if it is not known
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// MayCarryMessage reports whether a request can carry JSON-RPC messages in its body:
// every method but GET, HEAD, DELETE and OPTIONS.
func MayCarryMessage(req *http.Request) bool {
	return !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions}, req.Method)
}

// IsJSONPost reports whether the sender of a request expects JSON-RPC: it is a POST of JSON, as
// MCP clients send each message. It does not read the body, and does not say that a message is
// in it.
func IsJSONPost(req *http.Request) bool {
	types := req.Header["Content-Type"]
	if req.Method != http.MethodPost || len(types) != 1 {
		return false
	}
	media, _, _ := strings.Cut(types[0], ";") // parameters such as charset do not matter
	return strings.EqualFold(strings.TrimSpace(media), "application/json")
}

// RequestID returns the id of the only request in a body. It returns nil if the body has no
// request, is a batch of several messages, or has an id that cannot be repeated.
func RequestID(messages []*Message) []byte {
	if len(messages) != 1 || messages[0].Method == "" {
		return nil
	}
	return messages[0].ID
}

// OpensStream reports whether a request opens a stream, as far as its method and headers
// tell. See [Listens] for its body.
func OpensStream(req *http.Request) bool {
	return req.Method == http.MethodGet ||
		req.Method == http.MethodPost && slices.Contains(req.Header["Mcp-Method"], SubscriptionsListen)
}

// LacksSession reports whether a request asks for a stream or for the end of a session without
// naming a session.
func LacksSession(req *http.Request) bool {
	return (req.Method == http.MethodGet || req.Method == http.MethodDelete) && !NamesSession(req)
}

// NamesSession reports whether a request names a session, even with an empty id.
func NamesSession(req *http.Request) bool { return len(req.Header["Mcp-Session-Id"]) > 0 }

// Listens reports whether one of the messages opens a stream.
func Listens(messages []*Message) bool {
	return slices.ContainsFunc(messages, func(m *Message) bool { return m.Method == SubscriptionsListen })
}

// Read reads the body of a request, limit bytes at most. It returns the bytes and the
// messages in them. Where the headers disagree with a body that could be read, it returns
// all three.
func Read(req *http.Request, limit int) (body []byte, messages []*Message, e *Error) {
	if err := checkContentType(req.Header); err != nil {
		return nil, nil, &Error{Kind: WrongType, Err: err}
	}
	if req.Body == nil {
		return nil, nil, &Error{Kind: Malformed, Err: errors.New("no body")}
	}
	body, err := readBody(req, limit)
	_, tooLarge := errors.AsType[*http.MaxBytesError](err) // set by an outer middleware
	switch {
	case tooLarge, err == nil && len(body) > limit:
		return nil, nil, &Error{Kind: TooLarge, Err: errors.New("body over its limit")}
	case err != nil && req.Context().Err() != nil:
		return nil, nil, &Error{Kind: Canceled, Err: fmt.Errorf("reading the body: %w", err)}
	case err != nil:
		return nil, nil, &Error{Kind: Malformed, Err: fmt.Errorf("reading the body: %w", err)}
	}
	if messages, err = parse(req.Header, body); err != nil {
		return nil, nil, &Error{Kind: Malformed, Err: err, ID: idOf(body)}
	}
	return body, messages, checkHeaders(req.Header, messages)
}

// maxFirstRead bounds what is allocated for a body before any of it has arrived.
const maxFirstRead = 64 << 10

// readBody reads at most one byte more than the limit. The buffer grows with what arrives:
// Content-Length alone does not make it large.
func readBody(req *http.Request, limit int) ([]byte, error) {
	size := 0
	if n := req.ContentLength; n > 0 && n <= int64(limit) {
		size = int(min(n, maxFirstRead)) + bytes.MinRead
	}
	buffer := bytes.NewBuffer(make([]byte, 0, size))
	_, err := buffer.ReadFrom(io.LimitReader(req.Body, int64(limit)+1))
	return buffer.Bytes(), err
}

// parse reads a message or a batch.
func parse(header http.Header, body []byte) (messages []*Message, err error) {
	if first := bytes.TrimLeft(body, " \t\r\n"); len(first) > 0 && first[0] == '[' {
		messages, err = parseBatch(header, body)
	} else {
		var m *Message
		m, err = parseMessage(body)
		messages = []*Message{m}
	}
	if err != nil {
		return nil, err
	}
	return messages, checkLimits(messages)
}

// checkContentType accepts uncompressed JSON in UTF-8. An MCP server could decompress or
// convert anything else, and then run a message that was not checked here.
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

// checkHeaders compares Mcp-Method and Mcp-Name, where they are present, with the body
// (MCP 2026-07-28, "Standard Headers"). They never grant anything.
func checkHeaders(header http.Header, messages []*Message) *Error {
	methods, names := header["Mcp-Method"], header["Mcp-Name"]
	if len(methods) == 0 && len(names) == 0 {
		return nil
	}
	m := messages[0]
	mismatch := func(what string) *Error {
		return &Error{Kind: HeaderMismatch, Err: errors.New(what), ID: RequestID(messages)}
	}
	switch {
	case len(methods) > 1 || len(names) > 1:
		return mismatch("Mcp-Method or Mcp-Name is repeated")
	case len(messages) > 1:
		return mismatch("Mcp-Method or Mcp-Name on a batch")
	case m.Method == "":
		return nil // a response has neither
	case len(methods) == 1 && methods[0] != m.Method:
		return mismatch("Mcp-Method is not the body's method")
	case len(names) == 1 && m.Name != "" && decodeName(names[0]) != m.Name:
		return mismatch("Mcp-Name is not the name in the body")
	}
	return nil
}

// decodeName undoes the Base64 form of names that are not valid header values.
func decodeName(value string) string {
	encoded, ok := strings.CutPrefix(value, "=?base64?")
	if encoded, end := strings.CutSuffix(encoded, "?="); ok && end {
		if name, err := base64.StdEncoding.Strict().DecodeString(encoded); err == nil {
			return string(name)
		}
	}
	return value
}

// Reread returns a body that was read as one that can be read again. Close closes the original. It
// has the method Len() int, which returns how many bytes are left.
func Reread(body []byte, original io.Closer) io.ReadCloser {
	return struct {
		*bytes.Reader
		io.Closer
	}{bytes.NewReader(body), original}
}
