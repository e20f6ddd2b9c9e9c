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

// authorize asks for a code with a good request in which some parameters are
// other ones, and returns the parameters of the redirect.
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

// TestRoundTrip walks over sockets through discovery, registration (RFC 7591),
// code with PKCE and resource (RFC 7636, 8707, 9207), refresh, introspection
// (RFC 7662) and revocation (RFC 7009).
func TestRoundTrip(t *testing.T) {
	for _, path := range []string{"", "/tenant1"} {
		for _, opaque := range []bool{false, true} {
			t.Run(path+" opaque="+text(opaque), func(t *testing.T) { roundTrip(t, path, opaque) })
		}
	}
}

func roundTrip(t *testing.T, path string, opaque bool) {
	s := resourcetest.Start(t, resourcetest.Config{Path: path, OpaqueTokens: opaque, Subject: "bob"})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	origin := s.URL(resourcetest.Any)
	if got, want := s.Identifier(), origin+path; got != want || !strings.HasPrefix(origin, "http://127.0.0.1:") {
		t.Fatalf("identifier %q, want %q", got, want)
	}
	_, body := get(t, client, origin+"/.well-known/oauth-authorization-server"+path)
	meta := parse(t, body)
	at := func(name string) string { return meta[name].(string) }

	_, registered := registerWith(t, client, at("registration_endpoint"), `{"redirect_uris":["http://127.0.0.1/cb?x=1"],"client_name":"Tester",
		"token_endpoint_auth_method":"client_secret_post","grant_types":["authorization_code","refresh_token"]}`)
	id, secret := registered["client_id"].(string), registered["client_secret"].(string)

	asked := url.Values{"response_type": {"code"}, "client_id": {id}, "redirect_uri": {"http://127.0.0.1:5000/cb?x=1"}, "state": {"xyz"},
		"scope": {"mcp:read mcp:write"}, "resource": {mcp}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"}}
	response, _ := get(t, client, at("authorization_endpoint")+"?"+asked.Encode())
	location, err := response.Location()
	if err != nil || response.StatusCode != http.StatusFound {
		t.Fatalf("%v, status %d", err, response.StatusCode)
	}
	got := location.Query()
	code := got.Get("code")
	got.Del("code")
	if want := "iss=" + url.QueryEscape(s.Identifier()) + "&state=xyz&x=1"; got.Encode() != want || location.Host != "127.0.0.1:5000" {
		t.Fatalf("redirected to %s, want query %s", location, want)
	}

	credentials := "client_id=" + id + "&client_secret=" + secret
	exchange := credentials + "&grant_type=authorization_code&code=" + code + "&code_verifier=" + verifier + "&resource=" + url.QueryEscape(mcp)
	response, first := post(t, client, at("token_endpoint"), exchange)
	access, refresh := first["access_token"].(string), first["refresh_token"].(string)
	delete(first, "access_token")
	delete(first, "refresh_token")
	if want := `{"expires_in":300,"scope":"mcp:read mcp:write","token_type":"Bearer"}`; text(first) != want || response.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %s %v, want %s", text(first), response.Header, want)
	}

	wantClaims := func(claims doc) {
		t.Helper()
		for _, name := range []string{"iat", "exp", "jti"} {
			if claims[name] == nil {
				t.Errorf("no %q in %v", name, claims)
			}
			delete(claims, name)
		}
		want := text(doc{"iss": s.Identifier(), "sub": "bob", "aud": mcp, "client_id": id, "scope": "mcp:read mcp:write"})
		if text(claims) != want {
			t.Errorf("got %s\nwant %s", text(claims), want)
		}
	}
	if !opaque { // RFC 9068
		header := parse(t, string(segment(t, access, 0)))
		_, jwks := get(t, client, at("jwks_uri"))
		if header["typ"] != "at+jwt" || !verifies(publicKey(t, jwks, header["kid"].(string)), header["alg"].(string), access) {
			t.Errorf("the token does not verify: %v", header)
		}
		wantClaims(parse(t, string(segment(t, access, 1))))
	} else if strings.Contains(access, ".") {
		t.Errorf("%q is not opaque", access)
	}

	introspect := func(token string) doc {
		t.Helper()
		_, reply := post(t, client, at("introspection_endpoint"), "token="+token, resourcetest.DefaultClientID, resourcetest.DefaultClientSecret)
		return reply
	}
	reply := introspect(access)
	if reply["active"] != true || reply["token_type"] != "Bearer" {
		t.Fatalf("got %v", reply)
	}
	delete(reply, "active")
	delete(reply, "token_type")
	wantClaims(reply)

	_, second := post(t, client, at("token_endpoint"), credentials+"&grant_type=refresh_token&scope=mcp:read&refresh_token="+refresh)
	if second["scope"] != "mcp:read" || second["refresh_token"] == refresh || second["refresh_token"] == nil {
		t.Fatalf("got %v", second)
	}
	renewed := second["access_token"].(string)
	if reply := introspect(renewed); reply["active"] != true || reply["aud"] != mcp {
		t.Errorf("got %v", reply)
	}

	response, _ = post(t, client, at("revocation_endpoint"), credentials+"&token="+access)
	if reply := introspect(access); response.StatusCode != 200 || text(reply) != `{"active":false}` {
		t.Errorf("revoked: status %d, then %v", response.StatusCode, reply)
	}
	// Reuse of a refresh token ends its whole family (RFC 9700 section 4.14.2).
	if response, reused := post(t, client, at("token_endpoint"), credentials+"&grant_type=refresh_token&refresh_token="+refresh); response.StatusCode != 400 || reused["error"] != "invalid_grant" {
		t.Errorf("reuse: status %d %v", response.StatusCode, reused)
	}
	if reply := introspect(renewed); text(reply) != `{"active":false}` {
		t.Errorf("after reuse: %v", reply)
	}
	if _, after := post(t, client, at("token_endpoint"), credentials+"&grant_type=refresh_token&refresh_token="+second["refresh_token"].(string)); after["error"] != "invalid_grant" {
		t.Errorf("after reuse the newest refresh token still works: %v", after)
	}
}

func registerWith(t *testing.T, client *http.Client, target, body string) (*http.Response, doc) {
	t.Helper()
	r := request(t, "POST", target, body)
	r.Header.Set("Content-Type", "application/json")
	response, reply := do(t, client, r)
	return response, parse(t, reply)
}
