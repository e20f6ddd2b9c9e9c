package mcpsdk

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/resource"
)

// operations says in the words of the rules what the SDK is about to run: what the
// Resource would read from the body, taken from what the SDK has read. It is one
// operation, or for a subscription one for each of its resources.
func operations(method string, params mcp.Params) ([]resource.Operation, error) {
	one := func(name string, arguments []byte) []resource.Operation {
		return []resource.Operation{{Method: method, Name: name, Arguments: arguments}}
	}
	switch method {
	case "tools/call":
		if p, ok := params.(*mcp.CallToolParamsRaw); ok && p != nil {
			return one(p.Name, p.Arguments), nil
		}
	case "prompts/get":
		if p, ok := params.(*mcp.GetPromptParams); ok && p != nil {
			arguments, err := encode(p.Arguments)
			return one(p.Name, arguments), err
		}
	case "resources/read":
		if p, ok := params.(*mcp.ReadResourceParams); ok && p != nil {
			return one(p.URI, nil), nil
		}
	case "resources/subscribe":
		if p, ok := params.(*mcp.SubscribeParams); ok && p != nil {
			return one(p.URI, nil), nil
		}
	case "resources/unsubscribe":
		if p, ok := params.(*mcp.UnsubscribeParams); ok && p != nil {
			return one(p.URI, nil), nil
		}
	case "completion/complete":
		// One of the two, and the one that its type says: a handler may go by either.
		if p, ok := params.(*mcp.CompleteParams); ok && p != nil && p.Ref != nil &&
			(p.Ref.Name != "") == (p.Ref.Type == "ref/prompt") && (p.Ref.URI != "") == (p.Ref.Type == "ref/resource") {
			return []resource.Operation{{Method: method, Name: p.Ref.Name + p.Ref.URI, Ref: p.Ref.Type}}, nil
		}
	case "subscriptions/listen":
		if p, ok := params.(*mcp.SubscriptionsListenParams); ok && p != nil && !listensToNothing(p) {
			return subscriptions(method, p.Notifications), nil
		}
	default:
		name, arguments, err := members(params)
		return one(name, arguments), err
	}
	return nil, fmt.Errorf("params of %q are not those of the method", method)
}

// listensToNothing finds a resource without a URI: no rule could tell whether it binds.
func listensToNothing(p *mcp.SubscriptionsListenParams) bool {
	return p.Notifications != nil && slices.Contains(p.Notifications.ResourceSubscriptions, "")
}

func subscriptions(method string, wanted *mcp.NotificationSubscriptions) []resource.Operation {
	if wanted == nil || len(wanted.ResourceSubscriptions) == 0 {
		return []resource.Operation{{Method: method}}
	}
	var ops []resource.Operation
	for _, uri := range wanted.ResourceSubscriptions {
		ops = append(ops, resource.Operation{Method: method, Name: uri})
	}
	return ops
}

// members takes from params of whatever type what rules look at in any method: the
// program may have added methods of its own, or those of tasks.
func members(params mcp.Params) (task string, arguments []byte, err error) {
	text, err := encode(params)
	if err != nil || text == nil {
		return "", nil, err
	}
	var in struct {
		TaskID    string         `json:"taskId"`
		Arguments jsontext.Value `json:"arguments"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return "", nil, fmt.Errorf("params: %w", err)
	}
	return in.TaskID, in.Arguments, nil
}

// encode returns nil for what is nil.
func encode(v any) ([]byte, error) {
	text, err := json.Marshal(v, json.Deterministic(true), json.FormatNilMapAsNull(true))
	if err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	if string(text) == "null" {
		return nil, nil
	}
	return text, nil
}
