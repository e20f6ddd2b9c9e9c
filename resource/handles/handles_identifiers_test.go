package handles_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/warder-go/warder/resource"
)

// allOf is a verifier whose tokens are for several identifiers.
type allOf []string

func (allOf) Issuer() string { return oneIssuer }

func (a allOf) Verify(_ context.Context, token *resource.Token) (*resource.Claims, error) {
	return &resource.Claims{Issuer: oneIssuer, Subject: token.Raw(), Audience: a}, nil
}

// A handle opens at each host of a path, and not at another path of a family.
func TestHandlesOfIdentifiers(t *testing.T) {
	const other, member = "https://other.example.test/mcp", identifier + "/x/a"
	h := newHandles(t, "task", 1)
	for _, row := range []struct {
		name        string
		identifiers []string
		opens       map[string]bool // a handle that was bound at the first
	}{
		{"several origins", []string{identifier, other}, map[string]bool{identifier: true, other: true}},
		{"a family", []string{identifier, member}, map[string]bool{identifier: true, member: false}},
		{"a family, bound at a member", []string{member, identifier}, map[string]bool{identifier: false, member: true}},
	} {
		res, err := resource.New(resource.Config{Identifier: row.identifiers[0], Identifiers: row.identifiers[1:], Opaque: &resource.Issuer{Verifier: allOf(row.identifiers)}})
		if err != nil {
			t.Fatal(err)
		}
		callerAt := func(url string) *resource.Caller {
			req := httptest.NewRequest(http.MethodPost, url, nil)
			req.Header.Set("Authorization", "Bearer alice")
			decision, refusal := res.Authenticate(req)
			if refusal != nil {
				t.Fatal(refusal.Err)
			}
			return decision.Caller
		}
		first := callerAt(row.identifiers[0])
		encoded, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		var decoded resource.Caller
		if err := json.Unmarshal(encoded, &decoded); err != nil {
			t.Fatal(err)
		}
		for name, binds := range map[string]*resource.Caller{"the caller": first, "the caller from JSON": &decoded} {
			bound := bind(t, h, binds, "task-42")
			for url, want := range row.opens {
				if got, err := h.Open(callerAt(url), bound); (err == nil) != want || want && got != "task-42" {
					t.Errorf("%s, bound by %s, opened at %s: got %q, %v", row.name, name, url, got, err)
				}
			}
		}
	}
}
