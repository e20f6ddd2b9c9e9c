package resource

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/scopeset"
)

// checkNeeds checks a list of entries, each one scope or alternatives.
func (b *builder) checkNeeds(where string, entries []string) {
	for n, entry := range entries {
		switch err := scopeset.CheckEntry(entry); {
		case err != nil:
			b.mistakes.Addf("%s: %w", where, err)
		case slices.Contains(scopeset.Named(entries[n:n+1]), offlineAccess):
			b.mistakes.Addf(offlineMistake, where)
		case slices.Contains(entries[:n], entry):
			b.mistakes.Addf("%s: duplicate scope %q", where, entry)
		}
	}
}

// checkScopes checks a list in which alternatives are not possible.
func (b *builder) checkScopes(where string, scopes []string) {
	for n, scope := range scopes {
		switch err := scopeset.CheckPlain(scope); {
		case err != nil:
			b.mistakes.Addf("%s: %w", where, err)
		case scope == offlineAccess:
			b.mistakes.Addf(offlineMistake, where)
		case slices.Contains(scopes[:n], scope):
			b.mistakes.Addf("%s: duplicate scope %q", where, scope)
		}
	}
}

const (
	offlineAccess  = "offline_access"
	offlineMistake = "%s: offline_access is between client and authorization server; remove it (MCP authorization)"
)

// declaredScopes returns every scope that the configuration mentions.
func declaredScopes(c *Config) map[string]bool {
	implies, o := c.ScopeOptions.Implies, c.Operations
	lists := [][]string{c.Scopes, c.ScopeOptions.Challenge, c.Metadata.ScopesSupported, slices.Collect(maps.Keys(implies))}
	for _, rules := range []map[string][]string{implies, o.Methods, o.Tools, o.Prompts} {
		lists = slices.AppendSeq(lists, maps.Values(rules))
	}
	for _, rule := range o.Resources {
		lists = append(lists, rule.Scopes)
	}
	for _, rule := range o.Arguments {
		lists = slices.AppendSeq(lists, maps.Values(rule.Values))
	}
	declared := map[string]bool{}
	for _, list := range lists {
		for _, scope := range scopeset.Named(list) {
			declared[scope] = true
		}
	}
	return declared
}

// setScopeNames checks and compiles the names that an issuer has for the scopes of Config.
func (b *builder) setScopeNames(where string, i *issuer) {
	given, before := i.config, b.mistakes.Len()
	for _, scope := range slices.Sorted(maps.Keys(given.ScopeNames)) {
		b.checkScopeName(where, given, scope)
	}
	for n, scope := range given.UnavailableScopes {
		_, named := given.ScopeNames[scope]
		switch where := fmt.Sprintf("%s.UnavailableScopes[%d]", where, n); {
		case !b.declared[scope]:
			b.mistakes.Addf("%s: %q %s", where, scope, notDeclared)
		case named:
			b.mistakes.Addf("%s: %q has a name in ScopeNames; remove one of the two", where, scope)
		case slices.Contains(given.UnavailableScopes[:n], scope):
			b.mistakes.Addf("%s: duplicate scope %q", where, scope)
		}
	}
	if b.mistakes.Len() == before { // otherwise checkReachable would report consequences
		i.names = scopeset.NewNames(given.ScopePrefix, given.ScopeNames, given.UnavailableScopes)
	}
}

const notDeclared = "is not a scope of the configuration; list scopes that only the program requires in Metadata.ScopesSupported"

// checkScopeName checks one entry of Issuer.ScopeNames. A name stands for one scope.
func (b *builder) checkScopeName(where string, given *Issuer, scope string) {
	name := given.ScopeNames[scope]
	_, renamed := given.ScopeNames[name]
	switch where := fmt.Sprintf("%s.ScopeNames[%q]", where, scope); {
	case !b.declared[scope]:
		b.mistakes.Addf("%s: %q %s", where, scope, notDeclared)
	case !grammar.IsScopeToken(name):
		b.mistakes.Addf("%s: %q is not a scope (RFC 6749 §3.3); list scopes that the issuer does not have in UnavailableScopes", where, name)
	case name == offlineAccess:
		b.mistakes.Addf(offlineMistake, where)
	case !strings.HasPrefix(name, given.ScopePrefix):
		b.mistakes.Addf("%s: %q does not begin with ScopePrefix %q, as all scopes of the issuer do; write the name as clients request it", where, name, given.ScopePrefix)
	case b.declared[name] && !renamed && !slices.Contains(given.UnavailableScopes, name):
		b.mistakes.Addf("%s: %q is another scope of the configuration, which has the same name; give it another name, or list it in UnavailableScopes", where, name)
	default:
		for _, other := range slices.Sorted(maps.Keys(given.ScopeNames)) {
			if other < scope && given.ScopeNames[other] == name {
				b.mistakes.Addf("%s: %q is the name of %q already; each scope needs a name of its own", where, name, other)
			}
		}
	}
}

// checkReachable rejects an issuer whose tokens can never have the scopes that the
// configuration needs. Roles can grant any scope.
func (b *builder) checkReachable() {
	declared := slices.Collect(maps.Keys(b.declared))
	for _, i := range b.policy.allIssuers() {
		if i.config.ScopePrefix != "" && len(declared) > 0 && !slices.ContainsFunc(declared, i.names.CanGrant) {
			b.mistakes.Addf("ScopePrefix of issuer %q: no scope of the configuration begins with %q; write scopes as clients request them, or set ScopeNames",
				i.id, i.config.ScopePrefix)
			continue
		}
		_, lacking := i.names.Choose(b.policy.scopes, scopeset.Grant{}, b.policy.hierarchy)
		if i.roleClaim == nil && len(lacking) > 0 {
			b.mistakes.Addf("Scopes: no token of issuer %q can have %q, because of its ScopePrefix, ScopeNames or UnavailableScopes; add an alternative that the issuer has",
				i.id, lacking[0])
		}
	}
}

// setLogin finds the issuer whose names are used where no issuer is known: that of the first
// published server, because clients log in there. If that server is not a configured issuer,
// it is the server of the first issuer with tenants, or another address of the first issuer.
func (b *builder) setLogin(servers []string) {
	p := b.policy
	login := b.first
	if len(p.tenanted) > 0 {
		login = p.tenanted[0]
	}
	if len(servers) > 0 && p.issuers[servers[0]] != nil {
		login = p.issuers[servers[0]]
	} else if len(servers) > 0 && p.opaque != nil && p.opaque.id == servers[0] {
		login = p.opaque
	}
	if login != nil {
		p.loginNames = login.names
	}
}

// setHints finds the scopes that a 401 names for a token of each published issuer, if they differ
// from those for the issuer where clients log in.
func (b *builder) setHints(login []string) {
	p := b.policy
	for _, i := range p.allIssuers() {
		if p.issuers[i.id] != i && p.opaque != i || !slices.Contains(p.document.AuthorizationServers, i.id) {
			continue
		}
		hint, lacking := b.config.ScopeOptions.Challenge, []string(nil)
		if hint == nil {
			hint, lacking = i.names.Choose(p.scopes, scopeset.Grant{}, p.hierarchy)
		}
		if hint = i.names.AtIssuer(hint); len(lacking) == 0 && !slices.Equal(hint, login) {
			if p.hints == nil {
				p.hints = map[string][]string{}
			}
			p.hints[i.id] = hint
		}
	}
}

// challengeFor returns the scopes that the challenge of a 403 names, and the entries that no
// token of the caller's issuer can satisfy. A caller whose credential is not an access token
// would log in at the first published issuer, so the scopes are chosen as if it had none.
func (p *policy) challengeFor(c *Caller, needed []string) (names *scopeset.Names, chosen, lacking []string) {
	names, grant := c.names, c.grant
	if p.isOtherCredential(c.Credential(), c.Issuer()) {
		names, grant = p.loginNames, scopeset.Grant{}
	}
	chosen, lacking = names.Choose(needed, grant, p.hierarchy)
	if !p.keepGranted {
		return names, chosen, lacking
	}
	for _, scope := range c.grant.Scopes() {
		if p.declared[scope] && names.CanGrant(scope) { // never a scope that only the token mentions
			chosen = scopeset.Union(chosen, []string{scope})
		}
	}
	return names, chosen, lacking
}
