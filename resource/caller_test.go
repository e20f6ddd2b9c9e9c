package resource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// accept returns the decision on a request with the token.
func (f *fixture) accept(token string) resource.Decision {
	f.t.Helper()
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	decision, refusal := f.res.Authenticate(req)
	if refusal != nil {
		f.t.Fatal(refusal.Err)
	}
	return decision
}

func TestCaller(t *testing.T) {
	f := newFixture(t, nil)
	issued := time.Now().Add(-time.Minute).Truncate(time.Second)
	caller := f.accept(f.issuer.Token(resourcetest.Token{
		Subject: "alice", ClientID: "app", Scope: "a b", IssuedAt: issued,
		Claims: map[string]any{"jti": "one", "email": "alice@example.test", "groups": []string{"x", "y"}},
	})).Caller
	got := []any{caller.ID(), caller.Issuer(), caller.Subject(), caller.ClientID(), caller.TokenID(), caller.Scopes(), caller.Expiry().Equal(issued.Add(5 * time.Minute)), caller.String()}
	want := []any{"25:https://auth.example.test sub:alice", "https://auth.example.test", "alice", "app", "one", []string{"a", "b"}, true, "25:https://auth.example.test sub:alice"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
	var further struct {
		Email  string   `json:"email"`
		Groups []string `json:"groups"`
		Upper  string   `json:"EMAIL"`
	}
	if err := caller.Decode(&further); err != nil || further.Email != "alice@example.test" || len(further.Groups) != 2 || further.Upper != "" {
		t.Errorf("got %+v, %v", further, err)
	}
	if err := caller.Decode(new([]string)); err == nil || strings.Contains(err.Error(), "alice") {
		t.Errorf("decoding into the wrong type: got %v, want an error without the claims", err)
	}
}

// Two different pairs of issuer and principal never have the same ID.
func TestCallerIDIsUnambiguous(t *testing.T) {
	seen := map[string]string{}
	for _, c := range []resource.Claims{
		{Issuer: "https://a", Subject: "x"},
		{Issuer: "https://a", ClientID: "x"},
		{Issuer: "https://a", Subject: "client:x"},
		{Issuer: "https://a/sub:x", Subject: "y"},
		{Issuer: "https://a", Subject: "x sub:y"},
		{Issuer: "https://a", Subject: "9:https://a sub:x"},
	} {
		f := newFixture(t, func(r *resource.Config, _ *jwks.Config) {
			c.Audience = []string{identifier}
			r.Opaque = &resource.Issuer{Verifier: fixedClaims{c}}
		})
		id := f.accept("opaque").Caller.ID()
		name := fmt.Sprintf("%q %q %q", c.Issuer, c.Subject, c.ClientID)
		if other, ok := seen[id]; ok {
			t.Errorf("%s and %s have the same ID %q", name, other, id)
		}
		seen[id] = name
	}
}

// fixedClaims is a verifier that returns the same claims for every token.
type fixedClaims struct{ claims resource.Claims }

func (v fixedClaims) Issuer() string { return v.claims.Issuer }

func TestCallerJSON(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.ScopeOptions.Implies = map[string][]string{"admin": {"read"}}
	})
	token := f.token(resourcetest.Token{Subject: "alice", Scope: "admin", Claims: map[string]any{"email": "alice@example.test"}})
	caller := f.accept(token).Caller
	data, err := json.Marshal(caller)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(token, ".") {
		if strings.Contains(string(data), part) {
			t.Error("the encoded caller contains a part of the token")
		}
	}
	var restored resource.Caller
	if err := json.Unmarshal(data, &restored); err != nil {
		t.Fatal(err)
	}
	var further struct {
		Email string `json:"email"`
	}
	if err := restored.Decode(&further); err != nil || further.Email != "alice@example.test" {
		t.Errorf("claims: got %+v, %v", further, err)
	}
	if restored.ID() != caller.ID() || !restored.Has("read", "admin") || restored.Has("write") || !restored.Expiry().Equal(caller.Expiry()) {
		t.Errorf("got %s %v %s, want %s %v %s", restored.ID(), restored.AllScopes(), restored.Expiry(), caller.ID(), caller.AllScopes(), caller.Expiry())
	}
	for _, text := range []string{`{}`, `null`, `[]`, `{"issuer":"x"}`, `{"issuer":"x","subject":"y","subject":"z"}`} {
		if err := json.Unmarshal([]byte(text), new(resource.Caller)); err == nil {
			t.Errorf("%s was decoded as a caller", text)
		}
	}
}

// The claim sub survives the encoding, also where SubjectClaim names another claim.
func TestCallerJSONKeepsSub(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Issuers[0].SubjectClaim = "username" })
	for _, c := range []claims{{"username": "alice", "sub": "8f3a"}, {"username": "alice", "sub": nil}, {"username": "alice", "sub": "alice"}, {"sub": "8f3a"}} {
		caller := f.accept(f.tokenWithClaims(c)).Caller
		data, err := json.Marshal(caller)
		if err != nil {
			t.Fatal(err)
		}
		var restored resource.Caller
		if err := json.Unmarshal(data, &restored); err != nil {
			t.Fatal(err)
		}
		if restored.Subject() != caller.Subject() || restored.TokenSubject() != caller.TokenSubject() || restored.OfClient() {
			t.Errorf("%s: got %q and %q, want %q and %q", data, restored.Subject(), restored.TokenSubject(), caller.Subject(), caller.TokenSubject())
		}
	}
}

func TestRequestForInnerHandler(t *testing.T) {
	f := newFixture(t, nil)
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	authorization := "Bearer " + f.token(resourcetest.Token{})
	req.Header.Set("Authorization", authorization)
	req.Header.Set("X-Trace-Id", "7")
	decision, refusal := f.res.Authenticate(req)
	if refusal != nil {
		t.Fatal(refusal.Err)
	}
	if got := req.Header.Get("Authorization"); got != authorization {
		t.Errorf("the original request was changed: %q", got)
	}
	if got := decision.Request.Header; got.Get("Authorization") != "" || got.Get("X-Trace-Id") != "7" {
		t.Errorf("header of the inner request: %v", got)
	}
	if caller, ok := resource.FromContext(decision.Request.Context()); !ok || caller != decision.Caller {
		t.Error("the caller is not in the context of the inner request")
	}
	if _, ok := resource.FromContext(req.Context()); ok {
		t.Error("the caller is in the context of the original request")
	}
	again, refusal := f.res.Authenticate(decision.Request)
	if refusal != nil || again.Caller != decision.Caller {
		t.Errorf("Authenticate again: got %v", refusal)
	}
	other := newFixtureWith(t, f.issuer, nil)
	if _, refusal := other.res.Authenticate(decision.Request); refusal == nil || refusal.Reason != resource.ReasonMissingCredentials {
		t.Errorf("another resource: got %v, want missing credentials", refusal)
	}
	decision.Request.Header.Set("Authorization", "Bearer unknown")
	if _, refusal := f.res.Authenticate(decision.Request); refusal == nil || refusal.Reason != resource.ReasonOpaqueUnsupported {
		t.Errorf("Authenticate again with another token: got %v, want a rejection", refusal)
	}
	decision.Request.Header["Authorization"] = []string{""}
	if _, refusal := f.res.Authenticate(decision.Request); refusal == nil {
		t.Error("Authenticate again with an empty header: accepted")
	}
}

func TestKeepAuthorization(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.HTTP.KeepAuthorization = true })
	token := f.token(resourcetest.Token{})
	if got := f.accept(token).Request.Header.Get("Authorization"); got != "Bearer "+token {
		t.Errorf("got %q", got)
	}
}

func (v fixedClaims) Verify(context.Context, *resource.Token) (*resource.Claims, error) {
	return &v.claims, nil
}
