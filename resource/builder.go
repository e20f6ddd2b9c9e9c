package resource

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/claimpath"
	"github.com/warder-go/warder/internal/claimset"
	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/scopeset"
	"github.com/warder-go/warder/internal/tokencache"
	"github.com/warder-go/warder/metadata"
)

// builder compiles a Config into a policy and collects every mistake on the way.
type builder struct {
	config   Config
	policy   *policy
	mistakes configerr.List
}

// newPolicy checks and compiles a configuration. The policy must be attached to a
// Resource before it is used.
func newPolicy(c Config) (*policy, error) {
	b := builder{config: c, policy: &policy{
		issuers: map[string]*issuer{}, tokens: new(jose.Reader), logger: c.Logger,
		revoked: c.Hooks.Revoked, keepHeader: c.HTTP.KeepAuthorization,
	}}
	b.mistakes.AddAt("Identifier", metadata.CheckIdentifier(c.Identifier, c.HTTP.AllowHTTP))
	b.setOrigins()
	servers := b.setIssuers()
	b.setPrefixed()
	b.setHeaders()
	b.setDigestKey()
	b.setObservers()
	b.setScopes()
	b.setRules()
	b.checkScopePrefixes()
	b.setLimits()
	b.setDocument(servers)
	if err := b.mistakes.Err("resource: configuration"); err != nil {
		return nil, err
	}
	b.setAnswers()
	if err := b.mistakes.Err("resource: configuration"); err != nil {
		return nil, err
	}
	return b.policy, nil
}

// setIssuers compiles the issuers and returns the identifiers of the authorization servers
// to publish, in order.
func (b *builder) setIssuers() (servers []string) {
	c, p := &b.config, b.policy
	if len(c.Issuers) == 0 && c.Opaque == nil && c.Hooks.ResolveIssuer == nil && len(c.Credentials.TokenHeaders) == 0 {
		b.mistakes.Addf("Issuers: none; name at least one authorization server, or Opaque")
	}
	for n, given := range c.Issuers {
		i := b.issuer(fmt.Sprintf("Issuers[%d]", n), given)
		switch {
		case i == nil:
			continue
		case i.tenants != nil:
			b.addTenanted(n, i)
			continue
		case p.issuers[i.id] != nil:
			b.mistakes.Addf("Issuers[%d]: duplicate issuer %q; a token must have one verifier", n, i.id)
		}
		p.issuers[i.id] = i
		servers = append(servers, i.id)
	}
	if c.Opaque != nil {
		if p.opaque = b.issuerWithoutTenants("Opaque", *c.Opaque); p.opaque != nil {
			servers = scopeset.Union(servers, []string{p.opaque.id})
		}
	}
	b.setResolver()
	servers = scopeset.Union(servers, c.Metadata.AuthorizationServers)
	if len(servers) == 0 && b.mistakes.Len() == 0 {
		b.mistakes.Addf("Metadata.AuthorizationServers: none; name where clients of tenants, of ResolveIssuer's issuers and of TokenHeaders log in")
	}
	return servers
}

func (b *builder) setScopes() {
	c := &b.config
	b.checkScopes("Scopes", c.Scopes)
	b.checkScopes("ScopeOptions.Challenge", c.ScopeOptions.Challenge)
	b.checkScopes("Metadata.ScopesSupported", c.Metadata.ScopesSupported)
	for _, broad := range slices.Sorted(maps.Keys(c.ScopeOptions.Implies)) {
		b.checkScopes("ScopeOptions.Implies", []string{broad})
		b.checkScopes(fmt.Sprintf("ScopeOptions.Implies[%q]", broad), c.ScopeOptions.Implies[broad])
	}
	stepUp := c.ScopeOptions.StepUp
	if stepUp != StepUpOperation && stepUp != StepUpKeepGranted {
		b.mistakes.Addf("ScopeOptions.StepUp: %d is neither StepUpOperation nor StepUpKeepGranted", stepUp)
	}
	b.policy.scopes = slices.Clone(c.Scopes)
	b.policy.hierarchy = scopeset.NewHierarchy(c.ScopeOptions.Implies)
	b.policy.keepGranted = stepUp == StepUpKeepGranted
	b.policy.declared = declaredScopes(c)
}

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
	declared := map[string]bool{}
	for _, scope := range slices.Concat(lists...) {
		declared[scope] = true
	}
	return declared
}

// checkScopePrefixes rejects a prefix with which no scope of a token could be one that the
// configuration mentions.
func (b *builder) checkScopePrefixes() {
	scopes := slices.Collect(maps.Keys(b.policy.declared))
	for _, i := range b.policy.allIssuers() {
		hasPrefix := func(scope string) bool { return strings.HasPrefix(scope, i.scopePrefix) }
		if len(scopes) > 0 && !slices.ContainsFunc(scopes, hasPrefix) {
			b.mistakes.Addf("ScopePrefix of issuer %q: no scope of the configuration begins with %q; write scopes as clients request them", i.id, i.scopePrefix)
		}
	}
}

func (b *builder) checkScopes(where string, scopes []string) {
	for n, scope := range scopes {
		switch {
		case !grammar.IsScopeToken(scope):
			b.mistakes.Addf("%s: %q is not a scope: use printable ASCII without space, quote and backslash (RFC 6749 §3.3)", where, scope)
		case scope == "offline_access":
			b.mistakes.Addf("%s: offline_access is between client and authorization server; remove it (MCP authorization)", where)
		case slices.Contains(scopes[:n], scope):
			b.mistakes.Addf("%s: duplicate scope %q", where, scope)
		}
	}
}

// claimPath parses the name of a claim that determines what a caller may do.
func (b *builder) claimPath(where, text string) claimpath.Path {
	if claimset.IsIdentity(text) {
		b.mistakes.Addf("%s: %q identifies the caller; it cannot determine what the caller may do", where, text)
		return nil
	}
	return b.parsePath(where, text)
}

// parsePath parses the name of a claim.
func (b *builder) parsePath(where, text string) claimpath.Path {
	p, err := claimpath.Parse(text)
	if err != nil {
		b.mistakes.Addf("%s: %q %w", where, text, err)
	}
	return p
}

func (b *builder) setLimits() {
	l, p := &b.config.Limits, b.policy
	if p.leeway = max(cmp.Or(l.Leeway, defaultLeeway), 0); p.leeway > MaxLeeway {
		b.mistakes.Addf("Limits.Leeway: %s is over %s; correct the clocks instead", l.Leeway, MaxLeeway)
	}
	if p.lifetime = l.MaxLifetime; p.lifetime < 0 {
		b.mistakes.Addf("Limits.MaxLifetime: %s is negative; use 0 for no limit", l.MaxLifetime)
	}
	if p.maxToken = cmp.Or(l.MaxTokenBytes, defaultMaxTokenBytes); p.maxToken < 0 || p.maxToken > maxTokenBytesLimit {
		b.mistakes.Addf("Limits.MaxTokenBytes: %d is not between 1 and %d", l.MaxTokenBytes, maxTokenBytesLimit)
	}
	if p.maxBody = cmp.Or(l.MaxBodyBytes, defaultMaxBodyBytes); p.maxBody < 0 {
		b.mistakes.Addf("Limits.MaxBodyBytes: %d is negative", l.MaxBodyBytes)
	}
	p.logLimit = newLogLimit(cmp.Or(l.LogPerSecond, defaultLogPerSecond))
	entries, bytes := cmp.Or(l.CacheEntries, defaultCacheEntries), cmp.Or(l.CacheBytes, defaultCacheBytes)
	if entries < 0 || bytes < 0 {
		b.mistakes.Addf("Limits.CacheEntries, CacheBytes: negative; to cache nothing, set CacheTTL to a negative value")
		return
	}
	if ttl := cmp.Or(l.CacheTTL, defaultCacheTTL); ttl > 0 {
		p.cache = tokencache.New(tokencache.Limits{TTL: ttl, Entries: entries, Bytes: bytes}, (*Caller).size, (*Caller).valid)
	}
}

// placeholderURL replaces a URL whose mistakes have been reported already.
const placeholderURL = "https://missing.invalid"

// setDocument completes the metadata document.
func (b *builder) setDocument(servers []string) {
	c := &b.config
	d := c.Metadata
	if d.Resource != "" || d.BearerMethodsSupported != nil {
		b.mistakes.Addf("Metadata: Resource and BearerMethodsSupported come from the rest of the configuration; leave them empty")
		return
	}
	d.Resource, d.AuthorizationServers, d.AllowHTTP = c.Identifier, servers, c.HTTP.AllowHTTP
	d.BearerMethodsSupported = []string{"header"}
	if d.ScopesSupported == nil {
		d.ScopesSupported = b.policy.scopes
	}
	if b.mistakes.Len() > 0 { // report only the mistakes of the other members
		d.Resource, d.AuthorizationServers, d.ScopesSupported = placeholderURL, []string{placeholderURL}, nil
	}
	b.policy.document = d.Clone() // the program may change its own
	b.mistakes.AddAt("Metadata", b.policy.document.Validate())
}

// setAnswers prepares the answers to rejected requests.
func (b *builder) setAnswers() {
	url, err := metadata.WellKnownURL(b.config.Identifier)
	if err != nil {
		b.mistakes.Addf("Identifier: %w", err)
		return
	}
	hint := b.config.ScopeOptions.Challenge
	if hint == nil {
		hint = b.policy.scopes
	}
	b.policy.answers = newAnswers(url, hint, b.policy.scopes)
}
