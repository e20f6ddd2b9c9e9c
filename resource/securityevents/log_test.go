package securityevents_test

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/securityevents"
)

// The values of the metric label are a closed set, which exists from the start.
func TestMetrics(t *testing.T) {
	f := newFixture(t, nil)
	want := strings.Fields(`accepted algorithm audience authorization_missing authorization_unavailable authorization_wrong body
		claim content_encoding content_type duplicate event ignored issuer key keys_unavailable malformed method
		signature store_unavailable time too_large type unsupported_subject`)
	got := counts(t, f.receiver)
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
		t.Errorf("got %q\nwant %q", names, want)
	}
	for name, n := range got {
		if n != 0 {
			t.Errorf("%s is %v", name, n)
		}
	}
}

// What the log says of an event, and that it contains no part of the token and of the claims that name
// a session or a token.
func TestLog(t *testing.T) {
	f := newFixture(t, nil)
	user := f.issuer.SubjectID("alice\n\u202eeve")
	for _, row := range []struct {
		name  string
		event resourcetest.SecurityEvent
		want  string
	}{
		{"accepted", resourcetest.SecurityEvent{Subject: object{"format": "complex", "user": user, "session": opaque("s3cr3t")}},
			`level=INFO msg="tokens revoked by a security event" issuer=https://auth.example.test event=session-revoked subject_format=complex subject=alice??eve`},
		{"a token", resourcetest.SecurityEvent{Subject: object{"format": "jwt_id", "iss": f.issuer.Identifier(), "jti": "s3cr3t"}},
			`level=INFO msg="tokens revoked by a security event" issuer=https://auth.example.test event=session-revoked subject_format=jwt_id`},
		{"a format that is not known", resourcetest.SecurityEvent{Subject: object{"format": "s3cr3t"}},
			`level=WARN msg="security event without effect: its subject does not identify tokens" issuer=https://auth.example.test event=session-revoked subject_format=other`},
		{"ignored", resourcetest.SecurityEvent{Type: "https://example.test/s3cr3t"}, ""},
		{"another audience", withClaims(claims{"aud": []string{"a", "b\n", "c", "d", "e"}}),
			`level=WARN msg="security event rejected" issuer=https://auth.example.test result=audience status=400 source="RFC 7519 §4.1.3, aud" got="a b? c d" unverified=true`},
		{"another issuer", withClaims(claims{"iss": strings.Repeat("x", 1000)}),
			`level=WARN msg="security event rejected" issuer=https://auth.example.test result=issuer status=400 source="SSF 1.0 §4.1.6, iss" got=` + strings.Repeat("x", 256) + `... unverified=true`},
		{"another type", withHeader(claims{"typ": "at+jwt"}),
			`level=WARN msg="security event rejected" issuer=https://auth.example.test result=type status=400 source="RFC 8417 §2.3, typ" got=at+jwt unverified=true`},
		{"no jti", withClaims(claims{"jti": remove}),
			`level=WARN msg="security event rejected" issuer=https://auth.example.test result=claim status=400 source="RFC 8417 §2.2, jti" got="" unverified=true`},
		{"a malformed event", withClaims(claims{"sub_id": object{"format": "opaque", "id": 5}, "x": "s3cr3t"}),
			`level=WARN msg="security event rejected" issuer=https://auth.example.test result=event status=400 error="member \"` + caep + `session-revoked\": subject: opaque: member id is not a text"`},
	} {
		token := f.issuer.SecurityEvent(row.event)
		f.push(token)
		log := f.log.take()
		if _, got, _ := strings.Cut(strings.TrimSpace(log), " "); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
		for _, part := range append(strings.Split(token, "."), "s3cr3t") {
			if strings.Contains(log, part) {
				t.Errorf("%s: the log contains %q", row.name, part)
			}
		}
	}
}

// Ten records of a result in a second, then one with the number of the others. Revocations are not
// limited.
func TestLogLimit(t *testing.T) {
	issuer := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFixtureOf(t, issuer, nil)
		for range 50 {
			f.push("junk")
			f.deliver(resourcetest.SecurityEvent{Subject: object{"format": "email", "email": "x"}})
			f.deliver(resourcetest.SecurityEvent{})
		}
		time.Sleep(time.Second)
		synctest.Wait()
		log := f.log.take()
		for part, want := range map[string]int{"result=malformed status": 10, "without effect": 10, "tokens revoked": 50,
			"result=malformed left_out=40": 1, "result=unsupported_subject left_out=40": 1} {
			if n := strings.Count(log, part); n != want {
				t.Errorf("%q: %d records, want %d", part, n, want)
			}
		}
	})
}

// A log handler that panics loses the record, not the answer. Nothing is logged below the level of the
// handler.
func TestLogHandlers(t *testing.T) {
	for _, handler := range []slog.Handler{panicking{}, slog.DiscardHandler} {
		f := newFixture(t, func(c *securityevents.Config) { c.Logger = slog.New(handler) })
		f.run(ok("accepted", resourcetest.SecurityEvent{}))
		f.run(bad("rejected", withClaims(claims{"jti": remove}), claimBody, "claim"))
		f.run(tokenCase{"unsupported", resourcetest.SecurityEvent{Subject: object{"format": "email"}}, 202, "", "unsupported_subject"})
	}
}

type panicking struct{ slog.Handler }

func (panicking) Enabled(context.Context, slog.Level) bool  { return true }
func (panicking) Handle(context.Context, slog.Record) error { panic("handler") }
func (p panicking) WithAttrs([]slog.Attr) slog.Handler      { return p }
func (p panicking) WithGroup(name string) slog.Handler      { return p }
