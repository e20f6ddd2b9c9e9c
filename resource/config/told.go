package config

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

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
