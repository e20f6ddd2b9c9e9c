package revocation_test

import (
	"context"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
)

// An entry for a subject revokes by the claim sub, which logout notices have, and by the claim
// that SubjectClaim names. An entry for a client revokes its own tokens, and those that belong to
// no one else.
func TestEntriesFollowThePrincipal(t *testing.T) {
	issuer, caller := callersOf(t, func(i *resource.Issuer) {
		i.SubjectClaim = "username"
		i.ClientTokens = &resource.ClientTokens{Claim: "gty", Value: "cc"}
	})
	of := func(claims map[string]any) *resource.Caller { return caller(resourcetest.Token{Claims: claims}) }
	const absent = resourcetest.Remove
	callers := map[string]*resource.Caller{
		"user alice":                   of(map[string]any{"username": "alice", "sub": "8f3a", "client_id": "c1"}),
		"user alice without sub":       of(map[string]any{"username": "alice", "sub": absent, "client_id": "c1"}),
		"user with the sub c1":         of(map[string]any{"username": "carol", "sub": "c1", "client_id": "c2"}),
		"user with the name c1":        of(map[string]any{"username": "c1", "sub": "9b", "client_id": "c2"}),
		"client c1 with a sub":         of(map[string]any{"sub": "svc", "client_id": "c1", "gty": "cc"}),
		"client c1 without sub":        of(map[string]any{"sub": absent, "client_id": "c1", "gty": "cc"}),
		"client c1 with a username":    of(map[string]any{"username": "bot", "sub": "svc2", "client_id": "c1", "gty": "cc"}),
		"token of c1":                  of(map[string]any{"sub": absent, "client_id": "c1"}),
		"token with sub, not username": of(map[string]any{"sub": "7c", "client_id": "c1"}),
	}
	for _, row := range []struct {
		name  string
		entry revocation.Entry
		want  []string
	}{
		{"the sub of a user", revocation.Entry{Subject: "8f3a"}, []string{"user alice"}},
		{"the username", revocation.Entry{Subject: "alice"}, []string{"user alice", "user alice without sub"}},
		{"a subject that is also a client", revocation.Entry{Subject: "c1"}, []string{"user with the sub c1", "user with the name c1"}},
		{"the sub of a client", revocation.Entry{Subject: "svc"}, []string{"client c1 with a sub"}},
		{"the username of a client", revocation.Entry{Subject: "bot"}, []string{"client c1 with a username"}},
		{"a sub in a token without the claim of SubjectClaim", revocation.Entry{Subject: "7c"}, []string{"token with sub, not username"}},
		{"a client", revocation.Entry{Client: "c1"}, []string{"client c1 with a sub", "client c1 without sub", "client c1 with a username", "token of c1", "token with sub, not username"}},
		{"a client whose tokens all belong to users", revocation.Entry{Client: "c2"}, nil},
		{"the sub, issued before", revocation.Entry{Subject: "8f3a", IssuedBy: time.Now().Add(time.Hour)}, []string{"user alice"}},
		{"the sub, issued long before", revocation.Entry{Subject: "8f3a", IssuedBy: time.Now().Add(-time.Hour)}, nil},
		{"the client, issued long before", revocation.Entry{Client: "c1", IssuedBy: time.Now().Add(-time.Hour)}, nil},
	} {
		list := newList(t, revocation.Config{})
		row.entry.Issuer, row.entry.Until = issuer.Identifier(), time.Now().Add(time.Hour)
		if err := list.Add(context.Background(), row.entry); err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		want := map[string]bool{}
		for _, name := range row.want {
			want[name] = true
		}
		for name, c := range callers {
			if got := isRevoked(t, list, c); got != want[name] {
				t.Errorf("%s: %s: revoked is %v, want %v", row.name, name, got, want[name])
			}
		}
	}
}

// One entry for each way to name a principal: an entry that keeps the token valid does not hide
// one that revokes it.
func TestEachMatchingEntryRevokes(t *testing.T) {
	issuer, caller := callersOf(t, func(i *resource.Issuer) { i.SubjectClaim = "username" })
	c := caller(resourcetest.Token{Claims: map[string]any{"username": "alice", "sub": "8f3a"}})
	list := newList(t, revocation.Config{})
	for _, e := range []revocation.Entry{{Subject: "alice", IssuedBy: time.Now().Add(-time.Hour)}, {Subject: "8f3a"}} {
		e.Issuer, e.Until = issuer.Identifier(), time.Now().Add(time.Hour)
		if err := list.Add(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
	if !isRevoked(t, list, c) {
		t.Error("not revoked by its sub")
	}
}
