package sdktest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/warder-go/warder/resource"
)

// A completion is about what its reference's type says: mcp-go goes by that alone, and
// the official SDK refuses a reference with the other member. Whoever sends one that
// contradicts itself can't be decided about.
func TestCompletionReferences(t *testing.T) {
	for _, s := range sites(t, rules) {
		for _, row := range []struct {
			what, ref string
			runs      string // "": refused as ambiguous
		}{
			{"a prompt", `{"type":"ref/prompt","name":"greet"}`, "complete greet"},
			{"a resource", `{"type":"ref/resource","uri":"note://1"}`, "complete note://1"},
			{"a prompt with a title", `{"type":"ref/prompt","name":"greet","title":"Greetings"}`, "complete greet"},
			{"a prompt that has a URI only", `{"type":"ref/prompt","uri":"file:///open"}`, ""},
			{"a resource that has a name only", `{"type":"ref/resource","name":"greet"}`, ""},
			{"a prompt that has both", `{"type":"ref/prompt","name":"greet","uri":"file:///open"}`, ""},
			{"a resource with an empty URI", `{"type":"ref/resource","uri":""}`, ""},
			{"a resource with an empty name besides", `{"type":"ref/resource","uri":"note://1","name":""}`, "complete note://1"},
			{"a prompt with an empty URI besides", `{"type":"ref/prompt","name":"greet","uri":""}`, "complete greet"},
			{"another type", `{"type":"ref/tool","name":"greet"}`, ""},
			{"no type", `{"name":"greet"}`, ""},
		} {
			l := letter{body: fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":%s,"argument":{"name":"a","value":"b"}}}`, row.ref)}
			if row.runs == "" {
				s.expectRefusal(t, row.what, l, ambiguous)
			} else {
				s.expectRun(t, row.what, l, row.runs)
			}
		}
	}
}

// A rule function is asked about every resource that an operation reaches, by name, as
// the table rules are: a listener must not get past it with a list of URIs.
func TestRuleFunctionsSeeEveryResource(t *testing.T) {
	byName := resource.Operations{Rule: func(_ context.Context, o resource.Operation, _ *resource.Caller) ([]string, error) {
		if o.Name == "file:///secret" {
			return []string{"secret"}, nil
		}
		return nil, nil
	}}
	// A reference that contradicts itself may also be refused as such.
	for _, row := range []struct{ what, body string }{
		{"reading", fmt.Sprintf(readForm, "file:///secret")},
		{"subscribing", `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"file:///secret"}}`},
		{"completing", `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"file:///secret"},"argument":{"name":"a","value":"b"}}}`},
		{"completing, with an empty name besides", `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"file:///secret","name":""},"argument":{"name":"a","value":"b"}}}`},
		{"listening", fmt.Sprintf(modernPlain, "subscriptions/listen", `,"notifications":{"resourceSubscriptions":["file:///secret"]}`)},
		{"listening, among others", fmt.Sprintf(modernPlain, "subscriptions/listen", `,"notifications":{"resourceSubscriptions":["file:///open","file:///secret"]}`)},
	} {
		if got := authenticate(t, byName, "some", row.body); got != resource.ReasonInsufficientScope && got != resource.ReasonBodyMalformed {
			t.Errorf("%s: got %q, want %q", row.what, got, resource.ReasonInsufficientScope)
		}
	}
}

// Under Undeclared: deny, whoever may subscribe may unsubscribe: both clients do.
func TestUnsubscribingIsDeclaredWithSubscribing(t *testing.T) {
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

// Somebody without a token gets no further than Operations.Public, by any trick.
func TestTricksWithoutToken(t *testing.T) {
	public := rules
	public.Public, public.Stateless = []string{"initialize", "ping", "tools/list", "resources/list"}, true
	for _, s := range sites(t, public) {
		if s.stateful || s.sse {
			continue
		}
		passed := 0
		for _, l := range append(seeds(), letter{body: fmt.Sprintf(anyForm, "resources/list")}) {
			l.token = nobody
			r := s.send(t, l)
			if r.passed {
				passed++
			}
			if len(r.ran) > 0 || len(r.faults) > 0 || !r.passed && r.status != 401 {
				t.Errorf("%s: status %d, ran %q, faults %q: %s", s.name, r.status, r.ran, r.faults, l)
			}
		}
		if passed < 10 {
			t.Errorf("%s: %d passed: this tests nothing", s.name, passed)
		}
	}
}

// isPublic reports whether somebody without a token may have this dispatched.
func isPublic(o op) bool {
	return slices.Contains([]string{"initialize", "ping", "tools/list", "resources/list"}, o.method)
}
