package revocation_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
)

// TestMain generates a key outside of the bubbles of synctest. In FIPS mode the first random
// number takes real time, which a bubble does not have.
func TestMain(m *testing.M) {
	if _, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

const identifier = "https://mcp.example.test/mcp"

// callers returns an issuer, and a function that returns the caller of a token.
func callers(t *testing.T) (*resourcetest.Issuer, func(resourcetest.Token) *resource.Caller) {
	t.Helper()
	return callersOf(t, func(*resource.Issuer) {})
}

// callersOf is callers for an issuer with other settings.
func callersOf(t *testing.T, change func(*resource.Issuer)) (*resourcetest.Issuer, func(resourcetest.Token) *resource.Caller) {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	given := resource.Issuer{Verifier: keys}
	change(&given)
	res, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{given}})
	if err != nil {
		t.Fatal(err)
	}
	return issuer, func(token resourcetest.Token) *resource.Caller {
		t.Helper()
		if token.Audience == "" {
			token.Audience = identifier
		}
		req := httptest.NewRequest(http.MethodPost, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+issuer.Token(token))
		decision, refusal := res.Authenticate(req)
		if refusal != nil {
			t.Fatal(refusal.Err)
		}
		return decision.Caller
	}
}

func newList(t *testing.T, c revocation.Config) *revocation.List {
	t.Helper()
	list, err := revocation.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func isRevoked(t *testing.T, list *revocation.List, c *resource.Caller) bool {
	t.Helper()
	revoked, err := list.Revoked(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return revoked
}

func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := newList(t, revocation.Config{})
		issuer, caller := callers(t)
		iss, now := issuer.Identifier(), time.Now()
		jti := func(id string) map[string]any { return map[string]any{"jti": id} }
		one, other := caller(resourcetest.Token{Claims: jti("one")}), caller(resourcetest.Token{Claims: jti("two"), Subject: "bob"})
		nameless := caller(resourcetest.Token{Claims: map[string]any{"jti": resourcetest.Remove, "iat": resourcetest.Remove, "sub": resourcetest.Remove}, ClientID: "robot"})
		check := func(what string, c *resource.Caller, want bool) {
			t.Helper()
			if got := isRevoked(t, list, c); got != want {
				t.Errorf("%s: revoked is %v, want %v", what, got, want)
			}
		}
		add := func(r revocation.Entry) {
			t.Helper()
			if err := list.Add(context.Background(), r); err != nil {
				t.Error(err)
			}
		}
		until := now.Add(time.Minute - 300*time.Millisecond) // an entry ends at a full second, not earlier than until
		check("empty list", one, false)
		add(revocation.Entry{Issuer: iss, TokenID: "one", Until: until})
		add(revocation.Entry{Issuer: iss + "/", TokenID: "two", Until: until})
		add(revocation.Entry{Issuer: iss, Subject: "two", Until: until})
		check("the jti on the list", one, true)
		check("jti of another issuer, or as a subject", other, false)
		check("no jti", nameless, false)
		add(revocation.Entry{Issuer: iss, Subject: "robot", Until: until})
		check("the client as a subject", nameless, false)
		add(revocation.Entry{Issuer: iss, Client: "robot", Until: until})
		check("the client", nameless, true)

		// Tokens of a subject that were issued up to a time, and those of a new login.
		add(revocation.Entry{Issuer: iss, Subject: "bob", IssuedBy: now, Until: until})
		check("issued in the same second", other, true)
		time.Sleep(time.Second)
		later := caller(resourcetest.Token{Subject: "bob"})
		check("issued in the next second", later, false)
		check("the older token, later", other, true)
		add(revocation.Entry{Issuer: iss, Subject: "bob", IssuedBy: now.Add(-time.Hour), Until: until})
		check("an earlier IssuedBy does not make the older token valid", other, true)
		check("an earlier IssuedBy does not revoke the newer token", later, false)
		add(revocation.Entry{Issuer: iss, Subject: "bob", Until: now.Add(time.Second)})
		check("every token of the subject", later, true)
		add(revocation.Entry{Issuer: iss, Client: "robot", IssuedBy: now, Until: until})
		check("IssuedBy does not keep a token without iat valid", nameless, true)

		// An entry ends when the token has expired, with the longest leeway.
		time.Sleep(time.Until(until.Add(resource.MaxLeeway)) - 1)
		check("just before the end of the entry", one, true)
		time.Sleep(300 * time.Millisecond)
		check("just before the next full second", one, true)
		time.Sleep(1)
		check("at the end of the entry", one, false)
		before := list.Len()
		add(revocation.Entry{Issuer: iss, TokenID: "three", Until: until})
		if n := list.Len(); n != before {
			t.Errorf("%d entries, want %d: an entry that has ended is not added", n, before)
		}
	})
}

// A full list rejects new entries until an entry has ended. It never removes one that has not.
func TestFullList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := newList(t, revocation.Config{MaxEntries: 3})
		begin := time.Now()
		at := func(minutes int) time.Time { return begin.Add(time.Duration(minutes) * time.Minute) }
		add := func(id string, until time.Time, ok bool) {
			t.Helper()
			if err := list.Add(context.Background(), revocation.Entry{Issuer: "x", TokenID: id, Until: until}); (err == nil) != ok {
				t.Errorf("%s, after %s: got %v, want an error: %v", id, time.Since(begin), err, !ok)
			}
		}
		end := func(of time.Time) time.Duration { return time.Until(of.Add(resource.MaxLeeway)) }
		add("c", at(30), true)
		add("a", at(10), true)
		add("b", at(20), true)
		add("d", at(90), false)
		add("b", at(20), true) // already on the list
		time.Sleep(end(at(10)) - 1)
		add("d", at(90), false)
		time.Sleep(1)
		add("d", at(90), true) // instead of a
		add("e", at(91), false)
		time.Sleep(end(at(20)))
		add("e", at(25), true) // instead of b
		add("f", at(92), false)
		time.Sleep(end(at(25)))
		add("f", at(92), true) // instead of e
		add("g", at(93), false)
		time.Sleep(end(at(30)))
		add("g", at(93), true) // instead of c
		if list.Len() != 3 {
			t.Errorf("%d entries, want 3", list.Len())
		}
	})
}

// A list does not keep entries that have ended, and keeps the others.
func TestEndedEntriesAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer, caller := callers(t)
		alice, list := caller(resourcetest.Token{}), newList(t, revocation.Config{})
		add := func(e revocation.Entry) {
			t.Helper()
			e.Issuer = issuer.Identifier()
			if err := list.Add(context.Background(), e); err != nil {
				t.Fatal(err)
			}
		}
		add(revocation.Entry{Subject: "alice", Until: time.Now().Add(1000 * time.Hour)})
		for i := range 100_000 {
			add(revocation.Entry{Subject: fmt.Sprint(i), Until: time.Now()})
			time.Sleep(time.Second)
		}
		if n := list.Len(); n > 2100 {
			t.Errorf("%d entries, most of which have ended", n)
		}
		if !isRevoked(t, list, alice) {
			t.Error("an entry that has not ended was removed")
		}
	})
}

// A list without a store does not have the entries that it removed while the clock was fast. So it is not
// known which tokens are revoked until the clock has reached their end again.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list, began := newList(t, revocation.Config{}), time.Now()
		add := func(from, to int) {
			t.Helper()
			for i := range to - from {
				if err := list.Add(t.Context(), revocation.Entry{Issuer: "x", Subject: fmt.Sprint(from + i), Until: time.Now().Add(time.Hour)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		expect := func(when string, after time.Duration, usable bool) {
			t.Helper()
			if got := list.Revision(began.Add(after)) != 0; got != usable {
				t.Errorf("%s: usable at %s is %v, want %v", when, after, got, usable)
			}
		}
		end := time.Hour + resource.MaxLeeway
		add(0, 1000)
		time.Sleep(2 * time.Hour)
		expect("nothing was removed", 0, true)
		add(1000, 1500)
		expect("the first entries were removed", 0, false)
		expect("the first entries were removed", end-1, false)
		expect("the first entries were removed", end, true)
		expect("the first entries were removed", 2*time.Hour, true)
		if err := list.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
