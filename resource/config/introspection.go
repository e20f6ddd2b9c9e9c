package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
)

// introspectionKeys are the keys whose presence means that tokens are introspected. If a
// required key is absent, the mistake is in the line of the first of them that is present.
var introspectionKeys = []string{
	"introspection_client_id", "introspection_client_secret", "introspection_client_secret_file",
	"client_id", "client_secret", "client_secret_file", "introspection_auth_method",
	"introspection_bearer_token", "introspection_bearer_token_file",
	"introspection_private_key_file", "introspection_key_id", "introspection_key_algorithm", "introspection_assertion_audience",
	"tls_client_certificate_file", "tls_client_key_file", "introspection_endpoint", "introspection_token_type_hint",
	"introspection_answer_ttl_seconds", "introspection_timeout_seconds", "introspection_max_concurrent",
}

// needsIntrospection reports whether any setting for introspection is present.
func (i *issuerBuilder) needsIntrospection() bool {
	s := i.issuer
	return s.IntrospectJWTs || s.TrustAnswersWithoutAudience || s.TrustAnswersWithoutTokenType || s.IntrospectionSignedAnswers || slices.ContainsFunc(introspectionKeys, i.has)
}

// introspectionVerifier returns nil if it has added a mistake.
func (i *issuerBuilder) introspectionVerifier() resource.Verifier {
	s := i.issuer
	if s.IntrospectJWTs {
		for _, key := range []string{"jwks_uri", "jwks_file", "key_uses", "jwks_refresh_seconds", "jwks_bearer_token", "jwks_bearer_token_file", "algorithms"} {
			if i.has(key) && !(key == "jwks_uri" && s.IntrospectionSignedAnswers) {
				i.addMistake(key, "is not used with introspect_jwts; remove one of them")
			}
		}
	}
	if s.TrustAnswersWithoutTokenType && !s.TrustAnswersWithoutAudience {
		i.addMistake("trust_answers_without_token_type", "has no effect without trust_answers_without_audience, because such an answer has no aud")
	}
	auth, prefix := i.clientAuth()
	c := introspect.Config{Issuer: i.url, Endpoint: string(s.IntrospectionEndpoint), AllowHosts: s.AllowPrivateHosts, Auth: auth,
		TokenTypeHint: s.IntrospectionTokenTypeHint, TrustAnswersWithoutTokenType: s.TrustAnswersWithoutTokenType,
		CertificateFile: i.filePath(s.TLSClientCertificateFile), CertificateKeyFile: i.filePath(s.TLSClientKeyFile),
		SignedAnswers: s.IntrospectionSignedAnswers, AnswerTTL: seconds(s.IntrospectionAnswerTTL), Timeout: seconds(s.IntrospectionTimeout),
		MaxConcurrent: number(s.IntrospectionMaxConcurrent),
		AllowHTTP:     s.AllowHTTPIssuer, TLS: i.tls, Proxy: i.proxy, Transport: i.config.Transport, Logger: i.config.Logger}
	if s.IntrospectionSignedAnswers {
		c.KeysURL = string(s.JWKSURI)
	}
	if s.IntrospectionEndpoint == "" {
		c.MetadataURL = string(s.MetadataURL)
	}
	if ttl := i.settings.TokenCacheTTL; ttl != nil && *ttl == 0 {
		c.AnswerTTL = -1
	}
	i.shareAnswers(&c)
	// New is called even if the verifier in use is kept, to find mistakes in the files.
	created, err := introspect.New(c)
	if err != nil {
		i.files.note(err)
		i.addIntrospectionMistakes(err, prefix)
		return nil
	}
	v, _ := i.reuse(func() (resource.Verifier, error) { return created, nil },
		"introspect", c.Issuer, c.Endpoint, c.MetadataURL, c.AllowHosts, c.AllowHTTP, string(s.ProxyURL), c.AnswerTTL, c.TokenTypeHint, c.TrustAnswersWithoutTokenType, c.CertificateFile, c.CertificateKeyFile, i.ca,
		c.SignedAnswers, c.KeysURL, c.Timeout, c.MaxConcurrent, c.AnswerKeys,
		auth.Method, auth.ClientID, auth.ClientSecret, auth.ClientSecretFile, auth.BearerToken, auth.BearerTokenFile,
		auth.PrivateKeyFile, auth.KeyID, auth.Algorithm, auth.Audience) // one by one, because ClientAuth prints a placeholder
	return v
}

// shareAnswers adds the store of shared_state. Its settings do not change while the process runs,
// only the keys do.
func (i *issuerBuilder) shareAnswers(c *introspect.Config) {
	hasClient := c.Auth.ClientID != "" || c.Auth.Method == introspect.Bearer // else its absence is a mistake anyway
	if !hasClient || !i.sharesIn((*SharedState).sharesAnswers) {
		return
	}
	c.Answers, c.AnswerKeys = i.shared.stores.Answers, i.sharedKeys
	if c.AnswerTTL == 0 { // an answer of another process is not limited by the cache of the Resource
		c.AnswerTTL = seconds(i.settings.TokenCacheTTL)
	}
}

// clientAuth returns the client authentication for introspection. The pair of
// introspection_client_id overrides the pair of client_id. The pairs are never mixed. prefix
// begins the keys of the pair in use. Package introspect checks the result and reads the files.
func (i *issuerBuilder) clientAuth() (auth introspect.ClientAuth, prefix string) {
	s := i.issuer
	auth = introspect.ClientAuth{Method: s.IntrospectionAuthMethod,
		BearerToken: string(s.IntrospectionBearerToken), BearerTokenFile: i.filePath(s.IntrospectionBearerTokenFile),
		PrivateKeyFile: i.filePath(s.IntrospectionPrivateKeyFile), KeyID: s.IntrospectionKeyID,
		Algorithm: s.IntrospectionKeyAlgorithm, Audience: s.IntrospectionAssertionAudience}
	if s.IntrospectionClientID != "" || s.IntrospectionClientSecret != "" || s.IntrospectionClientSecretFile != "" {
		auth.ClientID, auth.ClientSecret, auth.ClientSecretFile = s.IntrospectionClientID, string(s.IntrospectionClientSecret), i.filePath(s.IntrospectionClientSecretFile)
		return auth, "introspection_"
	}
	auth.ClientID, auth.ClientSecret, auth.ClientSecretFile = s.ClientID, string(s.ClientSecret), i.filePath(s.ClientSecretFile)
	return auth, ""
}

// filePath returns the path for a name in the configuration; "" for "".
func (b *builder) filePath(name string) string {
	if name == "" {
		return ""
	}
	return b.files.path(name)
}

// addIntrospectionMistakes adds the mistakes of introspect.New under the keys that caused them.
// prefix is the result of clientAuth.
func (i *issuerBuilder) addIntrospectionMistakes(err error, prefix string) {
	names := authNames{client: prefix, other: "introspection_"}
	keys := names.keys()
	maps.Copy(keys, map[string]string{
		"SignedAnswers": prefix + "client_id", "TokenTypeHint": "introspection_token_type_hint", "KeysURL": "jwks_uri", "Answers": prefix + "client_id",
	})
	words := strings.NewReplacer(append(names.words(),
		"Auth.ClientID is empty; it is required because it is the aud of signed answers", "is missing; introspection_signed_answers requires it, because it is the aud of signed answers",
		"Auth.ClientID is empty; it is required because an answer is shared only with processes of the same client", "is missing; it is required because shared_state shares introspection responses only between replicas with the same one; set it, or set introspection_answers there to false",
	)...)
	for _, mistake := range splitMistakes(err) {
		field, text, _ := strings.Cut(mistake.Error(), ": ")
		key, ok := keys[field]
		if !ok {
			i.addVerifierMistake(mistake, "introspection_endpoint")
			continue
		}
		path := join(i.path, key)
		i.mistakes.add(i.positionOrIntrospection(key), "%s", path+": "+words.Replace(strings.TrimPrefix(text, "metadata: ")))
	}
}

// positionOrIntrospection returns the position of a key, or that of another key for introspection
// if the key is absent.
func (i *issuerBuilder) positionOrIntrospection(key string) position {
	for _, candidate := range slices.Concat([]string{key}, introspectionKeys, []string{"introspect_jwts", "introspection_signed_answers", "trust_answers_without_audience", "trust_answers_without_token_type"}) {
		if i.has(candidate) {
			return i.position(join(i.path, candidate))
		}
	}
	return i.position(join(i.path, key))
}
