package config

// authNames are the prefixes of the keys for client authentication: of client_id and its secret,
// and of the others. They translate the mistakes that introspect.New and onbehalf.New report.
type authNames struct{ client, other string }

// keys returns the keys by the names of the fields in mistakes.
func (n authNames) keys() map[string]string {
	return map[string]string{
		"Auth.Method": n.other + "auth_method", "Auth.ClientID": n.client + "client_id",
		"Auth.ClientSecret": n.client + "client_secret", "Auth.ClientSecretFile": n.client + "client_secret_file",
		"Auth.BearerToken": n.other + "bearer_token", "Auth.BearerTokenFile": n.other + "bearer_token_file",
		"Auth.Signer": n.other + "private_key_file", "Auth.PrivateKeyFile": n.other + "private_key_file",
		"Auth.KeyID": n.other + "key_id", "Auth.Algorithm": n.other + "key_algorithm", "Auth.Audience": n.other + "assertion_audience",
		"CertificateFile": "tls_client_certificate_file", "CertificateKeyFile": "tls_client_key_file",
	}
}

// words returns pairs of texts in mistakes and of what replaces them. Alternatives that only Go has
// are left out.
func (n authNames) words() []string {
	return []string{
		"requires it or ClientSecretFile or ClientSecretFunc", "requires it or " + n.client + "client_secret_file",
		"requires it or BearerTokenFile or BearerTokenFunc", "requires it or " + n.other + "bearer_token_file",
		"requires it or PrivateKeyFile", "requires it",
		"ClientSecret is also set", n.client + "client_secret is also set",
		"BearerToken is also set", n.other + "bearer_token is also set",
		"set another Method", "set another " + n.other + "auth_method",
		", in CertificateFile or in TLS", "",
		"CertificateKeyFile", "tls_client_key_file", "CertificateFile", "tls_client_certificate_file",
	}
}
