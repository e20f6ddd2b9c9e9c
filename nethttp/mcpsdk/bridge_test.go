package mcpsdk_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// serve returns the URL of a handler's endpoint.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL + "/mcp"
}

// RFC 6750 §3.1: the Resource responds to rejected requests, in every mode of the server. They do
// not reach the SDK.
func TestRejectedRequestsDoNotReachTools(t *testing.T) {
	for _, options := range []mcp.StreamableHTTPOptions{{}, {Stateless: true}, {JSONResponse: true}, {Stateless: true, JSONResponse: true}} {
		s := newCallerServer(t, options)
		noToken := `Bearer resource_metadata="` + metadataURL(s.url) + `", scope="mcp:read"`
		failed := func(code, description string) string {
			return noToken + `, error="` + code + `", error_description="` + description + `"`
		}
		invalid := failed("invalid_token", "The access token is invalid")
		malformed := strings.Replace(failed("invalid_request", "The credentials are malformed, or more than one"), `, scope="mcp:read"`, "", 1)
		valid := resourcetest.Token{Audience: s.url, Scope: "mcp:read"}
		with := func(change func(*resourcetest.Token)) http.Header {
			token := valid
			change(&token)
			return bearer(s.issuer.Token(token))
		}
		forged := func(t *resourcetest.Token) { t.Fault = resourcetest.WrongSignature }
		tests := []struct {
			name      string
			url       string
			header    http.Header
			status    int
			challenge string
		}{
			{"no token", s.url, nil, 401, noToken},
			{"a token in the query", s.url + "?access_token=" + s.issuer.Token(valid), nil, 401, noToken},
			{"an expired token", s.url, with(func(t *resourcetest.Token) { t.Lifetime = -time.Hour }), 401, failed("invalid_token", "The access token expired")},
			{"a token for another server", s.url, with(func(t *resourcetest.Token) { t.Audience = "https://other.example/mcp" }), 401, invalid},
			{"a token of an unknown issuer", s.url, with(func(t *resourcetest.Token) { t.Claims = map[string]any{"iss": "https://evil.example"} }), 401, invalid},
			{"a forged signature", s.url, with(forged), 401, invalid},
			{"the placeholder for the SDK", s.url, bearer("accepted-by-warder"), 401, invalid},
			{"two tokens", s.url, http.Header{"Authorization": slices.Repeat(bearer(s.issuer.Token(valid))["Authorization"], 2)}, 400, malformed},
			{"a token without the scope", s.url, with(func(t *resourcetest.Token) { t.Scope = "other" }), 403, failed("insufficient_scope", "The access token lacks a scope that this request needs")},
		}
		for _, tt := range tests {
			got := send(t, "POST", tt.url, callTool, tt.header)
			challenges := got.header["Www-Authenticate"]
			if got.status != tt.status || !slices.Equal(challenges, []string{tt.challenge}) {
				t.Errorf("%s (%+v):\n got %d %q\nwant %d %q", tt.name, options, got.status, challenges, tt.status, tt.challenge)
			}
		}
		if n := s.calls.Load(); n != 0 {
			t.Errorf("%+v: rejected requests made %d tool calls", options, n)
		}
		if got := send(t, "POST", s.url, callTool, with(func(*resourcetest.Token) {})); options.Stateless && got.status != http.StatusOK {
			t.Errorf("%+v: a valid request, for comparison: got status %d, want 200", options, got.status)
		}
	}
}

func metadataURL(identifier string) string {
	return identifier[:len(identifier)-len("/mcp")] + "/.well-known/oauth-protected-resource/mcp"
}

// Bridge passes on only requests that its Resource accepted.
func TestBridgeRequiresMiddleware(t *testing.T) {
	issuer := resourcetest.Start(t)
	own := newResource(t, resource.Config{Identifier: "https://mine.example/mcp", Issuers: []resource.Issuer{{Verifier: verifier(t, issuer), Audiences: []string{"shared"}}}})
	other := newResource(t, resource.Config{Identifier: "https://other.example/mcp", Issuers: []resource.Issuer{{Verifier: verifier(t, issuer), Audiences: []string{"shared"}}}})
	reached := false
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })
	bridge := mcpsdk.Bridge(own)(next)
	// Another middleware has already set a TokenInfo.
	sdkMiddleware := auth.RequireBearerToken(func(ctx context.Context, _ string, _ *http.Request) (*auth.TokenInfo, error) {
		return &auth.TokenInfo{UserID: "alice", Expiration: time.Now().Add(time.Hour)}, nil
	}, nil)
	tests := []struct {
		name    string
		handler http.Handler
		reached bool
	}{
		{"without middleware", bridge, false},
		{"behind the middleware of another resource", nethttp.Middleware(other)(bridge), false},
		{"behind the middleware of the SDK", sdkMiddleware(bridge), false},
		{"behind the middleware of its resource", nethttp.Middleware(own)(bridge), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reached = false
			got := send(t, "POST", serve(t, tt.handler), callTool, bearer(issuer.Token(resourcetest.Token{Audience: "shared"})))
			if reached != tt.reached {
				t.Errorf("passed on: got %v, want %v", reached, tt.reached)
			}
			want := `Bearer resource_metadata="https://mine.example/.well-known/oauth-protected-resource/mcp"`
			if challenge := got.header.Get("WWW-Authenticate"); !tt.reached && (got.status != 401 || challenge != want) {
				t.Errorf("got status %d and challenge %q, want 401 and %q", got.status, challenge, want)
			}
		})
	}
}

// RFC 7519 §4.1.4. Bridge uses the Resource's leeway, so the SDK, which checks the expiry again,
// does not reject a token that the Resource accepts.
func TestExpiryAndLeeway(t *testing.T) {
	const leeway = 10 * time.Second
	tests := []struct {
		name   string
		age    time.Duration // of the token, whose lifetime is one minute, when the request is received
		wait   time.Duration // between Middleware and Bridge
		status int
	}{
		{"a fresh token", 0, 0, 200},
		{"expired by less than the leeway", time.Minute + leeway - 1, 0, 200},
		{"expired by the leeway", time.Minute + leeway, 0, 401},
		{"expires between Middleware and Bridge, by less than the leeway", 0, time.Minute + leeway - 1, 200},
		{"expires between Middleware and Bridge, by the leeway", 0, time.Minute + leeway, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer, err := resourcetest.NewIssuer(resourcetest.Config{Lifetime: time.Minute})
				if err != nil {
					t.Fatal(err)
				}
				keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
				if err != nil {
					t.Fatal(err)
				}
				res := newResource(t, resource.Config{
					Identifier: "https://mcp.example.test/mcp", Issuers: []resource.Issuer{{Verifier: keys}}, Limits: resource.Limits{Leeway: leeway},
				})
				bridge := mcpsdk.Bridge(res)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
				slow := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					time.Sleep(tt.wait)
					bridge.ServeHTTP(w, req)
				})
				req := httptest.NewRequest("POST", "/mcp", nil)
				req.Header = bearer(issuer.Token(resourcetest.Token{}))
				time.Sleep(tt.age)
				w := httptest.NewRecorder()
				nethttp.Middleware(res)(slow).ServeHTTP(w, req)
				if w.Code != tt.status {
					t.Errorf("got status %d, want %d; body %q", w.Code, tt.status, w.Body)
				}
			})
		})
	}
}
