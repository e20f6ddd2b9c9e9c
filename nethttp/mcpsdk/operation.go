package mcpsdk

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/resource"
)

// operations returns what the SDK is about to run as the rules see it: what the Resource
// would read from the body, taken from what the SDK has read. It is one operation, or for a
// subscription one for each of its resources.
func operations(method string, params mcp.Params) ([]resource.Operation, error) {
	p, err := paramsOf(params)
	if err != nil {
		return nil, err
	}
	m, err := mcpmsg.New(method, p)
	switch {
	case errors.Is(err, mcpmsg.ErrUnnamed) && p.RefType == "":
		return []resource.Operation{{Method: method}}, nil // Permit rejects it and counts that
	case err != nil, method == mcpmsg.SubscriptionsListen && slices.Contains(p.Resources, ""):
		return nil, fmt.Errorf("params of %q are not those of the method", method)
	}
	var all []resource.Operation
	for _, name := range m.Subjects() {
		all = append(all, resource.Operation{Method: method, Name: name, Ref: m.Ref, Arguments: m.Arguments})
	}
	return all, nil
}

// paramsOf takes from the SDK's params what names something.
func paramsOf(params mcp.Params) (mcpmsg.Params, error) {
	switch p := params.(type) {
	case *mcp.CallToolParamsRaw:
		if p != nil {
			return mcpmsg.Params{Name: p.Name, Arguments: p.Arguments}, nil
		}
	case *mcp.GetPromptParams:
		if p != nil {
			arguments, err := encode(p.Arguments)
			return mcpmsg.Params{Name: p.Name, Arguments: arguments}, err
		}
	case *mcp.ReadResourceParams, *mcp.SubscribeParams, *mcp.UnsubscribeParams:
		return mcpmsg.Params{URI: uriOf(params)}, nil
	case *mcp.CompleteParams:
		if p != nil && p.Ref != nil {
			return mcpmsg.Params{RefType: p.Ref.Type, RefName: p.Ref.Name, RefURI: p.Ref.URI}, nil
		}
	case *mcp.SubscriptionsListenParams:
		if p != nil && p.Notifications != nil {
			return mcpmsg.Params{Resources: p.Notifications.ResourceSubscriptions}, nil
		}
	default:
		return otherParams(params)
	}
	return mcpmsg.Params{}, nil
}

// uriOf returns the URI of a method about one resource; "" for a nil pointer.
func uriOf(params mcp.Params) string {
	switch p := params.(type) {
	case *mcp.ReadResourceParams:
		if p != nil {
			return p.URI
		}
	case *mcp.SubscribeParams:
		if p != nil {
			return p.URI
		}
	case *mcp.UnsubscribeParams:
		if p != nil {
			return p.URI
		}
	}
	return ""
}

// otherParams reads params of another type, which can belong to a method of the program or
// to one about tasks.
func otherParams(params mcp.Params) (mcpmsg.Params, error) {
	text, err := encode(params)
	if err != nil || text == nil {
		return mcpmsg.Params{}, err
	}
	var in struct {
		TaskID    string         `json:"taskId"`
		Arguments jsontext.Value `json:"arguments"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return mcpmsg.Params{}, fmt.Errorf("params: %w", err)
	}
	return mcpmsg.Params{TaskID: in.TaskID, Arguments: in.Arguments}, nil
}

// encode returns nil for a value that is nil.
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
