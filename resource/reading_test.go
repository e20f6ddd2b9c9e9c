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

// Arguments that a reader of names in any case, as encoding/json is, could take for
// others than a tool does never reach Operations.Rule. Without it nobody reads them.
func TestArgumentsThatARuleCouldMistake(t *testing.T) {
	asked := ""
	ruled := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations.Rule = func(_ context.Context, o resource.Operation, _ *resource.Caller) ([]string, error) {
			asked = string(o.Arguments)
			return nil, nil
		}
	})
	mapped := newFixtureWith(t, ruled.issuer, func(c *resource.Config, _ *jwks.Config) { c.Operations = someRules })
	token := resourcetest.Token{Scope: "call"}
	for _, row := range []struct {
		arguments string
		good      bool
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
		asked = "nothing"
		body, want := call("tools/call", `{"name":"x","arguments":`+row.arguments+`}`), badBody
		if row.good {
			want = accepted
		}
		ruled.expect(row.arguments, ruled.post(ruled.token(token), body), want)
		if (asked == row.arguments) != row.good {
			t.Errorf("%s: the rule was asked about %s", row.arguments, asked)
		}
		mapped.expect(row.arguments+", without a function", mapped.post(mapped.token(token), body), accepted)
		op := resource.Operation{Method: "tools/call", Name: "x", Arguments: []byte(row.arguments)}
		ruled.expect(row.arguments+", Permit", told(ruled.res.Permit(t.Context(), ruled.caller(token), op)), want)
	}
	broken := resource.Operation{Method: "tools/call", Name: "x", Arguments: []byte(`{"a":1,"a":2}`)}
	ruled.expect("a duplicate, Permit", told(ruled.res.Permit(t.Context(), ruled.caller(token), broken)), badBody)
}

// Who listens to a task learns what tasks/get tells, so it needs the same (MCP tasks
// extension: notifications.taskIds of subscriptions/listen).
func TestListeningToTasks(t *testing.T) {
	var asked []string
	ask := func(_ context.Context, o resource.Operation, _ *resource.Caller) ([]string, error) {
		asked = append(asked, o.Method+" "+o.Name)
		return nil, nil
	}
	tools := map[string][]string{"delete": {"admin"}, "slow": {"task"}}
	listen := func(filter string) string { return call("subscriptions/listen", `{"notifications":`+filter+`}`) }
	for _, row := range []struct {
		name, filter string
		rules        resource.Operations
		want         answer
	}{
		{"what any tool needs", `{"taskIds":["7"]}`, resource.Operations{Tools: tools}, insufficient("admin task")},
		{"a rule for listening does not take that away", `{"taskIds":["7"]}`, resource.Operations{Tools: tools, Methods: map[string][]string{"subscriptions/listen": {}}}, insufficient("admin task")},
		{"the rule for tasks/get does", `{"taskIds":["7"]}`, resource.Operations{Tools: tools, Methods: map[string][]string{"tasks/get": {"get"}}}, insufficient("get")},
		{"no task", `{"toolsListChanged":true}`, resource.Operations{Tools: tools}, accepted},
		{"no task in the list", `{"taskIds":[]}`, resource.Operations{Tools: tools}, accepted},
		{"the function is asked about each", `{"taskIds":["7","8"],"resourceSubscriptions":["file:///a"]}`, resource.Operations{Rule: ask}, accepted},
		{"undeclared", `{"taskIds":["7"]}`, resource.Operations{Methods: map[string][]string{"subscriptions/listen": {}}, Undeclared: resource.DenyUndeclared}, undeclared},
		{"declared", `{"taskIds":["7"]}`, resource.Operations{Methods: map[string][]string{"tasks/get": {}}, Undeclared: resource.DenyUndeclared}, accepted},
		{"not strings", `{"taskIds":[7]}`, resource.Operations{Tools: tools}, badBody},
		{"in another case", `{"TaskIds":["7"]}`, resource.Operations{Tools: tools}, badBody},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = row.rules })
		f.expect(row.name, f.post(f.token(resourcetest.Token{}), listen(row.filter)), row.want)
	}
	if got, want := fmt.Sprint(asked), "[subscriptions/listen file:///a subscriptions/listen 7 subscriptions/listen 8]"; got != want {
		t.Errorf("the function was asked about %s, want %s", got, want)
	}
}

// One request can't make the rules be asked without end.
func TestLimitsOfWhatABodyNames(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = someRules })
	token := f.token(resourcetest.Token{Scope: "admin call"})
	listen := func(resources, tasks int) string {
		list := func(n int) string { return strings.TrimSuffix(strings.Repeat(`"x:a",`, n), ",") }
		return call("subscriptions/listen", `{"notifications":{"resourceSubscriptions":[`+list(resources)+`],"taskIds":[`+list(tasks)+`]}}`)
	}
	uri := func(size int) string { return "x:" + strings.Repeat("a", size-2) }
	for _, row := range []struct {
		name, body string
		want       answer
	}{
		{"as many resources as may be", listen(maxSubscriptions, 0), accepted},
		{"one more", listen(maxSubscriptions+1, 0), badBody},
		{"as many together with tasks", listen(maxSubscriptions-1, 1), accepted},
		{"one more together with tasks", listen(maxSubscriptions, 1), badBody},
		{"one more in a batch", "[" + listen(maxSubscriptions, 0) + "," + listen(1, 0) + "]", badBody},
		{"the longest URI", call("resources/read", `{"uri":"`+uri(maxURIBytes)+`"}`), accepted},
		{"one byte longer", call("resources/read", `{"uri":"`+uri(maxURIBytes+1)+`"}`), badBody},
		{"one byte longer, listening", call("subscriptions/listen", `{"notifications":{"resourceSubscriptions":["`+uri(maxURIBytes+1)+`"]}}`), badBody},
		{"one byte longer, in a batch", "[" + call("resources/read", `{"uri":"`+uri(maxURIBytes-1)+`"}`) + "," + call("resources/read", `{"uri":"x:"}`) + "]", badBody},
		{"one byte longer, completing", call("completion/complete", `{"ref":{"type":"ref/resource","uri":"`+uri(maxURIBytes+1)+`"}}`), badBody},
	} {
		f.expect(row.name, f.post(token, row.body), row.want)
	}
	long := resource.Operation{Method: "resources/read", Name: uri(maxURIBytes + 1)}
	f.expect("one byte longer, Permit", told(f.res.Permit(t.Context(), f.caller(resourcetest.Token{}), long)), badBody)
}

// The rules that bind a resource are found among many as they are one by one.
func TestRulesAreFoundAmongMany(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	uri := func() string {
		return pick("file://", "FILE://", "db://", "note:", "x+y://") + pick("", "/", "h/", "h:8/") + pick("", "a", "A%62", "caf%C3%A9", "caf\u00e9", "a b", "\u017f") + pick("", "/", "/b", "%2Fb", "/b?q=1", "#f")
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
			rule.Template = strings.NewReplacer("%", "", " ", "").Replace(uri()) + pick("{x}", "{+x}", "/{x}", "{/x}", "{?q}", "{x}/", "{/x*}/")
		}
		rules = append(rules, rule)
	}
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations.Resources = rules })
	caller, found, bound := f.caller(resourcetest.Token{}), 0, 0
	for range 300 {
		name, needs, own := uri()+pick("", "", "c", "/c", "%3A"), "", false
		for _, rule := range rules {
			own = own || rule.URI == name // its very text: if it is not plain, that rule alone binds
			if rule.Applies(name) {
				needs += " " + rule.Scopes[0]
				bound++
			}
		}
		want := accepted
		if needs != "" {
			want = insufficient(needs[1:])
		}
		got := told(f.res.Permit(t.Context(), caller, resource.Operation{Method: "resources/read", Name: name}))
		if own || strings.Count(got.challenge, " s") > 150 { // not plain: it needs what any rule asks for
			continue
		}
		found++
		if got != want {
			t.Fatalf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
	if found < 60 || bound < 300 {
		t.Errorf("only %d URIs were plain, bound %d times", found, bound)
	}
}

// What a request allocates does not depend on how many rules there are.
func TestManyRulesCostNoMore(t *testing.T) {
	cost := func(n int) float64 {
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
	if one, many := cost(1), cost(1000); many > 1.1*one {
		t.Errorf("1,000 rules of each kind: %v allocations, with one: %v", many, one)
	}
}

// A body is held once, whatever its size: 1 MiB costs hardly more than that.
func TestABodyIsHeldOnce(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = someRules })
	body := []byte(call("tools/call", `{"name":"x","arguments":{"text":"`+strings.Repeat("x", 1<<20)+`"}}`))
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
	send() // the token is remembered from here on
	if got, limit := allocated(send), uint64(len(body)+len(body)/20); got > limit {
		t.Errorf("a body of %d bytes allocates %d, more than %d", len(body), got, limit)
	}
}
