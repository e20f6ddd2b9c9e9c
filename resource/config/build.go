package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// A building is a resource that is made of a reading.
type building struct {
	*reading
	of       Config
	pool     pool // verifiers that may be used again
	next     pool // those that are used
	fresh    []resource.Verifier
	opaque   string // the path of the issuer that opaque tokens go to
	resource *resource.Resource
}

// build makes a resource. The sum is of all that was read for it, also if it fails. A
// function of the program that panics takes no server down that has a configuration.
func (l *Live) build(ctx context.Context) (b *building, sum string, err error) {
	defer func() {
		if p := recover(); p != nil {
			b, sum = nil, "panic" // a sum that no reading has
			err = fmt.Errorf("config: a function that was called for the configuration panicked with a %T", p)
		}
	}()
	b = &building{reading: l.config.read(), of: *l.config, pool: l.pool, next: pool{}}
	off := b.settings.Enabled != nil && !*b.settings.Enabled
	if b.found && !off {
		b.m.read = len(b.m.all)
		b.make(ctx)
	}
	if err = b.err(); err == nil && off {
		err = ErrDisabled
	}
	return b, string(b.files.sum.Sum(nil)), err
}

func (b *building) make(ctx context.Context) {
	s := &b.settings
	c := resource.Config{
		Identifier:      b.need("resource_server_url", s.ResourceServerURL),
		Scopes:          s.RequiredScopes,
		ChallengeScopes: s.ChallengeScopes,
		ScopesSupported: s.ScopesSupported,
		Implies:         s.ImpliedScopes,
		Origins:         s.AllowedOrigins,
		Metadata:        metadata.Document{ResourceName: s.ResourceName, ResourceDocumentation: s.ServiceDocsURL},
		Leeway:          seconds(s.LeewaySeconds),
		MemoryTTL:       seconds(s.TokenCacheTTL),
		Logger:          b.of.Logger,
		Operations: resource.Operations{Methods: s.MethodScopes, Tools: s.ToolScopes, Prompts: s.PromptScopes,
			Public: s.PublicOperations},
	}
	for _, rule := range s.ResourceScopes {
		c.Operations.Resources = append(c.Operations.Resources,
			resource.ResourceRule{URI: rule.URI, Prefix: rule.Prefix, Template: rule.Template, Scopes: rule.Scopes})
	}
	if s.Undeclared == "deny" {
		c.Operations.Undeclared = resource.DenyUndeclared
	}
	if s.StepUp == "keep_granted" {
		c.StepUp = resource.StepUpKeepGranted
	}
	b.issuers(&c)
	b.apiKeys(ctx, &c)
	if b.of.Complete != nil {
		b.of.Complete(&c)
	}
	b.finish(c)
}

// seconds: what is not said is the default of resource, and 0 is none.
func seconds(n *int) time.Duration {
	switch {
	case n == nil:
		return 0
	case *n == 0:
		return -1
	}
	return time.Duration(*n) * time.Second
}

// need returns a required URL. In the place of one that is missing it returns another,
// with which to look for more mistakes.
func (b *building) need(path, url string) string {
	if url != "" {
		return url
	}
	if _, said := b.places[path]; !said { // else it was told why there is none
		b.m.add(b.at(path), "%s: is missing", path)
	}
	return "https://missing.invalid/"
}

// at is where a key stands, or the nearest one round it.
func (b *building) at(path string) place {
	for {
		if p, ok := b.places[path]; ok || path == "" {
			return p
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}

// finish makes the resource, if nothing was wrong so far, else it only looks for more
// mistakes: stand-ins have taken the place of verifiers that could not be made.
func (b *building) finish(c resource.Config) {
	res, err := resource.New(c)
	for _, mistake := range parts(err) {
		b.told(mistake)
	}
	if len(b.m.all) > 0 {
		return
	}
	if b.of.Check != nil {
		if err := b.of.Check(res); err != nil {
			b.m.add(b.at(""), "%s", err)
			return
		}
	}
	b.resource = res
}

// parts takes what a function New returned apart: the package's name round errors that
// are joined.
func parts(err error) (all []error) {
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	var flatten func(error)
	flatten = func(err error) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, part := range joined.Unwrap() {
				flatten(part)
			}
		} else if err != nil {
			all = append(all, err)
		}
	}
	flatten(err)
	return all
}

// fieldKeys are the keys that fields of resource.Config, as its mistakes name them, are
// made of.
var fieldKeys = []struct{ field, key string }{
	{"Identifier", "resource_server_url"},
	{"Scopes", "required_scopes"},
	{"ChallengeScopes", "challenge_scopes"},
	{"ScopesSupported", "scopes_supported"},
	{"Implies", "implied_scopes"},
	{"Origins", "allowed_origins"},
	{"Leeway", "leeway_seconds"},
	{"StepUp", "step_up"},
	{"Operations.Methods", "method_scopes"},
	{"Operations.Tools", "tool_scopes"},
	{"Operations.Prompts", "prompt_scopes"},
	{"Operations.Resources", "resource_scopes"},
	{"Operations.Public", "public_operations"},
	{"Operations.Undeclared", "undeclared_operations"},
	{`Headers["X-API-Key"]`, "api_keys_file"},
	{"Metadata: metadata: resource_name", "resource_name"},
	{"Metadata: metadata: resource_documentation", "service_documentation_url"},
}

// issuerKeys do the same for the fields of a resource.Issuer.
var issuerKeys = []struct{ field, key string }{
	{".Audiences", "expected_audiences"},
	{".AudienceClaims", "audience_claims"},
	{".ScopeClaim", "scope_claim"},
	{".ScopePrefix", "scope_prefix"},
	{".RoleClaim", "role_claim"},
	{".RoleScopes", "role_scopes"},
	{".Tenants.Allow", "allowed_tenants"},
	{".Tenants.Claim", "tenant_claim"},
	{".Tenants", "allowed_tenants"},
	{".Verifier", "tenant_pattern"},
	{"", ""},
}

// told notes a mistake that resource.New told, under the key that it comes from.
func (b *building) told(err error) {
	text := err.Error()
	if b.toldUnder("", text, fieldKeys) {
		return
	}
	for n := range b.settings.issuers() {
		if rest, ok := strings.CutPrefix(text, fmt.Sprintf("Issuers[%d]", n)); ok && b.toldUnder(issuerPath(n), rest, issuerKeys) {
			return
		}
	}
	if rest, ok := strings.CutPrefix(text, "Opaque"); ok && b.toldUnder(b.opaque, rest, issuerKeys) {
		return
	}
	if field, rest, ok := strings.Cut(text, " of issuer "); ok {
		for n, s := range b.settings.issuers() {
			named := fmt.Sprintf("%q", cmp.Or(s.TenantPattern, s.IssuerURL))
			if rest, ok := strings.CutPrefix(rest, named); ok && b.toldUnder(issuerPath(n), "."+field+rest, issuerKeys) {
				return
			}
		}
	}
	b.m.add(b.at(""), "%s", text)
}

// toldUnder notes a mistake that begins with one of the fields, perhaps with an index.
func (b *building) toldUnder(path, text string, known []struct{ field, key string }) bool {
	for _, k := range known {
		rest, ok := strings.CutPrefix(text, k.field)
		if !ok || !strings.HasPrefix(rest, ":") && !strings.HasPrefix(rest, "[") {
			continue
		}
		index := ""
		if end := strings.LastIndex(rest, "]: "); rest[0] == '[' && end > 0 {
			index, rest = rest[:end+1], rest[end+1:]
		}
		at := strings.TrimSuffix(join(path, k.key), ".") + index
		b.m.add(b.at(at), "%s%s", orBlock(at), rest)
		return true
	}
	return false
}

func issuerPath(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("additional_issuers[%d]", n-1)
}
