package sdktest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/warder-go/warder/resource"
)

// The type of a reference determines the subject of a completion: mcp-go reads the type only, and the
// official SDK rejects a reference with the other member. A contradictory reference is rejected,
// because warder cannot decide about it.
func TestCompletionReferences(t *testing.T) {
	for _, s := range testServers(t, rules) {
		for _, row := range []struct {
			description, ref string
			executes         string // "": rejected as ambiguous
		}{
			{"a prompt", `{"type":"ref/prompt","name":"greet"}`, "complete greet"},
			{"a resource", `{"type":"ref/resource","uri":"note://{id}"}`, "complete note://{id}"},
			{"a prompt with a title", `{"type":"ref/prompt","name":"greet","title":"Greetings"}`, "complete greet"},
			{"a prompt with only a URI", `{"type":"ref/prompt","uri":"file:///open"}`, ""},
			{"a resource with only a name", `{"type":"ref/resource","name":"greet"}`, ""},
			{"a prompt with name and URI", `{"type":"ref/prompt","name":"greet","uri":"file:///open"}`, ""},
			{"a resource with an empty URI", `{"type":"ref/resource","uri":""}`, ""},
			{"a resource with URI and an empty name", `{"type":"ref/resource","uri":"note://{id}","name":""}`, "complete note://{id}"},
			{"a prompt with name and an empty URI", `{"type":"ref/prompt","name":"greet","uri":""}`, "complete greet"},
			{"another type", `{"type":"ref/tool","name":"greet"}`, ""},
			{"without a type", `{"name":"greet"}`, ""},
		} {
			cr := clientRequest{body: fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":%s,"argument":{"name":"a","value":"b"}}}`, row.ref)}
			if row.executes == "" {
				s.expectRefusal(t, row.description, cr, ambiguous("1"))
			} else {
				s.expectExecution(t, row.description, cr, row.executes)
			}
		}
	}
}

// Operations.Rule is called for every resource of an operation, like the table rules: a client cannot
// bypass it with a list of URIs.
func TestRuleFunctionIsCalledForEveryResource(t *testing.T) {
	byName := resource.Operations{Rule: func(_ context.Context, o resource.Operation, _ *resource.Caller) ([]string, error) {
		if o.Name == "file:///secret" {
			return []string{"secret"}, nil
		}
		return nil, nil
	}}
	// A contradictory reference can also be rejected as malformed.
	for _, row := range []struct{ description, body string }{
		{"reading", fmt.Sprintf(readForm, "file:///secret")},
		{"subscribing", `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"file:///secret"}}`},
		{"completing", `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"file:///secret"},"argument":{"name":"a","value":"b"}}}`},
		{"completing, with an empty name", `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"file:///secret","name":""},"argument":{"name":"a","value":"b"}}}`},
		{"listening", fmt.Sprintf(modernPlain, "subscriptions/listen", `,"notifications":{"resourceSubscriptions":["file:///secret"]}`)},
		{"listening, with other resources", fmt.Sprintf(modernPlain, "subscriptions/listen", `,"notifications":{"resourceSubscriptions":["file:///open","file:///secret"]}`)},
	} {
		if got := authenticate(t, byName, "some", row.body); got != resource.ReasonInsufficientScope && got != resource.ReasonBodyMalformed {
			t.Errorf("%s: got %q, want %q", row.description, got, resource.ReasonInsufficientScope)
		}
	}
}

// With DenyUndeclared, a caller that can subscribe can also unsubscribe, which the clients of both
// SDKs do.
func TestUnsubscribeIsDeclared(t *testing.T) {
	deny := resource.Operations{Undeclared: resource.DenyUndeclared, Resources: []resource.ResourceRule{{URI: "file:///open"}}}
	for _, row := range []struct {
		method, uri string
		want        resource.Reason
	}{
		{"resources/subscribe", "file:///open", ""},
		{"resources/unsubscribe", "file:///open", ""},
		{"resources/subscribe", "file:///other", resource.ReasonOperationUndeclared},
		{"resources/unsubscribe", "file:///other", resource.ReasonOperationUndeclared},
	} {
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{"uri":%q}}`, row.method, row.uri)
		if got := authenticate(t, deny, "some", body); got != row.want {
			t.Errorf("%s of %s: got %q, want %q", row.method, row.uri, got, row.want)
		}
	}
}

// Hostile requests without a token cannot execute anything except Operations.Public.
func TestHostileRequestsWithoutToken(t *testing.T) {
	public := rules
	public.Public, public.Stateless = []string{"initialize", "ping", "tools/list", "resources/list"}, true
	for _, s := range testServers(t, public) {
		if s.stateful || s.sse {
			continue
		}
		accepted := 0
		for _, cr := range append(seeds(), clientRequest{body: fmt.Sprintf(anyForm, "resources/list")}) {
			cr.token = noToken
			r := s.send(t, cr)
			if r.accepted {
				accepted++
			}
			if len(r.executed) > 0 || len(r.faults) > 0 || !r.accepted && r.status != 401 {
				t.Errorf("%s: status %d, executed %q, faults %q: %s", s.name, r.status, r.executed, r.faults, cr)
			}
		}
		if accepted < 10 {
			t.Errorf("%s: %d accepted, want at least 10: the test is not effective", s.name, accepted)
		}
	}
}

// isPublic reports whether an operation can be dispatched without a token. server/discover belongs
// to a conversation that begins with a public initialize.
func isPublic(o op) bool {
	return slices.Contains([]string{"initialize", "ping", "server/discover", "tools/list", "resources/list"}, o.method)
}
