package interop_test

import (
	"net/http"
	"net/url"
)

// testDisabled disables alice. Keycloak sends no event until her sessions are ended.
func (e *eventStreams) testDisabled() {
	issued := e.standard.fresh(func() keycloakTokens { return e.login("alice") })
	user := "/users/" + keycloakUsers["alice"]
	e.checkEvents("user disabled", 0, func() { e.k.admin(http.MethodPut, user, map[string]bool{"enabled": false}) })
	check(e.t, keycloakEvents+"user disabled, token", keycloakAlice, e.standard.send(issued))
	_, failed := e.k.refresh(issued.Refresh)
	check(e.t, keycloakEvents+"user disabled, refresh", "invalid_grant", failed)
	after := e.standard.count()
	e.checkEvents("user disabled, then logout of all", 1, func() { e.k.admin(http.MethodPost, user+"/logout", nil) })
	check(e.t, keycloakEvents+"user disabled, then logout of all, delivery", "202", e.standard.await(after, 1, ofAll).answer)
	check(e.t, keycloakEvents+"user disabled, then logout of all, token", revoked, e.standard.send(issued))
	e.checkEvents("user enabled", 0, func() { e.k.admin(http.MethodPut, user, map[string]bool{"enabled": true}) })
	check(e.t, keycloakEvents+"user enabled, token of a later login", keycloakAlice, e.standard.later(func() keycloakTokens { return e.login("alice") }))
}

// testActionsWithoutEvent tests what ends sessions or tokens in Keycloak without an event that
// revokes.
func (e *eventStreams) testActionsWithoutEvent() {
	e.k.addDefaultRoles("alice")
	issued := e.standard.fresh(func() keycloakTokens { return e.login("alice") })
	session := sessionOf(issued.Access)
	after := e.standard.count()
	e.checkEvents("password reset by an administrator", 1, func() {
		e.k.admin(http.MethodPut, "/users/"+keycloakUsers["alice"]+"/reset-password", map[string]any{"type": "password", "value": "secret", "temporary": false})
	})
	got := e.standard.await(after, 1, func(d delivery) bool { return d.event == "credential-change" })
	check(e.t, keycloakEvents+"password reset by an administrator, delivery", "202", got.answer)
	check(e.t, keycloakEvents+"password reset by an administrator, token", keycloakAlice, e.standard.send(issued))
	e.checkEvents("one session ended by an administrator", 0, func() { e.k.admin(http.MethodDelete, "/sessions/"+session, nil) })
	check(e.t, keycloakEvents+"one session ended by an administrator, token", keycloakAlice, e.standard.send(issued))
	e.checkEvents("session ended in the account console", 0, func() {
		own := e.login("alice")
		check(e.t, keycloakEvents+"session ended in the account console, status", "204", e.k.endSession(own.Access, sessionOf(e.login("alice").Access)))
	})
	e.checkEvents("refresh token revoked (RFC 7009)", 0, func() {
		check(e.t, keycloakEvents+"refresh token revoked (RFC 7009), status", "200", e.k.form("/revoke", url.Values{"client_id": {"app"}, "token": {e.login("alice").Refresh}}))
	})
	e.checkEvents("all sessions of the realm ended", 0, func() { e.k.admin(http.MethodPost, "/logout-all", nil) })
	e.checkEvents("user deleted", 0, func() {
		e.login("bob")
		e.k.admin(http.MethodDelete, "/users/"+keycloakUsers["bob"], nil)
	})
}

// checkEvents checks how many events an action causes.
func (e *eventStreams) checkEvents(what string, want int, action func()) {
	e.t.Helper()
	before := e.standard.queued()
	action()
	check(e.t, keycloakEvents+what+", events", count(want), count(e.standard.queued()-before))
}
