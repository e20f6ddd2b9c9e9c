package config

import (
	"strings"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
)

// needsIntrospection reports whether any setting for introspection is present.
func (i *issuerBuilder) needsIntrospection() bool {
	s := i.issuer
	return s.IntrospectJWTs || s.ClientID != "" || s.ClientSecret != "" || s.ClientSecretFile != "" || s.IntrospectionEndpoint != "" ||
		s.IntrospectionClientID != "" || s.IntrospectionClientSecret != "" || s.IntrospectionClientSecretFile != ""
}

// introspectionVerifier returns nil if it has added a mistake.
func (i *issuerBuilder) introspectionVerifier() resource.Verifier {
	s := i.issuer
	if s.IntrospectJWTs {
		for _, key := range []string{"jwks_uri", "jwks_file", "jwks_refresh_seconds", "jwks_bearer_token", "jwks_bearer_token_file", "algorithms"} {
			if i.has(key) {
				i.addMistake(key, "is not used with introspect_jwts; remove one of them")
			}
		}
	}
	id, secret, ok := i.clientCredentials()
	if !ok {
		return nil
	}
	c := introspect.Config{Issuer: i.url, Endpoint: string(s.IntrospectionEndpoint), AllowHosts: s.AllowPrivateHosts,
		TLS: i.tls, Transport: i.config.Transport, Logger: i.config.Logger,
		Auth: introspect.ClientAuth{ClientID: id, ClientSecret: string(secret)}}
	if ttl := i.settings.TokenCacheTTL; ttl != nil && *ttl == 0 {
		c.AnswerTTL = -1
	}
	v, err := i.reuse(func() (resource.Verifier, error) { return introspect.New(c) },
		"introspect", c.Issuer, c.Endpoint, c.AllowHosts, c.AnswerTTL, id, string(secret), i.ca)
	if err != nil {
		i.addVerifierMistakes(err, "introspection_endpoint")
		return nil
	}
	return v
}

// clientCredentials returns the client ID and secret for introspection. The pair of
// introspection_client_id overrides the pair of client_id. The pairs are never mixed.
func (i *issuerBuilder) clientCredentials() (id string, secret Secret, ok bool) {
	s, prefix := i.issuer, "introspection_"
	id, secret, file := s.IntrospectionClientID, s.IntrospectionClientSecret, s.IntrospectionClientSecretFile
	if id == "" && secret == "" && file == "" {
		prefix = ""
		id, secret, file = s.ClientID, s.ClientSecret, s.ClientSecretFile
	}
	before := i.mistakes.count()
	if id == "" {
		i.addMissingCredential(prefix, "client_id", "introspection requires client authentication")
	}
	switch {
	case secret != "" && file != "":
		i.addMistake(prefix+"client_secret_file", "%sclient_secret is also set; set only one of them", prefix)
	case secret == "" && file == "":
		i.addMissingCredential(prefix, "client_secret", "set it or "+prefix+"client_secret_file")
	case file != "":
		secret = i.readSecretFile(prefix+"client_secret_file", file)
	}
	return id, secret, i.mistakes.count() == before
}

// addMissingCredential adds a mistake at the position of another key of the pair.
func (i *issuerBuilder) addMissingCredential(prefix, key, hint string) {
	at := i.position(i.path)
	for _, other := range []string{"client_id", "client_secret", "client_secret_file"} {
		if i.has(prefix + other) {
			at = i.position(join(i.path, prefix+other))
			break
		}
	}
	i.mistakes.add(at, "%s: is missing; %s", join(i.path, prefix+key), hint)
}

// readSecretFile returns the content of a file without trailing line breaks.
func (i *issuerBuilder) readSecretFile(key, name string) Secret {
	path := i.files.path(name)
	body, err := i.files.read(path)
	secret := Secret(strings.TrimRight(string(body), "\r\n"))
	switch {
	case err != nil:
		i.addMistake(key, "file %q: %s", path, err)
	case secret == "":
		i.addMistake(key, "file %q: is empty", path)
	case strings.ContainsAny(string(secret), "\r\n\x00"):
		i.addMistake(key, "file %q: has more than one line", path)
	}
	i.secrets = append(i.secrets, secret)
	return secret
}
