package onbehalf_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/resourcetest"
)

// jwt returns a JWT with these claims whose signature is invalid.
func jwt(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"ES256"}`)) + "." + encode([]byte(claims)) + ".c2ln"
}

// answerWith returns an answer with these members in place of those of a good one.
func answerWith(format string, args ...any) resourcetest.Failure {
	return resourcetest.Failure{Body: fmt.Appendf(nil, format, args...)}
}

const issuedType = `"issued_token_type":"urn:ietf:params:oauth:token-type:access_token"`

// Answers that must not be used. In each of them, %TOKEN% is the caller's token.
func TestHostileAnswers(t *testing.T) {
	good := func(members string) resourcetest.Failure { return answerWith(`{%s}`, members) }
	html := resourcetest.Failure{Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte(`{"access_token":"x","token_type":"Bearer",` + issuedType + `}`)}
	for _, row := range []struct {
		name   string
		answer resourcetest.Failure
		kind   onbehalf.Kind
		detail string
	}{
		{"token_type N_A (RFC 8693 §2.2.1)", good(`"access_token":"x","token_type":"N_A",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailTokenType},
		{"token_type DPoP (RFC 9449 §5)", good(`"access_token":"x","token_type":"DPoP",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailTokenType},
		{"no token_type (RFC 6749 §5.1)", good(`"access_token":"x",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailTokenType},
		{"no issued_token_type (RFC 8693 §2.2.1)", good(`"access_token":"x","token_type":"Bearer"`), onbehalf.KindUnusable, onbehalf.DetailIssuedType},
		{"a refresh token as the issued token", good(`"access_token":"x","token_type":"Bearer","issued_token_type":"urn:ietf:params:oauth:token-type:refresh_token"`), onbehalf.KindUnusable, onbehalf.DetailIssuedType},
		{"an ID token as the issued token", good(`"access_token":"x","token_type":"Bearer","issued_token_type":"urn:ietf:params:oauth:token-type:id_token"`), onbehalf.KindUnusable, onbehalf.DetailIssuedType},
		{"no access_token", good(`"token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailAccessToken},
		{"only a refresh token", good(`"refresh_token":"x","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailAccessToken},
		{"a line break in the token", good(`"access_token":"x\r\nX-Admin: 1","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailAccessToken},
		{"a NUL in the token", good(`"access_token":"x\u0000","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailAccessToken},
		{"a space in the token", good(`"access_token":"x y","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailAccessToken},
		{"a token that is too long", good(`"access_token":"` + strings.Repeat("x", 32<<10+1) + `","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailAccessToken},
		{"the caller's token", good(`"access_token":"%TOKEN%","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailSameToken},
		{"the caller's token with another form of its signature", good(`"access_token":"%TOKEN%AA","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailSameToken},
		{"a wider scope", good(`"access_token":"x","token_type":"Bearer","scope":"calendar.read admin",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailScope},
		{"a scope in another case", good(`"access_token":"x","token_type":"Bearer","scope":"Calendar.read",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailScope},
		{"a scope with a line break", good(`"access_token":"x","token_type":"Bearer","scope":"calendar.read\ncalendar.write",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailScope},
		{"a JWT with a wider scope than the answer", good(`"access_token":"` + jwt(`{"aud":"`+calendar+`","scope":"calendar.read admin"}`) + `","token_type":"Bearer","scope":"calendar.read",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailScope},
		{"a JWT with a wider scope, without one in the answer", good(`"access_token":"` + jwt(`{"aud":"`+calendar+`","scp":["calendar.read","admin"]}`) + `","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailScope},
		{"a JWT for another audience", good(`"access_token":"` + jwt(`{"aud":"https://other.example.test"}`) + `","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailAudience},
		{"a JWT for an audience that begins with the target", good(`"access_token":"` + jwt(`{"aud":"`+calendar+`/admin"}`) + `","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailAudience},
		{"a JWT for this server", good(`"access_token":"` + jwt(`{"aud":"`+identifier+`"}`) + `","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailAudience},
		{"a JWT without an audience", good(`"access_token":"` + jwt(`{"sub":"alice"}`) + `","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailAudience},
		{"a JWT with a duplicate audience", good(`"access_token":"` + jwt(`{"aud":"`+calendar+`","aud":"x"}`) + `","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailAccessToken},
		{"a JWT that cannot be read", good(`"access_token":"eyJhbGciOiJFUzI1NiJ9.!.c2ln","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailAccessToken},
		{"a JWT whose payload is not base64url", good(`"access_token":"eyJhbGciOiJFUzI1NiJ9.e~.c2ln","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailAccessToken},
		{"a JWT that has expired", good(`"access_token":"` + jwt(`{"aud":"`+calendar+`","exp":1}`) + `","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailExpired},
		{"expires_in 0", good(`"access_token":"x","token_type":"Bearer","expires_in":0,` + issuedType), onbehalf.KindUnusable, onbehalf.DetailExpired},
		{"a negative expires_in", good(`"access_token":"x","token_type":"Bearer","expires_in":-1,` + issuedType), onbehalf.KindUnusable, onbehalf.DetailMalformed},
		{"expires_in with an exponent", good(`"access_token":"x","token_type":"Bearer","expires_in":1e99,` + issuedType), onbehalf.KindUnusable, onbehalf.DetailMalformed},
		{"expires_in as a string", good(`"access_token":"x","token_type":"Bearer","expires_in":"3600",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailMalformed},
		{"two access tokens", good(`"access_token":"x","access_token":"y","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailMalformed},
		{"two access tokens, one in another case", good(`"access_token":"x","Access_Token":"y","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailMalformed},
		{"two token types", good(`"access_token":"x","token_type":"N_A","token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailMalformed},
		{"an access token that is a number", good(`"access_token":1,"token_type":"Bearer",` + issuedType), onbehalf.KindUnusable, onbehalf.DetailMalformed},
		{"text after the document", answerWith(`{"access_token":"x","token_type":"Bearer",%s} {}`, issuedType), onbehalf.KindUnusable, onbehalf.DetailMalformed},
		{"an array", answerWith(`[]`), onbehalf.KindUnusable, onbehalf.DetailMalformed},
		{"nothing", answerWith(``), onbehalf.KindUnusable, onbehalf.DetailMalformed},
		{"garbage", resourcetest.Garbage(), onbehalf.KindUnusable, onbehalf.DetailMalformed},
		{"a login page", resourcetest.LoginPage(), onbehalf.KindUnusable, onbehalf.DetailContentType},
		{"a token in HTML", html, onbehalf.KindUnusable, onbehalf.DetailContentType},
		{"a redirect", resourcetest.Failure{Redirect: "https://evil.example.test/token"}, onbehalf.KindUnusable, onbehalf.DetailRedirect},
		{"a redirect that keeps the method", resourcetest.Failure{Status: 307, Redirect: "https://evil.example.test/token"}, onbehalf.KindUnusable, onbehalf.DetailRedirect},
		{"a huge answer", resourcetest.Failure{Huge: 1 << 30}, onbehalf.KindUnusable, onbehalf.DetailTooLarge},
		{"a gzip bomb", resourcetest.Failure{GzipBomb: 1 << 30}, onbehalf.KindUnusable, onbehalf.DetailTooLarge},
		{"an answer of one byte per second", resourcetest.Failure{Pace: time.Second}, onbehalf.KindUnavailable, "timeout"},
		{"half an answer", resourcetest.Failure{Truncate: true}, onbehalf.KindUnavailable, "truncated"},
		{"another status with a token", resourcetest.Failure{Status: 201, Body: []byte(`{"access_token":"x","token_type":"Bearer",` + issuedType + `}`)}, onbehalf.KindUnavailable, "status"},
		{"an error without a document", resourcetest.Failure{Status: 400}, onbehalf.KindUnusable, onbehalf.DetailMalformed},
		{"two errors", resourcetest.Failure{Status: 400, Body: []byte(`{"error":"invalid_grant","error":"invalid_target"}`)}, onbehalf.KindUnusable, onbehalf.DetailMalformed},
		{"an unknown error with the token", resourcetest.Failure{Status: 400, Body: []byte(`{"error":"bad %TOKEN%"}`)}, onbehalf.KindUnusable, onbehalf.DetailMalformed},
		{"an error with the token in its description", resourcetest.Failure{Status: 400, Body: []byte(`{"error":"invalid_grant","error_description":"%TOKEN%","error_uri":"https://x/%TOKEN%"}`)}, onbehalf.KindSubjectRefused, ""},
		{"claims with the token, which are not a claims request", resourcetest.Failure{Status: 400, Body: []byte(`{"error":"interaction_required","claims":"%TOKEN%"}`)}, onbehalf.KindInteraction, ""},
	} {
		inBubble(t, nil, func(f *fixture) {
			token := f.token("alice")
			row.answer.Body = []byte(strings.ReplaceAll(string(row.answer.Body), "%TOKEN%", token))
			if len(row.answer.Body) == 0 && row.name != "nothing" {
				row.answer.Body = nil
			}
			f.issuer.Fail(resourcetest.TokenEndpoint, row.answer)
			issued, err := f.get(f.caller(token))
			own := f.wantError(row.name, err, row.kind, row.detail)
			if issued != nil || own.Claims != "" {
				f.Errorf("%s: got a token, or claims %q", row.name, own.Claims)
			}
			if n := f.exchanges(); n > 2 { // the call, and a probe if it could be the endpoint
				f.Errorf("%s: got %d calls, want no repetition", row.name, n)
			}
		})
	}
}

// What is accepted, next to the rows above.
func TestAcceptedAnswers(t *testing.T) {
	for _, row := range []struct {
		name   string
		body   string
		scopes string
	}{
		{"bearer in another case (RFC 6749 §5.1)", `{"access_token":"x","token_type":"bearer",` + issuedType + `}`, "calendar.read calendar.write"},
		{"a refresh token is ignored", `{"access_token":"x","token_type":"Bearer","refresh_token":"r3fresh",` + issuedType + `}`, "calendar.read calendar.write"},
		{"a narrower scope", `{"access_token":"x","token_type":"Bearer","scope":"calendar.read",` + issuedType + `}`, "calendar.read"},
		{"an empty scope", `{"access_token":"x","token_type":"Bearer","scope":"",` + issuedType + `}`, ""},
		{"a JWT for the target and others", `{"access_token":"` + jwt(`{"aud":["x","`+calendar+`"]}`) + `","token_type":"Bearer",` + issuedType + `}`, "calendar.read calendar.write"},
		{"unknown members", `{"access_token":"x","token_type":"Bearer","ext_expires_in":1,"x":{"y":[1]},` + issuedType + `}`, "calendar.read calendar.write"},
	} {
		inBubble(t, nil, func(f *fixture) {
			f.issuer.Fail(resourcetest.TokenEndpoint, resourcetest.Failure{Body: []byte(row.body)})
			token, err := f.get(f.caller(f.token("alice")))
			if err != nil || strings.Join(token.Scopes(), " ") != row.scopes {
				f.Fatalf("%s: got error %v, want a token with scopes %q", row.name, err, row.scopes)
			}
			f.secrets = append(f.secrets[:len(f.secrets)-1], "r3fresh") // the issued token is too short to search for it
		})
	}
}

// A caller never gets the token of another one, of another token of the same caller, or of another
// target.
func TestNoConfusion(t *testing.T) {
	const mail = "https://mail.example.test/api"
	inBubble(t, func(c *config) {
		c.onbehalf.Targets = append(c.onbehalf.Targets, onbehalf.Target{Name: "mail", Resources: []string{mail}, Scopes: []string{"calendar.read", "calendar.write"}})
	}, func(f *fixture) {
		type use struct{ subject, target string }
		seen := map[string]use{}
		for range 2 { // the second time from the cache
			for _, subject := range []string{"alice", "bob"} {
				caller := f.caller(f.token(subject)) // another token each time
				for _, name := range []string{"calendar", "mail"} {
					token, err := f.exchanger.Token(context.Background(), caller, name)
					if err != nil {
						f.Fatal(err)
					}
					again, err := f.exchanger.Token(context.Background(), caller, name)
					if err != nil || again.AccessToken() != token.AccessToken() {
						f.Fatalf("got error %v or another token from the cache", err)
					}
					if other, ok := seen[token.AccessToken()]; ok {
						f.Errorf("%v and %v have the same token", other, use{subject, name})
					}
					seen[token.AccessToken()] = use{subject, name}
					claims := claimsOf(f, token.AccessToken())
					want := map[string]string{"calendar": calendar, "mail": mail}[name]
					if claims["sub"] != subject || claims["aud"] != want {
						f.Errorf("%v: got a token with claims %v", use{subject, name}, claims)
					}
				}
			}
		}
		if n := f.exchanges(); n != 8 {
			f.Errorf("got %d exchanges, want 8", n)
		}
	})
}

// Two targets whose parts have the same text together have different entries.
func TestTargetsWithSimilarScopes(t *testing.T) {
	inBubble(t, func(c *config) {
		c.onbehalf.Targets = []onbehalf.Target{
			{Name: "calendar", Resources: []string{calendar}, Scopes: []string{"a", "b"}},
			{Name: "calendara", Resources: []string{calendar}, Scopes: []string{"b"}},
		}
	}, func(f *fixture) {
		caller := f.caller(f.token("alice"))
		for _, row := range []struct{ target, scope string }{{"calendar", "a b"}, {"calendara", "b"}} {
			token, err := f.exchanger.Token(context.Background(), caller, row.target)
			if err != nil || strings.Join(token.Scopes(), " ") != row.scope {
				f.Errorf("%s: got error %v, want scopes %q", row.target, err, row.scope)
			}
		}
	})
}

// A token of another issuer is not sent to this one, also if the identifiers are similar.
func TestOtherIssuer(t *testing.T) {
	for _, issuer := range []string{"https://auth.example.test/", "https://AUTH.example.test", "https://auth.example.test:443", "https://other.example.test"} {
		inBubble(t, func(c *config) {
			c.onbehalf.Issuer, c.onbehalf.TokenEndpoint = issuer, "https://auth.example.test/token"
		}, func(f *fixture) {
			_, err := f.get(f.caller(f.token("alice")))
			f.wantError(issuer, err, onbehalf.KindOtherIssuer, "")
			if n := f.exchanges(); n != 0 {
				f.Errorf("%s: got %d calls, want none", issuer, n)
			}
		})
	}
}

// An issuer that accepts an assertion once (RFC 7523 §3) gets it once, and an assertion of the client
// is never used twice.
func TestReplayedAssertion(t *testing.T) {
	inBubble(t, func(c *config) {
		c.onbehalf.Targets = []onbehalf.Target{{Name: "calendar", Grant: onbehalf.JWTBearer, Resources: []string{calendar}}}
		c.onbehalf.Auth = introspect.ClientAuth{Method: introspect.PrivateKeyJWT, ClientID: "client", Signer: newSigner(t)}
	}, func(f *fixture) {
		seen := map[string]bool{}
		for _, body := range []string{`{"access_token":"issued-one","token_type":"Bearer"}`, `{"error":"invalid_grant"}`} {
			status := 200
			if strings.Contains(body, "error") {
				status = 400
			}
			f.issuer.Fail(resourcetest.TokenEndpoint, resourcetest.Failure{Status: status, Body: []byte(body), Header: http.Header{"Content-Type": {"application/json"}}})
			caller := f.caller(f.token("alice"))
			for range 3 {
				_, _ = f.get(caller)
			}
		}
		for _, sent := range f.issuer.Requests(resourcetest.TokenEndpoint) {
			for _, name := range []string{"assertion", "client_assertion"} {
				if text := sent.Form.Get(name); text == "" || seen[text] {
					f.Errorf("%s is missing or was sent twice", name)
				}
				seen[sent.Form.Get(name)] = true
			}
		}
		if n := f.exchanges(); n != 2 {
			f.Errorf("got %d calls, want 2", n)
		}
	})
}
