package providertest_test

import (
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// recipes are the configurations of docs/recipes.md in Go. The key is the name of the fixture in
// testdata/recipes.
var recipes = map[string]func(verifiers) resource.Config{
	"github-actions": func(with verifiers) resource.Config {
		github := resource.Issuer{
			Verifier: with.jwks(jwks.Config{Issuer: "https://token.actions.githubusercontent.com"}),
			Conditions: []resource.Condition{
				{Claim: "repository_owner_id", Equals: "65"},
				{Claim: "ref", Equals: "refs/heads/main"},
			},
		}
		return resource.Config{Issuers: []resource.Issuer{github}, Operations: resource.Operations{
			Conditions: resource.OperationConditions{Tools: map[string][]resource.Condition{
				"deploy": {{Claim: "environment", Equals: "prod"}},
			}},
		}}
	},

	"gitlab-ci": func(with verifiers) resource.Config {
		gitlab := resource.Issuer{
			Verifier: with.jwks(jwks.Config{Issuer: "https://gitlab.com"}),
			Conditions: []resource.Condition{
				{Claim: "namespace_path", PathPrefix: "acme/platform"},
				{Claim: "ref_protected", Equals: "true"},
			},
		}
		return resource.Config{Issuers: []resource.Issuer{gitlab}, Operations: resource.Operations{
			Conditions: resource.OperationConditions{Tools: map[string][]resource.Condition{
				"deploy": {{Claim: "environment_protected", Equals: "true"}},
			}},
		}}
	},

	"kubernetes": func(with verifiers) resource.Config {
		cluster := resource.Issuer{
			Verifier: with.jwks(jwks.Config{
				Issuer: "https://kubernetes.default.svc.cluster.local",
				URL:    "https://kubernetes.default.svc/openid/v1/jwks",
			}),
			Conditions: []resource.Condition{{Claim: "/kubernetes.io/namespace", OneOf: []any{"agents", "ci"}}},
		}
		return resource.Config{Issuers: []resource.Issuer{cluster}, Operations: resource.Operations{
			Conditions: resource.OperationConditions{Tools: map[string][]resource.Condition{
				"deploy": {{Claim: "/kubernetes.io/serviceaccount/name", Equals: "deployer"}},
			}},
		}}
	},

	"spiffe": func(with verifiers) resource.Config {
		spire := resource.Issuer{
			Verifier:    with.jwks(jwks.Config{Issuer: "https://oidc-discovery.example.org", KeyUses: []string{"jwt-svid"}}),
			HeaderTypes: []string{"JOSE"},
			Conditions:  []resource.Condition{{Claim: "sub", PathPrefix: "spiffe://example.org/ns/prod"}},
		}
		return resource.Config{Issuers: []resource.Issuer{spire}, Operations: resource.Operations{
			Conditions: resource.OperationConditions{Tools: map[string][]resource.Condition{
				"deploy": {{Claim: "sub", Equals: "spiffe://example.org/ns/prod/sa/deployer"}},
			}},
		}}
	},

	"google-service-account": func(with verifiers) resource.Config {
		google := resource.Issuer{
			Verifier: with.jwks(jwks.Config{Issuer: "https://accounts.google.com"}),
			Conditions: []resource.Condition{
				{Claim: "email", OneOf: []any{"agent@my-project.iam.gserviceaccount.com", "ci@my-project.iam.gserviceaccount.com"}},
				{Claim: "email_verified", Equals: true},
			},
		}
		return resource.Config{Issuers: []resource.Issuer{google}}
	},

	"entra-groups": func(with verifiers) resource.Config {
		entra := resource.Issuer{
			Verifier:    with.jwks(jwks.Config{Issuer: "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0"}),
			Audiences:   []string{"11112222-bbbb-3333-cccc-4444dddd5555"},
			ScopePrefix: "api://11112222-bbbb-3333-cccc-4444dddd5555/",
			Conditions:  []resource.Condition{{Claim: "tid", Equals: "aaaabbbb-0000-cccc-1111-dddd2222eeee"}},
		}
		return resource.Config{
			Issuers: []resource.Issuer{entra},
			Scopes:  []string{"api://11112222-bbbb-3333-cccc-4444dddd5555/mcp.read"},
			Operations: resource.Operations{Conditions: resource.OperationConditions{Tools: map[string][]resource.Condition{
				"purge":  {{Claim: "groups", Contains: "66667777-aaaa-8888-bbbb-9999cccc0000"}},
				"deploy": {{Claim: "roles", Contains: "Mcp.Operator"}},
			}}},
		}
	},

	"keycloak-roles": func(with verifiers) resource.Config {
		keycloak := resource.Issuer{Verifier: with.jwks(jwks.Config{Issuer: "https://sso.example.com/realms/mcp"})}
		return resource.Config{
			Issuers: []resource.Issuer{keycloak},
			Scopes:  []string{"mcp:read"},
			Operations: resource.Operations{Conditions: resource.OperationConditions{Tools: map[string][]resource.Condition{
				"deploy": {{Claim: "/resource_access/mcp-server/roles", Contains: "operator"}},
			}}},
		}
	},

	"auth0-rbac": func(with verifiers) resource.Config {
		auth0 := resource.Issuer{Verifier: with.jwks(jwks.Config{Issuer: "https://acme.eu.auth0.com/"})}
		return resource.Config{
			Issuers: []resource.Issuer{auth0},
			Scopes:  []string{"mcp:read"},
			Operations: resource.Operations{Conditions: resource.OperationConditions{Tools: map[string][]resource.Condition{
				"delete_note": {{Claim: "permissions", Contains: "delete:notes"}},
			}}},
		}
	},

	"okta-groups": func(with verifiers) resource.Config {
		okta := resource.Issuer{
			Verifier:  with.jwks(jwks.Config{Issuer: "https://acme.okta.com/oauth2/default"}),
			Audiences: []string{"api://mcp"},
		}
		return resource.Config{
			Issuers: []resource.Issuer{okta},
			Scopes:  []string{"mcp:read"},
			Operations: resource.Operations{Conditions: resource.OperationConditions{Tools: map[string][]resource.Condition{
				"deploy": {{Claim: "groups", ContainsOneOf: []any{"mcp-ops", "mcp-admins"}}},
			}}},
		}
	},

	"tenant": func(with verifiers) resource.Config {
		login := resource.Issuer{Verifier: with.jwks(jwks.Config{Issuer: "https://login.example.com"})}
		return resource.Config{
			Issuers:     []resource.Issuer{login},
			Scopes:      []string{"mcp:read"},
			Credentials: resource.Credentials{Conditions: []resource.Condition{{Claim: "org_id", Equals: "org_4711"}}},
			Operations: resource.Operations{Conditions: resource.OperationConditions{Tools: map[string][]resource.Condition{
				"export": {{Claim: "plan", OneOf: []any{"team", "enterprise"}}},
			}}},
		}
	},
}

// recipeHeadings are the headings of docs/recipes.md.
var recipeHeadings = map[string]string{
	"github-actions":         "GitHub Actions",
	"gitlab-ci":              "GitLab CI",
	"kubernetes":             "Kubernetes service accounts",
	"spiffe":                 "SPIFFE",
	"google-service-account": "Google service accounts",
	"entra-groups":           "Microsoft Entra ID: groups and app roles",
	"keycloak-roles":         "Keycloak: client roles",
	"auth0-rbac":             "Auth0: permissions",
	"okta-groups":            "Okta: groups",
	"tenant":                 "Tenant isolation",
}
