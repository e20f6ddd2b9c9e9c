package interop_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// testRegistration follows docs/providers.md for clients that register dynamically: the policies,
// the audience, and a scope that only some users may have.
func (k *keycloak) testRegistration(t *testing.T) {
	register := func(scope string) (id, failed string) {
		metadata := map[string]any{"client_name": "mcp", "redirect_uris": []string{keycloakRedirect}, "token_endpoint_auth_method": "none"}
		if scope != "" {
			metadata["scope"] = scope
		}
		res := k.send(http.MethodPost, "/realms/interop/clients-registrations/openid-connect", "", metadata)
		defer res.Body.Close()
		var answer struct {
			ID          string `json:"client_id"`
			Description string `json:"error_description"`
		}
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		policy, _, _ := strings.Cut(answer.Description, " rejected")
		return answer.ID, policy
	}
	_, failed := register("")
	check(t, "Keycloak: anonymous registration with the policies of a new realm", "Policy 'Trusted Hosts'", failed)
	k.trustHost("127.0.0.1")
	_, failed = register("mcp:read")
	check(t, "Keycloak: registration with a scope that the realm does not assign", "Policy 'Allowed Client Scopes'", failed)

	k.addRealmScopes()
	client, failed := register("")
	check(t, "Keycloak: registration without a scope", "", failed)
	limited, failed := register("mcp:read")
	check(t, "Keycloak: registration with a scope that the realm assigns", "", failed)

	s := k.provider(t).jwtServer(t, jwks.Config{})
	token := func(user, scope string) string {
		t.Helper()
		issued, failed := k.login(client, user, scope)
		if failed != "" {
			t.Fatalf("%s %s: %s", user, scope, failed)
		}
		return issued.Access
	}
	outcome := func(user, scopes string) string {
		return `200 sub="` + keycloakUsers[user] + `" client="` + client + `" scope="` + scopes + `"`
	}
	check(t, "Keycloak: registered client, mcp:read", outcome("alice", "mcp:read"), onlyScopes(s.send(token("alice", "mcp:read"))))
	check(t, "Keycloak: registered client, user with the role, step-up to mcp:admin", outcome("alice", "mcp:admin mcp:read"), onlyScopes(s.send(token("alice", "mcp:read mcp:admin"))))
	check(t, "Keycloak: registered client, user without the role, step-up to mcp:admin", outcome("bob", "mcp:read"), onlyScopes(s.send(token("bob", "mcp:read mcp:admin"))))
	_, failed = k.login(limited, "alice", "mcp:read mcp:admin")
	check(t, "Keycloak: step-up of a client that registered with mcp:read only", "invalid_scope", failed)
	check(t, "Keycloak: RoleScopes, tokens of a client that registered", "[]", k.rolesOf(t, token("alice", "mcp:read")))
	check(t, "Keycloak: RoleScopes, tokens of a client of the administrator", "[notes-admin offline_access]", k.rolesOf(t, k.ofUser("app", "alice", "openid mcp:read").Access))
}

// keycloakUsers are the IDs of the realm's users.
var keycloakUsers = map[string]string{"alice": "aaaaaaaa-0000-4000-8000-000000000001", "bob": "bbbbbbbb-0000-4000-8000-000000000002"}

// trustHost allows a host in the policy Trusted Hosts for anonymous registration.
func (k *keycloak) trustHost(host string) {
	k.t.Helper()
	var policies []map[string]any
	k.read("/components?type=org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy", &policies)
	for _, policy := range policies {
		if policy["providerId"] == "trusted-hosts" {
			policy["config"] = map[string][]string{"trusted-hosts": {host}, "host-sending-registration-request-must-match": {"true"}, "client-uris-must-match": {"true"}}
			k.admin(http.MethodPut, "/components/"+policy["id"].(string), policy)
			return
		}
	}
	k.t.Fatal("the realm has no policy Trusted Hosts")
}

// addRealmScopes assigns client scopes to all clients that register from now on: one with the
// audience, and mcp:read and mcp:admin on request. Only users with the role notes-admin get
// mcp:admin. alice has this role.
func (k *keycloak) addRealmScopes() {
	k.t.Helper()
	audience := k.clientScope("mcp-server", false, map[string]any{
		"name": "resource", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
		"config": map[string]string{"included.custom.audience": identifier, "access.token.claim": "true", "introspection.token.claim": "true", "id.token.claim": "false"},
	})
	admin := k.clientScope("mcp:admin", true)
	k.admin(http.MethodPut, "/default-default-client-scopes/"+audience, nil)
	k.admin(http.MethodPut, "/default-optional-client-scopes/"+k.scope, nil)
	k.admin(http.MethodPut, "/default-optional-client-scopes/"+admin, nil)
	k.admin(http.MethodPost, "/roles", map[string]string{"name": "notes-admin"})
	var role map[string]any
	k.read("/roles/notes-admin", &role)
	k.admin(http.MethodPost, "/client-scopes/"+admin+"/scope-mappings/realm", []any{role})
	k.admin(http.MethodPost, "/users/"+keycloakUsers["alice"]+"/role-mappings/realm", []any{role})
}

// rolesOf returns the roles of the caller with RoleClaim /realm_access/roles.
func (k *keycloak) rolesOf(t *testing.T, token string) string {
	t.Helper()
	logger, _ := keyLog()
	v, err := jwks.New(jwks.Config{Issuer: k.issuer, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: v, RoleClaim: "/realm_access/roles"}}})
	if err != nil {
		t.Fatal(err)
	}
	caller, refusal := authenticate(t, res, token)
	if refusal != nil {
		t.Fatalf("rejected: %s", refusal.Reason)
	}
	return sorted(caller.Roles())
}

// testResourceIndicators tests RFC 8707 with and without the feature of Keycloak.
func testResourceIndicators(t *testing.T, k *keycloak, want map[string]string) {
	t.Helper()
	for _, resourceURL := range []string{identifier, otherIdentifier} {
		issued, failed := k.request("interop", url.Values{"grant_type": {"password"}, "client_id": {"app"}, "username": {"alice"}, "password": {"secret"},
			"scope": {"openid mcp:read"}, "resource": {resourceURL}})
		got := failed
		if failed == "" {
			got = onlyScope(k.provider(t).jwtServer(t, jwks.Config{}).send(issued.Access))
		}
		check(t, "Keycloak, resource="+resourceURL+", "+want["name"], want[resourceURL], got)
	}
}

// TestKeycloakResourceIndicators tests the experimental feature resource-indicators. The client
// that represents the resource names it in its attribute resource_url.
func TestKeycloakResourceIndicators(t *testing.T) {
	k := startKeycloak(t, "--features=resource-indicators")
	unknown := map[string]string{"name": "feature on, no client with resource_url", identifier: "invalid_target", otherIdentifier: "invalid_target"}
	testResourceIndicators(t, k, unknown)
	const server = "/clients/cccccccc-0000-4000-8000-000000000004"
	k.setAttribute(server, "resource_url", identifier)
	testResourceIndicators(t, k, map[string]string{"name": "feature on, client with resource_url", identifier: keycloakAlice, otherIdentifier: "invalid_target"})
}

// setAttribute sets an attribute of a client.
func (k *keycloak) setAttribute(path, name, value string) {
	k.t.Helper()
	var client map[string]any
	k.read(path, &client)
	attributes, _ := client["attributes"].(map[string]any)
	if attributes == nil {
		attributes = map[string]any{}
	}
	attributes[name] = value
	client["attributes"] = attributes
	k.admin(http.MethodPut, path, client)
}

// testTokenTypes tests the switch of a client for RFC 9068.
func (k *keycloak) testTokenTypes(t *testing.T) {
	const app = "/clients/cccccccc-0000-4000-8000-000000000001"
	logger, _ := keyLog()
	v, err := jwks.New(jwks.Config{Issuer: k.issuer, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	strict := newProtectedServer(t, resource.Config{Issuers: []resource.Issuer{{Verifier: v, StrictRFC9068: true}}})
	check(t, "Keycloak, StrictRFC9068: client with typ JWT", invalid(resource.ReasonTokenType), strict.send(k.ofUser("app", "alice", "openid mcp:read").Access))
	k.setAttribute(app, "access.token.header.type.rfc9068", "true")
	check(t, "Keycloak, StrictRFC9068: client with typ at+jwt", keycloakAlice, onlyScope(strict.send(k.ofUser("app", "alice", "openid mcp:read").Access)))
	k.setAttribute(app, "access.token.header.type.rfc9068", "false")
}
