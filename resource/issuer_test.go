package resource_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const clientAudience = "1example23456789"

// claims are changes to the claims of a valid token; nil removes a claim.
type claims map[string]any

// tokenWithClaims returns a token with the changed claims.
func (f *fixture) tokenWithClaims(c claims) string {
	for name, value := range c {
		if value == nil {
			c[name] = resourcetest.Remove
		}
	}
	return f.token(resourcetest.Token{Claims: c})
}

func TestAudienceClaims(t *testing.T) {
	for _, row := range []struct {
		name   string
		where  []string
		claims claims
		want   answer
	}{
		{"default: aud", nil, claims{}, accepted},
		{"default: no aud", nil, claims{"aud": nil}, invalid},
		{"default: resource is ignored", nil, claims{"aud": nil, "resource": identifier}, invalid},
		{"default: client_id is ignored", nil, claims{"aud": nil, "client_id": clientAudience}, invalid},

		{"aud and resource: aud matches", []string{"aud", "resource"}, claims{"resource": "https://other.example"}, accepted},
		{"aud and resource: resource matches", []string{"aud", "resource"}, claims{"aud": "account", "resource": identifier}, accepted},
		{"aud and resource: one value of resource matches", []string{"aud", "resource"}, claims{"aud": nil, "resource": []string{"x", identifier}}, accepted},
		{"aud and resource: neither matches", []string{"aud", "resource"}, claims{"aud": "account", "resource": identifier + "/"}, invalid},
		{"aud and resource: both missing", []string{"aud", "resource"}, claims{"aud": nil}, invalid},
		{"resource is an object", []string{"aud", "resource"}, claims{"aud": nil, "resource": claims{identifier: identifier}}, invalid},
		{"resource contains a number", []string{"aud", "resource"}, claims{"aud": nil, "resource": []any{identifier, 1}}, invalid},
		{"Resource instead of resource", []string{"aud", "resource"}, claims{"aud": nil, "Resource": identifier}, invalid},
		{"both Resource and resource", []string{"aud", "resource"}, claims{"aud": nil, "Resource": "x", "resource": identifier}, invalid},
		{"resource only: aud is not used instead", []string{"resource"}, claims{}, invalid},

		{"client_id matches", []string{"client_id"}, claims{"aud": nil, "client_id": clientAudience, "token_use": "access"}, accepted},
		{"client_id matches, no token_use", []string{"client_id"}, claims{"aud": nil, "client_id": clientAudience}, accepted},
		{"another client", []string{"client_id"}, claims{"aud": nil, "client_id": "other"}, invalid},
		{"client_id is the identifier of the resource", []string{"client_id"}, claims{"aud": nil, "client_id": identifier}, invalid},
		{"an ID token, identified by token_use", []string{"client_id"}, claims{"aud": nil, "client_id": clientAudience, "token_use": "id"}, invalid},
		{"token_use is an array", []string{"client_id"}, claims{"aud": nil, "client_id": clientAudience, "token_use": []string{"access"}}, invalid},
		{"token_use is null", []string{"client_id"}, claims{"aud": nil, "client_id": clientAudience, "token_use": resourcetest.Raw("null")}, accepted},
		{"an ID token, identified by aud", []string{"client_id"}, claims{"aud": clientAudience, "client_id": clientAudience}, invalid},
		{"aud is another server", []string{"client_id"}, claims{"aud": "https://other.example", "client_id": clientAudience}, invalid},
		{"aud is empty", []string{"client_id"}, claims{"aud": []string{}, "client_id": clientAudience}, invalid},
		{"aud is this resource", []string{"client_id"}, claims{"aud": identifier, "client_id": clientAudience}, invalid},
		{"azp is not used instead of client_id", []string{"client_id"}, claims{"aud": nil, "client_id": nil, "azp": clientAudience}, invalid},
		{"azp matches", []string{"azp"}, claims{"aud": nil, "client_id": nil, "azp": clientAudience}, accepted},
		{"azp is an array", []string{"azp"}, claims{"aud": nil, "client_id": nil, "azp": []string{clientAudience}}, invalid},
		{"client_id and cid: cid matches", []string{"client_id", "cid"}, claims{"aud": nil, "client_id": nil, "cid": clientAudience}, accepted},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Issuers[0].AudienceClaims = row.where
			if slices.ContainsFunc(row.where, func(name string) bool { return name != "aud" && name != "resource" }) {
				c.Issuers[0].Audiences = []string{clientAudience}
			}
		})
		f.expect(row.name, f.bearer(f.tokenWithClaims(row.claims)), row.want)
	}
}

// token_use is checked in every configuration, so an ID token with it is always rejected.
func TestTokenUse(t *testing.T) {
	f := newFixture(t, nil)
	for use, want := range map[any]answer{"access": accepted, "access_token": accepted, "id": invalid, "refresh": invalid, "Access": accepted, "": accepted, 1: invalid} {
		f.expect(fmt.Sprint(use), f.bearer(f.tokenWithClaims(claims{"token_use": use})), want)
	}
	f.log.take()
	f.bearer(f.tokenWithClaims(claims{"token_use": "id"}))
	if log := f.log.take(); !strings.Contains(log, `"reason":"token_type"`) || !strings.Contains(log, `"got":"token_use id","want":"token_use Bearer, DPoP, access, access_token, JWT, at+jwt"`) {
		t.Errorf("log is %s", log)
	}
}

// Each claim that says what the token is counts, whatever its name. A token of the type DPoP without
// cnf is not a bearer token (RFC 9449 §6.2).
func TestTypeClaims(t *testing.T) {
	f := newFixture(t, nil)
	for _, claim := range []string{"typ", "token_use", "tokenName", "token_type"} {
		for value, want := range map[any]answer{
			"Bearer": accepted, "bearer": accepted, "DPoP": invalid, "dpop": invalid, "access": accepted, "access_token": accepted, "ACCESS_TOKEN": accepted, "JWT": accepted, "at+jwt": accepted,
			"": accepted, nil: accepted, "ID": invalid, "id_token": invalid, "refresh": invalid, "refresh_token": invalid, "Refresh": invalid, "Offline": invalid,
			"Logout": invalid, "N_A": invalid, 5: invalid, true: invalid,
		} {
			f.expect(fmt.Sprintf("%s %v", claim, value), f.bearer(f.tokenWithClaims(claims{claim: value})), want)
		}
	}
	f.expect("another case of the name", f.bearer(f.tokenWithClaims(claims{"Token_Type": "Bearer"})), invalid)
	own := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Issuers[0].TokenTypes = []string{"api"} })
	own.expect("a type of the issuer", own.bearer(own.tokenWithClaims(claims{"token_type": "API"})), accepted)
}

// A token with the hash of an access token or of a code is an ID token, whatever its aud and
// typ are, because a token cannot contain its own hash (OpenID Connect Core §3.1.3.6,
// §3.3.2.11).
func TestTokenHashClaims(t *testing.T) {
	f := newFixture(t, nil)
	for name, row := range map[string]struct {
		claims claims
		want   answer
	}{
		"at_hash":             {claims{"at_hash": "o2XqsPOyTWvCYzUlSNd0WQ"}, invalid},
		"c_hash":              {claims{"c_hash": "o2XqsPOyTWvCYzUlSNd0WQ"}, invalid},
		"neither":             {claims{"at_hash": nil}, accepted},
		"at_hash is a number": {claims{"at_hash": 1}, invalid},
		"At_Hash":             {claims{"At_Hash": "x"}, invalid},
		"s_hash":              {claims{"s_hash": "x"}, accepted},
	} {
		f.expect(name, f.bearer(f.tokenWithClaims(row.claims)), row.want)
	}
	f.log.take()
	f.bearer(f.tokenWithClaims(claims{"at_hash": "x"}))
	if log := f.log.take(); !strings.Contains(log, `"reason":"token_type"`) || !strings.Contains(log, `"got":"an ID token, with at_hash","want":"an access token"`) {
		t.Errorf("log is %s", log)
	}
}

// With TrustAnswersWithoutAudience, an audience in the answer is still checked.
func TestTrustAnswersWithoutAudience(t *testing.T) {
	for name, row := range map[string]struct {
		claims claims
		want   answer
	}{
		"no audience":                {claims{"aud": nil}, accepted},
		"resource matches":           {claims{"aud": nil, "resource": identifier}, accepted},
		"aud is another server":      {claims{"aud": "https://other.example"}, invalid},
		"resource is another server": {claims{"aud": nil, "resource": "https://other.example"}, invalid},
		"resource is a number":       {claims{"aud": nil, "resource": 1}, invalid},
		"both Resource and resource": {claims{"aud": nil, "resource": "https://other.example", "Resource": "x"}, invalid},
	} {
		f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
			c.Opaque = &resource.Issuer{Verifier: verifierWithClaims(k.Issuer+"/opaque", row.claims), AudienceClaims: []string{"resource"}, TrustAnswersWithoutAudience: true}
		})
		f.expect(name, f.bearer("opaque-token"), row.want)
	}
}

// verifierWithClaims returns a verifier that answers with iss, sub and these claims.
func verifierWithClaims(issuer string, c claims) resource.Verifier {
	return verifierFunc{issuer, func() (*resource.Claims, error) {
		members := claims{"iss": issuer, "sub": "alice"}
		for name, value := range c {
			if value != nil {
				members[name] = value
			}
		}
		object, err := json.Marshal(members)
		if err != nil {
			return nil, err
		}
		return resource.ParseClaims(object)
	}}
}

func TestScopesAndRoles(t *testing.T) {
	many := func(text string, n int) (list []string) { return strings.Fields(strings.Repeat(text+" ", n)) }
	for _, row := range []struct {
		name   string
		issuer resource.Issuer
		claims claims
		want   string // Scopes, AllScopes and Roles
	}{
		{"default: scope", resource.Issuer{}, claims{"scope": "a b", "scp": "c", "permissions": []string{"d"}, "roles": []string{"a"}}, "[a b] [a b] []"},
		{"another claim, an array", resource.Issuer{ScopeClaim: "permissions"}, claims{"scope": "a", "permissions": []string{"b", "c"}}, "[b c] [b c] []"},
		{"another claim, a string", resource.Issuer{ScopeClaim: "permissions"}, claims{"permissions": " b  c "}, "[b c] [b c] []"},
		{"another claim, missing: scope is not used instead", resource.Issuer{ScopeClaim: "permissions"}, claims{"scope": "a"}, "[] [] []"},
		{"another claim, an object", resource.Issuer{ScopeClaim: "permissions"}, claims{"permissions": claims{"a": true}}, "[] [] []"},
		{"another claim, an array that contains a number", resource.Issuer{ScopeClaim: "permissions"}, claims{"permissions": []any{"a", 1}}, "[] [] []"},
		{"another claim, in different case", resource.Issuer{ScopeClaim: "permissions"}, claims{"Permissions": "a"}, "[] [] []"},
		{"a claim name with dots and slashes", resource.Issuer{ScopeClaim: "https://example.com/scopes.v1"}, claims{"https://example.com/scopes.v1": "a"}, "[a] [a] []"},
		{"a nested claim", resource.Issuer{ScopeClaim: "/a/b~1c~0d"}, claims{"a": claims{"b/c~d": "x"}}, "[x] [x] []"},
		{"a claim nested in a string", resource.Issuer{ScopeClaim: "/a/b"}, claims{"a": "b"}, "[] [] []"},
		{"a claim name that begins with a slash", resource.Issuer{ScopeClaim: "/~1a"}, claims{"/a": "x"}, "[x] [x] []"},
		{"a claim nested in an array", resource.Issuer{ScopeClaim: "/a/0"}, claims{"a": []string{"x"}}, "[] [] []"},
		{"1,000 scopes", resource.Issuer{ScopeClaim: "permissions"}, claims{"permissions": many("a", maxScopes)}, fmt.Sprint(many("a", 1000), many("a", 1000), "[]")},
		{"1,001 scopes", resource.Issuer{ScopeClaim: "permissions"}, claims{"permissions": many("a", maxScopes+1)}, "rejected"},

		{"a prefix", resource.Issuer{ScopePrefix: "api://mcp/"}, claims{"scp": "read write"}, "[api://mcp/read api://mcp/write] [api://mcp/read api://mcp/write also] []"},
		{"a prefix that the scope already has", resource.Issuer{ScopePrefix: "api://mcp/"}, claims{"scp": "api://mcp/read"}, "[api://mcp/api://mcp/read] [api://mcp/api://mcp/read] []"},
		{"a prefix is not added to invalid scopes", resource.Issuer{ScopePrefix: "api://mcp/"}, claims{"scp": []string{"", "a b", "read"}}, "[api://mcp/read] [api://mcp/read also] []"},
		{"a prefix without scopes", resource.Issuer{ScopePrefix: "api://mcp/"}, claims{}, "[] [] []"},

		{"roles", resource.Issuer{RoleClaim: "roles"}, claims{"roles": []string{"api://mcp/read", "Writer"}}, "[] [] [api://mcp/read Writer]"},
		{"one role that contains a space", resource.Issuer{RoleClaim: "roles"}, claims{"roles": "Domain Admins"}, "[] [] [Domain Admins]"},
		{"an empty role is ignored", resource.Issuer{RoleClaim: "roles"}, claims{"roles": ""}, "[] [] []"},
		{"roles is an object", resource.Issuer{RoleClaim: "roles"}, claims{"roles": claims{"admin": true}}, "[] [] []"},
		{"roles in a nested claim", resource.Issuer{RoleClaim: "/realm_access/roles"}, claims{"realm_access": claims{"roles": []string{"admin"}}}, "[] [] [admin]"},
		{"a dot in a claim name is not a separator", resource.Issuer{RoleClaim: "realm_access.roles"}, claims{"realm_access": claims{"roles": []string{"admin"}}}, "[] [] []"},
		{"10,000 roles", resource.Issuer{RoleClaim: "roles"}, claims{"roles": many("a", maxRoles)}, fmt.Sprint("[] [] ", many("a", 10_000))},
		{"10,001 roles", resource.Issuer{RoleClaim: "roles"}, claims{"roles": many("a", maxRoles+1)}, "rejected"},

		{"a role with a scope that implies another", resource.Issuer{ScopePrefix: "api://mcp/", RoleClaim: "roles", RoleScopes: map[string][]string{"Reader": {"api://mcp/read"}}},
			claims{"roles": []string{"Reader", "Other"}}, "[] [api://mcp/read also] [Reader Other]"},
		{"the role in different case", resource.Issuer{RoleClaim: "roles", RoleScopes: map[string][]string{"Reader": {"api://mcp/read"}}},
			claims{"roles": []string{"reader"}}, "[] [] [reader]"},
		{"a scope with the name of the role", resource.Issuer{RoleClaim: "roles", RoleScopes: map[string][]string{"Reader": {"api://mcp/read"}}},
			claims{"scope": "Reader"}, "[Reader] [Reader] []"},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			row.issuer.Verifier = c.Issuers[0].Verifier
			c.Issuers[0], c.Limits.MaxTokenBytes = row.issuer, 64<<10
			c.Metadata.ScopesSupported, c.ScopeOptions.Implies = []string{"api://mcp/read"}, map[string][]string{"api://mcp/read": {"also"}}
		})
		got := "rejected"
		f.inner = func(_ http.ResponseWriter, req *http.Request) {
			caller, _ := resource.FromContext(req.Context())
			got = fmt.Sprint(caller.Scopes(), caller.AllScopes(), caller.Roles())
		}
		f.bearer(f.tokenWithClaims(row.claims))
		if got = strings.ReplaceAll(got, "][", "] ["); got != strings.ReplaceAll(row.want, "][", "] [") {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.want, got)
		}
	}
}

// A challenge never names scopes granted by roles. The log has both scopes and roles.
func TestRolesNotInChallenges(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Scopes, c.ScopeOptions.StepUp = []string{"read"}, resource.StepUpKeepGranted
		c.ScopeOptions.Implies = map[string][]string{"write": {"list"}}
		c.Issuers[0].RoleClaim, c.Issuers[0].RoleScopes = "roles", map[string][]string{"Writer": {"write"}}
	})
	f.expect("a role", f.bearer(f.tokenWithClaims(claims{"scope": "list", "roles": []string{"Writer", "read"}})), insufficient("read list"))
	if log := f.log.take(); !strings.Contains(log, `"got":"list; roles: Writer, read","want":"read list"`) {
		t.Errorf("log is %s", log)
	}
}

func TestCallerRoles(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Issuers[0].RoleClaim = "roles" })
	f.inner = func(_ http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		caller.Roles()[0] = "changed"
		if !caller.HasRole("admin") || caller.HasRole("Admin") || caller.HasRole("") || caller.Has("admin") {
			t.Error("HasRole is wrong")
		}
		encoded, err := json.Marshal(caller)
		var again resource.Caller
		if err != nil || json.Unmarshal(encoded, &again) != nil || !slices.Equal(again.Roles(), []string{"admin"}) {
			t.Errorf("encoded and decoded: %s, error %v", encoded, err)
		}
	}
	f.expect("a role", f.bearer(f.tokenWithClaims(claims{"roles": []string{"admin"}})), accepted)
}

func TestIssuerMistakes(t *testing.T) {
	pattern := verifierFunc{issuer: "https://login.example.test/{tenantid}/v2.0"}
	for _, row := range []struct {
		name   string
		change func(*resource.Issuer)
		want   string
	}{
		{"a claim that cannot hold an audience", func(i *resource.Issuer) { i.AudienceClaims = []string{"sub"} }, `Issuers[0].AudienceClaims[0]: "sub" is none of ["appid" "aud" "azp" "cid" "client_id" "resource"]`},
		{"a duplicate claim", func(i *resource.Issuer) { i.AudienceClaims = []string{"aud", "aud"} }, `Issuers[0].AudienceClaims[1]: duplicate claim "aud"`},
		{"aud with a client claim", func(i *resource.Issuer) { i.AudienceClaims, i.Audiences = []string{"aud", "client_id"}, []string{"x"} }, "Issuers[0].AudienceClaims: claims that name a client cannot be combined with aud and resource: the aud of an ID token is the client"},
		{"a client claim without Audiences", func(i *resource.Issuer) { i.AudienceClaims = []string{"azp"} }, "Issuers[0].Audiences: empty; name the clients that are used for this resource alone"},
		{"StrictRFC9068 with another claim", func(i *resource.Issuer) { i.AudienceClaims, i.StrictRFC9068 = []string{"resource"}, true }, "Issuers[0].AudienceClaims: StrictRFC9068 is set, and RFC 9068 §2.2 has the audience in aud"},
		{"a pointer with an empty step", func(i *resource.Issuer) { i.ScopeClaim = "/a//b" }, `Issuers[0].ScopeClaim: "/a//b" has an empty step`},
		{"a pointer to a top-level claim", func(i *resource.Issuer) { i.RoleClaim = "/scope" }, `Issuers[0].RoleClaim: "/scope" is one claim: write "scope"`},
		{"a pointer with an invalid tilde", func(i *resource.Issuer) { i.RoleClaim = "/a~2" }, `Issuers[0].RoleClaim: "/a~2" has a ~ that is neither ~0 nor ~1 (RFC 6901 §3)`},
		{"scopes from client_id", func(i *resource.Issuer) { i.ScopeClaim = "client_id" }, `Issuers[0].ScopeClaim: "client_id" identifies the caller; it cannot determine what the caller may do`},
		{"roles from sub", func(i *resource.Issuer) { i.RoleClaim = "sub" }, `Issuers[0].RoleClaim: "sub" identifies the caller; it cannot determine what the caller may do`},
		{"roles from the claim of the scopes", func(i *resource.Issuer) { i.ScopeClaim, i.RoleClaim = "p", "p" }, `Issuers[0].RoleClaim: "p" holds scopes; roles must not mix with them`},
		{"roles from scope", func(i *resource.Issuer) { i.RoleClaim = "scope" }, `Issuers[0].RoleClaim: "scope" holds scopes; roles must not mix with them`},
		{"RoleScopes without RoleClaim", func(i *resource.Issuer) { i.RoleScopes = map[string][]string{"a": {"a"}} }, "Issuers[0].RoleScopes: RoleClaim is empty, so no token has roles"},
		{"an empty token type", func(i *resource.Issuer) { i.TokenTypes = []string{"api", ""} }, "Issuers[0].TokenTypes[1]: empty"},
		{"the type of ID tokens", func(i *resource.Issuer) { i.TokenTypes = []string{"ID"} }, `Issuers[0].TokenTypes[0]: "ID" is the type of other tokens, which are not for resources`},
		{"an empty role", func(i *resource.Issuer) { i.RoleClaim, i.RoleScopes = "roles", map[string][]string{"": {"a"}} }, "Issuers[0].RoleScopes: empty role"},
		{"a role with a malformed scope", func(i *resource.Issuer) { i.RoleClaim, i.RoleScopes = "roles", map[string][]string{"r": {"a b"}} }, `Issuers[0].RoleScopes["r"]: "a b" is not a scope: use printable ASCII without space, quote and backslash (RFC 6749 §3.3)`},
		{"a prefix with a space", func(i *resource.Issuer) { i.ScopePrefix = "a b" }, `Issuers[0].ScopePrefix: "a b" cannot begin a scope: use at most 512 bytes of printable ASCII without space, quote and backslash`},
		{"a prefix that is too long", func(i *resource.Issuer) { i.ScopePrefix = strings.Repeat("r", maxScopePrefixBytes+1) }, "cannot begin a scope: use at most 512 bytes"},
		{"a prefix of 512 bytes that no scope begins with", func(i *resource.Issuer) { i.ScopePrefix = strings.Repeat("r", maxScopePrefixBytes) }, "write scopes as clients request them"},
		{"a pattern without tenants", func(i *resource.Issuer) { i.Verifier = pattern }, `Issuers[0].Tenants: nil, but issuer "https://login.example.test/{tenantid}/v2.0" is a pattern; list the allowed tenants`},
		{"tenants without a pattern", func(i *resource.Issuer) { i.Tenants = &resource.Tenants{Allow: []string{"a"}} }, `Issuers[0].Tenants: issuer "https://auth.example.test" is not a pattern; write {tenantid} for its tenant`},
		{"a pattern whose variable is not a whole segment", func(i *resource.Issuer) {
			i.Verifier, i.Tenants = verifierFunc{issuer: "https://{tenantid}.example.test"}, &resource.Tenants{Allow: []string{"a"}}
		}, "Issuers[0].Verifier: {tenantid} must be a whole segment of the path"},
		{"neither Allow nor AllowFunc", func(i *resource.Issuer) { i.Verifier, i.Tenants = pattern, &resource.Tenants{} }, "Issuers[0].Tenants: set exactly one of Allow and AllowFunc; there is no way to allow any tenant"},
		{"both Allow and AllowFunc", func(i *resource.Issuer) {
			i.Verifier, i.Tenants = pattern, &resource.Tenants{Allow: []string{"a"}, AllowFunc: func(string) bool { return true }}
		}, "Issuers[0].Tenants: set exactly one of Allow and AllowFunc; there is no way to allow any tenant"},
		{"a wildcard as a tenant", func(i *resource.Issuer) { i.Verifier, i.Tenants = pattern, &resource.Tenants{Allow: []string{"*"}} }, `Issuers[0].Tenants.Allow[0]: "*" cannot be a path segment of an issuer: use letters, digits, "-", "_" and "."`},
		{"the issuer of a tenant as an audience", func(i *resource.Issuer) {
			i.Verifier, i.Tenants, i.Audiences = pattern, &resource.Tenants{Allow: []string{"a"}}, []string{"https://login.example.test/a/v2.0"}
		}, `Issuers[0].Audiences[0]: "https://login.example.test/a/v2.0" is the issuer itself, whose tokens for itself are not for this resource`},
		{"no authorization servers in the metadata", func(i *resource.Issuer) { i.Verifier, i.Tenants = pattern, &resource.Tenants{Allow: []string{"a"}} }, "AuthorizationServers: none; name where clients of tenants, of ResolveIssuer's issuers, of TokenHeaders and of Prefixed log in"},
	} {
		given := resource.Issuer{Verifier: verifier(t)}
		row.change(&given)
		_, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{given}, Scopes: []string{"read"}})
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s (-want +got)\n- %s\n+ %v", row.name, row.want, err)
		}
	}
}

// Types of tokens that no resource accepts cannot be configured, in any spelling.
func TestTypesOfOtherTokens(t *testing.T) {
	for typ, want := range map[string]bool{
		"ID": false, "id": false, "Id_Token": false, "id-token": false, "IDToken": false, "Serialized-ID": false, "Refresh": false, "refresh_token": false,
		"RefreshToken": false, "Offline": false, "offline_token": false, "Logout": false, "logout_token": false, "logout+jwt": false, "application/logout+jwt": false,
		"dpop+jwt": false, "secevent+jwt": false, "token-introspection+jwt": false, "client-authentication+jwt": false, "oauth-authz-req+jwt": false,
		"urn:ietf:params:oauth:token-type:refresh_token": false, "urn:ietf:params:oauth:token-type:id_token": false, "code": false, "authorization_code": false,
		"urn:ietf:params:oauth:token-type:access_token": true, "api": true, "user": true, "Bearer": true, "DPoP": true, "application_access": true,
	} {
		_, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier(t), TokenTypes: []string{typ}}}})
		if (err == nil) != want {
			t.Errorf("%s: got %v, want valid: %v", typ, err, want)
		}
	}
}
