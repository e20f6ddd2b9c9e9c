package config

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/warder-go/warder/internal/logging"
)

// Settings are the values of the block `authorization:`. The decoder, the JSON Schema and
// the table in docs/configuration.md are based on the struct tags: yaml is the key, doc is
// its description, and format, enum, min and max limit its values.
type Settings struct {
	Enabled               *bool    `yaml:"enabled" doc:"whether warder protects the server. false: Load and New return ErrDisabled and no resource; a reload rejects the file and the previous configuration stays active. Default: true"`
	ResourceServerURL     string   `yaml:"resource_server_url" format:"uri" required:"true" doc:"this server's URL (its resource identifier), byte for byte as clients use it. It is also an accepted audience of tokens"`
	AdditionalURLs        []string `yaml:"additional_resource_server_urls" doc:"further URLs of this server, at most 1000: the members of a family, or other public origins. Each is an accepted audience only of requests to it, and has its own metadata"`
	IssuerSettings        `yaml:",inline"`
	AdditionalIssuers     []IssuerSettings    `yaml:"additional_issuers" doc:"further issuers, each with the keys that have a star"`
	AuthorizationServers  []string            `yaml:"authorization_servers" doc:"the authorization servers in the protected resource metadata, exactly these and in this order. They are where clients log in; only the issuers above are accepted. Required if an issuer_url is not an https URL. Default: the issuer_url of each issuer"`
	RequiredScopes        []string            `yaml:"required_scopes" doc:"scopes that every request needs, except requests without a token for public operations. An entry can have alternatives, such as mcp:read | mcp:run"`
	ChallengeScopes       []string            `yaml:"challenge_scopes" doc:"scopes in the challenge of a 401 response. Default: the scopes that required_scopes needs"`
	ScopesSupported       []string            `yaml:"scopes_supported" doc:"scopes in the protected resource metadata. Default: all scopes in required_scopes"`
	DetailsTypes          []string            `yaml:"authorization_details_types_supported" doc:"types of authorization details in the protected resource metadata. It must have each type that a condition requires. Default: none"`
	ImpliedScopes         map[string][]string `yaml:"implied_scopes" doc:"broader scopes, each with the scopes that it includes"`
	MethodScopes          map[string][]string `yaml:"method_scopes" doc:"rules for MCP methods: each method with its additional scopes or alternatives"`
	ToolScopes            map[string][]string `yaml:"tool_scopes" doc:"rules for tools: each tool with its additional scopes or alternatives"`
	PromptScopes          map[string][]string `yaml:"prompt_scopes" doc:"rules for prompts: each prompt with its additional scopes or alternatives"`
	ResourceScopes        []ResourceScopes    `yaml:"resource_scopes" doc:"rules for MCP resources. Each entry has scopes and exactly one of uri, prefix and template"`
	Undeclared            string              `yaml:"undeclared_operations" enum:"allow,deny" doc:"whether operations without a rule are allowed, or rejected with 403. Default: allow"`
	PublicOperations      []string            `yaml:"public_operations" doc:"MCP methods that are open to requests without a token"`
	PublicTools           []string            `yaml:"public_tools" doc:"tools that are open to requests without a token"`
	PublicPrompts         []string            `yaml:"public_prompts" doc:"prompts that are open to requests without a token"`
	PublicResources       []string            `yaml:"public_resources" doc:"URIs of resources that are open to requests without a token"`
	Stateless             bool                `yaml:"stateless" doc:"true: the MCP server keeps no sessions. Required if initialize is in public_operations"`
	StepUp                string              `yaml:"step_up" enum:"operation,keep_granted" doc:"scopes in the challenge of a 403 response. operation: the scopes that the operation needs. keep_granted: also those scopes of the caller that occur in this configuration. Default: operation"`
	AllowedOrigins        []string            `yaml:"allowed_origins" doc:"origins whose web pages may send requests, in addition to the origins of this server's URLs and to the loopback origins that deny_loopback_origins describes"`
	DenyLoopback          bool                `yaml:"deny_loopback_origins" doc:"false: if each URL of this server has the host localhost, 127.0.0.1 or [::1], pages of these three hosts may send requests. true: they need an entry in allowed_origins. Default: false"`
	HandlerChallenges     string              `yaml:"handler_challenges" enum:"pass,replace" doc:"what happens to a 401 response or a challenge of the MCP server behind warder. pass: the client gets it. replace: the client gets 502 instead of such a 401 or 403 response, and no other response has such a challenge. Use it if the MCP server relays responses of another server. Default: pass"`
	KeepAuthorization     bool                `yaml:"keep_authorization" doc:"true: the MCP server behind warder receives the header field Authorization with the token. MCP forbids the server to pass the token to other servers. Default: false"`
	AllowHTTP             bool                `yaml:"allow_http" doc:"true: resource_server_url and authorization_servers may have the scheme http although the host is not a loopback address. Everyone on the network can then read the tokens. Default: false"`
	HeaderClaims          []HeaderClaim       `yaml:"header_claims" doc:"header fields of requests that must agree with a claim of the token. A request in which one disagrees is rejected with 403"`
	BasePath              string              `yaml:"base_path" doc:"beginning of the path of resource_server_url that belongs to this server, if a proxy passes on no other requests. The metadata URL in challenges is then below it"`
	ResourceMetadataURL   string              `yaml:"resource_metadata_url" format:"uri" doc:"URL of the protected resource metadata in challenges. Default: the URL that derives from resource_server_url and base_path"`
	ResourceMetadataPaths []string            `yaml:"resource_metadata_paths" doc:"further paths at which this server serves the protected resource metadata"`
	LeewaySeconds         *int                `yaml:"leeway_seconds" max:"300" doc:"allowed difference between the clocks of this server and of the issuer. Default: 30"`
	TokenCacheTTL         *int                `yaml:"token_cache_ttl_seconds" max:"86400" doc:"maximum time that an accepted token is cached. 0 disables the cache. Default: 300"`
	TokenCacheEntries     *int                `yaml:"token_cache_entries" min:"1" max:"100000000" doc:"maximum number of cached tokens. Default: 100000"`
	TokenCacheBytes       *int                `yaml:"token_cache_bytes" min:"1048576" max:"1099511627776" doc:"approximate maximum memory for cached tokens, in bytes. Default: 268435456 (256 MiB)"`
	MaxLifetime           *int                `yaml:"max_token_lifetime_seconds" min:"1" max:"31622400" doc:"maximum time between the claims iat and exp of a token. Default: no limit, but exp is at most ten years ahead"`
	MaxTokenBytes         *int                `yaml:"max_token_bytes" min:"1024" max:"262144" doc:"maximum length of a token, in bytes. Default: 16384 (16 KiB)"`
	MaxBodyBytes          *int                `yaml:"max_body_bytes" min:"1024" max:"1073741824" doc:"maximum length of a request body that is read for a rule, in bytes. Each request holds its body in memory. Default: 4194304 (4 MiB)"`
	LogPerSecond          *int                `yaml:"log_records_per_second" min:"1" max:"1000000" doc:"maximum number of log records per second for one reason of rejection. Default: 10"`
	ResourceName          string              `yaml:"resource_name" doc:"name of this server in the protected resource metadata, for display"`
	ServiceDocsURL        string              `yaml:"service_documentation_url" format:"uri" doc:"URL of a page for developers, in the protected resource metadata"`
	PolicyURL             string              `yaml:"policy_url" format:"uri" doc:"URL of a page about the use of data, in the protected resource metadata"`
	TermsURL              string              `yaml:"terms_of_service_url" format:"uri" doc:"URL of the terms of service, in the protected resource metadata"`
	APIKeysFile           string              `yaml:"api_keys_file" doc:"file of API keys, which clients send in the header field X-API-Key"`
	APIKeyPrefix          string              `yaml:"api_key_prefix" doc:"prefix of the API keys in api_keys_file. A bearer token with the prefix is verified as an API key, for clients that send API keys there. Default: API keys are accepted in X-API-Key only"`
	DigestKeyFile         string              `yaml:"digest_key_file" doc:"file with the key of the token digests in logs and audit records, at least 32 random bytes, used as they are; the same for all replicas. Default: a random key of the process"`

	DPoPTokens         string   `yaml:"dpop_tokens" enum:"off,accepted,required" doc:"access tokens that are bound to a key of the client (DPoP), of all issuers. off: they are rejected. accepted: they are accepted with a proof. required: all other credentials are rejected. Default: off"`
	DPoPAlgorithms     []string `yaml:"dpop_algorithms" doc:"accepted algorithms of DPoP proofs, which are also published. Default: ES256, ES384, ES512, PS256, PS384, PS512, EdDSA and Ed25519"`
	DPoPWindow         *int     `yaml:"dpop_window_seconds" min:"1" max:"300" doc:"how far the time of a DPoP proof can be from now, in both directions. It must cover the difference of the clocks. Default: 60"`
	DPoPRequireNonce   bool     `yaml:"dpop_require_nonce" doc:"true: a DPoP proof needs a nonce that this server made at most five minutes before. Default: false"`
	DPoPNonceKeys      []Secret `yaml:"dpop_nonce_keys" doc:"keys of the nonces, at most 8, each a text of at least 32 random bytes, used as it is; the same for all replicas. The first makes nonces, and all are accepted. Default: the keys of shared_state, or else a random key of the process"`
	DPoPNonceKeyFiles  []string `yaml:"dpop_nonce_key_files" doc:"files with the keys, instead of dpop_nonce_keys: one key in each, used as it is, byte for byte"`
	DPoPMaxProofs      *int     `yaml:"dpop_max_proofs" min:"1" max:"100000000" doc:"maximum number of DPoP proofs that are stored in order to reject a second use. If more are used, requests with bound tokens are rejected with 503. Default: 500000"`
	DPoPMaxPerKey      *int     `yaml:"dpop_max_proofs_per_key" min:"1" max:"100000000" doc:"maximum number of DPoP proofs of one key that are stored. If more are used, requests with the key are rejected with 429. Default: 50000"`
	CertificateTokens  string   `yaml:"client_certificate_tokens" enum:"off,accepted,required" doc:"access tokens that are bound to a TLS certificate of the client, of all issuers. off: they are rejected. accepted: they are accepted if the request has the certificate. required: all other credentials are rejected. Default: off"`
	CertificateField   string   `yaml:"client_certificate_field" doc:"header field in which the proxies of client_certificate_proxies pass on the certificate, such as Client-Cert. Default: only the certificate of the TLS connection to this server counts"`
	CertificateFormat  string   `yaml:"client_certificate_format" enum:"rfc9440,xfcc,pem" doc:"how the proxies write client_certificate_field. rfc9440: as in RFC 9440. xfcc: as Envoy writes X-Forwarded-Client-Cert. pem: percent-encoded PEM, as nginx writes it. Required with client_certificate_field"`
	CertificateProxies []string `yaml:"client_certificate_proxies" doc:"addresses of the proxies, such as 10.0.0.0/8 and 192.0.2.7. They must overwrite or remove client_certificate_field in every request of a client. Required with client_certificate_field"`

	SharedState *SharedState `yaml:"shared_state" doc:"store that the replicas of this server share, such as Valkey or Redis. The program must support it (config.Config.OpenStore). Default: nothing is shared"`

	SecurityEvents *SecurityEvents `yaml:"security_events" doc:"security events that an issuer pushes to this server (RFC 8935), which revoke tokens. The program must serve the handler for them (config.Live.SecurityEvents). Default: no events are received"`

	OnBehalfOf *OnBehalfOf `yaml:"on_behalf_of" doc:"how the program gets tokens for other servers on behalf of callers (RFC 8693). The program must use the exchanger for them (config.Live.OnBehalf). With the block, warder holds the caller's token in memory while the request is handled; the MCP server cannot read it. Default: no token is exchanged"`

	ArgumentScopes     []ArgumentScopes       `yaml:"argument_scopes" doc:"rules for arguments of tools: scopes for values of an argument"`
	RequiredConditions []Condition            `yaml:"required_conditions" doc:"conditions that every token of every issuer and every API key must meet, in the form of the key conditions"`
	MethodConditions   map[string][]Condition `yaml:"method_conditions" doc:"MCP methods, each with additional conditions on the caller's claims"`
	ToolConditions     map[string][]Condition `yaml:"tool_conditions" doc:"tools, each with additional conditions on the caller's claims"`
	PromptConditions   map[string][]Condition `yaml:"prompt_conditions" doc:"prompts, each with additional conditions on the caller's claims"`
	ResourceConditions []ResourceConditions   `yaml:"resource_conditions" doc:"additional conditions for MCP resources. Each entry has conditions and exactly one of uri, prefix and template"`

	RequiredAuthentication *Authentication           `yaml:"required_authentication" doc:"how and when the user must have logged in, for every request with a credential. A request with another login is rejected with 401 (RFC 9470). At least one of its keys is required"`
	MethodAuthentication   map[string]Authentication `yaml:"method_authentication" doc:"MCP methods, each with the login that it needs, in the form of required_authentication"`
	ToolAuthentication     map[string]Authentication `yaml:"tool_authentication" doc:"tools, each with the login that it needs"`
	PromptAuthentication   map[string]Authentication `yaml:"prompt_authentication" doc:"prompts, each with the login that it needs"`
	BoundMethods           []string                  `yaml:"bound_methods" doc:"MCP methods that need a token that is bound to a key or a certificate of the client (dpop, client_certificates)"`
	BoundTools             []string                  `yaml:"bound_tools" doc:"tools that need a bound token"`
	BoundPrompts           []string                  `yaml:"bound_prompts" doc:"prompts that need a bound token"`
	BoundResources         []ResourcePattern         `yaml:"bound_resources" doc:"MCP resources that need a bound token. Each entry has exactly one of uri, prefix and template"`
	ResourceAuthentication []ResourceAuthentication  `yaml:"resource_authentication" doc:"MCP resources with the login that they need. Each entry has exactly one of uri, prefix and template, and at least one of acr_values and max_age_seconds"`
}

// IssuerSettings are the keys of an issuer.
type IssuerSettings struct {
	IssuerURL         string   `yaml:"issuer_url" required:"true" doc:"the issuer's identifier, byte for byte as in the claim iss and in the issuer's metadata. It must be a URL if its metadata is read at a well-known URL. It can be any text with metadata_url, or if jwks_uri or jwks_file (for introspection: introspection_endpoint) says where everything is. With tenant_pattern: the URL of the authorization server at which clients log in"`
	MetadataURL       Address  `yaml:"metadata_url" format:"uri" doc:"URL of the issuer's metadata, if it is not at a well-known URL of the issuer. The issuer in the document must be equal to issuer_url, byte for byte. Addresses that this file sets are not taken from the document"`
	ExpectedAudiences []string `yaml:"expected_audiences" doc:"accepted audiences, in addition to resource_server_url. They are compared byte for byte, and patterns are not supported"`
	LiteralAudiences  bool     `yaml:"literal_audiences" doc:"true: expected_audiences may contain white space and characters that are common in patterns, such as *. The comparison stays the same. Default: false"`
	JWKSURI           Address  `yaml:"jwks_uri" format:"uri" doc:"URL of the issuer's signing keys. Default: the URL in the issuer's metadata"`
	JWKSFile          string   `yaml:"jwks_file" doc:"file with the issuer's signing keys, instead of jwks_uri. The file is read again every minute"`
	JWKSRefresh       *int     `yaml:"jwks_refresh_seconds" min:"30" max:"3600" doc:"longest time between two requests for the issuer's signing keys. The cache headers of the server can only shorten it. Default: as the cache headers say, and 900 without them; 60 for jwks_file"`
	JWKSToken         Secret   `yaml:"jwks_bearer_token" doc:"token for requests for the issuer's metadata and signing keys, for servers that answer 401 without one. It is sent to the server of jwks_uri or, if that is absent, of metadata_url or else of issuer_url, AND TO THE HOSTS IN allow_private_hosts, only over https or to a loopback host"`
	JWKSTokenFile     string   `yaml:"jwks_bearer_token_file" doc:"file with the token, instead of jwks_bearer_token. The file is read again for each request for the keys"`
	Algorithms        []string `yaml:"algorithms" doc:"allowed signature algorithms. Default: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA"`
	KeyUses           []string `yaml:"key_uses" doc:"accepted values of use in the issuer's signing keys, in addition to sig, such as jwt-svid for SPIFFE. A key with this use verifies every token of the issuer"`
	StrictRFC9068     bool     `yaml:"strict_rfc9068" doc:"true: a JWT needs the header typ at+jwt and all claims that RFC 9068 requires. Default: false"`
	TokenPrefix       string   `yaml:"token_prefix" doc:"prefix of the opaque tokens of this issuer, such as pat_. Tokens with the prefix are introspected at this issuer and at no other. The issuer is not in the protected resource metadata"`
	TokenHeader       string   `yaml:"token_header" doc:"header field in which a proxy sends the tokens of this issuer, alone, such as Cf-Access-Jwt-Assertion. They are accepted only there, and not as Bearer tokens. The issuer is not in the protected resource metadata. expected_audiences must be used for this server alone"`
	IntrospectJWTs    bool     `yaml:"introspect_jwts" doc:"true: JWTs too are verified by introspection, and not with signing keys. Default: false"`

	AudienceClaims []string            `yaml:"audience_claims" doc:"claims that may contain the audience: some of aud and resource, or some of client_id, azp, cid and appid. Default: aud"`
	ScopeClaim     string              `yaml:"scope_claim" doc:"name or JSON Pointer of the claim with the scopes. Default: scope and scp"`
	ScopePrefix    string              `yaml:"scope_prefix" doc:"prefix that warder adds to each scope of a token"`
	ScopeNames     map[string]string   `yaml:"scope_names" doc:"names that this issuer has for scopes of this file, as clients request them: each scope with its name. Tokens grant these scopes only by that name"`
	Unavailable    []string            `yaml:"unavailable_scopes" doc:"scopes of this file that this issuer does not have. Its tokens never grant them, and its challenges do not name them"`
	RoleClaim      string              `yaml:"role_claim" doc:"name or JSON Pointer of the claim with the roles"`
	RoleScopes     map[string][]string `yaml:"role_scopes" doc:"roles, each with the scopes that it grants"`
	Conditions     []Condition         `yaml:"conditions" doc:"conditions on claims that every token of the issuer must meet. Each entry has claim and exactly one test"`

	SubjectClaim     string   `yaml:"subject_claim" doc:"name or JSON Pointer of the claim with the subject. Default: sub"`
	TokenTypes       []string `yaml:"token_types" doc:"accepted values of the claims typ, token_use, tokenName and token_type, in addition to the values for access tokens"`
	HeaderTypes      []string `yaml:"header_types" doc:"accepted values of the header typ of JWTs, in addition to JWT, at+jwt and an absent typ, such as JOSE for SPIFFE. Every JWT of the issuer with this typ and an accepted audience is accepted"`
	AllowAtHash      bool     `yaml:"allow_at_hash" doc:"true: access tokens may have the claim at_hash, as those of Dex have. An ID token with an accepted audience is then accepted too. Default: false"`
	AllowZipNone     bool     `yaml:"allow_zip_none" doc:"true: the header zip is ignored in JWTs if it is exactly NONE, as ForgeRock writes it. Default: false"`
	ClientTokenClaim string   `yaml:"client_token_claim" doc:"claim that marks client credentials tokens. client_token_value is required too"`
	ClientTokenValue string   `yaml:"client_token_value" doc:"value that client_token_claim has in client credentials tokens"`
	SubjectIsClient  bool     `yaml:"subject_is_client" doc:"true: a token whose claims sub and client_id are equal is a client credentials token. Default: false"`

	TenantPattern  string   `yaml:"tenant_pattern" format:"uri" doc:"the claim iss of many tenants, with {tenantid} instead of the tenant. The claim iss is then compared with this pattern, and not with issuer_url. jwks_uri or jwks_file is required"`
	AllowedTenants []string `yaml:"allowed_tenants" doc:"tenants whose tokens are accepted; required with tenant_pattern"`
	TenantClaim    string   `yaml:"tenant_claim" doc:"claim that must contain the same tenant as iss. Default: tid"`

	ClientID         string `yaml:"client_id" doc:"client ID of this server at the issuer, for introspection"`
	ClientSecret     Secret `yaml:"client_secret" doc:"client secret for client_id"`
	ClientSecretFile string `yaml:"client_secret_file" doc:"file with the client secret for client_id. It is read for each call to the introspection endpoint"`

	IntrospectionEndpoint          Address `yaml:"introspection_endpoint" format:"uri" doc:"URL of the introspection endpoint. Default: the URL in the issuer's metadata"`
	IntrospectionClientID          string  `yaml:"introspection_client_id" doc:"client ID for introspection, instead of client_id. With a method that uses a secret it needs its own; client_secret is not used"`
	IntrospectionClientSecret      Secret  `yaml:"introspection_client_secret" doc:"client secret for introspection_client_id"`
	IntrospectionClientSecretFile  string  `yaml:"introspection_client_secret_file" doc:"file with the client secret for introspection_client_id. It is read for each call to the introspection endpoint"`
	IntrospectionAuthMethod        string  `yaml:"introspection_auth_method" enum:"client_secret_basic,client_secret_basic_raw,client_secret_post,bearer,private_key_jwt,tls_client_auth" doc:"how this server authenticates at the introspection endpoint. client_secret_basic_raw: the ID and the secret in the Authorization header without form-encoding, for servers that do not decode them. bearer: an access token. private_key_jwt: a signed assertion. tls_client_auth: tls_client_certificate_file. Default: client_secret_basic"`
	IntrospectionBearerToken       Secret  `yaml:"introspection_bearer_token" doc:"access token for the introspection endpoint, for the method bearer"`
	IntrospectionBearerTokenFile   string  `yaml:"introspection_bearer_token_file" doc:"file with the access token for the introspection endpoint. It is read for each call"`
	IntrospectionPrivateKeyFile    string  `yaml:"introspection_private_key_file" doc:"file with the private key for the method private_key_jwt: PEM without a password, or one JWK. It is read for each call"`
	IntrospectionKeyID             string  `yaml:"introspection_key_id" doc:"kid of the assertions of private_key_jwt. Default: the kid of the JWK"`
	IntrospectionKeyAlgorithm      string  `yaml:"introspection_key_algorithm" doc:"algorithm of the assertions of private_key_jwt. Default: the alg of the JWK, or RS256, ES256, ES384, ES512 or EdDSA by the type of the key"`
	IntrospectionAssertionAudience string  `yaml:"introspection_assertion_audience" doc:"aud of the assertions of private_key_jwt. Default: issuer_url. Set it only for servers that accept only another value, such as the URL of an endpoint"`
	TLSClientCertificateFile       string  `yaml:"tls_client_certificate_file" doc:"file with the client certificate, in PEM with its chain, for mutual TLS with the introspection endpoint. It can be combined with every introspection_auth_method, and is read for each call"`
	TLSClientKeyFile               string  `yaml:"tls_client_key_file" doc:"file with the private key of tls_client_certificate_file, in PEM"`
	IntrospectionTokenTypeHint     string  `yaml:"introspection_token_type_hint" doc:"token_type_hint of introspection requests. none: no hint, for endpoints that report access tokens as inactive because of it. Default: access_token"`
	IntrospectionSignedAnswers     bool    `yaml:"introspection_signed_answers" doc:"true: introspection responses must be signed for client_id (RFC 9701). The keys are those of jwks_uri or of the issuer's metadata. Default: false"`
	IntrospectionAnswerTTL         *int    `yaml:"introspection_answer_ttl_seconds" max:"86400" doc:"maximum time that an introspection response is cached, which is the longest time that a revocation is not noticed. 0: each request causes a call. Default: token_cache_ttl_seconds"`
	IntrospectionTimeout           *int    `yaml:"introspection_timeout_seconds" min:"1" max:"30" doc:"maximum time for the introspection of one token. Default: 5"`
	IntrospectionMaxConcurrent     *int    `yaml:"introspection_max_concurrent" min:"1" max:"1024" doc:"maximum number of concurrent calls to the introspection endpoint. Default: 32"`
	TrustAnswersWithoutAudience    bool    `yaml:"trust_answers_without_audience" doc:"true: introspection responses without aud are accepted. SET IT ONLY IF THE ISSUER REPORTS EVERY TOKEN THAT WAS NOT ISSUED FOR THIS SERVER AS INACTIVE TO THIS CLIENT. Otherwise a token for any server of the issuer is accepted. Default: false"`
	TrustAnswersWithoutTokenType   bool    `yaml:"trust_answers_without_token_type" doc:"true: introspection responses without aud, token_type and token_use are accepted. SET IT ONLY IF THE ENDPOINT NEVER REPORTS A REFRESH TOKEN OR AN ID TOKEN AS ACTIVE. It requires trust_answers_without_audience. Default: false"`

	DPoP         string `yaml:"dpop" enum:"off,accepted,required" doc:"dpop_tokens for the tokens of this issuer alone. Default: dpop_tokens"`
	Certificates string `yaml:"client_certificates" enum:"off,accepted,required" doc:"client_certificate_tokens for the tokens of this issuer alone. Default: client_certificate_tokens"`

	AllowPrivateHosts []string `yaml:"allow_private_hosts" doc:"hosts that the issuer's metadata may name although their addresses are private"`
	AllowHTTPIssuer   bool     `yaml:"allow_http_issuer" doc:"true: the URLs of the issuer may have the scheme http although the host is not a loopback address. Everyone on the network can then replace the signing keys and read the tokens and client secrets that warder sends. Default: false"`
	ProxyURL          Address  `yaml:"proxy_url" format:"uri" doc:"URL of an HTTP proxy through which warder calls the issuer. Default: no proxy; environment variables such as HTTPS_PROXY are not used"`
	ServeMetadata     bool     `yaml:"serve_issuer_metadata" doc:"true: this server also serves the issuer's metadata, for clients that request it here. At most one issuer can have the value true. Default: false"`
	CAFile            string   `yaml:"ca_file" doc:"file of PEM certificates that are trusted for the issuer, instead of the system's certificates"`
}

// ResourceScopes is a rule for MCP resources. It has exactly one of uri, prefix and
// template.
type ResourceScopes struct {
	URI      string   `yaml:"uri" doc:"URI of one resource"`
	Prefix   string   `yaml:"prefix" doc:"prefix of the URIs of several resources"`
	Template string   `yaml:"template" doc:"RFC 6570 template of the URIs of several resources"`
	Scopes   []string `yaml:"scopes" required:"here" doc:"additional scopes or alternatives for the resources"`
}

// HeaderClaim is a header field that must agree with a claim.
type HeaderClaim struct {
	Header   string `yaml:"header" required:"here" doc:"name of the header field"`
	Claim    string `yaml:"claim" required:"here" doc:"name of the claim, whose value is a string"`
	Required bool   `yaml:"required" doc:"true: requests without the header field are rejected too. Default: false"`
}

// ResourceConditions are conditions for MCP resources. It has exactly one of uri, prefix and
// template.
type ResourceConditions struct {
	URI        string      `yaml:"uri" doc:"URI of one resource"`
	Prefix     string      `yaml:"prefix" doc:"prefix of the URIs of several resources"`
	Template   string      `yaml:"template" doc:"RFC 6570 template of the URIs of several resources"`
	Conditions []Condition `yaml:"conditions" required:"here" doc:"conditions on the caller's claims"`
}

// ArgumentScopes is a rule for an argument of a tool.
type ArgumentScopes struct {
	Tool     string              `yaml:"tool" required:"here" doc:"name of the tool"`
	Argument string              `yaml:"argument" required:"here" doc:"name of the argument"`
	Values   map[string][]string `yaml:"values" required:"here" doc:"listed values of the argument, which are strings, each with its additional scopes"`
	Others   string              `yaml:"others" enum:"need_all,reject" doc:"calls with another value, without the argument, or with a similar argument. need_all: they need the scopes of all listed values. reject: they are rejected with 403. Default: need_all"`
}

// Condition is a condition on a claim. It has a claim and exactly one of the other keys.
type Condition struct {
	Claim         string `yaml:"claim" required:"here" doc:"name or JSON Pointer of the claim"`
	Equals        any    `yaml:"equals" doc:"value of the claim: a string, a whole number, true or false. The type counts"`
	OneOf         []any  `yaml:"one_of" doc:"values, one of which the claim must have"`
	Contains      any    `yaml:"contains" doc:"value that the claim, an array, must contain"`
	ContainsOneOf []any  `yaml:"contains_one_of" doc:"values, at least one of which the claim, an array, must contain"`
	PathPrefix    string `yaml:"path_prefix" doc:"path that the claim must be, or be below, by whole segments between slashes"`

	ContainsDetail *DetailCondition `yaml:"contains_detail" doc:"authorization detail that the claim, usually authorization_details, must contain"`
}

// DetailCondition describes an authorization detail (RFC 9396).
type DetailCondition struct {
	Type       string   `yaml:"type" required:"here" doc:"type of the authorization detail"`
	Actions    []string `yaml:"actions" doc:"actions, all of which the detail must have"`
	DataTypes  []string `yaml:"datatypes" doc:"data types, all of which the detail must have"`
	Privileges []string `yaml:"privileges" doc:"privileges, all of which the detail must have"`
	Identifier string   `yaml:"identifier" doc:"identifier that the detail must have"`
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
