package interop_test

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/securityevents"
)

const (
	keycloakBob    = `200 sub="bbbbbbbb-0000-4000-8000-000000000002" client="app" scope="mcp:read"`
	keycloakEvents = "Keycloak, security events: "
)

// streamLimit is the longest time from the answer to an event until the streams of its subject end.
const streamLimit = 2 * time.Second

var revoked = invalid(resource.ReasonRevoked)

// eventStreams are the streams of the test, each with its own receiver and server.
type eventStreams struct {
	t *testing.T
	k *keycloak

	standard, sessions, older, mail, denied, foreign, silent *eventStream
}

// TestKeycloakSecurityEvents tests the receiver of security events with Keycloak as the transmitter.
func TestKeycloakSecurityEvents(t *testing.T) {
	k := startTransmitter(t)
	k.testTransmitter(t)
	e := &eventStreams{t: t, k: k}
	e.standard = k.newEventStream(t, "events", nil, nil)
	e.sessions = k.newEventStream(t, "sessions", map[string]string{"ssf.streamAudience": "https://mcp.example.com/security-events"},
		func(c *securityevents.Config) { c.TokensHaveSession = true })
	e.older = k.newEventStream(t, "older", map[string]string{"ssf.profile": "SSE_CAEP"}, nil)
	e.mail = k.newEventStream(t, "mail", map[string]string{"ssf.userSubjectFormat": "email"}, nil)
	e.denied = k.newEventStream(t, "denied", nil, func(c *securityevents.Config) { c.Authorization = "Bearer another" })
	e.foreign = k.newEventStream(t, "foreign", nil, func(c *securityevents.Config) { c.Audience = []string{"another"} })
	e.silent = k.newEventStream(t, "silent", map[string]string{"ssf.defaultSubjects": ""}, nil)
	check(t, keycloakEvents+"aud of a stream", "events/"+e.standard.id, strings.Join(e.standard.audience, " "))
	check(t, keycloakEvents+"aud of a stream with ssf.streamAudience", "https://mcp.example.com/security-events", strings.Join(e.sessions.audience, " "))
	check(t, keycloakEvents+"stream with a URL outside of ssf.validPushUrls", "400", k.denies("/ssf/clients/silent/stream", pushTo("https://mcp.example.com/")))

	e.testVerification()
	e.testLogout()
	e.testLogoutOfAll()
	e.testDisabled()
	e.testActionsWithoutEvent()
	check(t, keycloakEvents+"stream without ssf.defaultSubjects", "0", count(e.silent.queued()))
}

// testTransmitter switches the transmitter of the realm on.
func (k *keycloak) testTransmitter(t *testing.T) {
	t.Helper()
	read := func() (issuer, keys string) {
		res, err := http.Get(k.issuer + "/.well-known/ssf-configuration")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var found struct {
			Issuer string
			Keys   string `json:"jwks_uri"`
		}
		if res.StatusCode == http.StatusOK && json.NewDecoder(res.Body).Decode(&found) != nil {
			t.Fatal("the configuration is not JSON")
		}
		return cmp.Or(found.Issuer, res.Status), found.Keys
	}
	status, _ := read()
	check(t, keycloakEvents+"realm without ssf.transmitterEnabled", "404 Not Found", status)
	k.admin(http.MethodPut, "", map[string]any{"attributes": map[string]string{"ssf.transmitterEnabled": "true"}})
	issuer, keys := read()
	check(t, keycloakEvents+"issuer of the events", k.issuer, issuer)
	check(t, keycloakEvents+"keys of the events", k.issuer+"/protocol/openid-connect/certs", keys)
}

// testVerification requests the verification of a stream.
func (e *eventStreams) testVerification() {
	e.k.admin(http.MethodPost, "/ssf/clients/events/stream/verify", nil)
	got := e.standard.await(0, 1, func(d delivery) bool { return d.event == "verification" })
	check(e.t, keycloakEvents+"verification of a stream", "202", got.answer)
}

// testLogout ends one of two sessions of alice, by a logout of the user.
func (e *eventStreams) testLogout() {
	ended, other, bob := e.login("alice"), e.login("alice"), e.login("bob")
	stream, bobs := e.standard.open(ended.Access), e.standard.open(bob.Access)
	rows := []struct {
		name                   string
		stream                 *eventStream
		answer                 string
		times                  int
		endedToken, otherToken string
	}{
		{"logout", e.standard, "202", 1, revoked, revoked},
		{"logout, TokensHaveSession", e.sessions, "202", 1, revoked, keycloakAlice},
		{"logout, profile SSE_CAEP", e.older, "202", 1, revoked, revoked},
		{"logout, format email", e.mail, "202", 1, revoked, keycloakAlice},
		{"logout, wrong Authorization", e.denied, "401 authentication_failed", 2, keycloakAlice, keycloakAlice},
		{"logout, wrong audience", e.foreign, "400 invalid_audience", 2, keycloakAlice, keycloakAlice},
	}
	for _, row := range rows {
		check(e.t, keycloakEvents+row.name+", before", keycloakAlice, row.stream.send(ended))
	}
	session := sessionOf(ended.Access)
	check(e.t, keycloakEvents+"logout, status", "204", e.k.form("/logout", url.Values{"client_id": {"app"}, "refresh_token": {ended.Refresh}}))
	ofSession := func(d delivery) bool { return d.session == session }
	for _, row := range rows {
		got := row.stream.await(0, row.times, ofSession)
		check(e.t, keycloakEvents+row.name+", delivery", "session-revoked "+row.answer, got.event+" "+got.answer)
		check(e.t, keycloakEvents+row.name+", token of the session", row.endedToken, row.stream.send(ended))
		check(e.t, keycloakEvents+row.name+", token of another session", row.otherToken, row.stream.send(other))
		check(e.t, keycloakEvents+row.name+", token of another user", keycloakBob, row.stream.send(bob))
	}
	e.checkStreams("logout", e.standard.await(0, 1, ofSession), stream, bobs)
	check(e.t, keycloakEvents+"logout, token of a later login", keycloakAlice, e.standard.later(func() keycloakTokens { return e.login("alice") }))

	e.denied.config.Authorization = pushAuthorization
	e.denied.restart()
	got := e.denied.await(0, 1, func(d delivery) bool { return ofSession(d) && d.answer == "202" })
	check(e.t, keycloakEvents+"logout, Authorization corrected, next delivery", "session-revoked 202", got.event+" "+got.answer)
	check(e.t, keycloakEvents+"logout, Authorization corrected, token of the session", revoked, e.denied.send(ended))
}

// testLogoutOfAll ends all sessions of alice, by an administrator.
func (e *eventStreams) testLogoutOfAll() {
	offline := e.k.ofUser("app", "alice", "openid mcp:read offline_access")
	waitUntil(e.t.Context(), time.Now().Truncate(time.Second).Add(time.Second)) // Keycloak accepts refresh tokens of the second of the logout
	first, second, bob := e.login("alice"), e.login("alice"), e.login("bob")
	stream, bobs := e.sessions.open(first.Access), e.sessions.open(bob.Access)
	rows := []struct {
		name   string
		stream *eventStream
		after  int
		token  string
	}{
		{"logout of all", e.standard, e.standard.count(), revoked},
		{"logout of all, TokensHaveSession", e.sessions, e.sessions.count(), revoked},
		{"logout of all, profile SSE_CAEP", e.older, e.older.count(), revoked},
		{"logout of all, format email", e.mail, e.mail.count(), keycloakAlice}, // the event names no session, and the user only by email
	}
	e.k.admin(http.MethodPost, "/users/"+keycloakUsers["alice"]+"/logout", nil)
	for _, row := range rows {
		got := row.stream.await(row.after, 1, ofAll)
		check(e.t, keycloakEvents+row.name+", delivery", "session-revoked 202", got.event+" "+got.answer)
		check(e.t, keycloakEvents+row.name+", first token", row.token, row.stream.send(first))
		check(e.t, keycloakEvents+row.name+", second token", row.token, row.stream.send(second))
		check(e.t, keycloakEvents+row.name+", token of an offline session", row.token, row.stream.send(offline))
		check(e.t, keycloakEvents+row.name+", token of another user", keycloakBob, row.stream.send(bob))
	}
	check(e.t, keycloakEvents+"logout of all, format email, log", "reported", reported(e.mail))
	e.checkStreams("logout of all", e.sessions.await(rows[1].after, 1, ofAll), stream, bobs)
	check(e.t, keycloakEvents+"logout of all, token of a later login", keycloakAlice, e.standard.later(func() keycloakTokens { return e.login("alice") }))
	_, failed := e.k.refresh(offline.Refresh)
	check(e.t, keycloakEvents+"logout of all, refresh with the offline token", "invalid_grant", failed)
}

// checkStreams checks that the stream of the subject ends after a delivery, and no other one.
func (e *eventStreams) checkStreams(what string, after delivery, subject, other chan time.Time) {
	e.t.Helper()
	got := "does not end"
	select {
	case at := <-subject:
		if passed := at.Sub(after.at); passed <= streamLimit {
			got = "ends within " + streamLimit.String()
		} else {
			got = "ends after " + passed.String()
		}
	case <-time.After(timeout):
	}
	check(e.t, keycloakEvents+what+", open stream of the user", "ends within "+streamLimit.String(), got)
	got = "stays open"
	select {
	case <-other:
		got = "ends"
	default:
	}
	check(e.t, keycloakEvents+what+", open stream of another user", "stays open", got)
}

func ofAll(d delivery) bool { return d.session == "ALL" }
