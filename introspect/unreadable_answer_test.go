package introspect_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// If one token can cause an answer that cannot be read, for example by the name of its
// subject, the token gets 503, because no valid answer rejected it, and the circuit breaker
// stays closed for other tokens. An answer without a boolean active is the endpoint's fault.
func TestUnreadableAnswers(t *testing.T) {
	const start = `{"active":true,"sub":"alice","aud":"https://mcp.example.test/mcp"`
	deep := ""
	for range 100 {
		deep = "[" + deep + "]"
	}
	for _, row := range []struct {
		name, body string
		opens      bool
	}{
		{"a lone surrogate in a name", start + `,"name":"\ud800"}`, false},
		{"invalid UTF-8 in a name", start + ",\"name\":\"\xff\"}", false},
		{"a duplicate custom claim", start + `,"x":1,"x":2}`, false},
		{"a duplicate in a nested object", start + `,"x":{"a":1,"a":2}}`, false},
		{"a duplicate sub", start + `,"sub":"bob"}`, false},
		{"a duplicate active", start + `,"active":false}`, false},
		{"a duplicate active in another case", start + `,"Active":false}`, false},
		{"nested too deep", start + `,"x":` + deep + `}`, false},
		{"a claim of a wrong type", start + `,"exp":"never"}`, false},
		{"a token_type of a wrong type", start + `,"token_type":1}`, false},
		{"inactive, and a lone surrogate", `{"active":false,"name":"\ud800"}`, false},
		{"active is absent", `{"sub":"alice","name":"\ud800"}`, true},
		{"active is a string", `{"active":"true"}`, true},
		{"active is a string, and a lone surrogate", `{"active":"true","name":"\ud800"}`, true},
		{"active only in a nested object", `{"x":{"active":true}}`, true},
		{"truncated document", start, true},
		{"two documents", start + `}` + start + `}`, true},
		{"a document in an array", `[` + start + `}]`, true},
		{"a syntax error after a lone surrogate", start + `,"name":"\ud800"}}`, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, nil, func(fx *fixture) {
				fx.endpointAnswers(row.body)
				for i := range 10 {
					if got := fx.request(unknownToken(i)); got.status != 503 {
						fx.Errorf("got %d, want 503", got.status)
					}
				}
				fx.endpointWorks()
				want, open := 200, "0"
				if row.opens {
					want, open = 503, "1"
				}
				if got := fx.metric("warder_introspection_circuit_open"); got != open {
					fx.Errorf("circuit open: got %s, want %s", got, open)
				}
				if got := fx.request(fx.token(resourcetest.Token{})); got.status != want {
					fx.Errorf("a valid token after them: got %d, want %d", got.status, want)
				}
			})
		})
	}
}

// The same for signed answers, and for an answer about another token.
func TestUnreadableSignedAnswers(t *testing.T) { // RFC 9701 §5
	const common = `"sub":"alice","aud":"https://mcp.example.test/mcp"`
	for _, row := range []struct {
		name, answer string
		reason       resource.Reason
		opens        bool
	}{
		{"a lone surrogate in a name", `{"active":true,` + common + `,"jti":"one","name":"\ud800"}`, resource.ReasonIntrospectionMalformed, false},
		{"a duplicate custom claim", `{"active":true,` + common + `,"x":1,"x":2}`, resource.ReasonIntrospectionMalformed, false},
		{"answer about another token", `{"active":true,` + common + `,"jti":"two"}`, resource.ReasonIntrospectionUnproven, false},
		{"active is a string", `{"active":"true"}`, resource.ReasonIntrospectionMalformed, true},
		{"a lone surrogate, and active is absent", `{"name":"\ud800"}`, resource.ReasonIntrospectionUnproven, true},
		{"an array", `[]`, resource.ReasonIntrospectionMalformed, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, withSignedAnswers, func(fx *fixture) {
				fx.expect("first, to load the keys", fx.token(resourcetest.Token{}), 200, "")
				payload := fmt.Sprintf(`{"iss":%q,"aud":"test-client","iat":%d,"token_introspection":%s}`, fx.issuer.Identifier(), time.Now().Unix(), row.answer)
				fx.endpointFails(resourcetest.Failure{Header: http.Header{"Content-Type": {"application/token-introspection+jwt"}},
					Body: []byte(fx.issuer.Token(resourcetest.Token{Header: map[string]any{"typ": "token-introspection+jwt"}, RawPayload: []byte(payload)}))})
				for i := range 10 {
					token := fx.issuer.Token(resourcetest.Token{Claims: map[string]any{"jti": "one", "row": i}})
					if i == 0 {
						fx.expect(row.name, token, 503, row.reason)
					} else if got := fx.request(token); got.status != 503 {
						fx.Errorf("got %d, want 503", got.status)
					}
				}
				open := map[bool]string{true: "1", false: "0"}[row.opens]
				if got := fx.metric("warder_introspection_circuit_open"); got != open {
					fx.Errorf("circuit open: got %s, want %s", got, open)
				}
			})
		})
	}
}
