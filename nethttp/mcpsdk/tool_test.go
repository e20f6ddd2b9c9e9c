package mcpsdk_test

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A tool receives the caller of the request that calls it, also in a session that was opened with
// another token. The test uses the client and server of the SDK.
func TestToolReceivesCallerOfRequest(t *testing.T) {
	tests := []struct {
		name    string
		options mcp.StreamableHTTPOptions
	}{
		{"stateful sessions, responses as SSE", mcp.StreamableHTTPOptions{}},
		{"stateful sessions, responses as JSON", mcp.StreamableHTTPOptions{JSONResponse: true}},
		{"stateless, responses as SSE", mcp.StreamableHTTPOptions{Stateless: true}},
		{"stateless, responses as JSON", mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newCallerServer(t, tt.options)
			issued := time.Now().Truncate(time.Second)
			token := func(id, scope string, lifetime time.Duration) string {
				return s.issuer.Token(resourcetest.Token{
					Audience: s.url, ClientID: "editor", Scope: scope, IssuedAt: issued, Lifetime: lifetime, Claims: map[string]any{"jti": id},
				})
			}
			id := callerID(s.issuer, "alice")
			want := func(tokenID string, lifetime time.Duration, granted []string, all ...string) observedCaller {
				return observedCaller{
					Present: true, ID: id, Subject: "alice", ClientID: "editor", TokenID: tokenID, Granted: granted,
					UserID: id, Scopes: all, Expiration: issued.Add(lifetime),
				}
			}
			var w tokenTransport
			w.token.Store(token("first", "mcp:read", time.Hour))
			session := s.connect(t, &w)
			opened := session.ID()
			if stateful := opened != ""; stateful == tt.options.Stateless {
				t.Fatalf("session id %q with Stateless %v", opened, tt.options.Stateless)
			}
			checkObservedCaller(t, callWhoami(t, session), want("first", time.Hour, []string{"mcp:read"}, "mcp:read"))

			// The client refreshes its token. The user has granted more scopes.
			w.token.Store(token("second", "mcp:admin", 2*time.Hour))
			checkObservedCaller(t, callWhoami(t, session), want("second", 2*time.Hour, []string{"mcp:admin"}, "mcp:admin", "mcp:read", "mcp:write"))

			// The next token has fewer scopes. Those of the previous one are not kept.
			w.token.Store(token("third", "mcp:read", time.Hour))
			checkObservedCaller(t, callWhoami(t, session), want("third", time.Hour, []string{"mcp:read"}, "mcp:read"))
			if session.ID() != opened {
				t.Errorf("session id: got %q, want %q as before the refresh", session.ID(), opened)
			}
		})
	}
}

// checkObservedCaller compares everything but the headers, and checks that Authorization was
// removed while another header is present.
func checkObservedCaller(t *testing.T, got, want observedCaller) {
	t.Helper()
	if _, ok := got.Header["Authorization"]; ok || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers: got %v, want those of the request without Authorization", got.Header)
	}
	got.Header = nil
	slices.Sort(got.Scopes)
	if !got.Expiration.Equal(want.Expiration) {
		t.Errorf("expiration: got %v, want %v", got.Expiration, want.Expiration)
	}
	got.Expiration = want.Expiration // the same time, possibly in another time zone
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the tool received:\n got %+v\nwant %+v", got, want)
	}
}

// callerID returns the resource.Caller.ID of a subject.
func callerID(issuer *resourcetest.Issuer, subject string) string {
	var c resource.Caller
	if err := c.UnmarshalJSON([]byte(`{"issuer":"` + issuer.Identifier() + `","principal":"sub","subject":"` + subject + `","scopes":[],"all_scopes":[]}`)); err != nil {
		panic(err)
	}
	return c.ID()
}

// A middleware of the SDK receives the caller for every method, beginning with initialize.
func TestSDKMiddlewareReceivesCaller(t *testing.T) {
	issuer := resourcetest.Start(t)
	res := newResource(t, resource.Config{
		Identifier: "http://127.0.0.1/mcp",
		Issuers:    []resource.Issuer{{Verifier: verifier(t, issuer)}},
	})
	server := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	var mu sync.Mutex
	subjects := map[string]string{} // by method
	server.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			if caller, ok := mcpsdk.CallerFrom(req.GetExtra()); ok {
				mu.Lock()
				subjects[method] = caller.Subject()
				mu.Unlock()
			}
			return next(ctx, method, req)
		}
	})
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	s := &callerServer{issuer: issuer, url: serve(t, mcpsdk.Handler(res, handler))}
	var w tokenTransport
	w.token.Store(issuer.Token(resourcetest.Token{Audience: "http://127.0.0.1/mcp"}))
	session := s.connect(t, &w)
	if _, err := session.ListTools(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, method := range []string{"initialize", "notifications/initialized", "tools/list"} {
		if subjects[method] != "alice" {
			t.Errorf("caller of %s: got %q, want %q (all: %v)", method, subjects[method], "alice", maps.Clone(subjects))
		}
	}
}

func TestCallerFromWithoutBridge(t *testing.T) {
	tests := []struct {
		name  string
		extra *mcp.RequestExtra
	}{
		{"a transport other than HTTP", nil},
		{"no token", &mcp.RequestExtra{}},
		{"a TokenInfo of another middleware", &mcp.RequestExtra{TokenInfo: &auth.TokenInfo{UserID: "alice"}}},
		{"another type with the key", &mcp.RequestExtra{TokenInfo: &auth.TokenInfo{Extra: map[string]any{mcpsdk.CallerKey: "alice"}}}},
		{"a nil caller with the key", &mcp.RequestExtra{TokenInfo: &auth.TokenInfo{Extra: map[string]any{mcpsdk.CallerKey: (*resource.Caller)(nil)}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if caller, ok := mcpsdk.CallerFrom(tt.extra); caller != nil || ok {
				t.Errorf("got %v, %v, want nil, false", caller, ok)
			}
		})
	}
}
