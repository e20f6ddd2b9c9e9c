package mcpsdk_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

var gold = resource.Authentication{ACRValues: []string{"gold"}, MaxAge: time.Minute}

// loginRules have logins of tools, prompts, methods and resources.
func loginRules() resource.Operations {
	return resource.Operations{
		Authentication: resource.OperationAuthentication{
			Methods:   map[string]resource.Authentication{"acme/secret": gold},
			Tools:     map[string]resource.Authentication{"delete": gold, "echo": {}},
			Prompts:   map[string]resource.Authentication{"secret": gold},
			Resources: []resource.ResourceAuthentication{{URI: "file:///secret", Authentication: gold}, {Template: "db://{table}/{id}", Authentication: gold}},
		},
	}
}

// loginToken returns a token of a user who has just logged in.
func (h *testServer) loginToken(acr string) string {
	return h.issuer.Token(resourcetest.Token{Audience: h.url, Scope: "base", Claims: map[string]any{"acr": acr, "auth_time": time.Now().Unix()}})
}

// Lock checks logins for requests of a route that does not, and hides what the caller cannot use.
func TestLockChecksLogins(t *testing.T) {
	const weak = "401 not authorized: the login of the user is not strong or recent enough for this request"
	inEveryMode(t, func(t *testing.T, m mode) {
		h := newTestServer(t, loginRules())
		h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
		for acr, want := range map[string]string{"gold": "", "silver": weak} {
			s, err := h.connect(t, m, h.withoutRules, h.loginToken(acr))
			if err != nil {
				t.Fatal(err)
			}
			for name, call := range map[string]clientCall{
				"a tool": tool("delete", nil), "a prompt": prompt("secret", nil), "a resource": read("file:///secret"),
				"a resource of a template": read("db://users/1"), "a custom method": custom("acme/secret", nil),
			} {
				got := ""
				if err := call(t.Context(), s); err != nil {
					got = rpcErrorText(err)
				}
				if executed := len(h.takeExecuted()) > 0; got != want || executed != (want == "") {
					t.Errorf("%s, %s: got %q, executed %v; want %q", acr, name, got, executed, want)
				}
			}
			if err := tool("echo", nil)(t.Context(), s); err != nil {
				t.Errorf("%s: a tool without a login: %v", acr, err)
			}
			h.takeExecuted()
			tools := []string{"broken", "delete", "echo", "open", "panics"}
			if acr == "silver" {
				tools = []string{"broken", "echo", "open", "panics"}
			}
			equal(t, "tools", names(t, s.Tools(t.Context(), nil), toolName), tools)
		}
	})
}

// A client of the SDK logs in again after the challenge of RFC 9470 §3, and repeats the call once.
// If it gets a token of the same login, because it does not send acr_values, the call fails.
func TestClientLogsInAgain(t *testing.T) {
	const challenge = `401 Unauthorized Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp", error="insufficient_user_authentication", ` +
		`error_description="The login of the user is not strong or recent enough for this request", acr_values="gold", max_age="60" ` +
		`{"jsonrpc":"2.0","id":ID,"error":{"code":401,"message":"The login of the user is not strong or recent enough for this request. Log in again with acr_values=gold and max_age=60",` +
		`"data":{"error":"insufficient_user_authentication","error_description":"The login of the user is not strong or recent enough for this request","acr_values":"gold","max_age":60}}}` + "\n"
	for second, works := range map[string]bool{"gold": true, "silver": false} {
		inEveryMode(t, func(t *testing.T, m mode) {
			h := newTestServer(t, loginRules())
			h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
			handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return h.server }, &m.options)
			web := httptest.NewServer(mcpsdk.Handler(h.res, handler))
			t.Cleanup(web.Close)
			c := &stepUpHandler{tokens: []string{h.loginToken("silver"), h.loginToken(second), h.loginToken("gold")}}
			s, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), &mcp.StreamableClientTransport{
				Endpoint: web.URL + "/mcp", OAuthHandler: c, DisableStandaloneSSE: true, MaxRetries: -1,
			}, &mcp.ClientSessionOptions{ProtocolVersion: m.version})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			_, err = s.CallTool(t.Context(), &mcp.CallToolParams{Name: "delete"})
			if executed := h.takeExecuted(); (err == nil) != works || (len(executed) == 1) != works {
				t.Errorf("second login %s: got error %v, executed %q", second, err, executed)
			}
			equal(t, "challenges", c.challenges, []string{challenge})
		})
	}
}

// Check compares logins with the server, as it does rules for scopes.
func TestCheckReportsUnusedLogins(t *testing.T) {
	rules := loginRules()
	h := newTestServer(t, rules)
	checkError(t, "registered features", mcpsdk.Check(t.Context(), h.res, h.server), "")
	rules.Authentication = resource.OperationAuthentication{
		Methods: map[string]resource.Authentication{"tools/lst": {}}, Tools: map[string]resource.Authentication{"delte": {}}, Prompts: map[string]resource.Authentication{"secrets": {}},
		Resources: []resource.ResourceAuthentication{{URI: "file:///a"}, {Prefix: "mail://inbox/"}},
	}
	h = newTestServer(t, rules)
	checkError(t, "typos", mcpsdk.Check(t.Context(), h.res, h.server),
		`Operations.Authentication.Methods["tools/lst"]: MCP has no such method; did you mean "tools/list"?`+"\n"+
			`Operations.Authentication.Tools["delte"]: the server has no such tool; did you mean "delete"?`+"\n"+
			`Operations.Authentication.Prompts["secrets"]: the server has no such prompt; did you mean "secret"?`+"\n"+
			`Operations.Authentication.Resources[1]: the server has no resource and no template that Prefix "mail://inbox/" applies to`)
}
