package securityevents_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

const caep, risc = "https://schemas.openid.net/secevent/caep/event-type/", "https://schemas.openid.net/secevent/risc/event-type/"

// Which types of events revoke tokens, and the form of events (RFC 8417 §2.2).
func TestEvents(t *testing.T) {
	f := newFixture(t, nil)
	of := func(types ...string) resourcetest.SecurityEvent {
		events := object{}
		for _, typ := range types {
			events[typ] = object{}
		}
		return withClaims(claims{"events": events})
	}
	raw := func(events string) resourcetest.SecurityEvent {
		return withClaims(claims{"events": resourcetest.Raw(events)})
	}
	ignored := func(name string, e resourcetest.SecurityEvent) tokenCase {
		return tokenCase{name, e, 202, "", "ignored"}
	}
	many := func(n int) resourcetest.SecurityEvent {
		var types []string
		for i := range n {
			types = append(types, fmt.Sprintf("https://example.test/%d", i))
		}
		return of(types...)
	}
	for _, row := range []tokenCase{
		ok("CAEP 1.0 §3.1, session-revoked", of(caep+"session-revoked")),
		ok("RISC 1.0 §2.2, account-purged", of(risc+"account-purged")),
		ok("RISC 1.0 §2.3, account-disabled", of(risc+"account-disabled")),
		ok("RISC, sessions-revoked", of(risc+"sessions-revoked")),
		ignored("CAEP 1.0 §3.2, token-claims-change", of(caep+"token-claims-change")),
		ignored("CAEP 1.0 §3.3, credential-change", of(caep+"credential-change")),
		ignored("CAEP 1.0 §3.4, assurance-level-change", of(caep+"assurance-level-change")),
		ignored("CAEP 1.0 §3.5, device-compliance-change", of(caep+"device-compliance-change")),
		ignored("RISC 1.0 §2.4, account-enabled", of(risc+"account-enabled")),
		ignored("SSF 1.0 §8.1.4.1, verification", of("https://schemas.openid.net/secevent/ssf/event-type/verification")),
		ignored("SSF 1.0 §8.1.5, stream-updated", of("https://schemas.openid.net/secevent/ssf/event-type/stream-updated")),
		ignored("an unknown type", of("https://example.test/event")),
		ignored("another case", of(caep+"Session-Revoked")),
		ignored("a slash at the end", of(caep+"session-revoked/")),
		ok("several events", of(caep+"session-revoked", caep+"credential-change", risc+"account-disabled")),
		ignored("the most events", many(32)),
		bad("more events", many(33), eventBody, "event"),
		bad("no event", raw(`{}`), eventBody, "event"),
		bad("an event without type", raw(`{"":{}}`), eventBody, "event"),
		bad("events null", raw(`null`), eventBody, "event"),
		bad("events are an array", raw(`["`+caep+`session-revoked"]`), eventBody, "event"),
		bad("an event is a text", raw(`{"`+caep+`session-revoked":""}`), eventBody, "event"),
		bad("an event is null", raw(`{"`+caep+`session-revoked":null}`), eventBody, "event"),
		bad("an unknown event is an array", raw(`{"https://example.test/event":[]}`), eventBody, "event"),
		bad("event_timestamp is a text", raw(`{"`+caep+`session-revoked":{"event_timestamp":"1"}}`), eventBody, "event"),
		bad("a member in another case", raw(`{"`+caep+`session-revoked":{"Event_timestamp":1}}`), eventBody, "event"),
		ok("members are null, as Keycloak sends them", raw(`{"`+caep+`session-revoked":{"event_timestamp":null,"subject":null,"reason_admin":null}}`)),
	} {
		f.run(row)
	}
}

// The subject is sub_id, or inside the event as in older versions of SSF.
func TestWhereTheSubjectIs(t *testing.T) {
	f := newFixture(t, nil)
	alice, bob := f.issuer.SubjectID("alice"), f.issuer.SubjectID("bob")
	mail := object{"format": "email", "email": "alice@example.test"}
	for _, row := range []struct {
		name           string
		outside, event any
		want           string // "": rejected
	}{
		{"sub_id", alice, remove, "alice"},
		{"subject of the event", remove, alice, "alice"},
		{"both, with the same", alice, object{"format": "complex", "user": alice}, "alice"},
		{"both, with another user", alice, bob, ""},
		{"both, one of them not supported", alice, mail, ""},
		{"both, with a session in one", alice, object{"user": alice, "session": opaque("s")}, ""},
		{"both, with a token in one", alice, object{"format": "aliases", "identifiers": []any{alice, object{"format": "jwt_id", "iss": f.issuer.Identifier(), "jti": "t"}}}, ""},
		{"both, with an opaque identifier in one", alice, object{"format": "aliases", "identifiers": []any{alice, opaque("x")}}, ""},
		{"both, the second malformed", alice, object{}, ""},
		{"neither", remove, remove, ""},
		{"sub_id null", nil, remove, ""},
		{"sub_id is a text", "alice", remove, ""},
		{"subject of the event is a text", remove, "alice", ""},
	} {
		payload := object{}
		if row.event != remove {
			payload["subject"] = row.event
		}
		got := f.deliver(resourcetest.SecurityEvent{Payload: payload, Claims: claims{"sub_id": row.outside}})
		if row.want == "" && (got.status != 400 || got.body != eventBody) || row.want != "" && got.status != 202 {
			t.Errorf("%s: got %d %s", row.name, got.status, got.body)
		}
		entries := f.store.take()
		if row.want == "" && len(entries) > 0 || row.want != "" && (len(entries) != 1 || entries[0].Subject != row.want) {
			t.Errorf("%s: entries %v", row.name, entries)
		}
	}
}

// Several events of a token revoke together. A subject that is not supported in one of them does not
// hide the other one.
func TestSeveralEvents(t *testing.T) {
	f := newFixture(t, nil)
	got := f.deliver(withClaims(claims{"sub_id": remove, "events": object{
		caep + "session-revoked":   object{"subject": f.issuer.SubjectID("alice")},
		risc + "account-disabled":  object{"subject": f.issuer.SubjectID("bob")},
		risc + "account-purged":    object{"subject": object{"format": "email", "email": "carol@example.test"}},
		caep + "credential-change": object{"subject": object{}},
	}}))
	want := []string{"subject alice until the event", "subject bob until the event"}
	if entries := described(f.store.take()); got.status != 202 || !slices.Equal(entries, want) {
		t.Errorf("got %d %s, entries %q", got.status, got.body, entries)
	}
	if log := f.log.take(); strings.Count(log, "tokens revoked by a security event") != 2 || strings.Count(log, "without effect") != 1 || strings.Contains(log, "carol") {
		t.Errorf("log: %s", log)
	}
}

// When an event occurred: event_timestamp (CAEP 1.0 §2), otherwise toe (RFC 8417 §2.2), otherwise iat.
func TestTimeOfEvents(t *testing.T) {
	f := newFixture(t, nil)
	issued := time.Now().Truncate(time.Second)
	before := issued.Add(-time.Hour)
	for _, row := range []struct {
		name           string
		timestamp, toe any
		want           time.Time
	}{
		{"neither", remove, remove, issued},
		{"event_timestamp", seconds(before), remove, before},
		{"event_timestamp with a fraction", resourcetest.Raw(fmt.Sprintf("%d.9", seconds(before))), remove, before},
		{"toe", remove, seconds(before), before},
		{"both", seconds(before), seconds(before.Add(time.Minute)), before},
		{"event_timestamp of 0 is none", 0, seconds(before), before},
		{"both 0", 0, 0, issued},
		{"event_timestamp after iat", seconds(issued.Add(time.Minute)), remove, issued},
		{"event_timestamp in the year 9999", int64(253402300799), seconds(before), issued},
		{"event_timestamp in milliseconds", before.UnixMilli(), remove, issued},
		{"a negative event_timestamp", -1, remove, issued},
		{"toe after iat", remove, seconds(issued.Add(time.Minute)), issued},
	} {
		timestamp := ""
		if row.timestamp != remove {
			timestamp = fmt.Sprintf(`"event_timestamp":%v`, row.timestamp)
		}
		got := f.deliver(resourcetest.SecurityEvent{IssuedAt: issued, Claims: claims{
			"toe": row.toe, "events": resourcetest.Raw(`{"` + caep + `session-revoked":{` + timestamp + `}}`)}})
		entries := f.store.take()
		if got.status != 202 || len(entries) != 1 || !entries[0].IssuedBy.Equal(row.want) {
			t.Errorf("%s: got %d %s, entries %v, want %v", row.name, got.status, got.body, entries, row.want)
		}
	}
}

// A disabled or purged account has no valid tokens at all. The issuer may have issued some after the account
// was disabled and before it made the event, so iat counts.
func TestTimeOfAccountEvents(t *testing.T) {
	f := newFixture(t, nil)
	issued := time.Now().Truncate(time.Second)
	before := seconds(issued.Add(-time.Hour))
	for _, row := range []struct {
		typ  string
		want time.Time
	}{
		{risc + "account-disabled", issued},
		{risc + "account-purged", issued},
		{risc + "sessions-revoked", issued.Add(-time.Hour)},
	} {
		for name, e := range map[string]resourcetest.SecurityEvent{
			"event_timestamp": {Payload: object{"event_timestamp": before}},
			"toe":             {Claims: claims{"toe": before}},
		} {
			e.Type, e.IssuedAt = row.typ, issued
			got := f.deliver(e)
			entries := f.store.take()
			if got.status != 202 || len(entries) != 1 || !entries[0].IssuedBy.Equal(row.want) {
				t.Errorf("%s, %s: got %d %s, entries %v, want %v", row.typ, name, got.status, got.body, entries, row.want)
			}
		}
	}
}
