package resource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// eventRecorder is an Observer that records events.
type eventRecorder struct {
	mu     sync.Mutex
	events []resource.Event
}

func (n *eventRecorder) Observe(_ context.Context, e resource.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
}

func (n *eventRecorder) take() []resource.Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	defer func() { n.events = nil }()
	return n.events
}

// eventText formats an event without its time.
func eventText(e resource.Event) string {
	var out []string
	add := func(key string, value any) {
		if text := fmt.Sprint(value); text != "" && text != "0" && text != "[]" && text != "<nil>" {
			out = append(out, key+"="+text)
		}
	}
	add("result", e.Result)
	add("reason", e.Reason)
	add("status", e.Status)
	if e.Caller != nil {
		add("subject", e.Caller.Subject())
	}
	add("issuer", e.Issuer)
	add("credential", e.Credential)
	for _, o := range e.Operations {
		add("operation", strings.TrimSpace(o.Method+" "+o.Name))
		if o.Arguments != nil {
			out = append(out, "ARGUMENTS")
		}
	}
	add("needed", e.Needed)
	add("trace", e.TraceID)
	return strings.Join(out, " ")
}

const traceID = "0af7651916cd43dd8448eb211c80319c"

// rpcMessage returns a JSON-RPC request with a name and secret arguments.
func rpcMessage(method, name string) string {
	quoted, _ := json.Marshal(name)
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{"name":%s,"arguments":{"secret":"s3cret"}}}`, method, quoted)
}

// rpcRequest returns a POST request with a JSON-RPC body and a traceparent.
func rpcRequest(body, token string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Traceparent", "00-"+traceID+"-b7ad6b7169203331-01")
	return req
}

func TestEvents(t *testing.T) {
	observer := new(eventRecorder)
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations = resource.Operations{Tools: map[string][]string{"delete": {"admin"}}, Public: []string{"ping"}}
		c.Hooks.Observers = []resource.Observer{observer}
		c.Hooks.Revocations = resource.RevocationFunc(func(_ context.Context, c *resource.Caller) (bool, error) { return c.Subject() == "mallory", nil })
	})
	alice := f.token(resourcetest.Token{Scope: "read"})
	issuer := " issuer=" + f.issuer.Identifier() + " credential=jwt"
	const at = " trace=" + traceID
	for _, row := range []struct {
		name, body, token, want string
	}{
		{"accepted", rpcMessage("tools/call", "look"), alice, "result=accepted subject=alice" + issuer + " operation=tools/call look" + at},
		{"cached", rpcMessage("tools/call", "look"), alice, "result=accepted subject=alice" + issuer + " operation=tools/call look" + at},
		{"a scope is missing", rpcMessage("tools/call", "delete"), alice, "result=denied reason=insufficient_scope status=403 subject=alice" + issuer + " operation=tools/call delete needed=[admin]" + at},
		{"a public operation", rpcMessage("ping", ""), "", "result=accepted operation=ping" + at},
		{"no credentials: operations of the body are not reported", rpcMessage("tools/call", "look"), "", "result=denied reason=missing_credentials status=401" + at},
		{"an invalid signature: the subject is not reported", rpcMessage("tools/call", "look"), f.token(resourcetest.Token{Fault: resourcetest.WrongSignature}), "result=denied reason=signature_invalid status=401" + issuer + at},
		{"an unknown issuer is not reported", rpcMessage("ping", ""), f.token(resourcetest.Token{Claims: map[string]any{"iss": "https://evil.example"}}), "result=denied reason=issuer_unknown status=401 credential=jwt" + at},
		{"opaque", rpcMessage("ping", ""), "opaque", "result=denied reason=opaque_unsupported status=401 credential=opaque" + at},
		{"revoked: the subject is reported", rpcMessage("ping", ""), f.token(resourcetest.Token{Subject: "mallory"}), "result=denied reason=revoked status=401 subject=mallory" + issuer + at},
		{"a name with a terminal escape sequence", rpcMessage("tools/call", "\x1b[31m"+strings.Repeat("x", 300)), alice, "result=accepted subject=alice" + issuer + " operation=tools/call ?[31m" + strings.Repeat("x", 251) + "..." + at},
		{"a batch", "[" + rpcMessage("ping", "") + "," + rpcMessage("tools/call", "look") + `,{"jsonrpc":"2.0","id":1,"result":{}}]`, alice, "result=accepted subject=alice" + issuer + " operation=ping operation=tools/call look" + at},
		{"not JSON", "{", alice, "result=denied reason=body_malformed status=400 subject=alice" + issuer + at},
	} {
		_, refusal := f.res.Authenticate(rpcRequest(row.body, row.token))
		events := observer.take()
		if len(events) != 1 {
			t.Fatalf("%s: %d events", row.name, len(events))
		}
		e := events[0]
		if got := eventText(e); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
		if refusal != nil && (refusal.Reason != e.Reason || refusal.Status != e.Status) {
			t.Errorf("%s: rejected with %d %s, event has %d %s", row.name, refusal.Status, refusal.Reason, e.Status, e.Reason)
		}
		if e.Resource != identifier || time.Since(e.Time).Abs() > time.Minute {
			t.Errorf("%s: resource %q at %s", row.name, e.Resource, e.Time)
		}
	}
}

// Decisions outside Authenticate are observed too: Permit, Requirement and Challenge.
func TestEventsOutsideAuthenticate(t *testing.T) {
	observer := new(eventRecorder)
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations = resource.Operations{Tools: map[string][]string{"delete": {"admin"}}, LateChallenges: true}
		c.Hooks.Observers = []resource.Observer{observer}
	})
	further, err := f.res.Requirement("more")
	if err != nil {
		t.Fatal(err)
	}
	decision, _ := f.res.Authenticate(rpcRequest(rpcMessage("tools/call", "look"), f.token(resourcetest.Token{Scope: "read"})))
	caller := decision.Caller
	f.res.Permit(t.Context(), caller, resource.Operation{Method: "tools/call", Name: "look"})
	f.res.Offers(t.Context(), caller, resource.Operation{Method: "tools/call", Name: "delete"})
	f.res.Permit(t.Context(), caller, resource.Operation{Method: "tools/call", Name: "delete"})
	further.Check(decision.Request)
	decision.HoldResponse()
	resource.Challenge(decision.Request.Context(), "late")
	decision.ReviewResponse(200, nil, nil)
	var got []string
	for _, e := range observer.take() {
		got = append(got, eventText(e))
	}
	by := " subject=alice issuer=" + f.issuer.Identifier() + " credential=jwt"
	denied := "result=denied reason=insufficient_scope status=403" + by
	want := []string{
		"result=accepted" + by + " operation=tools/call look trace=" + traceID,
		denied + " operation=tools/call delete needed=[admin]",
		denied + " needed=[more] trace=" + traceID,
		denied + " operation=tools/call look needed=[late] trace=" + traceID,
	}
	if !slices.Equal(got, want) {
		t.Errorf("\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// W3C Trace Context §3.2: only a valid traceparent names a trace.
func TestTraceID(t *testing.T) {
	observer := new(eventRecorder)
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Hooks.Observers = []resource.Observer{observer} })
	const parent = "-b7ad6b7169203331-01"
	for _, row := range []struct {
		name   string
		values []string
		want   string
	}{
		{"none", nil, ""},
		{"version 00", []string{"00-" + traceID + parent}, traceID},
		{"a later version with more fields", []string{"cc-" + traceID + parent + "-what-the-future-brings"}, traceID},
		{"version 00 with more fields", []string{"00-" + traceID + parent + "-x"}, ""},
		{"a later version without a separator", []string{"cc-" + traceID + parent + "x"}, ""},
		{"version ff", []string{"ff-" + traceID + parent}, ""},
		{"upper case", []string{"00-" + strings.ToUpper(traceID) + parent}, ""},
		{"trace ID of zeros", []string{"00-" + strings.Repeat("0", 32) + parent}, ""},
		{"parent ID of zeros", []string{"00-" + traceID + "-0000000000000000-01"}, ""},
		{"too short", []string{"00-" + traceID + "-b7ad6b7169203331-0"}, ""},
		{"other separators", []string{"00_" + traceID + "_b7ad6b7169203331_01"}, ""},
		{"a line feed in the trace ID", []string{"00-" + traceID[:31] + "\n" + parent}, ""},
		{"invalid flags", []string{"00-" + traceID + "-b7ad6b7169203331-zz"}, ""},
		{"repeated", []string{"00-" + traceID + parent, "00-" + traceID + parent}, ""},
	} {
		req := httptest.NewRequest(http.MethodPost, identifier, nil)
		req.Header["Traceparent"] = row.values
		req.Header.Set("Authorization", "Bearer opaque")
		f.res.Authenticate(req)
		if got := observer.take()[0].TraceID; got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
		logged := logRecords(t, f.log.take())[0]["trace_id"]
		if want := any(row.want); row.want == "" && logged != nil || row.want != "" && logged != want {
			t.Errorf("%s: logged %v", row.name, logged)
		}
	}
}

type panickingObserver struct{}

func (panickingObserver) Observe(context.Context, resource.Event) { panic("observer") }

func TestPanickingObserver(t *testing.T) {
	observer := new(eventRecorder)
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Hooks.Observers = []resource.Observer{panickingObserver{}, observer}
	})
	f.expect("rejected", f.bearer("opaque"), invalid)
	f.expect("accepted", f.bearer(f.token(resourcetest.Token{})), accepted)
	if n := len(observer.take()); n != 2 {
		t.Errorf("the other observer was notified of %d decisions, want 2", n)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(f.res.Metrics())
	if want := `warder_observer_panics_total{resource="` + identifier + `"} 2`; !strings.Contains(scrape(t, registry), want) {
		t.Errorf("no metric line %s", want)
	}
}

func TestObserverMistakes(t *testing.T) {
	observer := new(eventRecorder)
	_, err := resource.New(resource.Config{Identifier: identifier, Hooks: resource.Hooks{Observers: []resource.Observer{observer, nil, observer, (*eventRecorder)(nil)}}})
	const want = "Hooks.Observers[1]: nil; leave it out\nHooks.Observers[2]: duplicate; it would be notified of each decision twice\nHooks.Observers[3]: nil; leave it out"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// Without observers, a request with a cached token makes at most three allocations.
func TestObserverAllocations(t *testing.T) {
	allocations := func(observers ...resource.Observer) float64 {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Hooks.Observers, c.HTTP.KeepAuthorization = observers, true
		})
		req := rpcRequest("", f.token(resourcetest.Token{}))
		return testing.AllocsPerRun(1000, func() {
			if _, refusal := f.res.Authenticate(req); refusal != nil {
				t.Error(refusal)
			}
		})
	}
	none, one := allocations(), allocations(noopObserver{})
	if none > 3 || one > none+2 {
		t.Errorf("%g allocations without observers, %g with one", none, one)
	}
}

type noopObserver struct{}

func (noopObserver) Observe(context.Context, resource.Event) {}

// subscription returns a JSON-RPC request that subscribes to n resources that no rule names,
// and then to the others.
func subscription(n int, others ...string) string {
	var uris []string
	for i := range n {
		uris = append(uris, fmt.Sprintf("file:///public/%d", i))
	}
	quoted, _ := json.Marshal(append(uris, others...))
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":%s}}}`, quoted)
}

// An event lists at most 100 operations, first one of each message, then those that a rule
// names, and contains the number of the others. So no message of a batch hides another.
func TestEventOperationsAreBounded(t *testing.T) {
	observer := new(eventRecorder)
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations = resource.Operations{Resources: []resource.ResourceRule{{URI: "file:///payroll"}, {Template: "file:///plans/{name}"}}}
		c.Hooks.Observers = []resource.Observer{observer}
	})
	alice := f.token(resourcetest.Token{})
	for _, row := range []struct {
		name, body     string
		listed, others int
		first          string // the first names
	}{
		{"100 operations are all listed, in their order", subscription(99, "file:///payroll"), 100, 0, "file:///public/0"},
		{"101 operations, the last is named by a rule", subscription(100, "file:///payroll"), 100, 1, "file:///payroll"},
		{"1000 operations, the last matches a template", subscription(999, "file:///plans/a"), 100, 900, "file:///plans/a"},
		{"101 operations without a rule", subscription(101), 100, 1, "file:///public/0"},
		{"200 operations of a rule before a tool that no rule names", "[" + subscription(0, slices.Repeat([]string{"file:///plans/a"}, 200)...) + "," + rpcMessage("tools/call", "delete") + "]", 100, 101, "file:///plans/a delete file:///plans/a"},
		{"200 operations before two messages, one is named by a rule", "[" + subscription(200, "file:///plans/a", "file:///payroll") + "," + rpcMessage("tools/call", "delete") + "," + rpcMessage("ping", "") + "]", 100, 104, "file:///plans/a delete  file:///payroll file:///public/0"},
		{"a batch of 100 messages, the first with 200 operations", "[" + subscription(0, slices.Repeat([]string{"file:///plans/a"}, 200)...) + strings.Repeat(","+rpcMessage("tools/call", "look"), 98) + "," + rpcMessage("tools/call", "delete") + "]", 100, 199, "file:///plans/a" + strings.Repeat(" look", 98) + " delete"},
	} {
		_, refusal := f.res.Authenticate(rpcRequest(row.body, alice))
		events := observer.take()
		if refusal != nil || len(events) != 1 {
			t.Fatalf("%s: %v, %d events", row.name, refusal, len(events))
		}
		var names []string
		for _, o := range events[0].Operations {
			names = append(names, o.Name)
		}
		if e := events[0]; len(names) != row.listed || e.OperationsOmitted != row.others || !strings.HasPrefix(strings.Join(names, " "), row.first) {
			t.Errorf("%s: got %d operations and %d others, %q; want %d and %d, first %q", row.name, len(names), e.OperationsOmitted, names, row.listed, row.others, row.first)
		}
	}
}
