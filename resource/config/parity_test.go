package config_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/securityevents"
)

// goFields lists every field of the configuration in Go with the keys of the file that set it,
// or with the reason why the file cannot set it. A reason contains a space.
var goFields = map[string]string{
	"resource.Config.Identifier":   "resource_server_url",
	"resource.Config.Issuers":      "additional_issuers",
	"resource.Config.Opaque":       "client_id",
	"resource.Config.Scopes":       "required_scopes",
	"resource.Config.Operations":   "a struct",
	"resource.Config.ScopeOptions": "a struct",
	"resource.Config.Credentials":  "a struct",
	"resource.Config.HTTP":         "a struct",
	"resource.Config.Hooks":        "functions of the program",
	"resource.Config.Limits":       "a struct",
	"resource.Config.Metadata":     "a struct",
	"resource.Config.Logger":       "config.Config.Logger sets it",
	"resource.Config.Identifiers":  "additional_resource_server_urls",

	"resource.Operations.Methods":         "method_scopes",
	"resource.Operations.Tools":           "tool_scopes",
	"resource.Operations.Prompts":         "prompt_scopes",
	"resource.Operations.Resources":       "resource_scopes",
	"resource.Operations.Rule":            "a function of the program",
	"resource.Operations.Undeclared":      "undeclared_operations",
	"resource.Operations.Public":          "public_operations",
	"resource.Operations.PublicTools":     "public_tools",
	"resource.Operations.PublicPrompts":   "public_prompts",
	"resource.Operations.PublicResources": "public_resources",
	"resource.Operations.Stateless":       "stateless",
	"resource.Operations.LateChallenges":  "handlers of the program must call resource.Challenge",
	"resource.Operations.Arguments":       "argument_scopes",
	"resource.Operations.Conditions":      "a struct",
	"resource.Operations.Bound":           "a struct",
	"resource.BoundOperations.Methods":    "bound_methods",
	"resource.BoundOperations.Tools":      "bound_tools",
	"resource.BoundOperations.Prompts":    "bound_prompts",
	"resource.BoundOperations.Resources":  "bound_resources",
	"resource.ResourcePattern.URI":        "bound_resources[].uri",
	"resource.ResourcePattern.Prefix":     "bound_resources[].prefix",
	"resource.ResourcePattern.Template":   "bound_resources[].template",
	"resource.Operations.Authentication":  "a struct",

	"resource.ScopeOptions.Implies":   "implied_scopes",
	"resource.ScopeOptions.Challenge": "challenge_scopes",
	"resource.ScopeOptions.StepUp":    "step_up",

	"resource.Credentials.Prefixed":       "token_prefix",
	"resource.Credentials.Headers":        "api_keys_file",
	"resource.Credentials.DigestKey":      "digest_key_file",
	"resource.Credentials.HeaderClaims":   "header_claims",
	"resource.Credentials.TokenHeaders":   "token_header",
	"resource.Credentials.Conditions":     "required_conditions",
	"resource.Credentials.Authentication": "required_authentication",
	"resource.Credentials.DPoP":           "a struct",
	"resource.Credentials.Certificates":   "a struct",
	"resource.Credentials.HoldTokens":     "on_behalf_of",

	"resource.DPoP.Tokens":          "dpop_tokens",
	"resource.DPoP.Algorithms":      "dpop_algorithms",
	"resource.DPoP.Window":          "dpop_window_seconds",
	"resource.DPoP.RequireNonce":    "dpop_require_nonce",
	"resource.DPoP.NonceKeys":       "dpop_nonce_key_files",
	"resource.DPoP.Replays":         "shared_state.replays",
	"resource.DPoP.MaxProofs":       "dpop_max_proofs",
	"resource.DPoP.MaxProofsPerKey": "dpop_max_proofs_per_key",

	"resource.ClientCertificates.Tokens":  "client_certificate_tokens",
	"resource.ClientCertificates.Field":   "client_certificate_field",
	"resource.ClientCertificates.Format":  "client_certificate_format",
	"resource.ClientCertificates.Proxies": "client_certificate_proxies",

	"resource.HTTPOptions.Origins":             "allowed_origins",
	"resource.HTTPOptions.DenyLoopbackOrigins": "deny_loopback_origins",
	"resource.HTTPOptions.AllowHTTP":           "allow_http",
	"resource.HTTPOptions.KeepAuthorization":   "keep_authorization",
	"resource.HTTPOptions.BasePath":            "base_path",
	"resource.HTTPOptions.MetadataURL":         "resource_metadata_url",
	"resource.HTTPOptions.MetadataPaths":       "resource_metadata_paths",
	"resource.HTTPOptions.ServerMetadata":      "serve_issuer_metadata",
	"resource.HTTPOptions.HandlerChallenges":   "handler_challenges",

	"resource.Limits.Leeway":             "leeway_seconds",
	"resource.Limits.MaxLifetime":        "max_token_lifetime_seconds",
	"resource.Limits.MaxTokenBytes":      "max_token_bytes",
	"resource.Limits.MaxBodyBytes":       "max_body_bytes",
	"resource.Limits.CacheTTL":           "token_cache_ttl_seconds",
	"resource.Limits.CacheEntries":       "token_cache_entries",
	"resource.Limits.CacheBytes":         "token_cache_bytes",
	"resource.Limits.MaxResolvedIssuers": "applies only to Hooks.ResolveIssuer, which is a function of the program",
	"resource.Limits.LogPerSecond":       "log_records_per_second",

	"resource.Issuer.Verifier":                    "issuer_url",
	"resource.Issuer.Audiences":                   "expected_audiences",
	"resource.Issuer.LiteralAudiences":            "literal_audiences",
	"resource.Issuer.AudienceClaims":              "audience_claims",
	"resource.Issuer.ScopeClaim":                  "scope_claim",
	"resource.Issuer.ScopePrefix":                 "scope_prefix",
	"resource.Issuer.RoleClaim":                   "role_claim",
	"resource.Issuer.RoleScopes":                  "role_scopes",
	"resource.Issuer.SubjectClaim":                "subject_claim",
	"resource.Issuer.ClientTokens":                "client_token_claim",
	"resource.Issuer.TokenTypes":                  "token_types",
	"resource.Issuer.Tenants":                     "tenant_pattern",
	"resource.Issuer.StrictRFC9068":               "strict_rfc9068",
	"resource.Issuer.TrustAnswersWithoutAudience": "trust_answers_without_audience",
	"resource.Issuer.ScopeNames":                  "scope_names",
	"resource.Issuer.UnavailableScopes":           "unavailable_scopes",
	"resource.Issuer.Conditions":                  "conditions",
	"resource.Issuer.HeaderTypes":                 "header_types",
	"resource.Issuer.AllowAtHash":                 "allow_at_hash",
	"resource.Issuer.AllowZipNone":                "allow_zip_none",
	"resource.Issuer.DPoP":                        "dpop",
	"resource.Issuer.Certificates":                "client_certificates",

	"resource.ClientTokens.Claim":           "client_token_claim",
	"resource.ClientTokens.Value":           "client_token_value",
	"resource.ClientTokens.SubjectIsClient": "subject_is_client",

	"resource.Tenants.Allow":     "allowed_tenants",
	"resource.Tenants.AllowFunc": "a function of the program",
	"resource.Tenants.Claim":     "tenant_claim",

	"resource.ResourceRule.URI":      "resource_scopes[].uri",
	"resource.ResourceRule.Prefix":   "resource_scopes[].prefix",
	"resource.ResourceRule.Template": "resource_scopes[].template",
	"resource.ResourceRule.Scopes":   "resource_scopes[].scopes",

	"resource.HeaderClaim.Claim":    "header_claims[].claim",
	"resource.HeaderClaim.Required": "header_claims[].required",

	"metadata.Document.Resource":                              "resource_server_url",
	"metadata.Document.AuthorizationServers":                  "authorization_servers",
	"metadata.Document.JWKSURI":                               "the keys belong to the program: its server signs with them",
	"metadata.Document.ScopesSupported":                       "scopes_supported",
	"metadata.Document.BearerMethodsSupported":                "always the same value",
	"metadata.Document.ResourceSigningAlgValuesSupported":     "only a program that signs its responses can state it",
	"metadata.Document.ResourceName":                          "resource_name",
	"metadata.Document.ResourceDocumentation":                 "service_documentation_url",
	"metadata.Document.ResourcePolicyURI":                     "policy_url",
	"metadata.Document.ResourceTOSURI":                        "terms_of_service_url",
	"metadata.Document.TLSClientCertificateBoundAccessTokens": "client_certificate_tokens",
	"metadata.Document.AuthorizationDetailsTypesSupported":    "authorization_details_types_supported",
	"metadata.Document.DPoPSigningAlgValuesSupported":         "dpop_algorithms",
	"metadata.Document.DPoPBoundAccessTokensRequired":         "dpop_tokens",
	"metadata.Document.SignedMetadata":                        "the program must sign it",
	"metadata.Document.Extra":                                 "its values have any type, and Complete can set it",
	"metadata.Document.AllowHTTP":                             "allow_http",
	"metadata.Document.Paths":                                 "base_path",

	"jwks.Config.Issuer":          "issuer_url",
	"jwks.Config.URL":             "jwks_uri",
	"jwks.Config.File":            "jwks_file",
	"jwks.Config.Keys":            "jwks_file is for keys that do not change, too",
	"jwks.Config.Algorithms":      "algorithms",
	"jwks.Config.RefreshInterval": "jwks_refresh_seconds",
	"jwks.Config.AllowHosts":      "allow_private_hosts",
	"jwks.Config.AllowHTTP":       "allow_http_issuer",
	"jwks.Config.TLS":             "ca_file",
	"jwks.Config.Proxy":           "proxy_url",
	"jwks.Config.Transport":       "config.Config.Transport sets it",
	"jwks.Config.Logger":          "config.Config.Logger sets it",
	"jwks.Config.MetadataURL":     "metadata_url",
	"jwks.Config.KeysFunc":        "a function of the program",
	"jwks.Config.BearerToken":     "jwks_bearer_token",
	"jwks.Config.BearerTokenFile": "jwks_bearer_token_file",
	"jwks.Config.KeyUses":         "key_uses",

	"introspect.Config.Issuer":                       "issuer_url",
	"introspect.Config.Endpoint":                     "introspection_endpoint",
	"introspect.Config.Auth":                         "a struct",
	"introspect.Config.SignedAnswers":                "introspection_signed_answers",
	"introspect.Config.KeysURL":                      "jwks_uri",
	"introspect.Config.AnswerTTL":                    "introspection_answer_ttl_seconds",
	"introspect.Config.Timeout":                      "introspection_timeout_seconds",
	"introspect.Config.MaxConcurrent":                "introspection_max_concurrent",
	"introspect.Config.Answers":                      "shared_state.introspection_answers",
	"introspect.Config.AnswerKeys":                   "shared_state.key_files",
	"introspect.Config.AllowHosts":                   "allow_private_hosts",
	"introspect.Config.AllowHTTP":                    "allow_http_issuer",
	"introspect.Config.TLS":                          "ca_file",
	"introspect.Config.Proxy":                        "proxy_url",
	"introspect.Config.Transport":                    "config.Config.Transport sets it",
	"introspect.Config.Logger":                       "config.Config.Logger sets it",
	"introspect.Config.MetadataURL":                  "metadata_url",
	"introspect.Config.TokenTypeHint":                "introspection_token_type_hint",
	"introspect.Config.TrustAnswersWithoutTokenType": "trust_answers_without_token_type",
	"introspect.Config.CertificateFile":              "tls_client_certificate_file",
	"introspect.Config.CertificateKeyFile":           "tls_client_key_file",
	"introspect.ClientAuth.Method":                   "introspection_auth_method",
	"introspect.ClientAuth.ClientID":                 "client_id",
	"introspect.ClientAuth.ClientSecret":             "client_secret",
	"introspect.ClientAuth.ClientSecretFile":         "client_secret_file",
	"introspect.ClientAuth.ClientSecretFunc":         "a function of the program; a file that is read for each call replaces it",
	"introspect.ClientAuth.BearerToken":              "introspection_bearer_token",
	"introspect.ClientAuth.BearerTokenFile":          "introspection_bearer_token_file",
	"introspect.ClientAuth.BearerTokenFunc":          "a function of the program; a file that is read for each call replaces it",
	"introspect.ClientAuth.Signer":                   "a key in a device or a service needs code; see introspection_private_key_file",
	"introspect.ClientAuth.PrivateKeyFile":           "introspection_private_key_file",
	"introspect.ClientAuth.KeyID":                    "introspection_key_id",
	"introspect.ClientAuth.Algorithm":                "introspection_key_algorithm",
	"introspect.ClientAuth.Audience":                 "introspection_assertion_audience",
	"securityevents.Config.Keys":                     "security_events.jwks_uri",
	"securityevents.Config.Audience":                 "security_events.audience",
	"securityevents.Config.Revocations":              "it is config.Live.Revocations",
	"securityevents.Config.TokenIssuer":              "security_events.issuer_url",
	"securityevents.Config.TokenLifetime":            "security_events.token_lifetime_seconds",
	"securityevents.Config.TokensHaveSession":        "security_events.tokens_have_session",
	"securityevents.Config.Authorization":            "security_events.authorization",
	"securityevents.Config.AuthorizationFile":        "security_events.authorization_file",
	"securityevents.Config.MaxAge":                   "security_events.max_age_seconds",
	"securityevents.Config.Leeway":                   "security_events.leeway_seconds",
	"securityevents.Config.Logger":                   "config.Config.Logger sets it",
	"revocation.Config.Store":                        "shared_state.revocations",
	"revocation.Config.Keys":                         "shared_state.key_files",
	"revocation.Config.MaxEntries":                   "shared_state.max_revocations",
	"revocation.Config.MaxAge":                       "shared_state.max_revocation_age_seconds",
	"revocation.Config.AcceptOutdated":               "shared_state.accept_outdated_revocations",
	"revocation.Config.Logger":                       "config.Config.Logger sets it",
	"config.StoreSettings.Addresses":                 "shared_state.addresses",
	"config.StoreSettings.Mode":                      "shared_state.mode",
	"config.StoreSettings.SentinelMaster":            "shared_state.sentinel_master",
	"config.StoreSettings.Username":                  "shared_state.username",
	"config.StoreSettings.PasswordFile":              "shared_state.password_file",
	"config.StoreSettings.SentinelUsername":          "shared_state.sentinel_username",
	"config.StoreSettings.SentinelPasswordFile":      "shared_state.sentinel_password_file",
	"config.StoreSettings.TLS":                       "shared_state.tls",
	"config.StoreSettings.Prefix":                    "shared_state.prefix",
	"config.StoreSettings.Database":                  "shared_state.database",
	"config.StoreSettings.Timeout":                   "shared_state.timeout_milliseconds",
	"config.StoreSettings.MaxCalls":                  "shared_state.max_calls",
	"config.StoreSettings.MaxRevocations":            "shared_state.max_revocations",
	"config.StoreSettings.MaxProofsPerKey":           "shared_state.max_proofs_per_key",
	"config.StoreSettings.Logger":                    "config.Config.Logger sets it",
	"onbehalf.Config.Issuer":                         "on_behalf_of.issuer_url",
	"onbehalf.Config.MetadataURL":                    "metadata_url",
	"onbehalf.Config.TokenEndpoint":                  "on_behalf_of.token_endpoint",
	"onbehalf.Config.Auth":                           "on_behalf_of.client_id",
	"onbehalf.Config.Targets":                        "on_behalf_of.targets",
	"onbehalf.Config.Timeout":                        "on_behalf_of.timeout_seconds",
	"onbehalf.Config.MaxConcurrent":                  "on_behalf_of.max_concurrent",
	"onbehalf.Config.CacheEntries":                   "on_behalf_of.cache_entries",
	"onbehalf.Config.AllowHosts":                     "allow_private_hosts",
	"onbehalf.Config.AllowHTTP":                      "on_behalf_of.allow_http",
	"onbehalf.Config.TLS":                            "ca_file",
	"onbehalf.Config.CertificateFile":                "on_behalf_of.tls_client_certificate_file",
	"onbehalf.Config.CertificateKeyFile":             "on_behalf_of.tls_client_key_file",
	"onbehalf.Config.Proxy":                          "proxy_url",
	"onbehalf.Config.Transport":                      "config.Config.Transport sets it",
	"onbehalf.Config.Logger":                         "config.Config.Logger sets it",
	"onbehalf.Target.Name":                           "on_behalf_of.targets",
	"onbehalf.Target.Grant":                          "on_behalf_of.targets.NAME.grant",
	"onbehalf.Target.Audiences":                      "on_behalf_of.targets.NAME.audiences",
	"onbehalf.Target.Resources":                      "on_behalf_of.targets.NAME.resources",
	"onbehalf.Target.Scopes":                         "on_behalf_of.targets.NAME.scopes",
	"onbehalf.Target.AcceptWiderScopes":              "on_behalf_of.targets.NAME.accept_wider_scopes",
	"onbehalf.Target.SubjectTokenType":               "on_behalf_of.targets.NAME.subject_token_type",
	"onbehalf.Target.RequestedTokenType":             "on_behalf_of.targets.NAME.requested_token_type",
	"onbehalf.Target.IssuedTokenType":                "on_behalf_of.targets.NAME.issued_token_type",
	"onbehalf.Target.Actor":                          "a struct",
	"onbehalf.Target.IssuedAudiences":                "on_behalf_of.targets.NAME.issued_audiences",
	"onbehalf.Target.Origins":                        "on_behalf_of.targets.NAME.origins",
	"onbehalf.Target.ChallengeScopes":                "on_behalf_of.targets.NAME.challenge_scopes",
	"onbehalf.Target.InteractionURL":                 "on_behalf_of.targets.NAME.interaction_url",
	"onbehalf.Actor.TokenFile":                       "on_behalf_of.targets.NAME.actor_token_file",
	"onbehalf.Actor.TokenFunc":                       "a function of the program; a file that is read for each exchange replaces it",
	"onbehalf.Actor.TokenType":                       "on_behalf_of.targets.NAME.actor_token_type",
	"resource.Condition.Claim":                       "conditions[].claim",
	"resource.Condition.Equals":                      "conditions[].equals",
	"resource.Condition.OneOf":                       "conditions[].one_of",
	"resource.Condition.Contains":                    "conditions[].contains",
	"resource.Condition.ContainsOneOf":               "conditions[].contains_one_of",
	"resource.Condition.PathPrefix":                  "conditions[].path_prefix",
	"resource.Condition.ContainsDetail":              "conditions[].contains_detail",
	"resource.DetailCondition.Type":                  "conditions[].contains_detail.type",
	"resource.DetailCondition.Actions":               "conditions[].contains_detail.actions",
	"resource.DetailCondition.DataTypes":             "conditions[].contains_detail.datatypes",
	"resource.DetailCondition.Privileges":            "conditions[].contains_detail.privileges",
	"resource.DetailCondition.Identifier":            "conditions[].contains_detail.identifier",
	"resource.Authentication.ACRValues":              "required_authentication.acr_values",
	"resource.Authentication.MaxAge":                 "required_authentication.max_age_seconds",
	"resource.OperationAuthentication.Methods":       "method_authentication",
	"resource.OperationAuthentication.Tools":         "tool_authentication",
	"resource.OperationAuthentication.Prompts":       "prompt_authentication",
	"resource.OperationAuthentication.Resources":     "resource_authentication",
	"resource.ResourceAuthentication.URI":            "resource_authentication[].uri",
	"resource.ResourceAuthentication.Prefix":         "resource_authentication[].prefix",
	"resource.ResourceAuthentication.Template":       "resource_authentication[].template",
	"resource.ResourceAuthentication.Authentication": "resource_authentication[].acr_values",
	"resource.OperationConditions.Methods":           "method_conditions",
	"resource.OperationConditions.Tools":             "tool_conditions",
	"resource.OperationConditions.Prompts":           "prompt_conditions",
	"resource.OperationConditions.Resources":         "resource_conditions",
	"resource.ArgumentRule.Tool":                     "argument_scopes[].tool",
	"resource.ArgumentRule.Argument":                 "argument_scopes[].argument",
	"resource.ArgumentRule.Values":                   "argument_scopes[].values",
	"resource.ArgumentRule.Others":                   "argument_scopes[].others",
}

// Every field of the configuration in Go can be set in the file too, or has its reason in
// goFields.
func TestFileSetsEveryField(t *testing.T) {
	known := keysOf(reflect.TypeFor[config.Settings](), "")
	listed := map[string]bool{}
	for _, of := range []reflect.Type{
		reflect.TypeFor[resource.Config](), reflect.TypeFor[resource.Operations](), reflect.TypeFor[resource.ScopeOptions](),
		reflect.TypeFor[resource.Credentials](), reflect.TypeFor[resource.DPoP](), reflect.TypeFor[resource.BoundOperations](), reflect.TypeFor[resource.ResourcePattern](), reflect.TypeFor[resource.ClientCertificates](), reflect.TypeFor[resource.HTTPOptions](), reflect.TypeFor[resource.Limits](),
		reflect.TypeFor[resource.Issuer](), reflect.TypeFor[resource.ClientTokens](), reflect.TypeFor[resource.Tenants](),
		reflect.TypeFor[resource.ResourceRule](), reflect.TypeFor[resource.Condition](), reflect.TypeFor[resource.DetailCondition](), reflect.TypeFor[resource.OperationConditions](),
		reflect.TypeFor[resource.Authentication](), reflect.TypeFor[resource.OperationAuthentication](), reflect.TypeFor[resource.ResourceAuthentication](), reflect.TypeFor[resource.ArgumentRule](), reflect.TypeFor[resource.HeaderClaim](), reflect.TypeFor[metadata.Document](),
		reflect.TypeFor[jwks.Config](), reflect.TypeFor[introspect.Config](), reflect.TypeFor[introspect.ClientAuth](),
		reflect.TypeFor[revocation.Config](), reflect.TypeFor[config.StoreSettings](), reflect.TypeFor[securityevents.Config](),
		reflect.TypeFor[onbehalf.Config](), reflect.TypeFor[onbehalf.Target](), reflect.TypeFor[onbehalf.Actor](),
	} {
		for field := range of.Fields() {
			name := of.String() + "." + field.Name
			listed[name] = true
			switch key := goFields[name]; {
			case key == "":
				t.Errorf("%s: add a key to the file for it, or the reason why the file cannot set it", name)
			case !strings.Contains(key, " ") && !slices.Contains(known, key):
				t.Errorf("%s: the file has no key %s", name, key)
			}
		}
	}
	for name := range goFields {
		if !listed[name] {
			t.Errorf("%s: is not a field", name)
		}
	}
}

// keysOf returns the keys of the file, with those of nested lists as in name[].key.
func keysOf(t reflect.Type, prefix string) (all []string) {
	for _, field := range reflect.VisibleFields(t) {
		name := field.Tag.Get("yaml")
		if field.Anonymous || name == "" {
			continue
		}
		all = append(all, prefix+name)
		if suffix := nested(field.Type); suffix != "" {
			all = append(all, keysOf(field.Type.Elem(), prefix+name+suffix)...)
		}
	}
	return all
}
