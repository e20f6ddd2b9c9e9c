package resource

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/metadata"
)

// builder turns a Config into a Resource and collects every mistake on the way.
type builder struct {
	config   Config
	mistakes []error
}

func (b *builder) mistake(format string, args ...any) {
	b.mistakes = append(b.mistakes, fmt.Errorf(format, args...))
}

func (b *builder) build() *Resource {
	c := &b.config
	r := &Resource{issuers: map[string]*issuer{}, revoked: c.Revoked, keep: c.KeepAuthorization, logger: c.Logger, tokens: new(jose.Reader)}
	if err := metadata.CheckIdentifier(c.Identifier, c.AllowHTTP); err != nil {
		b.mistake("Identifier: %w", err)
	}
	b.allowOrigins(r)
	servers := b.issuers(r)
	b.credentials(r)
	b.observers(r)
	b.scopes(r)
	r.rules = b.operations()
	r.declared = b.declaredScopes()
	b.checkPrefixes(r)
	b.limits(r)
	b.describe(r, servers)
	if len(b.mistakes) > 0 {
		return nil
	}
	b.answers(r)
	r.metrics = newMetrics(c.Identifier)
	r.challenged = r.metrics.challengesOf(r.rules)
	r.identity = newIdentity(*c)
	return r
}

// issuers fills in r.issuers and r.opaque and returns their identifiers in order.
func (b *builder) issuers(r *Resource) (servers []string) {
	if len(b.config.Issuers) == 0 && b.config.Opaque == nil && b.config.ResolveIssuer == nil {
		b.mistake("Issuers: none; name at least one authorization server, or Opaque")
	}
	for n, given := range b.config.Issuers {
		i := b.issuer(fmt.Sprintf("Issuers[%d]", n), given)
		switch {
		case i == nil:
			continue
		case i.tenants != nil:
			b.tenanted(r, n, i)
			continue
		case r.issuers[i.id] != nil:
			b.mistake("Issuers[%d]: issuer %q stands twice; a token must have one verifier", n, i.id)
		}
		r.issuers[i.id] = i
		servers = append(servers, i.id)
	}
	if b.config.Opaque != nil {
		if r.opaque = b.single("Opaque", *b.config.Opaque); r.opaque != nil {
			servers = union(servers, []string{r.opaque.id})
		}
	}
	b.resolver(r)
	servers = union(servers, b.config.AuthorizationServers)
	if len(servers) == 0 && len(b.mistakes) == 0 {
		b.mistake("AuthorizationServers: none; name where clients of tenants and of ResolveIssuer's issuers log in")
	}
	return servers
}

// identifierAudiences is the identifier and, if it has no path, its other spelling
// (RFC 3986 §6.2.3): one client adds the slash. No other spelling is forgiven.
func identifierAudiences(identifier string) []string {
	u, err := url.Parse(identifier)
	if err != nil || u.Path != "" && u.Path != "/" {
		return []string{identifier}
	}
	bare := strings.TrimSuffix(identifier, "/")
	return []string{bare, bare + "/"}
}

func (b *builder) scopes(r *Resource) {
	c := &b.config
	b.checkScopes("Scopes", c.Scopes)
	b.checkScopes("ChallengeScopes", c.ChallengeScopes)
	b.checkScopes("ScopesSupported", c.ScopesSupported)
	for _, broad := range slices.Sorted(maps.Keys(c.Implies)) {
		b.checkScopes("Implies", []string{broad})
		b.checkScopes(fmt.Sprintf("Implies[%q]", broad), c.Implies[broad])
	}
	r.scopes = slices.Clone(c.Scopes)
	r.hierarchy = newHierarchy(c.Implies)
}

// declaredScopes collects every scope that the configuration mentions.
func (b *builder) declaredScopes() map[string]bool {
	c := &b.config
	declared := map[string]bool{}
	add := func(scopes []string) {
		for _, scope := range scopes {
			declared[scope] = true
		}
	}
	add(c.Scopes)
	add(c.ChallengeScopes)
	add(c.ScopesSupported)
	for _, rules := range []map[string][]string{c.Implies, c.Operations.Methods, c.Operations.Tools, c.Operations.Prompts} {
		for _, scopes := range rules {
			add(scopes)
		}
	}
	add(slices.Collect(maps.Keys(c.Implies)))
	for _, rule := range c.Operations.Resources {
		add(rule.Scopes)
	}
	return declared
}

// checkPrefixes refuses a prefix that makes each token's scopes unlike all that are
// asked for.
func (b *builder) checkPrefixes(r *Resource) {
	for _, i := range r.all() {
		begins := func(scope string) bool { return strings.HasPrefix(scope, i.scopePrefix) }
		if len(r.declared) > 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(r.declared)), begins) {
			b.mistake("ScopePrefix of issuer %q: no scope of the configuration begins with %q; write scopes as clients ask for them", i.id, i.scopePrefix)
		}
	}
}

func (b *builder) checkScopes(where string, scopes []string) {
	for n, scope := range scopes {
		switch {
		case !isScope(scope):
			b.mistake("%s: %q is no scope: use printable ASCII without space, quote and backslash (RFC 6749 §3.3)", where, scope)
		case scope == "offline_access":
			b.mistake("%s: offline_access is between client and authorization server; remove it (MCP authorization)", where)
		case slices.Contains(scopes[:n], scope):
			b.mistake("%s: %q stands twice", where, scope)
		}
	}
}

func (b *builder) limits(r *Resource) {
	c := &b.config
	r.leeway = max(orDefault(c.Leeway, DefaultLeeway), 0)
	if c.Leeway > MaxLeeway {
		b.mistake("Leeway: %s is over %s; mend the clocks instead", c.Leeway, MaxLeeway)
	}
	r.lifetime = c.MaxLifetime
	if c.MaxLifetime < 0 {
		b.mistake("MaxLifetime: %s is negative; use 0 for no limit", c.MaxLifetime)
	}
	r.maxToken = orDefault(c.MaxTokenBytes, DefaultMaxTokenBytes)
	if r.maxToken < 0 || r.maxToken > MaxMaxTokenBytes {
		b.mistake("MaxTokenBytes: %d is not between 1 and %d", c.MaxTokenBytes, MaxMaxTokenBytes)
	}
	r.maxBody = orDefault(c.MaxBodyBytes, DefaultMaxBodyBytes)
	if r.maxBody < 0 {
		b.mistake("MaxBodyBytes: %d is negative", c.MaxBodyBytes)
	}
	if r.keepGranted = c.StepUp == StepUpKeepGranted; !r.keepGranted && c.StepUp != StepUpOperation {
		b.mistake("StepUp: %d is neither StepUpOperation nor StepUpKeepGranted", c.StepUp)
	}
	r.floods = newFloods(orDefault(c.LogPerSecond, DefaultLogPerSecond))
	entries, bytes := orDefault(c.MemoryEntries, DefaultMemoryEntries), orDefault(c.MemoryBytes, DefaultMemoryBytes)
	if entries < 0 || bytes < 0 {
		b.mistake("MemoryEntries, MemoryBytes: negative; to turn memory off, set MemoryTTL to a negative value")
		return
	}
	if ttl := orDefault(c.MemoryTTL, DefaultMemoryTTL); ttl > 0 {
		r.memory = newMemory(ttl, entries, bytes)
	}
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// describe completes the metadata document.
func (b *builder) describe(r *Resource, servers []string) {
	c := &b.config
	d := c.Metadata
	if d.Resource != "" || d.AuthorizationServers != nil || d.ScopesSupported != nil || d.BearerMethodsSupported != nil {
		b.mistake("Metadata: Resource, AuthorizationServers, ScopesSupported and BearerMethodsSupported come from the rest of the configuration; leave them empty")
		return
	}
	d.Resource, d.AuthorizationServers, d.AllowHTTP = c.Identifier, servers, c.AllowHTTP
	d.BearerMethodsSupported = []string{"header"}
	if d.ScopesSupported = c.ScopesSupported; d.ScopesSupported == nil {
		d.ScopesSupported = r.scopes
	}
	if len(b.mistakes) > 0 { // the other members have mistakes of their own; these were told
		d.Resource, d.AuthorizationServers, d.ScopesSupported = "https://missing.invalid", []string{"https://missing.invalid"}, nil
	}
	r.document = d.Clone() // the program may change what it gave
	if err := r.document.Validate(); err != nil {
		b.mistake("Metadata: %w", err)
	}
}

// answers makes the answers ready.
func (b *builder) answers(r *Resource) {
	url, err := metadata.WellKnownURL(b.config.Identifier)
	if err != nil {
		b.mistake("Identifier: %w", err)
		return
	}
	hint := b.config.ChallengeScopes
	if hint == nil {
		hint = r.scopes
	}
	r.answers = newAnswers(url, hint, r.scopes)
}
