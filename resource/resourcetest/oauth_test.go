package resourcetest_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

func clients() []resourcetest.Client {
	return []resourcetest.Client{
		{ID: "test-client", Secret: "test-secret", RedirectURIs: []string{"http://127.0.0.1/callback"}},
		{ID: "other", Secret: "s:% ü+&", RedirectURIs: []string{"https://app.example/cb"}},
		{ID: "machine", Secret: "x", RedirectURIs: []string{"https://m.example/"}, GrantTypes: []string{"client_credentials"}},
		{ID: "open"},
		{ID: "public", RedirectURIs: []string{"http://localhost:7777/cb", "http://[::1]/cb"}, GrantTypes: []string{"authorization_code"}},
	}
}

func TestAuthorizationErrors(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{Clients: clients(), ScopesSupported: []string{"a", "b"}})
	for _, row := range []struct{ name, changes, want string }{
		{"unknown client: no redirect (RFC 6749 §4.1.2.1)", "client_id=unknown", "400"},
		{"unregistered redirect URI: no redirect", "redirect_uri=https://evil.example/", "400"},
		{"another path than registered", "redirect_uri=http://127.0.0.1:1/callback/", "400"},
		{"a host that begins with the loopback IP", "redirect_uri=http://127.0.0.1.evil.example/callback", "400"},
		{"userinfo before the loopback IP's port", "redirect_uri=http://127.0.0.1:1@evil.example/callback", "400"},
		{"a fragment", "redirect_uri=http://127.0.0.1/callback%23", "400"},
		{"localhost with another port (RFC 8252 §7.3)", "client_id=public&redirect_uri=http://localhost:7778/cb", "400"},
		{"no redirect URI, two are registered", "client_id=public&redirect_uri=", "400"},
		{"a duplicate parameter (RFC 6749 §3.1)", "client_id=test-client&client_id=test-client", "400"},
		{"IPv6 loopback with any port", "client_id=public&redirect_uri=http://[::1]:9/cb", "code"},
		{"localhost with the registered port", "client_id=public&redirect_uri=http://localhost:7777/cb", "code"},
		{"the registered loopback URI", "redirect_uri=http://127.0.0.1/callback", "code"},
		{"no redirect URI, one is registered", "client_id=other&redirect_uri=", "code"},
		{"a grant that was not registered (RFC 7591 §2)", "client_id=machine&redirect_uri=", "unauthorized_client"},
		{"implicit grant", "response_type=token", "unsupported_response_type"},
		{"no PKCE (OAuth 2.1 §4.1.1)", "code_challenge=", "invalid_request"},
		{"plain PKCE", "code_challenge_method=plain", "invalid_request"},
		{"unknown scopes", "scope=x+y", "invalid_scope"},
		{"a scope with a quote (RFC 6749 §3.3)", "scope=%22", "invalid_scope"},
		{"a scope that is not UTF-8", "scope=%ff", "invalid_scope"},
		{"a relative resource (RFC 8707 §2)", "resource=/mcp", "invalid_target"},
		{"a resource with a fragment", "resource=https://a/%23b", "invalid_target"},
		{"a resource that is not UTF-8", "resource=https://a/%ff", "invalid_target"},
	} {
		response, reply := authorize(t, client, s, row.changes)
		got := "400"
		switch {
		case response.StatusCode == 302 && reply.Get("iss") != s.Identifier(), response.StatusCode == 302 && reply.Get("state") != "s t":
			got = "no iss or state: " + reply.Encode()
		case response.StatusCode == 302 && reply.Has("code"):
			got = "code"
		case response.StatusCode == 302:
			got = reply.Get("error")
		case response.StatusCode != 400:
			got = response.Status
		}
		if got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

func TestTokenErrors(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{Clients: clients()})
	for _, row := range []struct{ name, authorize, form, basic, want string }{
		{"a valid exchange", "", "", "test-client test-secret", "200 "},
		{"credentials in the form", "", "client_id=test-client&client_secret=test-secret", "", "200 "},
		{"the redirect URI, which OAuth 2.0 clients send", "", "redirect_uri=" + callback, "test-client test-secret", "200 "},
		{"another redirect URI", "", "redirect_uri=http://127.0.0.1/callback", "test-client test-secret", "400 invalid_grant"},
		{"a secret that must be form-encoded (RFC 6749 §2.3.1)", "client_id=other&redirect_uri=", "", "other s:% ü+&", "200 "},
		{"a public client", "client_id=public&redirect_uri=http://localhost:7777/cb", "client_id=public", "", "200 "},
		{"a public client with a secret", "client_id=public&redirect_uri=http://localhost:7777/cb", "client_id=public&client_secret=x", "", "401 invalid_client"},
		{"wrong secret", "", "", "test-client wrong", "401 invalid_client"},
		{"confidential client without secret", "", "client_id=test-client", "", "401 invalid_client"},
		{"no client", "", "", "", "401 invalid_client"},
		{"two authentication methods (RFC 6749 §2.3)", "", "client_secret=test-secret", "test-client test-secret", "400 invalid_request"},
		{"another client's code", "", "", "other s:% ü+&", "400 invalid_grant"},
		{"wrong verifier (RFC 7636 §4.6)", "", "code_verifier=" + verifier + "x", "test-client test-secret", "400 invalid_grant"},
		{"no verifier", "", "code_verifier=", "test-client test-secret", "400 invalid_grant"},
		{"a verifier that is too short (RFC 7636 §4.1)", "code_challenge=-bAHi131ltLqGQEMABu9AJ5lHeLFfo-341XzHrnT9zk", "code_verifier=short", "test-client test-secret", "400 invalid_grant"},
		{"unknown code", "", "code=x", "test-client test-secret", "400 invalid_grant"},
		{"a resource that was not granted (RFC 8707 §2.2)", "resource=" + mcp, "resource=https://other.example", "test-client test-secret", "400 invalid_target"},
		{"one of two resources", "resource=" + mcp + "&resource=https://b.example", "resource=https://b.example", "test-client test-secret", "200 "},
		{"password grant", "", "grant_type=password", "test-client test-secret", "400 unsupported_grant_type"},
		{"no grant type", "", "grant_type=", "test-client test-secret", "400 unsupported_grant_type"},
		{"client credentials of a public client (RFC 6749 §4.4)", "", "grant_type=client_credentials&client_id=open", "", "400 unauthorized_client"},
		{"a grant that was not registered (RFC 7591 §2)", "", "grant_type=refresh_token&refresh_token=x", "machine x", "400 unauthorized_client"},
		{"two clients in one request", "", "client_id=other", "test-client test-secret", "400 invalid_request"},
		{"the same client in header and form", "", "client_id=test-client", "test-client test-secret", "200 "},
		{"unknown refresh token", "", "grant_type=refresh_token&refresh_token=x", "test-client test-secret", "400 invalid_grant"},
		{"duplicate parameter (RFC 6749 §3.2)", "", "code=a&code=b", "test-client test-secret", "400 invalid_request"},
	} {
		_, reply := authorize(t, client, s, row.authorize)
		form := url.Values{"grant_type": {"authorization_code"}, "code": {reply.Get("code")}, "code_verifier": {verifier}}
		changes, err := url.ParseQuery(row.form)
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range changes {
			form[name] = values
		}
		var basic []string
		if name, secret, ok := strings.Cut(row.basic, " "); ok {
			basic = []string{name, secret}
		}
		response, body := post(t, client, s.URL(resourcetest.TokenEndpoint), form.Encode(), basic...)
		code, _ := body["error"].(string)
		if got := response.Status[:4] + code; got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
		if challenged := response.Header.Get("WWW-Authenticate") != ""; challenged != (response.StatusCode == 401) {
			t.Errorf("%s: WWW-Authenticate %v with status %d", row.name, challenged, response.StatusCode)
		}
	}
}

// Using a code a second time revokes the tokens of the first time (RFC 6749 §4.1.2). A wrong
// verifier does not use up the code. A code expires after one minute.
func TestCodeReuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := newIssuer(t, resourcetest.Config{})
		exchange := func(code, verifier string) doc {
			_, reply := post(t, client, s.URL(resourcetest.TokenEndpoint), "grant_type=authorization_code&code="+code+"&code_verifier="+verifier, "test-client", "test-secret")
			return reply
		}
		_, reply := authorize(t, client, s, "")
		if got := exchange(reply.Get("code"), "wrong"); got["error"] != "invalid_grant" {
			t.Fatalf("got %v", got)
		}
		first := exchange(reply.Get("code"), verifier)
		if got := active(t, s, client, first["access_token"].(string)); got != true {
			t.Fatalf("active: %v", got)
		}
		if got := exchange(reply.Get("code"), verifier); got["error"] != "invalid_grant" {
			t.Errorf("second use of the code: %v", got)
		}
		if got := active(t, s, client, first["access_token"].(string)); got != false {
			t.Errorf("active after the second use of the code: %v", got)
		}
		_, reply = authorize(t, client, s, "")
		time.Sleep(time.Minute)
		if got := exchange(reply.Get("code"), verifier); got["error"] != "invalid_grant" {
			t.Errorf("after a minute: %v", got)
		}
	})
}

// active returns the member "active" of the introspection response.
func active(t *testing.T, s *resourcetest.Issuer, client *http.Client, token string) any {
	t.Helper()
	_, reply := post(t, client, s.URL(resourcetest.Introspection), "token="+url.QueryEscape(token), "test-client", "test-secret")
	return reply["active"]
}

func TestScopesAndAudiences(t *testing.T) {
	config := resourcetest.Config{ScopesSupported: []string{"a", "b"}, DefaultScopes: []string{"a"}, Audience: "https://default.example"}
	s, client := newIssuer(t, config)
	for _, row := range []struct{ name, form, scope, audience string }{
		{"no scope requested: the defaults", "", `"a"`, `"https://default.example"`},
		{"unsupported scopes are not granted", "scope=b+c", `"b"`, `"https://default.example"`},
		{"one resource is a string", "scope=a+b&resource=" + mcp, `"a b"`, `"` + mcp + `"`},
		{"two resources are an array", "resource=" + mcp + "&resource=https://b.example", `"a"`, `["` + mcp + `","https://b.example"]`},
	} {
		_, reply := post(t, client, s.URL(resourcetest.TokenEndpoint), "grant_type=client_credentials&"+row.form, "test-client", "test-secret")
		claims := parse(t, string(segment(t, reply["access_token"].(string), 1)))
		if text(reply["scope"]) != row.scope || text(claims["scope"]) != row.scope || text(claims["aud"]) != row.audience {
			t.Errorf("%s: got %v and %v, want %s for %s", row.name, reply, claims, row.scope, row.audience)
		}
		if claims["sub"] != "test-client" || reply["refresh_token"] != nil { // RFC 9068 §2.2, RFC 6749 §4.4.3
			t.Errorf("%s: sub %v, refresh token %v", row.name, claims["sub"], reply["refresh_token"])
		}
	}
}

func TestRegistration(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	const uris = `"redirect_uris":["https://app.example/cb"]`
	for _, row := range []struct{ name, body, want string }{
		{"defaults (RFC 7591 §2)", `{` + uris + `}`, `201 {"client_secret_expires_at":0,"grant_types":["authorization_code"],"redirect_uris":["https://app.example/cb"],"response_types":["code"],"token_endpoint_auth_method":"client_secret_basic"}`},
		{"a public client; unknown members and grants are ignored", `{` + uris + `,"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token","magic"],"x":[1],"client_name":"<é>"}`, `201 {"client_name":"\u003cé\u003e","grant_types":["authorization_code","refresh_token"],"redirect_uris":["https://app.example/cb"],"response_types":["code"],"token_endpoint_auth_method":"none"}`},
		{"a private scheme (RFC 8252 §7.1)", `{"redirect_uris":["com.example.app:/cb"],"token_endpoint_auth_method":"none"}`, `201 {"grant_types":["authorization_code"],"redirect_uris":["com.example.app:/cb"],"response_types":["code"],"token_endpoint_auth_method":"none"}`},
		{"no redirect URI", `{}`, `400 {"error":"invalid_redirect_uri"}`},
		{"javascript", `{"redirect_uris":["javascript:alert(1)"]}`, `400 {"error":"invalid_redirect_uri"}`},
		{"plain http, not on loopback", `{"redirect_uris":["http://app.example/cb"]}`, `400 {"error":"invalid_redirect_uri"}`},
		{"a fragment", `{"redirect_uris":["https://app.example/cb#x"]}`, `400 {"error":"invalid_redirect_uri"}`},
		{"unknown authentication", `{` + uris + `,"token_endpoint_auth_method":"private_key_jwt"}`, `400 {"error":"invalid_client_metadata"}`},
		{"unknown grants only", `{` + uris + `,"grant_types":["implicit"]}`, `400 {"error":"invalid_client_metadata"}`},
		{"not JSON", `redirect_uris=x`, `400 {"error":"invalid_client_metadata"}`},
		{"a duplicate member", `{` + uris + `,` + uris + `}`, `400 {"error":"invalid_client_metadata"}`},
		{"an array", `[]`, `400 {"error":"invalid_client_metadata"}`},
		{"null", `null`, `400 {"error":"invalid_redirect_uri"}`},
		{"too long", `{"client_name":"` + strings.Repeat("x", 65<<10) + `"}`, `413 {"error":"invalid_request"}`},
	} {
		response, reply := registerWith(t, client, s.URL(resourcetest.Registration), row.body)
		secret, hasSecret := reply["client_secret"]
		if id := reply["client_id"]; response.StatusCode == 201 && (id == nil || hasSecret == (reply["token_endpoint_auth_method"] == "none") || secret == "") {
			t.Errorf("%s: client_id %v, secret %v", row.name, id, hasSecret)
		}
		for _, name := range []string{"client_id", "client_secret", "client_id_issued_at", "error_description"} {
			delete(reply, name)
		}
		if got := response.Status[:4] + text(reply); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}

// Only clients that registered the grant get refresh tokens (RFC 7591 §2). A refresh token is
// bound to its client and does not give more scopes than were granted (RFC 6749 §6).
func TestRefresh(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{Clients: clients()})
	endpoint := s.URL(resourcetest.TokenEndpoint)
	_, reply := authorize(t, client, s, "client_id=public&redirect_uri=http://localhost:7777/cb")
	_, got := post(t, client, endpoint, "client_id=public&grant_type=authorization_code&code="+reply.Get("code")+"&code_verifier="+verifier)
	if got["access_token"] == nil || got["refresh_token"] != nil {
		t.Errorf("a client without the refresh grant got %v", got)
	}
	_, reply = authorize(t, client, s, "scope=a+b&resource="+mcp)
	_, got = post(t, client, endpoint, "grant_type=authorization_code&code="+reply.Get("code")+"&code_verifier="+verifier, "test-client", "test-secret")
	form := "grant_type=refresh_token&refresh_token=" + got["refresh_token"].(string)
	for _, row := range []struct{ name, extra, basic, want string }{
		{"another client", "", "other s:% ü+&", "invalid_grant"},
		{"more scopes", "&scope=a+c", "test-client test-secret", "invalid_scope"},
		{"another resource", "&resource=https://b.example", "test-client test-secret", "invalid_target"},
		{"valid; the previous failures did not use it up", "&scope=b", "test-client test-secret", ""},
	} {
		_, got := post(t, client, endpoint, form+row.extra, strings.SplitN(row.basic, " ", 2)...)
		if code, _ := got["error"].(string); code != row.want {
			t.Errorf("%s: got %v, want %q", row.name, got, row.want)
		}
	}
}

func TestIntrospectionAndRevocationRequireClient(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{Clients: clients()})
	token := s.OpaqueToken(resourcetest.Token{Text: "five.dots.are.no.jwt+&%", Scope: "a"})
	send := func(endpoint resourcetest.Endpoint, form string, basic ...string) string {
		response, reply := post(t, client, s.URL(endpoint), form, basic...)
		return response.Status[:4] + text(reply["error"]) + text(reply["active"])
	}
	escaped := "token=" + url.QueryEscape(token)
	for _, row := range []struct{ name, got, want string }{
		{"introspection without credentials (RFC 7662 §2.1)", send(resourcetest.Introspection, escaped), `401 "invalid_client"null`},
		{"introspection by a public client", send(resourcetest.Introspection, escaped+"&client_id=public"), `401 "invalid_client"null`},
		{"introspection with a wrong secret", send(resourcetest.Introspection, escaped, "other", "x"), `401 "invalid_client"null`},
		{"introspection without a token", send(resourcetest.Introspection, "", "other", "s:% ü+&"), `400 "invalid_request"null`},
		{"introspection of an unknown token", send(resourcetest.Introspection, "token=x", "other", "s:% ü+&"), `200 nullfalse`},
		{"introspection", send(resourcetest.Introspection, escaped, "other", "s:% ü+&"), `200 nulltrue`},
		{"revocation without credentials (RFC 7009 §2.1)", send(resourcetest.Revocation, escaped), `401 "invalid_client"null`},
		{"revocation of another client's token", send(resourcetest.Revocation, escaped, "other", "s:% ü+&"), `400 "unauthorized_client"null`},
		{"introspection: still active", send(resourcetest.Introspection, escaped, "other", "s:% ü+&"), `200 nulltrue`},
		{"revocation of an unknown token (RFC 7009 §2.2)", send(resourcetest.Revocation, "token=x", "other", "s:% ü+&"), `200 nullnull`},
		{"revocation without a token", send(resourcetest.Revocation, "", "other", "s:% ü+&"), `400 "invalid_request"null`},
		{"revocation", send(resourcetest.Revocation, escaped, "test-client", "test-secret"), `200 nullnull`},
		{"introspection: revoked", send(resourcetest.Introspection, escaped, "other", "s:% ü+&"), `200 nullfalse`},
	} {
		if row.got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, row.got, row.want)
		}
	}
	if got := s.Last(resourcetest.Introspection); got.Form.Get("token") != token || !strings.HasPrefix(got.Header.Get("Authorization"), "Basic ") {
		t.Errorf("recorded %v", got)
	}
}

// Revoking a refresh token, with the endpoint (RFC 7009 §2.1) or with Revoke, also revokes the
// access tokens of its grant.
func TestRevokedRefreshToken(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	for name, revoke := range map[string]func(string){
		"endpoint": func(token string) {
			post(t, client, s.URL(resourcetest.Revocation), "token="+token, "test-client", "test-secret")
		},
		"method": s.Revoke,
	} {
		_, reply := authorize(t, client, s, "")
		_, got := post(t, client, s.URL(resourcetest.TokenEndpoint), "grant_type=authorization_code&code="+reply.Get("code")+"&code_verifier="+verifier, "test-client", "test-secret")
		access, refresh := got["access_token"].(string), got["refresh_token"].(string)
		before := active(t, s, client, access)
		refreshActive := active(t, s, client, refresh) // never, because it is not an access token
		revoke(refresh)
		_, again := post(t, client, s.URL(resourcetest.TokenEndpoint), "grant_type=refresh_token&refresh_token="+refresh, "test-client", "test-secret")
		if after := active(t, s, client, access); before != true || refreshActive != false || after != false || again["error"] != "invalid_grant" {
			t.Errorf("%s: active %v, then %v; refresh token active %v, then %v", name, before, after, refreshActive, again)
		}
	}
}

// Registration is limited to 10,000 clients. Expired tokens are removed, others are not.
func TestMemoryLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var many []resourcetest.Client
		for i := range 9_999 {
			many = append(many, resourcetest.Client{ID: strconv.Itoa(i), Secret: "s"})
		}
		s, client := newIssuer(t, resourcetest.Config{Clients: many})
		for _, want := range []int{201, 503} {
			if response, _ := registerWith(t, client, s.URL(resourcetest.Registration), `{"redirect_uris":["https://a.example"]}`); response.StatusCode != want {
				t.Errorf("got %d, want %d", response.StatusCode, want)
			}
		}
		introspect := func(token string) any {
			_, reply := post(t, client, s.URL(resourcetest.Introspection), "token="+token, "0", "s")
			return reply["active"]
		}
		long := s.OpaqueToken(resourcetest.Token{Lifetime: time.Hour})
		for range 2 {
			for range 2_000 {
				s.OpaqueToken(resourcetest.Token{})
			}
			time.Sleep(10 * time.Minute)
		}
		if last := s.OpaqueToken(resourcetest.Token{}); introspect(long) != true || introspect(last) != true {
			t.Error("an active token was removed")
		}
	})
}
