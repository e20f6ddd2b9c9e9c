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

// issuer checks and compiles an Issuer. It returns nil if the verifier is missing.
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
	b.checkBinding(where+".DPoP", given.DPoP)
	b.checkBinding(where+".Certificates", given.Certificates)
	b.setAudiences(where, i)
	b.setPermissions(where, i)
	b.setIdentity(where, i)
	i.conditions = b.conditions(where+".Conditions", given.Conditions)
	return i
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
		b.mistakes.Addf("%s: empty; name an audience; a setting that accepts every audience does not exist", where)
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
		b.mistakes.Addf("%s.RoleScopes: RoleClaim is empty, so no token has roles", where)
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
