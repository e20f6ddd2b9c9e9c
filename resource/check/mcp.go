package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/strictjson"
)

// Versions of MCP: the newest one with initialize, and the first one without.
const (
	sessionVersion   = "2025-11-25"
	statelessVersion = "2026-07-28"
)

const clientInfo = `{"name":"warder-check","version":"1"}`

// initialize is the first message of a session.
const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"` + sessionVersion + `","capabilities":{},"clientInfo":` + clientInfo + `}}`

const initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`

// request returns a message that lists something, for the version without sessions if meta is set.
func request(id int, method, cursor, meta string) string {
	params := ""
	if cursor != "" {
		params = `"cursor":` + quoted(cursor)
	}
	if meta != "" {
		params = strings.TrimSuffix(`"_meta":`+meta+","+params, ",")
	}
	return `{"jsonrpc":"2.0","id":` + strconv.Itoa(id) + `,"method":"` + method + `","params":{` + params + `}}`
}

// toolsList returns a message that lists tools.
func toolsList(id int, cursor string) string { return request(id, "tools/list", cursor, "") }

const statelessMeta = `{"io.modelcontextprotocol/protocolVersion":"` + statelessVersion + `","io.modelcontextprotocol/clientInfo":` + clientInfo + `,"io.modelcontextprotocol/clientCapabilities":{}}`

// quoted returns a text as JSON. Invalid UTF-8 has been rejected before.
func quoted(text string) string {
	out, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return `""`
	}
	return string(out)
}

// An answerError is an answer of the MCP server that has no result.
type answerError struct {
	status int
	text   string
}

func (e *answerError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.text) }

// An mcpClient sends requests with a token to the MCP server.
type mcpClient struct {
	*public
	session   string // "": the server has opened none
	version   string // "": not agreed yet
	stateless bool
}

// call sends a message and returns the result in the response, which is nil for a notification.
func (m *mcpClient) call(ctx context.Context, method, body string) (result jsontext.Value, session string, err error) {
	req, err := newRequest(ctx, m.url, body)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Authorization", "Bearer "+m.config.Token)
	setIf(req.Header, "Mcp-Session-Id", m.session)
	setIf(req.Header, "MCP-Protocol-Version", m.version)
	if m.stateless {
		req.Header.Set("Mcp-Method", method)
	}
	response, err := m.send(m.mcp, req)
	switch {
	case err != nil:
		return nil, "", err
	case response.Status == 202, response.Status == 204: // of a notification
		return nil, m.session, nil
	case response.Status != 200:
		return nil, "", &answerError{response.Status, "want 200"}
	}
	result, err = resultOf(response)
	return result, response.Header.Get("Mcp-Session-Id"), err
}

// start opens a session. If the server has none, because it does not know the method or the
// version, further requests are those of the version without sessions.
func (m *mcpClient) start(ctx context.Context) error {
	result, session, err := m.call(ctx, "initialize", initialize)
	if failed, ok := errors.AsType[*answerError](err); ok && (failed.status == 200 || failed.status == 400 || failed.status == 404) {
		m.version, m.stateless = statelessVersion, true
		return nil
	}
	if err != nil {
		return err
	}
	m.version, m.session = versionOf(result), ""
	if len(session) <= 1024 && strings.Trim(session, visible) == "" {
		m.session = session
	}
	_, _, err = m.call(ctx, "notifications/initialized", initialized)
	if failed, ok := errors.AsType[*answerError](err); ok && failed.status == 200 { // some servers answer it with 200
		err = nil
	}
	return err
}

// end asks the server to end the session. The result does not matter.
func (m *mcpClient) end(ctx context.Context) {
	if m.session == "" {
		return
	}
	req, err := newRequest(ctx, m.url, "")
	if err != nil {
		return
	}
	req.Method = "DELETE"
	req.Header.Set("Authorization", "Bearer "+m.config.Token)
	setIf(req.Header, "Mcp-Session-Id", m.session)
	setIf(req.Header, "MCP-Protocol-Version", m.version)
	_, _ = m.send(m.mcp, req)
}

// visible are the characters of a session ID (MCP 2025-11-25, Session Management) that are accepted
// from a server: visible ASCII.
var visible = func() string {
	var b strings.Builder
	for c := byte(0x21); c <= 0x7e; c++ {
		b.WriteByte(c)
	}
	return b.String()
}()

var initializeNames = strictjson.NewNames("protocolVersion")

// versionOf returns the version that a server has chosen, if it has the form of one.
func versionOf(result jsontext.Value) string {
	version := ""
	err := strictjson.Envelope(result, initializeNames, func(_ string, value jsontext.Value) (err error) {
		version, err = strictjson.String(value)
		return err
	})
	if err != nil || len(version) != len(sessionVersion) || strings.Trim(version, "0123456789-") != "" {
		return sessionVersion
	}
	return version
}

// listTools returns the names of the tools, from at most maxPages pages. all is false if there are more.
func (m *mcpClient) listTools(ctx context.Context) (names []string, all bool, err error) {
	cursor, meta := "", ""
	if m.stateless {
		meta = statelessMeta
	}
	for page := range maxPages {
		result, _, err := m.call(ctx, "tools/list", request(page+2, "tools/list", cursor, meta))
		if err != nil {
			return nil, false, err
		}
		if cursor, err = readTools(result, &names); err != nil {
			return nil, false, fmt.Errorf("the result of tools/list: %w", err)
		}
		switch {
		case len(names) > maxTools:
			return names[:maxTools], false, nil
		case cursor == "":
			return names, true, nil
		}
	}
	return names, false, nil
}

var (
	listNames = strictjson.NewNames("tools", "nextCursor")
	toolNames = strictjson.NewNames("name")
)

// readTools adds the names in one page of the list to names, and returns the cursor of the next one.
func readTools(result jsontext.Value, names *[]string) (cursor string, err error) {
	err = strictjson.Envelope(result, listNames, func(member string, value jsontext.Value) (err error) {
		if member == "nextCursor" {
			if !strictjson.IsAbsent(value) {
				cursor, err = strictjson.String(value)
			}
			return err
		}
		return strictjson.Elements(value, func(tool jsontext.Value) error {
			return strictjson.Envelope(tool, toolNames, func(_ string, value jsontext.Value) error {
				name, err := strictjson.String(value)
				*names = append(*names, name)
				return err
			})
		})
	})
	return cursor, err
}

var answerNames = strictjson.NewNames("id", "result", "error")

// resultOf returns the result in a response, which is a JSON-RPC response or events with one
// (MCP, Streamable HTTP).
func resultOf(response *outbound.Response) (jsontext.Value, error) {
	if !strings.HasPrefix(strings.ToLower(response.Header.Get("Content-Type")), "text/event-stream") {
		return resultIn(response.Status, response.Body)
	}
	for data := range events(response.Body) {
		if result, err := resultIn(response.Status, data); err == nil || !errors.Is(err, errNoAnswer) {
			return result, err
		}
	}
	return nil, &answerError{response.Status, "the stream of events has no response"}
}

var errNoAnswer = errors.New("not a response")

// resultIn returns the result in a message. The error is errNoAnswer for another message, such as a
// notification.
func resultIn(status int, message []byte) (result jsontext.Value, err error) {
	hasID, failed := false, false
	err = strictjson.Envelope(message, answerNames, func(name string, value jsontext.Value) error {
		switch name {
		case "id":
			hasID = true
		case "error":
			failed = true
		default:
			result = value
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, &answerError{status, "not a JSON-RPC message: " + err.Error()}
	case failed:
		return nil, &answerError{status, "a JSON-RPC error"}
	case !hasID || result == nil:
		return nil, errNoAnswer
	}
	return result, nil
}

// events returns the data of the events in a stream.
func events(body []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		body = bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
		for event := range bytes.SplitSeq(body, []byte("\n\n")) {
			var data [][]byte
			for line := range bytes.SplitSeq(event, []byte("\n")) {
				if value, ok := bytes.CutPrefix(line, []byte("data:")); ok {
					data = append(data, bytes.TrimPrefix(value, []byte(" ")))
				}
			}
			if data != nil && !yield(bytes.Join(data, []byte("\n"))) {
				return
			}
		}
	}
}
