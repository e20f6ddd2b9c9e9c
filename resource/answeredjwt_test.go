package resource_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// What an introspection answer about a JWT omits comes from the JWT: absent, null and empty are
// the same. An empty array is a value, and so is an empty scope, which grants nothing (RFC 7662
// §2.2, RFC 6749 §3.3). Where the answer has a value, the JWT's does not count.
func TestAnswerAboutJWT(t *testing.T) {
	scopes := func(i *resource.Issuer) { i.ScopeClaim = "permissions" }
	innerScopes := func(i *resource.Issuer) { i.ScopeClaim = "/app/scope" }
	roles := func(i *resource.Issuer) { i.RoleClaim = "/realm/roles" }
	subject := func(i *resource.Issuer) { i.SubjectClaim = "username" }
	ofClients := func(i *resource.Issuer) {
		i.ClientTokens = &resource.ClientTokens{Claim: "gty", Value: "client-credentials"}
	}
	audience := func(i *resource.Issuer) { i.AudienceClaims = []string{"aud", "resource"} }
	clients := func(i *resource.Issuer) {
		i.AudienceClaims, i.Audiences = []string{"client_id"}, []string{clientAudience}
	}
	for _, row := range []struct {
		name        string
		change      func(*resource.Issuer)
		answer, jwt claims // besides iss, aud of this resource, sub and client_id of the JWT
		want        string // subject, client, scopes and roles, after "client" if the token is a client's own; or the reason
	}{
		{"the answer has nothing", nil, claims{}, claims{"scope": "read"}, "alice vscode [read] []"},
		{"everything is null", nil, claims{"sub": nil, "aud": nil, "scope": nil, "client_id": nil, "exp": nil, "jti": nil}, claims{"scope": "read"}, "alice vscode [read] []"},
		{"everything but scope is empty", nil, claims{"sub": "", "aud": "", "client_id": "", "exp": "", "jti": ""}, claims{"scope": "read"}, "alice vscode [read] []"},
		{"scope is empty", nil, claims{"scope": ""}, claims{"scope": "read"}, "alice vscode [] []"},
		{"scope is empty, and the JWT has scopes in scp", nil, claims{"scope": ""}, claims{"scope": nil, "scp": "read"}, "alice vscode [] []"},
		{"scope is empty, and the answer has scopes in scp", nil, claims{"scope": "", "scp": "read"}, claims{}, "alice vscode [] []"},
		{"scope is null, and the answer has scopes in scp", nil, claims{"scope": nil, "scp": "write"}, claims{"scope": "read"}, "alice vscode [write] []"},
		{"scp is empty", nil, claims{"scp": ""}, claims{"scope": "read"}, "alice vscode [read] []"},
		{"the answer has everything", nil, claims{"sub": "bob", "aud": identifier, "scope": "write", "client_id": "cli"}, claims{"scope": "read"}, "bob cli [write] []"},
		{"the answer has the client in azp", nil, claims{"azp": "cli"}, claims{}, "alice cli [] []"},
		{"the JWT has the client in azp", nil, claims{}, claims{"client_id": nil, "azp": "cli"}, "alice cli [] []"},
		{"the JWT has scopes in scp", nil, claims{"scope": nil}, claims{"scp": []string{"read"}}, "alice vscode [read] []"},
		{"the answer has scopes in scp", nil, claims{"scp": "write"}, claims{"scope": "read"}, "alice vscode [write] []"},
		{"scope is an empty array", nil, claims{"scope": []string{}}, claims{"scope": "read"}, "alice vscode [] []"},
		{"scope is a space", nil, claims{"scope": " "}, claims{"scope": "read"}, "alice vscode [] []"},
		{"scope is a number", nil, claims{"scope": 7}, claims{"scope": "read"}, "alice vscode [] []"},
		{"aud is an empty array", nil, claims{"aud": []string{}}, claims{}, "audience"},
		{"aud is an array with an empty string", nil, claims{"aud": []string{""}}, claims{}, "audience"},
		{"aud is another resource", nil, claims{"aud": "https://other.example"}, claims{}, "audience"},

		{"ScopeClaim: the answer has none", scopes, claims{"scope": "x"}, claims{"permissions": "read"}, "alice vscode [read] []"},
		{"ScopeClaim: null", scopes, claims{"permissions": nil}, claims{"permissions": "read"}, "alice vscode [read] []"},
		{"ScopeClaim: empty", scopes, claims{"permissions": ""}, claims{"permissions": "read"}, "alice vscode [] []"},
		{"ScopeClaim in an object: empty", innerScopes, claims{"app": claims{"scope": ""}}, claims{"app": claims{"scope": "read"}}, "alice vscode [] []"},
		{"ScopeClaim in an object: the object is empty", innerScopes, claims{"app": ""}, claims{"app": claims{"scope": "read"}}, "alice vscode [read] []"},
		{"ScopeClaim: the answer has another scope, which is empty", scopes, claims{"scope": ""}, claims{"permissions": "read"}, "alice vscode [read] []"},
		{"ScopeClaim: an empty array", scopes, claims{"permissions": []string{}}, claims{"permissions": "read"}, "alice vscode [] []"},
		{"ScopeClaim: the answer has it", scopes, claims{"permissions": "write"}, claims{"permissions": "read"}, "alice vscode [write] []"},
		{"ScopeClaim: the answer has another claim, whose name differs in case", scopes, claims{"Permissions": "write"}, claims{"permissions": "read"}, "alice vscode [read] []"},
		{"RoleClaim: the answer has none", roles, claims{}, claims{"realm": claims{"roles": []string{"admin"}}}, "alice vscode [] [admin]"},
		{"RoleClaim: the outer object is null", roles, claims{"realm": nil}, claims{"realm": claims{"roles": []string{"admin"}}}, "alice vscode [] [admin]"},
		{"RoleClaim: the outer object has no roles", roles, claims{"realm": claims{}}, claims{"realm": claims{"roles": []string{"admin"}}}, "alice vscode [] []"},
		{"RoleClaim: the roles are null", roles, claims{"realm": claims{"roles": nil}}, claims{"realm": claims{"roles": []string{"admin"}}}, "alice vscode [] []"},
		{"RoleClaim: the answer has an empty array", roles, claims{"realm": claims{"roles": []string{}}}, claims{"realm": claims{"roles": []string{"admin"}}}, "alice vscode [] []"},
		{"RoleClaim: the answer has it", roles, claims{"realm": claims{"roles": "user"}}, claims{"realm": claims{"roles": []string{"admin"}}}, "alice vscode [] [user]"},
		{"SubjectClaim: the answer has none", subject, claims{"sub": "x"}, claims{"username": "eve"}, "eve vscode [] []"},
		{"SubjectClaim: null", subject, claims{"username": nil}, claims{"username": "eve"}, "eve vscode [] []"},
		{"SubjectClaim: the answer has it", subject, claims{"username": "bob"}, claims{"username": "eve"}, "bob vscode [] []"},
		{"ClientTokens: the answer has none", ofClients, claims{}, claims{"gty": "client-credentials"}, "client alice vscode [] []"},
		{"ClientTokens: null", ofClients, claims{"gty": nil}, claims{"gty": "client-credentials"}, "client alice vscode [] []"},
		{"ClientTokens: the answer has another value", ofClients, claims{"gty": "code"}, claims{"gty": "client-credentials"}, "alice vscode [] []"},
		{"ClientTokens: the answer has an empty array", ofClients, claims{"gty": []string{}}, claims{"gty": "client-credentials"}, "alice vscode [] []"},
		{"ClientTokens: the answer has it", ofClients, claims{"gty": "client-credentials"}, claims{"gty": "code"}, "client alice vscode [] []"},
		{"AudienceClaims: the answer has none", audience, claims{}, claims{"aud": "account", "resource": identifier}, "alice vscode [] []"},
		{"AudienceClaims: null", audience, claims{"resource": nil}, claims{"aud": "account", "resource": identifier}, "alice vscode [] []"},
		{"AudienceClaims: an empty array", audience, claims{"resource": []string{}}, claims{"aud": "account", "resource": identifier}, "audience"},
		{"AudienceClaims: the answer has another", audience, claims{"resource": "https://other.example"}, claims{"aud": "account", "resource": identifier}, "audience"},
		{"AudienceClaims with client_id: the answer has none", clients, claims{"client_id": ""}, claims{"aud": nil, "client_id": clientAudience}, "alice " + clientAudience + " [] []"},
		{"AudienceClaims with client_id: the answer has another", clients, claims{"client_id": "other"}, claims{"aud": nil, "client_id": clientAudience}, "audience"},
		{"AudienceClaims with client_id: the answer has aud", clients, claims{"aud": identifier}, claims{"aud": nil, "client_id": clientAudience}, "audience"},
	} {
		f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
			if row.change != nil {
				row.change(&c.Issuers[0])
			}
			c.Issuers[0].Verifier = answerWithClaims(k.Issuer, row.answer)
		})
		got := ""
		f.inner = func(_ http.ResponseWriter, req *http.Request) {
			caller, _ := resource.FromContext(req.Context())
			if strings.Contains(caller.ID(), " client:") {
				got = "client "
			}
			got += fmt.Sprint(caller.Subject(), " ", caller.ClientID(), " ", caller.Scopes(), " ", caller.Roles())
		}
		jwt := claims{"client_id": "vscode", "scope": nil}
		maps.Copy(jwt, row.jwt)
		if f.bearer(f.tokenWithClaims(jwt)).status != http.StatusOK {
			got = string(loggedReason(f.log.take()))
		}
		if got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

// answerWithClaims returns a verifier that answers with iss and these claims; nil is null.
func answerWithClaims(issuer string, c claims) resource.Verifier {
	return verifierFunc{issuer, func() (*resource.Claims, error) {
		members := claims{"iss": issuer}
		maps.Copy(members, c)
		object, err := json.Marshal(members)
		if err != nil {
			return nil, err
		}
		answer, err := resource.ParseClaims(object)
		if err == nil {
			answer.Introspected = true
		}
		return answer, err
	}}
}
