package resource

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/anyvalue"
	"github.com/warder-go/warder/internal/claimpath"
	"github.com/warder-go/warder/internal/claimset"
	"github.com/warder-go/warder/internal/condition"
	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/scopeset"
	"github.com/warder-go/warder/internal/tenant"
)

// Issuer is an authorization server whose tokens a resource accepts, and the conditions for
// that. The zero value of each field follows the RFCs: the audience is in aud, scopes are
// in scope or scp, and there are no roles.
//
// Fields that name a claim take its name, such as permissions or
// https://example.com/roles, or for a nested claim a JSON Pointer (RFC 6901), such as
// /realm_access/roles. A claim that is absent or has the wrong type counts as empty.
type Issuer struct {
	Verifier Verifier // required

	// Audiences are accepted besides Config.Identifier, for servers that do not support
	// resource indicators. Each must be used for this resource alone. They are compared
	// byte for byte and never normalized. White space, control characters and any of
	// * { } < > | ^ ` " \ are mistakes, because they appear in patterns and placeholders,
	// which Audiences does not support.
	Audiences []string

	// LiteralAudiences allows these characters in Audiences, for servers whose audiences
	// really contain them. The comparison is the same.
	LiteralAudiences bool

	// AudienceClaims are the claims in which the audience is looked for; one of them
	// must contain it. Nil: only aud (RFC 7519 §4.1.3). There are two groups of claims,
	// which cannot be combined:
	//
	// aud and resource are strings or arrays of strings. That one of the two is enough
	// is laxer than RFC 7519: the issuer must intend it.
	//
	// client_id, azp, cid and appid are strings. They are for servers such as Amazon
	// Cognito, whose access tokens name the client that requested them and no audience.
	// They are compared with Audiences only. EVERY TOKEN OF SUCH A CLIENT IS ACCEPTED,
	// whatever server it was issued for. So the client must be used for this resource
	// alone, and the issuer must have assigned its identifier: if clients choose their
	// identifiers, or register themselves under a name that is listed here, anyone is
	// accepted. These claims count only in a token without aud, so that ID tokens, whose
	// aud is the client, are not accepted (OpenID Connect Core §2).
	AudienceClaims []string

	// ScopeClaim holds the scopes, instead of scope and scp: a string, separated by
	// spaces, or an array of strings. Do not use it for what an administrator has
	// granted without the user's consent; see RoleClaim.
	ScopeClaim string

	// ScopePrefix is added in front of each scope of the token. It is for servers whose
	// clients request a longer form than the token has: clients of Microsoft Entra
	// request api://mcp/read and get read. Config then uses the longer form, or ScopeNames
	// lists it. The prefix is added unconditionally: a scope that has it already gets it twice.
	ScopePrefix string

	// ScopeNames are the names that this issuer has for scopes of Config, if they differ: by
	// scope of Config, the name that clients request at this issuer. A token grants a listed
	// scope only by the issuer's name, and every other scope by its own. ScopePrefix is added
	// first, so with {"mcp:read": "api://mcp/read"} and the ScopePrefix api://mcp/ a token
	// with read grants mcp:read. Two scopes with one name are a mistake, and so are names of
	// scopes that Config does not have.
	//
	// Challenges for callers of this issuer have its names. So has a 401 for a token of this
	// issuer if the issuer is published. Any other 401, and a 403 for a credential that is not
	// an access token, have the names of the first published server, because clients log in
	// there: those of the issuer that has its identifier, otherwise of the first with Tenants,
	// otherwise of the first of Issuers. Config and Caller have the names of Config everywhere
	// else.
	ScopeNames map[string]string

	// UnavailableScopes are scopes of Config that this issuer does not have. Its tokens never
	// grant them; RoleScopes can. Challenges for its callers name other alternatives. If none
	// is left, the answer is 403 without a challenge, because another token would not help.
	// Scopes that do not begin with ScopePrefix are unavailable without being listed.
	UnavailableScopes []string

	// RoleClaim holds the roles: an array of strings, or a string that is one role. A
	// role is what an administrator has granted to the user or to the client itself. A
	// scope is what the user has allowed this client to do. They do not mix: a role with
	// the name of a scope is not a scope.
	RoleClaim string

	// RoleScopes are roles that count as scopes of Config, without ScopePrefix. A client
	// cannot request them, and a caller with the role does not need the scope. That
	// overrides the limits that a user set for a client, so it is best for tokens of
	// applications.
	RoleScopes map[string][]string

	// SubjectClaim holds the subject instead of sub, such as username, for servers whose
	// answers have no sub. Its values must be unique at the issuer and never be assigned
	// to another user. Claims of RFC 7519 and of OpenID Connect that many users share, such
	// as client_id, scope and name, are mistakes.
	SubjectClaim string

	// Conditions are conditions on the claims of this issuer's tokens, such as repository_owner
	// for tokens of GitHub Actions. See [Condition].
	Conditions []Condition

	// ClientTokens is the condition for tokens that belong to a client itself. Their
	// principal is the client (see [Caller.ID]), whatever other claims they have. Nil: no
	// token does. A token without a subject that does not meet it is its own principal, or
	// is rejected if one of its claims describes a user.
	ClientTokens *ClientTokens

	// TokenTypes are accepted values of the claims typ, token_use, tokenName and token_type
	// besides Bearer, DPoP, access, access_token, JWT and at+jwt. They are compared without
	// case. Types of other tokens, such as ID and refresh_token, are mistakes.
	TokenTypes []string

	// HeaderTypes are accepted values of the header typ besides JWT, at+jwt and an absent typ,
	// such as JOSE for tokens of SPIFFE. They are compared without case. EVERY JWT OF THE
	// ISSUER WITH THIS TYP AND AN ACCEPTED AUDIENCE IS ACCEPTED, so the issuer must not use
	// the typ for other tokens. Types of ID tokens, proofs and other known tokens are mistakes,
	// and so is HeaderTypes together with StrictRFC9068.
	HeaderTypes []string

	// AllowAtHash accepts access tokens with the claim at_hash, for servers such as Dex that
	// put it there. at_hash otherwise shows that a token is an ID token (OpenID Connect Core
	// §3.1.3.6). AN ID TOKEN WITH AN ACCEPTED AUDIENCE IS THEN ACCEPTED AS AN ACCESS TOKEN, so
	// no entry of Audiences may be a client identifier that ID tokens have as their aud. Claims
	// that name another kind of token are still checked, and c_hash is still rejected.
	AllowAtHash bool

	// AllowZipNone ignores the header zip if it is exactly "NONE", as ForgeRock writes it. zip
	// is for encrypted tokens (RFC 7516 §4.1.3) and means nothing in a signed one. A token with
	// any other zip is rejected: nothing is ever decompressed.
	AllowZipNone bool

	// Tenants lists the allowed tenants if the issuer of Verifier is a pattern.
	Tenants *Tenants

	// StrictRFC9068 requires typ at+jwt and all claims of RFC 9068 §2.2. Otherwise typ
	// may be JWT or absent, as widespread servers send it.
	StrictRFC9068 bool

	// TrustAnswersWithoutAudience accepts introspection answers without aud. Set it only
	// if THE ISSUER REPORTS A TOKEN AS ACTIVE TO THIS RESOURCE'S CREDENTIALS ONLY IF THE
	// TOKEN WAS ISSUED FOR THIS RESOURCE. Otherwise a token for any server of the issuer
	// is accepted here (MCP authorization, "Token Audience Binding"), at all of
	// Config.Identifiers. An aud that is present is still checked, and a JWT that is verified
	// by its signature always needs one. Package introspect rejects an answer with neither aud
	// nor token_type all the same, because it can be about a refresh token, unless its
	// Config.TrustAnswersWithoutTokenType is set.
	TrustAnswersWithoutAudience bool
}

// issuer is the compiled form of an Issuer.
type issuer struct {
	config         *Issuer // a copy; see sameIssuer
	id             string  // of a tenant: its own, once a token is routed
	verifier       Verifier
	audiences      []string                 // besides that of the endpoint
	audienceClaims []claimset.AudienceClaim // nil: aud
	ofClients      bool                     // audienceClaims name clients
	scopeClaim     claimpath.Path
	names          *scopeset.Names // for scopes, and ScopePrefix; nil: those of Config
	roleClaim      claimpath.Path
	roleScopes     map[string][]string
	subjectClaim   claimpath.Path
	conditions     []*condition.Condition
	clientClaim    claimpath.Path           // of ClientTokens
	tenants        *tenants                 // nil: there is one issuer, id
	tenant         string                   // of a routed token
	resolved       bool                     // by Hooks.ResolveIssuer
	stillAccepted  func(now time.Time) bool // checked for cached tokens; nil: always accepted
	strict         bool
	trustsAnswers  bool // without aud
}

// issuer checks and compiles an Issuer. It returns nil if there is no verifier.
func (b *builder) issuer(where string, given Issuer) *issuer {
	if anyvalue.IsNil(given.Verifier) {
		b.mistakes.Addf("%s.Verifier: nil; use jwks.New or introspect.New", where)
		return nil
	}
	i := &issuer{config: given.clone(), id: given.Verifier.Issuer(), verifier: given.Verifier,
		strict: given.StrictRFC9068, trustsAnswers: given.TrustAnswersWithoutAudience}
	if i.id == "" {
		b.mistakes.Addf("%s.Verifier: Issuer() is empty; it must be the iss of its tokens", where)
	}
	i.tenants = b.tenants(where, i.id, given.Tenants)
	b.setAudiences(where, i)
	b.setPermissions(where, i)
	b.setIdentity(where, i)
	i.conditions = b.conditions(where+".Conditions", given.Conditions)
	return i
}

// clone returns a copy that shares nothing with the program's value but functions.
func (i Issuer) clone() *Issuer {
	i.ScopeNames, i.UnavailableScopes = maps.Clone(i.ScopeNames), slices.Clone(i.UnavailableScopes)
	i.Audiences, i.AudienceClaims = slices.Clone(i.Audiences), slices.Clone(i.AudienceClaims)
	i.TokenTypes, i.HeaderTypes = slices.Clone(i.TokenTypes), slices.Clone(i.HeaderTypes)
	i.Conditions = cloneConditions(i.Conditions)
	if i.ClientTokens != nil {
		tokens := *i.ClientTokens
		i.ClientTokens = &tokens
	}
	roles := make(map[string][]string, len(i.RoleScopes))
	for role, scopes := range i.RoleScopes {
		roles[role] = slices.Clone(scopes)
	}
	if i.RoleScopes != nil {
		i.RoleScopes = roles
	}
	if i.Tenants != nil {
		tenants := *i.Tenants
		tenants.Allow = slices.Clone(tenants.Allow)
		i.Tenants = &tenants
	}
	return &i
}

// issuerWithoutTenants is issuer where an issuer cannot have tenants.
func (b *builder) issuerWithoutTenants(where string, given Issuer) *issuer {
	i := b.issuer(where, given)
	if given.Tenants != nil {
		b.mistakes.Addf("%s.Tenants: only an entry of Issuers can have tenants", where)
	}
	return i
}

func (b *builder) setAudiences(where string, i *issuer) {
	given := i.config
	if given.AudienceClaims != nil && given.StrictRFC9068 {
		b.mistakes.Addf("%s.AudienceClaims: StrictRFC9068 is set, and RFC 9068 §2.2 has the audience in aud", where)
	}
	for n, name := range given.AudienceClaims {
		claim, ok := claimset.AudienceClaimOf(name)
		switch {
		case !ok:
			b.mistakes.Addf("%s.AudienceClaims[%d]: %q is none of %q", where, n, name, claimset.AudienceClaimNames())
		case slices.Contains(given.AudienceClaims[:n], name):
			b.mistakes.Addf("%s.AudienceClaims[%d]: duplicate claim %q", where, n, name)
		case n > 0 && claim.OfClient != i.ofClients:
			b.mistakes.Addf("%s.AudienceClaims: claims that name a client cannot be combined with aud and resource: the aud of an ID token is the client", where)
		}
		i.audienceClaims, i.ofClients = append(i.audienceClaims, claim), claim.OfClient
	}
	if i.ofClients && len(given.Audiences) == 0 {
		b.mistakes.Addf("%s.Audiences: empty; name the clients that are used for this resource alone", where)
	}
	for n, audience := range given.Audiences {
		where := fmt.Sprintf("%s.Audiences[%d]", where, n)
		b.checkAudience(where, i, audience)
		if !i.ofClients {
			b.checkAudienceOfAll(where, audience)
		}
		if !slices.Contains(i.audiences, audience) {
			i.audiences = append(i.audiences, audience)
		}
	}
}

// checkAudience rejects audiences that are mistakes.
func (b *builder) checkAudience(where string, i *issuer, audience string) {
	pattern, looksLikePattern := claimset.PatternCharacter(audience)
	_, isTenant := tenant.Match(i.id, audience)
	// An issuer that is only a name is not a server, so no token is for it: a proxy such as
	// Pomerium writes the name of the protected host into both iss and aud.
	isServer := strings.Contains(i.id, ":") // a URI
	switch {
	case audience == "":
		b.mistakes.Addf("%s: empty; there is no way to accept any audience", where)
	case audience == i.id && isServer || isTenant:
		b.mistakes.Addf("%s: %q is the issuer itself, whose tokens for itself are not for this resource", where, audience)
	case looksLikePattern && !i.config.LiteralAudiences:
		b.mistakes.Addf("%s: %q looks like a pattern, but audiences are compared byte for byte: name each one; LiteralAudiences allows %q", where, audience, pattern)
	}
}

// setPermissions compiles where scopes and roles are found.
func (b *builder) setPermissions(where string, i *issuer) {
	given := i.config
	i.scopeClaim = b.claimPath(where+".ScopeClaim", given.ScopeClaim)
	i.roleClaim = b.claimPath(where+".RoleClaim", given.RoleClaim)
	if given.RoleClaim != "" && slices.Contains([]string{given.ScopeClaim, "scope", "scp"}, given.RoleClaim) {
		b.mistakes.Addf("%s.RoleClaim: %q holds scopes; roles must not mix with them", where, given.RoleClaim)
	}
	if given.ScopePrefix != "" && (!grammar.IsScopeToken(given.ScopePrefix) || len(given.ScopePrefix) > maxScopePrefixBytes) {
		b.mistakes.Addf("%s.ScopePrefix: %q cannot begin a scope: use at most %d bytes of printable ASCII without space, quote and backslash",
			where, given.ScopePrefix, maxScopePrefixBytes)
	}
	b.setScopeNames(where, i)
	if given.RoleScopes != nil && given.RoleClaim == "" {
		b.mistakes.Addf("%s.RoleScopes: RoleClaim is empty, so there are no roles", where)
	}
	for _, role := range slices.Sorted(maps.Keys(given.RoleScopes)) {
		if role == "" {
			b.mistakes.Addf("%s.RoleScopes: empty role", where)
		}
		b.checkScopes(fmt.Sprintf("%s.RoleScopes[%q]", where, role), given.RoleScopes[role])
	}
	i.roleScopes = given.RoleScopes
}

// addTenanted adds an issuer that is a pattern. No iss may match two patterns.
func (b *builder) addTenanted(n int, i *issuer) {
	for _, other := range b.policy.tenanted {
		if tenant.Overlap(i.id, other.id) {
			b.mistakes.Addf("Issuers[%d]: a token's iss can match both %q and %q; it must have one verifier", n, i.id, other.id)
		}
	}
	b.policy.tenanted = append(b.policy.tenanted, i)
}

// wantedAudience describes the accepted audiences at an endpoint for the log.
func (i *issuer) wantedAudience(at *endpoint) string {
	accepted := i.audiences
	if !i.ofClients {
		accepted = scopeset.Union(at.audiences, accepted)
	}
	want := strings.Join(accepted, " or ")
	for n, claim := range i.audienceClaims {
		want += []string{" in ", " or "}[min(n, 1)] + claim.Name
	}
	if i.ofClients {
		want += ", and no aud"
	}
	return want
}
