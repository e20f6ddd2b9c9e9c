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

func signed(_ *resource.Config, c *introspect.Config) { c.SignedAnswers = true }

func TestSignedAnswers(t *testing.T) { // RFC 9701
	inWorld(t, signed, func(w *world) {
		w.expect("opaque", w.token(resourcetest.Token{}), 200, "")
		w.expect("JWT", w.issuer.Token(resourcetest.Token{}), 200, "")
		w.expect("unknown", "unknown-token-of-nobody", 401, resource.ReasonInactive)
		w.expect("for another resource", w.token(resourcetest.Token{Audience: "https://other.example.test/"}), 401, resource.ReasonAudience)
		if got := w.issuer.Last(resourcetest.Introspection).Header.Get("Accept"); got != "application/token-introspection+jwt" {
			w.Errorf("Accept: %q", got)
		}
		if n := w.issuer.Count(resourcetest.JWKS); n != 1 {
			w.Errorf("%d fetches of the keys, want 1", n)
		}
	})
}

// One thing is wrong with a signed answer. It never logs anybody out.
func TestSignedAnswersThatAreNotGood(t *testing.T) { // bad-inputs 213
	const inner = `{"active":true,"sub":"alice","aud":"https://mcp.example.test/mcp"}`
	type forge struct {
		header  map[string]any // changes to the JOSE header
		claims  map[string]any // changes to the claims around the answer
		payload string         // instead of the claims
		fault   resourcetest.Fault
		after   string        // put behind the JWT
		typ     string        // Content-Type
		age     time.Duration // of iat
		delay   time.Duration // of the answer
	}
	raw := func(name, json string) forge { return forge{claims: map[string]any{name: resourcetest.Raw(json)}} }
	head := func(name, json string) forge { return forge{header: map[string]any{name: resourcetest.Raw(json)}} }
	for _, row := range []struct {
		name string
		f    forge
		want resource.Reason // "": accepted
	}{
		{"good", forge{}, ""},
		{"typ in full", head("typ", `"application/token-introspection+jwt"`), ""},
		{"typ in capitals", head("typ", `"TOKEN-INTROSPECTION+JWT"`), ""},
		{"charset named, as oidc-provider does", forge{typ: "application/token-introspection+jwt; charset=utf-8"}, ""},
		{"aud lists us among others", raw("aud", `["x","test-client"]`), ""},
		{"sub and exp of its own, which it should not have", forge{claims: map[string]any{"sub": "x", "exp": 1}}, ""},
		{"iat with a fraction", raw("iat", "IAT.5"), ""},
		{"59 s old", forge{age: 59 * time.Second}, ""},
		{"59 s ahead", forge{age: -59 * time.Second}, ""},
		{"asked long before it came", forge{delay: 4 * time.Second}, ""},

		{"62 s old", forge{age: 62 * time.Second}, resource.ReasonIntrospectionUnproven},
		{"61 s ahead", forge{age: -61 * time.Second}, resource.ReasonIntrospectionUnproven},
		{"no iat", raw("iat", ``), resource.ReasonIntrospectionUnproven},
		{"iat is a string", raw("iat", `"1"`), resource.ReasonIntrospectionUnproven},
		{"iat is beyond all", raw("iat", `1e300`), resource.ReasonIntrospectionUnproven},
		{"iat is negative", raw("iat", `-1`), resource.ReasonIntrospectionUnproven},
		{"no iss", raw("iss", ``), resource.ReasonIntrospectionUnproven},
		{"another iss", raw("iss", `"https://auth.example.test/"`), resource.ReasonIntrospectionUnproven},
		{"iss twice", raw("iss", `"https://auth.example.test","iss":"https://auth.example.test"`), resource.ReasonIntrospectionUnproven},
		{"no aud", raw("aud", ``), resource.ReasonIntrospectionUnproven},
		{"for another client", raw("aud", `"test-client2"`), resource.ReasonIntrospectionUnproven},
		{"for the resource, not for the client", raw("aud", `"https://mcp.example.test/mcp"`), resource.ReasonIntrospectionUnproven},
		{"aud for nobody", raw("aud", `[]`), resource.ReasonIntrospectionUnproven},
		{"aud is an object", raw("aud", `{}`), resource.ReasonIntrospectionUnproven},
		{"no answer in it", raw("token_introspection", ``), resource.ReasonIntrospectionUnproven},
		{"answer beside, not inside", forge{claims: map[string]any{"token_introspection": resourcetest.Remove, "active": true}}, resource.ReasonIntrospectionUnproven},
		{"answer is null", raw("token_introspection", `null`), resource.ReasonIntrospectionMalformed},
		{"answer is a string", raw("token_introspection", `"{}"`), resource.ReasonIntrospectionMalformed},
		{"answer twice", raw("token_introspection", inner+`,"token_introspection":`+inner), resource.ReasonIntrospectionUnproven},
		{"answer without active", raw("token_introspection", `{}`), resource.ReasonIntrospectionMalformed},
		{"payload is an array", forge{payload: "[]"}, resource.ReasonIntrospectionUnproven},
		{"payload is empty", forge{payload: " "}, resource.ReasonIntrospectionUnproven},
		{"typ of an access token", head("typ", `"at+jwt"`), resource.ReasonIntrospectionUnproven},
		{"typ JWT", head("typ", `"JWT"`), resource.ReasonIntrospectionUnproven},
		{"no typ", head("typ", ``), resource.ReasonIntrospectionUnproven},
		{"typ that folds by Unicode", head("typ", `"to\u212Aen-introspection+jwt"`), resource.ReasonIntrospectionUnproven},
		{"crit", head("crit", `["exp"]`), resource.ReasonIntrospectionUnproven},
		{"alg none", forge{fault: resourcetest.AlgNone}, resource.ReasonIntrospectionUnproven},
		{"HMAC with the public key", forge{fault: resourcetest.HMACWithPEM}, resource.ReasonIntrospectionUnproven},
		{"wrong signature", forge{fault: resourcetest.WrongSignature}, resource.ReasonIntrospectionUnproven},
		{"key of a stranger", forge{fault: resourcetest.UnpublishedKey}, resource.ReasonIntrospectionUnproven},
		{"kid of nobody, and no newer keys in time", head("kid", `"other"`), resource.ReasonIntrospectionUnproven},
		{"two segments", forge{fault: resourcetest.TwoSegments}, resource.ReasonIntrospectionUnproven},
		{"encrypted", forge{after: ".AAAA.AAAA"}, resource.ReasonIntrospectionUnproven},
		{"line break behind", forge{after: "\n"}, resource.ReasonIntrospectionUnproven},
		{"called JSON", forge{typ: "application/json"}, resource.ReasonIntrospectionContentType},
		{"called JWT", forge{typ: "application/jwt"}, resource.ReasonIntrospectionContentType},
	} {
		t.Run(row.name, func(t *testing.T) {
			inWorld(t, signed, func(w *world) {
				w.expect("before: the keys are loaded", w.token(resourcetest.Token{}), 200, "")
				time.Sleep(10 * time.Second)
				iat := fmt.Sprint(time.Now().Add(-row.f.age).Unix())
				claims := map[string]any{"aud": "test-client", "iat": resourcetest.Raw(iat), "token_introspection": resourcetest.Raw(inner),
					"sub": resourcetest.Remove, "client_id": resourcetest.Remove, "exp": resourcetest.Remove, "jti": resourcetest.Remove}
				for name, value := range row.f.claims {
					if text, ok := value.(resourcetest.Raw); ok {
						value = resourcetest.Raw(strings.ReplaceAll(string(text), "IAT", iat))
					}
					claims[name] = value
				}
				header := map[string]any{"typ": "token-introspection+jwt"}
				for name, value := range row.f.header {
					header[name] = value
				}
				forged := resourcetest.Token{Header: header, Claims: claims, Fault: row.f.fault}
				if row.f.payload != "" {
					forged.RawPayload = []byte(row.f.payload)
				}
				typ := row.f.typ
				if typ == "" {
					typ = "application/token-introspection+jwt"
				}
				body := w.issuer.Token(forged) + row.f.after
				w.fail(resourcetest.Failure{Body: []byte(body), Header: http.Header{"Content-Type": {typ}}, Delay: row.f.delay})
				status := 503
				if row.want == "" {
					status = 200
				}
				w.expect(row.name, "opaque-token-to-ask-about", status, row.want)
				if strings.Contains(w.log.String(), body) {
					w.Errorf("the answer was logged: %s", w.log)
				}
			})
		})
	}
}

// An answer that is not about the JWT that was asked about (bad-inputs 213, 218).
func TestSignedAnswerAboutAnotherToken(t *testing.T) {
	inWorld(t, signed, func(w *world) {
		answer := func(inner string) {
			w.fail(resourcetest.Failure{Header: http.Header{"Content-Type": {"application/token-introspection+jwt"}},
				Body: []byte(w.issuer.Token(resourcetest.Token{Header: map[string]any{"typ": "token-introspection+jwt"},
					Claims: map[string]any{"aud": "test-client", "token_introspection": resourcetest.Raw(inner)}}))})
		}
		exp := time.Now().Add(time.Hour).Unix()
		const always = `"sub":"alice","aud":"https://mcp.example.test/mcp"`
		for _, row := range []struct {
			name, answer string
			status       int
			reason       resource.Reason
		}{
			{"this one", fmt.Sprintf(`{"active":true,%s,"jti":"one","exp":%d}`, always, exp), 200, ""},
			{"another jti", fmt.Sprintf(`{"active":true,%s,"jti":"two","exp":%d}`, always, exp), 503, resource.ReasonIntrospectionUnproven},
			{"no jti", fmt.Sprintf(`{"active":true,%s,"exp":%d}`, always, exp), 503, resource.ReasonIntrospectionUnproven},
			{"another exp", fmt.Sprintf(`{"active":true,%s,"jti":"one","exp":%d}`, always, exp+1), 503, resource.ReasonIntrospectionUnproven},
			{"no exp", fmt.Sprintf(`{"active":true,%s,"jti":"one"}`, always), 503, resource.ReasonIntrospectionUnproven},
			{"inactive needs neither", `{"active":false}`, 401, resource.ReasonInactive},
		} {
			token := w.issuer.Token(resourcetest.Token{Claims: map[string]any{"jti": "one", "exp": exp, "row": row.name}})
			answer(row.answer)
			w.expect(row.name, token, row.status, row.reason)
			w.normal()
			w.expect("between: keeps the circuit closed", w.token(resourcetest.Token{}), 200, "")
		}
	})
}

// Without keys nobody can tell, and the endpoint is not to blame.
func TestKeysOfSignedAnswers(t *testing.T) {
	inWorld(t, signed, func(w *world) {
		w.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Status: 500})
		for i := range 2 * introspect.FailuresToOpen {
			w.expect("no keys", w.token(resourcetest.Token{}), 503, resource.ReasonKeysUnavailable)
			if i == 0 && w.res.Ready(w.Context()) == nil {
				w.Error("ready without keys")
			}
			time.Sleep(time.Second)
		}
		w.issuer.Reset(resourcetest.JWKS)
		time.Sleep(time.Second)
		w.expect("keys are back", w.token(resourcetest.Token{}), 200, "")
		if err := w.res.Ready(w.Context()); err != nil {
			w.Error(err)
		}
		time.Sleep(5 * time.Second)
		w.issuer.Rotate("")
		w.expect("a new key at once", w.token(resourcetest.Token{}), 200, "")
	})
	elsewhere := func(_ *resource.Config, c *introspect.Config) {
		c.SignedAnswers, c.KeysURL = true, "https://auth.example.test/jwks"
	}
	inWorld(t, elsewhere, func(w *world) {
		w.expect("address of the keys given", w.token(resourcetest.Token{}), 200, "")
		if n := w.issuer.Count(resourcetest.Metadata); n != 0 {
			w.Errorf("%d requests for metadata, want none", n)
		}
	})
}
