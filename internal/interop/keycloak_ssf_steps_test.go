package interop_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

func count(n int) string { return strconv.Itoa(n) }

// login returns tokens of a new session of a user.
func (e *eventStreams) login(user string) keycloakTokens {
	e.t.Helper()
	return e.k.ofUser("app", user, "openid mcp:read")
}

// send sends a token to the server of a stream.
func (s *eventStream) send(issued keycloakTokens) string {
	s.t.Helper()
	return onlyScope(s.server.send(issued.Access))
}

// fresh returns new tokens that are not revoked. An event revokes all tokens of its second.
func (s *eventStream) fresh(issue func() keycloakTokens) (issued keycloakTokens) {
	s.t.Helper()
	s.server.repeatUntil(keycloakAlice, timeout, func() string {
		issued = issue()
		return s.send(issued)
	})
	return issued
}

// later returns the outcome for new tokens.
func (s *eventStream) later(issue func() keycloakTokens) string {
	s.t.Helper()
	return s.send(s.fresh(issue))
}

// reported says whether the receiver has logged an event without effect.
func reported(s *eventStream) string {
	if strings.Contains(s.logged.String(), "security event without effect") {
		return "reported"
	}
	return s.logged.String()
}

// sessionOf returns the claim sid of a token.
func sessionOf(token string) string {
	var claims struct{ SID string }
	if parts := strings.Split(token, "."); len(parts) == 3 {
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(payload, &claims)
	}
	return claims.SID
}

// form sends a form to an endpoint of OpenID Connect, and returns the status.
func (k *keycloak) form(endpoint string, form url.Values) string {
	k.t.Helper()
	res, err := http.PostForm(k.issuer+"/protocol/openid-connect"+endpoint, form)
	if err != nil {
		k.t.Fatal(err)
	}
	_ = res.Body.Close()
	return strconv.Itoa(res.StatusCode)
}

// denies returns the status of a POST request to the administration API.
func (k *keycloak) denies(path string, body any) string {
	k.t.Helper()
	token := k.tokens("master", url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {"admin"}}).Access
	res := k.send(http.MethodPost, "/admin/realms/interop"+path, token, body)
	_ = res.Body.Close()
	return strconv.Itoa(res.StatusCode)
}

// addDefaultRoles gives a user the roles for the account console, which imported users lack.
func (k *keycloak) addDefaultRoles(user string) {
	k.t.Helper()
	var role map[string]any
	k.read("/roles/default-roles-interop", &role)
	k.admin(http.MethodPost, "/users/"+keycloakUsers[user]+"/role-mappings/realm", []any{role})
}

// endSession ends a session of a user, as the account console does, and returns the status.
func (k *keycloak) endSession(token, session string) string {
	k.t.Helper()
	req, err := http.NewRequestWithContext(k.t.Context(), http.MethodDelete, k.issuer+"/account/sessions/"+session, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header = http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	_ = res.Body.Close()
	return strconv.Itoa(res.StatusCode)
}
