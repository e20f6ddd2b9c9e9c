package mcpsdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/oauth2"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

// climber is an OAuthHandler of the SDK's client that steps up: it keeps the challenge
// and takes the next token.
type climber struct {
	mu         sync.Mutex
	tokens     []string
	challenges []string
}

func (c *climber) TokenSource(context.Context) (oauth2.TokenSource, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: c.tokens[0]}), nil
}

func (c *climber) Authorize(_ context.Context, _ *http.Request, response *http.Response) error {
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.challenges = append(c.challenges, response.Status+" "+strings.Join(response.Header["Www-Authenticate"], "|")+" "+string(body))
	if len(c.tokens) == 1 {
		return errors.New("no better token")
	}
	c.tokens = c.tokens[1:]
	return nil
}

var _ auth.OAuthHandler = (*climber)(nil)

// climb serves the hall behind its whole front and connects with two tokens in hand.
func (h *hall) climb(t *testing.T, m mode, scopes ...string) (*mcp.ClientSession, *climber) {
	t.Helper()
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return h.server }, &m.options)
	web := httptest.NewServer(mcpsdk.Handler(h.res, handler))
	t.Cleanup(web.Close)
	c := &climber{}
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
	`error_description="The access token lacks a scope that this request needs" {"error":"insufficient_scope","error_description":"The access token lacks a scope that this request needs"}` + "\n"

// rowTool finds out in mid-call that it needs row:7. It progresses first if told so.
func (h *hall) rowTool(late *bool) {
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
			*late = mcpsdk.Challenge(req.Extra, "row:7")
			return mcpsdk.ChallengeResult(ctx, h.res, req, "row:7"), nil, nil
		}
		return nil, nil, h.run("row")
	})
}

// MCP 2026-07-28, step-up: a challenge in mid-call is a 403 like any other, the client
// comes again with another token, and the tool runs. Also in a session that the first
// token opened, where ctx is another request's.
func TestChallengeInMidCall(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		h := newHall(t, resource.Operations{Tools: map[string][]string{"row": {"tool"}}, LateChallenges: true})
		h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
		late := false
		h.rowTool(&late)
		s, c := h.climb(t, m, "base tool", "base tool row:7")
		if _, err := s.ListTools(t.Context(), &mcp.ListToolsParams{}); err != nil { // a stateful session has a past
			t.Fatal(err)
		}
		result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "row"})
		if err != nil || result.IsError {
			t.Fatalf("got %+v, %v", result, err)
		}
		equal(t, "what ran", h.taken(), []string{"row"})
		if !late {
			t.Error("Challenge said that it was too late")
		}
		equal(t, "challenges", c.challenges, []string{needsMore})
	})
}

// Where part of the answer is out, or late challenges are off, the tool says so itself.
func TestChallengeThatComesTooLate(t *testing.T) {
	tests := []struct {
		name      string
		off       bool
		arguments map[string]any
		options   mcp.StreamableHTTPOptions
		version   string
	}{
		{"progress was told", false, map[string]any{"progress": true}, mcp.StreamableHTTPOptions{Stateless: true}, "2026-07-28"},
		{"progress was told, stateful", false, map[string]any{"progress": true}, mcp.StreamableHTTPOptions{}, "2025-11-25"},
		{"an event store primes the stream", false, nil, mcp.StreamableHTTPOptions{EventStore: mcp.NewMemoryEventStore(nil)}, "2025-11-25"},
		{"they are off", true, nil, mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true}, "2026-07-28"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHall(t, resource.Operations{Tools: map[string][]string{"row": {"tool"}}, LateChallenges: !tt.off})
			late := true
			h.rowTool(&late)
			s, c := h.climb(t, mode{options: tt.options, version: tt.version}, "base tool", "base tool row:7")
			result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "row", Arguments: tt.arguments})
			if err != nil {
				t.Fatal(err)
			}
			if late {
				t.Error("Challenge said that it was in time")
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
	if said := result.Content[0].(*mcp.TextContent).Text; !result.IsError || said != text {
		t.Errorf("got isError %v and %q, want true and %q", result.IsError, said, text)
	}
}

// The result is made from the caller and the rules, whatever the scopes asked for.
func TestChallengeResult(t *testing.T) {
	const pointer = `Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"`
	const lackingEnd = `, error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`
	h := newHall(t, resource.Operations{Tools: map[string][]string{"delete": {"admin"}}})
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
		pointer+`, scope="base admin row:7 row:8"`+lackingEnd, "Not authorized: the access token lacks row:7 row:8")
	checkChallengeResult(t, mcpsdk.ChallengeResult(t.Context(), h.res, request("base row:7"), "row:7"),
		pointer+`, scope="base admin row:7"`+lackingEnd, "not authorized: the access token lacks a scope that this request needs")
	checkChallengeResult(t, mcpsdk.ChallengeResult(t.Context(), h.res, &mcp.CallToolRequest{Params: &mcp.CallToolParamsRaw{Name: "delete"}}, "row:7"),
		pointer+`, scope="base"`, "not authorized: no caller is known, or the access token is no longer good")
	malformed := mcpsdk.ChallengeResult(t.Context(), h.res, request("base admin"), `two words`)
	if malformed == nil || !malformed.IsError || malformed.Meta != nil {
		t.Errorf("a malformed scope: got %+v, want an error without a challenge", malformed)
	}
}

func TestChallengeWithoutARequest(t *testing.T) {
	for name, extra := range map[string]*mcp.RequestExtra{
		"nothing": nil, "no TokenInfo": {}, "another's TokenInfo": {TokenInfo: &auth.TokenInfo{}},
	} {
		if mcpsdk.Challenge(extra, "x") {
			t.Errorf("%s: got true", name)
		}
	}
}

// Refusals of the second lock keep what the SDK's client has of its session.
func TestSessionSurvivesRefusals(t *testing.T) {
	h := newHall(t, hallRules)
	h.server.AddReceivingMiddleware(mcpsdk.Lock(h.res))
	for _, m := range modes() {
		s, err := h.connect(t, m, h.round, h.token("base"))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got := refusedWith(tool("delete", nil)(t.Context(), s)); got != lacks {
				t.Errorf("%v: got %q, want %q", m, got, lacks)
			}
		}
		if err := tool("echo", nil)(t.Context(), s); err != nil {
			t.Errorf("%v: after refusals: got %v", m, err)
		}
		if ran := h.taken(); !slices.Equal(ran, []string{"tool echo"}) {
			t.Errorf("%v: ran %q", m, ran)
		}
	}
}
