package introspect_test

import (
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// An answer without aud, token_type and token_use can be about a refresh token, so it is rejected,
// unless it is about a JWT whose own aud names this resource.
func TestAnswersWithoutKindOfToken(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		fx.endpointAnswers(`{"active":true,"sub":"alice"}`)
		jwt := func(audience any) string {
			return fx.issuer.Token(resourcetest.Token{Claims: map[string]any{"aud": audience}})
		}
		for _, row := range []struct {
			name, token string
			status      int
			reason      resource.Reason
		}{
			{"an opaque token", fx.token(resourcetest.Token{}), 401, resource.ReasonTokenType},
			{"a JWT for this resource", jwt(identifier), 200, ""},
			{"a JWT for this resource and another", jwt([]string{"https://other.example", identifier}), 200, ""},
			{"a JWT for another resource", jwt("https://other.example"), 401, resource.ReasonAudience},
			{"a JWT with an empty list", jwt([]string{}), 401, resource.ReasonAudience},
			{"a JWT without aud", jwt(resourcetest.Remove), 401, resource.ReasonAudience},
		} {
			fx.expect(row.name, row.token, row.status, row.reason)
		}
	})
	trusting := func(c *resource.Config, _ *introspect.Config) { c.Opaque.TrustAnswersWithoutAudience = true }
	inBubble(t, trusting, func(fx *fixture) {
		fx.endpointAnswers(`{"active":true,"sub":"alice"}`)
		jwt := fx.issuer.Token(resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove}})
		fx.expect("a JWT without aud, and answers without aud are trusted", jwt, 401, resource.ReasonTokenType)
	})
}

// An empty scope in an answer is a value: it grants nothing (RFC 7662 §2.2, RFC 6749 §3.3).
func TestEmptyScopeInAnswer(t *testing.T) {
	needsRead := func(c *resource.Config, _ *introspect.Config) { c.Scopes = []string{"read"} }
	inBubble(t, needsRead, func(fx *fixture) {
		for _, row := range []struct {
			name, members string
			jwt, opaque   int
		}{
			{"no scope", ``, 200, 403},
			{"an empty scope", `,"scope":""`, 403, 403},
			{"an empty scope and scp", `,"scope":"","scp":["read"]`, 403, 403},
			{"null and scp", `,"scope":null,"scp":["read"]`, 200, 200},
			{"null", `,"scope":null`, 200, 403},
			{"the scope", `,"scope":"read"`, 200, 200},
		} {
			fx.endpointAnswers(`{"active":true,"sub":"alice","aud":"` + identifier + `"` + row.members + `}`)
			if got := fx.request(fx.issuer.Token(resourcetest.Token{Scope: "read"})); got.status != row.jwt {
				fx.Errorf("%s, a JWT with the scope: got %d, want %d", row.name, got.status, row.jwt)
			}
			if got := fx.request(fx.token(resourcetest.Token{Scope: "read"})); got.status != row.opaque {
				fx.Errorf("%s, an opaque token: got %d, want %d", row.name, got.status, row.opaque)
			}
		}
	})
}
