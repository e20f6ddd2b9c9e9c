package securityevents_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/securityevents"
)

const ssoSession = "9f0e"

// described returns entries as texts: what they name, and whether later tokens stay valid.
func described(entries []revocation.Entry) (all []string) {
	for _, e := range entries {
		text := ""
		for name, value := range map[string]string{"subject": e.Subject, "session": e.Session, "token": e.TokenID, "client": e.Client} {
			if value != "" {
				text += name + " " + value
			}
		}
		if !e.IssuedBy.IsZero() {
			text += " until the event"
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

type object = map[string]any

func opaque(id string) object { return object{"format": "opaque", "id": id} }

// What each form of a subject revokes (RFC 9493 §3.2, SSF 1.0 §3, CAEP 1.0 §3.1).
func TestSubjects(t *testing.T) {
	f := newFixture(t, nil)
	iss := f.issuer.Identifier()
	alice, foreign := f.issuer.SubjectID("alice"), object{"format": "iss_sub", "iss": iss + "2", "sub": "alice"}
	mail := object{"format": "email", "email": "alice@example.test"}
	token := func(iss string) object { return object{"format": "jwt_id", "iss": iss, "jti": "t1"} }
	complex := func(members ...any) object { // names and values
		o := object{"format": "complex"}
		for i := 0; i < len(members); i += 2 {
			o[members[i].(string)] = members[i+1]
		}
		return o
	}
	aliases := func(list ...any) object { return object{"format": "aliases", "identifiers": list} }
	const user, session, accepted, unsupported, malformed = "subject alice until the event", "session " + ssoSession, "accepted", "unsupported_subject", "event"
	for _, row := range []struct {
		name    string
		subject object
		result  string
		session []string // entries for session-revoked
		account []string // entries for account-disabled
	}{
		{"iss_sub", alice, accepted, []string{user}, []string{user}},
		{"iss_sub of another issuer", foreign, unsupported, nil, nil},
		{"iss_sub without sub", object{"format": "iss_sub", "iss": iss}, malformed, nil, nil},
		{"iss_sub without iss", object{"format": "iss_sub", "sub": "alice"}, malformed, nil, nil},
		{"iss_sub with an empty sub", object{"format": "iss_sub", "iss": iss, "sub": ""}, malformed, nil, nil},
		{"iss_sub with a number", object{"format": "iss_sub", "iss": iss, "sub": 1}, malformed, nil, nil},
		{"iss_sub with null", object{"format": "iss_sub", "iss": iss, "sub": nil}, malformed, nil, nil},
		{"opaque", opaque("x"), accepted, []string{"session x", "subject x until the event"}, []string{"subject x until the event"}},
		{"opaque without id", object{"format": "opaque", "sub": "x"}, malformed, nil, nil},
		{"jwt_id", token(iss), accepted, []string{"token t1"}, []string{"token t1"}},
		{"jwt_id of another issuer", token(iss + "/"), unsupported, nil, nil},
		{"jwt_id without jti", object{"format": "jwt_id", "iss": iss}, malformed, nil, nil},
		{"email", mail, unsupported, nil, nil},
		{"phone_number", object{"format": "phone_number", "phone_number": "+12065550100"}, unsupported, nil, nil},
		{"account", object{"format": "account", "uri": "acct:alice@example.test"}, unsupported, nil, nil},
		{"did", object{"format": "did", "url": "did:example:1"}, unsupported, nil, nil},
		{"a format that is not known", object{"format": "scim", "uri": "/u/1"}, unsupported, nil, nil},
		{"no format", object{"iss": iss, "sub": "alice"}, malformed, nil, nil},
		{"format in another case", object{"Format": "iss_sub", "iss": iss, "sub": "alice"}, malformed, nil, nil},
		{"format is a number", object{"format": 1}, malformed, nil, nil},

		{"complex: user", complex("user", alice), accepted, []string{user}, []string{user}},
		{"complex: opaque user", complex("user", opaque("alice")), accepted, []string{user}, []string{user}},
		{"complex: user and session, as Keycloak sends them", complex("user", alice, "session", opaque(ssoSession)), accepted, []string{session, user}, []string{user}},
		{"complex: user and all sessions, as Keycloak sends them", complex("user", alice, "session", opaque("ALL")), accepted, []string{user}, []string{user}},
		{"complex: user, session and tenant", complex("user", alice, "session", opaque(ssoSession), "tenant", opaque("t")), accepted, []string{session, user}, []string{user}},
		{"complex: user and device", complex("user", alice, "device", foreign), accepted, []string{user}, []string{user}},
		{"complex: session", complex("session", opaque(ssoSession)), accepted, []string{session}, nil},
		{"complex: all sessions of nobody", complex("session", opaque("ALL")), unsupported, nil, nil},
		{"complex: session as iss_sub", complex("session", f.issuer.SubjectID(ssoSession)), accepted, []string{session}, nil},
		{"complex: user of another issuer, and session", complex("user", foreign, "session", opaque(ssoSession)), unsupported, nil, nil},
		{"complex: email and session", complex("user", mail, "session", opaque(ssoSession)), accepted, []string{session}, nil},
		{"complex: session of an unsupported format", complex("user", alice, "session", object{"format": "uri", "uri": "s:1"}), accepted, []string{user}, []string{user}},
		{"complex: tenant", complex("tenant", opaque("t")), unsupported, nil, nil},
		{"complex: malformed user", complex("user", object{"format": "iss_sub"}), malformed, nil, nil},
		{"complex: malformed session", complex("user", alice, "session", opaque("")), malformed, nil, nil},
		{"complex: user is a text", complex("user", "alice"), malformed, nil, nil},
		{"complex: user null", complex("user", nil, "session", opaque(ssoSession)), accepted, []string{session}, nil},
		{"complex in complex", complex("user", complex("user", alice)), malformed, nil, nil},
		{"complex: user as aliases", complex("user", aliases(mail, alice)), accepted, []string{user}, []string{user}},
		{"complex: user and session as aliases", complex("user", aliases(mail, alice), "session", aliases(mail, opaque(ssoSession))), accepted, []string{session, user}, []string{user}},
		{"complex: aliases that are not supported, and session", complex("user", aliases(mail, foreign), "session", opaque(ssoSession)), accepted, []string{session}, nil},
		{"complex: session as jwt_id", complex("user", mail, "session", token(iss)), accepted, []string{"token t1"}, []string{"token t1"}},
		{"complex: session as jwt_id of another issuer", complex("user", mail, "session", token(iss+"/")), unsupported, nil, nil},
		{"complex: aliases in aliases", complex("user", aliases(aliases(alice))), malformed, nil, nil},
		{"complex: complex in aliases", complex("user", aliases(complex("user", alice))), malformed, nil, nil},
		{"user and session without format, as in SSE", object{"user": alice, "session": opaque(ssoSession)}, accepted, []string{session, user}, []string{user}},

		{"aliases", aliases(mail, alice, token(iss), foreign), accepted, []string{user, "token t1"}, []string{user, "token t1"}},
		{"aliases that are not supported", aliases(mail), unsupported, nil, nil},
		{"no aliases", aliases(), malformed, nil, nil},
		{"aliases without identifiers", object{"format": "aliases"}, malformed, nil, nil},
		{"aliases in aliases", aliases(aliases(alice)), malformed, nil, nil},
		{"complex in aliases", aliases(complex("user", alice)), malformed, nil, nil},
		{"a malformed alias", aliases(alice, object{"format": "iss_sub"}), malformed, nil, nil},
		{"the most aliases", aliases(slices.Repeat([]any{mail}, 32)...), unsupported, nil, nil},
		{"more aliases", aliases(slices.Repeat([]any{mail}, 33)...), malformed, nil, nil},
	} {
		for typ, want := range map[string][]string{resourcetest.SessionRevoked: row.session, resourcetest.AccountDisabled: row.account} {
			result := row.result
			if result == accepted && want == nil {
				result = unsupported
			}
			before := counts(t, f.receiver)
			got := f.deliver(resourcetest.SecurityEvent{Type: typ, Subject: row.subject})
			name := row.name + ", " + typ[strings.LastIndex(typ, "/"):]
			if (got.status == 202) != (result != malformed) || result == malformed && got.body != eventBody {
				t.Errorf("%s: got %d %s", name, got.status, got.body)
			}
			if counted := f.result(before); counted != result {
				t.Errorf("%s: counted as %q, want %q", name, counted, result)
			}
			if got := described(f.store.take()); !slices.Equal(got, want) {
				t.Errorf("%s:\n got %q\nwant %q", name, got, want)
			}
		}
	}
}

// The entries are for the tokens of TokenIssuer, and end when the last token has expired.
func TestEntries(t *testing.T) {
	issued := time.Now().Add(-time.Hour).Truncate(time.Second)
	for _, row := range []struct {
		name     string
		change   func(*securityevents.Config)
		issuer   string
		lifetime time.Duration
	}{
		{"default", nil, "https://auth.example.test", 24 * time.Hour},
		{"settings", func(c *securityevents.Config) {
			c.TokenIssuer, c.TokenLifetime = "https://tokens.example.test", time.Minute
		}, "https://tokens.example.test", time.Minute},
	} {
		f := newFixture(t, row.change)
		f.deliver(resourcetest.SecurityEvent{IssuedAt: issued, Subject: object{"format": "iss_sub", "iss": row.issuer, "sub": "alice"}})
		got, want := f.store.take(), []revocation.Entry{{Issuer: row.issuer, Subject: "alice", IssuedBy: issued, Until: issued.Add(row.lifetime)}}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s:\n got %v\nwant %v", row.name, got, want)
		}
	}
}

// With TokensHaveSession, the end of a session revokes only its tokens. The end of all sessions
// revokes all tokens of the user.
func TestTokensHaveSession(t *testing.T) {
	f := newFixture(t, func(c *securityevents.Config) { c.TokensHaveSession = true })
	user := f.issuer.SubjectID("alice")
	for _, row := range []struct {
		name    string
		subject object
		want    []string
	}{
		{"a session", object{"format": "complex", "user": user, "session": opaque(ssoSession)}, []string{"session " + ssoSession}},
		{"all sessions, as Keycloak sends them", object{"format": "complex", "user": user, "session": opaque("ALL")}, []string{"subject alice until the event"}},
		{"a user", user, []string{"subject alice until the event"}},
		{"opaque", opaque("x"), []string{"session x", "subject x until the event"}},
	} {
		f.deliver(resourcetest.SecurityEvent{Subject: row.subject})
		if got := described(f.store.take()); !slices.Equal(got, row.want) {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
	for _, typ := range []string{resourcetest.AccountDisabled, resourcetest.AccountPurged, risc + "sessions-revoked"} {
		f.deliver(resourcetest.SecurityEvent{Type: typ, Subject: object{"format": "complex", "user": user, "session": opaque(ssoSession)}})
		if got := described(f.store.take()); !slices.Equal(got, []string{"subject alice until the event"}) {
			t.Errorf("%s: got %q", typ, got)
		}
	}
}
