package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
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
// sets it. If the key is absent, the mistake is in the line of the first of the others that is
// present.
type fieldKey struct {
	field, key string
	others     []string
	either     []string // keys that set the field too: the mistake is about the first that is present
}

// resourceKeys are the fields of resource.Config.
var resourceKeys = []fieldKey{
	{field: "Identifier", key: "resource_server_url"},
	{field: "Identifiers", key: "additional_resource_server_urls"},
	{field: "Scopes", key: "required_scopes"},
	{field: "ScopeOptions.Challenge", key: "challenge_scopes"},
	{field: "Metadata.ScopesSupported", key: "scopes_supported"},
	{field: "Metadata.AuthorizationServers", key: "authorization_servers", others: []string{"tenant_pattern", "issuer_url"}},
	{field: "ScopeOptions.Implies", key: "implied_scopes"},
	{field: "HTTP.Origins", key: "allowed_origins"},
	{field: "HTTP.BasePath", key: "base_path"},
	{field: "HTTP.MetadataURL", key: "resource_metadata_url"},
	{field: "HTTP.MetadataPaths", key: "resource_metadata_paths"},
	{field: "HTTP.ServerMetadata", key: "serve_issuer_metadata"},
	{field: "HTTP.HandlerChallenges", key: "handler_challenges"},
	{field: "Limits.Leeway", key: "leeway_seconds"},
	{field: "ScopeOptions.StepUp", key: "step_up"},
	{field: "Operations.Methods", key: "method_scopes"},
	{field: "Operations.Tools", key: "tool_scopes"},
	{field: "Operations.Prompts", key: "prompt_scopes"},
	{field: "Operations.Resources", key: "resource_scopes"},
	{field: "Operations.Arguments", key: "argument_scopes"},
	{field: "Credentials.Conditions", key: "required_conditions"},
	{field: "Operations.Conditions.Methods", key: "method_conditions"},
	{field: "Operations.Conditions.Tools", key: "tool_conditions"},
	{field: "Operations.Conditions.Prompts", key: "prompt_conditions"},
	{field: "Operations.Conditions.Resources", key: "resource_conditions"},
	{field: "Credentials.Authentication", key: "required_authentication"},
	{field: "Operations.Bound.Methods, Tools, Prompts, Resources", key: "bound_methods", either: []string{"bound_tools", "bound_prompts", "bound_resources"}},
	{field: "Operations.Bound.Methods", key: "bound_methods"},
	{field: "Operations.Bound.Tools", key: "bound_tools"},
	{field: "Operations.Bound.Prompts", key: "bound_prompts"},
	{field: "Operations.Bound.Resources", key: "bound_resources"},
	{field: "Operations.Authentication.Methods", key: "method_authentication"},
	{field: "Operations.Authentication.Tools", key: "tool_authentication"},
	{field: "Operations.Authentication.Prompts", key: "prompt_authentication"},
	{field: "Operations.Authentication.Resources", key: "resource_authentication"},
	{field: "Operations.PublicTools", key: "public_tools"},
	{field: "Operations.PublicPrompts", key: "public_prompts"},
	{field: "Operations.PublicResources", key: "public_resources"},
	{field: "Operations.Public", key: "public_operations"},
	{field: "Operations.Undeclared", key: "undeclared_operations"},
	{field: `Credentials.Headers["X-API-Key"]`, key: "api_keys_file"},
	{field: "Credentials.Prefixed", key: "api_key_prefix"},
	{field: "Credentials.HeaderClaims", key: "header_claims"},
	{field: "Credentials.DigestKey", key: "digest_key_file"},
	{field: "Credentials.DPoP.Tokens", key: "dpop_tokens"},
	{field: "Credentials.DPoP.RequireNonce", key: "dpop_require_nonce"},
	{field: "Credentials.DPoP.MaxProofs", key: "dpop_max_proofs"},
	{field: "Credentials.DPoP.MaxProofsPerKey", key: "dpop_max_proofs_per_key"},
	{field: "Credentials.Certificates.Tokens", key: "client_certificate_tokens"},
	{field: "Credentials.DPoP.Algorithms", key: "dpop_algorithms"},
	{field: "Credentials.DPoP.Window", key: "dpop_window_seconds"},
	{field: "Credentials.DPoP.NonceKeys", key: "dpop_nonce_keys", either: []string{"dpop_nonce_key_files"}},
	{field: "Credentials.DPoP.MaxProofs, MaxProofsPerKey", key: "dpop_max_proofs", either: []string{"dpop_max_proofs_per_key"}},
	{field: "Credentials.Certificates.Field", key: "client_certificate_field"},
	{field: "Credentials.Certificates.Format", key: "client_certificate_format", others: []string{"client_certificate_field"}},
	{field: "Credentials.Certificates.Proxies", key: "client_certificate_proxies", others: []string{"client_certificate_field"}},
	{field: "Metadata: metadata: resource_name", key: "resource_name"},
	{field: "Metadata: metadata: resource_documentation", key: "service_documentation_url"},
	{field: "Metadata: metadata: resource_policy_uri", key: "policy_url"},
	{field: "Metadata: metadata: resource_tos_uri", key: "terms_of_service_url"},
	{field: "Metadata: metadata: authorization_details_types_supported", key: "authorization_details_types_supported"},
}

// issuerKeys are the fields of resource.Issuer.
var issuerKeys = []fieldKey{
	{field: ".Audiences", key: "expected_audiences", others: []string{"audience_claims"}},
	{field: ".LiteralAudiences", key: "literal_audiences"},
	{field: ".AudienceClaims", key: "audience_claims"},
	{field: ".ScopeClaim", key: "scope_claim"},
	{field: ".ScopePrefix", key: "scope_prefix"},
	{field: ".ScopeNames", key: "scope_names"},
	{field: ".UnavailableScopes", key: "unavailable_scopes"},
	{field: ".RoleClaim", key: "role_claim"},
	{field: ".RoleScopes", key: "role_scopes"},
	{field: ".Conditions", key: "conditions"},
	{field: ".SubjectClaim", key: "subject_claim"},
	{field: ".ClientTokens.Claim", key: "client_token_claim"},
	{field: ".ClientTokens", key: "client_token_claim", others: []string{"client_token_value", "subject_is_client"}},
	{field: ".TokenTypes", key: "token_types"},
	{field: ".HeaderTypes", key: "header_types"},
	{field: ".Tenants.Allow", key: "allowed_tenants"},
	{field: ".Tenants.Claim", key: "tenant_claim"},
	{field: ".Tenants", key: "allowed_tenants", others: []string{"tenant_pattern"}},
	{field: ".Verifier", key: "tenant_pattern"},
	{field: ": DPoP, Certificates", key: "dpop", others: []string{"dpop_tokens", "client_certificate_tokens"}, either: []string{"client_certificates"}},
	{field: "", key: ""},
}

// issuerKeysWith returns issuerKeys for an issuer in resource.Credentials. key is for mistakes
// about its header field or prefix, which name no field of the issuer.
func issuerKeysWith(key string) []fieldKey {
	return append(slices.Clone(issuerKeys[:len(issuerKeys)-1]), fieldKey{field: "", key: key})
}

// addResourceMistake adds a mistake of resource.New under the key that caused it.
func (b *builder) addResourceMistake(err error) {
	text := err.Error()
	for name, i := range b.elsewhere {
		if rest, ok := strings.CutPrefix(text, name); ok && b.addTranslated(i.path, rest, issuerKeysWith(i.key)) {
			return
		}
	}
	if b.addTranslated("", text, resourceKeys) {
		return
	}
	for n, path := range b.paths {
		if rest, ok := strings.CutPrefix(text, fmt.Sprintf("Issuers[%d]", n)); ok && b.addTranslated(path, rest, issuerKeys) {
			return
		}
	}
	if rest, ok := strings.CutPrefix(text, "Opaque"); ok && b.addTranslated(b.opaquePath, rest, issuerKeys) {
		return
	}
	if field, rest, ok := strings.Cut(text, " of issuer "); ok && b.addOfIssuer("."+field, rest) {
		return
	}
	if rest, ok := strings.CutPrefix(text, "issuer "); ok && b.addOfIssuer("", rest) {
		return
	}
	b.mistakes.add(b.position(""), "%s", text)
}

// addOfIssuer adds a mistake about a field of an issuer. rest begins with its identifier in quotes.
// It reports whether it has done so.
func (b *builder) addOfIssuer(field, rest string) bool {
	for n, s := range b.settings.issuers() {
		issuer := fmt.Sprintf("%q", cmp.Or(s.TenantPattern, s.IssuerURL))
		if rest, ok := strings.CutPrefix(rest, issuer); ok && b.addTranslated(issuerPath(n), field+rest, issuerKeys) {
			return true
		}
	}
	return false
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
		key, _, _ := strings.Cut(one.Error(), ":")
		if !b.addTranslated("", one.Error(), resourceKeys) && !b.addUndeclared(one.Error()) {
			b.mistakes.add(b.position(key), "%s%s", prefix, one) // of a key, if the text begins with one
		}
	}
}

// addUndeclared adds a mistake about a feature that no rule names, if the file denies these. It
// reports whether it has done so.
func (b *builder) addUndeclared(text string) bool {
	const key = "undeclared_operations"
	_, present := b.positions[key]
	if !present || !strings.Contains(text, ": no rule names it") {
		return false
	}
	b.mistakes.add(b.position(key), "%s: %s", key, text)
	return true
}

// addTranslated adds a mistake whose text begins with one of the fields, followed by a colon, an
// index or "contains". It reports whether it has done so.
func (b *builder) addTranslated(path, text string, keys []fieldKey) bool {
	for _, k := range keys {
		rest, ok := strings.CutPrefix(text, k.field)
		if !ok || !strings.HasPrefix(rest, ":") && !strings.HasPrefix(rest, "[") && !strings.HasPrefix(rest, " contains ") {
			continue
		}
		k.key = b.chosenKey(path, k)
		index := ""
		if end := strings.LastIndex(rest, "]: "); rest[0] == '[' && end > 0 {
			index, rest = rest[:end+1], rest[end+1:]
		}
		key := strings.TrimSuffix(join(path, k.key), ".") + index
		b.mistakes.add(b.position(b.presentKey(path, k, key)), "%s%s", pathOrBlock(key), rest)
		return true
	}
	return false
}

// chosenKey returns the first of the keys that set a field and are present; k.key if none is.
func (b *builder) chosenKey(path string, k fieldKey) string {
	for _, key := range append([]string{k.key}, k.either...) {
		if _, ok := b.positions[join(path, key)]; ok {
			return key
		}
	}
	return k.key
}

// presentKey returns key, or the first of the others of k that is present if k.key is absent.
func (b *builder) presentKey(path string, k fieldKey, key string) string {
	if _, ok := b.positions[join(path, k.key)]; ok {
		return key
	}
	for _, other := range k.others {
		if _, ok := b.positions[join(path, other)]; ok {
			return join(path, other)
		}
	}
	return key
}

// verifierKeys are the fields of jwks.Config and introspect.Config.
var verifierKeys = map[string]string{
	"Algorithms": "algorithms", "KeyUses": "key_uses", "MetadataURL": "metadata_url", "AllowHosts": "allow_private_hosts",
	"BearerToken": "jwks_bearer_token", "BearerTokenFile": "jwks_bearer_token_file",
}

// addVerifierMistake adds a mistake of jwks.New or introspect.New under the key that caused it.
// endpointKey is the key of the only URL other than the issuer's.
func (i *issuerBuilder) addVerifierMistake(mistake error, endpointKey string) {
	key, text := "issuer_url", strings.TrimPrefix(mistake.Error(), "metadata: ")
	field, rest, _ := strings.Cut(text, ": ")
	name, index, indexed := strings.Cut(field, "[")
	if indexed {
		index = "[" + index
	}
	switch known := verifierKeys[name]; {
	case known != "":
		key, text = known+index, strings.TrimPrefix(rest, "metadata: ")
	case strings.HasPrefix(text, "URL "):
		key = endpointKey
	case i.issuer.TenantPattern != "":
		key = "tenant_pattern"
	}
	i.addMistake(key, "%s", text)
}

// issuerPath returns the path of the settings of the nth issuer.
func issuerPath(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("additional_issuers[%d]", n-1)
}
