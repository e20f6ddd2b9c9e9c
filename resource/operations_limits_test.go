package resource_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// TestAmbiguousArguments tests that arguments with names that differ in case only, which readers
// such as encoding/json interpret differently, do not reach Operations.Rule. Without a Rule the
// arguments are not read.
func TestAmbiguousArguments(t *testing.T) {
	passed := ""
	withRule := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Rule = func(_ context.Context, o resource.Operation, _ *resource.Caller) ([]string, error) {
			passed = string(o.Arguments)
			return nil, nil
		}
	})
	withoutRule := newFixtureWith(t, withRule.issuer, func(c *resource.Config, _ *jwks.Config) { c.Operations = testRules })
	token := resourcetest.Token{Scope: "call"}
	for _, row := range []struct {
		arguments   string
		unambiguous bool
	}{
		{`{"path":"/a","PATH":"/b"}`, false},
		{`{"path":"/a","p\u0041th":"/b"}`, false},
		{`{"key":1,"\u212aey":2}`, false}, // the Kelvin sign
		{`{"safe":1,"ſafe":2}`, false},    // the long s
		{`{"a":[1,{"b":{"x":1,"X":2}}]}`, false},
		{`[{"x":1,"X":2}]`, false},
		{`{"a1":1,"a2":1,"a3":1,"a4":1,"a5":1,"a6":1,"a7":1,"a8":1,"a9":1,"b1":1,"b2":1,"b3":1,"b4":1,"b5":1,"b6":1,"b7":1,"B7":1}`, false},
		{`{"a":{"x":1},"b":{"X":2},"x":3}`, true},
		{`{"PATH":"/b"}`, true},
		{`{"x":"X","y":["x","X"]}`, true},
		{`null`, true},
	} {
		passed = "nothing"
		body, want := rpcCall("tools/call", `{"name":"x","arguments":`+row.arguments+`}`), badOperation
		if row.unambiguous {
			want = accepted
		}
		wantResponse := want
		if !row.unambiguous {
			wantResponse = badMessage("1")
		}
		withRule.expect(row.arguments, withRule.post(withRule.token(token), body), wantResponse)
		if (passed == row.arguments) != row.unambiguous {
			t.Errorf("%s: the Rule got the arguments %s", row.arguments, passed)
		}
		withoutRule.expect(row.arguments+", without a Rule", withoutRule.post(withoutRule.token(token), body), accepted)
		op := resource.Operation{Method: "tools/call", Name: "x", Arguments: []byte(row.arguments)}
		withRule.expect(row.arguments+", Permit", answerOfRefusal(withRule.res.Permit(t.Context(), withRule.caller(token), op)), want)
	}
	duplicate := resource.Operation{Method: "tools/call", Name: "x", Arguments: []byte(`{"a":1,"a":2}`)}
	withRule.expect("duplicate name, Permit", answerOfRefusal(withRule.res.Permit(t.Context(), withRule.caller(token), duplicate)), badOperation)
}

// TestTaskSubscriptions tests that a subscription to a task requires the scopes of tasks/get, because
// it returns the same information (MCP tasks extension: notifications.taskIds of
// subscriptions/listen).
func TestTaskSubscriptions(t *testing.T) {
	var operations []string
	rule := func(_ context.Context, o resource.Operation, _ *resource.Caller) ([]string, error) {
		operations = append(operations, o.Method+" "+o.Name)
		return nil, nil
	}
	tools := map[string][]string{"delete": {"admin"}, "slow": {"task"}}
	listen := func(filter string) string { return rpcCall("subscriptions/listen", `{"notifications":`+filter+`}`) }
	for _, row := range []struct {
		name, filter string
		rules        resource.Operations
		want         answer
	}{
		{"the scopes of all tools", `{"taskIds":["7"]}`, resource.Operations{Tools: tools}, insufficient("admin task")},
		{"Methods for subscriptions/listen does not replace them", `{"taskIds":["7"]}`, resource.Operations{Tools: tools, Methods: map[string][]string{"subscriptions/listen": {}}}, insufficient("admin task")},
		{"Methods for tasks/get replaces them", `{"taskIds":["7"]}`, resource.Operations{Tools: tools, Methods: map[string][]string{"tasks/get": {"get"}}}, insufficient("get")},
		{"no task IDs", `{"toolsListChanged":true}`, resource.Operations{Tools: tools}, accepted},
		{"empty list of task IDs", `{"taskIds":[]}`, resource.Operations{Tools: tools}, accepted},
		{"Rule is called for each name", `{"taskIds":["7","8"],"resourceSubscriptions":["file:///a"]}`, resource.Operations{Rule: rule}, accepted},
		{"undeclared", `{"taskIds":["7"]}`, resource.Operations{Methods: map[string][]string{"subscriptions/listen": {}}, Undeclared: resource.DenyUndeclared}, undeclared},
		{"declared", `{"taskIds":["7"]}`, resource.Operations{Methods: map[string][]string{"tasks/get": {}}, Undeclared: resource.DenyUndeclared}, accepted},
		{"task IDs that are not strings", `{"taskIds":[7]}`, resource.Operations{Tools: tools}, badMessage("1")},
		{"TaskIds in mixed case", `{"TaskIds":["7"]}`, resource.Operations{Tools: tools}, badMessage("1")},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = row.rules })
		f.unexplained = true // the test counts calls
		f.expect(row.name, f.post(f.token(resourcetest.Token{}), listen(row.filter)), row.want)
	}
	if got, want := fmt.Sprint(operations), "[subscriptions/listen file:///a subscriptions/listen 7 subscriptions/listen 8]"; got != want {
		t.Errorf("Rule was called for %s, want %s", got, want)
	}
}

// TestNameLimits tests the number and the length of the names in one body, which bound how often
// rules are evaluated.
func TestNameLimits(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = testRules })
	token := f.token(resourcetest.Token{Scope: "admin call"})
	listen := func(resources, tasks int) string {
		list := func(n int) string { return strings.TrimSuffix(strings.Repeat(`"x://a",`, n), ",") }
		return rpcCall("subscriptions/listen", `{"notifications":{"resourceSubscriptions":[`+list(resources)+`],"taskIds":[`+list(tasks)+`]}}`)
	}
	uri := func(size int) string { return "x://h/" + strings.Repeat("a", size-6) }
	for _, row := range []struct {
		name, body string
		want       answer
	}{
		{"the maximum number of resources", listen(maxSubscriptions, 0), accepted},
		{"one resource more", listen(maxSubscriptions+1, 0), badMessage("1")},
		{"the maximum number of resources and tasks", listen(maxSubscriptions-1, 1), accepted},
		{"one task more", listen(maxSubscriptions, 1), badMessage("1")},
		{"one resource more in a batch", "[" + listen(maxSubscriptions, 0) + "," + listen(1, 0) + "]", badBody},
		{"the longest URI", rpcCall("resources/read", `{"uri":"`+uri(maxURIBytes)+`"}`), accepted},
		{"one byte more", rpcCall("resources/read", `{"uri":"`+uri(maxURIBytes+1)+`"}`), badMessage("1")},
		{"one byte more, subscriptions/listen", rpcCall("subscriptions/listen", `{"notifications":{"resourceSubscriptions":["`+uri(maxURIBytes+1)+`"]}}`), badMessage("1")},
		{"one byte more in a batch", "[" + rpcCall("resources/read", `{"uri":"`+uri(maxURIBytes-1)+`"}`) + "," + rpcCall("resources/read", `{"uri":"x:"}`) + "]", badBody},
		{"one byte more, completion/complete", rpcCall("completion/complete", `{"ref":{"type":"ref/resource","uri":"`+uri(maxURIBytes+1)+`"}}`), badMessage("1")},
	} {
		f.expect(row.name, f.post(token, row.body), row.want)
	}
	long := resource.Operation{Method: "resources/read", Name: uri(maxURIBytes + 1)}
	f.expect("one byte more, Permit", answerOfRefusal(f.res.Permit(t.Context(), f.caller(resourcetest.Token{}), long)), badOperation)
}

// TestResourceRuleLookup compares the lookup of the rules for a URI among many rules with
// ResourceRule.Applies, which evaluates one rule.
func TestResourceRuleLookup(t *testing.T) {
	if testing.Short() {
		t.Skip("compares many rules, in one goroutine")
	}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	uri := func() string {
		return pick("file:///", "db://h/", "note://n/", "x+y://h/") + pick("a", "b", "A", "a%20b", "A%7Bb") + pick("", "/b", "/B/c", "/c.d")
	}
	var rules []resource.ResourceRule
	for n := range 200 {
		rule := resource.ResourceRule{Scopes: []string{"s" + strconv.Itoa(n)}}
		switch n % 3 {
		case 0:
			rule.URI = uri()
		case 1:
			rule.Prefix = uri()
		default:
			rule.Template = strings.ReplaceAll(uri(), "%", "") + pick("{x}", "{+x}", "/{x}", "{/x}", "{x}/b", "{/x*}")
		}
		rules = append(rules, rule)
	}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations.Resources = rules })
	caller, compared, applied := f.caller(resourcetest.Token{}), 0, 0
	for range 300 {
		name, needs, exact := uri()+pick("", "", "c", "/c", "%3E"), "", false
		for _, rule := range rules {
			exact = exact || rule.URI == name // the same text: if it is not a plain URI, only some rules apply
			if rule.Applies(name) {
				needs += " " + rule.Scopes[0]
				applied++
			}
		}
		want := accepted
		if needs != "" {
			want = insufficient(needs[1:])
		}
		got := answerOfRefusal(f.res.Permit(t.Context(), caller, resource.Operation{Method: "resources/read", Name: name}))
		if exact || strings.Count(got.challenge, " s") > 150 { // not a plain URI: it requires the scopes of every rule
			continue
		}
		compared++
		if got != want {
			t.Fatalf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
	if compared < 60 || applied < 300 {
		t.Errorf("compared %d plain URIs with %d applying rules, want at least 60 and 300", compared, applied)
	}
}

// TestRuleCountAllocations tests that the allocations of a request do not depend on the
// number of rules.
func TestRuleCountAllocations(t *testing.T) {
	allocations := func(n int) float64 {
		rules := resource.Operations{Tools: map[string][]string{}, Prompts: map[string][]string{}, Methods: map[string][]string{}}
		for i := range n {
			name := strconv.Itoa(i)
			rules.Tools["tool"+name] = []string{"x"}
			rules.Resources = append(rules.Resources, resource.ResourceRule{URI: "file:///dir/" + name}, resource.ResourceRule{Prefix: "file:///tree/" + name + "/"},
				resource.ResourceRule{Template: "db://" + name + "/{row}"})
		}
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = rules })
		caller := f.caller(resourcetest.Token{})
		return testing.AllocsPerRun(50, func() {
			for _, uri := range []string{"file:///dir/0", "file:///tree/0/a", "db://0/a", "other:a"} {
				if !f.res.Offers(t.Context(), caller, resource.Operation{Method: "resources/read", Name: uri}) {
					t.Fatal(uri)
				}
			}
		})
	}
	if one, many := allocations(1), allocations(1000); many > 1.1*one {
		t.Errorf("1,000 rules of each kind: %v allocations, with one: %v", many, one)
	}
}

// TestBodyBufferSize tests that a body of 1 MiB allocates at most 2.1 times its size: the buffer
// grows with the body, whatever Content-Length announces.
func TestBodyBufferSize(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = testRules })
	body := []byte(rpcCall("tools/call", `{"name":"x","arguments":{"text":"`+strings.Repeat("x", 1<<20)+`"}}`))
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	req.ContentLength = int64(len(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{Scope: "call"}))
	send := func() {
		req.Body = io.NopCloser(bytes.NewReader(body))
		decision, refusal := f.res.Authenticate(req)
		if refusal != nil {
			t.Fatal(refusal.Err)
		}
		decision.Done()
	}
	send() // caches the token
	if got, limit := allocated(send), uint64(2*len(body)+len(body)/10); got > limit {
		t.Errorf("a body of %d bytes allocates %d bytes, want at most %d", len(body), got, limit)
	}
}
