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
	lacksScope = "403 not authorized: the access token lacks a scope that this request needs"
	noCaller   = "401 not authorized: no caller is known, or the access token is not valid anymore"
	undeclared = "403 not authorized: no rule permits the operation"
	ruleFailed = "500 the request could not be authorized"
)

// Lock enforces the rules for requests of a route that does not enforce them.
func TestLockEnforcesRules(t *testing.T) {
	tests := []struct {
		name     string
		call     clientCall
		executed string // with all scopes
		low      string // the error with the base scope; "": it is executed
	}{
		{"a tool with a rule", tool("delete", nil), "tool delete", lacksScope},
		{"a tool with an empty rule", tool("echo", nil), "tool echo", ""},
		{"a tool without a rule", tool("open", nil), "tool open", ""},
		{"a tool with arguments that require a scope", tool("echo", map[string]any{"all": true}), "tool echo", lacksScope},
		{"a tool with other arguments", tool("echo", map[string]any{"all": false}), "tool echo", ""},
		{"a prompt with a rule", prompt("secret", nil), "prompt secret", lacksScope},
		{"a prompt without a rule", prompt("greet", nil), "prompt greet", ""},
		{"a prompt with arguments that require a scope", prompt("greet", map[string]string{"all": "yes"}), "prompt greet", lacksScope},
		{"a resource with a rule", read("file:///secret"), "read file:///secret", lacksScope},
		{"a resource without a rule", read("file:///a"), "read file:///a", ""},
		{"a resource of a template with a rule", read("db://users/1"), "read db://users/1", lacksScope},
		{"a resource of a template without a rule", read("file:///logs/1"), "read file:///logs/1", ""},
		{"a completion for a prompt with a rule", complete(mcp.CompleteReference{Type: "ref/prompt", Name: "secret"}), "complete secret", lacksScope},
		{"a completion for a resource with a rule", complete(mcp.CompleteReference{Type: "ref/resource", URI: "file:///secret"}), "complete file:///secret", lacksScope},
		{"a completion for a template with a rule", complete(mcp.CompleteReference{Type: "ref/resource", URI: "db://{table}/{id}"}), "complete db://{table}/{id}", lacksScope},
		{"a completion without a rule", complete(mcp.CompleteReference{Type: "ref/prompt", Name: "greet"}), "complete greet", ""},
		{"a custom method with a rule", custom("acme/secret", nil), "acme/secret", lacksScope},
		{"a custom method without a rule", custom("acme/open", nil), "acme/open", ""},
		{"a custom method with arguments that require a scope", custom("acme/open", map[string]any{"all": true}), "acme/open", lacksScope},
	}
	inEveryMode(t, func(t *testing.T, m mode) {
		h := newTestServer(t, testRules)
		h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
		low, err := h.connect(t, m, h.withoutRules, h.token("base"))
		if err != nil {
			t.Fatal(err)
		}
		full, err := h.connect(t, m, h.withoutRules, h.token("base admin prompts secret db acme all"))
		if err != nil {
			t.Fatal(err)
		}
		if m.negotiated < "2026-07-28" {
			h.testSubscriptions(t, low, full)
		}
		for _, tt := range tests {
			if err := tt.call(t.Context(), full); err != nil {
				t.Errorf("%s, with all scopes: got %v", tt.name, err)
			}
			equal(t, tt.name+", with all scopes", h.takeExecuted(), []string{tt.executed})
			got, want := "", []string{tt.executed}
			if err := tt.call(t.Context(), low); err != nil {
				got = rpcErrorText(err)
			}
			if tt.low != "" {
				want = nil
			}
			if got != tt.low {
				t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.low)
			}
			equal(t, tt.name, h.takeExecuted(), want)
		}
		for name, call := range map[string]clientCall{"an error": tool("broken", nil), "a panic": tool("panics", nil)} {
			if got := rpcErrorText(call(t.Context(), full)); got != ruleFailed {
				t.Errorf("%s of the rule:\n got %q\nwant %q", name, got, ruleFailed)
			}
			equal(t, name+" of the rule", h.takeExecuted(), nil)
		}
	})
}

// With DenyUndeclared, Lock rejects operations that no rule names, for any scopes.
func TestLockRejectsUndeclaredOperations(t *testing.T) {
	rules := testRules
	rules.Undeclared = resource.DenyUndeclared
	h := newTestServer(t, rules)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	s, err := h.connect(t, modes()[0], h.withoutRules, h.token("base admin prompts secret db acme all"))
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]clientCall{
		"tool": tool("open", nil), "prompt": prompt("greet", nil), "resource": read("file:///a"), "method": custom("acme/open", nil),
		"another spelling": read("file:///SECRET"),
	} {
		if got := rpcErrorText(call(t.Context(), s)); got != undeclared {
			t.Errorf("%s:\n got %q\nwant %q", name, got, undeclared)
		}
	}
	equal(t, "undeclared", h.takeExecuted(), nil)
	if err := tool("echo", nil)(t.Context(), s); err != nil {
		t.Errorf("a declared operation: got %v", err)
	}
}

// testSubscriptions tests the methods of protocol versions before 2026-07-28.
func (h *testServer) testSubscriptions(t *testing.T, low, full *mcp.ClientSession) {
	t.Helper()
	if got := rpcErrorText(subscribe("file:///secret")(t.Context(), low)); got != lacksScope {
		t.Errorf("a subscription:\n got %q\nwant %q", got, lacksScope)
	}
	equal(t, "a subscription", h.takeExecuted(), nil)
	if err := subscribe("file:///secret")(t.Context(), full); err != nil {
		t.Errorf("a subscription with all scopes: got %v", err)
	}
	equal(t, "a subscription with all scopes", h.takeExecuted(), []string{"subscribe file:///secret"})
	if got := rpcErrorText(unsubscribe("file:///secret")(t.Context(), low)); got != lacksScope {
		t.Errorf("ending a subscription:\n got %q\nwant %q", got, lacksScope)
	}
	if err := unsubscribe("file:///a")(t.Context(), low); err != nil {
		t.Errorf("ending a subscription without a rule: got %v", err)
	}
}

// MCP 2026-07-28: one request subscribes to several resources. The rules of each apply.
func TestLockAppliesRulesToListen(t *testing.T) {
	h := newTestServer(t, testRules)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return h.server }, &mcp.StreamableHTTPOptions{Stateless: true})
	url := serve(t, h.withoutRules(handler))
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"raw","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`
	header := bearer(h.token("base"))
	header["Mcp-Protocol-Version"], header["Mcp-Method"] = []string{"2026-07-28"}, []string{"subscriptions/listen"}
	for uris, message := range map[string]string{
		`["file:///a","file:///secret"]`: lacksScope,
		`["db://users/1"]`:               lacksScope,
		`["FILE:///secret"]`:             lacksScope,
		`["file:///a",""]`:               `-32602 params of \"subscriptions/listen\" are not those of the method`,
	} {
		got := send(t, "POST", url, `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{`+meta+`,"notifications":{"resourceSubscriptions":`+uris+`}}}`, header)
		code, text, _ := strings.Cut(message, " ")
		data := ""
		if message == lacksScope {
			data = `,"data":{"error":"insufficient_scope","error_description":"The access token lacks a scope that this request needs"}`
		}
		want := `{"jsonrpc":"2.0","id":1,"error":{"code":` + code + `,"message":"` + text + `"` + data + `}}`
		if body := eventData(got.body); body != want {
			t.Errorf("%s:\n got %s\nwant %s", uris, body, want)
		}
		equal(t, uris, h.takeExecuted(), nil)
	}
}

// Without a caller, only public operations are executed, in every mode.
func TestLockWithoutCaller(t *testing.T) {
	unprotected := func(next http.Handler) http.Handler { return next }
	inEveryMode(t, func(t *testing.T, m mode) {
		h := newTestServer(t, resource.Operations{Public: []string{"initialize", "server/discover", "tools/list", "resources/list"}, Stateless: true})
		h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
		session, err := h.connect(t, m, unprotected, "none")
		if err != nil {
			t.Fatal(err)
		}
		for name, call := range map[string]clientCall{
			"a tool": tool("open", nil), "a prompt": prompt("greet", nil), "a resource": read("file:///a"),
			"a completion": complete(mcp.CompleteReference{Type: "ref/prompt", Name: "greet"}), "a custom method": custom("acme/open", nil),
			"a list": func(ctx context.Context, s *mcp.ClientSession) error { _, err := s.ListPrompts(ctx, nil); return err },
		} {
			if got := rpcErrorText(call(t.Context(), session)); got != noCaller {
				t.Errorf("%s:\n got %q\nwant %q", name, got, noCaller)
			}
		}
		equal(t, "without a caller", h.takeExecuted(), nil)
		equal(t, "public tools", names(t, session.Tools(t.Context(), nil), toolName), []string{"broken", "delete", "echo", "open", "panics"})
		equal(t, "public resources", names(t, session.Resources(t.Context(), nil), resourceURI), []string{"file:///a", "file:///b", "file:///secret"})
	})
}

// Without a caller, a session is rejected unless opening it is public, also with the in-memory
// transport.
func TestLockRejectsSessionWithoutCaller(t *testing.T) {
	h := newTestServer(t, testRules)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	here, there := mcp.NewInMemoryTransports()
	if _, err := h.server.Connect(t.Context(), there, nil); err != nil {
		t.Fatal(err)
	}
	_, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), here, nil)
	if got := rpcErrorText(err); got != noCaller {
		t.Errorf("in memory:\n got %q\nwant %q", got, noCaller)
	}
}

// Lock rejects a caller that another Resource accepted, with any scopes.
func TestLockRejectsCallerOfAnotherResource(t *testing.T) {
	h, other := newTestServer(t, testRules), newTestServer(t, resource.Operations{})
	h.server.AddReceivingMiddleware(mcpsdk.Lock(other.res))
	_, err := h.connect(t, modes()[0], h.withoutRules, h.token("base admin"))
	if got := rpcErrorText(err); got != noCaller {
		t.Errorf("got %q\nwant %q", got, noCaller)
	}
}

// Behind Handler, Lock accepts what Handler accepts, including public operations.
func TestLockBehindHandler(t *testing.T) {
	rules := testRules
	rules.Public = []string{"server/discover", "initialize", "tools/list"}
	rules.Stateless = true
	h := newTestServer(t, rules)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	protect := func(next http.Handler) http.Handler { return mcpsdk.Handler(h.res, next) }
	for _, m := range modes() {
		if !m.options.Stateless {
			continue
		}
		session, err := h.connect(t, m, protect, h.token("base admin"))
		if err != nil {
			t.Fatal(err)
		}
		if err := tool("delete", nil)(t.Context(), session); err != nil {
			t.Errorf("%v: got %v", m, err)
		}
		equal(t, m.String(), h.takeExecuted(), []string{"tool delete"})
	}
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return h.server }, &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
	url := serve(t, protect(handler))
	if got := send(t, "POST", url, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, nil); got.status != 200 {
		t.Errorf("a public list without a token: got %d %s", got.status, got.body)
	}
	if got := send(t, "POST", url, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open"}}`, nil); got.status != 401 {
		t.Errorf("a call without a token: got %d %s", got.status, got.body)
	}
	equal(t, "without a token", h.takeExecuted(), nil)
}
