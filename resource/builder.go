package resource

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/warder-go/warder/internal/claimpath"
	"github.com/warder-go/warder/internal/claimset"
	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/scopeset"
	"github.com/warder-go/warder/internal/tokencache"
	"github.com/warder-go/warder/metadata"
)

// builder compiles a Config into a policy and collects every mistake on the way.
type builder struct {
	config   Config
	declared map[string]bool // every scope that the configuration mentions
	policy   *policy
	first    *issuer // the first of Issuers, otherwise Opaque
	mistakes configerr.List
}

// newPolicy checks and compiles a configuration. The policy must be attached to a
// Resource before it is used.
func newPolicy(c Config) (*policy, error) {
	b := builder{config: c, declared: declaredScopes(&c), policy: &policy{
		issuers: map[string]*issuer{}, tokens: new(jose.Reader), logger: c.Logger,
		keepHeader: c.HTTP.KeepAuthorization, holdTokens: c.Credentials.HoldTokens, handlerChallenges: c.HTTP.HandlerChallenges,
	}}
	b.setEndpoints()
	b.setOrigins()
	if h := c.HTTP.HandlerChallenges; h != PassHandlerChallenges && h != ReplaceHandlerChallenges {
		b.mistakes.Addf("HTTP.HandlerChallenges: %d is neither PassHandlerChallenges nor ReplaceHandlerChallenges", h)
	}
	servers := b.setIssuers()
	b.setPrefixed()
	b.setHeaders()
	b.setDPoP()
	b.setCertificates()
	b.checkBindings()
	b.setOffers()
	b.checkUnusedBindings()
	b.keepZipNone()
	b.checkNames()
	b.policy.conditions = b.conditions("Credentials.Conditions", b.config.Credentials.Conditions)
	b.policy.authentication = b.authentication("Credentials.Authentication", b.config.Credentials.Authentication)
	b.setDigestKey()
	b.setRevocations()
	b.setObservers()
	b.setScopes()
	b.setRules()
	b.checkReachable()
	b.setLogin(servers)
	b.setLimits()
	b.setServerMetadata(servers)
	b.setDocument(servers)
	if err := b.mistakes.Err("resource: configuration"); err != nil {
		return nil, err
	}
	b.setAnswers()
	return b.policy, nil
}

// setIssuers compiles the issuers and returns the authorization servers to publish, in order.
func (b *builder) setIssuers() (servers []string) {
	c, p := &b.config, b.policy
	if len(c.Issuers) == 0 && c.Opaque == nil && c.Hooks.ResolveIssuer == nil && len(c.Credentials.TokenHeaders)+len(c.Credentials.Prefixed) == 0 {
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
		b.first = cmp.Or(b.first, i)
		servers = append(servers, i.id)
	}
	if c.Opaque != nil {
		if p.opaque = b.issuerWithoutTenants("Opaque", *c.Opaque); p.opaque != nil {
			b.first = cmp.Or(b.first, p.opaque)
			servers = scopeset.Union(servers, []string{p.opaque.id})
		}
	}
	b.setResolver()
	return b.publishedServers(servers)
}

// publishedServers returns the authorization servers to publish: those that the configuration
// lists, otherwise the issuers, each of which must then be an address.
func (b *builder) publishedServers(issuers []string) []string {
	const where = "Metadata.AuthorizationServers"
	listed, allowHTTP := b.config.Metadata.AuthorizationServers, b.config.HTTP.AllowHTTP
	for n, server := range listed {
		b.mistakes.AddAt(fmt.Sprintf("%s[%d]", where, n), metadata.CheckIssuer(server, allowHTTP))
		if slices.Contains(listed[:n], server) {
			b.mistakes.Addf("%s[%d]: duplicate server %q", where, n, server)
		}
	}
	switch {
	case len(listed) > 0:
		return listed
	case listed != nil:
		b.mistakes.Addf("%s: empty; name at least one server where clients log in (MCP authorization)", where)
	case len(issuers) == 0 && b.mistakes.Len() == 0:
		b.mistakes.Addf("%s: none; name where clients of tenants, of ResolveIssuer's issuers, of TokenHeaders and of Prefixed log in", where)
	}
	for _, issuer := range issuers {
		if err := metadata.CheckIssuer(issuer, allowHTTP); listed == nil && err != nil {
			b.mistakes.Addf("%s: not set, and the name of an issuer cannot be published; name the servers where clients log in: %w", where, err)
		}
	}
	return issuers
}

// keepZipNone makes the reader accept the header zip "NONE" if an issuer can allow it.
// checkZip then rejects it for the other issuers.
func (b *builder) keepZipNone() {
	allows := func(i *issuer) bool { return i.config.AllowZipNone }
	b.policy.tokens.KeepZipNone = b.policy.resolver != nil || slices.ContainsFunc(b.policy.allIssuers(), allows)
}

func (b *builder) setScopes() {
	c := &b.config
	b.checkNeeds("Scopes", c.Scopes)
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
	b.policy.declared = b.declared
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

// setServerMetadata checks that the served metadata is that of a server where clients log in.
func (b *builder) setServerMetadata(servers []string) {
	h := b.config.HTTP.ServerMetadata
	if h != nil && !slices.Contains(servers, h.Issuer()) && len(servers) > 0 {
		b.mistakes.Addf("HTTP.ServerMetadata: issuer %q is not a published authorization server: use one of %q", h.Issuer(), servers)
	}
	b.policy.serverMetadata = h
}

// placeholderURL replaces a URL whose mistakes have been reported already.
const placeholderURL = "https://missing.invalid"

// setDocument completes the metadata document.
func (b *builder) setDocument(servers []string) {
	c := &b.config
	d := c.Metadata
	ofBindings := d.DPoPSigningAlgValuesSupported != nil || d.DPoPBoundAccessTokensRequired || d.TLSClientCertificateBoundAccessTokens
	if d.Resource != "" || d.BearerMethodsSupported != nil || d.Paths != nil || ofBindings {
		b.mistakes.Addf("Metadata: Resource, BearerMethodsSupported, Paths and the members about DPoP and client certificates come from the rest of the configuration; leave them empty")
		return
	}
	d.Resource, d.AuthorizationServers, d.AllowHTTP = c.Identifier, servers, c.HTTP.AllowHTTP
	d.BearerMethodsSupported, d.Paths = []string{"header"}, b.policy.endpoints.first().location.Paths
	b.publishBindings(&d)
	if d.ScopesSupported == nil {
		d.ScopesSupported = scopeset.Named(b.policy.scopes)
	}
	d.ScopesSupported = b.policy.loginNames.AtIssuer(d.ScopesSupported)
	if b.mistakes.Len() > 0 { // report only the mistakes of the other members
		d.Resource, d.AuthorizationServers, d.ScopesSupported, d.Paths = placeholderURL, []string{placeholderURL}, nil, nil
	}
	b.policy.document = d.Clone() // the program may change its own
	b.mistakes.AddAt("Metadata", b.policy.document.Validate())
}

// setAnswers prepares the answers to rejected requests.
func (b *builder) setAnswers() {
	names, hint := b.policy.loginNames, b.config.ScopeOptions.Challenge
	if hint == nil {
		hint, _ = names.Choose(b.policy.scopes, scopeset.Grant{}, b.policy.hierarchy)
	}
	hint = names.AtIssuer(hint)
	b.setHints(hint)
	for n := range b.policy.endpoints.all {
		e := &b.policy.endpoints.all[n]
		e.answers = answers{metadataURL: e.location.URL, hint: hint, schemes: b.policy.schemes()}
		if n == 0 {
			e.answers.prepareAll()
		}
	}
}
