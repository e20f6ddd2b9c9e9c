package check

import (
	"fmt"
	"maps"
	"slices"

	"github.com/warder-go/warder/internal/scopeset"
	"github.com/warder-go/warder/internal/weburl"
	"github.com/warder-go/warder/resource/config"
)

// An offer is what the tokens of an issuer can grant.
type offer struct {
	issuer string
	known  bool // the issuer publishes its scopes
	scopes []string
}

// ordinary are the scopes of OpenID Connect. Many servers list only these in scopes_supported, and
// none of the scopes that resources have (RFC 8414 §2 permits this).
var ordinary = []string{"openid", "profile", "email", "address", "phone", "offline_access"}

// offer returns what the issuer publishes.
func (i *issuerRun) offer() offer {
	o := offer{issuer: i.name}
	if i.document == nil {
		return o
	}
	listed := i.document.lists[scopesSupported]
	o.known = slices.ContainsFunc(listed, func(s string) bool { return !slices.Contains(ordinary, s) })
	names := scopeset.NewNames(i.settings.ScopePrefix, i.settings.ScopeNames, i.settings.Unavailable)
	o.scopes = names.OfToken(listed)
	if i.settings.ScopePrefix != "" { // clients request some scopes with the prefix
		o.scopes = append(slices.Clone(o.scopes), scopeset.NewNames("", i.settings.ScopeNames, i.settings.Unavailable).OfToken(listed)...)
	}
	for _, scopes := range i.settings.RoleScopes {
		o.scopes = append(slices.Clone(o.scopes), scopes...)
	}
	return o
}

// checkScopes compares the scopes that the configuration requires with those that the issuers
// publish. If one of the issuers does not publish its scopes, or API keys have scopes too, nothing
// can be said.
func (r *run) checkScopes() {
	needed := neededScopes(&r.parts.Settings)
	if len(needed) == 0 {
		return
	}
	unknown := slices.IndexFunc(r.offers, func(o offer) bool { return !o.known })
	switch {
	case unknown >= 0:
		r.add(IDNotChecked, "scopes", "the metadata of "+r.offers[unknown].issuer+" does not list scopes for resources in scopes_supported", "")
		return
	case len(r.offers) == 0 || r.parts.Settings.APIKeysFile != "" || len(r.offers) < len(r.parts.Issuers):
		r.add(IDNotChecked, "scopes", "not all credentials are from issuers that list their scopes", "")
		return
	}
	var offered []string
	for _, o := range r.offers {
		offered = append(offered, o.scopes...)
	}
	grant := scopeset.NewGrant(offered, nil, nil, scopeset.NewHierarchy(r.parts.Settings.ImpliedScopes))
	missing := 0
	for _, n := range needed {
		if !grant.Has(n.entry) {
			missing++
			r.add(IDScopeNotOffered, n.entry, n.key+" requires it, and scopes_supported of "+r.issuerNames()+" does not have it",
				"correct the name in "+n.key+", create the scope at the issuer, or set scope_names if it has another name there")
		}
	}
	if missing == 0 {
		r.add(IDScopes, "scopes", fmt.Sprintf("the issuers list all of %d required scopes", len(needed)), "")
	}
}

func (r *run) issuerNames() string {
	var names []string
	for _, o := range r.offers {
		names = append(names, o.issuer)
	}
	return some(names)
}

// A neededScope is a scope, or alternatives, and the first key of the file that requires it.
type neededScope struct{ entry, key string }

// neededScopes returns the scopes that the configuration requires, in the order of the settings.
func neededScopes(s *config.Settings) (needed []neededScope) {
	known := map[string]bool{}
	add := func(key string, entries []string) {
		for _, entry := range entries {
			if !known[entry] {
				known[entry] = true
				needed = append(needed, neededScope{entry, key})
			}
		}
	}
	add("required_scopes", s.RequiredScopes)
	add("challenge_scopes", s.ChallengeScopes)
	for _, rules := range []struct {
		key string
		of  map[string][]string
	}{{"method_scopes", s.MethodScopes}, {"tool_scopes", s.ToolScopes}, {"prompt_scopes", s.PromptScopes}} {
		for _, name := range slices.Sorted(maps.Keys(rules.of)) {
			add(rules.key+"."+name, rules.of[name])
		}
	}
	for _, rule := range s.ResourceScopes {
		add("resource_scopes", rule.Scopes)
	}
	for _, rule := range s.ArgumentScopes {
		for _, value := range slices.Sorted(maps.Keys(rule.Values)) {
			add("argument_scopes", rule.Values[value])
		}
	}
	return needed
}

// audiencesOf returns the audiences that tokens of an issuer can have.
func audiencesOf(s *config.IssuerSettings, identifiers []string) []string {
	isClient := func(claim string) bool { return claim != "aud" && claim != "resource" }
	if slices.ContainsFunc(s.AudienceClaims, isClient) {
		return s.ExpectedAudiences
	}
	var accepted []string
	for _, identifier := range identifiers {
		accepted = append(accepted, weburl.WithAndWithoutSlash(identifier)...)
	}
	for _, a := range s.ExpectedAudiences {
		if !slices.Contains(accepted, a) {
			accepted = append(accepted, a)
		}
	}
	return accepted
}
