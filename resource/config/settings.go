package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Settings are what the block `authorization:` says. The tags are what the reader, the
// JSON Schema and the table in docs/configuration.md go by: yaml is the key, doc what it
// means, format, enum and max bound its values.
type Settings struct {
	Enabled           *bool  `yaml:"enabled" doc:"false: there is no resource and Load returns ErrDisabled. Left out: true"`
	ResourceServerURL string `yaml:"resource_server_url" format:"uri" required:"true" doc:"the URL that clients use, byte for byte; the audience of tokens"`
	IssuerSettings    `yaml:",inline"`
	AdditionalIssuers []IssuerSettings    `yaml:"additional_issuers" doc:"further authorization servers, each with the keys of an issuer"`
	RequiredScopes    []string            `yaml:"required_scopes" doc:"scopes that every request needs, all of them"`
	ChallengeScopes   []string            `yaml:"challenge_scopes" doc:"scopes that a 401 hints at. Left out: required_scopes"`
	ScopesSupported   []string            `yaml:"scopes_supported" doc:"scopes that the metadata names. Left out: required_scopes"`
	ImpliedScopes     map[string][]string `yaml:"implied_scopes" doc:"a broader scope, and those that it contains"`
	MethodScopes      map[string][]string `yaml:"method_scopes" doc:"further scopes by MCP method"`
	ToolScopes        map[string][]string `yaml:"tool_scopes" doc:"further scopes by tool"`
	PromptScopes      map[string][]string `yaml:"prompt_scopes" doc:"further scopes by prompt"`
	ResourceScopes    []ResourceScopes    `yaml:"resource_scopes" doc:"further scopes by resource"`
	Undeclared        string              `yaml:"undeclared_operations" enum:"allow,deny" doc:"what becomes of operations that no rule names: allow (the default) or deny"`
	PublicOperations  []string            `yaml:"public_operations" doc:"MCP methods that are open to requests without a token"`
	StepUp            string              `yaml:"step_up" enum:"operation,keep_granted" doc:"what a 403 asks for: what the operation needs (the default), or also what the caller has"`
	AllowedOrigins    []string            `yaml:"allowed_origins" doc:"web origins whose pages may call, besides the server's own"`
	LeewaySeconds     *int                `yaml:"leeway_seconds" max:"300" doc:"how far clocks may differ. Left out: 30"`
	TokenCacheTTL     *int                `yaml:"token_cache_ttl_seconds" max:"86400" doc:"how long an accepted token is remembered at most. Left out: 300; 0: not at all"`
	ResourceName      string              `yaml:"resource_name" doc:"the name that the metadata shows to people"`
	ServiceDocsURL    string              `yaml:"service_documentation_url" format:"uri" doc:"the page for developers that the metadata names"`
	APIKeysFile       string              `yaml:"api_keys_file" doc:"file of API keys, which come in the header field X-API-Key"`
}

// IssuerSettings are the keys that an issuer has.
type IssuerSettings struct {
	IssuerURL         string   `yaml:"issuer_url" format:"uri" required:"true" doc:"the authorization server, exactly as in iss"`
	ExpectedAudiences []string `yaml:"expected_audiences" doc:"audiences that are accepted besides resource_server_url"`
	JWKSURI           string   `yaml:"jwks_uri" format:"uri" doc:"where its keys are. Left out: where its metadata says"`
	JWKSFile          string   `yaml:"jwks_file" doc:"file with its keys, instead of jwks_uri; looked at every minute"`
	Algorithms        []string `yaml:"algorithms" doc:"the signature algorithms that are allowed. Left out: RS, PS and ES 256 to 512, EdDSA"`
	StrictRFC9068     bool     `yaml:"strict_rfc9068" doc:"true demands typ at+jwt and all claims of RFC 9068"`
	IntrospectJWTs    bool     `yaml:"introspect_jwts" doc:"true asks the issuer about JWTs too, not its keys"`

	AudienceClaims []string            `yaml:"audience_claims" doc:"claims in which the audience is looked for: aud and resource, or client_id, azp, cid, appid. Left out: aud"`
	ScopeClaim     string              `yaml:"scope_claim" doc:"the claim with the scopes, or a JSON Pointer. Left out: scope and scp"`
	ScopePrefix    string              `yaml:"scope_prefix" doc:"what is put in front of each scope of a token"`
	RoleClaim      string              `yaml:"role_claim" doc:"the claim with roles, or a JSON Pointer"`
	RoleScopes     map[string][]string `yaml:"role_scopes" doc:"roles that count as scopes"`

	TenantPattern  string   `yaml:"tenant_pattern" format:"uri" doc:"iss of many tenants, with {tenantid} in the place of each; then issuer_url is where clients log in, and jwks_uri or jwks_file is needed"`
	AllowedTenants []string `yaml:"allowed_tenants" doc:"the tenants that may come; required with tenant_pattern"`
	TenantClaim    string   `yaml:"tenant_claim" doc:"the claim that must name the tenant too. Left out: tid"`

	ClientID         string `yaml:"client_id" doc:"this server's name at the issuer, for introspection"`
	ClientSecret     Secret `yaml:"client_secret" doc:"the secret that goes with it"`
	ClientSecretFile string `yaml:"client_secret_file" doc:"file with that secret"`

	IntrospectionEndpoint         string `yaml:"introspection_endpoint" format:"uri" doc:"where to ask about tokens. Left out: where the issuer's metadata says"`
	IntrospectionClientID         string `yaml:"introspection_client_id" doc:"instead of client_id, together with a secret of its own"`
	IntrospectionClientSecret     Secret `yaml:"introspection_client_secret" doc:"the secret that goes with introspection_client_id"`
	IntrospectionClientSecretFile string `yaml:"introspection_client_secret_file" doc:"file with that secret"`

	AllowPrivateHosts []string `yaml:"allow_private_hosts" doc:"hosts that the issuer's metadata may name although their addresses are private"`
	CAFile            string   `yaml:"ca_file" doc:"file of PEM certificates that are trusted for the issuer, instead of the system's"`
}

// ResourceScopes is a rule for MCP resources: exactly one of uri, prefix and template.
type ResourceScopes struct {
	URI      string   `yaml:"uri" doc:"of one resource"`
	Prefix   string   `yaml:"prefix" doc:"what the URIs of several begin with"`
	Template string   `yaml:"template" doc:"an RFC 6570 template that they match"`
	Scopes   []string `yaml:"scopes" required:"here" doc:"further scopes that they need"`
}

// Secret is a text that prints, logs and encodes as a placeholder.
type Secret string

const redacted = "[redacted]"

// Format prints a placeholder for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, so that encoders show nothing either.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
