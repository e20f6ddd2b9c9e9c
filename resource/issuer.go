package resource

import (
	"maps"
	"slices"
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

	// DPoP and Certificates say whether the tokens of this issuer can be bound to a key or to a
	// certificate of their client, if that differs from Credentials.DPoP and
	// Credentials.Certificates. BindingRequired there applies to all issuers.
	DPoP         Binding
	Certificates Binding

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
