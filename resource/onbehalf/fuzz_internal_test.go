package onbehalf

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/outbound"
)

// An answer that is accepted has a b64token, is a Bearer token of the wanted type with no wider scope,
// and encoding/json reads the same token. An error answer never adds text of the issuer.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"access_token":"x","token_type":"Bearer","issued_token_type":"` + AccessTokenType + `","expires_in":60,"scope":"a"}`,
		`{"access_token":"eyJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3gifQ.c2ln","token_type":"bearer","issued_token_type":"` + AccessTokenType + `"}`,
		`{"access_token":"x","token_type":"N_A"}`,
		`{"error":"invalid_grant","error_description":"x"}`,
		`{"error":"interaction_required","error_codes":[50076,1e9],"suberror":"basic_action","claims":"{\"access_token\":{}}"}`,
		`{}`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	var mistakes configerr.List
	exchange := Target{Name: "t", Resources: []string{"https://x"}, Scopes: []string{"a", "b"}}.compile("t", false, &mistakes)
	entra := Target{Name: "t", Grant: EntraOnBehalfOf, Scopes: []string{"a"}}.compile("t", false, &mistakes)
	if err := mistakes.Err("t"); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := &outbound.Response{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
		token, e := exchange.readAnswer(r, "the-token-of-the-caller", time.Now())
		switch {
		case (token == nil) == (e == nil):
			t.Fatal("neither or both of a token and an error")
		case e != nil && (e.Kind != KindUnusable || e.Detail == ""):
			t.Fatalf("got %+v", e)
		case token != nil:
			checkAccepted(t, token, body)
		}
		if answer, ok := parseRefusal(r); ok {
			checkRefused(t, answer.error(entra))
		}
	})
}

func checkRefused(t *testing.T, own *Error) {
	t.Helper()
	if own.Kind == "" || strings.ContainsFunc(own.Code+own.Detail, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }) {
		t.Fatalf("got %+v", own)
	}
	if own.Claims != "" && (!json.Valid([]byte(own.Claims)) || !isPlain(own.Claims)) {
		t.Fatalf("got claims %q", own.Claims)
	}
}

func checkAccepted(t *testing.T, token *Token, body []byte) {
	t.Helper()
	var other struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		IssuedType  string `json:"issued_token_type"`
	}
	if err := json.Unmarshal(body, &other); err != nil {
		t.Fatalf("encoding/json rejects the answer: %v", err)
	}
	if other.AccessToken != token.AccessToken() || !strings.EqualFold(other.TokenType, "Bearer") || other.IssuedType != AccessTokenType {
		t.Fatalf("encoding/json reads another answer: %+v", other)
	}
	if !grammar.IsB64Token(token.AccessToken()) || !time.Now().Before(token.Expiry().Add(time.Minute)) {
		t.Fatal("the token is not a b64token, or it has expired")
	}
	for _, scope := range token.Scopes() {
		if scope != "a" && scope != "b" {
			t.Fatalf("got scope %q", scope)
		}
	}
}
