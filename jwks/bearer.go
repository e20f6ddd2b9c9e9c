package jwks

import (
	"cmp"
	"net/url"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/keyset"
	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/secretfile"
)

// Settings of the bearer token, in the configuration file and here.
const (
	tokenSetting     = "jwks_bearer_token (in Go: BearerToken)"
	tokenFileSetting = "jwks_bearer_token_file (in Go: BearerTokenFile)"
)

// firstURL is the URL of the first request of a fetch, or the issuer whose well-known URLs are
// derived from it.
func (c *Config) firstURL() string { return cmp.Or(c.URL, c.MetadataURL, c.Issuer) }

// mayUseProxy reports whether http requests can pass a proxy that this package configures.
func (c *Config) mayUseProxy() bool { return c.Proxy != nil && c.Transport == nil }

// bearer returns the token for requests. If none is configured, the result only has the setting
// for hints.
func (c *Config) bearer() *keyset.Bearer {
	b := &keyset.Bearer{URLs: []string{c.firstURL()}, Hosts: c.AllowHosts, Proxied: c.mayUseProxy(), Setting: tokenFileSetting}
	if token := c.BearerToken; token != "" {
		b.Token, b.Setting = func() (string, error) { return token, nil }, tokenSetting
	}
	if c.BearerTokenFile != "" {
		b.Token = secretfile.New(c.BearerTokenFile).Read
	}
	return b
}

func (c *Config) checkBearer(mistakes *configerr.List) {
	if c.BearerToken == "" && c.BearerTokenFile == "" {
		return
	}
	field := "BearerToken"
	if c.BearerToken == "" {
		field = "BearerTokenFile"
	}
	if c.BearerToken != "" && c.BearerTokenFile != "" {
		mistakes.Addf("BearerToken, BearerTokenFile: both are set; keep one")
	}
	if c.BearerToken != "" && !grammar.IsB64Token(c.BearerToken) {
		mistakes.Addf("BearerToken: not a b64token (RFC 6750 §2.1): set the token alone, without Bearer and white space")
	}
	if c.File != "" || c.Keys != nil || c.KeysFunc != nil {
		mistakes.Addf("%s: File, Keys and KeysFunc send no requests that need a token; remove it", field)
		return
	}
	u, err := url.Parse(c.firstURL())
	if err == nil && u.Scheme == "http" && !c.bearer().MayReceive(c.firstURL()) { // other mistakes in the URL are reported elsewhere
		mistakes.Addf("%s: the token is not sent over http to %s: use https, or a loopback host without Proxy", field, logging.RedactURL(c.firstURL()))
	}
}
