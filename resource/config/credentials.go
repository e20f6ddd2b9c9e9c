package config

import (
	"fmt"

	"github.com/warder-go/warder/resource"
)

// A credentialIssuer is an issuer in resource.Credentials, which the metadata does not publish.
type credentialIssuer struct {
	path string // of its settings
	key  string // token_header or token_prefix
}

// addElsewhere adds an issuer with token_header or token_prefix to resource.Credentials, and
// reports whether it has one.
func (i *issuerBuilder) addElsewhere(c *resource.Config, issuer resource.Issuer, introspector resource.Verifier) bool {
	field, prefix := i.issuer.TokenHeader, i.issuer.TokenPrefix
	key := "token_header"
	switch {
	case field == "" && prefix == "":
		return false
	case field != "" && prefix != "":
		i.addMistake("token_prefix", "token_header is also set; set only one of them")
		return true
	case prefix != "":
		key = "token_prefix"
	}
	unused := []string{"tenant_pattern", "allowed_tenants", "tenant_claim", "serve_issuer_metadata"}
	if prefix != "" { // the tokens are opaque
		unused = append(unused, "introspect_jwts", "jwks_file", "jwks_refresh_seconds", "jwks_bearer_token", "jwks_bearer_token_file", "key_uses", "algorithms",
			"header_types", "allow_zip_none", "allow_at_hash", "strict_rfc9068")
	}
	for _, other := range unused {
		if i.has(other) {
			i.addMistake(other, "is not used with %s; remove one of them", key)
		}
	}
	switch {
	case i.issuer.TenantPattern != "": // its identifier is a pattern
	case prefix != "":
		i.addTokenPrefix(c, issuer, introspector)
	default:
		i.addTokenHeader(c, issuer, introspector)
	}
	return true
}

// addTokenHeader adds an issuer of tokens in a header field.
func (i *issuerBuilder) addTokenHeader(c *resource.Config, issuer resource.Issuer, introspector resource.Verifier) {
	field := i.issuer.TokenHeader
	if introspector != nil && !i.issuer.IntrospectJWTs {
		i.addMistake("client_id", "is used with token_header only if introspect_jwts is true; set it or remove the credentials")
	}
	if !i.place("TokenHeaders", "token_header", field, "name another field") {
		return
	}
	if c.Credentials.TokenHeaders == nil {
		c.Credentials.TokenHeaders = map[string]resource.Issuer{}
	}
	c.Credentials.TokenHeaders[field] = issuer
}

// addTokenPrefix adds an issuer of opaque tokens with a prefix.
func (i *issuerBuilder) addTokenPrefix(c *resource.Config, issuer resource.Issuer, introspector resource.Verifier) {
	prefix := i.issuer.TokenPrefix
	switch {
	case !i.needsIntrospection():
		i.addMistake("token_prefix", "tokens with a prefix are opaque and need introspection; set client_id and client_secret")
		return
	case introspector == nil: // its mistakes were added
		return
	case prefix == i.settings.APIKeyPrefix:
		i.addMistake("token_prefix", "%q is also the value of api_key_prefix; name another prefix", prefix)
		return
	case !i.place("Prefixed", "token_prefix", prefix, "name another prefix"):
		return
	}
	if c.Credentials.Prefixed == nil {
		c.Credentials.Prefixed = map[string]resource.Issuer{}
	}
	issuer.Verifier, issuer.StrictRFC9068 = introspector, false // the latter applies only to JWTs
	c.Credentials.Prefixed[prefix] = issuer
}

// place registers the issuer under the name that mistakes of package resource have. It adds a
// mistake if another issuer has the same value.
func (i *issuerBuilder) place(field, key, value, fix string) bool {
	name := fmt.Sprintf("Credentials.%s[%q]", field, value)
	if other, ok := i.elsewhere[name]; ok {
		i.addMistake(key, "%q is also the value of %s; %s", value, join(other.path, key), fix)
		return false
	}
	i.elsewhere[name] = credentialIssuer{i.path, key}
	return true
}
