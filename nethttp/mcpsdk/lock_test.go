package mcpsdk_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

const (
	lacks  = "-32600 not authorized: the access token lacks a scope that this request needs"
	nobody = "-32600 not authorized: no caller is known, or the access token is no longer good"
	shut   = "-32600 not authorized: the operation is not offered to anybody"
	failed = "-32603 the request could not be authorized"
)

// A route that lets callers past the rules lets them no further than to the lock.
func TestLockAsksAgain(t *testing.T) {
	tests := []struct {
		name string
		do   deed
		ran  string // if it runs
		low  string // what a token with the base scope gets; "": it runs
	}{
		{"a tool with a rule", tool("delete", nil), "tool delete", lacks},
		{"a tool with an empty rule", tool("echo", nil), "tool echo", ""},
		{"a tool without a rule", tool("open", nil), "tool open", ""},
		{"a tool with arguments that need more", tool("echo", map[string]any{"all": true}), "tool echo", lacks},
		{"a tool with other arguments", tool("echo", map[string]any{"all": false}), "tool echo", ""},
		{"a prompt with a rule", prompt("secret", nil), "prompt secret", lacks},
		{"a prompt without a rule", prompt("greet", nil), "prompt greet", ""},
		{"a prompt with arguments that need more", prompt("greet", map[string]string{"all": "yes"}), "prompt greet", lacks},
		{"a resource with a rule", read("file:///secret"), "read file:///secret", lacks},
		{"a resource without a rule", read("file:///a"), "read file:///a", ""},
		{"a resource of a template with a rule", read("db://users/1"), "read db://users/1", lacks},
		{"a resource of a template without one", read("file:///logs/1"), "read file:///logs/1", ""},
		{"a completion for a prompt with a rule", complete(mcp.CompleteReference{Type: "ref/prompt", Name: "secret"}), "complete secret", lacks},
		{"a completion for a resource with a rule", complete(mcp.CompleteReference{Type: "ref/resource", URI: "file:///secret"}), "complete file:///secret", lacks},
		{"a completion for a template with a rule", complete(mcp.CompleteReference{Type: "ref/resource", URI: "db://{table}/{id}"}), "complete db://{table}/{id}", lacks},
		{"a completion without a rule", complete(mcp.CompleteReference{Type: "ref/prompt", Name: "greet"}), "complete greet", ""},
		{"a method of the program's own with a rule", custom("acme/secret", nil), "acme/secret", lacks},
		{"one without", custom("acme/open", nil), "acme/open", ""},
		{"one with arguments that need more", custom("acme/open", map[string]any{"all": true}), "acme/open", lacks},
	}
	inEveryMode(t, func(t *testing.T, m mode) {
		h := newHall(t, hallRules)
		h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
		low, err := h.connect(t, m, h.round, h.token("base"))
		if err != nil {
			t.Fatal(err)
		}
		full, err := h.connect(t, m, h.round, h.token("base admin prompts secret db acme all"))
		if err != nil {
			t.Fatal(err)
		}
		if m.speaks < "2026-07-28" {
			h.subscriptions(t, low, full)
		}
		for _, tt := range tests {
			if err := tt.do(t.Context(), full); err != nil {
				t.Errorf("%s, with all scopes: got %v", tt.name, err)
			}
			equal(t, tt.name+", with all scopes", h.taken(), []string{tt.ran})
			got, want := "", []string{tt.ran}
			if err := tt.do(t.Context(), low); err != nil {
				got = refusedWith(err)
			}
			if tt.low != "" {
				want = nil
			}
			if got != tt.low {
				t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.low)
			}
			equal(t, tt.name, h.taken(), want)
		}
		for name, do := range map[string]deed{"an error": tool("broken", nil), "a panic": tool("panics", nil)} {
			if got := refusedWith(do(t.Context(), full)); got != failed {
				t.Errorf("%s of the rule:\n got %q\nwant %q", name, got, failed)
			}
			equal(t, name+" of the rule", h.taken(), nil)
		}
	})
}

// With DenyUndeclared the lock is shut for what no rule names, whatever the scopes.
func TestLockOnTheUndeclared(t *testing.T) {
	rules := hallRules
	rules.Undeclared = resource.DenyUndeclared
	h := newHall(t, rules)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	s, err := h.connect(t, modes()[0], h.round, h.token("base admin prompts secret db acme all"))
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]deed{
		"tool": tool("open", nil), "prompt": prompt("greet", nil), "resource": read("file:///a"), "method": custom("acme/open", nil),
		"another spelling": read("file:///SECRET"),
	} {
		if got := refusedWith(do(t.Context(), s)); got != shut {
			t.Errorf("%s:\n got %q\nwant %q", name, got, shut)
		}
	}
	equal(t, "undeclared", h.taken(), nil)
	if err := tool("echo", nil)(t.Context(), s); err != nil {
		t.Errorf("what a rule names: got %v", err)
	}
}

// subscriptions of the protocol before 2026-07-28.
func (h *hall) subscriptions(t *testing.T, low, full *mcp.ClientSession) {
	t.Helper()
	if got := refusedWith(subscribe("file:///secret")(t.Context(), low)); got != lacks {
		t.Errorf("a subscription:\n got %q\nwant %q", got, lacks)
	}
	equal(t, "a subscription", h.taken(), nil)
	if err := subscribe("file:///secret")(t.Context(), full); err != nil {
		t.Errorf("a subscription with all scopes: got %v", err)
	}
	equal(t, "a subscription with all scopes", h.taken(), []string{"subscribe file:///secret"})
	if got := refusedWith(unsubscribe("file:///secret")(t.Context(), low)); got != lacks {
		t.Errorf("the end of a subscription:\n got %q\nwant %q", got, lacks)
	}
	if err := unsubscribe("file:///a")(t.Context(), low); err != nil {
		t.Errorf("the end of a subscription without a rule: got %v", err)
	}
}

// MCP 2026-07-28: one request for many resources; each is asked for.
func TestLockOnListen(t *testing.T) {
	h := newHall(t, hallRules)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return h.server }, &mcp.StreamableHTTPOptions{Stateless: true})
	url := serve(t, h.round(handler))
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"raw","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`
	header := bearer(h.token("base"))
	header["Mcp-Protocol-Version"], header["Mcp-Method"] = []string{"2026-07-28"}, []string{"subscriptions/listen"}
	for wanted, message := range map[string]string{
		`["file:///a","file:///secret"]`: lacks,
		`["db://users/1"]`:               lacks,
		`["FILE:///secret"]`:             lacks,
		`["file:///a",""]`:               `-32602 params of \"subscriptions/listen\" are not those of the method`,
	} {
		got := send(t, "POST", url, `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{`+meta+`,"notifications":{"resourceSubscriptions":`+wanted+`}}}`, header)
		code, text, _ := strings.Cut(message, " ")
		want := `{"jsonrpc":"2.0","id":1,"error":{"code":` + code + `,"message":"` + text + `"}}`
		if body := eventData(got.body); body != want {
			t.Errorf("%s:\n got %s\nwant %s", wanted, body, want)
		}
		equal(t, wanted, h.taken(), nil)
	}
}

// Without a caller nothing runs, whatever way the message came.
func TestLockWithoutACaller(t *testing.T) {
	around := func(next http.Handler) http.Handler { return next }
	inEveryMode(t, func(t *testing.T, m mode) {
		h := newHall(t, resource.Operations{Public: []string{"initialize", "server/discover", "tools/list", "resources/list"}, Stateless: true})
		h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
		session, err := h.connect(t, m, around, "none")
		if err != nil {
			t.Fatal(err)
		}
		for name, do := range map[string]deed{
			"a tool": tool("open", nil), "a prompt": prompt("greet", nil), "a resource": read("file:///a"),
			"a completion": complete(mcp.CompleteReference{Type: "ref/prompt", Name: "greet"}), "an own method": custom("acme/open", nil),
			"a list": func(ctx context.Context, s *mcp.ClientSession) error { _, err := s.ListPrompts(ctx, nil); return err },
		} {
			if got := refusedWith(do(t.Context(), session)); got != nobody {
				t.Errorf("%s:\n got %q\nwant %q", name, got, nobody)
			}
		}
		equal(t, "without a caller", h.taken(), nil)
		equal(t, "public tools", names(t, session.Tools(t.Context(), nil), toolName), []string{"broken", "delete", "echo", "open", "panics"})
		equal(t, "public resources", names(t, session.Resources(t.Context(), nil), resourceURI), []string{"file:///a", "file:///b", "file:///secret"})
	})
}

// Not even a session opens, if that is not public; nor in memory.
func TestLockOpensNoSessionForNobody(t *testing.T) {
	h := newHall(t, hallRules)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	here, there := mcp.NewInMemoryTransports()
	if _, err := h.server.Connect(t.Context(), there, nil); err != nil {
		t.Fatal(err)
	}
	_, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), here, nil)
	if got := refusedWith(err); got != nobody {
		t.Errorf("in memory:\n got %q\nwant %q", got, nobody)
	}
}

// A caller whom another resource accepted is nobody here, also with every scope.
func TestLockOfAnotherResource(t *testing.T) {
	h, other := newHall(t, hallRules), newHall(t, resource.Operations{})
	h.server.AddReceivingMiddleware(mcpsdk.Lock(other.res))
	_, err := h.connect(t, modes()[0], h.round, h.token("base admin"))
	if got := refusedWith(err); got != nobody {
		t.Errorf("got %q\nwant %q", got, nobody)
	}
}

// Behind the whole front nothing of the rules gets lost, public operations included.
func TestLockBehindTheFront(t *testing.T) {
	rules := hallRules
	rules.Public = []string{"server/discover", "initialize", "tools/list"}
	rules.Stateless = true
	h := newHall(t, rules)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	front := func(next http.Handler) http.Handler { return mcpsdk.Handler(h.res, next) }
	for _, m := range modes() {
		if !m.options.Stateless {
			continue
		}
		session, err := h.connect(t, m, front, h.token("base admin"))
		if err != nil {
			t.Fatal(err)
		}
		if err := tool("delete", nil)(t.Context(), session); err != nil {
			t.Errorf("%v: got %v", m, err)
		}
		equal(t, m.String(), h.taken(), []string{"tool delete"})
	}
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return h.server }, &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
	url := serve(t, front(handler))
	if got := send(t, "POST", url, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, nil); got.status != 200 {
		t.Errorf("a public list without a token: got %d %s", got.status, got.body)
	}
	if got := send(t, "POST", url, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open"}}`, nil); got.status != 401 {
		t.Errorf("a call without a token: got %d %s", got.status, got.body)
	}
	equal(t, "without a token", h.taken(), nil)
}
