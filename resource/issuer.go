package resource

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/tenant"
)

// Issuer is an authorization server whose tokens a resource accepts, and on which
// conditions. What is zero is read as the RFCs have it: the audience in aud, scopes in
// scope or scp, no roles.
//
// A claim that is configured here is named by its name, such as permissions or
// https://example.com/roles; one inside of others by a JSON Pointer (RFC 6901), such as
// /realm_access/roles. Of a type that it should not have, or absent, it says nothing.
type Issuer struct {
	Verifier Verifier // required

	// Audiences are accepted besides Config.Identifier: for servers that don't know
	// resource indicators. Each must stand for this resource alone.
	Audiences []string

	// AudienceClaims are the claims in which the audience is looked for; one of them
	// must name it. Nil: aud alone, as RFC 7519 §4.1.3 has it. These can be named:
	//
	// aud and resource, strings or arrays of strings. That only one of the two needs
	// to be right is laxer than RFC 7519: the issuer must mean them so.
	//
	// client_id, azp, cid and appid, strings, instead of and not beside the former: for
	// servers such as Amazon Cognito, whose access tokens name the client that asked for
	// them and nobody whom they are for. They are compared with Audiences only. EVERY
	// TOKEN OF SUCH A CLIENT GETS IN, whatever server it was issued for, so the client
	// must be used for this resource alone, and its identifier must be one that the
	// issuer gave out: where clients choose theirs, or register themselves as somebody
	// who is named here, anybody gets in. They count only in a token without aud, so
	// that no ID token passes, whose aud is the client (OpenID Connect Core §2).
	AudienceClaims []string

	// ScopeClaim is where scopes are, instead of scope and scp: a string, separated by
	// spaces, or an array of strings. Not for what an administrator has granted without
	// the user's consent; that is RoleClaim.
	ScopeClaim string

	// ScopePrefix is put in front of each scope of the token, for servers whose clients
	// must ask for a longer form than the token has: Microsoft Entra's ask for
	// api://mcp/read and get read. All of Config is then in the longer form. It is put
	// there without looking: a scope that has it already has it twice.
	ScopePrefix string

	// RoleClaim is where roles are: an array of strings, or a string that is one role.
	// A role is what an administrator has granted the user or the client itself, a
	// scope what the user has let this client do. The two don't mix: a role named like
	// a scope is no scope.
	RoleClaim string

	// RoleScopes are roles that count as scopes of Config, without ScopePrefix. A client
	// can't ask for them, but whoever has such a role needs no scope. As that undoes what
	// a user has limited the client to, it is best for applications' own tokens.
	RoleScopes map[string][]string

	// Tenants says which tenants may come, where Verifier's issuer is a pattern.
	Tenants *Tenants

	// StrictRFC9068 demands typ at+jwt and all claims of RFC 9068 §2.2. Without
	// it typ may be JWT or absent, as widespread servers send it.
	StrictRFC9068 bool

	// TrustAnswersWithoutAudience accepts introspection answers that have no aud
	// at all. It says that THE ISSUER CALLS ONLY SUCH TOKENS ACTIVE, TO THIS
	// RESOURCE'S CREDENTIALS, AS WERE ISSUED FOR THIS RESOURCE. Where that is not
	// so, everybody who gets a token for any server of the issuer gets in here
	// (MCP authorization, "Token Audience Binding"). An aud that is there is
	// checked as ever, and a JWT verified by its signature always needs one. An answer
	// with neither aud nor token_type is refused by package introspect all the same: it
	// may be about a refresh token.
	TrustAnswersWithoutAudience bool
}

// issuer is an Issuer made ready for the screen.
type issuer struct {
	id             string // of a tenant: its own, once a token is routed
	verifier       Verifier
	audiences      []string
	audienceClaims []audienceClaim // nil: aud
	ofClients      bool            // they name clients
	scopeClaim     claimPath
	scopePrefix    string
	roleClaim      claimPath
	roleScopes     map[string][]string
	tenants        *tenants                 // nil: there is one, id
	tenant         string                   // of a token that is routed
	still          func(now time.Time) bool // whether it is still accepted; nil: always
	strict         bool
	trustsAnswers  bool // without aud
}

// issuer checks an Issuer and makes it ready; nil where there is no verifier.
func (b *builder) issuer(where string, given Issuer) *issuer {
	if isNil(given.Verifier) {
		b.mistake("%s.Verifier: nil; use jwks.New or introspect.New", where)
		return nil
	}
	i := &issuer{id: given.Verifier.Issuer(), verifier: given.Verifier, scopePrefix: given.ScopePrefix,
		strict: given.StrictRFC9068, trustsAnswers: given.TrustAnswersWithoutAudience}
	if i.id == "" {
		b.mistake("%s.Verifier: Issuer() is empty; it must be the iss of its tokens", where)
	}
	i.tenants = b.tenants(where, i.id, given.Tenants)
	b.audiences(where, i, given)
	b.permissions(where, i, given)
	return i
}

// single is issuer where there can't be tenants.
func (b *builder) single(where string, given Issuer) *issuer {
	i := b.issuer(where, given)
	if given.Tenants != nil {
		b.mistake("%s.Tenants: only an entry of Issuers can have tenants", where)
	}
	return i
}

func (b *builder) audiences(where string, i *issuer, given Issuer) {
	if given.AudienceClaims != nil && given.StrictRFC9068 {
		b.mistake("%s.AudienceClaims: StrictRFC9068 is set, and RFC 9068 §2.2 has the audience in aud", where)
	}
	for n, name := range given.AudienceClaims {
		claim, ok := audienceClaims[name]
		switch {
		case !ok:
			b.mistake("%s.AudienceClaims[%d]: %q is none of %q", where, n, name, slices.Sorted(maps.Keys(audienceClaims)))
		case slices.Contains(given.AudienceClaims[:n], name):
			b.mistake("%s.AudienceClaims[%d]: %q stands twice", where, n, name)
		case n > 0 && claim.ofClient != i.ofClients:
			b.mistake("%s.AudienceClaims: the claims of a client can't stand beside aud and resource: an ID token's aud is the client", where)
		}
		i.audienceClaims, i.ofClients = append(i.audienceClaims, claim), claim.ofClient
	}
	if !i.ofClients { // no client is called like a resource, unless it wants to be taken for one
		i.audiences = identifierAudiences(b.config.Identifier)
	} else if len(given.Audiences) == 0 {
		b.mistake("%s.Audiences: empty; name the clients that are used for this resource alone", where)
	}
	for n, audience := range given.Audiences {
		switch {
		case audience == "":
			b.mistake("%s.Audiences[%d]: empty; there is no way to accept any audience", where, n)
		case audience == i.id || isTenantOf(i.id, audience):
			b.mistake("%s.Audiences[%d]: %q is the issuer itself, whose tokens for itself are not for this resource", where, n, audience)
		case !slices.Contains(i.audiences, audience):
			i.audiences = append(i.audiences, audience)
		}
	}
}

func (b *builder) permissions(where string, i *issuer, given Issuer) {
	i.scopeClaim = b.claimPath(where+".ScopeClaim", given.ScopeClaim)
	i.roleClaim = b.claimPath(where+".RoleClaim", given.RoleClaim)
	if given.RoleClaim != "" && slices.Contains([]string{given.ScopeClaim, "scope", "scp"}, given.RoleClaim) {
		b.mistake("%s.RoleClaim: %q has scopes; roles must not mix with them", where, given.RoleClaim)
	}
	if given.ScopePrefix != "" && (!isScope(given.ScopePrefix) || len(given.ScopePrefix) > MaxScopePrefixBytes) {
		b.mistake("%s.ScopePrefix: %q is not how a scope begins: use at most %d bytes of printable ASCII without space, quote and backslash",
			where, given.ScopePrefix, MaxScopePrefixBytes)
	}
	if given.RoleScopes != nil && given.RoleClaim == "" {
		b.mistake("%s.RoleScopes: there is no RoleClaim to find roles in", where)
	}
	i.roleScopes = make(map[string][]string, len(given.RoleScopes))
	for _, role := range slices.Sorted(maps.Keys(given.RoleScopes)) {
		if role == "" {
			b.mistake("%s.RoleScopes: empty role", where)
		}
		b.checkScopes(fmt.Sprintf("%s.RoleScopes[%q]", where, role), given.RoleScopes[role])
		i.roleScopes[role] = slices.Clone(given.RoleScopes[role])
	}
}

func (b *builder) claimPath(where, path string) claimPath {
	p, err := parseClaimPath(path)
	if err != nil {
		b.mistake("%s: %q %w", where, path, err)
	}
	return p
}

func isTenantOf(pattern, issuer string) bool {
	_, ok := tenant.Of(pattern, issuer)
	return ok
}

// tenanted adds an issuer that is a pattern. No iss may fit two of them.
func (b *builder) tenanted(r *Resource, n int, i *issuer) {
	for _, other := range r.tenanted {
		if tenant.Overlap(i.id, other.id) {
			b.mistake("Issuers[%d]: a token's iss can fit both %q and %q; it must have one verifier", n, i.id, other.id)
		}
	}
	r.tenanted = append(r.tenanted, i)
}

// wantedAudience says for the log what would have been right.
func (i *issuer) wantedAudience() string {
	want := strings.Join(i.audiences, " or ")
	for n, claim := range i.audienceClaims {
		want += []string{" in ", " or "}[min(n, 1)] + claim.name
	}
	if i.ofClients {
		want += ", and no aud"
	}
	return want
}
