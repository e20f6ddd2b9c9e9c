package mcpsdk_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// testServer is an MCP server with features of every kind, a Resource with rules for them, and a
// record of the operations that it executed.
type testServer struct {
	issuer *resourcetest.Issuer
	url    string
	res    *resource.Resource
	server *mcp.Server

	mu       sync.Mutex
	executed []string
}

var testRules = resource.Operations{
	Methods: map[string][]string{"acme/secret": {"acme"}},
	Tools:   map[string][]string{"delete": {"admin"}, "echo": {}},
	Prompts: map[string][]string{"secret": {"prompts"}},
	Resources: []resource.ResourceRule{
		{URI: "file:///secret", Scopes: []string{"secret"}},
		{Template: "db://{table}/{id}", Scopes: []string{"db"}},
	},
	Rule: func(_ context.Context, op resource.Operation, c *resource.Caller) (need []string, err error) {
		switch {
		case op.Method == "tools/call" && string(op.Arguments) == `{"all":true}`,
			op.Method == "prompts/get" && string(op.Arguments) == `{"all":"yes"}`,
			op.Method == "acme/open" && string(op.Arguments) == `{"all":true}`:
			need = []string{"all"}
		case op.Name == "broken":
			err = errors.New("cannot decide")
		case op.Name == "panics":
			panic("no")
		}
		return need, err
	},
}

// newTestServer makes a server whose lists have two items per page. Its URL is an identifier only;
// connect serves it elsewhere.
func newTestServer(t *testing.T, rules resource.Operations) *testServer {
	t.Helper()
	h := &testServer{issuer: resourcetest.Start(t), url: "https://mcp.example/mcp"}
	h.res = newResource(t, resource.Config{
		Identifier: h.url, Scopes: []string{"base"}, Operations: rules,
		Issuers: []resource.Issuer{{Verifier: verifier(t, h.issuer)}},
	})
	h.server = mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ServerOptions{
		PageSize: 2, Logger: slog.New(slog.DiscardHandler),
		SubscribeHandler: func(_ context.Context, req *mcp.SubscribeRequest) error {
			return h.execute("subscribe " + req.Params.URI)
		},
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
		CompletionHandler: func(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
			return &mcp.CompleteResult{}, h.execute("complete " + req.Params.Ref.Name + req.Params.Ref.URI)
		},
	})
	for _, name := range []string{"delete", "echo", "broken", "panics", "open"} {
		mcp.AddTool(h.server, &mcp.Tool{Name: name}, func(context.Context, *mcp.CallToolRequest, map[string]any) (*mcp.CallToolResult, any, error) {
			return nil, nil, h.execute("tool " + name)
		})
	}
	for _, name := range []string{"greet", "other", "secret"} {
		h.server.AddPrompt(&mcp.Prompt{Name: name}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{}, h.execute("prompt " + name)
		})
	}
	read := func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{Text: "x"}}}, h.execute("read " + req.Params.URI)
	}
	for _, uri := range []string{"file:///a", "file:///b", "file:///secret"} {
		h.server.AddResource(&mcp.Resource{Name: uri, URI: uri}, read)
	}
	for _, uri := range []string{"db://{table}/{id}", "file:///logs/{day}", "file:///logs/{day}/{hour}"} {
		h.server.AddResourceTemplate(&mcp.ResourceTemplate{Name: uri, URITemplate: uri}, read)
	}
	for _, method := range []string{"acme/secret", "acme/open"} {
		if err := mcp.AddReceivingCustomMethod(h.server, method, func(context.Context, *mcp.ServerSession, *acmeParams) (*acmeResult, error) {
			return &acmeResult{}, h.execute(method)
		}); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

type acmeParams struct {
	mcp.ParamsBase
	Arguments map[string]any `json:"arguments,omitempty"`
}

type acmeResult struct{ mcp.ResultBase }

func (h *testServer) execute(operation string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.executed = append(h.executed, operation)
	return nil
}

// takeExecuted returns the operations that were executed since the last call.
func (h *testServer) takeExecuted() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	executed := h.executed
	h.executed = nil
	return executed
}

func (h *testServer) token(scope string) string {
	return h.issuer.Token(resourcetest.Token{Audience: h.url, Scope: scope})
}

// withoutRules is a middleware that authenticates the caller but does not enforce the rules for
// operations.
func (h *testServer) withoutRules(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		get := req.Clone(req.Context())
		get.Method = http.MethodGet // has no operation
		decision, refusal := h.res.Authenticate(get)
		if refusal != nil {
			next.ServeHTTP(w, req)
			return
		}
		defer decision.Done()
		info := func(context.Context, string, *http.Request) (*auth.TokenInfo, error) {
			return &auth.TokenInfo{UserID: "u", Expiration: decision.Caller.Expiry(), Extra: map[string]any{mcpsdk.CallerKey: decision.Caller}}, nil
		}
		auth.RequireBearerToken(info, nil)(next).ServeHTTP(w, req)
	})
}

// connect serves the server behind the middleware guard and opens a session with the SDK's
// client.
func (h *testServer) connect(t *testing.T, mode mode, guard func(http.Handler) http.Handler, token string) (*mcp.ClientSession, error) {
	t.Helper()
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return h.server }, &mode.options)
	web := httptest.NewServer(guard(handler))
	t.Cleanup(web.Close)
	var w tokenTransport
	w.token.Store(token)
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	for _, method := range []string{"acme/secret", "acme/open"} {
		if err := mcp.AddSendingCustomMethod[*acmeParams, *acmeResult](client, method); err != nil {
			t.Fatal(err)
		}
	}
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: web.URL + "/mcp", HTTPClient: &http.Client{Transport: &w}, DisableStandaloneSSE: true, MaxRetries: -1,
	}, &mcp.ClientSessionOptions{ProtocolVersion: mode.version})
	if err == nil {
		t.Cleanup(func() { _ = session.Close() })
	}
	return session, err
}

// mode is a configuration of the transport and the protocol version of the client.
type mode struct {
	options    mcp.StreamableHTTPOptions
	version    string // that the client requests
	negotiated string // the SDK serves 2026-07-28 only without sessions
}

func (m mode) String() string {
	kind, form := "stateful", "SSE"
	if m.options.Stateless {
		kind = "stateless"
	}
	if m.options.JSONResponse {
		form = "JSON"
	}
	return fmt.Sprintf("%s, %s, %s", kind, form, m.version)
}

func modes() (all []mode) {
	for _, options := range []mcp.StreamableHTTPOptions{{}, {JSONResponse: true}, {Stateless: true}, {Stateless: true, JSONResponse: true}} {
		all = append(all, mode{options, "2025-11-25", "2025-11-25"})
		if options.Stateless {
			all = append(all, mode{options, "2026-07-28", "2026-07-28"})
		} else {
			all = append(all, mode{options, "2026-07-28", "2025-11-25"})
		}
	}
	return all
}

func inEveryMode(t *testing.T, test func(*testing.T, mode)) {
	t.Helper()
	for _, m := range modes() {
		t.Run(m.String(), func(t *testing.T) { test(t, m) })
	}
}

// rpcErrorText returns the code and message of the JSON-RPC error in err.
func rpcErrorText(err error) string {
	var e *jsonrpc.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("%d %s", e.Code, e.Message)
	}
	return fmt.Sprint(err)
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// fixedResult is a middleware that returns the same result for each call of a method.
func fixedResult(method string, result mcp.Result) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, m string, req mcp.Request) (mcp.Result, error) {
			if m == method {
				return result, nil
			}
			return next(ctx, m, req)
		}
	}
}
