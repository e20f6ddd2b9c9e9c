package check

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"time"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource/config"
)

// issuerRun is the check of one issuer.
type issuerRun struct {
	*run
	parts    config.IssuerParts
	settings *config.IssuerSettings
	name     string
	exchanges
	document *serverDocument // nil: it is not known
	failed   bool            // a request for the metadata has failed, and there is a finding about it
}

// checkIssuer looks at one issuer.
func (r *run) checkIssuer(ctx context.Context, parts config.IssuerParts) {
	i := &issuerRun{run: r, parts: parts, settings: parts.Settings, name: issuerName(parts)}
	ctx = i.record(ctx)
	i.checkCA()
	i.checkKeys(ctx)
	i.readMetadata(ctx)
	i.checkIntrospection(ctx)
	if i.document != nil && i.isWellKnown(ctx) {
		i.checkLogin(i.name, i.document)
	}
	if i.document != nil {
		i.checkAudience()
	}
	i.checkExchange()
	r.offers = append(r.offers, i.offer())
	r.checkClocks(&i.exchanges)
	r.checkCertificates(&i.exchanges)
}

func (i *issuerRun) key(name string) string { return keyOf(i.parts, name) }

// checkCA reports a ca_file in which no certificate is valid for some more time.
func (i *issuerRun) checkCA() {
	var last time.Time
	for block, rest := pem.Decode(i.parts.CA); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && c.NotAfter.After(last) {
			last = c.NotAfter
		}
	}
	if !last.IsZero() && time.Until(last) < expiryWarning {
		i.add(IDCAFile, i.key("ca_file"), "the last certificate expires at "+last.UTC().Format(time.RFC3339), "replace the certificates in "+i.key("ca_file")+" by those of the CA's new certificate")
	}
}

// readMetadata finds the metadata of the issuer among the responses so far, or requests it if
// clients need it to log in.
func (i *issuerRun) readMetadata(ctx context.Context) {
	if i.document = findDocument(i.all, i.settings.IssuerURL); i.document != nil {
		i.add(IDIssuer, i.name, "the metadata at "+i.document.url+" has this issuer", "")
		return
	}
	if i.failed || i.settings.TenantPattern != "" {
		return
	}
	address := string(i.settings.MetadataURL)
	if address == "" && metadata.CheckIssuer(i.settings.IssuerURL, i.settings.AllowHTTPIssuer) != nil {
		i.add(IDNotChecked, "metadata of "+i.name, "the identifier is not a URL, and metadata_url is not set", "")
		return
	}
	client := outbound.New(i.network(i.parts))
	defer client.CloseIdle()
	if _, err := metadata.DiscoverAt(ctx, client, address, i.settings.IssuerURL); err == nil {
		if i.document = findDocument(i.all, i.settings.IssuerURL); i.document == nil {
			i.addUnclear(i.name)
			return
		}
		i.add(IDIssuer, i.name, "the metadata at "+i.document.url+" has this issuer", "")
	} else if i.exchangesTokens() && !i.published() {
		i.addNoEndpoint(errorText(err))
	} else if i.published() {
		i.add(IDLoginMetadata, i.name, errorText(err), "correct "+i.key("issuer_url")+", or list in authorization_servers the issuer identifiers of the servers where users log in")
	}
}

// isWellKnown reports whether clients find the metadata, which the server reads at metadata_url.
func (i *issuerRun) isWellKnown(ctx context.Context) bool {
	if i.settings.MetadataURL == "" || !i.published() || i.settings.ServeMetadata {
		return true
	}
	client := outbound.New(i.network(i.parts))
	defer client.CloseIdle()
	_, err := metadata.Discover(ctx, client, i.settings.IssuerURL)
	if err != nil {
		i.add(IDLoginMetadata, i.name, errorText(err), "publish the metadata at a well-known URL of "+i.key("issuer_url")+", or list in authorization_servers the issuer identifiers of the servers where users log in")
	}
	return err == nil
}

// published reports whether clients learn that they can log in at the issuer.
func (i *issuerRun) published() bool {
	return slices.Contains(i.resource.Metadata().AuthorizationServers, i.settings.IssuerURL)
}

// checkServers looks at the authorization servers that the metadata of the server names and that
// are not issuers of the file.
func (r *run) checkServers(ctx context.Context) {
	checked := 0
	for _, server := range r.resource.Metadata().AuthorizationServers {
		if slices.ContainsFunc(r.parts.Issuers, func(i config.IssuerParts) bool {
			return i.Settings.IssuerURL == server && i.Settings.TenantPattern == ""
		}) {
			continue
		}
		if checked++; checked > maxIssuers {
			r.add(IDNotChecked, "authorization_servers", "there are too many", "")
			return
		}
		r.checkServer(ctx, server)
	}
}

// checkServer reads the metadata of an authorization server as clients do.
func (r *run) checkServer(ctx context.Context, server string) {
	var x exchanges
	client := outbound.New(r.networkOf(server))
	defer client.CloseIdle()
	_, err := metadata.Discover(x.record(ctx), client, server)
	document := findDocument(x.all, server)
	switch {
	case errors.Is(err, metadata.ErrIssuerMismatch) && r.isTenanted(server):
		r.add(IDNotChecked, "login at "+server, "the metadata there is that of all tenants", "")
		return
	case err != nil:
		r.add(IDLoginMetadata, server, errorText(err), "correct the URL in authorization_servers")
		return
	case document == nil:
		r.addUnclear(server)
		return
	}
	r.checkLogin(server, document)
	r.checkClocks(&x)
	r.checkCertificates(&x)
}

// addUnclear adds the finding for metadata of which only the members that the server reads are clear.
func (r *run) addUnclear(server string) {
	r.add(IDNotChecked, "metadata of "+server, "it has a member twice, or in two spellings, so clients can read it in different ways", "")
}

// isTenanted reports whether the URL is that of an issuer with a pattern.
func (r *run) isTenanted(server string) bool {
	return slices.ContainsFunc(r.parts.Issuers, func(i config.IssuerParts) bool {
		return i.Settings.IssuerURL == server && i.Settings.TenantPattern != ""
	})
}

// network returns how to call an issuer, as package config configures its verifiers.
func (r *run) network(i config.IssuerParts) outbound.Config {
	s := i.Settings
	return outbound.Config{Transport: r.config.Config.Transport, TLS: i.TLS, Proxy: i.Proxy, AllowHTTP: s.AllowHTTPIssuer,
		Hosts: outbound.Hosts(s.IssuerURL, string(s.MetadataURL)), AllowHosts: s.AllowPrivateHosts}
}

// networkOf returns how to call an authorization server: as the issuer with the same URL, if there
// is one.
func (r *run) networkOf(server string) outbound.Config {
	for _, i := range r.parts.Issuers {
		if i.Settings.IssuerURL == server {
			return r.network(i)
		}
	}
	return outbound.Config{Transport: r.config.Config.Transport, Hosts: outbound.Hosts(server), AllowHTTP: r.parts.Settings.AllowHTTP}
}
