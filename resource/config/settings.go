package config

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/warder-go/warder/internal/logging"
)

// Settings are the values of the block `authorization:`. The decoder, the JSON Schema and
// the table in docs/configuration.md are based on the struct tags: yaml is the key, doc is
// its description, and format, enum and max limit its values.
type Settings struct {
	Enabled           *bool  `yaml:"enabled" doc:"if false, Load returns ErrDisabled and no resource. Default: true"`
	ResourceServerURL string `yaml:"resource_server_url" format:"uri" required:"true" doc:"URL of this server, byte for byte as clients use it; also the audience of tokens"`
	IssuerSettings    `yaml:",inline"`
	AdditionalIssuers []IssuerSettings    `yaml:"additional_issuers" doc:"further authorization servers, each with the keys of an issuer"`
	RequiredScopes    []string            `yaml:"required_scopes" doc:"scopes that every request needs"`
	ChallengeScopes   []string            `yaml:"challenge_scopes" doc:"scopes in the challenge of a 401 response. Default: required_scopes"`
	ScopesSupported   []string            `yaml:"scopes_supported" doc:"scopes in the metadata. Default: required_scopes"`
	ImpliedScopes     map[string][]string `yaml:"implied_scopes" doc:"broader scopes, each with the scopes that it includes"`
	MethodScopes      map[string][]string `yaml:"method_scopes" doc:"additional scopes by MCP method"`
	ToolScopes        map[string][]string `yaml:"tool_scopes" doc:"additional scopes by tool"`
	PromptScopes      map[string][]string `yaml:"prompt_scopes" doc:"additional scopes by prompt"`
	ResourceScopes    []ResourceScopes    `yaml:"resource_scopes" doc:"additional scopes by resource"`
	Undeclared        string              `yaml:"undeclared_operations" enum:"allow,deny" doc:"whether to allow or deny operations without a rule. Default: allow"`
	PublicOperations  []string            `yaml:"public_operations" doc:"MCP methods that are open to requests without a token"`
	PublicTools       []string            `yaml:"public_tools" doc:"tools that are open to requests without a token"`
	PublicPrompts     []string            `yaml:"public_prompts" doc:"prompts that are open to requests without a token"`
	PublicResources   []string            `yaml:"public_resources" doc:"URIs of resources that are open to requests without a token"`
	Stateless         bool                `yaml:"stateless" doc:"if true, the MCP server keeps no sessions; required if initialize is public"`
	StepUp            string              `yaml:"step_up" enum:"operation,keep_granted" doc:"scopes in the challenge of a 403 response: those that the operation needs, or also those that the caller has. Default: operation"`
	AllowedOrigins    []string            `yaml:"allowed_origins" doc:"web origins that may send requests, in addition to the server's own"`
	DenyLoopback      bool                `yaml:"deny_loopback_origins" doc:"if true, web pages of localhost, 127.0.0.1 and [::1] may not send requests even if resource_server_url is a loopback address"`
	LeewaySeconds     *int                `yaml:"leeway_seconds" max:"300" doc:"allowed difference between clocks. Default: 30"`
	TokenCacheTTL     *int                `yaml:"token_cache_ttl_seconds" max:"86400" doc:"maximum time that an accepted token is cached; 0 disables the cache. Default: 300"`
	ResourceName      string              `yaml:"resource_name" doc:"name of the server in the metadata, for display"`
	ServiceDocsURL    string              `yaml:"service_documentation_url" format:"uri" doc:"URL of a page for developers, in the metadata"`
	APIKeysFile       string              `yaml:"api_keys_file" doc:"file of API keys, which clients send in the header field X-API-Key"`
	DigestKeyFile     string              `yaml:"digest_key_file" doc:"file with the key of the token digests in logs and audit records, at least 32 random bytes, used as they are; the same for all replicas. Default: a random key of the process"`
}

// IssuerSettings are the keys of an issuer.
type IssuerSettings struct {
	IssuerURL         string   `yaml:"issuer_url" format:"uri" required:"true" doc:"the authorization server, exactly as in iss"`
	ExpectedAudiences []string `yaml:"expected_audiences" doc:"accepted audiences, in addition to resource_server_url; compared byte for byte, without patterns"`
	LiteralAudiences  bool     `yaml:"literal_audiences" doc:"if true, expected_audiences may contain white space and characters of patterns, such as *; they are compared byte for byte all the same"`
	JWKSURI           Address  `yaml:"jwks_uri" format:"uri" doc:"URL of the issuer's keys. Default: as in the issuer's metadata"`
	JWKSFile          string   `yaml:"jwks_file" doc:"file with the issuer's keys, instead of jwks_uri; checked every minute"`
	Algorithms        []string `yaml:"algorithms" doc:"allowed signature algorithms. Default: RS, PS and ES 256 to 512, EdDSA"`
	StrictRFC9068     bool     `yaml:"strict_rfc9068" doc:"if true, tokens need typ at+jwt and all claims that RFC 9068 requires"`
	IntrospectJWTs    bool     `yaml:"introspect_jwts" doc:"if true, JWTs too are verified by introspection, not by keys"`

	AudienceClaims []string            `yaml:"audience_claims" doc:"claims that may contain the audience: aud and resource, or client_id, azp, cid, appid. Default: aud"`
	ScopeClaim     string              `yaml:"scope_claim" doc:"name or JSON Pointer of the claim with scopes. Default: scope and scp"`
	ScopePrefix    string              `yaml:"scope_prefix" doc:"prefix that is added to each scope of a token"`
	RoleClaim      string              `yaml:"role_claim" doc:"name or JSON Pointer of the claim with roles"`
	RoleScopes     map[string][]string `yaml:"role_scopes" doc:"roles, each with the scopes that it grants"`

	SubjectClaim     string   `yaml:"subject_claim" doc:"name or JSON Pointer of the claim with the subject. Default: sub"`
	TokenTypes       []string `yaml:"token_types" doc:"accepted values of the claims typ, token_use and tokenName, in addition to those of access tokens"`
	ClientTokenClaim string   `yaml:"client_token_claim" doc:"claim that marks tokens of clients themselves, with client_token_value"`
	ClientTokenValue string   `yaml:"client_token_value" doc:"value of client_token_claim in tokens of clients"`
	SubjectIsClient  bool     `yaml:"subject_is_client" doc:"if true, tokens whose sub equals client_id are those of clients themselves"`

	TenantPattern  string   `yaml:"tenant_pattern" format:"uri" doc:"iss of many tenants, with {tenantid} as the placeholder of the tenant; clients log in at issuer_url, and jwks_uri or jwks_file is required"`
	AllowedTenants []string `yaml:"allowed_tenants" doc:"allowed tenants; required with tenant_pattern"`
	TenantClaim    string   `yaml:"tenant_claim" doc:"claim that must also contain the tenant. Default: tid"`

	ClientID         string `yaml:"client_id" doc:"client ID of this server at the issuer, for introspection"`
	ClientSecret     Secret `yaml:"client_secret" doc:"client secret for client_id"`
	ClientSecretFile string `yaml:"client_secret_file" doc:"file with the client secret for client_id"`

	IntrospectionEndpoint         Address `yaml:"introspection_endpoint" format:"uri" doc:"URL for introspection. Default: as in the issuer's metadata"`
	IntrospectionClientID         string  `yaml:"introspection_client_id" doc:"overrides client_id; needs a separate secret"`
	IntrospectionClientSecret     Secret  `yaml:"introspection_client_secret" doc:"client secret for introspection_client_id"`
	IntrospectionClientSecretFile string  `yaml:"introspection_client_secret_file" doc:"file with the client secret for introspection_client_id"`

	AllowPrivateHosts []string `yaml:"allow_private_hosts" doc:"hosts with private addresses that the issuer's metadata may name"`
	CAFile            string   `yaml:"ca_file" doc:"file of PEM certificates that are trusted for the issuer, instead of those of the system"`
}

// ResourceScopes is a rule for MCP resources. It has exactly one of uri, prefix and
// template.
type ResourceScopes struct {
	URI      string   `yaml:"uri" doc:"URI of one resource"`
	Prefix   string   `yaml:"prefix" doc:"prefix of the URIs of several resources"`
	Template string   `yaml:"template" doc:"RFC 6570 template of the URIs of several resources"`
	Scopes   []string `yaml:"scopes" required:"here" doc:"additional scopes for the resources"`
}

// Address is a URL whose query may be a secret. It is formatted, logged and encoded without it.
type Address string

// Format writes the address without its query for every verb.
func (a Address) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, logging.RedactURL(string(a))) }

// LogValue returns the address without its query.
func (a Address) LogValue() slog.Value { return slog.StringValue(logging.RedactURL(string(a))) }

// MarshalText returns the address without its query, so that encoders do not disclose it.
func (a Address) MarshalText() ([]byte, error) { return []byte(logging.RedactURL(string(a))), nil }

// Secret is a string that is formatted, logged and encoded as a placeholder.
type Secret string

const redacted = "[redacted]"

// Format writes a placeholder for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, so that encoders do not disclose the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
