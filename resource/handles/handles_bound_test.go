package handles_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A handle belongs to the principal and not to the key of its token: the same user can use it with
// another key, and another user cannot, whatever the key.
func TestHandlesOfBoundTokens(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: keys}}, Logger: slog.New(slog.DiscardHandler),
		Credentials: resource.Credentials{DPoP: resource.DPoP{Tokens: resource.BindingRequired}}})
	if err != nil {
		t.Fatal(err)
	}
	caller := func(subject string, key *resourcetest.ProofKey) *resource.Caller {
		t.Helper()
		req := httptest.NewRequest(http.MethodPost, identifier, nil)
		key.SetProof(req, issuer.Token(resourcetest.Token{Audience: identifier, Subject: subject, ProofKey: key}))
		decision, refusal := res.Authenticate(req)
		if refusal != nil {
			t.Fatal(refusal.Err)
		}
		return decision.Caller
	}
	h := newHandles(t, "task", 1)
	first, second := resourcetest.NewProofKey(""), resourcetest.NewProofKey("")
	handle, err := h.Bind(caller("alice", first), "task-7")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := h.Open(caller("alice", second), handle); err != nil || got != "task-7" {
		t.Errorf("another key of the same user: got %q, %v", got, err)
	}
	if got, err := h.Open(caller("bob", first), handle); err == nil {
		t.Errorf("another user with the same key: got %q", got)
	}
}
