package resourcetest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	verifier = "a-verifier-of-at-least-forty-three-characters-0123"
	mcp      = "https://mcp.example.com/mcp"
	callback = "http://127.0.0.1:41234/callback"
)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authorize sends a valid authorization request with some parameters changed, and returns the
// parameters of the redirect.
func authorize(t *testing.T, client *http.Client, s *resourcetest.Issuer, changes string) (*http.Response, url.Values) {
	t.Helper()
	q := url.Values{
		"response_type": {"code"}, "client_id": {"test-client"}, "redirect_uri": {callback}, "state": {"s t"},
		"code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}
	changed, err := url.ParseQuery(changes)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range changed {
		q[name] = values
	}
	response, _ := get(t, client, s.URL(resourcetest.Authorization)+"?"+q.Encode())
	location, err := response.Location()
	if err != nil {
		return response, nil
	}
	return response, location.Query()
}

// TestRoundTrip uses the server over sockets: discovery, registration (RFC 7591), code with PKCE
// and resource (RFC 7636, 8707, 9207), refresh, introspection (RFC 7662) and revocation (RFC
// 7009).
func TestRoundTrip(t *testing.T) {
	for _, path := range []string{"", "/tenant1"} {
		for _, opaque := range []bool{false, true} {
			t.Run(path+" opaque="+text(opaque), func(t *testing.T) { testRoundTrip(t, path, opaque) })
		}
	}
}

// flow is a client that registered itself, with the metadata of its authorization server.
type flow struct {
	*testing.T
	issuer      *resourcetest.Issuer
	client      *http.Client
	metadata    doc
	id          string
	credentials string // as form parameters
}

func testRoundTrip(t *testing.T, path string, opaque bool) {
	f := newFlow(t, resourcetest.Config{Path: path, OpaqueTokens: opaque, Subject: "bob"})
	code := f.requestCode()
	access, refresh := f.exchangeCode(code)
	if !opaque { // RFC 9068
		header := parse(t, string(segment(t, access, 0)))
		_, jwks := get(t, f.client, f.endpoint("jwks_uri"))
		if header["typ"] != "at+jwt" || !verifies(publicKey(t, jwks, header["kid"].(string)), header["alg"].(string), access) {
			t.Errorf("the signature is invalid: %v", header)
		}
		f.checkClaims(parse(t, string(segment(t, access, 1))))
	} else if strings.Contains(access, ".") {
		t.Errorf("%q is not opaque", access)
	}
	reply := f.introspect(access)
	if reply["active"] != true || reply["token_type"] != "Bearer" {
		t.Fatalf("got %v", reply)
	}
	delete(reply, "active")
	delete(reply, "token_type")
	f.checkClaims(reply)
	f.testRefreshAndRevocation(access, refresh)
}

// newFlow discovers the server and registers a client.
func newFlow(t *testing.T, config resourcetest.Config) *flow {
	t.Helper()
	s := resourcetest.Start(t, config)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	origin := s.URL(resourcetest.Any)
	if got, want := s.Identifier(), origin+config.Path; got != want || !strings.HasPrefix(origin, "http://127.0.0.1:") {
		t.Fatalf("identifier %q, want %q", got, want)
	}
	_, body := get(t, client, origin+"/.well-known/oauth-authorization-server"+config.Path)
	f := &flow{T: t, issuer: s, client: client, metadata: parse(t, body)}
	_, registered := registerWith(t, client, f.endpoint("registration_endpoint"), `{"redirect_uris":["http://127.0.0.1/cb?x=1"],"client_name":"Tester",
		"token_endpoint_auth_method":"client_secret_post","grant_types":["authorization_code","refresh_token"]}`)
	f.id = registered["client_id"].(string)
	f.credentials = "client_id=" + f.id + "&client_secret=" + registered["client_secret"].(string)
	return f
}

// endpoint returns a URL of the metadata.
func (f *flow) endpoint(name string) string { return f.metadata[name].(string) }

func (f *flow) requestCode() string {
	f.Helper()
	requested := url.Values{"response_type": {"code"}, "client_id": {f.id}, "redirect_uri": {"http://127.0.0.1:5000/cb?x=1"}, "state": {"xyz"},
		"scope": {"mcp:read mcp:write"}, "resource": {mcp}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"}}
	response, _ := get(f.T, f.client, f.endpoint("authorization_endpoint")+"?"+requested.Encode())
	location, err := response.Location()
	if err != nil || response.StatusCode != http.StatusFound {
		f.Fatalf("%v, status %d", err, response.StatusCode)
	}
	got := location.Query()
	code := got.Get("code")
	got.Del("code")
	if want := "iss=" + url.QueryEscape(f.issuer.Identifier()) + "&state=xyz&x=1"; got.Encode() != want || location.Host != "127.0.0.1:5000" {
		f.Fatalf("redirected to %s, want query %s", location, want)
	}
	return code
}

func (f *flow) exchangeCode(code string) (access, refresh string) {
	f.Helper()
	form := f.credentials + "&grant_type=authorization_code&code=" + code + "&code_verifier=" + verifier + "&resource=" + url.QueryEscape(mcp)
	response, reply := post(f.T, f.client, f.endpoint("token_endpoint"), form)
	access, refresh = reply["access_token"].(string), reply["refresh_token"].(string)
	delete(reply, "access_token")
	delete(reply, "refresh_token")
	if want := `{"expires_in":300,"scope":"mcp:read mcp:write","token_type":"Bearer"}`; text(reply) != want || response.Header.Get("Cache-Control") != "no-store" {
		f.Fatalf("got %s %v, want %s", text(reply), response.Header, want)
	}
	return access, refresh
}

func (f *flow) refresh(form string) (*http.Response, doc) {
	f.Helper()
	return post(f.T, f.client, f.endpoint("token_endpoint"), f.credentials+"&grant_type=refresh_token"+form)
}

func (f *flow) introspect(token string) doc {
	f.Helper()
	_, reply := post(f.T, f.client, f.endpoint("introspection_endpoint"), "token="+token, resourcetest.DefaultClientID, resourcetest.DefaultClientSecret)
	return reply
}

// checkClaims checks the claims of the first access token.
func (f *flow) checkClaims(claims doc) {
	f.Helper()
	for _, name := range []string{"iat", "exp", "jti"} {
		if claims[name] == nil {
			f.Errorf("%q is not in %v", name, claims)
		}
		delete(claims, name)
	}
	want := text(doc{"iss": f.issuer.Identifier(), "sub": "bob", "aud": mcp, "client_id": f.id, "scope": "mcp:read mcp:write"})
	if text(claims) != want {
		f.Errorf("got %s\nwant %s", text(claims), want)
	}
}

func (f *flow) testRefreshAndRevocation(access, refresh string) {
	f.Helper()
	_, second := f.refresh("&scope=mcp:read&refresh_token=" + refresh)
	if second["scope"] != "mcp:read" || second["refresh_token"] == refresh || second["refresh_token"] == nil {
		f.Fatalf("got %v", second)
	}
	renewed := second["access_token"].(string)
	if reply := f.introspect(renewed); reply["active"] != true || reply["aud"] != mcp {
		f.Errorf("got %v", reply)
	}
	response, _ := post(f.T, f.client, f.endpoint("revocation_endpoint"), f.credentials+"&token="+access)
	if reply := f.introspect(access); response.StatusCode != 200 || text(reply) != `{"active":false}` {
		f.Errorf("revoked: status %d, then %v", response.StatusCode, reply)
	}
	// Reuse of a refresh token revokes all tokens of its grant (RFC 9700 section 4.14.2).
	if response, reused := f.refresh("&refresh_token=" + refresh); response.StatusCode != 400 || reused["error"] != "invalid_grant" {
		f.Errorf("reuse: status %d %v", response.StatusCode, reused)
	}
	if reply := f.introspect(renewed); text(reply) != `{"active":false}` {
		f.Errorf("after reuse: %v", reply)
	}
	if _, after := f.refresh("&refresh_token=" + second["refresh_token"].(string)); after["error"] != "invalid_grant" {
		f.Errorf("the newest refresh token is still valid after reuse: %v", after)
	}
}

func registerWith(t *testing.T, client *http.Client, target, body string) (*http.Response, doc) {
	t.Helper()
	r := request(t, "POST", target, body)
	r.Header.Set("Content-Type", "application/json")
	response, reply := do(t, client, r)
	return response, parse(t, reply)
}
