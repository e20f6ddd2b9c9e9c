package config

import (
	"cmp"
	"context"
	"fmt"

	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// setBearerToken sets the token for requests for keys. The verifier reads its file again for
// each fetch, so a change of the file needs no reload. It is read here only to find mistakes.
func (i *issuerBuilder) setBearerToken(c *jwks.Config) {
	s := i.issuer
	switch {
	case s.JWKSToken != "" && s.JWKSTokenFile != "":
		i.addMistake("jwks_bearer_token_file", "jwks_bearer_token is also set; set only one of them")
		return
	case s.JWKSFile != "" && s.JWKSToken != "":
		i.addMistake("jwks_bearer_token", "is not used with jwks_file; remove one of them")
		return
	case s.JWKSFile != "" && s.JWKSTokenFile != "":
		i.addMistake("jwks_bearer_token_file", "is not used with jwks_file; remove one of them")
		return
	}
	c.BearerToken = string(s.JWKSToken)
	if s.JWKSTokenFile == "" {
		return
	}
	c.BearerTokenFile = i.files.path(s.JWKSTokenFile)
	token, err := i.files.readRotated(c.BearerTokenFile)
	i.secrets = append(i.secrets, Secret(token))
	if err == nil && !grammar.IsB64Token(token) {
		err = fmt.Errorf("secret file %q: is not a token: write the token alone, without Bearer and white space", c.BearerTokenFile)
	}
	if err != nil {
		i.addMistake("jwks_bearer_token_file", "%s", err)
	}
}

// keyVerifier returns the verifier of JWTs by keys, or nil if it has added a mistake.
func (i *issuerBuilder) keyVerifier() resource.Verifier {
	s := i.issuer
	if s.JWKSURI != "" && s.JWKSFile != "" {
		i.addMistake("jwks_file", "jwks_uri is also set; set only one of them")
		return nil
	}
	if i.config.KeysFile != "" {
		return i.fileVerifier()
	}
	c := jwks.Config{Issuer: cmp.Or(s.TenantPattern, i.url), URL: string(s.JWKSURI), RefreshInterval: seconds(s.JWKSRefresh), KeyUses: s.KeyUses, Algorithms: s.Algorithms, AllowHosts: s.AllowPrivateHosts,
		AllowHTTP: s.AllowHTTPIssuer, TLS: i.tls, Proxy: i.proxy, Transport: i.config.Transport, Logger: i.config.Logger}
	switch {
	case s.JWKSFile != "":
		c.File = i.files.path(s.JWKSFile)
	case s.JWKSURI == "":
		c.MetadataURL = string(s.MetadataURL)
	}
	i.setBearerToken(&c)
	v, err := i.reuse(func() (resource.Verifier, error) {
		v, err := jwks.New(c)
		if err == nil && c.File != "" { // an invalid file is a configuration mistake
			if err := v.Ready(context.Background()); err != nil {
				i.addMistake("jwks_file", "%s", withPath(err, c.File))
			}
		}
		return v, err
	}, "jwks", c.Issuer, c.URL, c.File, c.MetadataURL, c.KeyUses, c.Algorithms, c.AllowHosts, c.AllowHTTP, i.ca, string(s.ProxyURL),
		c.RefreshInterval, c.BearerToken, c.BearerTokenFile)
	if err != nil {
		for _, mistake := range splitMistakes(err) {
			i.addVerifierMistake(mistake, "jwks_uri")
		}
		return nil
	}
	return v
}

// fileVerifier returns the verifier with the keys of Config.KeysFile, or nil if it has added a mistake.
func (i *issuerBuilder) fileVerifier() resource.Verifier {
	s := i.issuer
	v, err := jwks.New(jwks.Config{Issuer: cmp.Or(s.TenantPattern, i.url), File: i.config.KeysFile, KeyUses: s.KeyUses, Algorithms: s.Algorithms, AllowHTTP: s.AllowHTTPIssuer, Logger: i.config.Logger})
	if err == nil {
		err = v.Ready(context.Background())
	}
	if err != nil {
		i.addMistake("issuer_url", "config.Config.KeysFile: %s", err)
		return nil
	}
	return v
}
