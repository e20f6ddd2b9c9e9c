package config

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// The constructors of packages resource, jwks and introspect name the fields of their Config
// in mistakes. This file translates these to mistakes about keys of the file.

// splitMistakes returns the mistakes in the error of a constructor: it removes the prefix
// and splits joined errors.
func splitMistakes(err error) (all []error) {
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	var split func(error)
	split = func(err error) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, part := range joined.Unwrap() {
				split(part)
			}
		} else if err != nil {
			all = append(all, err)
		}
	}
	split(err)
	return all
}

// A fieldKey is a field, as the mistakes of package resource name it, and the key that
// sets it.
type fieldKey struct{ field, key string }

// resourceKeys are the fields of resource.Config.
var resourceKeys = []fieldKey{
	{"Identifier", "resource_server_url"},
	{"Scopes", "required_scopes"},
	{"ScopeOptions.Challenge", "challenge_scopes"},
	{"Metadata.ScopesSupported", "scopes_supported"},
	{"ScopeOptions.Implies", "implied_scopes"},
	{"HTTP.Origins", "allowed_origins"},
	{"Limits.Leeway", "leeway_seconds"},
	{"ScopeOptions.StepUp", "step_up"},
	{"Operations.Methods", "method_scopes"},
	{"Operations.Tools", "tool_scopes"},
	{"Operations.Prompts", "prompt_scopes"},
	{"Operations.Resources", "resource_scopes"},
	{"Operations.PublicTools", "public_tools"},
	{"Operations.PublicPrompts", "public_prompts"},
	{"Operations.PublicResources", "public_resources"},
	{"Operations.Public", "public_operations"},
	{"Operations.Undeclared", "undeclared_operations"},
	{`Credentials.Headers["X-API-Key"]`, "api_keys_file"},
	{"Credentials.DigestKey", "digest_key_file"},
	{"Metadata: metadata: resource_name", "resource_name"},
	{"Metadata: metadata: resource_documentation", "service_documentation_url"},
}

// issuerKeys are the fields of resource.Issuer.
var issuerKeys = []fieldKey{
	{".Audiences", "expected_audiences"},
	{".LiteralAudiences", "literal_audiences"},
	{".AudienceClaims", "audience_claims"},
	{".ScopeClaim", "scope_claim"},
	{".ScopePrefix", "scope_prefix"},
	{".RoleClaim", "role_claim"},
	{".RoleScopes", "role_scopes"},
	{".SubjectClaim", "subject_claim"},
	{".ClientTokens.Claim", "client_token_claim"},
	{".ClientTokens", "client_token_claim"},
	{".TokenTypes", "token_types"},
	{".Tenants.Allow", "allowed_tenants"},
	{".Tenants.Claim", "tenant_claim"},
	{".Tenants", "allowed_tenants"},
	{".Verifier", "tenant_pattern"},
	{"", ""},
}

// addResourceMistake adds a mistake of resource.New under the key that caused it.
func (b *builder) addResourceMistake(err error) {
	text := err.Error()
	if b.addTranslated("", text, resourceKeys) {
		return
	}
	for n := range b.settings.issuers() {
		if rest, ok := strings.CutPrefix(text, fmt.Sprintf("Issuers[%d]", n)); ok && b.addTranslated(issuerPath(n), rest, issuerKeys) {
			return
		}
	}
	if rest, ok := strings.CutPrefix(text, "Opaque"); ok && b.addTranslated(b.opaquePath, rest, issuerKeys) {
		return
	}
	if field, rest, ok := strings.Cut(text, " of issuer "); ok {
		for n, s := range b.settings.issuers() {
			issuer := fmt.Sprintf("%q", cmp.Or(s.TenantPattern, s.IssuerURL))
			if rest, ok := strings.CutPrefix(rest, issuer); ok && b.addTranslated(issuerPath(n), "."+field+rest, issuerKeys) {
				return
			}
		}
	}
	b.mistakes.add(b.position(""), "%s", text)
}

// addCheckMistakes adds the error of Config.Check. If it lists mistakes, as that of mcpsdk.Check
// does, each one is added under the key that caused it.
func (b *builder) addCheckMistakes(err error) {
	list := []error{err}
	prefix := ""
	if inner := errors.Unwrap(err); inner != nil {
		if joined, ok := inner.(interface{ Unwrap() []error }); ok {
			list, prefix = joined.Unwrap(), strings.TrimSuffix(err.Error(), inner.Error())
		}
	}
	for _, one := range list {
		if !b.addTranslated("", one.Error(), resourceKeys) {
			b.mistakes.add(b.position(""), "%s%s", prefix, one)
		}
	}
}

// addTranslated adds a mistake whose text begins with one of the fields, optionally
// followed by an index. It reports whether it has done so.
func (b *builder) addTranslated(path, text string, keys []fieldKey) bool {
	for _, k := range keys {
		rest, ok := strings.CutPrefix(text, k.field)
		if !ok || !strings.HasPrefix(rest, ":") && !strings.HasPrefix(rest, "[") {
			continue
		}
		index := ""
		if end := strings.LastIndex(rest, "]: "); rest[0] == '[' && end > 0 {
			index, rest = rest[:end+1], rest[end+1:]
		}
		key := strings.TrimSuffix(join(path, k.key), ".") + index
		b.mistakes.add(b.position(key), "%s%s", pathOrBlock(key), rest)
		return true
	}
	return false
}

// addVerifierMistakes adds the mistakes of jwks.New or introspect.New under the keys that
// caused them. endpointKey is the key of the only URL other than the issuer's.
func (i *issuerBuilder) addVerifierMistakes(err error, endpointKey string) {
	for _, mistake := range splitMistakes(err) {
		key, text := "issuer_url", strings.TrimPrefix(mistake.Error(), "metadata: ")
		field, rest, _ := strings.Cut(text, ": ")
		index, isHost := strings.CutPrefix(field, "AllowHosts")
		switch {
		case field == "Algorithms":
			key, text = "algorithms", rest
		case isHost:
			key, text = "allow_private_hosts"+index, rest
		case strings.HasPrefix(text, "URL "):
			key = endpointKey
		case i.issuer.TenantPattern != "":
			key = "tenant_pattern"
		}
		i.addMistake(key, "%s", text)
	}
}

// issuerPath returns the path of the settings of the nth issuer.
func issuerPath(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("additional_issuers[%d]", n-1)
}
