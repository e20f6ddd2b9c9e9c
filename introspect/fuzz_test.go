package introspect_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// FuzzAnswer lets the endpoint answer anything. Ours accepts only what the standard
// library, too, reads as an active token for this resource; and whatever comes, it is
// never our fault (500).
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"active":true,"sub":"alice","aud":"https://mcp.example.test/mcp","exp":4102444800}`,
		`{"active":true,"client_id":"robot","aud":["x","https://mcp.example.test/mcp"],"scope":"a b","token_type":"bearer"}`,
		`{"active":false}`, `{"active":"true"}`, `{"active":true,"active":false}`, `{"\u0061ctive":true}`, `{"ACTIVE":true}`, `[]`, ``, `null`,
		`{"active":true,"sub":"x","aud":"https://mcp.example.test/mcp","cnf":{}}`,
		`{"active":true,"sub":"x","aud":"https://mcp.example.test/mcp","token_use":"refresh"}`,
	} {
		f.Add([]byte(seed))
	}
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		f.Fatal(err)
	}
	defer issuer.Close()
	f.Fuzz(func(t *testing.T, body []byte) {
		if body == nil {
			body = []byte{}
		}
		w := newWorld(t, issuer, nil)
		w.fail(resourcetest.Failure{Body: body})
		got := w.ask("some-token-of-somebody")
		if !slices.Contains([]int{200, 401, 503}, got.status) {
			t.Fatalf("got %d for %q", got.status, body)
		}
		if got.status != 200 {
			return
		}
		var theirs struct {
			Active    bool    `json:"active"`
			Issuer    *string `json:"iss"`
			Audience  any     `json:"aud"`
			TokenType *string `json:"token_type"`
		}
		if err := json.Unmarshal(body, &theirs); err != nil || !theirs.Active {
			t.Errorf("accepted, though encoding/json says %v, %v: %q", theirs.Active, err, body)
		}
		list, _ := theirs.Audience.([]any)
		if theirs.Audience != identifier && !slices.Contains(list, any(identifier)) {
			t.Errorf("accepted for %v: %q", theirs.Audience, body)
		}
		if theirs.Issuer != nil && *theirs.Issuer != issuer.Identifier() || theirs.TokenType != nil && !bytes.EqualFold([]byte(*theirs.TokenType), []byte("bearer")) {
			t.Errorf("accepted: %q", body)
		}
	})
}

// FuzzSignedAnswer lets the endpoint sign anything (RFC 9701 §5).
func FuzzSignedAnswer(f *testing.F) {
	const inner = `"token_introspection":{"active":true,"sub":"x","aud":"https://mcp.example.test/mcp"}`
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		f.Fatal(err)
	}
	defer issuer.Close()
	for _, seed := range []string{
		`{"iss":"https://auth.example.test","aud":"test-client","iat":IAT,` + inner + `}`,
		`{"iss":"https://auth.example.test","aud":["x","test-client"],"iat":IAT.9,` + inner + `}`,
		`{"iss":"https://auth.example.test","aud":"test-client","iat":"IAT",` + inner + `}`,
		`{"iss":"https://auth.example.test/","aud":[],"iat":1e9,` + inner + `}`,
		`{"aud":null,"iat":-IAT,"token_introspection":"x"}`, `[]`, `{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		now := time.Now()
		payload = bytes.ReplaceAll(payload, []byte("IAT"), fmt.Append(nil, now.Unix()))
		w := newWorld(t, issuer, func(_ *resource.Config, c *introspect.Config) {
			c.SignedAnswers, c.KeysURL = true, issuer.URL(resourcetest.JWKS)
		})
		head := fmt.Sprintf(`{"alg":"ES256","typ":"token-introspection+jwt","kid":%q}`, issuer.SigningKeyID(""))
		signed := issuer.Token(resourcetest.Token{RawHeader: []byte(head), RawPayload: append([]byte{}, payload...)})
		w.fail(resourcetest.Failure{Body: []byte(signed), Header: http.Header{"Content-Type": {"application/token-introspection+jwt"}}})
		got := w.ask("some-token-of-somebody")
		if !slices.Contains([]int{200, 401, 503}, got.status) {
			t.Fatalf("got %d for %q", got.status, payload)
		}
		if got.status == 503 {
			return
		}
		var theirs struct {
			Issuer   string  `json:"iss"`
			Audience any     `json:"aud"`
			IssuedAt float64 `json:"iat"`
		}
		if err := json.Unmarshal(payload, &theirs); err != nil {
			t.Fatalf("believed, though encoding/json says %v: %q", err, payload)
		}
		list, _ := theirs.Audience.([]any)
		if theirs.Issuer != issuer.Identifier() || theirs.Audience != "test-client" && !slices.Contains(list, any("test-client")) ||
			math.Abs(theirs.IssuedAt-float64(now.Unix())) > 63 {
			t.Errorf("believed: %q", payload)
		}
	})
}
