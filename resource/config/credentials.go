package config

import (
	"context"
	"fmt"
	"strings"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/apikey"
)

// introspects reports whether the issuer is to be asked about tokens.
func (i *issuerBuilding) introspects() bool {
	s := i.s
	return s.IntrospectJWTs || s.ClientID != "" || s.ClientSecret != "" || s.ClientSecretFile != "" || s.IntrospectionEndpoint != "" ||
		s.IntrospectionClientID != "" || s.IntrospectionClientSecret != "" || s.IntrospectionClientSecretFile != ""
}

func (i *issuerBuilding) introspection() resource.Verifier {
	s := i.s
	if s.IntrospectJWTs {
		for _, key := range []string{"jwks_uri", "jwks_file", "algorithms"} {
			if i.has(key) {
				i.mistake(key, "no token is verified by keys with introspect_jwts; keep one of them")
			}
		}
	}
	id, secret, ok := i.credentials()
	if !ok {
		return nil
	}
	c := introspect.Config{Issuer: i.url, Endpoint: s.IntrospectionEndpoint, AllowHosts: s.AllowPrivateHosts,
		TLS: i.tls, Transport: i.of.Transport, Logger: i.of.Logger,
		Auth: introspect.ClientAuth{ClientID: id, ClientSecret: string(secret)}}
	if ttl := i.settings.TokenCacheTTL; ttl != nil && *ttl == 0 {
		c.AnswerTTL = -1
	}
	v, err := i.take(func() (resource.Verifier, error) { return introspect.New(c) },
		"introspect", c.Issuer, c.Endpoint, c.AllowHosts, c.AnswerTTL, id, string(secret), i.ca)
	if err != nil {
		i.told(err, "introspection_endpoint")
		return nil
	}
	return v
}

// credentials returns the pair to introspect with. The pair of introspection_client_id
// counts over that of client_id, and no half of one with half of the other.
func (i *issuerBuilding) credentials() (id string, secret Secret, ok bool) {
	s, prefix := i.s, "introspection_"
	id, secret, file := s.IntrospectionClientID, s.IntrospectionClientSecret, s.IntrospectionClientSecretFile
	if id == "" && secret == "" && file == "" {
		prefix = ""
		id, secret, file = s.ClientID, s.ClientSecret, s.ClientSecretFile
	}
	before := len(i.m.all)
	missing := func(key, format string, args ...any) { // told where the rest of the pair is
		at := i.at(i.path)
		for _, other := range []string{"client_id", "client_secret", "client_secret_file"} {
			if i.has(prefix + other) {
				at = i.at(join(i.path, prefix+other))
				break
			}
		}
		i.m.add(at, "%s: is missing; %s", join(i.path, prefix+key), fmt.Sprintf(format, args...))
	}
	if id == "" {
		missing("client_id", "an issuer tells about tokens only to whom it knows")
	}
	switch {
	case secret != "" && file != "":
		i.mistake(prefix+"client_secret_file", "%sclient_secret stands beside it; keep one", prefix)
	case secret == "" && file == "":
		missing("client_secret", "give it, or %sclient_secret_file", prefix)
	case file != "":
		secret = i.secretFile(prefix+"client_secret_file", file)
	}
	return id, secret, len(i.m.all) == before
}

// secretFile returns the text of a file without the line break behind it.
func (i *issuerBuilding) secretFile(key, name string) Secret {
	body, err := i.files.read(i.files.path(name))
	secret := Secret(strings.TrimRight(string(body), "\r\n"))
	switch {
	case err != nil:
		i.mistake(key, "%s", err)
	case secret == "":
		i.mistake(key, "the file is empty")
	case strings.ContainsAny(string(secret), "\r\n\x00"):
		i.mistake(key, "the file has more than one line")
	}
	i.secrets = append(i.secrets, secret)
	return secret
}

// APIKeyHeader is the field that the keys of api_keys_file come in.
const APIKeyHeader = "X-API-Key"

func (b *building) apiKeys(ctx context.Context, c *resource.Config) {
	name := b.settings.APIKeysFile
	if name == "" || c.Identifier == "" {
		return
	}
	file := b.files.path(name)
	v, err := b.take(func() (resource.Verifier, error) {
		v, err := apikey.New(apikey.Config{Resource: c.Identifier, File: file, Logger: b.of.Logger})
		if err == nil {
			err = v.Ready(ctx)
		}
		return v, err
	}, "apikey", c.Identifier, file)
	if err != nil {
		for _, mistake := range parts(err) {
			b.m.add(b.at("api_keys_file"), "api_keys_file: %s", mistake)
		}
		return
	}
	if keys, ok := v.(resource.HeaderVerifier); ok {
		c.Credentials.Headers = map[string]resource.HeaderVerifier{APIKeyHeader: keys}
	}
}
