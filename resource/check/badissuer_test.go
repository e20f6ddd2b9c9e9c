package check_test

import (
	"net/http"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

var fileMistakes = []mistake{
	{"an unknown key", resourcetest.Config{}, func(d *deployment) { d.lines = []string{"  leeway: 5"} },
		[]string{"config DIR/authorization.yaml:4: leeway"}, "correct leeway at DIR/authorization.yaml:4"},
	{"two mistakes in the file", resourcetest.Config{}, func(d *deployment) { d.lines = []string{"  leeway_seconds: 900", "  ca_file: missing.pem"} },
		[]string{"config DIR/authorization.yaml:4: leeway_seconds", "config DIR/authorization.yaml:5: ca_file"}, "correct leeway_seconds at DIR/authorization.yaml:4"},
	{"a switched-off configuration", resourcetest.Config{}, func(d *deployment) { d.lines = []string{"  enabled: false"} },
		[]string{"disabled enabled"}, "remove enabled"},
	{"http for the server and for the issuer", resourcetest.Config{}, func(d *deployment) {
		d.url, d.iss = "http://mcp.example/mcp", "http://auth.example"
		d.lines = []string{"  allow_http: true", "  allow_http_issuer: true", "  jwks_uri: " + d.issuer.URL(resourcetest.JWKS), "  authorization_servers: [ISSUER]"}
	}, []string{"plain_http resource_server_url", "plain_http issuer_url"}, "remove allow_http"},
}

// date makes the servers of an issuer send another time.
func date(d *deployment, ahead time.Duration) {
	d.issuer.Fail(resourcetest.Any, resourcetest.Failure{Header: http.Header{"Date": {time.Now().Add(ahead).UTC().Format(http.TimeFormat)}}})
	for _, e := range []resourcetest.Endpoint{resourcetest.Metadata, resourcetest.JWKS} {
		d.issuer.Fail(e, resourcetest.Failure{Header: http.Header{"Date": {time.Now().Add(ahead).UTC().Format(http.TimeFormat)}}})
	}
}

// publish replaces the keys of the issuer by its own key, with members changed, and by others.
func publish(d *deployment, members map[string]any, others ...resourcetest.Raw) {
	kid := d.issuer.KeyIDs()[0]
	all := map[string]any{"kid": kid}
	for name, value := range members {
		all[name] = value
	}
	text := string(resourcetest.JWK(d.issuer.PublicKey(kid), all))
	for _, other := range others {
		text += "," + string(other)
	}
	d.issuer.SetJWKS([]byte(`{"keys":[` + text + `]}`))
}

// weakKey is a key with a modulus of 24 bits.
const weakKey = resourcetest.Raw(`{"kty":"RSA","kid":"weak","n":"AQAB","e":"AQAB"}`)

var issuerMistakes = []mistake{
	{"a slash at the end of issuer_url", resourcetest.Config{}, func(d *deployment) { d.iss = d.issuer.Identifier() + "/" },
		[]string{"issuer_mismatch ISSUER/"}, "set issuer_url to the issuer in the document"},
	{"an issuer that does not answer", resourcetest.Config{}, func(d *deployment) { d.issuer.Close() },
		[]string{"issuer_unreachable ISSUER"}, "correct issuer_url"},
	{"an issuer with a private CA", resourcetest.Config{}, func(d *deployment) { d.secureIssuer(1000 * time.Hour) },
		[]string{"issuer_tls ISSUER"}, "set ca_file"},
	{"an issuer that redirects", resourcetest.Config{}, func(d *deployment) {
		d.issuer.Fail(resourcetest.Any, resourcetest.Failure{Redirect: "https://auth.example/"})
		d.issuer.Fail(resourcetest.Metadata, resourcetest.Failure{Redirect: "https://auth.example/"})
	},
		[]string{"issuer_redirect ISSUER"}, "set the final URL in issuer_url"},
	{"an issuer without metadata", resourcetest.Config{NoOAuthMetadata: true, NoOpenIDInserted: true, NoOpenIDAppended: true}, func(*deployment) {},
		[]string{"issuer_metadata ISSUER"}, "metadata_url"},
	{"metadata without the address of keys", resourcetest.Config{}, func(d *deployment) { d.issuer.SetMetadata(map[string]any{"jwks_uri": resourcetest.Remove}) },
		[]string{"issuer_metadata ISSUER"}, "set jwks_uri"},
	{"keys on a host of the internal network", resourcetest.Config{}, func(d *deployment) { d.issuer.SetMetadata(map[string]any{"jwks_uri": "https://10.9.8.7/keys"}) },
		[]string{"issuer_address ISSUER"}, "allow_private_hosts"},
	{"a login page instead of keys", resourcetest.Config{}, func(d *deployment) {
		d.lines = []string{"  jwks_uri: ISSUER/jwks"}
		d.issuer.Fail(resourcetest.JWKS, resourcetest.LoginPage())
	}, []string{"keys_unavailable ISSUER"}, "set jwks_uri"},
	{"keys that need a token", resourcetest.Config{}, func(d *deployment) { d.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Status: 401}) },
		[]string{"keys_unavailable ISSUER"}, "set jwks_bearer_token_file"},
	{"a weak key among the keys", resourcetest.Config{}, func(d *deployment) { publish(d, nil, weakKey) },
		[]string{"key_skipped ISSUER key weak"}, "at least 2048 bits"},
	{"only unusable keys", resourcetest.Config{}, func(d *deployment) { publish(d, map[string]any{"use": "signature"}) },
		[]string{"keys_unusable ISSUER", "key_skipped ISSUER key KID"}, "publish a signing key"},
	{"another algorithm than the issuer has", resourcetest.Config{}, func(d *deployment) { d.lines = []string{"  algorithms: [RS256]"} },
		[]string{"keys_unusable ISSUER", "key_algorithm ISSUER key KID"}, "set algorithms"},
	{"a clock that is ten minutes off", resourcetest.Config{}, func(d *deployment) { date(d, 10*time.Minute) },
		[]string{"clock_skew ISSUER"}, "NTP"},
	{"a clock that drifts", resourcetest.Config{}, func(d *deployment) { date(d, -15*time.Second) },
		[]string{"clock_drift ISSUER"}, "NTP"},
	{"a certificate that expires soon", resourcetest.Config{}, func(d *deployment) {
		d.files = map[string]string{"ca.pem": d.secureIssuer(30 * time.Hour)}
		d.lines = []string{"  ca_file: ca.pem"}
	}, []string{"ca_file ca_file", "certificate_expiry ISSUER"}, "replace the certificates in ca_file"},
	{"a login without PKCE", resourcetest.Config{}, func(d *deployment) {
		d.issuer.SetMetadata(map[string]any{"code_challenge_methods_supported": resourcetest.Remove})
	},
		[]string{"login_pkce ISSUER"}, "code_challenge_methods_supported"},
	{"a login with plain PKCE", resourcetest.Config{}, func(d *deployment) {
		d.issuer.SetMetadata(map[string]any{"code_challenge_methods_supported": []string{"plain"}})
	},
		[]string{"login_pkce ISSUER"}, "S256"},
	{"an authorization server without metadata", resourcetest.Config{}, func(d *deployment) { d.lines = []string{"  authorization_servers: [ISSUER/other]"} },
		[]string{"login_metadata ISSUER/other"}, "authorization_servers"},
	{"keys at jwks_uri of an issuer without metadata", resourcetest.Config{}, func(d *deployment) {
		d.iss = d.issuer.Identifier() + "/x"
		d.lines = []string{"  jwks_uri: ISSUER/jwks"}
	},
		[]string{"login_metadata ISSUER/x"}, "correct issuer_url"},
	{"metadata that only the server finds", resourcetest.Config{}, func(d *deployment) {
		d.issuer.SetMetadata(map[string]any{"issuer": d.issuer.Identifier() + "/x"})
		d.iss, d.lines = d.issuer.Identifier()+"/x", []string{"  metadata_url: " + d.issuer.URL(resourcetest.Metadata)}
	}, []string{"login_metadata ISSUER/x"}, "publish the metadata at a well-known URL of issuer_url"},
	{"a misspelled scope", resourcetest.Config{ScopesSupported: []string{"mcp:read"}}, func(d *deployment) { d.lines = []string{"  tool_scopes: {echo: [mcp:raed]}"} },
		[]string{"scope_not_offered mcp:raed"}, "correct the name in tool_scopes.echo"},
	{"an audience that the issuer does not have", resourcetest.Config{}, func(d *deployment) {
		d.issuer.SetMetadata(map[string]any{"protected_resources": []string{"https://other.example"}})
		d.lines = []string{"  expected_audiences: [mcp]"}
	}, []string{"audience_unlisted ISSUER"}, "expected_audiences"},
	{"keys over http", resourcetest.Config{}, func(d *deployment) {
		d.issuer.SetMetadata(map[string]any{"jwks_uri": "http://keys.example/jwks"})
	}, []string{"issuer_metadata ISSUER"}, "correct the metadata at the issuer, or set jwks_uri"},
	{"a mistake at the second issuer", resourcetest.Config{}, func(d *deployment) { d.lines = []string{"  additional_issuers:", "    - issuer_url: ISSUER/x"} },
		[]string{"issuer_metadata ISSUER/x"}, "correct additional_issuers[0].issuer_url"},
}

var introspectionMistakes = []mistake{
	{"a wrong client secret", resourcetest.Config{}, func(d *deployment) { d.lines = []string{"  client_id: test-client", "  client_secret: wrong-secret"} },
		[]string{"introspection_credentials ISSUER/introspect"}, "correct client_id or client_secret"},
	{"a client secret with a space at the end", resourcetest.Config{}, func(d *deployment) { d.lines = []string{"  client_id: test-client", "  client_secret: 'test-secret '"} },
		[]string{"secret_form ISSUER/introspect"}, "remove the white space in client_id or client_secret"},
	{"a client ID that the issuer does not decode", resourcetest.Config{}, func(d *deployment) { d.lines = []string{"  client_id: a@b", "  client_secret: test-secret"} },
		[]string{"secret_form ISSUER/introspect"}, "client_secret_basic_raw"},
	{"a method that the issuer does not support", resourcetest.Config{}, func(d *deployment) {
		d.lines = clientLines
		d.issuer.SetMetadata(map[string]any{"introspection_endpoint_auth_methods_supported": []string{"private_key_jwt"}})
		d.issuer.Fail(resourcetest.Introspection, resourcetest.Failure{Status: 401})
	}, []string{"introspection_method ISSUER/introspect"}, "set introspection_auth_method to private_key_jwt"},
	{"a wrong introspection endpoint", resourcetest.Config{}, func(d *deployment) {
		d.lines = append([]string{"  introspection_endpoint: ISSUER/other"}, clientLines...)
	}, []string{"introspection_endpoint ISSUER/other"}, "set introspection_endpoint"},
	{"metadata without an introspection endpoint", resourcetest.Config{}, func(d *deployment) {
		d.lines = clientLines
		d.issuer.SetMetadata(map[string]any{"introspection_endpoint": resourcetest.Remove})
	}, []string{"introspection_endpoint ISSUER"}, "set introspection_endpoint"},
	{"an introspection endpoint for which every token is active", resourcetest.Config{}, func(d *deployment) {
		d.lines = clientLines
		d.issuer.Fail(resourcetest.Introspection, resourcetest.Failure{Body: []byte(`{"active":true,"token_type":"Bearer","sub":"a","aud":"x","exp":9999999999}`)})
	}, []string{"introspection_active ISSUER/introspect"}, "correct introspection_endpoint"},
	{"answers that are not signed", resourcetest.Config{}, func(d *deployment) {
		d.lines = append([]string{"  introspection_signed_answers: true"}, clientLines...)
		d.issuer.Fail(resourcetest.Introspection, resourcetest.Failure{Body: []byte(`{"active":false}`)})
	}, []string{"introspection_signature ISSUER/introspect"}, "introspection_signed_answers"},
}

// exchangeLine returns the block on_behalf_of with one target and further keys.
func exchangeLine(more string) []string {
	return []string{"  on_behalf_of: {client_id: test-client, client_secret: test-secret, targets: {calendar: {scopes: [a]" + more + "}}}"}
}

var exchangeMistakes = []mistake{
	{"metadata without a token endpoint", resourcetest.Config{}, func(d *deployment) {
		d.lines = exchangeLine("")
		d.issuer.SetMetadata(map[string]any{"token_endpoint": resourcetest.Remove})
	}, []string{"exchange_endpoint ISSUER"}, "set token_endpoint in on_behalf_of"},
	{"an issuer that clients do not see, without metadata", resourcetest.Config{}, func(d *deployment) {
		other := resourcetest.Start(d.t)
		d.iss = d.issuer.Identifier() + "/x"
		d.lines = append([]string{"  jwks_uri: ISSUER/jwks", "  authorization_servers: [" + other.Identifier() + "]"}, exchangeLine("")...)
	}, []string{"exchange_endpoint ISSUER/x"}, "set token_endpoint in on_behalf_of"},
	{"an issuer that does not exchange tokens", resourcetest.Config{}, func(d *deployment) {
		d.lines = exchangeLine("")
		d.issuer.SetMetadata(map[string]any{"grant_types_supported": []string{"authorization_code"}})
	}, []string{"exchange_grant ISSUER"}, "switch on the grant"},
	{"an issuer that does not accept assertions", resourcetest.Config{}, func(d *deployment) {
		d.lines = exchangeLine(", grant: entra_on_behalf_of")
		d.issuer.SetMetadata(map[string]any{"grant_types_supported": []string{"urn:ietf:params:oauth:grant-type:token-exchange"}})
	}, []string{"exchange_grant ISSUER"}, "switch on the grant"},
	{"a method that the token endpoint does not support", resourcetest.Config{}, func(d *deployment) {
		d.lines = exchangeLine("")
		d.issuer.SetMetadata(map[string]any{"token_endpoint_auth_methods_supported": []string{"private_key_jwt"}})
	}, []string{"exchange_method ISSUER"}, "set auth_method in on_behalf_of to private_key_jwt"},
}

var tokenMistakes = []mistake{
	{"a token for another server", resourcetest.Config{}, func(d *deployment) { d.token = d.issuer.Token(resourcetest.Token{Audience: "https://other.example"}) },
		[]string{"token_audience token"}, "add the audience of the token to expected_audiences"},
	{"a token of another issuer", resourcetest.Config{}, func(d *deployment) {
		d.token = d.issuer.Token(resourcetest.Token{Audience: "https://x.example", Claims: map[string]any{"iss": "https://other.example"}})
	}, []string{"token_issuer token"}, "set issuer_url"},
	{"an expired token", resourcetest.Config{}, func(d *deployment) {
		d.token = d.issuer.Token(resourcetest.Token{Audience: d.origin() + "/mcp", Lifetime: -time.Hour})
	},
		[]string{"token_rejected token"}, "see the reason expired"},
	{"a token without the scope", resourcetest.Config{}, func(d *deployment) {
		d.token, d.lines = d.validToken("mcp:other"), []string{"  required_scopes: [mcp:read]"}
	},
		[]string{"token_permission token"}, "required_scopes"},
}
