package interop_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/onbehalf"
)

// Clients of the realm: the MCP server, which exchanges tokens, and another one that may not.
const (
	keycloakServerClient = "/clients/cccccccc-0000-4000-8000-000000000004"
	keycloakStranger     = "/clients/cccccccc-0000-4000-8000-000000000005"
	exchangeSwitch       = "standard.token.exchange.enabled"
)

// testOnBehalf exchanges tokens with Keycloak's standard token exchange, version 2, and sends them to a
// second server behind warder.
func (k *keycloak) testOnBehalf(t *testing.T) {
	e := &keycloakExchange{t: t, k: k}
	config := k.provider(t).jwtConfig(t, jwks.Config{})
	config.Identifier = otherIdentifier
	e.second = newProtectedServer(t, config)
	e.prepare()
	token := k.ofUser("app", "alice", "openid mcp:read").Access
	e.check("switch off", failedExchange(onbehalf.KindSubjectRefused, "", "invalid_request"), e.server(keycloakServer, "server-secret", e.target("mcp:read")).send(token))
	k.setAttribute(keycloakServerClient, exchangeSwitch, "true")
	k.setAttribute(keycloakStranger, exchangeSwitch, "true")
	e.scopes(token)
	e.answers(token)
	e.refusals(token)
	e.sessions()
}

// keycloakExchange are the servers of testOnBehalf.
type keycloakExchange struct {
	t      *testing.T
	k      *keycloak
	second *protectedServer
}

func (e *keycloakExchange) check(what, want, got string) {
	e.t.Helper()
	check(e.t, "Keycloak, exchange: "+what, want, got)
}

// prepare registers the second server, and a third one. The MCP server has the second server in the
// audience of its tokens, by a client scope with an audience mapper, and can request two scopes.
func (e *keycloakExchange) prepare() {
	e.t.Helper()
	for _, id := range []string{otherIdentifier, "https://third.example.com/mcp"} {
		e.k.admin(http.MethodPost, "/clients", map[string]any{"clientId": id, "protocol": "openid-connect", "standardFlowEnabled": false})
	}
	audience := e.k.clientScope("second-server", false, map[string]any{
		"name": "second server", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
		"config": map[string]string{"included.client.audience": otherIdentifier, "access.token.claim": "true"},
	})
	e.k.admin(http.MethodPut, keycloakServerClient+"/default-client-scopes/"+audience, nil)
	write := e.k.clientScope("mcp:write", true)
	for _, scope := range []string{e.k.scope, write} {
		e.k.admin(http.MethodPut, keycloakServerClient+"/optional-client-scopes/"+scope, nil)
	}
	e.k.admin(http.MethodPut, keycloakStranger+"/optional-client-scopes/"+e.k.scope, nil)
}

func (e *keycloakExchange) target(scopes ...string) onbehalf.Target {
	return onbehalf.Target{Audiences: []string{otherIdentifier}, Scopes: scopes}
}

// server returns the first server, which exchanges tokens as a client.
func (e *keycloakExchange) server(client, secret string, target onbehalf.Target) *onBehalfServer {
	e.t.Helper()
	p := e.k.provider(e.t)
	return newOnBehalfServer(e.t, p.jwtConfig(e.t, jwks.Config{}), p.exchangeConfig(introspect.ClientAuth{ClientID: client, ClientSecret: secret}, target), e.second.url)
}

// keycloakExchanged is the outcome for an exchanged token of alice.
func keycloakExchanged(scopes string) string {
	return strings.Replace(strings.Replace(keycloakAlice, `"app"`, `"`+keycloakServer+`"`, 1), "mcp:read", scopes, 1)
}

// scopes tests the default client scopes of a new client, which Keycloak adds to each answer.
func (e *keycloakExchange) scopes(token string) {
	target := e.target("mcp:read")
	e.check("the client has default client scopes that answers name", failedExchange(onbehalf.KindUnusable, onbehalf.DetailScope, ""), e.server(keycloakServer, "server-secret", target).send(token))
	target.AcceptWiderScopes = true
	e.check("the same, accepted", keycloakExchanged("mcp:read"), onlyScopes(e.server(keycloakServer, "server-secret", target).send(token)))
	var defaults []struct{ ID, Name string }
	e.k.read(keycloakServerClient+"/default-client-scopes", &defaults)
	for _, scope := range defaults {
		if scope.Name == "profile" || scope.Name == "email" {
			e.k.admin(http.MethodDelete, keycloakServerClient+"/default-client-scopes/"+scope.ID, nil)
		}
	}
}

// answers tests issued tokens.
func (e *keycloakExchange) answers(token string) {
	s := e.server(keycloakServer, "server-secret", e.target("mcp:read"))
	e.check("token of a user, at the second server", keycloakExchanged("mcp:read"), s.send(token))
	_, issued := s.exchange(token)
	e.check("the token for the second server, at the first", invalid(resource.ReasonAudience), s.protectedServer.send(issued.AccessToken()))
	e.check("the user's token, at the second server", invalid(resource.ReasonAudience), e.second.send(token))
	e.check("claims of the issued token", fmt.Sprintf("typ=Bearer azp=%s sub=%s aud=%q act=<nil> scope=mcp:read", keycloakServer, keycloakUsers["alice"], otherIdentifier), describeClaims(issued.AccessToken()))
	broad := e.k.ofUser("app", "alice", "openid mcp:read profile email").Access
	e.check("fewer scopes than the user's token", keycloakExchanged("mcp:read"), s.send(broad))
	wider := e.server(keycloakServer, "server-secret", e.target("mcp:read", "mcp:write"))
	e.check("a scope that the user's token lacks, and that the client has", keycloakExchanged("mcp:read mcp:write"), onlyScopes(wider.send(token)))
	robot := e.k.ofClient("robot", "robot-secret").Access
	e.check("token of a service account", "200", s.send(robot)[:3])
}

// describeClaims returns the claims of a token that the tests are about.
func describeClaims(token string) string {
	var claims map[string]any
	if parts := strings.Split(token, "."); len(parts) == 3 {
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(payload, &claims)
	}
	return fmt.Sprintf("typ=%v azp=%v sub=%v aud=%q act=%v scope=%v", claims["typ"], claims["azp"], claims["sub"], claims["aud"], claims["act"], claims["scope"])
}

// refusals tests what Keycloak refuses.
func (e *keycloakExchange) refusals(token string) {
	outcome := func(client, secret string, target onbehalf.Target) string {
		e.t.Helper()
		return e.server(client, secret, target).send(token)
	}
	third := onbehalf.Target{Audiences: []string{"https://third.example.com/mcp"}}
	e.check("audience that the client does not have", failedExchange(onbehalf.KindSubjectRefused, "", "invalid_request"), outcome(keycloakServer, "server-secret", third))
	unknown := onbehalf.Target{Audiences: []string{"https://unknown.example.com/mcp"}}
	e.check("audience that is not a client", failedExchange(onbehalf.KindClientRefused, onbehalf.DetailRequest, "invalid_client"), outcome(keycloakServer, "server-secret", unknown))
	e.check("scope that the client does not have", failedExchange(onbehalf.KindScopeRefused, "", "invalid_scope"), outcome(keycloakServer, "server-secret", e.target("mcp:unknown")))
	e.check("client that is not in aud of the user's token", failedExchange(onbehalf.KindSubjectRefused, "", "access_denied"), outcome("stranger", "stranger-secret", e.target("mcp:read")))
	e.check("wrong secret", failedExchange(onbehalf.KindClientRefused, "credentials", "unauthorized_client"), outcome(keycloakServer, "wrong", e.target("mcp:read")))
	e.k.setAttribute(keycloakApp, exchangeSwitch, "true")
	e.check("public client, switch on", failedExchange(onbehalf.KindClientRefused, onbehalf.DetailRequest, "invalid_client"), outcome("app", "any", onbehalf.Target{Audiences: []string{otherIdentifier}}))
	e.k.setAttribute(keycloakApp, exchangeSwitch, "false")
	resourceTarget := onbehalf.Target{Resources: []string{otherIdentifier}, Scopes: []string{"mcp:read"}}
	e.check("resource, which Keycloak ignores, in place of audience", keycloakExchanged("mcp:read"), outcome(keycloakServer, "server-secret", resourceTarget))
}

// sessions tests tokens of sessions that have ended. warder does not notice that by the signature.
func (e *keycloakExchange) sessions() {
	s := e.server(keycloakServer, "server-secret", e.target("mcp:read"))
	issued := e.k.ofUser("app", "bob", "openid mcp:read")
	e.k.admin(http.MethodPost, "/users/"+keycloakUsers["bob"]+"/logout", nil)
	e.check("token of a session that has ended", failedExchange(onbehalf.KindSubjectRefused, "", "invalid_request"), s.send(issued.Access))
}
