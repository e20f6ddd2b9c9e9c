package introspect_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// An answer that can't be read, in a form that one subject's name can bring about: its
// token is refused, with 503 since nobody has called it bad, and the circuit stays
// closed for everybody else. What says neither yes nor no is the endpoint's fault.
func TestAnswersThatOneTokenSpoils(t *testing.T) { // bad-inputs 198, 200
	const good = `{"active":true,"sub":"alice","aud":"https://mcp.example.test/mcp"`
	deep := ""
	for range 100 {
		deep = "[" + deep + "]"
	}
	for _, row := range []struct {
		name, body string
		opens      bool
	}{
		{"a lone surrogate in a name", good + `,"name":"\ud800"}`, false},
		{"invalid UTF-8 in a name", good + ",\"name\":\"\xff\"}", false},
		{"a custom claim twice", good + `,"x":1,"x":2}`, false},
		{"a duplicate deep inside", good + `,"x":{"a":1,"a":2}}`, false},
		{"a second sub", good + `,"sub":"bob"}`, false},
		{"a second active", good + `,"active":false}`, false},
		{"active in another case beside it", good + `,"Active":false}`, false},
		{"nested too deep", good + `,"x":` + deep + `}`, false},
		{"a claim of a wrong type", good + `,"exp":"never"}`, false},
		{"a token_type of a wrong type", good + `,"token_type":1}`, false},
		{"inactive, and a lone surrogate", `{"active":false,"name":"\ud800"}`, false},
		{"no active", `{"sub":"alice","name":"\ud800"}`, true},
		{"active is a string", `{"active":"true"}`, true},
		{"active is a string, and a lone surrogate", `{"active":"true","name":"\ud800"}`, true},
		{"active inside of something", `{"x":{"active":true}}`, true},
		{"half a document", good, true},
		{"two documents", good + `}` + good + `}`, true},
		{"a document in an array", `[` + good + `}]`, true},
		{"something behind a lone surrogate", good + `,"name":"\ud800"}}`, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				w.body(row.body)
				for i := range 2 * introspect.FailuresToOpen {
					if got := w.ask(junk(i)); got.status != 503 {
						w.Errorf("got %d, want 503", got.status)
					}
				}
				w.normal()
				want, open := 200, "0"
				if row.opens {
					want, open = 503, "1"
				}
				if got := w.metric("warder_introspection_circuit_open"); got != open {
					w.Errorf("circuit open: got %s, want %s", got, open)
				}
				if got := w.ask(w.token(resourcetest.Token{})); got.status != want {
					w.Errorf("a good token behind them: got %d, want %d", got.status, want)
				}
			})
		})
	}
}

// The same of signed answers, and one about another token.
func TestSignedAnswersThatOneTokenSpoils(t *testing.T) { // RFC 9701 §5; bad-inputs 213
	const always = `"sub":"alice","aud":"https://mcp.example.test/mcp"`
	for _, row := range []struct {
		name, answer string
		reason       resource.Reason
		opens        bool
	}{
		{"a lone surrogate in a name", `{"active":true,` + always + `,"jti":"one","name":"\ud800"}`, resource.ReasonIntrospectionMalformed, false},
		{"a custom claim twice", `{"active":true,` + always + `,"x":1,"x":2}`, resource.ReasonIntrospectionMalformed, false},
		{"about another token", `{"active":true,` + always + `,"jti":"two"}`, resource.ReasonIntrospectionUnproven, false},
		{"active is a string", `{"active":"true"}`, resource.ReasonIntrospectionMalformed, true},
		{"a lone surrogate, and no active", `{"name":"\ud800"}`, resource.ReasonIntrospectionUnproven, true},
		{"an array", `[]`, resource.ReasonIntrospectionMalformed, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inWorld(t, signed, func(w *world) {
				w.expect("before: the keys are loaded", w.token(resourcetest.Token{}), 200, "")
				payload := fmt.Sprintf(`{"iss":%q,"aud":"test-client","iat":%d,"token_introspection":%s}`, w.issuer.Identifier(), time.Now().Unix(), row.answer)
				w.fail(resourcetest.Failure{Header: http.Header{"Content-Type": {"application/token-introspection+jwt"}},
					Body: []byte(w.issuer.Token(resourcetest.Token{Header: map[string]any{"typ": "token-introspection+jwt"}, RawPayload: []byte(payload)}))})
				for i := range 2 * introspect.FailuresToOpen {
					token := w.issuer.Token(resourcetest.Token{Claims: map[string]any{"jti": "one", "row": i}})
					if i == 0 {
						w.expect(row.name, token, 503, row.reason)
					} else if got := w.ask(token); got.status != 503 {
						w.Errorf("got %d, want 503", got.status)
					}
				}
				open := map[bool]string{true: "1", false: "0"}[row.opens]
				if got := w.metric("warder_introspection_circuit_open"); got != open {
					w.Errorf("circuit open: got %s, want %s", got, open)
				}
			})
		})
	}
}
