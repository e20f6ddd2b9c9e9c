package check

import (
	"errors"
	"strings"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
)

// addNetwork adds the finding for an error of a request that got no usable answer, and reports
// whether the error is one.
func (i *issuerRun) addNetwork(err error) bool {
	failed, ok := errors.AsType[*outbound.Error](err)
	if !ok {
		return false
	}
	switch failed.Outcome {
	case outbound.TLS:
		i.add(IDIssuerTLS, i.name, errorText(failed), "set "+i.key("ca_file")+" to the certificates of the CA of the issuer, or correct the certificate of the issuer")
	case outbound.RefusedAddress:
		i.add(IDIssuerAddress, i.name, errorText(failed), "add the host to "+i.key("allow_private_hosts")+", if it may be called")
	case outbound.Redirect:
		i.add(IDIssuerRedirect, i.name, errorText(failed), "set the final URL in "+i.addressKeys())
	case outbound.DNS, outbound.Connect, outbound.Timeout, outbound.Canceled, outbound.BadURL:
		i.add(IDIssuerUnreachable, i.name, errorText(failed), "correct "+i.addressKeys()+", or let this machine connect to the host: firewall, DNS, "+i.key("proxy_url"))
	default:
		return false
	}
	return true
}

// addressKeys returns the keys that say where the servers of the issuer are.
func (i *issuerRun) addressKeys() string {
	keys := []string{i.key("issuer_url")}
	for _, k := range []struct {
		key string
		set bool
	}{{"metadata_url", i.settings.MetadataURL != ""}, {"jwks_uri", i.settings.JWKSURI != ""}, {"introspection_endpoint", i.settings.IntrospectionEndpoint != ""}} {
		if k.set {
			keys = append(keys, i.key(k.key))
		}
	}
	return strings.Join(keys, " or ")
}

// endpointKey returns the key with which the server does not need the metadata.
func (i *issuerRun) endpointKey() string {
	if i.parts.Keys == nil {
		return i.key("introspection_endpoint")
	}
	return i.key("jwks_uri")
}

// addDiscovery adds the finding for an error of reading the issuer's metadata, and reports whether
// the error is one. An answer of another issuer explains more than that another URL does not
// answer.
func (i *issuerRun) addDiscovery(err error) bool {
	failed, ok := errors.AsType[*metadata.DiscoveryError](err)
	if !ok {
		return false
	}
	i.failed = true
	if errors.Is(err, metadata.ErrIssuerMismatch) {
		i.add(IDIssuerMismatch, i.name, errorText(failed), "set "+i.key("issuer_url")+" to the issuer in the document, byte for byte")
		return true
	}
	if findDocument(i.all, i.settings.IssuerURL) != nil {
		i.add(IDIssuerMetadata, i.name, errorText(failed), "correct the metadata at the issuer, or set "+i.endpointKey())
		return true
	}
	for _, attempt := range failed.Attempts {
		if attempt.Status != 0 { // the server answers
			i.add(IDIssuerMetadata, i.name, errorText(failed), "correct "+i.key("issuer_url")+", or set "+i.key("metadata_url")+" to the URL of the metadata")
			return true
		}
	}
	if !i.addNetwork(err) {
		i.add(IDIssuerMetadata, i.name, errorText(failed), "correct "+i.key("issuer_url")+" or "+i.key("metadata_url"))
	}
	return true
}
