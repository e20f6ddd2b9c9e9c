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

// rejectionStatuses are the statuses with which warder rejects a request with a valid token.
var rejectionStatuses = []int{http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}

// checkProperty sends an arbitrary request and checks that the server executes the operation that
// warder decided on, or that warder rejects the request.
func (s *testServer) checkProperty(t testing.TB, cr clientRequest) {
	t.Helper()
	if s.breaksSession != nil && s.breaksSession([]byte(cr.body)) {
		return
	}
	r := s.send(t, cr)
	for _, fault := range r.faults {
		t.Errorf("%s: %s", s.name, fault)
	}
	if !r.accepted {
		if len(r.executed) > 0 || !slices.Contains(rejectionStatuses, r.status) {
			t.Errorf("%s: rejected with %d, executed %q: %s", s.name, r.status, r.executed, cr)
		}
		return
	}
	if cr.method != "" {
		return
	}
	if !bytes.Equal(r.record.body, []byte(cr.body)) {
		t.Errorf("%s: passed on %q\n\tof %s", s.name, r.record.body, cr)
	}
	for _, fault := range otherReadings([]byte(cr.body), r.record.decided) {
		t.Errorf("%s: %s\n\tdecided: %v\n\trequest: %s", s.name, fault, r.record.decided, cr)
	}
}

// otherReadings decodes an accepted body with the exported decoders of the SDKs. It returns a fault if
// one of them accepts it but reads another operation.
func otherReadings(body []byte, decided []op) (faults []string) {
	messages := []json.RawMessage{body}
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] == '[' {
		if err := json.Unmarshal(body, &messages); err != nil {
			return []string{"encoding/json rejects the batch: " + err.Error()}
		}
	}
	isListening := func(o op) bool { return o.method == "subscriptions/listen" } // can have one decision for each resource
	decided = slices.DeleteFunc(slices.Clone(decided), isListening)
	next := 0
	for _, message := range messages {
		goSDK, mcpGo := readGoSDK(message), readMCPGo(message)
		want := op{} // for a response
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

// methodOf reads the method with another reader, which distinguishes case and accepts any id.
func methodOf(message []byte) (method string, ok bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(message, &members) != nil {
		return "", false
	}
	value, ok := members["method"]
	ok = ok && json.Unmarshal(value, &method) == nil
	return method, ok
}

// readGoSDK returns nil for messages that the SDK rejects, and op{} for a response.
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

// withTask reads methods that the official SDK does not support yet.
func withTask(method string, raw []byte) *op {
	var params struct{ TaskID string }
	if strings.HasPrefix(method, "tasks/") && json.Unmarshal(raw, &params) != nil {
		return nil
	}
	return &op{method: method, name: params.TaskID}
}

// readMCPGo returns nil for messages that the SDK rejects, and op{} for a response.
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
