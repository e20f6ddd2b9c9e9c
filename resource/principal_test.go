package resource_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// With SubjectIsClient, the claim sub decides, and not the claim that SubjectClaim names: users can
// choose a name that equals the identifier of a client.
func TestUserNamedLikeClient(t *testing.T) {
	for _, row := range []struct {
		name         string
		subjectClaim string
		claims       claims
		want         string
	}{
		{"a user named like the client", "username", claims{"username": "vscode", "sub": "8f3a", "client_id": "vscode"}, " sub:vscode"},
		{"a user with another name", "username", claims{"username": "alice", "sub": "8f3a", "client_id": "vscode"}, " sub:alice"},
		{"a user named like the client, without sub", "username", claims{"username": "vscode", "sub": resourcetest.Remove, "client_id": "vscode"}, " sub:vscode"},
		{"a client", "username", claims{"sub": "vscode", "client_id": "vscode"}, " client:vscode"},
		{"a client with a username", "username", claims{"username": "service", "sub": "vscode", "client_id": "vscode"}, " client:vscode"},
		{"a client, without SubjectClaim", "", claims{"sub": "vscode", "client_id": "vscode"}, " client:vscode"},
		{"a user, without SubjectClaim", "", claims{"username": "vscode", "sub": "8f3a", "client_id": "vscode"}, " sub:8f3a"},
	} {
		id := ""
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Issuers[0].SubjectClaim, c.Issuers[0].ClientTokens = row.subjectClaim, &resource.ClientTokens{SubjectIsClient: true}
		})
		f.inner = func(_ http.ResponseWriter, req *http.Request) {
			c, _ := resource.FromContext(req.Context())
			id = c.ID()
		}
		if f.expect(row.name, f.bearer(f.tokenWithClaims(row.claims)), accepted); !strings.HasSuffix(id, row.want) {
			t.Errorf("%s: got ID %q, want one that ends with %q", row.name, id, row.want)
		}
	}
}

// Claims that many users share, or that a user can choose, neither mark the tokens of clients nor
// identify a user.
func TestClaimsOfPrincipals(t *testing.T) {
	const asClient, asSubject = "ClientTokens.Claim", "SubjectClaim"
	shared := []string{"client_id", "azp", "cid", "appid", "iss", "aud", "scope", "scp", "exp", "iat", "nbf", "jti", "typ", "token_use", "token_type",
		"name", "acr", "amr", "auth_time", "nonce", "sid", "tid", "cnf"}
	users := []string{"sub", "preferred_username", "username", "email", "upn", "oid", "unique_name", "uid"}
	rows := map[string]map[string]bool{asClient: {"gty": true, "idtyp": true, "/app/kind": true}, asSubject: {"/user/id": true, "https://example.com/id": true}}
	for _, claim := range shared {
		rows[asClient][claim], rows[asSubject][claim] = false, false
	}
	for _, claim := range users {
		rows[asClient][claim], rows[asSubject][claim] = false, true
	}
	for field, claims := range rows {
		for claim, want := range claims {
			given := resource.Issuer{Verifier: verifier(t), SubjectClaim: claim}
			if field == asClient {
				given.SubjectClaim, given.ClientTokens = "", &resource.ClientTokens{Claim: claim, Value: "x"}
			}
			_, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{given}})
			prefix := fmt.Sprintf("Issuers[0].%s: %q ", field, claim)
			if want && err != nil || !want && (err == nil || !strings.Contains(err.Error(), prefix)) {
				t.Errorf("%s %q: got %v, want a mistake: %v", field, claim, err, !want)
			}
		}
	}
}

// A claim that an Issuer uses for something else does not identify a user.
func TestSubjectClaimOfAnotherSetting(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*resource.Issuer)
	}{
		{"the claim of the roles", func(i *resource.Issuer) { i.RoleClaim, i.SubjectClaim = "p", "p" }},
		{"the claim of the scopes", func(i *resource.Issuer) { i.ScopeClaim, i.SubjectClaim = "p", "p" }},
		{"the claim of the tokens of clients", func(i *resource.Issuer) {
			i.ClientTokens, i.SubjectClaim = &resource.ClientTokens{Claim: "p", Value: "x"}, "p"
		}},
	} {
		given := resource.Issuer{Verifier: verifier(t)}
		row.change(&given)
		_, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{given}})
		if err == nil || !strings.Contains(err.Error(), `Issuers[0].SubjectClaim: "p" `) {
			t.Errorf("%s: got %v, want a mistake", row.name, err)
		}
	}
}

// The log about a token that does not identify its user names the settings in the file and in Go.
func TestLogNamesSettingsOfPrincipals(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers[0].ClientTokens = &resource.ClientTokens{Claim: "gty", Value: "cc"}
		c.Issuers[0].RoleClaim, c.Limits.MaxTokenBytes = "roles", 64<<10
	})
	for _, row := range []struct {
		name   string
		claims claims
		want   string
	}{
		{"a user without sub", claims{"sub": nil, "username": "alice"},
			`"want":"sub: make the issuer add it, or set subject_claim (in Go: SubjectClaim); for tokens of clients set client_token_claim (in Go: ClientTokens)"`},
		{"a client without client_id", claims{"gty": "cc", "client_id": nil}, `"want":"client_id, because client_token_claim (in Go: ClientTokens) applies"`},
		{"too many roles", claims{"roles": strings.Split(strings.Repeat("r ", maxRoles)+"r", " ")}, `"error":"role_claim (in Go: RoleClaim) has more than 10000 roles"`},
	} {
		f.log.take()
		f.expect(row.name, f.bearer(f.tokenWithClaims(row.claims)), invalid)
		if log := f.log.take(); !strings.Contains(log, row.want) {
			t.Errorf("%s: the log does not say %s: %s", row.name, row.want, log)
		}
	}
}

// A decoded caller that its token identifies has no key for the digest that logs show. Its text
// says so, and it still contains no digest without a key.
func TestDecodedCallerPrints(t *testing.T) {
	f := newFixture(t, nil)
	caller := f.accept(f.tokenWithClaims(claims{"sub": nil})).Caller
	data, err := json.Marshal(caller)
	if err != nil {
		t.Fatal(err)
	}
	var decoded resource.Caller
	if err := json.Unmarshal(data, &decoded); err != nil {
		t.Fatal(err)
	}
	if got, want := decoded.String(), f.issuer.Identifier()+" token:[decoded caller]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := fmt.Sprint(decoded.LogValue()); !strings.Contains(got, "token_digest=[decoded caller]") {
		t.Errorf("got %s, want a token", got)
	}
}
