package mcpsdk_test

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/resource/resourcetest"
)

// MCP security best practices, "Session Hijacking": a session is bound to the principal that
// opened it, which is identified by issuer and subject, not to the token.
func TestSessionIsBoundToPrincipal(t *testing.T) {
	for _, mode := range []struct {
		name string
		json bool
	}{{"responses as SSE", false}, {"responses as JSON", true}} {
		t.Run(mode.name, func(t *testing.T) {
			s := newCallerServer(t, mcp.StreamableHTTPOptions{JSONResponse: mode.json})
			token := func(issuer *resourcetest.Issuer, t resourcetest.Token) string {
				t.Audience = s.url
				if t.Scope == "" {
					t.Scope = "mcp:read"
				}
				return issuer.Token(t)
			}
			opened := send(t, "POST", s.url, initialize, bearer(token(s.issuer, resourcetest.Token{})))
			id := opened.header.Get("Mcp-Session-Id")
			if opened.status != http.StatusOK || id == "" {
				t.Fatalf("initialize: got status %d and session id %q, want 200 and one", opened.status, id)
			}
			tests := []struct {
				name   string
				method string
				token  string
				status int
				calls  int64
			}{
				{"another token of the same user", "POST", token(s.issuer, resourcetest.Token{}), 200, 1},
				{"a token with further scopes", "POST", token(s.issuer, resourcetest.Token{Scope: "mcp:admin"}), 200, 1},
				{"a token of the same user from another client", "POST", token(s.issuer, resourcetest.Token{ClientID: "other"}), 200, 1},
				{"another user", "POST", token(s.issuer, resourcetest.Token{Subject: "mallory"}), 403, 0},
				{"another user with more scopes", "POST", token(s.issuer, resourcetest.Token{Subject: "mallory", Scope: "mcp:admin"}), 403, 0},
				{"the same subject at another issuer", "POST", token(s.second, resourcetest.Token{}), 403, 0},
				{"a token without a subject, whose client has the name of the user", "POST", token(s.issuer, resourcetest.Token{ClientID: "alice", Claims: map[string]any{"sub": resourcetest.Remove}}), 403, 0},
				{"a subject with another case", "POST", token(s.issuer, resourcetest.Token{Subject: "Alice"}), 403, 0},
				{"another user opens the stream", "GET", token(s.issuer, resourcetest.Token{Subject: "mallory"}), 403, 0},
				{"another user ends the session", "DELETE", token(s.issuer, resourcetest.Token{Subject: "mallory"}), 403, 0},
				{"an expired token of the same user", "POST", token(s.issuer, resourcetest.Token{Lifetime: -time.Hour}), 401, 0},
				{"the session is still open", "POST", token(s.issuer, resourcetest.Token{}), 200, 1},
			}
			for _, tt := range tests {
				header := bearer(tt.token)
				maps.Copy(header, http.Header{"Mcp-Session-Id": {id}, "Mcp-Protocol-Version": {"2025-11-25"}})
				before := s.calls.Load()
				got := send(t, tt.method, s.url, callTool, header)
				if calls := s.calls.Load() - before; got.status != tt.status || calls != tt.calls {
					t.Errorf("%s: got status %d and %d tool calls, want %d and %d; body %q", tt.name, got.status, calls, tt.status, tt.calls, got.body)
				}
				if tt.status == http.StatusForbidden && got.body != "session user mismatch\n" {
					t.Errorf("%s: body: got %q, want that of the SDK", tt.name, got.body)
				}
			}
		})
	}
}
