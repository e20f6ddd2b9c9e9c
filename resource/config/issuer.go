package config

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// A pool holds verifiers by all that they are made of. What has not changed is used
// again, so that a reload costs no fetch of keys and forgets no failing endpoint.
type pool map[[sha256.Size]byte]resource.Verifier

// take returns the verifier for these settings, made by fresh if there is none.
func (b *building) take(fresh func() (resource.Verifier, error), of ...any) (resource.Verifier, error) {
	id := sha256.Sum256(fmt.Appendf(nil, "%#v", of))
	if known := b.next[id]; known != nil {
		return known, nil
	}
	v := b.pool[id]
	if v == nil {
		var err error
		if v, err = fresh(); err != nil {
			return nil, err
		}
		b.fresh = append(b.fresh, v)
	}
	b.next[id] = v
	return v, nil
}

// standIn takes the place of a verifier that could not be made, while other mistakes are
// looked for: there is a mistake already, so no resource comes of it.
type standIn string

func (s standIn) Issuer() string { return string(s) }

func (s standIn) Verify(context.Context, *resource.Token) (*resource.Claims, error) {
	return nil, &resource.Error{Reason: resource.ReasonVerifierUnavailable}
}

// issuers makes the verifiers. A JWT goes to its issuer; opaque tokens say of no issuer,
// and go to the first one that is introspected.
func (b *building) issuers(c *resource.Config) {
	for n, s := range b.settings.issuers() {
		i := issuerBuilding{building: b, s: s, path: issuerPath(n)}
		i.url = b.need(join(i.path, "issuer_url"), s.IssuerURL)
		if s.ExpectedAudiences != nil && len(s.ExpectedAudiences) == 0 {
			i.mistake("expected_audiences", "is empty; name an audience, or leave it out: resource_server_url is accepted anyhow")
		}
		conditions := resource.Issuer{Audiences: s.ExpectedAudiences, AudienceClaims: s.AudienceClaims,
			ScopeClaim: s.ScopeClaim, ScopePrefix: s.ScopePrefix, RoleClaim: s.RoleClaim, RoleScopes: s.RoleScopes,
			StrictRFC9068: s.StrictRFC9068}
		i.trust()
		var asks resource.Verifier
		if i.introspects() {
			asks = i.introspection()
		}
		if conditions.Verifier = asks; !s.IntrospectJWTs {
			conditions.Verifier = i.keys()
		}
		if conditions.Verifier == nil {
			conditions.Verifier = standIn(fmt.Sprintf("https://issuer-%d.invalid", n))
		}
		i.tenants(c, &conditions)
		c.Issuers = append(c.Issuers, conditions)
		switch {
		case asks == nil:
		case c.Opaque == nil:
			opaque := conditions
			opaque.Verifier, opaque.StrictRFC9068, opaque.Tenants = asks, false, nil // they are about JWTs
			c.Opaque, b.opaque = &opaque, i.path
		case !s.IntrospectJWTs:
			i.mistake("client_id", "another issuer is asked about opaque tokens already, which don't say whose they are; set introspect_jwts, or take the credentials out")
		}
	}
}

type issuerBuilding struct {
	*building
	s    *IssuerSettings
	path string
	url  string // the issuer
	ca   []byte // nil: the system's
	tls  *tls.Config
}

func (i *issuerBuilding) has(key string) bool {
	_, ok := i.places[join(i.path, key)]
	return ok
}

func (i *issuerBuilding) mistake(key, format string, args ...any) {
	path := join(i.path, key)
	i.m.add(i.at(path), "%s: %s", path, fmt.Sprintf(format, args...))
}

// tenants is for an issuer whose iss is a pattern: that is no server, so what is
// published is issuer_url.
func (i *issuerBuilding) tenants(c *resource.Config, conditions *resource.Issuer) {
	s := i.s
	switch {
	case s.TenantPattern == "":
		for _, key := range []string{"allowed_tenants", "tenant_claim"} {
			if i.has(key) {
				i.mistake(key, "there is no tenant_pattern for it")
			}
		}
		return
	case s.IntrospectJWTs:
		i.mistake("tenant_pattern", "tokens of tenants are verified by keys; take introspect_jwts out")
		return
	}
	if _, ok := conditions.Verifier.(standIn); ok {
		return // whose iss is no pattern
	}
	conditions.Tenants = &resource.Tenants{Allow: s.AllowedTenants, Claim: s.TenantClaim}
	c.Metadata.AuthorizationServers = append(c.Metadata.AuthorizationServers, i.url)
}

// trust reads ca_file: those certificates and no others.
func (i *issuerBuilding) trust() {
	if i.s.CAFile == "" {
		return
	}
	body, err := i.files.read(i.files.path(i.s.CAFile))
	if err != nil {
		i.mistake("ca_file", "%s", err)
		return
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(body) {
		i.mistake("ca_file", "has no certificate in PEM form")
		return
	}
	i.ca, i.tls = body, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// keys makes the verifier of an issuer's JWTs by its keys.
func (i *issuerBuilding) keys() resource.Verifier {
	s := i.s
	if s.JWKSURI != "" && s.JWKSFile != "" {
		i.mistake("jwks_file", "jwks_uri stands beside it; keep one")
		return nil
	}
	c := jwks.Config{Issuer: cmp.Or(s.TenantPattern, i.url), URL: s.JWKSURI, Algorithms: s.Algorithms, AllowHosts: s.AllowPrivateHosts,
		TLS: i.tls, Transport: i.of.Transport, Logger: i.of.Logger}
	if s.JWKSFile != "" {
		c.File = i.files.path(s.JWKSFile)
	}
	v, err := i.take(func() (resource.Verifier, error) {
		v, err := jwks.New(c)
		if err == nil && c.File != "" { // a file that is wrong at start is a mistake
			if err := v.Ready(context.Background()); err != nil {
				i.mistake("jwks_file", "%s", err)
			}
		}
		return v, err
	}, "jwks", c.Issuer, c.URL, c.File, c.Algorithms, c.AllowHosts, i.ca)
	if err != nil {
		i.told(err, "jwks_uri")
		return nil
	}
	return v
}

// told notes what jwks.New or introspect.New told, under the key that it comes from;
// endpoint is that of the one URL besides the issuer's.
func (i *issuerBuilding) told(err error, endpoint string) {
	for _, mistake := range parts(err) {
		key, text := "issuer_url", strings.TrimPrefix(mistake.Error(), "metadata: ")
		field, rest, _ := strings.Cut(text, ": ")
		index, ofHosts := strings.CutPrefix(field, "AllowHosts")
		switch {
		case field == "Algorithms":
			key, text = "algorithms", rest
		case ofHosts:
			key, text = "allow_private_hosts"+index, rest
		case strings.HasPrefix(text, "URL "):
			key = endpoint
		case i.s.TenantPattern != "":
			key = "tenant_pattern"
		}
		i.mistake(key, "%s", text)
	}
}
