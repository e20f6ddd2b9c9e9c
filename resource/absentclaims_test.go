package resource_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// decision returns the decision about a token with these claims: the reason, or the caller.
func (f *fixture) decision(c claims) string {
	f.t.Helper()
	got := ""
	f.inner = func(_ http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		id, _, _ := strings.Cut(caller.ID(), "token:") // what follows is different for each token
		got = fmt.Sprint("accepted ", id, caller.Subject(), caller.ClientID(), caller.TokenID(), caller.Expiry(), caller.IssuedAt(), caller.Scopes(), caller.Roles())
	}
	f.log.take()
	sent := claims{"jti": "j", "client_id": "c", "scope": "read"}
	maps.Copy(sent, c)
	if reply := f.bearer(f.tokenWithClaims(sent)); reply.status == http.StatusOK {
		return got
	}
	return string(loggedReason(f.log.take()))
}

// A claim that is null or an empty string has the same effect as one that is absent: a claim
// that is required is missing, and another has no effect.
func TestNullAndEmptyClaimsAreAbsent(t *testing.T) {
	issuedAt := time.Now().Add(-time.Minute)
	times := claims{"iat": issuedAt.Unix(), "exp": issuedAt.Add(5 * time.Minute).Unix()} // the same in all tokens
	read := []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "azp", "cid", "appid", "scope", "scp", "cnf", "typ", "token_use", "tokenName",
		"at_hash", "c_hash", "username", "preferred_username", "email", "name", "upn", "oid", "unique_name", "auth_time", "sid", "acr", "amr", "nonce",
		"resource", "permissions", "roles", "gty", "tid"}
	for _, config := range []struct {
		name   string
		change func(*resource.Config)
		claims claims // of every token
	}{
		{"the defaults", func(*resource.Config) {}, nil},
		{"StrictRFC9068", func(c *resource.Config) { c.Issuers[0].StrictRFC9068 = true }, nil},
		{"a longest lifetime and a required scope", func(c *resource.Config) { c.Limits.MaxLifetime, c.Scopes = time.Hour, []string{"read"} }, nil},
		{"tokens without a subject", func(*resource.Config) {}, claims{"sub": nil}},
		{"scopes in scp", func(c *resource.Config) { c.Scopes = []string{"read"} }, claims{"scope": nil, "scp": "read"}},
		{"both scope and scp", func(c *resource.Config) { c.Scopes = []string{"read"} }, claims{"scope": "write", "scp": "read"}},
		{"the client in azp", func(*resource.Config) {}, claims{"client_id": nil, "azp": "client"}},
		{"the audience in resource", func(c *resource.Config) { c.Issuers[0].AudienceClaims = []string{"aud", "resource"} }, claims{"aud": nil, "resource": identifier}},
		{"the audience in client_id or cid", func(c *resource.Config) {
			c.Issuers[0].AudienceClaims, c.Issuers[0].Audiences = []string{"client_id", "cid"}, []string{clientAudience}
		}, claims{"aud": nil, "client_id": "other", "cid": clientAudience}},
		{"scopes and roles in other claims", func(c *resource.Config) { c.Issuers[0].ScopeClaim, c.Issuers[0].RoleClaim = "permissions", "roles" }, claims{"permissions": "a", "roles": "b"}},
		{"the subject in another claim", func(c *resource.Config) { c.Issuers[0].SubjectClaim = "username" }, claims{"username": "alice"}},
		{"tokens of clients", func(c *resource.Config) {
			c.Issuers[0].ClientTokens = &resource.ClientTokens{Claim: "gty", Value: "client-credentials"}
		}, claims{"sub": nil, "gty": "client-credentials"}},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { config.change(c) })
		for _, name := range read {
			with := func(value any) string {
				c := maps.Clone(times)
				maps.Copy(c, config.claims)
				c[name] = value
				return f.decision(c)
			}
			want := with(nil)
			for _, value := range []any{resourcetest.Raw("null"), ""} {
				if got := with(value); got != want {
					t.Errorf("%s, %s is %q: got %s, want %s as without it", config.name, name, value, got, want)
				}
			}
		}
	}
}

// A required claim that is null or an empty string is missing. Other empty values are not
// absent.
func TestEmptyClaimsAreRejected(t *testing.T) {
	f := newFixture(t, nil)
	for _, row := range []struct {
		name   string
		claims claims
		want   resource.Reason
	}{
		{"exp is null", claims{"exp": resourcetest.Raw("null")}, reasonClaimMissing},
		{"exp is an empty string", claims{"exp": ""}, reasonClaimMissing},
		{"exp is 0, which is absent in an introspection answer only", claims{"exp": 0}, reasonExpired},
		{"iss is null", claims{"iss": resourcetest.Raw("null")}, reasonIssuerUnknown},
		{"iss is an empty string", claims{"iss": ""}, reasonIssuerUnknown},
		{"aud is null", claims{"aud": resourcetest.Raw("null")}, reasonAudience},
		{"aud is an empty string", claims{"aud": ""}, reasonAudience},
		{"aud is an array with an empty string", claims{"aud": []string{""}}, reasonAudience},
		{"aud is an array with null", claims{"aud": resourcetest.Raw("[null]")}, reasonMalformed},
		{"cnf has a member that is null", claims{"cnf": resourcetest.Raw(`{"jkt":null}`)}, reasonSenderConstrained},
		{"cnf has no members", claims{"cnf": resourcetest.Raw(`{}`)}, reasonSenderConstrained},
		{"cnf is an empty array", claims{"cnf": resourcetest.Raw(`[]`)}, reasonSenderConstrained},
		{"cnf is false", claims{"cnf": false}, reasonSenderConstrained},
		{"at_hash is false", claims{"at_hash": false}, reasonTokenType},
		{"at_hash is a space", claims{"at_hash": " "}, reasonTokenType},
		{"typ is a space", claims{"typ": " "}, reasonTokenType},
		{"typ is an array", claims{"typ": []string{}}, reasonTokenType},
		{"sub is an array", claims{"sub": []string{}}, reasonMalformed},
		{"sub is 0", claims{"sub": 0}, reasonMalformed},
		{"nbf is false", claims{"nbf": false}, reasonMalformed},
		{"client_id is an object", claims{"client_id": claims{}}, reasonMalformed},
		{"a user without a subject", claims{"sub": "", "username": "alice"}, reasonClaimMissing},
	} {
		if got := f.decision(row.claims); got != string(row.want) {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}
