package config_test

import (
	"cmp"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// push sends an event of an issuer to the server, and returns the status.
func (s *testServer) push(issuer *resourcetest.Issuer, e resourcetest.SecurityEvent, authorization string) int {
	s.t.Helper()
	if e.Audience == "" {
		e.Audience = stream
	}
	w := httptest.NewRecorder()
	s.live.SecurityEvents().ServeHTTP(w, resourcetest.PushRequest(s.t.Context(), "https://mcp.example.test/events", issuer.SecurityEvent(e), authorization))
	return w.Code
}

// An event revokes the tokens of its subject in this process. With shared_state, all processes
// reject them within a second.
func TestPushedEventsRevoke(t *testing.T) {
	for _, row := range []struct{ name, lines, other, want string }{
		{"a list of the process", events(), events(), "401 200"},
		{"a shared list", events() + "\n" + shared(), events() + "\n" + shared(), "401 401"},
		{"a shared list, and the other process receives no events", events() + "\n" + shared(), shared(), "401 401"},
		{"a store without the list", events() + "\n" + shared("revocations: false"), events() + "\n" + shared("revocations: false"), "401 200"},
	} {
		t.Run(row.name, func(t *testing.T) {
			withReplicas(t, func(t *testing.T, r *replicas) {
				one, two := r.start(row.lines), r.start(row.other)
				alice, bob := bearer(r.issuer.Token(resourcetest.Token{})), bearer(r.issuer.Token(resourcetest.Token{Subject: "bob"}))
				if got := statuses(alice, one, two); got != "200 200" || one.live.Revocations() == nil {
					t.Fatalf("before: got %s", got)
				}
				if got := one.push(r.issuer, resourcetest.SecurityEvent{}, ""); got != 202 {
					t.Fatalf("the event: got %d; log: %s", got, one.log)
				}
				if got := statuses(alice, one); got != "401" {
					t.Errorf("at once: got %s", got)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if got := statuses(alice, one, two); got != row.want {
					t.Errorf("a second later: got %s, want %s", got, row.want)
				}
				if got := statuses(bob, one, two); got != "200 200" {
					t.Errorf("another user: got %s", got)
				}
				if got := one.live.Revocations().Len(); got != 1 {
					t.Errorf("the list of Live has %d entries, want 1", got)
				}
			})
		})
	}
}

// If the store fails, the event is not acknowledged, so that the issuer repeats it.
func TestEventsAreNotAcknowledgedWithoutTheStore(t *testing.T) {
	withReplicas(t, func(t *testing.T, r *replicas) {
		s := r.start(events() + "\n" + shared())
		r.store.fail(true)
		if got := s.push(r.issuer, resourcetest.SecurityEvent{}, ""); got != 503 {
			t.Errorf("got %d, want 503", got)
		}
	})
}

// Each key changes the response to an event, or which tokens are valid after it.
func TestKeysOfEventsTakeEffect(t *testing.T) {
	transmitter := "jwks_uri: https://b.example.test/jwks"
	second := func(r *replicas, b *resourcetest.Issuer) (*resourcetest.Issuer, resourcetest.SecurityEvent) {
		return b, resourcetest.SecurityEvent{Subject: r.issuer.SubjectID("alice")}
	}
	ofSecond := func(_ *replicas, b *resourcetest.Issuer) (*resourcetest.Issuer, resourcetest.SecurityEvent) {
		return b, resourcetest.SecurityEvent{}
	}
	session := func(r *replicas, _ *resourcetest.Issuer) (*resourcetest.Issuer, resourcetest.SecurityEvent) {
		return r.issuer, resourcetest.SecurityEvent{Subject: map[string]any{"format": "complex", "user": r.issuer.SubjectID("alice"), "session": map[string]any{"format": "opaque", "id": "s2"}}}
	}
	issued := func(ago time.Duration) func(*replicas, *resourcetest.Issuer) (*resourcetest.Issuer, resourcetest.SecurityEvent) {
		return func(r *replicas, _ *resourcetest.Issuer) (*resourcetest.Issuer, resourcetest.SecurityEvent) {
			return r.issuer, resourcetest.SecurityEvent{IssuedAt: time.Now().Add(-ago)}
		}
	}
	for _, row := range []struct {
		name, lines   string
		event         func(r *replicas, b *resourcetest.Issuer) (*resourcetest.Issuer, resourcetest.SecurityEvent) // nil: of the first issuer, about alice
		authorization string
		wait          time.Duration
		status        int
		token         string // status of a token of alice with the session s1
		other         string // status of a token of alice of the second issuer
	}{
		{name: "the value of aud", lines: strings.Replace(events(), stream, "other", 1), status: 400, token: "200"},
		{name: "several values of aud", lines: strings.Replace(events(), stream, "other, "+stream, 1), status: 202, token: "401"},
		{name: "no authorization", lines: events(), authorization: "Bearer any", status: 202, token: "401"},
		{name: "authorization", lines: events("authorization: Bearer x"), authorization: "Bearer x", status: 202, token: "401"},
		{name: "another authorization", lines: events("authorization: Bearer x"), authorization: "Bearer y", status: 401, token: "200"},
		{name: "authorization is missing", lines: events("authorization: Bearer x"), status: 401, token: "200"},
		{name: "authorization_file", lines: events("authorization_file: secret"), authorization: "Bearer f", status: 202, token: "401"},
		{name: "another authorization than in the file", lines: events("authorization_file: secret"), authorization: "Bearer x", status: 401, token: "200"},
		{name: "default of token_lifetime_seconds", lines: events(), wait: 2 * time.Hour, status: 202, token: "401"},
		{name: "token_lifetime_seconds", lines: events("token_lifetime_seconds: 3600"), wait: 2 * time.Hour, status: 202, token: "200"},
		{name: "max_token_lifetime_seconds", lines: "  max_token_lifetime_seconds: 90000\n" + events(), wait: 24*time.Hour + 10*time.Minute, status: 202, token: "401"},
		{name: "the default is shorter", lines: events(), wait: 24*time.Hour + 10*time.Minute, status: 202, token: "200"},
		{name: "default of tokens_have_session", lines: events(), event: session, status: 202, token: "401"},
		{name: "tokens_have_session", lines: events("tokens_have_session: true"), event: session, status: 202, token: "200"},
		{name: "default of max_age_seconds", lines: events(), event: issued(2 * time.Hour), status: 202, token: "200"},
		{name: "max_age_seconds", lines: events("max_age_seconds: 3600"), event: issued(2 * time.Hour), status: 400, token: "200"},
		{name: "default of leeway_seconds", lines: events(), event: issued(-4 * time.Minute), status: 202, token: "401"},
		{name: "leeway_seconds", lines: events("leeway_seconds: 60"), event: issued(-4 * time.Minute), status: 400, token: "200"},
		{name: "issuer_url is the second issuer", lines: both + events("issuer_url: https://b.example.test"), status: 400, token: "200", other: "200"},
		{name: "the second issuer sends an event", lines: both + events("issuer_url: https://b.example.test"), event: ofSecond, status: 202, token: "200", other: "401"},
		{name: "the second issuer sends an event about a user of the first", lines: both + events("issuer_url: https://b.example.test"), event: second, status: 202, token: "200", other: "200"},
		{name: "issuer_url is the first issuer", lines: both + events("issuer_url: https://auth.example.test"), status: 202, token: "401", other: "200"},
		{name: "transmitter_issuer", lines: events("transmitter_issuer: https://b.example.test", transmitter), event: second, status: 202, token: "401"},
		{name: "without transmitter_issuer", lines: events(), event: second, status: 400, token: "200"},
		{name: "jwks_uri has other keys", lines: events(transmitter), status: 400, token: "200"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://b.example.test", Audience: identifier})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			withReplicas(t, func(t *testing.T, r *replicas) {
				s := completedServer(t, r.issuer, map[string]string{"secret": "Bearer f\n"}, func(c *config.Config) { c.Transport = r.issuer.Transport(b) }, row.lines)
				token := bearer(r.issuer.Token(resourcetest.Token{Lifetime: 25 * time.Hour, Claims: map[string]any{"sid": "s1"}}))
				other := bearer(b.Token(resourcetest.Token{Lifetime: 25 * time.Hour}))
				sender, event := r.issuer, resourcetest.SecurityEvent{}
				if row.event != nil {
					sender, event = row.event(r, b)
				}
				if got := s.push(sender, event, row.authorization); got != row.status {
					t.Errorf("the event: got %d, want %d; log: %s", got, row.status, s.log)
				}
				time.Sleep(row.wait)
				if got := statuses(token, s); got != row.token {
					t.Errorf("the token: got %s, want %s; log: %s", got, row.token, s.log)
				}
				if got, want := statuses(other, s), cmp.Or(row.other, "401"); got != want { // 401: it only sends events
					t.Errorf("the token of the second issuer: got %s, want %s", got, want)
				}
			})
		})
	}
}

// Tokens that are introspected are revoked too. With jwks_uri, the issuer of introspected JWTs can send events.
func TestEventsRevokeIntrospectedTokens(t *testing.T) {
	const introspection = "  client_id: test-client\n  client_secret: " + resourcetest.DefaultClientSecret + "\n"
	for _, lines := range []string{
		introspection + events(),
		introspection + "  introspect_jwts: true\n" + events("jwks_uri: https://auth.example.test/jwks"),
	} {
		withReplicas(t, func(t *testing.T, r *replicas) {
			s := r.start(lines)
			opaque := bearer(r.issuer.OpaqueToken(resourcetest.Token{}))
			before, pushed := statuses(opaque, s), s.push(r.issuer, resourcetest.SecurityEvent{}, "")
			if got := statuses(opaque, s); before != "200" || pushed != 202 || got != "401" {
				t.Errorf("%s: got %s, the event %d, then %s; want 200, 202, 401; log: %s", lines, before, pushed, got, s.log)
			}
		})
	}
}
