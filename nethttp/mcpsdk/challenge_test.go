package mcpsdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/oauth2"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// stepUpHandler is an OAuthHandler for the SDK's client. For each challenge it records the
// challenge and switches to the next token.
type stepUpHandler struct {
	mu         sync.Mutex
	tokens     []string
	challenges []string
}

// requestID matches the id of a request, which differs between protocol versions.
var requestID = regexp.MustCompile(`"id":[0-9]+`)

func (c *stepUpHandler) TokenSource(context.Context) (oauth2.TokenSource, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: c.tokens[0]}), nil
}

func (c *stepUpHandler) Authorize(_ context.Context, _ *http.Request, response *http.Response) error {
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.challenges = append(c.challenges, response.Status+" "+strings.Join(response.Header["Www-Authenticate"], "|")+" "+requestID.ReplaceAllString(string(body), `"id":ID`))
	if len(c.tokens) == 1 {
		return errors.New("no further token")
	}
	c.tokens = c.tokens[1:]
	return nil
}

var _ auth.OAuthHandler = (*stepUpHandler)(nil)

// connectWithStepUp serves the server behind Handler and opens a session with a client that has
// one token for each of the scopes.
func (h *testServer) connectWithStepUp(t *testing.T, m mode, scopes ...string) (*mcp.ClientSession, *stepUpHandler) {
	t.Helper()
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return h.server }, &m.options)
	web := httptest.NewServer(mcpsdk.Handler(h.res, handler))
	t.Cleanup(web.Close)
	c := &stepUpHandler{}
	for _, scope := range scopes {
		c.tokens = append(c.tokens, h.token(scope))
	}
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: web.URL + "/mcp", OAuthHandler: c, DisableStandaloneSSE: true, MaxRetries: -1,
	}, &mcp.ClientSessionOptions{ProtocolVersion: m.version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session, c
}

const needsMore = `403 Forbidden Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp", scope="base tool row:7", error="insufficient_scope", ` +
	`error_description="The access token lacks a scope that this request needs" {"jsonrpc":"2.0","id":ID,"error":{"code":403,"message":"The access token lacks a scope that this request needs. Log in again and grant all of these scopes: base tool row:7",` +
	`"data":{"error":"insufficient_scope","error_description":"The access token lacks a scope that this request needs","scope":"base tool row:7"}}}` + "\n"

// addRowTool adds a tool that requires the scope row:7 during the call. With the argument
// progress, it sends a progress notification first. sent is the result of Challenge.
func (h *testServer) addRowTool(sent *bool) {
	mcp.AddTool(h.server, &mcp.Tool{Name: "row"}, func(ctx context.Context, req *mcp.CallToolRequest, in struct {
		Progress bool `json:"progress,omitempty"`
	}) (*mcp.CallToolResult, any, error) {
		if in.Progress {
			if err := req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: "p", Progress: 1}); err != nil {
				return nil, nil, err
			}
		}
		caller, _ := mcpsdk.CallerFrom(req.Extra)
		if caller == nil || !caller.Has("row:7") {
			*sent = mcpsdk.Challenge(req.Extra, "row:7")
			return mcpsdk.ChallengeResult(ctx, h.res, req, "row:7"), nil, nil
		}
		return nil, nil, h.execute("row")
	})
}

// MCP 2026-07-28, step-up: a challenge during a call is sent like any other 403. The client
// repeats the call with another token, and the tool runs. This also works in a session that was
// opened with the first token, where ctx belongs to another request.
func TestChallengeDuringCall(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		h := newTestServer(t, resource.Operations{Tools: map[string][]string{"row": {"tool"}}, LateChallenges: true})
		h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
		sent := false
		h.addRowTool(&sent)
		s, c := h.connectWithStepUp(t, m, "base tool", "base tool row:7")
		if _, err := s.ListTools(t.Context(), &mcp.ListToolsParams{}); err != nil { // then ctx of a stateful session belongs to an earlier request
			t.Fatal(err)
		}
		result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "row"})
		if err != nil || result.IsError {
			t.Fatalf("got %+v, %v", result, err)
		}
		equal(t, "executed", h.takeExecuted(), []string{"row"})
		if !sent {
			t.Error("Challenge returned false, want true")
		}
		equal(t, "challenges", c.challenges, []string{needsMore})
	})
}

// If part of the response was sent, or if late challenges are disabled, Challenge returns false
// and the tool returns a ChallengeResult.
func TestChallengeFallsBackToResult(t *testing.T) {
	tests := []struct {
		name      string
		disabled  bool
		arguments map[string]any
		options   mcp.StreamableHTTPOptions
		version   string
	}{
		{"after a progress notification", false, map[string]any{"progress": true}, mcp.StreamableHTTPOptions{Stateless: true}, "2026-07-28"},
		{"after a progress notification, stateful", false, map[string]any{"progress": true}, mcp.StreamableHTTPOptions{}, "2025-11-25"},
		{"an event store, so the stream begins with a priming event", false, nil, mcp.StreamableHTTPOptions{EventStore: mcp.NewMemoryEventStore(nil)}, "2025-11-25"},
		{"late challenges are disabled", true, nil, mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true}, "2026-07-28"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newTestServer(t, resource.Operations{Tools: map[string][]string{"row": {"tool"}}, LateChallenges: !tt.disabled})
			sent := true
			h.addRowTool(&sent)
			s, c := h.connectWithStepUp(t, mode{options: tt.options, version: tt.version}, "base tool", "base tool row:7")
			result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "row", Arguments: tt.arguments})
			if err != nil {
				t.Fatal(err)
			}
			if sent {
				t.Error("Challenge returned true, want false")
			}
			equal(t, "challenges over HTTP", c.challenges, nil)
			challenge := strings.TrimPrefix(strings.SplitAfter(needsMore, `needs"`)[0], "403 Forbidden ")
			checkChallengeResult(t, result, challenge, "Not authorized: the access token lacks row:7")
		})
	}
}

func checkChallengeResult(t *testing.T, result *mcp.CallToolResult, challenge, text string) {
	t.Helper()
	got, _ := json.Marshal(result.Meta["mcp/www_authenticate"])
	want, _ := json.Marshal([]string{challenge})
	if string(got) != string(want) {
		t.Errorf("_meta:\n got %s\nwant %s", got, want)
	}
	if got := result.Content[0].(*mcp.TextContent).Text; !result.IsError || got != text {
		t.Errorf("got isError %v and %q, want true and %q", result.IsError, got, text)
	}
}

// The challenge contains the scopes that the rules require and those that the tool requests. The
// text contains the missing ones of the latter.
func TestChallengeResult(t *testing.T) {
	const challenge = `Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"`
	const insufficient = `, error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`
	h := newTestServer(t, resource.Operations{Tools: map[string][]string{"delete": {"admin"}}})
	request := func(scopes string) *mcp.CallToolRequest {
		req := httptest.NewRequest("GET", h.url, nil)
		req.Header.Set("Authorization", "Bearer "+h.token(scopes))
		decision, refusal := h.res.Authenticate(req)
		if refusal != nil {
			t.Fatal(refusal.Err)
		}
		t.Cleanup(decision.Done)
		extra := &mcp.RequestExtra{TokenInfo: &auth.TokenInfo{Extra: map[string]any{mcpsdk.CallerKey: decision.Caller}}}
		return &mcp.CallToolRequest{Params: &mcp.CallToolParamsRaw{Name: "delete"}, Extra: extra}
	}
	if got := mcpsdk.ChallengeResult(t.Context(), h.res, request("base admin row:7"), "row:7"); got != nil {
		t.Errorf("with all scopes: got %+v, want nil", got)
	}
	checkChallengeResult(t, mcpsdk.ChallengeResult(t.Context(), h.res, request("base admin"), "row:7", "row:8"),
		challenge+`, scope="base admin row:7 row:8"`+insufficient, "Not authorized: the access token lacks row:7, row:8")
	checkChallengeResult(t, mcpsdk.ChallengeResult(t.Context(), h.res, request("base row:7"), "row:7"),
		challenge+`, scope="base admin row:7"`+insufficient, "not authorized: the access token lacks a scope that this request needs")
	checkChallengeResult(t, mcpsdk.ChallengeResult(t.Context(), h.res, &mcp.CallToolRequest{Params: &mcp.CallToolParamsRaw{Name: "delete"}}, "row:7"),
		challenge+`, scope="base"`, "not authorized: no caller is known, or the access token is not valid anymore")
	checkChallengeResult(t, mcpsdk.ChallengeResult(t.Context(), h.res, request("base admin"), "row:7 | row:8 row:9", "x"),
		challenge+`, scope="base admin row:7 x"`+insufficient, "Not authorized: the access token lacks row:7 | row:8 row:9, x")
	malformed := mcpsdk.ChallengeResult(t.Context(), h.res, request("base admin"), `two words`)
	if malformed == nil || !malformed.IsError || malformed.Meta != nil {
		t.Errorf("a malformed scope: got %+v, want an error without a challenge", malformed)
	}
}

// A scope that the caller's issuer does not have makes a result without a challenge.
func TestChallengeResultWithoutChallenge(t *testing.T) {
	const identifier = "https://mcp.example.test/mcp"
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Audience: identifier})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{Identifier: identifier, Logger: slog.New(slog.DiscardHandler),
		Issuers:    []resource.Issuer{{Verifier: keys, UnavailableScopes: []string{"admin"}}},
		Operations: resource.Operations{Tools: map[string][]string{"delete": {"admin"}}}})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest("GET", identifier, nil)
	req.Header.Set("Authorization", "Bearer "+issuer.Token(resourcetest.Token{}))
	decision, refusal := res.Authenticate(req)
	if refusal != nil {
		t.Fatal(refusal.Err)
	}
	defer decision.Done()
	extra := &mcp.RequestExtra{TokenInfo: &auth.TokenInfo{Extra: map[string]any{mcpsdk.CallerKey: decision.Caller}}}
	result := mcpsdk.ChallengeResult(t.Context(), res, &mcp.CallToolRequest{Params: &mcp.CallToolParamsRaw{Name: "delete"}, Extra: extra}, "x")
	if result == nil || !result.IsError || result.Meta != nil {
		t.Fatalf("got %+v, want an error without a challenge", result)
	}
	if got, want := result.Content[0].(*mcp.TextContent).Text, "not authorized: the request needs a scope that cannot be requested"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChallengeWithoutRequest(t *testing.T) {
	for name, extra := range map[string]*mcp.RequestExtra{
		"nil": nil, "no TokenInfo": {}, "a TokenInfo without a caller": {TokenInfo: &auth.TokenInfo{}},
	} {
		if mcpsdk.Challenge(extra, "x") {
			t.Errorf("%s: got true", name)
		}
	}
}

// The session of the SDK's client continues after Lock has rejected calls.
func TestSessionContinuesAfterRejections(t *testing.T) {
	h := newTestServer(t, testRules)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	for _, m := range modes() {
		s, err := h.connect(t, m, h.withoutRules, h.token("base"))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got := rpcErrorText(tool("delete", nil)(t.Context(), s)); got != lacksScope {
				t.Errorf("%v: got %q, want %q", m, got, lacksScope)
			}
		}
		if err := tool("echo", nil)(t.Context(), s); err != nil {
			t.Errorf("%v: after rejections: got %v", m, err)
		}
		if executed := h.takeExecuted(); !slices.Equal(executed, []string{"tool echo"}) {
			t.Errorf("%v: executed %q", m, executed)
		}
	}
}
