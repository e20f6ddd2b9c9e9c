package resource_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	explainedOpaque = "op-0123456789-abcdefghijklmnopqrstuvwxyz"
	explainedDense  = "a+b/c+d/e+f/g+h/i+j/k+l/m+n/o+p/q+r/s+t/u+v/w+x/y+z/"
	explainedKey    = "secret-9876543210-zyxwvutsrqponmlkjihgfedcba"
)

// partOf returns a text of 16 characters that is in the explanation and in a secret, or "".
func partOf(t *testing.T, e *resource.Explanation, secrets ...string) string {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range secrets {
		for n := 0; n+16 <= len(secret); n++ {
			if strings.Contains(string(text), secret[n:n+16]) {
				return secret[n : n+16]
			}
		}
	}
	return ""
}

// No text of an explanation has 16 characters of a credential of the request, wherever the text is
// from: a header field, the body, a claim, or the error of a verifier.
func TestExplainHidesParts(t *testing.T) {
	issuer := "https://opaque.example.test"
	verify := func(_ context.Context, token *resource.Token) (*resource.Claims, error) {
		raw := token.Raw()
		switch {
		case raw == explainedDense:
			return nil, fmt.Errorf("POST /introspect?token=%s: 500", url.QueryEscape(raw))
		case strings.HasSuffix(raw, "-err"):
			return nil, errors.New("token " + raw[:20] + "... is not known")
		}
		return &resource.Claims{Issuer: issuer, Subject: "s-" + raw[4:30], ClientID: "c", Audience: []string{"x", raw[:18], raw[20:]}, TokenID: raw}, nil
	}
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Opaque = &resource.Issuer{Verifier: stubVerifier{issuer, verify}}
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Key": keywordVerifier{issuer: "https://keys.example.test"}}
		c.Credentials.HeaderClaims = map[string]resource.HeaderClaim{"X-Tenant": {Claim: "tenant"}}
		c.Operations = testRules
	})
	key := resourcetest.NewProofKey("ES256")
	bound := f.token(resourcetest.Token{ProofKey: key})
	proven := proof(key, bound).Header.Get("Dpop")
	type fields = map[string][]string
	for _, row := range []struct {
		name   string
		fields fields
		body   string
	}{
		{"Origin has the token", fields{"Authorization": {"Bearer " + bound}, "Origin": {"https://" + bound}}, ""},
		{"Origin has a part of the token", fields{"Authorization": {"Bearer " + explainedOpaque}, "Origin": {"https://x/" + explainedOpaque[5:25]}}, ""},
		{"Origin has a proof", fields{"Authorization": {"DPoP " + bound}, "Dpop": {proven}, "Origin": {proven}}, ""},
		{"Origin has the second of two tokens", fields{"Authorization": {"Bearer x", "Bearer " + explainedOpaque}, "Origin": {explainedOpaque}}, ""},
		{"Origin has a key beside a token", fields{"Authorization": {"Bearer x"}, "X-Key": {explainedKey}, "Origin": {explainedKey}}, ""},
		{"Origin has a token without Bearer", fields{"Authorization": {bound}, "Origin": {bound}}, ""},
		{"Origin has a password", fields{"Authorization": {"Basic " + explainedOpaque}, "Origin": {explainedOpaque}}, ""},
		{"Origin has a key that is not read", fields{"X-Api-Key": {explainedKey}, "Origin": {explainedKey}}, ""},
		{"parts of the token in claims", fields{"Authorization": {"Bearer " + explainedOpaque}}, ""},
		{"an error with a part of the token", fields{"Authorization": {"Bearer " + explainedOpaque + "-err"}}, ""},
		{"an error with the escaped token", fields{"Authorization": {"Bearer " + explainedDense}}, ""},
		{"a tool with the name of a key", fields{"X-Key": {explainedKey}}, rpcCall("tools/call", `{"name":"x-`+explainedKey+`"}`)},
		{"a header field with a key", fields{"X-Key": {explainedKey}, "X-Tenant": {explainedKey[7:27]}}, rpcCall("ping", "{}")},
		{"a header field with a proof", fields{"Authorization": {"DPoP " + bound}, "Dpop": {proven}, "X-Tenant": {proven[len(proven)-30:]}}, rpcCall("ping", "{}")},
	} {
		newRequest := func() *http.Request {
			req := rpcRequest(row.body, "")
			for name, values := range row.fields {
				req.Header[name] = values
			}
			return req
		}
		e := f.res.Explain(newRequest())
		secrets := []string{bound, proven, explainedOpaque, explainedKey, explainedDense, url.QueryEscape(explainedDense)}
		if part := partOf(t, e, secrets...); part != "" {
			t.Errorf("%s: %q is in %+v", row.name, part, e.Checks)
		}
	}
}

// If the credentials of a request are too large to look for their parts, an explanation shows no text.
func TestExplainManySecrets(t *testing.T) {
	f := newFixture(t, nil)
	for size, want := range map[int]string{1 << 20: "https://other.example", 1<<20 + 1: "[redacted token]"} {
		req := post(identifier)
		req.Header["Authorization"] = []string{strings.Repeat("a", size)}
		req.Header["Origin"] = []string{"https://other.example"}
		e := f.res.Explain(req)
		if got := e.Checks[1].Got; e.Checks[1].Name != "origin" || got != want || e.Reason != resource.ReasonOrigin {
			t.Errorf("%d bytes: got %q, want %q: %+v", size, got, want, e)
		}
	}
}
