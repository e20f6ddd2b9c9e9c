package interop_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// Outcomes of protectedServer.send for the tokens of Keycloak.
const (
	keycloakAlice  = `200 sub="aaaaaaaa-0000-4000-8000-000000000001" client="app" scope="mcp:read"`
	keycloakServer = identifier // the client of the MCP server: Keycloak only introspects tokens for the client that asks
)

// TestKeycloak tests warder with the tokens, keys and introspection of a real Keycloak.
func TestKeycloak(t *testing.T) {
	k := startKeycloak(t)
	t.Run("tokens", k.testTokens)
	t.Run("identities", k.testIdentities)
	t.Run("introspection", k.testIntrospection)
	t.Run("rotation", k.testRotation)
	t.Run("token types", k.testTokenTypes)
	t.Run("registration", k.testRegistration)
	t.Run("on behalf", k.testOnBehalf)
	t.Run("resource indicators", func(t *testing.T) {
		testResourceIndicators(t, k, map[string]string{"name": "feature off", identifier: keycloakAlice, otherIdentifier: keycloakAlice})
	})
}

// testTokens sends each kind of token that Keycloak signs. The audience mapper of the realm adds the
// resource to all of them.
func (k *keycloak) testTokens(t *testing.T) {
	s := k.provider(t).jwtServer(t, jwks.Config{})
	issued := k.ofUser("app", "alice", "openid mcp:read")
	check(t, "Keycloak: access token of a user", keycloakAlice, onlyScope(s.send(issued.Access)))
	check(t, "Keycloak: ID token (claim typ is ID)", invalid(resource.ReasonTokenType), s.send(issued.ID))
	check(t, "Keycloak: refresh token (HS512)", invalid(resource.ReasonAlgorithmRefused), s.send(issued.Refresh))
	offline := k.ofUser("app", "alice", "openid mcp:read offline_access")
	check(t, "Keycloak: offline token", invalid(resource.ReasonAlgorithmRefused), s.send(offline.Refresh))
	forged := issued.Access[:strings.LastIndexByte(issued.Access, '.')+1] + strings.Repeat("A", 342)
	check(t, "Keycloak: known key, forged signature", invalid(resource.ReasonSignatureInvalid), s.send(forged))
}

// testIdentities tests that no two users become one caller.
func (k *keycloak) testIdentities(t *testing.T) {
	s := k.provider(t).jwtServer(t, jwks.Config{})
	for _, name := range []string{"alice", "bob"} {
		token := k.ofUser("light", name, "openid mcp:read").Access
		check(t, "Keycloak: lightweight token of "+name+", without sub", invalid(resource.ReasonClaimMissing), s.send(token))
	}
	robot := k.ofClient("robot", "robot-secret").Access
	logger, _ := keyLog()
	v, err := jwks.New(jwks.Config{Issuer: k.issuer, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	kind := func(condition *resource.ClientTokens, token string) string {
		res, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: v, ClientTokens: condition}}})
		if err != nil {
			t.Fatal(err)
		}
		caller, refusal := authenticate(t, res, token)
		if refusal != nil {
			return string(refusal.Reason)
		}
		_, principal, _ := strings.Cut(caller.ID(), k.issuer+" ")
		kind, _, _ := strings.Cut(principal, ":")
		return kind
	}
	check(t, "Keycloak: service account", "sub", kind(nil, robot))
	check(t, "Keycloak: service account, gty marks the tokens of clients", "client", kind(&resource.ClientTokens{Claim: "gty", Value: "client-credentials"}, robot))
	check(t, "Keycloak: user, gty marks the tokens of clients", "sub", kind(&resource.ClientTokens{Claim: "gty", Value: "client-credentials"}, k.ofUser("app", "alice", "openid mcp:read").Access))
}

// testIntrospection tests the answers of Keycloak's introspection endpoint.
func (k *keycloak) testIntrospection(t *testing.T) {
	server := func(client, secret string) *protectedServer {
		return k.provider(t).introspectionServer(t, introspect.Config{Auth: introspect.ClientAuth{ClientID: client, ClientSecret: secret}}, resource.Issuer{})
	}
	introspected := func(client, secret string) *protectedServer {
		logger, _ := keyLog()
		v, err := introspect.New(introspect.Config{Issuer: k.issuer, Logger: logger, Auth: introspect.ClientAuth{ClientID: client, ClientSecret: secret}})
		if err != nil {
			t.Fatal(err)
		}
		return newProtectedServer(t, resource.Config{Limits: resource.Limits{Leeway: -1}, Issuers: []resource.Issuer{{Verifier: v}}})
	}
	token := k.ofUser("app", "alice", "openid mcp:read").Access
	s := introspected(keycloakServer, "server-secret")
	check(t, "Keycloak, introspection: access token of a user", keycloakAlice, onlyScope(s.send(token)))
	lightweight := k.ofUser("light", "alice", "openid mcp:read").Access
	check(t, "Keycloak, introspection: lightweight token", strings.Replace(keycloakAlice, `"app"`, `"light"`, 1), onlyScope(s.send(lightweight)))
	check(t, "Keycloak, introspection: unknown opaque token", invalid(resource.ReasonInactive), server(keycloakServer, "server-secret").send("unknown"))
	check(t, "Keycloak, introspection: client that is not in aud", invalid(resource.ReasonInactive), introspected("stranger", "stranger-secret").send(token))
	check(t, "Keycloak, introspection: wrong secret", unavailable(resource.ReasonIntrospectionCredentials), introspected(keycloakServer, "wrong").send(token))
}

// testRotation tests that the first token with a new key is accepted, and that Keycloak's
// key for encryption is not reported as unusable.
func (k *keycloak) testRotation(t *testing.T) {
	logger, logged := keyLog()
	v, err := jwks.New(jwks.Config{Issuer: k.issuer, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	s := newProtectedServer(t, resource.Config{Issuers: []resource.Issuer{{Verifier: v}}})
	check(t, "Keycloak: before the rotation", keycloakAlice, onlyScope(s.send(k.ofUser("app", "alice", "openid mcp:read").Access)))
	k.rotate()
	check(t, "Keycloak: first token with a new key", keycloakAlice, onlyScope(s.send(k.ofUser("app", "alice", "openid mcp:read").Access)))
	if strings.Contains(logged.String(), "RSA-OAEP") || strings.Contains(logged.String(), "skipped") {
		t.Errorf("the key for encryption was reported:\n%s", logged)
	}
}

// authenticate sends a token to a Resource.
func authenticate(t *testing.T, res *resource.Resource, token string) (*resource.Caller, *resource.Refusal) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, identifier, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	decision, refusal := res.Authenticate(req)
	if refusal != nil {
		return nil, refusal
	}
	decision.Done()
	return decision.Caller, nil
}

// sorted returns a list in alphabetical order.
func sorted(list []string) string {
	slices.Sort(list)
	return fmt.Sprint(list)
}

// onlyScopes reduces the scopes in an outcome to those of the test, in alphabetical order.
func onlyScopes(outcome string) string {
	before, scopes, ok := strings.Cut(outcome, `scope="`)
	if !ok {
		return outcome
	}
	list := slices.DeleteFunc(strings.Fields(strings.TrimSuffix(scopes, `"`)), func(scope string) bool { return !strings.HasPrefix(scope, "mcp:") })
	slices.Sort(list)
	return before + `scope="` + strings.Join(list, " ") + `"`
}

// onlyScope reduces the scopes in an outcome to mcp:read, because Keycloak adds its own in any order.
func onlyScope(outcome string) string {
	before, scopes, ok := strings.Cut(outcome, `scope="`)
	if !ok || !strings.Contains(" "+strings.TrimSuffix(scopes, `"`)+" ", " mcp:read ") {
		return outcome
	}
	return before + `scope="mcp:read"`
}
