package providertest_test

import (
	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// configurations are the examples in docs/providers.md. The key is the name of the fixture
// with tokens that the configuration accepts and rejects. newResource adds what all
// configurations share.
var configurations = map[string]func(verifiers) resource.Config{
	"keycloak": func(with verifiers) resource.Config {
		keycloak := resource.Issuer{
			Verifier:   with.jwks(jwks.Config{Issuer: "https://sso.example.com/realms/mcp"}),
			RoleClaim:  "/realm_access/roles",
			RoleScopes: map[string][]string{"notes-admin": {"mcp:admin"}},
		}
		return resource.Config{Issuers: []resource.Issuer{keycloak}, Scopes: []string{"mcp:read"}}
	},

	"entra-v2": func(with verifiers) resource.Config {
		entra := resource.Issuer{
			Verifier:    with.jwks(jwks.Config{Issuer: "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0"}),
			Audiences:   []string{"11112222-bbbb-3333-cccc-4444dddd5555"},
			ScopePrefix: "api://11112222-bbbb-3333-cccc-4444dddd5555/",
			RoleClaim:   "roles",
			RoleScopes:  map[string][]string{"Mcp.Read.All": {"api://11112222-bbbb-3333-cccc-4444dddd5555/mcp.read"}},
		}
		return resource.Config{Issuers: []resource.Issuer{entra}, Scopes: []string{"api://11112222-bbbb-3333-cccc-4444dddd5555/mcp.read"}}
	},

	"entra-tenants": func(with verifiers) resource.Config {
		const keys = "https://login.microsoftonline.com/organizations/discovery/v2.0/keys"
		entra := resource.Issuer{
			Verifier:    with.jwks(jwks.Config{Issuer: "https://login.microsoftonline.com/{tenantid}/v2.0", URL: keys}),
			Tenants:     &resource.Tenants{Allow: []string{"aaaabbbb-0000-cccc-1111-dddd2222eeee", "99998888-0000-cccc-1111-dddd2222eeee"}},
			Audiences:   []string{"11112222-bbbb-3333-cccc-4444dddd5555"},
			ScopePrefix: "api://11112222-bbbb-3333-cccc-4444dddd5555/",
			RoleClaim:   "roles",
			RoleScopes:  map[string][]string{"Mcp.Read.All": {"api://11112222-bbbb-3333-cccc-4444dddd5555/mcp.read"}},
		}
		return resource.Config{
			Issuers:  []resource.Issuer{entra},
			Metadata: metadata.Document{AuthorizationServers: []string{"https://login.microsoftonline.com/organizations/v2.0"}},
			Scopes:   []string{"api://11112222-bbbb-3333-cccc-4444dddd5555/mcp.read"},
		}
	},

	"keycloak-entra": func(with verifiers) resource.Config {
		keycloak := resource.Issuer{Verifier: with.jwks(jwks.Config{Issuer: "https://sso.example.com/realms/mcp"})}
		entra := resource.Issuer{
			Verifier:    with.jwks(jwks.Config{Issuer: "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0"}),
			Audiences:   []string{"11112222-bbbb-3333-cccc-4444dddd5555"},
			ScopePrefix: "api://11112222-bbbb-3333-cccc-4444dddd5555/",
			ScopeNames:  map[string]string{"mcp:read": "api://11112222-bbbb-3333-cccc-4444dddd5555/mcp.read"},
		}
		return resource.Config{Issuers: []resource.Issuer{keycloak, entra}, Scopes: []string{"mcp:read"}}
	},

	"entra-v1": func(with verifiers) resource.Config {
		entra := resource.Issuer{
			Verifier: with.jwks(jwks.Config{
				Issuer: "https://sts.windows.net/aaaabbbb-0000-cccc-1111-dddd2222eeee/",
				URL:    "https://login.microsoftonline.com/common/discovery/keys",
			}),
			Audiences:   []string{"api://11112222-bbbb-3333-cccc-4444dddd5555"},
			ScopePrefix: "api://11112222-bbbb-3333-cccc-4444dddd5555/",
			RoleClaim:   "roles",
			RoleScopes:  map[string][]string{"Mcp.Read.All": {"api://11112222-bbbb-3333-cccc-4444dddd5555/mcp.read"}},
		}
		return resource.Config{Issuers: []resource.Issuer{entra}, Scopes: []string{"api://11112222-bbbb-3333-cccc-4444dddd5555/mcp.read"}}
	},

	"auth0": func(with verifiers) resource.Config {
		auth0 := resource.Issuer{Verifier: with.jwks(jwks.Config{Issuer: "https://acme.eu.auth0.com/"})}
		return resource.Config{Issuers: []resource.Issuer{auth0}, Scopes: []string{"mcp:read"}}
	},

	"auth0-permissions": func(with verifiers) resource.Config {
		auth0 := resource.Issuer{
			Verifier:   with.jwks(jwks.Config{Issuer: "https://acme.eu.auth0.com/"}),
			ScopeClaim: "permissions",
		}
		return resource.Config{Issuers: []resource.Issuer{auth0}, Scopes: []string{"mcp:read"}}
	},

	"okta": func(with verifiers) resource.Config {
		okta := resource.Issuer{
			Verifier:  with.jwks(jwks.Config{Issuer: "https://acme.okta.com/oauth2/default"}),
			Audiences: []string{"api://mcp"},
		}
		return resource.Config{Issuers: []resource.Issuer{okta}, Scopes: []string{"mcp:read"}}
	},

	"cognito": func(with verifiers) resource.Config {
		cognito := resource.Issuer{
			Verifier:       with.jwks(jwks.Config{Issuer: "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01"}),
			AudienceClaims: []string{"client_id"},
			Audiences:      []string{"1example23456789"}, // an app client that is used for this resource only
			RoleClaim:      "cognito:groups",
		}
		return resource.Config{Issuers: []resource.Issuer{cognito}, Scopes: []string{"mcp/read"}}
	},

	"google": func(with verifiers) resource.Config {
		google := resource.Issuer{
			Verifier:  &tokeninfo{transport: with.transport},
			Audiences: []string{"407408718192.apps.googleusercontent.com"}, // a client that is used for this resource only
		}
		return resource.Config{Opaque: &google, Scopes: []string{"https://www.googleapis.com/auth/userinfo.email"}}
	},

	"zitadel": func(with verifiers) resource.Config {
		zitadel := resource.Issuer{
			Verifier: with.introspect(introspect.Config{
				Issuer:   "https://acme-x1y2z3.zitadel.cloud",
				Endpoint: "https://acme-x1y2z3.zitadel.cloud/oauth/v2/introspect",
				Auth:     introspect.ClientAuth{ClientID: "283424000000000002@mcp", ClientSecret: with.secret},
			}),
			Audiences: []string{"283423948203948203"}, // the project
		}
		return resource.Config{Opaque: &zitadel, Scopes: []string{"mcp:read"}}
	},

	"hydra": func(with verifiers) resource.Config {
		hydra := resource.Issuer{Verifier: with.jwks(jwks.Config{Issuer: "https://hydra.example.com"})}
		return resource.Config{Issuers: []resource.Issuer{hydra}, Scopes: []string{"mcp:read"}}
	},

	"hydra-opaque": func(with verifiers) resource.Config {
		hydra := resource.Issuer{Verifier: with.introspect(introspect.Config{
			Issuer:   "https://hydra.example.com",
			Endpoint: "https://hydra-admin.example.com/admin/oauth2/introspect",
			Auth:     introspect.ClientAuth{Method: introspect.Bearer, BearerToken: with.secret},
		})}
		return resource.Config{Opaque: &hydra, Scopes: []string{"mcp:read"}}
	},

	"duende": func(with verifiers) resource.Config {
		duende := resource.Issuer{Verifier: with.jwks(jwks.Config{Issuer: "https://identity.example.com"})}
		return resource.Config{Issuers: []resource.Issuer{duende}, Scopes: []string{"mcp:read"}}
	},
}
