package config

import (
	"fmt"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// A serverMetadata is the handler for the metadata of an issuer, with the digest of its
// settings. A handler with unchanged settings is reused, so that a reload does not discard the
// document.
type serverMetadata struct {
	settings digest.Digest
	handler  *metadata.ServerHandler // nil: none
}

// addServerMetadata makes this server serve the metadata of the issuer.
func (i *issuerBuilder) addServerMetadata(c *resource.Config, issuer *resource.Issuer) {
	const key = "serve_issuer_metadata"
	_, unusable := issuer.Verifier.(placeholder) // has another issuer identifier
	switch {
	case !i.issuer.ServeMetadata, unusable:
		return
	case c.HTTP.ServerMetadata != nil:
		i.addMistake(key, "another issuer has it already, and there is one address for both; remove one")
		return
	case i.issuer.TenantPattern != "":
		i.addMistake(key, "with tenant_pattern, clients log in at one of many issuers; remove it")
		return
	}
	config := metadata.ServerHandlerConfig{Issuer: i.url, MetadataURL: string(i.issuer.MetadataURL), Identifiers: append([]string{c.Identifier}, c.Identifiers...), AllowHTTP: i.issuer.AllowHTTPIssuer,
		TLS: i.tls, Proxy: i.proxy, Transport: i.config.Transport, Logger: i.config.Logger}
	i.served.settings = digest.Of(fmt.Sprintf("%#v", []any{config.Issuer, config.MetadataURL, config.Identifiers, config.AllowHTTP, i.ca, string(i.issuer.ProxyURL)}))
	if i.served.settings == i.previousServed.settings {
		i.served = i.previousServed
	}
	if i.served.handler == nil {
		handler, err := metadata.NewServerHandler(config)
		if err != nil {
			i.addMistake(key, "%s", err)
			return
		}
		i.served.handler = handler
	}
	c.HTTP.ServerMetadata = i.served.handler
}
