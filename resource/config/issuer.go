package config

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// verifiers are verifiers by the digests of all their settings. A verifier with unchanged
// settings is reused, so that a reload does not fetch keys and does not reset circuit
// breakers.
type verifiers map[digest.Digest]resource.Verifier

// reuse returns the verifier with these settings, or a new one from create.
func (b *builder) reuse(create func() (resource.Verifier, error), settings ...any) (resource.Verifier, error) {
	id := digest.Of(fmt.Sprintf("%#v", settings))
	if v := b.used[id]; v != nil {
		return v, nil
	}
	v := b.previous[id]
	if v == nil {
		var err error
		if v, err = create(); err != nil {
			return nil, err
		}
		b.created = append(b.created, v)
	}
	b.used[id] = v
	return v, nil
}

// placeholder replaces a verifier that could not be built, so that building can continue
// and find more mistakes. It never verifies a token: the build fails because of the
// mistake that prevented the verifier.
type placeholder string

func (p placeholder) Issuer() string { return string(p) }

func (p placeholder) Verify(context.Context, *resource.Token) (*resource.Claims, error) {
	return nil, &resource.Error{Reason: resource.ReasonVerifierUnavailable}
}

// addIssuers builds the verifiers. JWTs are routed by issuer. Opaque tokens do not name
// their issuer, so the first issuer with introspection verifies them.
func (b *builder) addIssuers(c *resource.Config) {
	for n, s := range b.settings.issuers() {
		i := &issuerBuilder{builder: b, issuer: s, path: issuerPath(n)}
		b.issuers = append(b.issuers, i)
		i.url = b.requireURL(join(i.path, "issuer_url"), s.IssuerURL)
		if s.ExpectedAudiences != nil && len(s.ExpectedAudiences) == 0 {
			i.addMistake("expected_audiences", "is empty; name an audience or remove the key: resource_server_url is accepted anyway")
		}
		issuer := resource.Issuer{Audiences: s.ExpectedAudiences, LiteralAudiences: s.LiteralAudiences, AudienceClaims: s.AudienceClaims,
			ScopeClaim: s.ScopeClaim, ScopePrefix: s.ScopePrefix, ScopeNames: s.ScopeNames, UnavailableScopes: s.Unavailable, RoleClaim: s.RoleClaim, RoleScopes: s.RoleScopes,
			SubjectClaim: s.SubjectClaim, TokenTypes: s.TokenTypes, Conditions: b.conditions(join(i.path, "conditions"), s.Conditions),
			HeaderTypes: s.HeaderTypes, AllowAtHash: s.AllowAtHash, AllowZipNone: s.AllowZipNone,
			DPoP: bindings[s.DPoP], Certificates: bindings[s.Certificates],
			StrictRFC9068: s.StrictRFC9068, TrustAnswersWithoutAudience: s.TrustAnswersWithoutAudience}
		if s.ClientTokenClaim != "" || s.ClientTokenValue != "" || s.SubjectIsClient {
			issuer.ClientTokens = &resource.ClientTokens{Claim: s.ClientTokenClaim, Value: s.ClientTokenValue, SubjectIsClient: s.SubjectIsClient}
		}
		i.checkMetadataURL()
		i.readCAFile()
		i.setProxy()
		var introspector resource.Verifier
		if i.needsIntrospection() {
			introspector = i.introspectionVerifier()
			i.introspection, _ = introspector.(*introspect.Verifier)
		}
		if issuer.Verifier = introspector; !s.IntrospectJWTs {
			issuer.Verifier = i.keyVerifier()
			if s.TokenPrefix == "" { // otherwise the keys are not used
				i.keys, _ = issuer.Verifier.(*jwks.Verifier)
			}
		}
		if issuer.Verifier == nil {
			issuer.Verifier = placeholder(fmt.Sprintf("https://issuer-%d.invalid", n))
		}
		if i.addElsewhere(c, issuer, introspector) {
			continue
		}
		i.addTenants(&issuer)
		i.addServerMetadata(c, &issuer)
		c.Issuers, b.paths = append(c.Issuers, issuer), append(b.paths, i.path)
		switch {
		case introspector == nil:
		case c.Opaque == nil:
			opaque := issuer
			opaque.Verifier, opaque.StrictRFC9068, opaque.Tenants = introspector, false, nil // the latter two apply only to JWTs
			c.Opaque, b.opaquePath = &opaque, i.path
		case !s.IntrospectJWTs:
			i.addMistake("client_id", "opaque tokens do not name their issuer and are introspected at another issuer already; set introspect_jwts or remove the credentials")
		}
	}
}

// logOwnAudience logs the issuers whose expected_audiences does not list resource_server_url,
// because this audience is accepted anyway.
func (b *builder) logOwnAudience() {
	own := b.settings.ResourceServerURL
	for n, s := range b.settings.issuers() {
		if len(s.ExpectedAudiences) > 0 && !slices.Contains(s.ExpectedAudiences, own) && !slices.ContainsFunc(s.AudienceClaims, namesClient) {
			logging.OrDefault(b.config.Logger).Info("tokens for resource_server_url are accepted too, although expected_audiences does not list it",
				"key", join(issuerPath(n), "expected_audiences"), "issuer", s.IssuerURL, "resource_server_url", own)
		}
	}
}

// addServers sets the authorization servers to publish. By default, package resource publishes
// the issuers. It cannot publish a tenant_pattern, so addServers then lists the issuer_url of
// each issuer. Issuers with token_header or token_prefix are not published.
func (b *builder) addServers(c *resource.Config) {
	c.Metadata.AuthorizationServers = b.settings.AuthorizationServers
	issuers := b.settings.issuers()
	isTenanted := func(s *IssuerSettings) bool { return s.TenantPattern != "" }
	if b.settings.AuthorizationServers != nil || !slices.ContainsFunc(issuers, isTenanted) {
		return
	}
	for n, s := range issuers {
		if s.TokenHeader != "" || s.TokenPrefix != "" {
			continue
		}
		server := s.IssuerURL
		if err := metadata.CheckIssuer(server, false); err != nil {
			if path := join(issuerPath(n), "issuer_url"); server != "" {
				b.mistakes.add(b.position(path), "%s: %s; set authorization_servers", path, strings.TrimPrefix(err.Error(), "metadata: "))
			}
			server = missingURL
		}
		if !slices.Contains(c.Metadata.AuthorizationServers, server) {
			c.Metadata.AuthorizationServers = append(c.Metadata.AuthorizationServers, server)
		}
	}
}

// namesClient reports whether a claim of audience_claims names a client. If one does,
// resource_server_url is not an accepted audience.
func namesClient(claim string) bool { return claim != "aud" && claim != "resource" }

// An issuerBuilder builds the verifiers of one issuer.
type issuerBuilder struct {
	*builder
	issuer        *IssuerSettings
	path          string               // of the issuer's settings
	url           string               // issuer identifier
	keys          *jwks.Verifier       // nil: its JWTs are introspected, or there is a mistake
	introspection *introspect.Verifier // nil: its tokens are not introspected, or there is a mistake
	ca            []byte               // content of ca_file, nil without one
	tls           *tls.Config
	proxy         func(*http.Request) (*url.URL, error) // nil without proxy_url
}

// has reports whether a key of the issuer is present.
func (i *issuerBuilder) has(key string) bool {
	_, ok := i.positions[join(i.path, key)]
	return ok
}

func (i *issuerBuilder) addMistake(key, format string, args ...any) {
	path := join(i.path, key)
	i.mistakes.add(i.position(path), "%s: %s", path, fmt.Sprintf(format, args...))
}

// addTenants handles an issuer whose iss is a pattern.
func (i *issuerBuilder) addTenants(issuer *resource.Issuer) {
	s := i.issuer
	switch {
	case s.TenantPattern == "":
		for _, key := range []string{"allowed_tenants", "tenant_claim"} {
			if i.has(key) {
				i.addMistake(key, "requires tenant_pattern")
			}
		}
		return
	case s.IntrospectJWTs:
		i.addMistake("tenant_pattern", "tokens of tenants can be verified only by keys; remove introspect_jwts")
		return
	}
	if _, ok := issuer.Verifier.(placeholder); ok {
		return // the issuer identifier of a placeholder is not a pattern
	}
	issuer.Tenants = &resource.Tenants{Allow: s.AllowedTenants, Claim: s.TenantClaim}
}

// checkMetadataURL adds a mistake if metadata_url is not used.
func (i *issuerBuilder) checkMetadataURL() {
	s := i.issuer
	keys := !s.IntrospectJWTs && s.JWKSURI == "" && s.JWKSFile == ""
	endpoint := i.needsIntrospection() && s.IntrospectionEndpoint == ""
	if s.MetadataURL != "" && !keys && !endpoint && !i.exchanges() {
		i.addMistake("metadata_url", "is not used, because no address has to be discovered; remove it, jwks_uri, jwks_file or introspection_endpoint")
	}
}

// readCAFile reads ca_file. Only its certificates are trusted for the issuer.
func (i *issuerBuilder) readCAFile() {
	if i.issuer.CAFile == "" {
		return
	}
	body, roots, err := i.readRoots(i.issuer.CAFile)
	if err != nil {
		i.addMistake("ca_file", "%s", err)
		return
	}
	i.ca, i.tls = body, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// setProxy checks proxy_url. A password in it is not part of a mistake.
func (i *issuerBuilder) setProxy() {
	if i.issuer.ProxyURL == "" {
		return
	}
	proxy, err := url.Parse(string(i.issuer.ProxyURL))
	switch {
	case err != nil || proxy.Host == "" || proxy.Scheme != "http" && proxy.Scheme != "https":
		i.addMistake("proxy_url", "%s: is not the URL of a proxy; write http://host:port or https://host:port", i.issuer.ProxyURL)
	case strings.Trim(proxy.Path, "/") != "" || proxy.RawQuery != "" || proxy.Fragment != "":
		i.addMistake("proxy_url", "%s: has a path, a query or a fragment; write only scheme, host and port", i.issuer.ProxyURL)
	default:
		i.proxy = http.ProxyURL(proxy)
	}
}
