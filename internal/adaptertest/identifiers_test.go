package adaptertest_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const member = identifier + "/x/a"

// withIdentifiers returns a change for newResource.
func withIdentifiers(all ...string) func(*resource.Config) {
	return func(c *resource.Config) { c.Identifier, c.Identifiers = all[0], all[1:] }
}

// get sends a GET request without a token to a URL.
func get(h http.Handler, url string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, url, nil))
	return w
}

// The challenge at each identifier names the document of this identifier (RFC 9728 §5.1, §3.3).
func TestDocumentsOfIdentifiers(t *testing.T) {
	issuer := newIssuer(t)
	onEachAdapter(t, func(t *testing.T, a adapter) {
		for name, identifiers := range map[string][]string{
			"a family":        {identifier, member, identifier + "/x/b/"},
			"several origins": {identifier, "https://b.example.test/mcp", "https://b.example.test:8443/mcp"},
			"both":            {identifier, member, "https://b.example.test/mcp/x/a", "https://b.example.test/"},
		} {
			res := newResource(t, issuer, withIdentifiers(identifiers...))
			handlers := map[string]http.Handler{
				"handler": a.handler(res, http.HandlerFunc(whoami)),
				"routes":  a.routes([]*resource.Resource{res}, nil),
			}
			for _, url := range identifiers {
				challenge := get(handlers["handler"], url).Header().Get("WWW-Authenticate")
				address, ok := strings.CutPrefix(challenge, `Bearer resource_metadata="`)
				if !ok {
					t.Fatalf("%s, %s: got challenge %s", name, url, challenge)
				}
				for kind, handler := range handlers {
					want := strings.Replace(document, identifier, url, 1)
					if w := get(handler, strings.TrimSuffix(address, `"`)); w.Code != http.StatusOK || w.Body.String() != want {
						t.Errorf("%s, %s, %s:\n got %d %s\nwant %s", name, kind, address, w.Code, w.Body, want)
					}
				}
			}
			if w := get(handlers["handler"], "https://evil.example.test"+wellKnown+"/mcp"); w.Body.String() != document {
				t.Errorf("%s, another host: got %s", name, w.Body)
			}
		}
	})
}

// A caller can use a session at each host of a server, with a token for that host (MCP security
// best practices, "Session Hijacking": sessions are bound to the principal). At another path of a
// family it cannot use the session, and nobody else can use it anywhere.
func TestSessionsOfIdentifiers(t *testing.T) {
	const other, port = "https://b.example.test/mcp", "https://b.example.test:8443/mcp"
	issuer := newIssuer(t)
	onEachAdapter(t, func(t *testing.T, a adapter) {
		for _, row := range []struct {
			name        string
			identifiers []string
			opened      string
			used        map[string]int // status for the same principal
		}{
			{"several origins", []string{identifier, other, port}, identifier, map[string]int{identifier: 200, other: 200, port: 200}},
			{"several origins, opened at another", []string{identifier, other, port}, port, map[string]int{identifier: 200, other: 200, port: 200}},
			{"a family", []string{identifier, member}, identifier, map[string]int{identifier: 200, member: 404}},
			{"a family, opened at a member", []string{identifier, member}, member, map[string]int{identifier: 404, member: 200}},
			{"a family at two hosts", []string{identifier, member, other + "/x/a"}, member, map[string]int{identifier: 404, member: 200, other + "/x/a": 200}},
		} {
			res := newResource(t, issuer, withIdentifiers(row.identifiers...))
			handler := a.handler(res, nethttp.BindSessions(res, nethttp.SessionConfig{Logger: slog.New(slog.DiscardHandler)})(new(unboundServer)))
			send := func(url, audience, subject, session string) *httptest.ResponseRecorder {
				req := httptest.NewRequest(http.MethodPost, url, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize"}`))
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("Authorization", "Bearer "+issuer.Token(resourcetest.Token{Audience: audience, Subject: subject}))
				if session != "" {
					req.Header.Set("Mcp-Session-Id", session)
				}
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, req)
				return w
			}
			session := send(row.opened, row.opened, "alice", "").Header().Get("Mcp-Session-Id")
			if session == "" {
				t.Fatalf("%s: no session", row.name)
			}
			for url, status := range row.used {
				for _, use := range []struct {
					name, audience, subject string
					status                  int
				}{
					{"another principal", url, "mallory", 404},
					{"the same principal", url, "alice", status},
					{"a token for another identifier", "https://other.example.test", "alice", 401},
				} {
					if w := send(url, use.audience, use.subject, session); w.Code != use.status {
						t.Errorf("%s, at %s, %s: got %d %s, want %d", row.name, url, use.name, w.Code, w.Body, use.status)
					}
				}
				if url != row.opened {
					if w := send(url, row.opened, "alice", session); w.Code != 401 {
						t.Errorf("%s, at %s, the token of %s: got %d, want 401", row.name, url, row.opened, w.Code)
					}
				}
			}
		}
	})
}

// The SSE transport (MCP 2024-11-05) has its messages below the path of a member.
func TestSSEOfMember(t *testing.T) {
	issuer := newIssuer(t)
	res := newResource(t, issuer, withIdentifiers(identifier, member, identifier+"/x/b"))
	opened := make(chan struct{})
	server := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event: endpoint\ndata: /mcp/x/a/messages?sessionId=1\n\n")
		_ = http.NewResponseController(w).Flush()
		close(opened)
		<-req.Context().Done()
	})
	handler := nethttp.Handler(res, nethttp.BindSessions(res, nethttp.SessionConfig{Logger: slog.New(slog.DiscardHandler)})(server))
	token := func(audience string) string { return issuer.Token(resourcetest.Token{Audience: audience}) }
	url := serve(t, handler)
	stream := request(t, http.MethodGet, url+"/mcp/x/a", token(member), nil)
	go func() {
		if response, err := http.DefaultClient.Do(stream); err == nil {
			_, _ = io.Copy(io.Discard, response.Body) // until the test ends
			_ = response.Body.Close()
		}
	}()
	<-opened
	for _, row := range []struct {
		name, path, token string
		status            int
	}{
		{"its member", "/mcp/x/a/messages?sessionId=1", token(member), 202},
		{"a token for another member", "/mcp/x/a/messages?sessionId=1", token(identifier + "/x/b"), 401},
		{"the path of another member", "/mcp/x/b/messages?sessionId=1", token(identifier + "/x/b"), 404},
	} {
		req := request(t, http.MethodPost, url+row.path, row.token, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
		req.Header.Set("Content-Type", "application/json")
		if response, body := do(t, req); response.StatusCode != row.status {
			t.Errorf("%s: got %d %s, want %d", row.name, response.StatusCode, body, row.status)
		}
	}
}
