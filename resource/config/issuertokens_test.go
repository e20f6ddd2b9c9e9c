package config_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// publishSVID publishes the issuer's key with the use of SPIFFE.
func publishSVID(issuer *resourcetest.Issuer) {
	kid := issuer.SigningKeyID("")
	issuer.SetJWKS([]byte(`{"keys":[` + string(resourcetest.JWK(issuer.PublicKey(kid), map[string]any{"kid": kid, "use": "jwt-svid"})) + `]}`))
}

// Each leniency of an issuer has a key, which is off by default and counts for its issuer only.
func TestKeysForTokensOfIssuers(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	// B2C: the metadata is at another address than the issuer's well-known ones.
	elsewhere := func(*resourcetest.Issuer) {
		issuer.SetMetadata(map[string]any{"issuer": "https://b2c.example.test/4c1f/v2.0/"})
	}
	none := func(*resourcetest.Issuer) {}
	for _, row := range []struct {
		name    string
		issuer  string // "": the issuer's own identifier
		key     string
		change  func(*resourcetest.Issuer)
		token   resourcetest.Token
		without int
	}{
		{"Dex", "", "allow_at_hash: true", none, resourcetest.Token{Claims: map[string]any{"at_hash": "x"}}, 401},
		{"ForgeRock", "", "allow_zip_none: true", none, resourcetest.Token{Header: map[string]any{"zip": "NONE"}}, 401},
		{"SPIFFE, typ", "", "header_types: [JOSE]", none, resourcetest.Token{Header: map[string]any{"typ": "JOSE"}}, 401},
		{"SPIFFE, use", "", "key_uses: [jwt-svid]", publishSVID, resourcetest.Token{}, 503},
		{"AD FS", "http://adfs.example.test/adfs/services/trust", "jwks_uri: " + issuer.URL(resourcetest.JWKS), none, resourcetest.Token{}, 0},
		{"Pomerium", "pomerium.example.test", "jwks_uri: " + issuer.URL(resourcetest.JWKS), none, resourcetest.Token{}, 0},
		{"B2C", "https://b2c.example.test/4c1f/v2.0/", "metadata_url: " + issuer.URL(resourcetest.Metadata), elsewhere, resourcetest.Token{}, 503},
	} {
		name := row.issuer
		if name == "" {
			name = issuer.Identifier()
		}
		for _, key := range []string{row.key, ""} {
			want := row.without
			if key != "" {
				want = 200
			}
			s := &testServer{t: t, issuer: issuer}
			text := "authorization:\n  issuer_url: " + name + "\n  resource_server_url: " + identifier +
				"\n  authorization_servers: ['https://login.example.test']\n  " + key + "\n"
			row.change(issuer)
			live, err := config.New(config.Config{Text: []byte(text), Environ: []string{}, Transport: issuer.Transport()})
			if (err != nil) != (want == 0) {
				t.Errorf("%s, %q: got error %v", row.name, key, err)
			}
			if err == nil {
				token := row.token
				token.Audience = identifier
				if row.issuer != "" {
					token.Claims = map[string]any{"iss": name}
				}
				s.use(live)
				if got, _ := s.send(issuer.Token(token)); got != want {
					t.Errorf("%s, %q: got %d, want %d", row.name, key, got, want)
				}
			}
			issuer.SetJWKS(nil)
			issuer.SetMetadata(nil)
		}
	}
}

// The published servers are exactly those of the file, in its order. By default they are the
// issuers. What is published does not change which issuers are accepted.
func TestAuthorizationServers(t *testing.T) {
	const tenants = "    - issuer_url: https://login.example.test/organizations\n      tenant_pattern: https://login.example.test/{tenantid}\n" +
		"      allowed_tenants: [a]\n      jwks_uri: https://login.example.test/keys\n"
	const other = "    - issuer_url: https://other.example.test\n"
	for _, row := range []struct{ name, lines, want string }{
		{"default", "", `["https://auth.example.test"]`},
		{"default, two issuers", "  additional_issuers:\n" + other, `["https://auth.example.test","https://other.example.test"]`},
		{"default, tenants in between", "  additional_issuers:\n" + tenants + other, `["https://auth.example.test","https://login.example.test/organizations","https://other.example.test"]`},
		{"another order", "  authorization_servers: ['https://other.example.test', 'https://auth.example.test']\n  additional_issuers:\n" + other, `["https://other.example.test","https://auth.example.test"]`},
		{"an issuer that is not advertised", "  authorization_servers: ['https://other.example.test']\n  additional_issuers:\n" + other, `["https://other.example.test"]`},
		{"a server that is not accepted", "  authorization_servers: ['https://login.example.test']", `["https://login.example.test"]`},
		{"tenants that are not advertised", "  authorization_servers: ['https://auth.example.test']\n  additional_issuers:\n" + tenants, `["https://auth.example.test"]`},
	} {
		issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
		if err != nil {
			t.Fatal(err)
		}
		s := newTestServer(t, issuer, nil, strings.TrimSuffix(row.lines, "\n"))
		document := s.live.Resource().Metadata()
		if got, err := json.Marshal(document.AuthorizationServers); err != nil || string(got) != row.want {
			t.Errorf("%s: got %s, %v, want %s", row.name, got, err, row.want)
		}
		if got, _ := s.send(issuer.Token(resourcetest.Token{Audience: identifier})); got != 200 {
			t.Errorf("%s: got %d for the first issuer, want 200", row.name, got)
		}
		issuer.Close()
	}
}

// A reload notices each key: the verifier is replaced, or the cached token is rejected.
func TestReloadOfKeysForTokens(t *testing.T) {
	none := func(*resourcetest.Issuer) {}
	unavailable := func(issuer *resourcetest.Issuer) {
		issuer.Fail(resourcetest.Metadata, resourcetest.Failure{Status: 404})
	}
	for _, row := range []struct {
		key           string
		before, after func(*resourcetest.Issuer) // the reload
		token         resourcetest.Token
		want          int // after the key is removed
	}{
		{"allow_at_hash: true", none, none, resourcetest.Token{Claims: map[string]any{"at_hash": "x"}}, 401},
		{"allow_zip_none: true", none, none, resourcetest.Token{Header: map[string]any{"zip": "NONE"}}, 401},
		{"header_types: [JOSE]", none, none, resourcetest.Token{Header: map[string]any{"typ": "JOSE"}}, 401},
		{"key_uses: [jwt-svid]", publishSVID, none, resourcetest.Token{}, 503},
		{"metadata_url: https://auth.example.test/.well-known/oauth-authorization-server?x", none, unavailable, resourcetest.Token{}, 503},
	} {
		issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
		if err != nil {
			t.Fatal(err)
		}
		s := newTestServer(t, issuer, nil, "  "+row.key)
		row.before(issuer)
		row.token.Audience = identifier
		token := issuer.Token(row.token)
		if got, _ := s.send(token); got != 200 {
			t.Errorf("%s: got %d before the reload, want 200", row.key, got)
		}
		row.after(issuer)
		s.write("a.yaml", s.settings())
		if err := s.live.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, _ := s.send(token); got != row.want {
			t.Errorf("%s: got %d after the reload, want %d", row.key, got, row.want)
		}
		issuer.Close()
	}
}
