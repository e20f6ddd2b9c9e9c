package resourcetest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// Introspection reports tokens, JWT and opaque, as active until they expire or are revoked (RFC
// 7662 §2.2). Token.Claims changes the response.
func TestIntrospectionOfTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := newIssuer(t, resourcetest.Config{})
		const unchanged = `"iss":"https://auth.example.test","sub":"alice","aud":"https://mcp.example.test/mcp","client_id":"test-client"`
		for _, row := range []struct {
			name  string
			token resourcetest.Token
			want  string
		}{
			{"zero value", resourcetest.Token{}, `{"active":true,"token_type":"Bearer",` + unchanged + `,"iat":946684800,"exp":946685100,"jti":"*"}`},
			{"active is a string", resourcetest.Token{Scope: "a", Claims: map[string]any{"active": "true", "jti": resourcetest.Remove}}, `{"active":"true","token_type":"Bearer",` + unchanged + `,"scope":"a","iat":946684800,"exp":946685100}`},
			{"without active, a refresh token", resourcetest.Token{Claims: map[string]any{"active": resourcetest.Remove, "token_type": "refresh_token", "jti": resourcetest.Remove}}, `{"token_type":"refresh_token",` + unchanged + `,"iat":946684800,"exp":946685100}`},
			{"duplicate active, expired", resourcetest.Token{Claims: map[string]any{"active": resourcetest.Raw(`true,"active":false`), "exp": 1, "jti": resourcetest.Remove}}, `{"active":true,"active":false,"token_type":"Bearer",` + unchanged + `,"iat":946684800,"exp":1}`},
			{"expired", resourcetest.Token{Lifetime: -time.Second}, `{"active":false}`},
		} {
			for kind, token := range map[string]string{"JWT": s.Token(row.token), "opaque": s.OpaqueToken(row.token)} {
				r := request(t, "POST", s.URL(resourcetest.Introspection), "token="+token)
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.SetBasicAuth("test-client", "test-secret")
				_, got := do(t, client, r)
				if i := strings.Index(got, `"jti":"`); i >= 0 {
					got = got[:i+7] + "*" + got[i+7+26:]
				}
				if got != row.want {
					t.Errorf("%s, %s:\n got %s\nwant %s", row.name, kind, got, row.want)
				}
			}
		}
		jwt, opaque := s.Token(resourcetest.Token{}), s.OpaqueToken(resourcetest.Token{Text: "a b+c"})
		long := s.OpaqueToken(resourcetest.Token{Lifetime: time.Hour})
		s.Revoke(jwt)
		s.Revoke("unknown")
		if active(t, s, client, jwt) != false || active(t, s, client, opaque) != true || opaque != "a b+c" {
			t.Error("want only the revoked token to be inactive")
		}
		time.Sleep(5 * time.Minute) // "on or after": RFC 7519 §4.1.4
		if active(t, s, client, opaque) != false || active(t, s, client, long) != true {
			t.Error("want only the expired token to be inactive")
		}
	})
}

// RFC 9701 §5: the response is signed, has its own type and is for the client that sent the
// request.
func TestSignedIntrospection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := newIssuer(t, resourcetest.Config{})
		r := request(t, "POST", s.URL(resourcetest.Introspection), "token=unknown&client_id=test-client&client_secret=test-secret")
		r.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/token-introspection+jwt"}}
		response, body := do(t, client, r)
		if got := response.Header.Get("Content-Type"); got != "application/token-introspection+jwt" {
			t.Errorf("content type %q", got)
		}
		kid := s.SigningKeyID("")
		if got, want := string(segment(t, body, 0)), `{"alg":"ES256","typ":"token-introspection+jwt","kid":"`+kid+`"}`; got != want {
			t.Errorf("header:\n got %s\nwant %s", got, want)
		}
		if got, want := string(segment(t, body, 1)), `{"iss":"https://auth.example.test","aud":"test-client","iat":946684800,"token_introspection":{"active":false}}`; got != want {
			t.Errorf("claims:\n got %s\nwant %s", got, want)
		}
		if !verifies(s.PublicKey(kid), "ES256", body) {
			t.Error("the signature is invalid")
		}
	})
}
