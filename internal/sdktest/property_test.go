package sdktest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// refusals are the statuses with which warder refuses a request that has a good token.
var refusals = []int{http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}

// hold sends any letter whatsoever and checks the property: the operation decided on
// is the one that runs, or we refuse.
func (s *site) hold(t testing.TB, l letter) {
	t.Helper()
	if s.breaks != nil && s.breaks([]byte(l.body)) {
		return
	}
	r := s.send(t, l)
	for _, fault := range r.faults {
		t.Errorf("%s: %s", s.name, fault)
	}
	if !r.passed {
		if len(r.ran) > 0 || !slices.Contains(refusals, r.status) {
			t.Errorf("%s: refused with %d, ran %q: %s", s.name, r.status, r.ran, l)
		}
		return
	}
	if l.method != "" {
		return
	}
	if !bytes.Equal(r.seen.body, []byte(l.body)) {
		t.Errorf("%s: handed on %q\n\tof %s", s.name, r.seen.body, l)
	}
	for _, fault := range otherReadings([]byte(l.body), r.seen.decided) {
		t.Errorf("%s: %s\n\tdecided: %v\n\trequest: %s", s.name, fault, r.seen.decided, l)
	}
}

// otherReadings reads a body that was accepted with the decoders that the SDKs export,
// and says where one understands it and takes it for something else.
func otherReadings(body []byte, decided []op) (faults []string) {
	messages := []json.RawMessage{body}
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] == '[' {
		if err := json.Unmarshal(body, &messages); err != nil {
			return []string{"encoding/json refuses the batch: " + err.Error()}
		}
	}
	isListening := func(o op) bool { return o.method == "subscriptions/listen" } // may be asked about once for each resource
	decided = slices.DeleteFunc(slices.Clone(decided), isListening)
	next := 0
	for _, message := range messages {
		goSDK, mcpGo := readGoSDK(message), readMCPGo(message)
		want := op{} // of a response
		method, isRequest := methodOf(message)
		if isListening(op{method: method}) {
			continue
		}
		if isRequest {
			if next == len(decided) {
				return append(faults, "more requests than decisions")
			}
			want, next = decided[next], next+1
		}
		if goSDK != nil && *goSDK != want {
			faults = append(faults, "the go-sdk reads "+goSDK.String()+", want "+want.String())
		}
		if mcpGo != nil && *mcpGo != want {
			faults = append(faults, "mcp-go reads "+mcpGo.String()+", want "+want.String())
		}
	}
	if next != len(decided) {
		faults = append(faults, "more decisions than requests")
	}
	return faults
}

// methodOf looks for a method by yet another reader, which keeps case and takes every id.
func methodOf(message []byte) (method string, ok bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(message, &members) != nil {
		return "", false
	}
	value, ok := members["method"]
	ok = ok && json.Unmarshal(value, &method) == nil
	return method, ok
}

// readGoSDK returns nil for what the SDK refuses, and op{} for a response.
func readGoSDK(message []byte) *op {
	decoded, err := jsonrpc.DecodeMessage(message)
	if err != nil {
		return nil
	}
	req, ok := decoded.(*jsonrpc.Request)
	if !ok {
		return &op{}
	}
	var params mcp.Params
	switch req.Method {
	case "tools/call":
		params = new(mcp.CallToolParamsRaw)
	case "prompts/get":
		params = new(mcp.GetPromptParams)
	case "resources/read":
		params = new(mcp.ReadResourceParams)
	case "resources/subscribe":
		params = new(mcp.SubscribeParams)
	case "completion/complete":
		params = new(mcp.CompleteParams)
	default:
		return withTask(req.Method, req.Params)
	}
	if json.Unmarshal(req.Params, params) != nil {
		return nil
	}
	return new(goSDKOp(req.Method, params))
}

// withTask reads the methods that the official SDK does not know yet.
func withTask(method string, raw []byte) *op {
	var params struct{ TaskID string }
	if strings.HasPrefix(method, "tasks/") && json.Unmarshal(raw, &params) != nil {
		return nil
	}
	return &op{method: method, name: params.TaskID}
}

// readMCPGo returns nil for what the SDK refuses, and op{} for a response.
func readMCPGo(message []byte) *op {
	var base mcpgo.JSONRPCRequest
	if json.Unmarshal(message, &base) != nil || base.JSONRPC != mcpgo.JSONRPC_VERSION {
		return nil
	}
	o := &op{method: base.Method}
	var err error
	switch base.Method {
	case "tools/call":
		var m mcpgo.CallToolRequest
		err = json.Unmarshal(message, &m)
		o.name, o.arguments = m.Params.Name, compact(m.Params.RawArguments)
	case "prompts/get":
		var m mcpgo.GetPromptRequest
		err = json.Unmarshal(message, &m)
		o.name = m.Params.Name
	case "resources/read", "resources/subscribe":
		var m mcpgo.ReadResourceRequest
		err = json.Unmarshal(message, &m)
		o.name = m.Params.URI
	case "tasks/get", "tasks/result", "tasks/cancel", "tasks/update", "tasks/list":
		var m mcpgo.GetTaskRequest
		err = json.Unmarshal(message, &m)
		o.name = m.Params.TaskId
	case "completion/complete":
		var m mcpgo.CompleteRequest
		if err = json.Unmarshal(message, &m); err != nil {
			return nil
		}
		switch ref := m.Params.Ref.(type) {
		case mcpgo.PromptReference:
			o.name = ref.Name
		case mcpgo.ResourceReference:
			o.name = ref.URI
		}
	default:
		return withTask(base.Method, nil)
	}
	if err != nil {
		return nil
	}
	return o
}
