package jwks_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource/resourcetest"
)

func TestPatternMistakes(t *testing.T) {
	for _, row := range []struct {
		what   string
		config jwks.Config
		want   string
	}{
		{"valid", jwks.Config{Issuer: "https://login.example.test/{tenantid}/v2.0", URL: "https://login.example.test/keys"}, ""},
		{"no address of the keys", jwks.Config{Issuer: "https://login.example.test/{tenantid}/v2.0"}, "jwks: configuration: URL: empty; the keys of many tenants cannot be discovered, so name their address"},
		{"another placeholder", jwks.Config{Issuer: "https://login.example.test/{tenant}/v2.0", URL: "https://login.example.test/keys"}, "Issuer: must have {tenantid} exactly once, and no other braces"},
		{"a placeholder in the host", jwks.Config{Issuer: "https://{tenantid}/v2.0", URL: "https://login.example.test/keys"}, "Issuer: {tenantid} must be a whole segment of the path"},
		{"http", jwks.Config{Issuer: "http://login.example.test/{tenantid}", URL: "https://login.example.test/keys"}, "must begin with https://"},
	} {
		_, err := jwks.New(row.config)
		if (err != nil) != (row.want != "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s (-want +got)\n- %s\n+ %v", row.what, row.want, err)
		}
	}
}

// A key with the member issuer is valid only for tokens of that issuer, also if the verifier has a
// single issuer: issuers may share a key set.
func TestKeyIssuerMember(t *testing.T) {
	for _, row := range []struct {
		what, issuer string // of the key
		want         int
	}{
		{"its own", "https://auth.example.test", http.StatusOK},
		{"another issuer", "https://auth.example.test/other", http.StatusUnauthorized},
		{"with a trailing slash", "https://auth.example.test/", http.StatusUnauthorized},
		{"a pattern that matches others", "https://auth.example.test/{tenantid}", http.StatusUnauthorized},
		{"not an issuer URL", "CN=Example", http.StatusUnauthorized},
	} {
		withFixture(t, func(w *fixture) {
			kid := w.issuer.SigningKeyID("")
			key := resourcetest.JWK(w.issuer.PublicKey(kid), map[string]any{"kid": kid, "issuer": row.issuer})
			w.issuer.SetJWKS([]byte(`{"keys":[` + string(key) + `]}`))
			w.expect(row.what, w.issuer.Token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Hour)}), row.want)
		})
	}
}
