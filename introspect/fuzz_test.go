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

// FuzzAnswer makes the endpoint return any body. A token is accepted only if encoding/json also
// reads the body as an active token for this resource. The status is never 500.
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
		fx := newFixture(t, issuer, nil)
		fx.endpointFails(resourcetest.Failure{Body: body})
		got := fx.request("some-token-of-somebody")
		if !slices.Contains([]int{200, 401, 503}, got.status) {
			t.Fatalf("got %d for %q", got.status, body)
		}
		if got.status != 200 {
			return
		}
		var want struct {
			Active    bool    `json:"active"`
			Issuer    *string `json:"iss"`
			Audience  any     `json:"aud"`
			TokenType *string `json:"token_type"`
		}
		if err := json.Unmarshal(body, &want); err != nil || !want.Active {
			t.Errorf("accepted, but encoding/json reads active %v, error %v: %q", want.Active, err, body)
		}
		list, _ := want.Audience.([]any)
		if want.Audience != identifier && !slices.Contains(list, any(identifier)) {
			t.Errorf("accepted with audience %v: %q", want.Audience, body)
		}
		if want.Issuer != nil && *want.Issuer != issuer.Identifier() || want.TokenType != nil && !bytes.EqualFold([]byte(*want.TokenType), []byte("bearer")) {
			t.Errorf("accepted with another issuer or token type: %q", body)
		}
	})
}

// FuzzSignedAnswer makes the endpoint return any signed payload (RFC 9701 §5). It is accepted only
// if encoding/json also reads iss, aud and iat as valid.
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
		fx := newFixture(t, issuer, func(_ *resource.Config, c *introspect.Config) {
			c.SignedAnswers, c.KeysURL = true, issuer.URL(resourcetest.JWKS)
		})
		head := fmt.Sprintf(`{"alg":"ES256","typ":"token-introspection+jwt","kid":%q}`, issuer.SigningKeyID(""))
		signed := issuer.Token(resourcetest.Token{RawHeader: []byte(head), RawPayload: append([]byte{}, payload...)})
		fx.endpointFails(resourcetest.Failure{Body: []byte(signed), Header: http.Header{"Content-Type": {"application/token-introspection+jwt"}}})
		got := fx.request("some-token-of-somebody")
		if !slices.Contains([]int{200, 401, 503}, got.status) {
			t.Fatalf("got %d for %q", got.status, payload)
		}
		if got.status == 503 {
			return
		}
		var want struct {
			Issuer   string  `json:"iss"`
			Audience any     `json:"aud"`
			IssuedAt float64 `json:"iat"`
		}
		if err := json.Unmarshal(payload, &want); err != nil {
			t.Fatalf("accepted, but encoding/json returns %v: %q", err, payload)
		}
		list, _ := want.Audience.([]any)
		if want.Issuer != issuer.Identifier() || want.Audience != "test-client" && !slices.Contains(list, any("test-client")) ||
			math.Abs(want.IssuedAt-float64(now.Unix())) > 63 {
			t.Errorf("accepted with an invalid iss, aud or iat: %q", payload)
		}
	})
}
