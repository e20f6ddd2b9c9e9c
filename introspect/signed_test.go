package introspect_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func withSignedAnswers(_ *resource.Config, c *introspect.Config) { c.SignedAnswers = true }

func TestSignedAnswers(t *testing.T) { // RFC 9701
	inBubble(t, withSignedAnswers, func(fx *fixture) {
		fx.expect("opaque", fx.token(resourcetest.Token{}), 200, "")
		fx.expect("JWT", fx.issuer.Token(resourcetest.Token{}), 200, "")
		fx.expect("unknown", "unknown-token-of-nobody", 401, resource.ReasonInactive)
		fx.expect("for another resource", fx.token(resourcetest.Token{Audience: "https://other.example.test/"}), 401, resource.ReasonAudience)
		if got := fx.issuer.Last(resourcetest.Introspection).Header.Get("Accept"); got != "application/token-introspection+jwt" {
			fx.Errorf("got Accept %q", got)
		}
		if n := fx.issuer.Count(resourcetest.JWKS); n != 1 {
			fx.Errorf("got %d fetches of the keys, want 1", n)
		}
	})
}

// Each row makes one change to a valid signed answer. The status is never 401.
func TestInvalidSignedAnswers(t *testing.T) {
	const inner = `{"active":true,"sub":"alice","aud":"https://mcp.example.test/mcp"}`
	type change struct {
		header  map[string]any // changes to the JOSE header
		claims  map[string]any // changes to the claims of the envelope
		payload string         // instead of the claims
		fault   resourcetest.Fault
		after   string // appended to the JWT
		typ     string // Content-Type
		body    string // instead of a JWT
		status  int
		age     time.Duration // of iat
		delay   time.Duration // of the answer
	}
	raw := func(name, json string) change { return change{claims: map[string]any{name: resourcetest.Raw(json)}} }
	head := func(name, json string) change { return change{header: map[string]any{name: resourcetest.Raw(json)}} }
	for _, row := range []struct {
		name string
		c    change
		want resource.Reason // "": accepted
	}{
		{"unchanged", change{}, ""},
		{"full typ", head("typ", `"application/token-introspection+jwt"`), ""},
		{"typ in capitals", head("typ", `"TOKEN-INTROSPECTION+JWT"`), ""},
		{"charset in the content type, as oidc-provider sends it", change{typ: "application/token-introspection+jwt; charset=utf-8"}, ""},
		{"aud contains our client_id and another value", raw("aud", `["x","test-client"]`), ""},
		{"sub and exp in the envelope, which should not be there", change{claims: map[string]any{"sub": "x", "exp": 1}}, ""},
		{"iat with a fraction", raw("iat", "IAT.5"), ""},
		{"59 s old", change{age: 59 * time.Second}, ""},
		{"59 s ahead", change{age: -59 * time.Second}, ""},
		{"delayed answer", change{delay: 4 * time.Second}, ""},

		{"62 s old", change{age: 62 * time.Second}, resource.ReasonIntrospectionUnproven},
		{"61 s ahead", change{age: -61 * time.Second}, resource.ReasonIntrospectionUnproven},
		{"no iat", raw("iat", ``), resource.ReasonIntrospectionUnproven},
		{"iat is a string", raw("iat", `"1"`), resource.ReasonIntrospectionUnproven},
		{"iat too large", raw("iat", `1e300`), resource.ReasonIntrospectionUnproven},
		{"iat is negative", raw("iat", `-1`), resource.ReasonIntrospectionUnproven},
		{"no iss", raw("iss", ``), resource.ReasonIntrospectionUnproven},
		{"another iss", raw("iss", `"https://auth.example.test/"`), resource.ReasonIntrospectionUnproven},
		{"duplicate iss", raw("iss", `"https://auth.example.test","iss":"https://auth.example.test"`), resource.ReasonIntrospectionUnproven},
		{"no aud", raw("aud", ``), resource.ReasonIntrospectionUnproven},
		{"aud is another client", raw("aud", `"test-client2"`), resource.ReasonIntrospectionUnproven},
		{"aud is the resource, not the client", raw("aud", `"https://mcp.example.test/mcp"`), resource.ReasonIntrospectionUnproven},
		{"aud is empty", raw("aud", `[]`), resource.ReasonIntrospectionUnproven},
		{"aud is an object", raw("aud", `{}`), resource.ReasonIntrospectionUnproven},
		{"no token_introspection", raw("token_introspection", ``), resource.ReasonIntrospectionUnproven},
		{"answer in the envelope, not in token_introspection", change{claims: map[string]any{"token_introspection": resourcetest.Remove, "active": true}}, resource.ReasonIntrospectionUnproven},
		{"token_introspection is null, and so absent", raw("token_introspection", `null`), resource.ReasonIntrospectionUnproven},
		{"iat is null", raw("iat", `null`), resource.ReasonIntrospectionUnproven},
		{"iss is empty", raw("iss", `""`), resource.ReasonIntrospectionUnproven},
		{"aud is null", raw("aud", `null`), resource.ReasonIntrospectionUnproven},
		{"aud is empty text", raw("aud", `""`), resource.ReasonIntrospectionUnproven},
		{"status 201", change{status: 201}, ""},
		{"status 401, with an active answer", change{status: 401}, resource.ReasonIntrospectionCredentials},
		{"status 401, with an unsigned inactive answer", change{status: 401, typ: "application/json", body: `{"active":false}`}, resource.ReasonIntrospectionCredentials},
		{"token_introspection is a string", raw("token_introspection", `"{}"`), resource.ReasonIntrospectionMalformed},
		{"duplicate token_introspection", raw("token_introspection", inner+`,"token_introspection":`+inner), resource.ReasonIntrospectionUnproven},
		{"answer without active", raw("token_introspection", `{}`), resource.ReasonIntrospectionMalformed},
		{"payload is an array", change{payload: "[]"}, resource.ReasonIntrospectionUnproven},
		{"payload is empty", change{payload: " "}, resource.ReasonIntrospectionUnproven},
		{"typ of an access token", head("typ", `"at+jwt"`), resource.ReasonIntrospectionUnproven},
		{"typ JWT", head("typ", `"JWT"`), resource.ReasonIntrospectionUnproven},
		{"no typ", head("typ", ``), resource.ReasonIntrospectionUnproven},
		{"typ that matches only by Unicode folding", head("typ", `"to\u212Aen-introspection+jwt"`), resource.ReasonIntrospectionUnproven},
		{"crit in the header", head("crit", `["exp"]`), resource.ReasonIntrospectionUnproven},
		{"alg none", change{fault: resourcetest.AlgNone}, resource.ReasonIntrospectionUnproven},
		{"HMAC with the public key", change{fault: resourcetest.HMACWithPEM}, resource.ReasonIntrospectionUnproven},
		{"wrong signature", change{fault: resourcetest.WrongSignature}, resource.ReasonIntrospectionUnproven},
		{"key that the issuer does not publish", change{fault: resourcetest.UnpublishedKey}, resource.ReasonIntrospectionUnproven},
		{"unknown kid, and no newer keys", head("kid", `"other"`), resource.ReasonIntrospectionUnproven},
		{"two segments", change{fault: resourcetest.TwoSegments}, resource.ReasonIntrospectionUnproven},
		{"encrypted", change{after: ".AAAA.AAAA"}, resource.ReasonIntrospectionUnproven},
		{"line break after the JWT", change{after: "\n"}, resource.ReasonIntrospectionUnproven},
		{"content type JSON", change{typ: "application/json"}, resource.ReasonIntrospectionContentType},
		{"content type JWT", change{typ: "application/jwt"}, resource.ReasonIntrospectionContentType},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, withSignedAnswers, func(fx *fixture) {
				fx.expect("first, to load the keys", fx.token(resourcetest.Token{}), 200, "")
				time.Sleep(10 * time.Second)
				iat := fmt.Sprint(time.Now().Add(-row.c.age).Unix())
				claims := map[string]any{"aud": "test-client", "iat": resourcetest.Raw(iat), "token_introspection": resourcetest.Raw(inner),
					"sub": resourcetest.Remove, "client_id": resourcetest.Remove, "exp": resourcetest.Remove, "jti": resourcetest.Remove}
				for name, value := range row.c.claims {
					if text, ok := value.(resourcetest.Raw); ok {
						value = resourcetest.Raw(strings.ReplaceAll(string(text), "IAT", iat))
					}
					claims[name] = value
				}
				header := map[string]any{"typ": "token-introspection+jwt"}
				for name, value := range row.c.header {
					header[name] = value
				}
				changed := resourcetest.Token{Header: header, Claims: claims, Fault: row.c.fault}
				if row.c.payload != "" {
					changed.RawPayload = []byte(row.c.payload)
				}
				typ := row.c.typ
				if typ == "" {
					typ = "application/token-introspection+jwt"
				}
				body := fx.issuer.Token(changed) + row.c.after
				if row.c.body != "" {
					body = row.c.body
				}
				fx.endpointFails(resourcetest.Failure{Status: row.c.status, Body: []byte(body), Header: http.Header{"Content-Type": {typ}}, Delay: row.c.delay})
				status := 503
				if row.want == "" {
					status = 200
				}
				fx.expect(row.name, "opaque-token-to-ask-about", status, row.want)
				if strings.Contains(fx.log.String(), body) {
					fx.Errorf("the answer was logged: %s", fx.log)
				}
			})
		})
	}
}

// A signed answer must be about the JWT that was introspected.
func TestSignedAnswerAboutAnotherToken(t *testing.T) {
	inBubble(t, withSignedAnswers, func(fx *fixture) {
		answer := func(inner string) {
			fx.endpointFails(resourcetest.Failure{Header: http.Header{"Content-Type": {"application/token-introspection+jwt"}},
				Body: []byte(fx.issuer.Token(resourcetest.Token{Header: map[string]any{"typ": "token-introspection+jwt"},
					Claims: map[string]any{"aud": "test-client", "token_introspection": resourcetest.Raw(inner)}}))})
		}
		exp := time.Now().Add(time.Hour).Unix()
		const common = `"sub":"alice","aud":"https://mcp.example.test/mcp"`
		for _, row := range []struct {
			name, answer string
			status       int
			reason       resource.Reason
		}{
			{"the same jti and exp", fmt.Sprintf(`{"active":true,%s,"jti":"one","exp":%d}`, common, exp), 200, ""},
			{"another jti", fmt.Sprintf(`{"active":true,%s,"jti":"two","exp":%d}`, common, exp), 503, resource.ReasonIntrospectionUnproven},
			{"no jti", fmt.Sprintf(`{"active":true,%s,"exp":%d}`, common, exp), 503, resource.ReasonIntrospectionUnproven},
			{"another exp", fmt.Sprintf(`{"active":true,%s,"jti":"one","exp":%d}`, common, exp+1), 503, resource.ReasonIntrospectionUnproven},
			{"no exp", fmt.Sprintf(`{"active":true,%s,"jti":"one"}`, common), 503, resource.ReasonIntrospectionUnproven},
			{"inactive needs neither", `{"active":false}`, 401, resource.ReasonInactive},
		} {
			token := fx.issuer.Token(resourcetest.Token{Claims: map[string]any{"jti": "one", "exp": exp, "row": row.name}})
			answer(row.answer)
			fx.expect(row.name, token, row.status, row.reason)
			fx.endpointWorks()
			fx.expect("success, which keeps the circuit breaker closed", fx.token(resourcetest.Token{}), 200, "")
		}
	})
}

// Without keys the status is 503, and the circuit breaker stays closed.
func TestKeysOfSignedAnswers(t *testing.T) {
	inBubble(t, withSignedAnswers, func(fx *fixture) {
		fx.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Status: 500})
		for i := range 10 {
			fx.expect("no keys", fx.token(resourcetest.Token{}), 503, resource.ReasonKeysUnavailable)
			if i == 0 && fx.res.Ready(fx.Context()) == nil {
				fx.Error("Ready returned nil without keys")
			}
			time.Sleep(time.Second)
		}
		fx.issuer.Reset(resourcetest.JWKS)
		time.Sleep(time.Second)
		fx.expect("keys available", fx.token(resourcetest.Token{}), 200, "")
		if err := fx.res.Ready(fx.Context()); err != nil {
			fx.Error(err)
		}
		time.Sleep(5 * time.Second)
		fx.issuer.Rotate("")
		fx.expect("new key, at once", fx.token(resourcetest.Token{}), 200, "")
	})
	withKeysURL := func(_ *resource.Config, c *introspect.Config) {
		c.SignedAnswers, c.KeysURL = true, "https://auth.example.test/jwks"
	}
	inBubble(t, withKeysURL, func(fx *fixture) {
		fx.expect("KeysURL", fx.token(resourcetest.Token{}), 200, "")
		if n := fx.issuer.Count(resourcetest.Metadata); n != 0 {
			fx.Errorf("got %d metadata requests, want 0", n)
		}
	})
}

// A 401 with a signed answer about an inactive token is about the token.
func TestSignedInactiveAnswerWithStatus401(t *testing.T) {
	inBubble(t, withSignedAnswers, func(fx *fixture) {
		body := fx.issuer.Token(resourcetest.Token{Header: map[string]any{"typ": "token-introspection+jwt"},
			Claims: map[string]any{"aud": "test-client", "token_introspection": resourcetest.Raw(`{"active":false}`)}})
		fx.endpointFails(resourcetest.Failure{Status: 401, Body: []byte(body), Header: http.Header{"Content-Type": {"application/token-introspection+jwt"}}})
		fx.expect("inactive", "opaque-token-to-ask-about", 401, resource.ReasonInactive)
	})
}
