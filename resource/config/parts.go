package config

import (
	"crypto/tls"
	"net/http"
	"net/url"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
)

// Parts is what a configuration consists of, for a report about it.
type Parts struct {
	Settings Settings      // the values of the block
	Issuers  []IssuerParts // in the order of the file: issuer_url, then additional_issuers

	SecretFiles []string // paths of the files with the secrets of on_behalf_of, except private keys
}

// IssuerParts is what the configuration of one issuer consists of.
type IssuerParts struct {
	Key           string // of its settings in the file, such as additional_issuers[0]; "" for the first issuer
	Settings      *IssuerSettings
	Keys          *jwks.Verifier       // nil: no token is verified with its keys
	Introspection *introspect.Verifier // nil: no token is introspected

	SecretFiles []string // paths of the files with its secrets, except private keys

	// How the issuer is called, besides Config.Transport and the settings.
	CA    []byte                                // content of ca_file; nil without it
	TLS   *tls.Config                           // trusts CA; nil without it
	Proxy func(*http.Request) (*url.URL, error) // nil without proxy_url
}

// Parts returns the parts of the configuration that is applied. It is for package
// resource/check: what it returns must not be changed, and can have secrets.
func (l *Live) Parts() *Parts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.parts
}

// parts returns the parts of a build without mistakes.
func (b *builder) parts() *Parts {
	p := &Parts{Settings: b.settings}
	if s := b.settings.OnBehalfOf; s != nil {
		p.SecretFiles = b.secretPaths(s.secretFiles())
	}
	for _, i := range b.issuers {
		p.Issuers = append(p.Issuers, IssuerParts{Key: i.path, Settings: i.issuer, Keys: i.keys, Introspection: i.introspection, CA: i.ca, TLS: i.tls, Proxy: i.proxy, SecretFiles: i.secretFiles()})
	}
	return p
}

// secretFiles returns the paths of the files that have one secret each.
func (i *issuerBuilder) secretFiles() []string {
	s := i.issuer
	return i.secretPaths([]string{s.ClientSecretFile, s.IntrospectionClientSecretFile, s.IntrospectionBearerTokenFile, s.JWKSTokenFile})
}

// secretPaths returns the paths for the names that are not empty.
func (b *builder) secretPaths(names []string) (paths []string) {
	for _, name := range names {
		if name != "" {
			paths = append(paths, b.files.path(name))
		}
	}
	return paths
}
